//! Dates, times and intervals: PostgreSQL's ISO style, and what of it is read.
//!
//! All counts are PostgreSQL's own: days or microseconds since 2000-01-01.

use std::io::Write;

use jiff::tz::TimeZone;

use crate::server::value::Interval;

pub(super) const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
/// 4714-11-24 BC (proleptic Gregorian), the first Julian day, and the end of year 5 874 897.
const DATES: std::ops::RangeInclusive<i64> = -2_451_545..=2_145_031_948;

/// Days since 2000-01-01 of a date; the year 0 is 1 BC.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468 - EPOCH_DAYS
}

/// Year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH_DAYS + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year.rem_euclid(4) == 0
            && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) =>
        {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn infinity(out: &mut Vec<u8>, value: i64, least: i64, most: i64) -> bool {
    let word: &[u8] = match value {
        v if v == most => b"infinity",
        v if v == least => b"-infinity",
        _ => return false,
    };
    out.extend_from_slice(word);
    true
}

/// Appends a date and gives whether it is BC: the letters come last.
fn put_day(out: &mut Vec<u8>, count: i64) -> bool {
    let (year, month, day) = date(count);
    let before = year <= 0;
    let shown = if before { 1 - year } else { year };
    let _ = write!(out, "{shown:04}-{month:02}-{day:02}");
    before
}

fn put_bc(out: &mut Vec<u8>, before: bool) {
    if before {
        out.extend_from_slice(b" BC");
    }
}

/// Seconds with as many decimals as they need, at most six.
fn put_fraction(out: &mut Vec<u8>, micros: i64) {
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

pub(super) fn put_date(out: &mut Vec<u8>, value: i32) {
    if !infinity(out, value.into(), i32::MIN.into(), i32::MAX.into()) {
        let before = put_day(out, value.into());
        put_bc(out, before);
    }
}

pub(super) fn put_time(out: &mut Vec<u8>, micros: i64) {
    let micros = micros.clamp(0, DAY);
    let (h, m, s) = (micros / HOUR, micros / MINUTE % 60, micros / SECOND % 60);
    let _ = write!(out, "{h:02}:{m:02}:{s:02}");
    put_fraction(out, micros % SECOND);
}

pub(super) fn put_timestamp(out: &mut Vec<u8>, value: i64) {
    if !infinity(out, value, i64::MIN, i64::MAX) {
        let before = put_day(out, value.div_euclid(DAY));
        out.push(b' ');
        put_time(out, value.rem_euclid(DAY));
        put_bc(out, before);
    }
}

/// In the time zone, UTC if there is none.
pub(super) fn put_timestamptz(out: &mut Vec<u8>, value: i64, zone: Option<&TimeZone>) {
    if infinity(out, value, i64::MIN, i64::MAX) {
        return;
    }
    let offset = zone.map_or(0, |zone| offset_at(zone, value));
    let local = value.saturating_add(offset.saturating_mul(SECOND));
    let before = put_day(out, local.div_euclid(DAY));
    out.push(b' ');
    put_time(out, local.rem_euclid(DAY));
    let away = offset.abs();
    let sign = if offset < 0 { '-' } else { '+' };
    let _ = write!(out, "{sign}{:02}", away / 3600);
    let (minutes, seconds) = (away / 60 % 60, away % 60);
    if minutes != 0 || seconds != 0 {
        let _ = write!(out, ":{minutes:02}");
    }
    if seconds != 0 {
        let _ = write!(out, ":{seconds:02}");
    }
    put_bc(out, before);
}

/// Seconds east of UTC at an instant. Beyond the years that the zone's rules cover: none.
fn offset_at(zone: &TimeZone, value: i64) -> i64 {
    let since_1970 = value.saturating_add(EPOCH_DAYS * DAY);
    jiff::Timestamp::from_microsecond(since_1970)
        .map_or(0, |at| zone.to_offset(at).seconds().into())
}

/// The instant of a local time in a zone. As in PostgreSQL, a time that is not there is taken with
/// the offset before the gap, one that is there twice is the later.
fn to_instant(local: i64, zone: &TimeZone) -> i64 {
    let with = |offset: i64| local.saturating_sub(offset.saturating_mul(SECOND));
    let before = offset_at(zone, local.saturating_sub(DAY));
    let after = offset_at(zone, local.saturating_add(DAY));
    if offset_at(zone, with(after)) == after {
        with(after)
    } else {
        with(before)
    }
}

/// In style `postgres`: `1 year 2 mons -3 days +04:05:06`.
pub(super) fn put_interval(out: &mut Vec<u8>, value: Interval) {
    let start = out.len();
    let mut negative = false;
    let parts = [
        (value.months / 12, "year"),
        (value.months % 12, "mon"),
        (value.days, "day"),
    ];
    for (count, unit) in parts {
        if count != 0 {
            let space = if out.len() > start { " " } else { "" };
            let plus = if negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(out, "{space}{plus}{count} {unit}{plural}");
            negative = count < 0;
        }
    }
    if value.microseconds != 0 || out.len() == start {
        if out.len() > start {
            out.push(b' ');
        }
        if value.microseconds < 0 {
            out.push(b'-');
        } else if negative {
            out.push(b'+');
        }
        let all = value.microseconds.unsigned_abs();
        let second = SECOND.unsigned_abs();
        let (h, m) = (all / (3600 * second), all / (60 * second) % 60);
        let _ = write!(out, "{h:02}:{m:02}:{:02}", all / second % 60);
        put_fraction(out, i64::try_from(all % second).unwrap_or(0));
    }
}

/// Why a date or time cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Bad {
    /// It is none: 22007.
    Form,
    /// A field or the whole is out of range: 22008.
    Range,
}

/// What is left of a text, taken from the front.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn blanks(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn byte(&mut self, wanted: u8) -> bool {
        let found = self.0.as_bytes().first() == Some(&wanted);
        if found {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        found
    }

    fn while_(&mut self, good: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !good(c)).unwrap_or(self.0.len());
        let (head, tail) = self.0.split_at(end);
        self.0 = tail;
        head
    }

    fn digits(&mut self) -> &'a str {
        self.while_(|c| c.is_ascii_digit())
    }

    fn number(&mut self) -> Result<i64, Bad> {
        let digits = self.digits();
        if digits.is_empty() {
            return Err(Bad::Form);
        }
        digits.parse().map_err(|_| Bad::Range)
    }

    fn signed(&mut self) -> Result<i64, Bad> {
        let negative = self.byte(b'-');
        if !negative {
            self.byte(b'+');
        }
        let number = self.number()?;
        Ok(if negative { -number } else { number })
    }

    /// `.123456`, as microseconds; more digits are rounded.
    fn fraction(&mut self) -> i64 {
        if !self.byte(b'.') {
            return 0;
        }
        let digits = self.digits();
        let mut micros = 0_i64;
        for place in 0..6 {
            let digit = digits.as_bytes().get(place).map_or(0, |b| b - b'0');
            micros = micros * 10 + i64::from(digit);
        }
        let up = digits.as_bytes().get(6).is_some_and(|b| *b >= b'5');
        micros + i64::from(up)
    }

    /// `2026-01-31`, `2026/01/31`, `20260131`: year and days since 2000 as of AD.
    fn date(&mut self) -> Result<(i64, i64, i64), Bad> {
        let first = self.digits();
        let (year, month, day) = if self.byte(b'-') {
            let month = self.number()?;
            if !self.byte(b'-') {
                return Err(Bad::Form);
            }
            (first, month, self.number()?)
        } else if self.byte(b'/') {
            let month = self.number()?;
            if !self.byte(b'/') {
                return Err(Bad::Form);
            }
            (first, month, self.number()?)
        } else if first.len() == 8 {
            let (year, rest) = first.split_at(4);
            let (month, day) = rest.split_at(2);
            let number = |s: &str| s.parse().map_err(|_| Bad::Form);
            (year, number(month)?, number(day)?)
        } else {
            return Err(Bad::Form);
        };
        // Two digits first could be a day or a month: that depends on DateStyle.
        if year.len() < 3 || year.len() > 7 {
            return Err(Bad::Form);
        }
        let year = year.parse().map_err(|_| Bad::Form)?;
        Ok((year, month, day))
    }

    /// `12:34:56.789`, `12:34`; at most 24:00:00.
    fn time(&mut self) -> Result<i64, Bad> {
        let hours = self.number()?;
        if !self.byte(b':') {
            return Err(Bad::Form);
        }
        let minutes = self.number()?;
        let (seconds, fraction) = if self.byte(b':') {
            (self.number()?, self.fraction())
        } else {
            (0, 0)
        };
        if hours > 24 || minutes > 59 || seconds > 60 {
            return Err(Bad::Range);
        }
        let all = hours * HOUR + minutes * MINUTE + seconds * SECOND + fraction;
        if all > DAY { Err(Bad::Range) } else { Ok(all) }
    }

    fn era(&mut self) -> bool {
        let rest = self.0.trim_end();
        let cut = rest.len().saturating_sub(2);
        match rest.split_at_checked(cut) {
            Some((head, era)) if era.eq_ignore_ascii_case("bc") => {
                self.0 = head.trim_end();
                true
            }
            Some((head, era)) if era.eq_ignore_ascii_case("ad") => {
                self.0 = head.trim_end();
                false
            }
            _ => false,
        }
    }

    /// Seconds east of UTC, or the zone by name.
    fn zone(&mut self) -> Result<Zone, Bad> {
        self.blanks();
        let negative = match self.0.as_bytes().first() {
            None => return Ok(Zone::None),
            Some(b'-') => true,
            Some(b'+') => false,
            Some(_) => {
                let name = core::mem::take(&mut self.0).trim_end();
                if ["z", "utc", "gmt", "zulu"]
                    .iter()
                    .any(|n| name.eq_ignore_ascii_case(n))
                {
                    return Ok(Zone::Offset(0));
                }
                return zone(name).map(Zone::Named).ok_or(Bad::Form);
            }
        };
        self.0 = self.0.get(1..).unwrap_or_default();
        let digits = self.digits();
        let number = |s: &str| s.parse::<i64>().map_err(|_| Bad::Form);
        let (hours, mut minutes, mut seconds) = match digits.len() {
            1 | 2 => (number(digits)?, 0, 0),
            4 => {
                let (hours, minutes) = digits.split_at(2);
                (number(hours)?, number(minutes)?, 0)
            }
            _ => return Err(Bad::Form),
        };
        if digits.len() < 3 && self.byte(b':') {
            minutes = self.number()?;
            if self.byte(b':') {
                seconds = self.number()?;
            }
        }
        if hours > 15 || minutes > 59 || seconds > 59 {
            return Err(Bad::Range);
        }
        let away = hours * 3600 + minutes * 60 + seconds;
        Ok(Zone::Offset(if negative { -away } else { away }))
    }

    fn end(&mut self) -> Result<(), Bad> {
        self.blanks();
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Bad::Form)
        }
    }
}

