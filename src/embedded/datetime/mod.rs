//! Dates, times and intervals: from PostgreSQL's text forms and back, and computing with them. The
//! forms themselves are those of the server's types.
//!
//! Years are 1 to 9999. What is kept sorts as text as it does in time: ISO forms, those with a
//! time zone in UTC.

mod fields;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::embedded::dialect::Fault;
use crate::embedded::{canonical, context};
use crate::error_response::SqlState;
use crate::server::format::datetime::{self as text, Bad, EPOCH_DAYS};
pub(super) use fields::{field, truncate};

pub(super) const DAY: i64 = text::DAY;
/// Microseconds from 1970, jiff's and our beginning, to 2000, PostgreSQL's.
pub(super) const EPOCH: i64 = EPOCH_DAYS * DAY;

fn invalid(kind: &str, text: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_DATETIME_FORMAT,
        format!("invalid input syntax for type {kind}: \"{text}\""),
    )
}

pub(super) fn out_of_range(what: &str) -> Fault {
    Fault::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("{what} out of range"),
    )
}

fn fault(bad: &Bad, kind: &str, text: &str) -> Fault {
    let (code, message, hint) = bad.told(kind, text);
    let fault = Fault::new(code, message);
    match hint {
        Some(hint) => fault.with_hint(hint),
        None => fault,
    }
}

/// With a day that is said by a word, such as `today 04:05`, told by its date.
fn dated(text: &str) -> Option<String> {
    let day = |part: &str| word(part).filter(|_| !part.eq_ignore_ascii_case("now"));
    let (words, others): (Vec<&str>, Vec<&str>) = text
        .split_whitespace()
        .partition(|part| day(part).is_some());
    match words.as_slice() {
        [one] => Some(format!(
            "{} {}",
            show_date(day(one)?.date()),
            others.join(" ")
        )),
        _ => None,
    }
}

/// What a word means that depends on when and where it is said, as a clock on the wall shows it.
fn word(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let is = |word| text.eq_ignore_ascii_case(word);
    let now = || context::zone().to_datetime(context::transaction_time());
    let midnight = |date: Date| date.to_datetime(Time::midnight());
    if is("now") {
        Some(now())
    } else if is("today") {
        Some(midnight(now().date()))
    } else if is("tomorrow") {
        now().date().tomorrow().ok().map(midnight)
    } else if is("yesterday") {
        now().date().yesterday().ok().map(midnight)
    } else {
        None
    }
}

/// PostgreSQL has more years than are kept here.
fn beyond() -> Fault {
    Fault::unsupported("a year before 1 or after 9999")
}

/// From PostgreSQL's count.
fn since_1970(micros: i64) -> Result<i64, Fault> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err(Fault::unsupported("infinity as a date or time"));
    }
    micros
        .checked_add(EPOCH)
        .ok_or_else(|| out_of_range("timestamp"))
        .and_then(|micros| from_micros(micros).map(|_| micros))
}

fn time_micros(time: Time) -> i64 {
    time.duration_since(Time::midnight()).as_micros() as i64
}

/// Microseconds since 1970 of what a clock on the wall in UTC shows.
pub(super) fn from_micros(micros: i64) -> Result<DateTime, Fault> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err(out_of_range("timestamp"));
    }
    let datetime = Timestamp::from_microsecond(micros)
        .map(|t| TimeZone::UTC.to_datetime(t))
        .map_err(|_| beyond())?;
    if datetime.year() < 1 {
        return Err(beyond());
    }
    Ok(datetime)
}

pub(super) fn to_micros(datetime: DateTime) -> Result<i64, Fault> {
    TimeZone::UTC
        .to_timestamp(datetime)
        .map(Timestamp::as_microsecond)
        .map_err(|_| out_of_range("timestamp"))
}

/// Rounds to the precision of `timestamp(n)`.
pub(super) fn round_to(micros: i64, precision: i32) -> i64 {
    let Ok(digits @ 0..=5) = u32::try_from(precision) else {
        return micros;
    };
    let unit = 10_i64.pow(6 - digits);
    micros.saturating_add(unit / 2).div_euclid(unit) * unit
}

pub(super) fn parse_date(given: &str) -> Result<Date, Fault> {
    if let Some(at) = word(given) {
        return Ok(at.date());
    }
    let days = text::get_date(given)
        .or_else(|bad| text::get_date(&dated(given).ok_or(bad)?))
        .map_err(|bad| fault(&bad, "date", given))?;
    let micros = match days {
        i32::MAX => i64::MAX,
        i32::MIN => i64::MIN,
        days => i64::from(days).saturating_mul(DAY),
    };
    since_1970(micros).and_then(from_micros).map(DateTime::date)
}

