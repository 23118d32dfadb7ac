//! Dates and times as they are read.

use jiff::tz::TimeZone;

use crate::server::format::datetime::calendar::{DATES, days, days_in_month};
use crate::server::format::datetime::free;
use crate::server::format::datetime::zone::{to_instant, zone};
use crate::server::format::datetime::{Bad, DAY, EPOCH_DAYS, HOUR, MINUTE, SECOND};

/// What is left of a text, taken from the front.
pub(super) struct Text<'a>(pub(super) &'a str);

impl<'a> Text<'a> {
    pub(super) fn blanks(&mut self) {
        self.0 = self.0.trim_start();
    }

    pub(super) fn byte(&mut self, wanted: u8) -> bool {
        let found = self.0.as_bytes().first() == Some(&wanted);
        if found {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        found
    }

    pub(super) fn while_(&mut self, good: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !good(c)).unwrap_or(self.0.len());
        let (head, tail) = self.0.split_at(end);
        self.0 = tail;
        head
    }

    pub(super) fn digits(&mut self) -> &'a str {
        self.while_(|c| c.is_ascii_digit())
    }

    pub(super) fn number(&mut self) -> Result<i64, Bad> {
        whole(self.digits())
    }

    pub(super) fn signed(&mut self) -> Result<i64, Bad> {
        let negative = self.byte(b'-');
        if !negative {
            self.byte(b'+');
        }
        let number = self.number()?;
        Ok(if negative { -number } else { number })
    }

    /// `.123456`, as microseconds; more digits are rounded.
    pub(super) fn fraction(&mut self) -> i64 {
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

    /// `2026-01-31`, `20260131`, or `01/31/2026`: what comes first with one or two digits is the month
    /// (DateStyle `ISO, MDY`). The year is as of AD.
    fn date(&mut self) -> Result<(i64, i64, i64), Bad> {
        let first = self.digits();
        let separator = [b'-', b'/'].into_iter().find(|s| self.byte(*s));
        let (year, month, day) = if let Some(separator) = separator {
            let second = self.digits();
            if !self.byte(separator) {
                return Err(Bad::Form);
            }
            let third = self.digits();
            match first.len() {
                0..=2 => (third, first, second),
                _ => (first, second, third),
            }
        } else if first.len() == 8 {
            let (year, rest) = first.split_at(4);
            let (month, day) = rest.split_at(2);
            (year, month, day)
        } else {
            return Err(Bad::Form);
        };
        if year.len() < 3 || year.len() > 7 {
            return Err(Bad::Form);
        }
        Ok((whole(year)?, whole(month)?, whole(day)?))
    }

    /// `12:34:56.789`, `12:34`, `11:34 pm`; at most 24:00:00.
    fn time(&mut self) -> Result<i64, Bad> {
        let mut hours = self.number()?;
        if !self.byte(b':') {
            return Err(Bad::Form);
        }
        let minutes = self.number()?;
        let (seconds, fraction) = if self.byte(b':') {
            (self.number()?, self.fraction())
        } else {
            (0, 0)
        };
        if let Some(afternoon) = self.half_of_day() {
            if !(1..=12).contains(&hours) {
                return Err(Bad::Range);
            }
            hours = hours % 12 + if afternoon { 12 } else { 0 };
        }
        if hours > 24 || minutes > 59 || seconds > 60 {
            return Err(Bad::Range);
        }
        let all = hours * HOUR + minutes * MINUTE + seconds * SECOND + fraction;
        if all > DAY { Err(Bad::Range) } else { Ok(all) }
    }

    /// `am` or `pm`.
    fn half_of_day(&mut self) -> Option<bool> {
        let rest = self.0.trim_start();
        let (word, behind) = rest.split_at_checked(2)?;
        // Zones begin with letters, too.
        if behind.starts_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        let afternoon = word.eq_ignore_ascii_case("pm");
        if !afternoon && !word.eq_ignore_ascii_case("am") {
            return None;
        }
        self.0 = behind;
        Some(afternoon)
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
        let part = |at| digits.get(at..at + 2).map_or(Ok(0), whole);
        let (hours, mut minutes, mut seconds) = match digits.len() {
            1 | 2 => (whole(digits)?, 0, 0),
            4 | 6 => (part(0)?, part(2)?, part(4)?),
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

    pub(super) fn end(&mut self) -> Result<(), Bad> {
        self.blanks();
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Bad::Form)
        }
    }
}

fn whole(digits: &str) -> Result<i64, Bad> {
    if digits.is_empty() {
        return Err(Bad::Form);
    }
    digits.parse().map_err(|_| Bad::Range)
}

#[derive(Clone, Default)]
pub(super) enum Zone {
    #[default]
    None,
    Offset(i64),
    Named(TimeZone),
}

pub(super) fn checked_days((year, month, day): (i64, i64, i64), before: bool) -> Result<i64, Bad> {
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
pub(crate) fn get_date(text: &str) -> Result<i32, Bad> {
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

/// Reads a time of day; a date before it and a zone behind it have no effect.
pub(crate) fn get_time(text: &str) -> Result<i64, Bad> {
    let text = text.trim();
    let mut rest = Text(text);
    match rest.time() {
        Ok(time) => match rest.zone() {
            // Which offset a zone has depends on the day.
            Ok(Zone::None | Zone::Offset(_)) if rest.end().is_ok() => Ok(time),
            _ => time_of(text),
        },
        Err(Bad::Form) => match in_order(text) {
            Ok(read) => read.time.ok_or(Bad::Form),
            Err(_) => time_of(text),
        },
        Err(_) => time_of(text),
    }
}

fn time_of(text: &str) -> Result<i64, Bad> {
    let with_date = free::read(text, false).ok().and_then(|read| read.time);
    match with_date {
        Some(time) => Ok(time),
        None => free::read(text, true)?.time.ok_or(Bad::Form),
    }
}

pub(super) struct Read {
    pub(super) days: i64,
    pub(super) time: Option<i64>,
    pub(super) zone: Zone,
}

/// Most come in one order of fields.
fn read(text: &str) -> Result<Read, Bad> {
    in_order(text).or_else(|_| free::read(text, false))
}

fn in_order(text: &str) -> Result<Read, Bad> {
    let mut rest = Text(text);
    let before = rest.era();
    let date = rest.date()?;
    let (mut time, mut zone) = (None, Zone::None);
    if rest.byte(b'T') || rest.byte(b't') {
        time = Some(rest.time()?);
    } else {
        rest.blanks();
        if rest.0.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            time = Some(rest.time()?);
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
pub(crate) fn get_timestamp(text: &str) -> Result<i64, Bad> {
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
        .and_then(|days| days.checked_add(read.time.unwrap_or(0)))
        .ok_or(Bad::Range)
}

/// Reads a timestamptz; without a zone of its own it is local to the session's.
pub(crate) fn get_timestamptz(text: &str, session: Option<&TimeZone>) -> Result<i64, Bad> {
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