enum Zone {
    None,
    Offset(i64),
    Named(TimeZone),
}

/// A zone by a name that [`zone_name`] gave, or by that of the IANA database.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(name)
        .ok()
        .or_else(|| TimeZone::posix(name).ok())
}

/// The name of a zone as it is shown, for what SET TIME ZONE takes: a name of the IANA database, a
/// POSIX rule, or hours east of UTC.
pub(crate) fn zone_name(given: &str) -> Option<String> {
    if given.eq_ignore_ascii_case("default") || given.eq_ignore_ascii_case("utc") {
        return Some("UTC".into());
    }
    let number = given.strip_prefix(['+', '-']).unwrap_or(given);
    if number.starts_with(|c: char| c.is_ascii_digit()) {
        let mut rest = Text(number);
        let hours = rest.number().ok()?;
        let minutes = if rest.byte(b':') {
            rest.number().ok()?
        } else {
            0
        };
        if hours > 15 || minutes > 59 || rest.end().is_err() {
            return None;
        }
        // POSIX counts to the west.
        let (east, west) = if given.starts_with('-') {
            ('-', '+')
        } else {
            ('+', '-')
        };
        let minutes = match minutes {
            0 => String::new(),
            minutes => format!(":{minutes:02}"),
        };
        return Some(format!(
            "<{east}{hours:02}{minutes}>{west}{hours:02}{minutes}"
        ));
    }
    let zone = zone(given)?;
    Some(zone.iana_name().unwrap_or(given).to_owned())
}

