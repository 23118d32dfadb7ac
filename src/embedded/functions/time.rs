//! Dates, times and intervals.

use std::cmp::Ordering;

use jiff::civil::Date;
use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert::real;
use crate::embedded::datetime::{self, DAY, Interval};
use crate::embedded::dialect::Fault;
use crate::embedded::functions::arithmetic::days;
use crate::embedded::functions::{Table, integer, kind, text, value};
use crate::embedded::{context, number};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_at_zone", 3, |a| {
        let zone = context::find_zone(&text(a, 1)).ok_or_else(|| {
            Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("time zone \"{}\" not recognized", text(a, 1)),
            )
        })?;
        Ok(Value::Text(if integer(a, 2) == 1 {
            let wall = datetime::from_micros(datetime::parse_timestamp(&text(a, 0))?)?;
            datetime::keep_timestamptz(datetime::in_zone(wall, &zone)?)?
        } else {
            let wall = datetime::wall(datetime::parse_timestamptz(&text(a, 0))?, &zone)?;
            datetime::show_timestamp(datetime::to_micros(wall)?)?
        }))
    }),
    ("pg_date_trunc", 3, |a| {
        let zoned = integer(a, 2) == 1;
        let zone = context::zone();
        let wall = if zoned {
            datetime::wall(datetime::parse_timestamptz(&text(a, 1))?, &zone)?
        } else {
            datetime::from_micros(datetime::parse_timestamp(&text(a, 1))?)?
        };
        let wall = datetime::truncate(&text(a, 0), wall)?;
        Ok(Value::Text(if zoned {
            datetime::keep_timestamptz(datetime::in_zone(wall, &zone)?)?
        } else {
            datetime::show_timestamp(datetime::to_micros(wall)?)?
        }))
    }),
    ("pg_extract", 3, extract),
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
    ("pg_make_date", 3, |a| {
        let part = |i| integer(a, i);
        let date = i16::try_from(part(0))
            .ok()
            .filter(|y| *y > 0)
            .zip(i8::try_from(part(1)).ok())
            .zip(i8::try_from(part(2)).ok())
            .and_then(|((y, m), d)| Date::new(y, m, d).ok());
        date.map(|d| Value::Text(datetime::show_date(d)))
            .ok_or_else(|| {
                Fault::new(
                    SqlState::DATETIME_FIELD_OVERFLOW,
                    format!(
                        "date field value out of range: {}-{:02}-{:02}",
                        part(0),
                        part(1),
                        part(2)
                    ),
                )
            })
    }),
    ("pg_time_arith", 5, arithmetic),
    ("pg_to_char_s", 2, |a| {
        let wall = datetime::from_micros(datetime::parse_timestamp(&text(a, 0))?)?;
        Ok(Value::Text(datetime::to_char(wall, &text(a, 1))))
    }),
    ("pg_to_char_z", 2, |a| {
        let micros = datetime::parse_timestamptz(&text(a, 0))?;
        let wall = datetime::wall(micros, &context::zone())?;
        Ok(Value::Text(datetime::to_char(wall, &text(a, 1))))
    }),
    ("pg_to_timestamp", 1, |a| {
        let micros = (real(value(a, 0))? * 1e6).round();
        if !(-1e18..1e18).contains(&micros) {
            return Err(datetime::out_of_range("timestamp"));
        }
        Ok(Value::Text(datetime::keep_timestamptz(micros as i64)?))
    }),
];

/// The collation `pg_interval`: by length.
pub(super) fn compare_intervals(a: &str, b: &str) -> Ordering {
    match (Interval::parse(a), Interval::parse(b)) {
        (Ok(a), Ok(b)) => a.total().cmp(&b.total()),
        _ => a.cmp(b),
    }
}

fn extract(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let unit = text(arguments, 0).to_lowercase();
    let shown = text(arguments, 1);
    let kind = kind(arguments, 2);
    let millionths = match kind {
        Type::INTERVAL if unit == "epoch" => Interval::parse(&shown)?.epoch(),
        Type::INTERVAL => {
            let i = Interval::parse(&shown)?;
            i128::from(match unit.as_str() {
                "year" => i.months / 12 * 1_000_000,
                "month" => i.months % 12 * 1_000_000,
                "day" => i.days * 1_000_000,
                "hour" => i.micros / 3_600_000_000 * 1_000_000,
                "minute" => i.micros / 60_000_000 % 60 * 1_000_000,
                "second" => i.micros % 60_000_000,
                "milliseconds" => i.micros % 60_000_000 * 1000,
                _ => {
                    return Err(Fault::unsupported(format!(
                        "extracting {unit} from an interval"
                    )));
                }
            })
        }
        Type::TIME => {
            let micros = datetime::parse_time(&shown)?;
            let wall = datetime::from_micros(micros % DAY)?;
            datetime::field(&unit, wall)?.into()
        }
        Type::TIMESTAMPTZ => {
            let micros = datetime::parse_timestamptz(&shown)?;
            if unit == "epoch" {
                micros.into()
            } else {
                datetime::field(&unit, datetime::wall(micros, &context::zone())?)?.into()
            }
        }
        _ => {
            let wall = datetime::from_micros(datetime::parse_timestamp(&shown)?)?;
            datetime::field(&unit, wall)?.into()
        }
    };
    let scale = match unit.as_str() {
        "second" | "seconds" => 6,
        "epoch" if kind == Type::DATE => 0,
        "epoch" => 6,
        "milliseconds" => 3,
        _ => 0,
    };
    let number = bigdecimal::BigDecimal::new(millionths.into(), 6);
    Ok(Value::Text(number::show(&number::round(&number, scale))))
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
            let mut factor = real(b)?;
            if integer(arguments, 0) == i64::from(b'/') {
                if factor == 0.0 {
                    return Err(number::division_by_zero());
                }
                factor = 1.0 / factor;
            }
            Ok(Value::Text(
                scale(Interval::parse(&a_text)?, factor)?.show(),
            ))
        }
        (_, &Type::INTERVAL) if crate::embedded::dialect::types::is_number(&left) => Ok(
            Value::Text(scale(Interval::parse(&b_text)?, real(a)?)?.show()),
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

/// Fractions go down to the next smaller unit (interval_mul).
fn scale(interval: Interval, factor: f64) -> Result<Interval, Fault> {
    let months = interval.months as f64 * factor;
    let days = interval.days as f64 * factor + months.fract() * 30.0;
    let micros = interval.micros as f64 * factor + days.fract() * DAY as f64;
    if !(months.abs() < 1e9 && days.abs() < 1e12 && micros.abs() < 9e18) {
        return Err(datetime::out_of_range("interval"));
    }
    Ok(Interval {
        months: months.trunc() as i64,
        days: days.trunc() as i64,
        micros: micros.round() as i64,
    })
}
