//! Dates and times in whatever order their fields come: `Jan 5, 2024 4:05 PM PST`. As PostgreSQL's
//! `ParseDateTime` and `DecodeDateTime` (datetime.c), with DateStyle `ISO, MDY`.

use crate::server::format::datetime::abbreviation::{Abbreviated, abbreviated};
use crate::server::format::datetime::calendar::days;
use crate::server::format::datetime::read::{Read, Zone, checked_days};
use crate::server::format::datetime::zone::zone;
use crate::server::format::datetime::{Bad, DAY, EPOCH_DAYS, HOUR, MINUTE, SECOND};

/// What a field looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Number,
    Word,
    Date,
    Time,
    Zone,
}

struct Field {
    kind: Kind,
    /// In small letters.
    text: String,
}

/// The most that PostgreSQL takes.
const MAX_FIELDS: usize = 25;

const YEAR: u8 = 1;
const MONTH: u8 = 2;
const DAY_: u8 = 4;
const DATE: u8 = YEAR | MONTH | DAY_;
const TIME: u8 = 8;
const ZONE: u8 = 16;
const ERA: u8 = 32;
const HALF: u8 = 64;
const WEEKDAY: u8 = 128;

/// The parts of a text that belong together.
fn fields(text: &str) -> Result<Vec<Field>, Bad> {
    let lower = text.to_ascii_lowercase();
    let mut rest = lower.as_str();
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
        let Some(first) = rest.chars().next() else {
            return Ok(found);
        };
        let (kind, length) = match first {
            '0'..='9' => digits_first(rest),
            '.' => (Kind::Number, run(rest, 1, |c| c.is_ascii_digit())),
            'a'..='z' => letters_first(rest),
            '+' | '-' => {
                let tail = rest.get(1..).unwrap_or_default().trim_start();
                match tail.chars().next() {
                    Some('0'..='9') => {
                        let good = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | '-');
                        let length = run(tail, 0, good);
                        let (digits, behind) = tail.split_at(length);
                        found.push(Field {
                            kind: Kind::Zone,
                            text: format!("{first}{digits}"),
                        });
                        rest = behind;
                        continue;
                    }
                    _ => return Err(Bad::Form),
                }
            }
            c if c.is_ascii_punctuation() => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            _ => return Err(Bad::Form),
        };
        let (field, behind) = rest.split_at(length);
        found.push(Field {
            kind,
            text: field.to_owned(),
        });
        rest = behind;
        if found.len() > MAX_FIELDS {
            return Err(Bad::Form);
        }
    }
}

/// How far such characters go from a place on.
fn run(text: &str, from: usize, good: impl Fn(char) -> bool) -> usize {
    let tail = text.get(from..).unwrap_or_default();
    from.saturating_add(tail.find(|c| !good(c)).unwrap_or(tail.len()))
}

fn digits_first(text: &str) -> (Kind, usize) {
    let digit = |c: char| c.is_ascii_digit();
    let end = run(text, 0, digit);
    let at = |place: usize| text.get(place..).and_then(|t| t.chars().next());
    match at(end) {
        Some(':') => (
            Kind::Time,
            run(text, end, |c| digit(c) || c == ':' || c == '.'),
        ),
        Some(separator @ ('-' | '/' | '.')) => {
            let second = end.saturating_add(1);
            if !at(second).is_some_and(digit) {
                let good = |c: char| c.is_ascii_alphanumeric() || c == separator;
                return (Kind::Date, run(text, second, good));
            }
            let behind = run(text, second, digit);
            if at(behind) == Some(separator) {
                return (
                    Kind::Date,
                    run(text, behind, |c| digit(c) || c == separator),
                );
            }
            match separator {
                '.' => (Kind::Number, behind),
                _ => (Kind::Date, behind),
            }
        }
        _ => (Kind::Number, end),
    }
}

fn letters_first(text: &str) -> (Kind, usize) {
    let end = run(text, 0, |c| c.is_ascii_lowercase());
    let (word, tail) = text.split_at(end);
    let is_date = match tail.chars().next() {
        Some('-' | '/' | '.') => true,
        Some(c) if c == '+' || c.is_ascii_digit() => matches!(meaning(word), Word::Unknown),
        _ => false,
    };
    if !is_date {
        return (Kind::Word, end);
    }
    let good =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '/' | '_' | '.' | ':');
    (Kind::Date, run(text, end, good))
}

