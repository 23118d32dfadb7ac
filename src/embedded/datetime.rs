//! Dates, times and intervals: from PostgreSQL's text forms and back, and computing with them.
//!
//! Years are 1 to 9999. What is kept sorts as text as it does in time: ISO forms, those with a
//! time zone in UTC.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::embedded::context;
use crate::embedded::dialect::Fault;
use crate::error_response::SqlState;

pub(super) const DAY: i64 = 86_400_000_000;

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

fn overflow(text: &str) -> Fault {
    Fault::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("date/time field value out of range: \"{text}\""),
    )
}

/// A date, with what stands behind it: `2026-01-31`, `20260131`, `01/31/2026`.
fn take_date(text: &str) -> Option<Result<(Date, &str), Fault>> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '/'))
        .unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let number = |s: &str| s.parse::<i16>().ok();
    let (year, month, day) = if let Some((year, tail)) = head.split_once('-') {
        let (month, day) = tail.split_once('-')?;
        (number(year)?, number(month)?, number(day)?)
    } else if let Some((month, tail)) = head.split_once('/') {
        let (day, year) = tail.split_once('/')?;
        (number(year)?, number(month)?, number(day)?)
    } else if head.len() == 8 {
        (
            number(head.get(..4)?)?,
            number(head.get(4..6)?)?,
            number(head.get(6..)?)?,
        )
    } else {
        return None;
    };
    let date = i8::try_from(month)
        .ok()
        .zip(i8::try_from(day).ok())
        .filter(|_| year > 0)
        .and_then(|(month, day)| Date::new(year, month, day).ok());
    Some(date.map(|date| (date, rest)).ok_or_else(|| overflow(text)))
}

/// A time of day in microseconds, 24:00 included, with what stands behind it.
fn take_time(text: &str) -> Option<Result<(i64, &str), Fault>> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.'))
        .unwrap_or(text.len());
    let (head, mut rest) = text.split_at(end);
    let mut parts = head.split(':');
    let mut hour: i64 = parts.next()?.parse().ok()?;
    let minute: i64 = parts.next()?.parse().ok()?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(s) => {
            let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
            let second: i64 = whole.parse().ok()?;
            let digits: String = fraction.chars().chain("0000000".chars()).take(7).collect();
            let tenths: i64 = digits.parse().ok()?;
            (second, (tenths + 5) / 10)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let lower = rest.trim_start().to_ascii_lowercase();
    if lower.starts_with("am") || lower.starts_with("pm") {
        if hour == 0 || hour > 12 {
            return Some(Err(overflow(text)));
        }
        hour = hour % 12 + if lower.starts_with("pm") { 12 } else { 0 };
        rest = rest.trim_start().get(2..).unwrap_or_default();
    }
    let micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
    Some(if hour > 24 || minute > 59 || second > 60 || micros > DAY {
        Err(overflow(text))
    } else {
        Ok((micros, rest))
    })
}

/// `Z`, `+02`, `-05:30`, `UTC`, `Europe/Berlin`.
fn take_zone(text: &str) -> Option<TimeZone> {
    let text = text.trim();
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return context::find_zone(text),
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| -> Option<i32> {
        digits.get(range).map_or(Some(0), |d| d.parse().ok())
    };
    let seconds = match digits.len() {
        1 | 2 => digits.parse::<i32>().ok()? * 3600,
        4 | 6 => part(0..2)? * 3600 + part(2..4)? * 60 + part(4..6)?,
        _ => return None,
    };
    jiff::tz::Offset::from_seconds(sign * seconds)
        .ok()
        .map(TimeZone::fixed)
}

/// Date, time of day and zone, as far as they are there.
fn take(text: &str, kind: &str) -> Result<(Date, i64, Option<TimeZone>), Fault> {
    let trimmed = text.trim();
    let today = || zone_now().date();
    let (date, rest) = match trimmed.to_ascii_lowercase().as_str() {
        "now" => {
            let now = zone_now();
            return Ok((now.date(), time_micros(now.time()), None));
        }
        "today" => (today(), ""),
        "tomorrow" => (today().tomorrow().map_err(|_| invalid(kind, text))?, ""),
        "yesterday" => (today().yesterday().map_err(|_| invalid(kind, text))?, ""),
        "epoch" => return Ok((Date::constant(1970, 1, 1), 0, Some(TimeZone::UTC))),
        _ => take_date(trimmed).ok_or_else(|| invalid(kind, text))??,
    };
    let rest = match rest.strip_prefix(['T', 't']) {
        Some(rest) => rest,
        None => rest.trim_start(),
    };
    if rest.is_empty() {
        return Ok((date, 0, None));
    }
    let (time, rest) = match take_time(rest) {
        Some(taken) => taken?,
        None => (0, rest),
    };
    if rest.trim().is_empty() {
        return Ok((date, time, None));
    }
    let zone = take_zone(rest).ok_or_else(|| invalid(kind, text))?;
    Ok((date, time, Some(zone)))
}

fn zone_now() -> DateTime {
    context::zone().to_datetime(context::transaction_time())
}

