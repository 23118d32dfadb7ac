//! `string_agg`, in place of SQLite's own: in a window that moves on, that one loses the delimiters
//! beside texts that are empty.

use std::collections::VecDeque;

use postgres_types::Type;
use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::convert;
use crate::embedded::functions::PURE;

pub(super) fn register(connection: &Connection) -> Result<()> {
    connection.create_window_function("string_agg", 2, PURE, Texts)
}

struct Texts;

/// Texts and what stands before them; NULL is passed over.
type Items = VecDeque<Option<(String, String)>>;

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        // What others wrote may be no text.
        value => convert::show(value, &Type::TEXT).ok(),
    }
}

fn joined(items: &Items) -> Value {
    let mut texts = items.iter().flatten();
    let Some((_, first)) = texts.next() else {
        return Value::Null;
    };
    let mut out = first.clone();
    for (delimiter, text) in texts {
        out.push_str(delimiter);
        out.push_str(text);
    }
    Value::Text(out)
}

impl Aggregate<Items, Value> for Texts {
    fn init(&self, _: &mut Context<'_>) -> Result<Items> {
        Ok(Items::new())
    }

    fn step(&self, context: &mut Context<'_>, items: &mut Items) -> Result<()> {
        let delimiter = text(context.get_raw(1)).unwrap_or_default();
        items.push_back(text(context.get_raw(0)).map(|text| (delimiter, text)));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, items: Option<Items>) -> Result<Value> {
        Ok(joined(&items.unwrap_or_default()))
    }
}

impl WindowAggregate<Items, Value> for Texts {
    fn value(&self, items: Option<&mut Items>) -> Result<Value> {
        Ok(items.map_or(Value::Null, |items| joined(items)))
    }

    fn inverse(&self, _: &mut Context<'_>, items: &mut Items) -> Result<()> {
        items.pop_front();
        Ok(())
    }
}