/// Microseconds since midnight.
pub(super) fn parse_time(given: &str) -> Result<i64, Fault> {
    match word(given) {
        Some(at) => Ok(time_micros(at.time())),
        None => text::get_time(given).map_err(|bad| fault(&bad, "time", given)),
    }
}

/// Without a time zone: one that is written is not heeded, as in PostgreSQL.
pub(super) fn parse_timestamp(given: &str) -> Result<i64, Fault> {
    if let Some(micros) = canonical::timestamp(given.as_bytes()) {
        return Ok(micros);
    }
    match word(given) {
        Some(at) => to_micros(at),
        None => text::get_timestamp(given)
            .or_else(|bad| text::get_timestamp(&dated(given).ok_or(bad)?))
            .map_err(|bad| fault(&bad, "timestamp", given))
            .and_then(since_1970),
    }
}

/// Without a zone of its own it is in the session's.
pub(super) fn parse_timestamptz(given: &str) -> Result<i64, Fault> {
    if let Some(micros) = canonical::instant(given.as_bytes()) {
        return Ok(micros);
    }
    let zone = context::zone();
    match word(given) {
        Some(at) => in_zone(at, &zone),
        None => text::get_timestamptz(given, Some(&zone))
            .or_else(|bad| text::get_timestamptz(&dated(given).ok_or(bad)?, Some(&zone)))
            .map_err(|bad| fault(&bad, "timestamp with time zone", given))
            .and_then(since_1970),
    }
}

/// When a clock in this zone shows this.
pub(super) fn in_zone(wall: DateTime, zone: &TimeZone) -> Result<i64, Fault> {
    let local = to_micros(wall)?;
    since_1970(text::to_instant(local.saturating_sub(EPOCH), zone))
}

/// What a clock in this zone shows then.
pub(super) fn wall(micros: i64, zone: &TimeZone) -> Result<DateTime, Fault> {
    Timestamp::from_microsecond(micros)
        .map(|t| zone.to_datetime(t))
        .map_err(|_| out_of_range("timestamp"))
}

fn shown(put: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(32);
    put(&mut out);
    // It is all ASCII.
    String::from_utf8(out).unwrap_or_default()
}

pub(super) fn show_date(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

pub(super) fn show_time(micros: i64) -> String {
    shown(|out| text::put_time(out, micros))
}

pub(super) fn show_timestamp(micros: i64) -> Result<String, Fault> {
    from_micros(micros)?;
    Ok(shown(|out| {
        text::put_timestamp(out, micros.saturating_sub(EPOCH));
    }))
}

/// As it is kept: in UTC.
pub(super) fn keep_timestamptz(micros: i64) -> Result<String, Fault> {
    from_micros(micros)?;
    Ok(shown(|out| {
        text::put_timestamptz(out, micros.saturating_sub(EPOCH), None);
    }))
}

/// As the session sees it.
pub(super) fn show_timestamptz(micros: i64) -> Result<String, Fault> {
    let zone = context::zone();
    wall(micros, &zone)?;
    Ok(shown(|out| {
        text::put_timestamptz(out, micros.saturating_sub(EPOCH), Some(&zone));
    }))
}

/// Months, days and microseconds: none can be turned into another (PostgreSQL docs, 8.5.4).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Interval {
    pub(super) months: i64,
    pub(super) days: i64,
    pub(super) micros: i64,
}

impl Interval {
    /// `1 year 2 mons 3 days 04:05:06.7`, `-1 hours`, `90 minutes`, `1.5 days`.
    pub(super) fn parse(given: &str) -> Result<Self, Fault> {
        let read = text::get_interval(given).map_err(|bad| match bad {
            Bad::Form => invalid("interval", given),
            _ => Fault::new(
                SqlState::DATETIME_FIELD_OVERFLOW,
                format!("interval field value out of range: \"{given}\""),
            ),
        })?;
        Ok(Self {
            months: read.months.into(),
            days: read.days.into(),
            micros: read.microseconds,
        })
    }

    pub(super) fn show(self) -> String {
        shown(|out| text::put_parts(out, self.months, self.days, self.micros))
    }

    /// For ordering and comparing: a month is 30 days, a day 24 hours, as in PostgreSQL.
    pub(super) fn total(self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * i128::from(DAY) + i128::from(self.micros)
    }

