//! Dates, times and intervals.

use std::cmp::Ordering;

use jiff::tz::TimeZone;
use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert::real;
use crate::embedded::datetime::{self, DAY, Interval};
use crate::embedded::dialect::Fault;
use crate::embedded::functions::arithmetic::days;
use crate::embedded::functions::extract::{no_unit, unit};
use crate::embedded::functions::{Table, integer, kind, text, value};
use crate::embedded::{context, number};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_at_zone", 3, |a| {
        let zone = zone(&text(a, 1))?;
        Ok(Value::Text(if integer(a, 2) == 1 {
            let wall = datetime::from_micros(datetime::parse_timestamp(&text(a, 0))?)?;
            datetime::keep_timestamptz(datetime::in_zone(wall, &zone)?)?
        } else {
            let wall = datetime::wall(datetime::parse_timestamptz(&text(a, 0))?, &zone)?;
            datetime::show_timestamp(datetime::to_micros(wall)?)?
        }))
    }),
    // Unit, value, type, perhaps a time zone.
    ("pg_date_trunc", -1, |a| {
        let kind = kind(a, 2);
        let given = text(a, 0);
        let unit = unit(&given);
        let cut = |wall| {
            datetime::truncate(&unit, wall).map_err(|fault| match fault.code {
                SqlState::INVALID_PARAMETER_VALUE => no_unit(&given, &kind),
                _ => fault,
            })
        };
        Ok(Value::Text(match kind {
            Type::INTERVAL => cut_interval(&unit, Interval::parse(&text(a, 1))?)
                .ok_or_else(|| no_unit(&given, &kind))?
                .show(),
            Type::TIMESTAMPTZ => {
                let zone = if a.len() > 3 {
                    zone(&text(a, 3))?
                } else {
                    context::zone()
                };
                let wall = datetime::wall(datetime::parse_timestamptz(&text(a, 1))?, &zone)?;
                datetime::keep_timestamptz(datetime::in_zone(cut(wall)?, &zone)?)?
            }
            _ => {
                let wall = datetime::from_micros(datetime::parse_timestamp(&text(a, 1))?)?;
                datetime::show_timestamp(datetime::to_micros(cut(wall)?)?)?
            }
        }))
    }),
    ("pg_interval_sign", 1, |a| {
        let total = Interval::parse(&text(a, 0))?.total();
        match total.signum() {
            0 => Err(Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "step size cannot equal zero",
            )),
            sign => Ok(Value::Integer(i64::try_from(sign).unwrap_or(1))),
        }
    }),
    ("pg_time_arith", 5, arithmetic),
    ("pg_to_timestamp", 1, |a| {
        let micros = (real(value(a, 0))? * 1e6).round();
        if !(-1e18..1e18).contains(&micros) {
            return Err(datetime::out_of_range("timestamp"));
        }
        Ok(Value::Text(datetime::keep_timestamptz(micros as i64)?))
    }),
];

pub(super) fn zone(name: &str) -> Result<TimeZone, Fault> {
    context::find_zone(name).ok_or_else(|| {
        Fault::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("time zone \"{name}\" not recognized"),
        )
    })
}

/// `date_trunc` of an interval, whose unit is cut off first.
fn cut_interval(unit: &str, i: Interval) -> Option<Interval> {
    let months = |size: i64| Interval {
        months: i.months / size * size,
        ..Interval::default()
    };
    let micros = |size: i64| Interval {
        micros: i.micros / size * size,
        ..i
    };
    Some(match unit {
        "millennium" => months(12_000),
        "century" => months(1200),
        "decade" => months(120),
        "year" => months(12),
        "quarter" => months(3),
        "month" => months(1),
        "day" => micros(i64::MAX),
        "hour" => micros(3_600_000_000),
        "minute" => micros(60_000_000),
        "second" => micros(1_000_000),
        "milliseconds" => micros(1000),
        "microseconds" => i,
        _ => return None,
    })
}

/// The collation `pg_interval`: by length.
pub(super) fn compare_intervals(a: &str, b: &str) -> Ordering {
    match (Interval::parse(a), Interval::parse(b)) {
        (Ok(a), Ok(b)) => a.total().cmp(&b.total()),
        _ => a.cmp(b),
    }
}

