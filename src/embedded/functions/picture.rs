//! `to_char`, `to_number`, `to_date`, `to_timestamp`.

use jiff::Timestamp;
use rusqlite::types::Value;

use crate::embedded::context;
use crate::embedded::convert::{numeric, real};
use crate::embedded::datetime::{self, Interval};
use crate::embedded::dialect::types::is_integer;
use crate::embedded::functions::{Table, integer, kind, text, value};
use crate::embedded::number;
use crate::embedded::picture::{Clock, Number, read_clock, read_number, show_clock, show_number};
use postgres_types::Type;

pub(super) const FUNCTIONS: Table = &[
    // Value, its type, pattern.
    ("pg_to_char_n", 3, |a| {
        let number = match kind(a, 1) {
            Type::NUMERIC => Number::Numeric(numeric(value(a, 0))?),
            Type::INT8 => Number::Int8(integer(a, 0)),
            kind if is_integer(&kind) => Number::Int4(integer(a, 0)),
            kind => Number::float(real(value(a, 0))?, &kind),
        };
        show_number(&number, &text(a, 2)).map(Value::Text)
    }),
    ("pg_to_char_s", 2, |a| {
        let wall = datetime::from_micros(datetime::parse_timestamp(&text(a, 0))?)?;
        shown(&Clock::Wall(wall, None), &text(a, 1))
    }),
    ("pg_to_char_z", 2, |a| {
        let micros = datetime::parse_timestamptz(&text(a, 0))?;
        let zone = context::zone();
        let wall = datetime::wall(micros, &zone)?;
        let at = Timestamp::from_microsecond(micros).unwrap_or_default();
        let info = zone.to_offset_info(at);
        let named = (
            info.offset().seconds().into(),
            info.abbreviation().to_owned(),
        );
        shown(&Clock::Wall(wall, Some(named)), &text(a, 1))
    }),
    ("pg_to_char_v", 2, |a| {
        shown(&Clock::Interval(Interval::parse(&text(a, 0))?), &text(a, 1))
    }),
    ("pg_to_number", 2, |a| {
        let number = read_number(&text(a, 0), &text(a, 1))?;
        Ok(number.map_or(Value::Null, |n| Value::Text(number::show(&n))))
    }),
    ("pg_to_date", 2, |a| {
        let read = read_clock(&text(a, 0), &text(a, 1))?;
        Ok(Value::Text(datetime::show_date(read.wall.date())))
    }),
    ("pg_to_timestamp_by", 2, |a| {
        let read = read_clock(&text(a, 0), &text(a, 1))?;
        let micros = match read.offset {
            Some(offset) => datetime::to_micros(read.wall)?.saturating_sub(offset * 1_000_000),
            None => datetime::in_zone(read.wall, &context::zone())?,
        };
        let micros = datetime::round_to(micros, read.precision);
        Ok(Value::Text(datetime::keep_timestamptz(micros)?))
    }),
];

/// An empty pattern shows nothing, not even an empty text.
fn shown(clock: &Clock, pattern: &str) -> Result<Value, crate::embedded::dialect::Fault> {
    if pattern.is_empty() {
        return Ok(Value::Null);
    }
    show_clock(clock, pattern).map(Value::Text)
}