enum Word {
    Unknown,
    Nothing,
    Month(i64),
    Weekday,
    Afternoon(bool),
    BeforeChrist(bool),
    Midnight,
    Separator,
    Julian,
    /// What is known and not done here.
    Other,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// What a word means, zones apart.
fn meaning(word: &str) -> Word {
    let month = MONTHS
        .iter()
        .position(|m| word == *m || m.get(..3) == Some(word))
        .or_else(|| (word == "sept").then_some(8));
    if let Some(month) = month {
        return Word::Month(i64::try_from(month).unwrap_or(0).saturating_add(1));
    }
    match word {
        "at" | "on" => Word::Nothing,
        "sunday" | "sun" | "monday" | "mon" | "tuesday" | "tue" | "tues" | "wednesday" | "wed"
        | "weds" | "thursday" | "thu" | "thur" | "thurs" | "friday" | "fri" | "saturday"
        | "sat" => Word::Weekday,
        "am" => Word::Afternoon(false),
        "pm" => Word::Afternoon(true),
        "ad" => Word::BeforeChrist(false),
        "bc" => Word::BeforeChrist(true),
        "allballs" => Word::Midnight,
        "t" => Word::Separator,
        "j" | "jd" | "julian" => Word::Julian,
        "d" | "dow" | "doy" | "dst" | "epoch" | "h" | "infinity" | "isodow" | "isoyear" | "m"
        | "mm" | "now" | "s" | "today" | "tomorrow" | "y" | "yesterday" => Word::Other,
        _ => Word::Unknown,
    }
}

#[derive(Default)]
struct Decoder {
    /// What there is.
    has: u8,
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    days: Option<i64>,
    time: i64,
    hour: i64,
    zone: Zone,
    two_digits: bool,
    text_month: bool,
    before_christ: bool,
    afternoon: Option<bool>,
    /// What the field before says of this one.
    next: Next,
    /// A time alone.
    time_only: bool,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Next {
    #[default]
    Any,
    Time,
    Julian,
}

/// Reads a date, a time and a zone, in any order; with `time_only` there is no date.
pub(super) fn read(text: &str, time_only: bool) -> Result<Read, Bad> {
    let fields = fields(text)?;
    let mut decoder = Decoder {
        time_only,
        ..Decoder::default()
    };
    let mut rest = fields.iter().peekable();
    while let Some(field) = rest.next() {
        let behind = rest.peek().map(|f| f.kind);
        let mask = decoder.field(field, behind)?;
        if mask & decoder.has != 0 {
            return Err(Bad::Form);
        }
        decoder.has |= mask;
    }
    decoder.whole()
}

fn number(digits: &str) -> Result<i64, Bad> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Bad::Form);
    }
    let number: i64 = digits.parse().map_err(|_| Bad::Range)?;
    i32::try_from(number).map(i64::from).map_err(|_| Bad::Range)
}

/// `.123456`, as microseconds.
fn fraction(text: &str) -> Result<i64, Bad> {
    let digits = text.strip_prefix('.').ok_or(Bad::Form)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Bad::Form);
    }
    let seconds: f64 = format!("0.{digits}0").parse().map_err(|_| Bad::Form)?;
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1 000 000")]
    Ok((seconds * 1e6).round_ties_even() as i64)
}

impl Decoder {
    fn field(&mut self, field: &Field, behind: Option<Kind>) -> Result<u8, Bad> {
        let text = field.text.as_str();
        match field.kind {
            Kind::Date => self.dashed(text),
            Kind::Time => {
                if self.next == Next::Julian {
                    return Err(Bad::Form);
                }
                self.next = Next::Any;
                self.clock(text)
            }
            Kind::Zone => {
                self.zone = Zone::Offset(offset(text)?);
                Ok(ZONE)
            }
            Kind::Number => self.number(text),
            Kind::Word => self.word(text, behind),
        }
    }