/// `pg_time_arith(operator, type of a, type of b, a, b)`.
fn arithmetic(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let minus = integer(arguments, 0) == i64::from(b'-');
    let (left, right) = (kind(arguments, 1), kind(arguments, 2));
    let (a, b) = (value(arguments, 3), value(arguments, 4));
    let (a_text, b_text) = (text(arguments, 3), text(arguments, 4));
    let sign = if minus { -1 } else { 1 };
    let unknown = || Fault::unsupported("this arithmetic");
    let date_days =
        |text: &str| -> Result<i64, Fault> { Ok(datetime::parse_timestamp(text)? / DAY) };
    let from_days = |days: i64| -> Result<Value, Fault> {
        let micros = days
            .checked_mul(DAY)
            .ok_or_else(|| datetime::out_of_range("date"))?;
        let date = datetime::from_micros(micros).map_err(|_| datetime::out_of_range("date"))?;
        Ok(Value::Text(datetime::show_date(date.date())))
    };
    let timed = |text: &str, kind: &Type, interval: Interval| -> Result<Value, Fault> {
        Ok(Value::Text(match *kind {
            Type::TIME => {
                let micros = datetime::parse_time(text)? + sign * (interval.micros % DAY);
                datetime::show_time(micros.rem_euclid(DAY))
            }
            Type::TIMESTAMPTZ => {
                // Days are days on the wall; hours are hours.
                let zone = context::zone();
                let wall = datetime::wall(datetime::parse_timestamptz(text)?, &zone)?;
                let day_part = Interval {
                    micros: 0,
                    ..interval
                };
                let micros = datetime::in_zone(day_part.add_to(wall, sign)?, &zone)?;
                let further = sign.saturating_mul(interval.micros);
                datetime::keep_timestamptz(micros.saturating_add(further))?
            }
            _ => {
                let wall = datetime::from_micros(datetime::parse_timestamp(text)?)?;
                datetime::show_timestamp(datetime::to_micros(interval.add_to(wall, sign)?)?)?
            }
        }))
    };
    match (&left, &right) {
        (&Type::DATE, &Type::DATE) => Ok(Value::Integer(date_days(&a_text)? - date_days(&b_text)?)),
        (&Type::DATE, &Type::INT2 | &Type::INT4 | &Type::INT8) => {
            from_days(date_days(&a_text)?.saturating_add(sign.saturating_mul(days(b)?)))
        }
        (&Type::INT2 | &Type::INT4 | &Type::INT8, &Type::DATE) => {
            from_days(date_days(&b_text)?.saturating_add(days(a)?))
        }
        (&Type::DATE, &Type::TIME) | (&Type::TIME, &Type::DATE) => {
            let (date, time) = if left == Type::DATE {
                (a_text, b_text)
            } else {
                (b_text, a_text)
            };
            let micros = datetime::parse_timestamp(&date)? + datetime::parse_time(&time)?;
            Ok(Value::Text(datetime::show_timestamp(micros)?))
        }
        (&Type::INTERVAL, &Type::INTERVAL) => {
            let (a, b) = (Interval::parse(&a_text)?, Interval::parse(&b_text)?);
            let sum = |a: i64, b: i64| {
                if minus {
                    a.checked_sub(b)
                } else {
                    a.checked_add(b)
                }
            };
            let micros = sum(a.micros, b.micros).ok_or_else(|| datetime::out_of_range("interval"));
            Ok(Value::Text(
                Interval {
                    months: a.months + sign * b.months,
                    days: a.days + sign * b.days,
                    micros: micros?,
                }
                .show(),
            ))
        }
        (&Type::INTERVAL, _) if crate::embedded::dialect::types::is_number(&right) => {
            let factor = real(b)?;
            let divide = integer(arguments, 0) == i64::from(b'/');
            if divide && factor == 0.0 {
                return Err(number::division_by_zero());
            }
            Ok(Value::Text(
                scale(Interval::parse(&a_text)?, factor, divide)?.show(),
            ))
        }
        (_, &Type::INTERVAL) if crate::embedded::dialect::types::is_number(&left) => Ok(
            Value::Text(scale(Interval::parse(&b_text)?, real(a)?, false)?.show()),
        ),
        (_, &Type::INTERVAL) => timed(&a_text, &left, Interval::parse(&b_text)?),
        (&Type::INTERVAL, _) => timed(&b_text, &right, Interval::parse(&a_text)?),
        (&Type::TIME, &Type::TIME) => {
            let micros = datetime::parse_time(&a_text)? - datetime::parse_time(&b_text)?;
            Ok(Value::Text(
                Interval {
                    micros,
                    ..Interval::default()
                }
                .show(),
            ))
        }
        _ if minus => {
            let parse = if left == Type::TIMESTAMPTZ {
                datetime::parse_timestamptz
            } else {
                datetime::parse_timestamp
            };
            let micros = parse(&a_text)? - parse(&b_text)?;
            Ok(Value::Text(
                Interval {
                    months: 0,
                    days: micros / DAY,
                    micros: micros % DAY,
                }
                .show(),
            ))
        }
        _ => Err(unknown()),
    }
}

/// An interval times a number, or divided by it. Fractions go down to the next smaller unit, to the
/// microsecond (interval_mul, interval_div).
pub(super) fn scale(interval: Interval, factor: f64, divide: bool) -> Result<Interval, Fault> {
    let part = |n: i64| {
        if divide {
            n as f64 / factor
        } else {
            n as f64 * factor
        }
    };
    let rounded = |x: f64| (x * 1e6).round_ties_even() / 1e6;
    let (months, days) = (part(interval.months), part(interval.days));
    let most = f64::from(i32::MAX);
    let range = || datetime::out_of_range("interval");
    if !(months.abs() <= most && days.abs() <= most) {
        return Err(range());
    }
    let of_months = rounded(months.fract() * 30.0);
    let mut seconds = rounded((days.fract() + of_months.fract()) * 86_400.0);
    let mut whole_days = days.trunc();
    if seconds.abs() >= 86_400.0 {
        let more = (seconds / 86_400.0).trunc();
        whole_days += more;
        seconds -= more * 86_400.0;
    }
    let micros = (part(interval.micros) + seconds * 1e6).round_ties_even();
    if micros.is_nan() || micros.abs() >= 9.2e18 {
        return Err(range());
    }
    Ok(Interval {
        months: months.trunc() as i64,
        days: (whole_days + of_months.trunc()) as i64,
        micros: micros as i64,
    })
}
