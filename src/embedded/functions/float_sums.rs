//! `sum` and `avg` of floats, added one after the other as PostgreSQL does: SQLite's own sums are
//! more exact, so they are others.

use std::collections::VecDeque;

use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::convert;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::{PURE, fail};
use crate::error_response::SqlState;

pub(super) fn register(connection: &Connection) -> Result<()> {
    let kinds = [
        ("pg_sum_float8", Kind::Sum),
        ("pg_sum_float4", Kind::Single),
        ("pg_avg_float", Kind::Average),
    ];
    for (name, kind) in kinds {
        connection.create_window_function(name, 1, PURE, Floats { kind })?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    Sum,
    /// Of reals, each sum rounded to one.
    Single,
    Average,
}

struct Floats {
    kind: Kind,
}

/// The sum so far. In a window that moves on, what is in it is added up anew, as PostgreSQL does.
#[derive(Default)]
struct Total {
    sum: f64,
    count: u64,
    window: VecDeque<Option<f64>>,
    stale: bool,
}

impl Floats {
    fn add(&self, total: &mut Total, x: f64) -> Result<()> {
        let sum = match (self.kind, total.count) {
            (_, 0) => x,
            (Kind::Single, _) => f64::from(total.sum as f32 + x as f32),
            _ => total.sum + x,
        };
        if sum.is_infinite() && !x.is_infinite() && !total.sum.is_infinite() {
            return Err(fail(Fault::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                "value out of range: overflow",
            )));
        }
        total.sum = sum;
        total.count = total.count.saturating_add(1);
        Ok(())
    }

    fn result(&self, total: &mut Total) -> Result<Value> {
        if std::mem::take(&mut total.stale) {
            (total.sum, total.count) = (0.0, 0);
            let window = std::mem::take(&mut total.window);
            for x in window.iter().flatten() {
                self.add(total, *x)?;
            }
            total.window = window;
        }
        Ok(match (self.kind, total.count) {
            (_, 0) => Value::Null,
            (Kind::Average, count) => Value::Real(total.sum / count as f64),
            _ => Value::Real(total.sum),
        })
    }
}

impl Aggregate<Total, Value> for Floats {
    fn init(&self, _: &mut Context<'_>) -> Result<Total> {
        Ok(Total::default())
    }

    fn step(&self, context: &mut Context<'_>, total: &mut Total) -> Result<()> {
        let x = match context.get_raw(0) {
            ValueRef::Null => None,
            value => Some(convert::real(value).map_err(fail)?),
        };
        total.window.push_back(x);
        match x {
            Some(x) if !total.stale => self.add(total, x),
            _ => Ok(()),
        }
    }

    fn finalize(&self, _: &mut Context<'_>, total: Option<Total>) -> Result<Value> {
        self.result(&mut total.unwrap_or_default())
    }
}

impl WindowAggregate<Total, Value> for Floats {
    fn value(&self, total: Option<&mut Total>) -> Result<Value> {
        match total {
            Some(total) => self.result(total),
            None => Ok(Value::Null),
        }
    }

    fn inverse(&self, _: &mut Context<'_>, total: &mut Total) -> Result<()> {
        if total.window.pop_front().flatten().is_some() {
            total.stale = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_added_one_after_the_other() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let ask = |sql: &str| -> String {
            let sql =
                format!("WITH t(i, x) AS (VALUES (1, 0.1), (2, NULL), (3, 0.2), (4, 0.3)) {sql}");
            let mut statement = connection.prepare(&sql).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, Option<f64>>(0));
            let texts = rows.unwrap().map(|x| format!("{:?}", x.unwrap()));
            texts.collect::<Vec<_>>().join(" ").replace("Some", "")
        };
        assert_eq!(
            ask("SELECT pg_sum_float8(x) FROM t"),
            "(0.6000000000000001)"
        );
        assert_eq!(
            ask("SELECT pg_avg_float(x) FROM t"),
            "(0.20000000000000004)"
        );
        assert_eq!(
            ask("SELECT pg_sum_float8(x) FROM t WHERE x IS NULL"),
            "None"
        );
        assert_eq!(
            ask("SELECT pg_sum_float8(x) OVER (ORDER BY i ROWS 1 PRECEDING) FROM t"),
            "(0.1) (0.1) (0.2) (0.5)"
        );
        let fails = connection.query_row(
            "SELECT pg_sum_float8(x) FROM (SELECT 1e308 AS x UNION ALL SELECT 1e308)",
            [],
            |row| row.get::<_, f64>(0),
        );
        assert!(fails.is_err());
    }
}