fn checked_days((year, month, day): (i64, i64, i64), before: bool) -> Result<i64, Bad> {
    if year == 0 {
        return Err(Bad::Range);
    }
    let year = if before { 1 - year } else { year };
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(Bad::Range);
    }
    Some(days(year, month, day))
        .filter(|days| DATES.contains(days))
        .ok_or(Bad::Range)
}

fn special(text: &str) -> Option<Special> {
    [
        ("infinity", Special::Infinity),
        ("-infinity", Special::MinusInfinity),
        ("epoch", Special::Epoch),
    ]
    .into_iter()
    .find(|(word, _)| text.eq_ignore_ascii_case(word))
    .map(|(_, special)| special)
}

enum Special {
    Epoch,
    Infinity,
    MinusInfinity,
}

/// Reads a date; a time behind it is checked and left out.
pub(super) fn get_date(text: &str) -> Result<i32, Bad> {
    let text = text.trim();
    match special(text) {
        Some(Special::Infinity) => return Ok(i32::MAX),
        Some(Special::MinusInfinity) => return Ok(i32::MIN),
        Some(Special::Epoch) => return i32::try_from(-EPOCH_DAYS).map_err(|_| Bad::Range),
        None => {}
    }
    let days = read(text)?.days;
    i32::try_from(days).map_err(|_| Bad::Range)
}

