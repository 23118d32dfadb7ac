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

/// `to_char` with the patterns that are numbers or names.
pub(in crate::embedded) fn to_char(datetime: DateTime, pattern: &str) -> String {
    const PATTERNS: &[&str] = &[
        "YYYY", "HH24", "HH12", "MI", "SS", "MS", "US", "MM", "DD", "DDD", "YY", "HH", "AM", "PM",
        "Month", "MONTH", "month", "Mon", "MON", "mon", "Day", "DAY", "day", "Dy", "DY", "dy", "Q",
        "D", "FM",
    ];
    const NAMES: &[&str] = &[
        "MONTH", "month", "MON", "mon", "DAY", "day", "Dy", "DY", "dy",
    ];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DAYS: [&str; 7] = [
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
    ];
    let (date, time) = (datetime.date(), datetime.time());
    let month = MONTHS
        .get(usize::try_from(date.month() - 1).unwrap_or(0))
        .copied()
        .unwrap_or_default();
    let weekday = DAYS
        .get(usize::try_from(date.weekday().to_sunday_zero_offset()).unwrap_or(0))
        .copied()
        .unwrap_or_default();
    let twelve = (time.hour() + 11) % 12 + 1;
    let mut out = String::new();
    let mut rest = pattern;
    let mut fill = true;
    while let Some(c) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            out.push_str(quoted.get(..end).unwrap_or_default());
            rest = quoted
                .get(end..)
                .unwrap_or_default()
                .trim_start_matches('"');
            continue;
        }
        let found = PATTERNS
            .iter()
            .filter(|p| {
                let head = rest.get(..p.len()).unwrap_or_default();
                // The case of a name is that of its pattern.
                if p.starts_with("Mon") || p.starts_with("Da") || NAMES.contains(p) {
                    head == **p
                } else {
                    head.eq_ignore_ascii_case(p)
                }
            })
            .max_by_key(|p| p.len());
        let Some(found) = found else {
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        };
        rest = rest.get(found.len()..).unwrap_or_default();
        let number = |n: i64, width: usize| {
            if fill {
                format!("{n:0width$}")
            } else {
                n.to_string()
            }
        };
        let name = |name: &str| {
            if fill {
                format!("{name:<9}")
            } else {
                name.to_owned()
            }
        };
        let short = |name: &str| name.get(..3).unwrap_or_default().to_owned();
        let nanos = i64::from(time.subsec_nanosecond());
        out.push_str(&match *found {
            "FM" => {
                fill = false;
                continue;
            }
            "YYYY" => number(date.year().into(), 4),
            "YY" => number(i64::from(date.year() % 100), 2),
            "MM" => number(date.month().into(), 2),
            "DD" => number(date.day().into(), 2),
            "DDD" => number(date.day_of_year().into(), 3),
            "HH24" => number(time.hour().into(), 2),
            "HH" | "HH12" => number(twelve.into(), 2),
            "MI" => number(time.minute().into(), 2),
            "SS" => number(time.second().into(), 2),
            "MS" => number(nanos / 1_000_000, 3),
            "US" => number(nanos / 1_000, 6),
            "AM" | "PM" => if time.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            "Month" => name(month),
            "MONTH" => name(&month.to_uppercase()),
            "month" => name(&month.to_lowercase()),
            "Mon" => short(month),
            "MON" => short(month).to_uppercase(),
            "mon" => short(month).to_lowercase(),
            "Day" => name(weekday),
            "DAY" => name(&weekday.to_uppercase()),
            "day" => name(&weekday.to_lowercase()),
            "Dy" => short(weekday),
            "DY" => short(weekday).to_uppercase(),
            "dy" => short(weekday).to_lowercase(),
            "Q" => number(i64::from((date.month() - 1) / 3 + 1), 1),
            _ => number(i64::from(date.weekday().to_sunday_zero_offset()) + 1, 1),
        });
        fill = true;
    }
    out
}
