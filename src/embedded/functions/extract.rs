//! Fields of dates, times and intervals: `extract`, `date_part`.

use bigdecimal::BigDecimal;
use jiff::Timestamp;
use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::context;
use crate::embedded::datetime::{self, DAY, EPOCH, Interval};
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::{Table, kind, text};
use crate::embedded::number;
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[("pg_extract", 3, extract)];

/// Days from 4714-11-24 BC, the first Julian day, to 2000-01-01.
const JULIAN: i64 = 2_451_545;

/// A unit by PostgreSQL's other names for it.
pub(super) fn unit(name: &str) -> String {
    let lower = name.to_lowercase();
    match lower.as_str() {
        "us" | "usec" | "usecs" | "useconds" | "microsecond" | "microsecon" => "microseconds",
        "ms" | "msec" | "msecs" | "mseconds" | "millisecond" | "millisecon" => "milliseconds",
        "s" | "sec" | "secs" | "seconds" => "second",
        "m" | "min" | "mins" | "minutes" => "minute",
        "h" | "hr" | "hrs" | "hours" => "hour",
        "d" | "days" => "day",
        "w" | "weeks" => "week",
        "mon" | "mons" | "months" => "month",
        "qtr" | "quarters" => "quarter",
        "y" | "yr" | "yrs" | "years" => "year",
        "dec" | "decs" | "decades" => "decade",
        "c" | "cent" | "centuries" => "century",
        "mil" | "mils" | "millennia" => "millennium",
        "jd" | "j" => "julian",
        "timezone_h" => "timezone_hour",
        "timezone_m" => "timezone_minute",
        _ => return lower,
    }
    .to_owned()
}

/// The units there are.
const UNITS: &[&str] = &[
    "microseconds",
    "milliseconds",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "decade",
    "century",
    "millennium",
    "julian",
    "epoch",
    "dow",
    "isodow",
    "doy",
    "isoyear",
    "timezone",
    "timezone_hour",
    "timezone_minute",
];

/// What is said of a unit that this type does not have.
pub(super) fn no_unit(given: &str, kind: &Type) -> Fault {
    let known = UNITS.contains(&unit(given).as_str());
    let given = given.to_lowercase();
    let kind = types::show(kind, -1);
    if known {
        Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("unit \"{given}\" not supported for type {kind}"),
        )
    } else {
        Fault::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("unit \"{given}\" not recognized for type {kind}"),
        )
    }
}

fn extract(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let given = text(arguments, 0);
    let unit = unit(&given);
    let unit = unit.as_str();
    let shown = text(arguments, 1);
    let kind = kind(arguments, 2);
    let none = || no_unit(&given, &kind);
    let of_time = |unit: &str| {
        matches!(
            unit,
            "microseconds" | "milliseconds" | "second" | "minute" | "hour"
        )
    };
    let millionths: i128 = match kind {
        Type::INTERVAL => of_interval(unit, Interval::parse(&shown)?).ok_or_else(none)?,
        Type::TIME => {
            let micros = datetime::parse_time(&shown)?;
            match unit {
                "epoch" => micros.into(),
                // 24:00:00 is an hour like no other.
                "hour" => i128::from(micros / 3_600_000_000 * 1_000_000),
                _ if of_time(unit) => {
                    datetime::field(unit, datetime::from_micros(micros % DAY)?)?.into()
                }
                _ => return Err(none()),
            }
        }
        Type::DATE => {
            if of_time(unit) || unit.starts_with("timezone") {
                return Err(none());
            }
            let micros = datetime::parse_timestamp(&shown)?;
            match unit {
                "julian" => i128::from((micros - EPOCH).div_euclid(DAY) + JULIAN) * 1_000_000,
                _ => datetime::field(unit, datetime::from_micros(micros)?)
                    .map_err(|_| none())?
                    .into(),
            }
        }
        _ => {
            let zoned = kind == Type::TIMESTAMPTZ;
            let zone = context::zone();
            let micros = if zoned {
                datetime::parse_timestamptz(&shown)?
            } else {
                datetime::parse_timestamp(&shown)?
            };
            let wall = if zoned {
                datetime::wall(micros, &zone)?
            } else {
                datetime::from_micros(micros)?
            };
            let offset = || {
                let at = Timestamp::from_microsecond(micros).unwrap_or_default();
                i128::from(zone.to_offset(at).seconds())
            };
            match unit {
                "epoch" => micros.into(),
                "timezone" if zoned => offset() * 1_000_000,
                "timezone_hour" if zoned => offset() / 3600 * 1_000_000,
                "timezone_minute" if zoned => offset() / 60 % 60 * 1_000_000,
                "julian" => {
                    let local = datetime::to_micros(wall)? - EPOCH;
                    let part = number::compute(
                        '/',
                        &BigDecimal::from(local.rem_euclid(DAY)),
                        &BigDecimal::from(DAY),
                    )?;
                    let days = BigDecimal::from(local.div_euclid(DAY) + JULIAN);
                    return Ok(Value::Text(number::show(&(days + part))));
                }
                _ => datetime::field(unit, wall).map_err(|_| none())?.into(),
            }
        }
    };
    let scale = match unit {
        "second" => 6,
        "epoch" if kind == Type::DATE => 0,
        "epoch" => 6,
        "milliseconds" => 3,
        _ => 0,
    };
    let number = BigDecimal::new(millionths.into(), 6);
    Ok(Value::Text(number::show(&number::round(&number, scale))))
}

/// In millionths.
fn of_interval(unit: &str, interval: Interval) -> Option<i128> {
    let (months, days, micros) = (interval.months, interval.days, interval.micros);
    Some(i128::from(match unit {
        "epoch" => return Some(interval.epoch()),
        "millennium" => months / 12_000 * 1_000_000,
        "century" => months / 1200 * 1_000_000,
        "decade" => months / 120 * 1_000_000,
        "year" => months / 12 * 1_000_000,
        "quarter" => (months % 12 / 3 + 1) * 1_000_000,
        "month" => months % 12 * 1_000_000,
        "day" => days * 1_000_000,
        "hour" => micros / 3_600_000_000 * 1_000_000,
        "minute" => micros / 60_000_000 % 60 * 1_000_000,
        "second" => micros % 60_000_000,
        "milliseconds" => micros % 60_000_000 * 1000,
        "microseconds" => micros % 60_000_000 * 1_000_000,
        _ => return None,
    }))
}
