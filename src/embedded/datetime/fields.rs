//! The fields of what a wall clock shows: taken out, cut off, and shown by a pattern.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

use crate::embedded::datetime::{out_of_range, to_micros};
use crate::embedded::dialect::Fault;
use crate::error_response::SqlState;

/// `date_trunc` of what a wall clock shows.
pub(in crate::embedded) fn truncate(unit: &str, datetime: DateTime) -> Result<DateTime, Fault> {
    let date = datetime.date();
    let first = |year: i16, month: i8| Date::new(year, month, 1).ok();
    let day = |date: Option<Date>| date.map(|d| d.to_datetime(Time::midnight()));
    let time = datetime.time();
    let cut = |h, m, s, nanos| {
        Time::new(h, m, s, nanos)
            .ok()
            .map(|time| date.to_datetime(time))
    };
    let nanos = time.subsec_nanosecond();
    let result = match unit.to_lowercase().as_str() {
        "microseconds" => Some(datetime),
        "milliseconds" => cut(
            time.hour(),
            time.minute(),
            time.second(),
            nanos / 1_000_000 * 1_000_000,
        ),
        "second" => cut(time.hour(), time.minute(), time.second(), 0),
        "minute" => cut(time.hour(), time.minute(), 0, 0),
        "hour" => cut(time.hour(), 0, 0, 0),
        "day" => cut(0, 0, 0, 0),
        "week" => day(date
            .checked_sub(Span::new().days(date.weekday().to_monday_zero_offset()))
            .ok()),
        "month" => day(first(date.year(), date.month())),
        "quarter" => day(first(date.year(), (date.month() - 1) / 3 * 3 + 1)),
        "year" => day(first(date.year(), 1)),
        "decade" => day(first(date.year() / 10 * 10, 1)),
        "century" => day(first((date.year() - 1) / 100 * 100 + 1, 1)),
        "millennium" => day(first((date.year() - 1) / 1000 * 1000 + 1, 1)),
        _ => return Err(unknown_unit(unit)),
    };
    result.ok_or_else(|| out_of_range("timestamp"))
}

fn unknown_unit(unit: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unit \"{unit}\" not recognized for type timestamp"),
    )
}

/// A field of what a wall clock shows, in millionths.
pub(in crate::embedded) fn field(unit: &str, datetime: DateTime) -> Result<i64, Fault> {
    let (date, time) = (datetime.date(), datetime.time());
    let year = i64::from(date.year());
    let micros = i64::from(time.second()) * 1_000_000 + i64::from(time.subsec_nanosecond() / 1000);
    let whole = match unit.to_lowercase().as_str() {
        "second" | "seconds" => return Ok(micros),
        "milliseconds" => return Ok(micros * 1000),
        "microseconds" => micros,
        "epoch" => return to_micros(datetime),
        "minute" => time.minute().into(),
        "hour" => time.hour().into(),
        "day" => date.day().into(),
        "dow" => date.weekday().to_sunday_zero_offset().into(),
        "isodow" => date.weekday().to_monday_one_offset().into(),
        "doy" => date.day_of_year().into(),
        "week" => date.iso_week_date().week().into(),
        "isoyear" => date.iso_week_date().year().into(),
        "month" => date.month().into(),
        "quarter" => i64::from((date.month() - 1) / 3 + 1),
        "year" => year,
        "decade" => year / 10,
        "century" => (year - 1) / 100 + 1,
        "millennium" => (year - 1) / 1000 + 1,
        _ => return Err(unknown_unit(unit)),
    };
    Ok(whole * 1_000_000)
}
