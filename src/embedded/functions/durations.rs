//! Sums and averages of intervals.

use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::convert;
use crate::embedded::datetime::{self, Interval};
use crate::embedded::functions::time::scale;
use crate::embedded::functions::{PURE, fail};

pub(super) fn register(connection: &Connection) -> Result<()> {
    connection.create_window_function("pg_sum_interval", 1, PURE, Sum { average: false })?;
    connection.create_window_function("pg_avg_interval", 1, PURE, Sum { average: true })
}

struct Sum {
    average: bool,
}

#[derive(Clone, Copy, Default)]
struct Total {
    count: i64,
    months: i64,
    days: i64,
    micros: i64,
}

impl Sum {
    fn result(&self, total: Option<&Total>) -> Result<Value> {
        let Some(total) = total.filter(|t| t.count > 0) else {
            return Ok(Value::Null);
        };
        let sum = Interval {
            months: total.months,
            days: total.days,
            micros: total.micros,
        };
        if i32::try_from(sum.months).is_err() || i32::try_from(sum.days).is_err() {
            return Err(fail(datetime::out_of_range("interval")));
        }
        let result = if self.average {
            scale(sum, total.count as f64, true).map_err(fail)?
        } else {
            sum
        };
        Ok(Value::Text(result.show()))
    }
}

fn change(context: &Context<'_>, total: &mut Total, sign: i64) -> Result<()> {
    let ValueRef::Text(text) = context.get_raw(0) else {
        return Ok(());
    };
    let interval = Interval::parse(&convert::utf8(text)).map_err(fail)?;
    let micros = total
        .micros
        .checked_add(interval.micros.saturating_mul(sign))
        .ok_or_else(|| fail(datetime::out_of_range("interval")))?;
    total.count += sign;
    total.months = total.months.saturating_add(interval.months * sign);
    total.days = total.days.saturating_add(interval.days * sign);
    total.micros = micros;
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