pub(super) fn get_time(text: &str) -> Result<i64, Bad> {
    let mut rest = Text(text.trim());
    let time = rest.time()?;
    rest.end()?;
    Ok(time)
}

struct Read {
    days: i64,
    time: i64,
    zone: Zone,
}

fn read(text: &str) -> Result<Read, Bad> {
    let mut rest = Text(text);
    let before = rest.era();
    let date = rest.date()?;
    let (mut time, mut zone) = (0, Zone::None);
    if rest.byte(b'T') || rest.byte(b't') {
        time = rest.time()?;
    } else {
        rest.blanks();
        if rest.0.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            time = rest.time()?;
        }
    }
    if !rest.0.is_empty() {
        zone = rest.zone()?;
    }
    rest.end()?;
    Ok(Read {
        days: checked_days(date, before)?,
        time,
        zone,
    })
}

/// Reads a timestamp; a zone behind it is read and, as in PostgreSQL, has no effect.
pub(super) fn get_timestamp(text: &str) -> Result<i64, Bad> {
    let text = text.trim();
    if let Some(special) = special(text) {
        return Ok(special_instant(&special));
    }
    let read = read(text)?;
    local(&read)
}

fn special_instant(special: &Special) -> i64 {
    match special {
        Special::Epoch => -EPOCH_DAYS * DAY,
        Special::Infinity => i64::MAX,
        Special::MinusInfinity => i64::MIN,
    }
}

fn local(read: &Read) -> Result<i64, Bad> {
    read.days
        .checked_mul(DAY)
        .and_then(|days| days.checked_add(read.time))
        .ok_or(Bad::Range)
}

/// Reads a timestamptz; without a zone of its own it is local to the session's.
pub(super) fn get_timestamptz(text: &str, session: Option<&TimeZone>) -> Result<i64, Bad> {
    let text = text.trim();
    if let Some(special) = special(text) {
        return Ok(special_instant(&special));
    }
    let read = read(text)?;
    let time = local(&read)?;
    match (&read.zone, session) {
        (Zone::Offset(offset), _) => time.checked_sub(offset * SECOND).ok_or(Bad::Range),
        (Zone::Named(zone), _) | (Zone::None, Some(zone)) => Ok(to_instant(time, zone)),
        (Zone::None, None) => Ok(time),
    }
}

/// Reads an interval: `1 year 2 mons 3 days 04:05:06`, `90 minutes ago`, `P1Y2M3DT4H5M6S`.
pub(super) fn get_interval(text: &str) -> Result<Interval, Bad> {
    let text = text.trim();
    let mut sum = Sum::default();
    if text.starts_with(['P', 'p']) {
        sum.iso(text)?;
    } else {
        sum.words(text)?;
    }
    sum.interval()
}

#[derive(Default)]
struct Sum {
    months: i64,
    days: i64,
    micros: i64,
}

