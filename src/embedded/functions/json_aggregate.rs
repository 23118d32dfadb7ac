//! Aggregates that make JSON, spaced as PostgreSQL does.

use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::dialect::Fault;
use crate::embedded::functions::json::quoted;
use crate::embedded::functions::{PURE, fail};
use crate::error_response::SqlState;

pub(super) fn register(connection: &Connection) -> Result<()> {
    connection.create_window_function(
        "pg_json_agg",
        1,
        PURE,
        Members {
            ends: "[]",
            pad: "",
        },
    )?;
    connection.create_window_function(
        "pg_json_object_agg",
        2,
        PURE,
        Members {
            ends: "{}",
            pad: " ",
        },
    )
}

/// The JSON of values, or texts and the JSON of values.
struct Members {
    ends: &'static str,
    pad: &'static str,
}

type Items = std::collections::VecDeque<String>;

impl Members {
    fn result(&self, items: Option<&mut Items>) -> Value {
        let Some(items) = items else {
            return Value::Null;
        };
        let (open, close) = self.ends.split_at(1);
        let pad = self.pad;
        let items = items.make_contiguous().join(", ");
        Value::Text(format!("{open}{pad}{items}{pad}{close}"))
    }
}

fn text(context: &Context<'_>, at: usize) -> Option<String> {
    match context.get_raw(at) {
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

impl Aggregate<Items, Value> for Members {
    fn init(&self, _: &mut Context<'_>) -> Result<Items> {
        Ok(Items::new())
    }

    fn step(&self, context: &mut Context<'_>, items: &mut Items) -> Result<()> {
        let null = || "null".to_owned();
        items.push_back(if context.len() == 1 {
            text(context, 0).unwrap_or_else(null)
        } else {
            let Some(key) = text(context, 0) else {
                return Err(fail(Fault::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "field name must not be null",
                )));
            };
            let member = text(context, 1).unwrap_or_else(null);
            format!("{} : {member}", quoted(&key))
        });
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, mut items: Option<Items>) -> Result<Value> {
        Ok(self.result(items.as_mut()))
    }
}

impl WindowAggregate<Items, Value> for Members {
    fn value(&self, items: Option<&mut Items>) -> Result<Value> {
        Ok(self.result(items))
    }

    fn inverse(&self, _: &mut Context<'_>, items: &mut Items) -> Result<()> {
        items.pop_front();
        Ok(())
    }
}
