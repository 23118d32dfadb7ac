//! Aggregates of values in order: `mode`, `percentile_cont`, `percentile_disc`. One aggregate gathers
//! the values as an array; what becomes of them is a function.

use postgres_types::Type;
use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::array;
use crate::embedded::convert;
use crate::embedded::datetime::Interval;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::collection::order;
use crate::embedded::functions::text::{kind_of, shown};
use crate::embedded::functions::{PURE, Strict, text, value};
use crate::error_response::SqlState;

pub(super) fn register(connection: &Connection) -> Result<()> {
    connection.create_aggregate_function("pg_gather", 1, PURE, Gather)
}

/// Texts, NULL among them, as an array.
struct Gather;

impl Aggregate<Vec<Option<String>>, Option<String>> for Gather {
    fn init(&self, _: &mut Context<'_>) -> Result<Vec<Option<String>>> {
        Ok(Vec::new())
    }

    fn step(&self, context: &mut Context<'_>, all: &mut Vec<Option<String>>) -> Result<()> {
        all.push(match context.get_raw(0) {
            ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        });
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        all: Option<Vec<Option<String>>>,
    ) -> Result<Option<String>> {
        Ok(all.map(|all| array::show(&all)))
    }
}

/// Functions that see NULL.
pub(super) const LOOSE: &[(&str, Strict)] = &[
    // The text form of a value of this type, as arrays have it.
    ("pg_element", |a| {
        let shown = shown(value(a, 0), &kind_of(a, 1))?;
        Ok(shown.map_or(Value::Null, Value::Text))
    }),
    // An array's texts joined, but NULL if there are none.
    ("pg_joined", |a| {
        let texts = gathered(a)?;
        Ok(if texts.is_empty() {
            Value::Null
        } else {
            Value::Text(texts.join(&text(a, 1)))
        })
    }),
    ("pg_mode", |a| {
        let kind = kind_of(a, 1);
        let mut best: Option<(usize, Value)> = None;
        let mut run: Option<(usize, Value)> = None;
        for item in gathered(a)? {
            let item = convert::parse(&item, &kind.clone().into())?;
            run = Some(match run.take() {
                Some((n, first))
                    if order(ValueRef::from(&first), ValueRef::from(&item), &kind)?.is_eq() =>
                {
                    (n.saturating_add(1), first)
                }
                _ => (1, item),
            });
            if let Some((n, first)) = &run
                && best.as_ref().is_none_or(|(most, _)| n > most)
            {
                best = Some((*n, first.clone()));
            }
        }
        Ok(best.map_or(Value::Null, |(_, first)| first))
    }),
    // Gathered values, their type, the fraction.
    ("pg_percentile_disc", |a| {
        let Some(fraction) = fraction(value(a, 2))? else {
            return Ok(Value::Null);
        };
        let values = gathered(a)?;
        let row = (fraction * values.len() as f64).ceil().max(1.0) as usize;
        match values.get(row.saturating_sub(1)) {
            Some(found) => convert::parse(found, &kind_of(a, 1).into()),
            None => Ok(Value::Null),
        }
    }),
    ("pg_percentile_cont", |a| {
        let Some(fraction) = fraction(value(a, 2))? else {
            return Ok(Value::Null);
        };
        let values = gathered(a)?;
        let Some(last) = values.len().checked_sub(1) else {
            return Ok(Value::Null);
        };
        let place = fraction * last as f64;
        let (low, high) = (place.floor(), place.ceil());
        let at = |place: f64| values.get(place as usize).map_or("", String::as_str);
        let part = place - low;
        if kind_of(a, 1) == Type::INTERVAL {
            let (first, second) = (Interval::parse(at(low))?, Interval::parse(at(high))?);
            let off = Interval {
                months: second.months - first.months,
                days: second.days - first.days,
                micros: second.micros - first.micros,
            };
            let off = super::time::scale(off, part, false)?;
            return Ok(Value::Text(
                Interval {
                    months: first.months + off.months,
                    days: first.days + off.days,
                    micros: first.micros + off.micros,
                }
                .show(),
            ));
        }
        let real = |text: &str| convert::real(ValueRef::Text(text.as_bytes()));
        let (first, second) = (real(at(low))?, real(at(high))?);
        Ok(Value::Real(if low == high {
            first
        } else {
            first + part * (second - first)
        }))
    }),
];

/// The gathered values that are not NULL.
fn gathered(arguments: &[ValueRef<'_>]) -> std::result::Result<Vec<String>, Fault> {
    if value(arguments, 0) == ValueRef::Null {
        return Ok(Vec::new());
    }
    Ok(array::parse(&text(arguments, 0))?
        .into_iter()
        .flatten()
        .collect())
}

fn fraction(value: ValueRef<'_>) -> std::result::Result<Option<f64>, Fault> {
    if value == ValueRef::Null {
        return Ok(None);
    }
    let fraction = convert::real(value)?;
    if !(0.0..=1.0).contains(&fraction) {
        return Err(Fault::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!(
                "percentile value {} is not between 0 and 1",
                convert::show_float(fraction, false)
            ),
        ));
    }
    Ok(Some(fraction))
}