impl Sum {
    fn add(&mut self, count: i64, fraction: i64, unit: &str) -> Result<(), Bad> {
        let lower = unit.to_ascii_lowercase();
        let micros = |size: i64| {
            // The fraction is in millionths of the unit.
            let part = i128::from(fraction) * i128::from(size) / i128::from(SECOND);
            i64::try_from(i128::from(count) * i128::from(size) + part).map_err(|_| Bad::Range)
        };
        let months = |size: i64| {
            let part = fraction * size / SECOND;
            count
                .checked_mul(size)
                .and_then(|n| n.checked_add(part))
                .ok_or(Bad::Range)
        };
        let (months, days, small) = match lower.as_str() {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => (0, 0, count),
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => (0, 0, micros(1000)?),
            "second" | "seconds" | "sec" | "secs" | "s" => (0, 0, micros(SECOND)?),
            "minute" | "minutes" | "min" | "mins" | "m" => (0, 0, micros(MINUTE)?),
            "hour" | "hours" | "hr" | "hrs" | "h" => (0, 0, micros(HOUR)?),
            "day" | "days" | "d" => (0, count, fraction * (DAY / SECOND)),
            "week" | "weeks" | "w" => {
                let days = count.checked_mul(7).ok_or(Bad::Range)?;
                let part = fraction * 7;
                (
                    0,
                    days.saturating_add(part / SECOND),
                    part % SECOND * (DAY / SECOND),
                )
            }
            "month" | "months" | "mon" | "mons" => {
                let days = fraction * 30;
                (count, days / SECOND, days % SECOND * (DAY / SECOND))
            }
            "year" | "years" | "yr" | "yrs" | "y" => (months(12)?, 0, 0),
            "decade" | "decades" | "dec" | "decs" => (months(120)?, 0, 0),
            "century" | "centuries" | "cent" | "c" => (months(1200)?, 0, 0),
            _ => return Err(Bad::Form),
        };
        self.months = self.months.checked_add(months).ok_or(Bad::Range)?;
        self.days = self.days.checked_add(days).ok_or(Bad::Range)?;
        self.micros = self.micros.checked_add(small).ok_or(Bad::Range)?;
        Ok(())
    }

    fn words(&mut self, text: &str) -> Result<(), Bad> {
        let mut rest = Text(text);
        rest.byte(b'@');
        rest.blanks();
        let mut any = false;
        while !rest.0.is_empty() {
            if any && rest.0.eq_ignore_ascii_case("ago") {
                self.months = self.months.saturating_neg();
                self.days = self.days.saturating_neg();
                self.micros = self.micros.checked_neg().ok_or(Bad::Range)?;
                return Ok(());
            }
            let negative = rest.0.starts_with('-');
            let sign = if negative { -1 } else { 1 };
            let count = rest.signed()?;
            if rest.byte(b':') {
                let minutes = rest.number()?;
                let (seconds, fraction) = if rest.byte(b':') {
                    (rest.number()?, rest.fraction())
                } else {
                    (0, 0)
                };
                if minutes > 59 || seconds > 59 {
                    return Err(Bad::Range);
                }
                self.add(count, 0, "hour")?;
                self.add(sign * minutes, 0, "minute")?;
                self.add(sign * seconds, sign * fraction, "second")?;
            } else {
                let fraction = sign * rest.fraction();
                rest.blanks();
                let unit = rest.while_(|c| c.is_ascii_alphabetic());
                // A number alone is seconds.
                let unit = if unit.is_empty() && rest.0.is_empty() {
                    "second"
                } else {
                    unit
                };
                self.add(count, fraction, unit)?;
            }
            any = true;
            rest.0 = rest.0.trim_start_matches([' ', ',', '\t', '\n']);
        }
        if any { Ok(()) } else { Err(Bad::Form) }
    }

    fn iso(&mut self, text: &str) -> Result<(), Bad> {
        let mut rest = Text(text.get(1..).unwrap_or_default());
        let (mut in_time, mut any) = (false, false);
        while !rest.0.is_empty() {
            if !in_time && (rest.byte(b'T') || rest.byte(b't')) {
                in_time = true;
                continue;
            }
            let sign = if rest.0.starts_with('-') { -1 } else { 1 };
            let count = rest.signed()?;
            let fraction = sign * rest.fraction();
            let unit = rest
                .while_(|c| c.is_ascii_alphabetic())
                .to_ascii_uppercase();
            let unit = match (unit.as_str(), in_time) {
                ("Y", false) => "year",
                ("M", false) => "month",
                ("W", false) => "week",
                ("D", false) => "day",
                ("DT", false) => {
                    in_time = true;
                    "day"
                }
                ("YT", false) => {
                    in_time = true;
                    "year"
                }
                ("MT", false) => {
                    in_time = true;
                    "month"
                }
                ("WT", false) => {
                    in_time = true;
                    "week"
                }
                ("H", true) => "hour",
                ("M", true) => "minute",
                ("S", true) => "second",
                _ => return Err(Bad::Form),
            };
            self.add(count, fraction, unit)?;
            any = true;
        }
        if any { Ok(()) } else { Err(Bad::Form) }
    }