    /// Whether the date is there, or cannot be.
    fn dated(&self) -> u8 {
        if self.time_only {
            self.has | DATE
        } else {
            self.has
        }
    }

    fn dashed(&mut self, text: &str) -> Result<u8, Bad> {
        let timed = self.next != Next::Any;
        if self.next == Next::Julian {
            return Err(Bad::Form);
        }
        if !timed && self.dated() & (MONTH | DAY_) != MONTH | DAY_ {
            return self.date(text);
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) || timed {
            self.next = Next::Any;
            if self.has & TIME != 0 {
                return Err(Bad::Form);
            }
            // `hhmmss-zz`
            let at = text.find('-').ok_or(Bad::Form)?;
            let (time, zone) = text.split_at(at);
            self.zone = Zone::Offset(offset(zone)?);
            return Ok(self.run_together(time, self.dated())? | ZONE);
        }
        // Which offset a zone has depends on the day.
        if self.time_only {
            return Err(Bad::Form);
        }
        self.zone = Zone::Named(zone(text).ok_or_else(|| Bad::NoZone(text.to_owned()))?);
        Ok(ZONE)
    }

    /// `2024-jan-05` and the like.
    fn date(&mut self, text: &str) -> Result<u8, Bad> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            if rest.is_empty() {
                return Err(Bad::Form);
            }
            let digits = rest.starts_with(|c: char| c.is_ascii_digit());
            let end = run(rest, 0, |c| match digits {
                true => c.is_ascii_digit(),
                false => c.is_ascii_alphabetic(),
            });
            let (part, behind) = rest.split_at(end);
            parts.push(part);
            let separated = behind.starts_with(|c: char| !c.is_ascii_alphanumeric());
            rest = behind.get(usize::from(separated)..).unwrap_or_default();
        }
        let mut has = self.has;
        let mut add = |mask: u8| {
            let twice = has & mask != 0;
            has |= mask;
            if twice { Err(Bad::Form) } else { Ok(()) }
        };
        let is_word = |part: &&str| part.starts_with(|c: char| c.is_ascii_alphabetic());
        let (mut text_month, mut masks) = (false, 0);
        for part in parts.iter().filter(|p| is_word(p)) {
            match meaning(part) {
                Word::Nothing => {}
                Word::Month(month) => {
                    add(MONTH)?;
                    masks |= MONTH;
                    (self.month, text_month) = (month, true);
                }
                _ => return Err(Bad::Form),
            }
        }
        let mut seen = self.has | masks;
        for part in parts.iter().filter(|p| !is_word(p)) {
            let mask = self.part(part, text_month, seen)?;
            if seen & mask != 0 {
                return Err(Bad::Form);
            }
            seen |= mask;
            masks |= mask;
        }
        if seen & !ZONE != DATE {
            return Err(Bad::Form);
        }
        Ok(masks)
    }

    fn number(&mut self, text: &str) -> Result<u8, Bad> {
        match std::mem::take(&mut self.next) {
            Next::Julian => {
                let day = number(text)?;
                self.days = Some(day - 2_451_545);
                return Ok(DATE);
            }
            Next::Time => {
                let mask = self.run_together(text, self.has | DATE)?;
                return if mask == TIME {
                    Ok(mask)
                } else {
                    Err(Bad::Form)
                };
            }
            Next::Any => {}
        }
        let point = text.find('.');
        match point {
            Some(_) if self.dated() & DATE == 0 => self.date(text),
            Some(at) if at > 2 => self.run_together(text, self.dated()),
            None if self.time_only && text.len() > 4 => self.run_together(text, self.dated()),
            None if !self.time_only
                && text.len() >= 6
                && (self.has & DATE == 0 || self.has & TIME == 0) =>
            {
                self.run_together(text, self.has)
            }
            _ => self.part(text, self.text_month, self.dated()),
        }
    }

    /// A number by what there is before it.
    fn part(&mut self, text: &str, text_month: bool, has: u8) -> Result<u8, Bad> {
        let whole = text.split('.').next().unwrap_or_default();
        let value = number(whole)?;
        if whole.len() < text.len() {
            if whole.len() > 2 {
                return self.run_together(text, has | DATE);
            }
            fraction(text.get(whole.len()..).unwrap_or_default())?;
        }
        if text.len() == 3 && has & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = Some(value);
            return Ok(MONTH | DAY_);
        }
        let long = text.len() >= 3;
        let mask = match has & DATE {
            0 if long => YEAR,
            0 | YEAR => MONTH,
            MONTH if text_month && long => YEAR,
            MONTH => DAY_,
            YM if text_month && long && self.two_digits => {
                // What was taken for the year is the day.
                self.day = self.year;
                (self.year, self.two_digits) = (value, false);
                return Ok(DAY_);
            }
            YM => DAY_,
            DAY_ => MONTH,
            MD => YEAR,
            DATE => return self.run_together(text, has),
            _ => return Err(Bad::Form),
        };
        match mask {
            YEAR => {
                self.year = value;
                self.two_digits = text.len() <= 2;
            }
            MONTH => self.month = value,
            _ => self.day = value,
        }
        Ok(mask)
    }

    /// `20240105`, `040506`, `0405`.
    fn run_together(&mut self, text: &str, has: u8) -> Result<u8, Bad> {
        let (digits, micros) = match text.find('.') {
            Some(at) => {
                let (digits, tail) = text.split_at(at);
                (digits, fraction(tail)?)
            }
            None if has & DATE != DATE && text.len() >= 6 => {
                let (rest, day) = text.split_at(text.len() - 2);
                let (year, month) = rest.split_at(rest.len() - 2);
                (self.year, self.month, self.day) = (number(year)?, number(month)?, number(day)?);
                self.two_digits |= year.len() == 2;
                return Ok(DATE);
            }
            None => (text, 0),
        };
        if has & TIME != 0 {
            return Err(Bad::Form);
        }
        let two = |at: usize| digits.get(at..at + 2).map_or(Ok(0), number);
        match digits.len() {
            4 | 6 => self.at(two(0)?, two(2)?, two(4)?, micros),
            _ => Err(Bad::Form),
        }
    }

    fn clock(&mut self, text: &str) -> Result<u8, Bad> {
        let mut parts = text.splitn(3, ':');
        let hour = number(parts.next().unwrap_or_default())?;
        let second = parts.next().ok_or(Bad::Form)?;
        let with_fraction = |part: &str| {
            let at = part.find('.').unwrap_or(part.len());
            let (whole, tail) = part.split_at(at);
            let micros = if tail.is_empty() { 0 } else { fraction(tail)? };
            Ok((number(whole)?, micros))
        };
        match parts.next() {
            Some(third) => {
                let (seconds, micros) = with_fraction(third)?;
                self.at(hour, number(second)?, seconds, micros)
            }
            None if second.contains('.') => {
                let (seconds, micros) = with_fraction(second)?;
                self.at(0, hour, seconds, micros)
            }
            None => self.at(hour, number(second)?, 0, 0),
        }
    }

    fn at(&mut self, hour: i64, minute: i64, second: i64, micros: i64) -> Result<u8, Bad> {
        if minute > 59 || second > 60 {
            return Err(Bad::Range);
        }
        self.hour = hour;
        self.time = hour * HOUR + minute * MINUTE + second * SECOND + micros;
        // Whether it is more than a day is known once there is `am` or `pm`.
        Ok(TIME)
    }

    fn word(&mut self, word: &str, behind: Option<Kind>) -> Result<u8, Bad> {
        if let Some(found) = zone_word(word) {
            self.zone = found;
            return Ok(ZONE);
        }
        Ok(match meaning(word) {
            Word::Nothing => 0,
            Word::Weekday => WEEKDAY,
            Word::Month(_) if self.time_only => return Err(Bad::Form),
            Word::Month(month) => {
                // The number before it was the day.
                let day = self.has & MONTH != 0
                    && !self.text_month
                    && self.has & DAY_ == 0
                    && (1..=31).contains(&self.month);
                if day {
                    self.day = self.month;
                }
                (self.month, self.text_month) = (month, true);
                if day { DAY_ } else { MONTH }
            }
            Word::Afternoon(afternoon) => {
                self.afternoon = Some(afternoon);
                HALF
            }
            Word::BeforeChrist(before) => {
                self.before_christ = before;
                ERA
            }
            Word::Midnight => {
                (self.time, self.hour, self.zone) = (0, 0, Zone::Offset(0));
                TIME | ZONE
            }
            Word::Separator => {
                let timed = matches!(behind, Some(Kind::Number | Kind::Time | Kind::Date));
                if !timed || !self.time_only && self.has & DATE != DATE {
                    return Err(Bad::Form);
                }
                self.next = Next::Time;
                0
            }
            Word::Julian if !self.time_only => {
                self.next = Next::Julian;
                0
            }
            Word::Julian | Word::Other => return Err(Bad::Form),
            Word::Unknown => {
                self.zone = match zone(word) {
                    Some(found) if !self.time_only => Zone::Named(found),
                    _ => return Err(Bad::Form),
                };
                ZONE
            }
        })
    }

    fn whole(mut self) -> Result<Read, Bad> {
        if self.next != Next::Any {
            return Err(Bad::Form);
        }
        if self.has & YEAR != 0 && self.days.is_none() {
            if self.before_christ || !self.two_digits {
                if self.year <= 0 {
                    return Err(Bad::Range);
                }
            } else {
                self.year += if self.year < 70 { 2000 } else { 1900 };
            }
        }
        let year = match self.before_christ {
            true => 1 - self.year,
            false => self.year,
        };
        if let Some(number) = self.day_of_year {
            self.days = Some(days(year, 1, 1) + number - 1);
        } else if self.days.is_none() {
            let wrong = |mask: u8, value: i64, most: i64| {
                self.has & mask != 0 && !(1..=most).contains(&value)
            };
            if wrong(MONTH, self.month, 12) || wrong(DAY_, self.day, 31) {
                return Err(Bad::Order);
            }
        }
        if self.has & DATE == DATE && self.days.is_none() {
            let date = (self.year, self.month, self.day);
            self.days = Some(checked_days(date, self.before_christ)?);
        }
        if let Some(afternoon) = self.afternoon {
            if self.hour > 12 {
                return Err(Bad::Range);
            }
            let hour = self.hour % 12 + if afternoon { 12 } else { 0 };
            self.time += (hour - self.hour) * HOUR;
        }
        let missing = match self.time_only {
            true => self.has & TIME == 0,
            false => self.has & DATE != DATE,
        };
        if missing {
            return Err(Bad::Form);
        }
        if self.time > DAY {
            return Err(Bad::Range);
        }
        Ok(Read {
            days: self.days.unwrap_or(-EPOCH_DAYS),
            time: (self.has & TIME != 0).then_some(self.time),
            zone: self.zone,
        })
    }
}