    /// Its microseconds as `extract` counts them: a year is 365.25 days (interval_part_common).
    pub(super) fn epoch(self) -> i128 {
        let (months, day) = (i128::from(self.months), i128::from(DAY));
        let years = months / 12 * 36_525 * day / 100;
        years + (months % 12 * 30 + i128::from(self.days)) * day + i128::from(self.micros)
    }

    /// Adds it to what a wall clock shows.
    pub(super) fn add_to(self, datetime: DateTime, sign: i64) -> Result<DateTime, Fault> {
        // One after the other: a span of jiff's has one sign for all of it.
        let result = Span::new()
            .try_months(sign * self.months)
            .and_then(|s| datetime.checked_add(s))
            .and_then(|d| d.checked_add(Span::new().try_days(sign * self.days)?))
            .and_then(|d| {
                d.checked_add(Span::new().try_microseconds(sign.saturating_mul(self.micros))?)
            });
        // By whole years, which is enough: PostgreSQL goes on to 294276.
        let years = i128::from(sign) * self.total() / (i128::from(DAY) * 365);
        let within = (-4000..290_000).contains(&(years + i128::from(datetime.year())));
        result.map_err(|_| match within {
            true => beyond(),
            false => out_of_range("timestamp"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_and_shown() {
        let cases = [
            ("2026-01-31", "2026-01-31 00:00:00"),
            ("2026-01-31 12:34:56.789", "2026-01-31 12:34:56.789"),
            ("2026-01-31T12:34", "2026-01-31 12:34:00"),
            ("20260131 01:02:03.1234567", "2026-01-31 01:02:03.123457"),
            ("1/31/2026 1:02 PM", "2026-01-31 13:02:00"),
            ("2026-01-31 24:00", "2026-02-01 00:00:00"),
            ("2026-01-31 12:00:00+05", "2026-01-31 12:00:00"),
        ];
        for (text, shown) in cases {
            let micros = parse_timestamp(text).unwrap();
            assert_eq!(show_timestamp(micros).unwrap(), shown, "{text}");
        }
        for (text, kept) in [
            ("2026-01-31 12:00:00+05", "2026-01-31 07:00:00+00"),
            ("2026-01-31 12:00:00-05:30", "2026-01-31 17:30:00+00"),
            ("2026-01-31T12:00:00Z", "2026-01-31 12:00:00+00"),
            ("2026-01-31 12:00:00", "2026-01-31 12:00:00+00"),
        ] {
            let micros = parse_timestamptz(text).unwrap();
            assert_eq!(keep_timestamptz(micros).unwrap(), kept, "{text}");
        }
        for (text, code) in [
            ("x", "22007"),
            ("", "22007"),
            ("2026-02-30", "22008"),
            ("2026-13-01", "22008"),
            ("0000-01-01", "22008"),
            ("2026-01-01 25:00", "22008"),
            ("2026-01-01 nowhere", "22007"),
            ("ü", "22007"),
        ] {
            assert_eq!(
                parse_timestamp(text).unwrap_err().code.as_str(),
                code,
                "{text}"
            );
        }
    }

    #[test]
    fn intervals_read_and_shown() {
        for (text, shown) in [
            ("1 day", "1 day"),
            ("-2 days 3 hours", "-2 days +03:00:00"),
            ("90 minutes", "01:30:00"),
            ("1 year 14 months", "2 years 2 mons"),
            ("1.5 hours", "01:30:00"),
            ("4:05:06.7", "04:05:06.7"),
            ("4:05", "04:05:00"),
            ("100:00:00", "100:00:00"),
            ("1 week ago", "-7 days"),
            ("10", "00:00:10"),
            ("0", "00:00:00"),
        ] {
            assert_eq!(Interval::parse(text).unwrap().show(), shown, "{text}");
        }
        for text in ["", "x", "1 parsec", "1 day x", "ago", "ü 1"] {
            Interval::parse(text).unwrap_err();
        }
    }

    #[test]
    fn months_end_where_they_end() {
        let day = from_micros(parse_timestamp("2026-01-31 10:00").unwrap()).unwrap();
        let month = Interval::parse("1 month").unwrap();
        assert_eq!(
            show_timestamp(to_micros(month.add_to(day, 1).unwrap()).unwrap()).unwrap(),
            "2026-02-28 10:00:00"
        );
        assert_eq!(
            show_timestamp(to_micros(truncate("quarter", day).unwrap()).unwrap()).unwrap(),
            "2026-01-01 00:00:00"
        );
        assert_eq!(field("dow", day).unwrap(), 6_000_000);
    }
}