fn time_micros(time: Time) -> i64 {
    time.duration_since(Time::midnight()).as_micros() as i64
}

/// Microseconds since 1970 of what a clock on the wall in UTC shows.
pub(super) fn from_micros(micros: i64) -> Result<DateTime, Fault> {
    let datetime = Timestamp::from_microsecond(micros)
        .map(|t| TimeZone::UTC.to_datetime(t))
        .map_err(|_| out_of_range("timestamp"))?;
    if datetime.year() < 1 {
        return Err(out_of_range("timestamp"));
    }
    Ok(datetime)
}

pub(super) fn to_micros(datetime: DateTime) -> Result<i64, Fault> {
    TimeZone::UTC
        .to_timestamp(datetime)
        .map(Timestamp::as_microsecond)
        .map_err(|_| out_of_range("timestamp"))
}

fn at(date: Date, micros: i64) -> Result<i64, Fault> {
    Ok(to_micros(date.to_datetime(Time::midnight()))? + micros)
}

/// Rounds to the precision of `timestamp(n)`.
pub(super) fn round_to(micros: i64, precision: i32) -> i64 {
    let Ok(digits @ 0..=5) = u32::try_from(precision) else {
        return micros;
    };
    let unit = 10_i64.pow(6 - digits);
    micros.saturating_add(unit / 2).div_euclid(unit) * unit
}

pub(super) fn parse_date(text: &str) -> Result<Date, Fault> {
    Ok(take(text, "date")?.0)
}

/// Microseconds since midnight.
pub(super) fn parse_time(text: &str) -> Result<i64, Fault> {
    let trimmed = text.trim();
    match take_time(trimmed) {
        Some(Ok((time, rest))) if rest.trim().is_empty() || take_zone(rest).is_some() => Ok(time),
        Some(Err(fault)) => Err(fault),
        _ => take(text, "time").map(|(_, time, _)| time),
    }
}

/// Without a time zone: one that is written is not heeded, as in PostgreSQL.
pub(super) fn parse_timestamp(text: &str) -> Result<i64, Fault> {
    let (date, time, _) = take(text, "timestamp")?;
    at(date, time)
}

/// Without a zone of its own it is in the session's.
pub(super) fn parse_timestamptz(text: &str) -> Result<i64, Fault> {
    let (date, time, zone) = take(text, "timestamp with time zone")?;
    let wall = from_micros(at(date, time)?)?;
    in_zone(wall, &zone.unwrap_or_else(context::zone))
}

/// When a clock in this zone shows this.
pub(super) fn in_zone(wall: DateTime, zone: &TimeZone) -> Result<i64, Fault> {
    zone.to_timestamp(wall)
        .map(Timestamp::as_microsecond)
        .map_err(|_| out_of_range("timestamp"))
}

/// What a clock in this zone shows then.
pub(super) fn wall(micros: i64, zone: &TimeZone) -> Result<DateTime, Fault> {
    Timestamp::from_microsecond(micros)
        .map(|t| zone.to_datetime(t))
        .map_err(|_| out_of_range("timestamp"))
}