const YM: u8 = YEAR | MONTH;
const MD: u8 = MONTH | DAY_;

fn zone_word(word: &str) -> Option<Zone> {
    Some(match abbreviated(word)? {
        Abbreviated::Offset(seconds) => Zone::Offset(seconds),
        Abbreviated::Named(zone) => Zone::Named(zone),
    })
}

/// `+05:30`, `-08`, `+0530`: seconds east of UTC.
fn offset(text: &str) -> Result<i64, Bad> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').ok_or(Bad::Form)?),
    };
    let end = run(digits, 0, |c| c.is_ascii_digit());
    let (first, rest) = digits.split_at(end);
    let first: i64 = first.parse().map_err(|_| Bad::ZoneRange)?;
    let (hours, minutes, seconds, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let end = run(rest, 0, |c| c.is_ascii_digit());
            let (minutes, rest) = rest.split_at(end);
            let (seconds, rest) = match rest.strip_prefix(':') {
                Some(rest) => rest.split_at(run(rest, 0, |c| c.is_ascii_digit())),
                None => ("0", rest),
            };
            (first, number(minutes)?, number(seconds)?, rest)
        }
        None if rest.is_empty() && end > 2 => (first / 100, first % 100, 0, rest),
        None => (first, 0, 0, rest),
    };
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(Bad::ZoneRange);
    }
    if !rest.is_empty() {
        return Err(Bad::Form);
    }
    Ok(sign * (hours * 3600 + minutes * 60 + seconds))
}