    fn interval(&self) -> Result<Interval, Bad> {
        Ok(Interval {
            months: i32::try_from(self.months).map_err(|_| Bad::Range)?,
            days: i32::try_from(self.days).map_err(|_| Bad::Range)?,
            microseconds: self.micros,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_read_and_shown_as_in_postgresql() {
        let cases = [
            ("2000-01-01", 0, "2000-01-01"),
            ("1999-12-31", -1, "1999-12-31"),
            ("20260131", 9527, "2026-01-31"),
            ("2026/1/31", 9527, "2026-01-31"),
            ("2024-02-29 23:00:00+05", 8825, "2024-02-29"),
            ("infinity", i32::MAX, "infinity"),
            ("-Infinity", i32::MIN, "-infinity"),
            ("epoch", -10_957, "1970-01-01"),
            ("0001-01-01 BC", -730_485, "0001-01-01 BC"),
            ("4714-11-24 BC", -2_451_545, "4714-11-24 BC"),
            ("5874897-12-31", 2_145_031_948, "5874897-12-31"),
        ];
        for (text, days, back) in cases {
            assert_eq!(get_date(text), Ok(days), "{text}");
            assert_eq!(shown(|out| put_date(out, days)), back);
        }
        let wrong = [
            ("2023-02-29", Bad::Range),
            ("2023-13-01", Bad::Range),
            ("0000-01-01", Bad::Range),
            ("5874898-01-01", Bad::Range),
            ("4714-01-01 BC", Bad::Range),
            ("31-01-2026", Bad::Form),
            ("today's", Bad::Form),
            ("", Bad::Form),
            ("2026-01", Bad::Form),
            ("2026-01-31x", Bad::Form),
        ];
        for (text, bad) in wrong {
            assert_eq!(get_date(text), Err(bad), "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_and_shown_as_in_postgresql() {
        let cases = [
            ("2000-01-01 00:00:00", 0, "2000-01-01 00:00:00"),
            (
                "2000-01-01T00:00:00.000001Z",
                1,
                "2000-01-01 00:00:00.000001",
            ),
            ("1999-12-31 23:59:59.5", -500_000, "1999-12-31 23:59:59.5"),
            ("2000-01-01 24:00", DAY, "2000-01-02 00:00:00"),
            ("2000-01-02", DAY, "2000-01-02 00:00:00"),
            (
                "2000-01-01 01:02:03.1234567",
                3_723_123_457,
                "2000-01-01 01:02:03.123457",
            ),
            ("infinity", i64::MAX, "infinity"),
        ];
        for (text, value, back) in cases {
            assert_eq!(get_timestamp(text), Ok(value), "{text}");
            assert_eq!(shown(|out| put_timestamp(out, value)), back);
        }
        assert_eq!(get_timestamp("2000-01-01 25:00"), Err(Bad::Range));
        assert_eq!(get_timestamp("2000-01-01 10:61"), Err(Bad::Range));
        assert_eq!(get_timestamp("2000-01-01 10"), Err(Bad::Form));
    }

    #[test]
    fn instants_know_zones() {
        let berlin = zone("Europe/Berlin").unwrap();
        let cases = [
            (
                "2026-07-01 12:00:00+02",
                "2026-07-01 12:00:00+02",
                "2026-07-01 10:00:00+00",
            ),
            (
                "2026-01-01 12:00:00",
                "2026-01-01 12:00:00+01",
                "2026-01-01 11:00:00+00",
            ),
            (
                "2026-01-01 12:00 America/New_York",
                "2026-01-01 18:00:00+01",
                "2026-01-01 17:00:00+00",
            ),
            (
                "2026-01-01 12:00:00-0530",
                "2026-01-01 18:30:00+01",
                "2026-01-01 17:30:00+00",
            ),
            (
                "2026-01-01 12:00:00 UTC",
                "2026-01-01 13:00:00+01",
                "2026-01-01 12:00:00+00",
            ),
            // The hour that is not there, and the one that is twice.
            (
                "2026-03-29 02:30:00",
                "2026-03-29 03:30:00+02",
                "2026-03-29 01:30:00+00",
            ),
            (
                "2026-10-25 02:30:00",
                "2026-10-25 02:30:00+01",
                "2026-10-25 01:30:00+00",
            ),
        ];
        for (text, local, utc) in cases {
            let at = get_timestamptz(text, Some(&berlin)).unwrap();
            assert_eq!(
                shown(|out| put_timestamptz(out, at, Some(&berlin))),
                local,
                "{text}"
            );
            assert_eq!(shown(|out| put_timestamptz(out, at, None)), utc, "{text}");
        }
        assert_eq!(
            get_timestamptz("2026-01-01 12:00 Nowhere/Land", None),
            Err(Bad::Form)
        );
        let india = zone("Asia/Kolkata").unwrap();
        assert_eq!(
            shown(|out| put_timestamptz(out, 0, Some(&india))),
            "2000-01-01 05:30:00+05:30"
        );
    }

    #[test]
    fn intervals_are_read_and_shown_as_in_postgresql() {
        let cases = [
            (
                "1 year 2 mons 3 days 04:05:06.7",
                (14, 3, 14_706_700_000),
                "1 year 2 mons 3 days 04:05:06.7",
            ),
            ("-1 day +02:00:00", (0, -1, 2 * HOUR), "-1 days +02:00:00"),
            ("90 minutes", (0, 0, 90 * MINUTE), "01:30:00"),
            ("1.5 hours", (0, 0, 90 * MINUTE), "01:30:00"),
            ("1 day ago", (0, -1, 0), "-1 days"),
            ("@ 2 weeks", (0, 14, 0), "14 days"),
            ("0", (0, 0, 0), "00:00:00"),
            ("-00:00:01", (0, 0, -SECOND), "-00:00:01"),
            (
                "P1Y2M3DT4H5M6.5S",
                (14, 3, 4 * HOUR + 5 * MINUTE + 6_500_000),
                "1 year 2 mons 3 days 04:05:06.5",
            ),
            ("PT36H", (0, 0, 36 * HOUR), "36:00:00"),
            ("1 days, 0:00:01", (0, 1, SECOND), "1 day 00:00:01"),
            ("-1.5 seconds", (0, 0, -1_500_000), "-00:00:01.5"),
        ];
        for (text, (months, days, microseconds), back) in cases {
            let expected = Interval {
                months,
                days,
                microseconds,
            };
            assert_eq!(get_interval(text), Ok(expected), "{text}");
            assert_eq!(shown(|out| put_interval(out, expected)), back);
        }
        for bad in ["", "ago", "1 fortnight", "P", "one day", "1 day x"] {
            assert_eq!(get_interval(bad), Err(Bad::Form), "{bad}");
        }
        assert_eq!(get_interval("999999999999 years"), Err(Bad::Range));
    }

    proptest! {
        #[test]
        fn days_and_dates_are_one_to_one(count in DATES) {
            let (year, month, day) = date(count);
            prop_assert_eq!(days(year, month, day), count);
        }

        #[test]
        fn timestamps_come_back(value in any::<i64>()) {
            let text = shown(|out| put_timestamp(out, value));
            if DATES.contains(&value.div_euclid(DAY)) {
                prop_assert_eq!(get_timestamp(&text), Ok(value));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}", iso in "[-+0-9: TPYMDHSz.]{0,30}") {
            for text in [&text, &iso] {
                let _ = (get_date(text), get_time(text), get_interval(text));
                let _ = (get_timestamp(text), get_timestamptz(text, None));
            }
        }

        #[test]
        fn any_interval_is_shown_and_read_back(months in any::<i32>(), days in any::<i32>(), microseconds in -HOUR * 1_000_000..HOUR * 1_000_000) {
            let value = Interval { months, days, microseconds };
            let text = shown(|out| put_interval(out, value));
            prop_assert_eq!(get_interval(&text), Ok(value), "{}", text);
        }
    }
}