pub(super) fn show_date(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

pub(super) fn show_time(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{h:02}:{m:02}:{s:02}");
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

pub(super) fn show_timestamp(micros: i64) -> Result<String, Fault> {
    let datetime = from_micros(micros)?;
    Ok(show_datetime(datetime))
}

fn show_datetime(datetime: DateTime) -> String {
    format!(
        "{} {}",
        show_date(datetime.date()),
        show_time(time_micros(datetime.time()))
    )
}

/// As it is kept: in UTC.
pub(super) fn keep_timestamptz(micros: i64) -> Result<String, Fault> {
    Ok(format!("{}+00", show_timestamp(micros)?))
}

/// As the session sees it.
pub(super) fn show_timestamptz(micros: i64) -> Result<String, Fault> {
    let zone = context::zone();
    let timestamp = Timestamp::from_microsecond(micros).map_err(|_| out_of_range("timestamp"))?;
    let offset = zone.to_offset(timestamp).seconds();
    let mut text = show_datetime(zone.to_datetime(timestamp));
    let (sign, offset) = if offset < 0 {
        ('-', -offset)
    } else {
        ('+', offset)
    };
    text.push_str(&format!("{sign}{:02}", offset / 3600));
    if offset % 3600 != 0 {
        text.push_str(&format!(":{:02}", offset / 60 % 60));
    }
    if offset % 60 != 0 {
        text.push_str(&format!(":{:02}", offset % 60));
    }
    Ok(text)
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
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        Self::take(text).ok_or_else(|| invalid("interval", text))
    }

    fn take(text: &str) -> Option<Self> {
        let mut interval = Self::default();
        let lower = text.trim().to_ascii_lowercase();
        let (body, ago) = match lower.strip_suffix("ago") {
            Some(body) => (body.trim_end(), true),
            None => (lower.as_str(), false),
        };
        if body.is_empty() {
            return None;
        }
        let mut rest = body.trim_start_matches('@').trim_start();
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| !matches!(c, '0'..='9' | '.' | ':' | '+' | '-'))
                .unwrap_or(rest.len());
            let (number, tail) = rest.split_at(end);
            rest = tail.trim_start();
            if number.contains(':') {
                let (sign, digits) = match number.strip_prefix('-') {
                    Some(digits) => (-1, digits),
                    None => (1, number.trim_start_matches('+')),
                };
                // Hours may be many.
                let (hours, tail) = digits.split_once(':')?;
                let hours: i64 = hours.parse().ok()?;
                let (micros, left) = take_time(&format!("0:{tail}"))?
                    .ok()
                    .map(|(m, l)| (m, l.is_empty()))?;
                if !left {
                    return None;
                }
                // `4:05` is hours and minutes.
                let below = if tail.contains(':') {
                    micros
                } else {
                    take_time(&format!("0:{tail}:0"))?.ok()?.0
                };
                interval.micros += sign * (hours.checked_mul(3_600_000_000)? + below);
                continue;
            }
            let value: f64 = number.parse().ok()?;
            let end = rest
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            let (unit, tail) = rest.split_at(end);
            rest = tail.trim_start();
            let unit = if unit.is_empty() { "s" } else { unit };
            interval.add_units(value, unit)?;
        }
        if ago {
            interval = Self {
                months: -interval.months,
                days: -interval.days,
                micros: -interval.micros,
            };
        }
        Some(interval)
    }

    fn add_units(&mut self, value: f64, unit: &str) -> Option<()> {
        let months = |factor: f64| (value * factor).trunc() as i64;
        match unit {
            "microsecond" | "microseconds" | "us" => self.micros += value as i64,
            "millisecond" | "milliseconds" | "ms" => self.micros += (value * 1e3) as i64,
            "s" | "sec" | "secs" | "second" | "seconds" => {
                self.micros += (value * 1e6).round() as i64;
            }
            "m" | "min" | "mins" | "minute" | "minutes" => {
                self.micros += (value * 6e7).round() as i64;
            }
            "h" | "hr" | "hrs" | "hour" | "hours" => self.micros += (value * 3.6e9).round() as i64,
            "d" | "day" | "days" => {
                self.days += value.trunc() as i64;
                self.micros += (value.fract() * DAY as f64).round() as i64;
            }
            "w" | "week" | "weeks" => {
                let days = value * 7.0;
                self.days += days.trunc() as i64;
                self.micros += (days.fract() * DAY as f64).round() as i64;
            }
            "mon" | "mons" | "month" | "months" => {
                self.months += months(1.0);
                self.days += (value.fract() * 30.0).round() as i64;
            }
            "y" | "yr" | "yrs" | "year" | "years" => self.months += months(12.0),
            "decade" | "decades" => self.months += months(120.0),
            "century" | "centuries" => self.months += months(1200.0),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn show(self) -> String {
        let mut parts = Vec::new();
        let mut part = |n: i64, one: &str, many: &str| {
            if n != 0 {
                parts.push(format!("{n} {}", if n == 1 { one } else { many }));
            }
        };
        part(self.months / 12, "year", "years");
        part(self.months % 12, "mon", "mons");
        part(self.days, "day", "days");
        if self.micros != 0 || parts.is_empty() {
            let sign = if self.micros < 0 { "-" } else { "" };
            parts.push(format!("{sign}{}", show_time(self.micros.abs())));
        }
        parts.join(" ")
    }

    /// For ordering and comparing: a month is 30 days, a day 24 hours, as in PostgreSQL.
    pub(super) fn total(self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * i128::from(DAY) + i128::from(self.micros)
    }

    /// Adds it to what a wall clock shows.
    pub(super) fn add_to(self, datetime: DateTime, sign: i64) -> Result<DateTime, Fault> {
        let result = Span::new()
            .try_months(sign * self.months)
            .and_then(|s| s.try_days(sign * self.days))
            .and_then(|s| datetime.checked_add(s))
            .and_then(|d| d.checked_add(Span::new().try_microseconds(sign * self.micros)?));
        result.map_err(|_| out_of_range("timestamp"))
    }
}

/// `date_trunc` of what a wall clock shows.
pub(super) fn truncate(unit: &str, datetime: DateTime) -> Result<DateTime, Fault> {
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
pub(super) fn field(unit: &str, datetime: DateTime) -> Result<i64, Fault> {
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
pub(super) fn to_char(datetime: DateTime, pattern: &str) -> String {
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
            ("-2 days 3 hours", "-2 days 03:00:00"),
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
            show_datetime(month.add_to(day, 1).unwrap()),
            "2026-02-28 10:00:00"
        );
        assert_eq!(
            show_datetime(truncate("quarter", day).unwrap()),
            "2026-01-01 00:00:00"
        );
        assert_eq!(field("dow", day).unwrap(), 6_000_000);
        assert_eq!(
            to_char(day, "YYYY-MM-DD HH24:MI:SS, FMMonth Dy"),
            "2026-01-31 10:00:00, January Sat"
        );
    }
}
