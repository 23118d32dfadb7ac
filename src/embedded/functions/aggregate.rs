//! Aggregates that SQLite does not have, or not exactly.

use std::collections::BTreeMap;

use bigdecimal::BigDecimal;
use postgres_types::Type;
use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::text::shown;
use crate::embedded::functions::{PURE, fail, state};
use crate::embedded::special::Special;
use crate::embedded::{array, convert, number};

pub(super) fn register(connection: &Connection) -> Result<()> {
    connection.create_window_function("pg_sum", 1, PURE, Sum { average: false })?;
    connection.create_window_function("pg_avg", 1, PURE, Sum { average: true })?;
    connection.create_aggregate_function("pg_only", 1, PURE, Only)?;
    connection.create_window_function("pg_array_of", 2, PURE, Collect)
}

/// The value of the one row of a subquery.
struct Only;

impl Aggregate<Option<Value>, Value> for Only {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<Value>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, only: &mut Option<Value>) -> Result<()> {
        if only.is_some() {
            return Err(fail(Fault::new(
                state("21000"),
                "more than one row returned by a subquery used as an expression",
            )));
        }
        *only = Some(context.get(0)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, only: Option<Option<Value>>) -> Result<Value> {
        Ok(only.flatten().unwrap_or(Value::Null))
    }
}

/// Exact sums.
struct Sum {
    average: bool,
}

#[derive(Clone, Default)]
struct Total {
    sum: BigDecimal,
    count: i64,
    /// How many are −∞, ∞ and no number.
    specials: [i64; 3],
    /// How many values have how many digits behind the point: a sum has as many as any of them,
    /// where nothing is added to zeros, too.
    scales: BTreeMap<i64, i64>,
}

impl Sum {
    fn result(&self, total: Option<&Total>) -> Result<Value> {
        let Some(total) = total.filter(|t| t.count > 0) else {
            return Ok(Value::Null);
        };
        let special = match total.specials {
            [0, 0, 0] => None,
            [_, 0, 0] => Some(Special::NegativeInfinity),
            [0, _, 0] => Some(Special::Infinity),
            _ => Some(Special::NaN),
        };
        if let Some(special) = special {
            return Ok(Value::Text(special.shown().into()));
        }
        if !self.average {
            let scale = total.scales.last_key_value().map_or(0, |(scale, _)| *scale);
            let sum = total.sum.with_scale(scale);
            return Ok(Value::Text(number::show(&sum)));
        }
        number::compute('/', &total.sum, &total.count.into())
            .map(|average| Value::Text(number::show(&average)))
            .map_err(fail)
    }
}

fn change(context: &Context<'_>, total: &mut Total, sign: i64) -> Result<()> {
    let value = context.get_raw(0);
    if value == ValueRef::Null {
        return Ok(());
    }
    if let Some(special) = Special::of(value) {
        let [less, more, none] = &mut total.specials;
        *match special {
            Special::NegativeInfinity => less,
            Special::Infinity => more,
            Special::NaN => none,
        } += sign;
        total.count += sign;
        return Ok(());
    }
    let value = convert::numeric(value).map_err(fail)?;
    let scale = value.fractional_digit_count();
    let alike = total.scales.entry(scale).or_default();
    *alike += sign;
    if *alike == 0 {
        total.scales.remove(&scale);
    }
    if sign > 0 {
        total.sum += value;
    } else {
        total.sum -= value;
    }
    total.count += sign;
    Ok(())
}

impl Aggregate<Total, Value> for Sum {
    fn init(&self, _: &mut Context<'_>) -> Result<Total> {
        Ok(Total::default())
    }

    fn step(&self, context: &mut Context<'_>, total: &mut Total) -> Result<()> {
        change(context, total, 1)
    }

    fn finalize(&self, _: &mut Context<'_>, total: Option<Total>) -> Result<Value> {
        self.result(total.as_ref())
    }
}

impl WindowAggregate<Total, Value> for Sum {
    fn value(&self, total: Option<&mut Total>) -> Result<Value> {
        self.result(total.as_deref())
    }

    fn inverse(&self, context: &mut Context<'_>, total: &mut Total) -> Result<()> {
        change(context, total, -1)
    }
}

/// `array_agg`: `pg_array_of(type, value)`.
struct Collect;

type Items = std::collections::VecDeque<Option<String>>;

fn collected(items: Option<&mut Items>) -> Value {
    match items {
        Some(items) => Value::Text(array::show(items.make_contiguous())),
        None => Value::Null,
    }
}

impl Aggregate<Items, Value> for Collect {
    fn init(&self, _: &mut Context<'_>) -> Result<Items> {
        Ok(Items::new())
    }

    fn step(&self, context: &mut Context<'_>, items: &mut Items) -> Result<()> {
        let kind = match context.get_raw(0) {
            ValueRef::Integer(oid) => u32::try_from(oid).ok().and_then(types::from_oid),
            _ => None,
        };
        let item = shown(context.get_raw(1), &kind.unwrap_or(Type::TEXT)).map_err(fail)?;
        items.push_back(item);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, items: Option<Items>) -> Result<Value> {
        Ok(collected(items.map(Some).unwrap_or_default().as_mut()))
    }
}

impl WindowAggregate<Items, Value> for Collect {
    fn value(&self, items: Option<&mut Items>) -> Result<Value> {
        Ok(collected(items))
    }

    fn inverse(&self, _: &mut Context<'_>, items: &mut Items) -> Result<()> {
        items.pop_front();
        Ok(())
    }
}
