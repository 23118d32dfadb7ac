//! Dates and times read by a pattern: `to_date`, `to_timestamp` (DCH_from_char, do_to_timestamp).

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

use crate::embedded::datetime::out_of_range;
use crate::embedded::dialect::Fault;
use crate::embedded::picture::Node;
use crate::embedded::picture::keys::{DAYS, Key, MONTHS, ROMAN, Word, nodes};
use crate::error_response::SqlState;

fn malformed(message: String) -> Fault {
    Fault::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

/// What was read; 0 is nothing.
#[derive(Debug, Default)]
struct Fields {
    hour: i64,
    late: i64,
    twelve: bool,
    minute: i64,
    second: i64,
    second_of_day: i64,
    millis: i64,
    micros: i64,
    precision: Option<u8>,
    /// From Sunday, which is 1.
    day_of_week: i64,
    day: i64,
    day_of_year: i64,
    month: i64,
    year: i64,
    year_digits: u8,
    before: i64,
    century: i64,
    julian: i64,
    week: i64,
    week_of_month: i64,
    zone_sign: i64,
    zone_hour: i64,
    zone_minute: i64,
    /// Whether the calendar is that of ISO weeks.
    iso: Option<bool>,
}

/// What was read.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Read {
    pub(in crate::embedded) wall: DateTime,
    /// Seconds east of UTC, if they were given.
    pub(in crate::embedded) offset: Option<i64>,
    /// The digits of a second that `FF…` asks for; −1 for all.
    pub(in crate::embedded) precision: i32,
}

pub(in crate::embedded) fn read(text: &str, pattern: &str) -> Result<Read, Fault> {
    let nodes = nodes(pattern);
    let mut reader = Reader {
        all: text,
        at: 0,
        fields: Fields::default(),
        extra: 0,
        exact: false,
    };
    reader.all(&nodes)?;
    let precision = reader.fields.precision.map_or(-1, i32::from);
    let (wall, offset) = reader.fields.resolve(text)?;
    Ok(Read {
        wall,
        offset,
        precision,
    })
}

/// A separator is what is printed and no letter or digit.
fn is_separator(c: char) -> bool {
    c.is_ascii_graphic() && !c.is_ascii_alphanumeric()
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}'
}

fn is_digit(word: Word) -> bool {
    !matches!(
        word,
        Word::HalfOfDay(_)
            | Word::Era(_)
            | Word::DayName
            | Word::DayShort
            | Word::MonthName
            | Word::MonthShort
            | Word::Exact
            | Word::Offset
            | Word::Roman
            | Word::Zone
            | Word::ZoneHour
    )
}

/// Which calendar a word is of, if it is of one.
fn calendar(word: Word) -> Option<bool> {
    match word {
        Word::IsoDayOfYear | Word::IsoDayOfWeek | Word::IsoWeek | Word::IsoYear(_) => Some(true),
        Word::DayOfYear
        | Word::Day
        | Word::DayOfWeek
        | Word::Month
        | Word::MonthName
        | Word::MonthShort
        | Word::Roman
        | Word::Week
        | Word::WeekOfMonth
        | Word::YearComma
        | Word::Year(_) => Some(false),
        _ => None,
    }
}

struct Reader<'t> {
    all: &'t str,
    at: usize,
    fields: Fields,
    /// Characters passed over beyond those of the pattern.
    extra: i64,
    /// `FX`.
    exact: bool,
}

/// Sets a field once; twice to the same is no harm.
fn set(field: &mut i64, value: i64, key: &Key) -> Result<(), Fault> {
    if *field != 0 && *field != value {
        return Err(malformed(format!(
            "conflicting values for \"{}\" field in formatting string",
            key.name
        )));
    }
    *field = value;
    Ok(())
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.all.get(self.at..).unwrap_or_default()
    }

    fn skip_one(&mut self) {
        if let Some(c) = self.rest().chars().next() {
            self.at += c.len_utf8();
        }
    }

    fn spaces(&mut self) -> i64 {
        let mut count = 0;
        while self.rest().starts_with(is_space) {
            self.at += 1;
            count += 1;
        }
        count
    }

    fn all(&mut self, nodes: &[Node<Key>]) -> Result<(), Fault> {
        for (i, node) in nodes.iter().enumerate() {
            if self.rest().is_empty() {
                return Ok(());
            }
            let key = match node {
                Node::Key(key) => Some(*key),
                _ => None,
            };
            let is_exact = key.is_some_and(|k| k.word == Word::Exact);
            if !self.exact && !is_exact && (key.is_some() || i == 0) {
                self.extra += self.spaces();
            }
            match node {
                Node::Char(c) if is_space(*c) || is_separator(*c) => {
                    if self.exact {
                        self.skip_one();
                        continue;
                    }
                    self.extra -= 1;
                    if self.rest().starts_with(|c| is_space(c) || is_separator(c)) {
                        self.at += 1;
                        self.extra += 1;
                    }
                }
                Node::Char(_) | Node::Quoted(_) => {
                    if !self.exact && self.extra > 0 {
                        self.extra -= 1;
                    } else {
                        self.skip_one();
                    }
                }
                Node::Key(key) => {
                    let next = nodes.get(i + 1);
                    self.word(key, next)?;
                    if !self.exact {
                        self.extra = self.spaces();
                    }
                }
            }
        }
        Ok(())
    }

    fn word(&mut self, key: &Key, next: Option<&Node<Key>>) -> Result<(), Fault> {
        if let Some(iso) = calendar(key.word) {
            if self.fields.iso.is_some_and(|known| known != iso) {
                return Err(malformed("invalid combination of date conventions".into()));
            }
            self.fields.iso = Some(iso);
        }
        let length = key.name.len();
        match key.word {
            Word::Exact => {
                self.exact = true;
                return Ok(());
            }
            Word::HalfOfDay(dots) => {
                let names = if dots { ["a.m.", "p.m."] } else { ["am", "pm"] };
                let late = self.name(&names, key)?;
                set(&mut self.fields.late, late, key)?;
                self.fields.twelve = true;
                return Ok(());
            }
            Word::Era(dots) => {
                let names = if dots { ["a.d.", "b.c."] } else { ["ad", "bc"] };
                let before = self.name(&names, key)?;
                return set(&mut self.fields.before, before, key);
            }
            Word::MonthName => {
                let month = self.name(&MONTHS, key)?;
                return set(&mut self.fields.month, month + 1, key);
            }
            Word::MonthShort => {
                let short = MONTHS.map(|m| m.get(..3).unwrap_or_default());
                let month = self.name(&short, key)?;
                return set(&mut self.fields.month, month + 1, key);
            }
            Word::DayName | Word::DayShort => {
                let names = if key.word == Word::DayName {
                    DAYS
                } else {
                    DAYS.map(|d| d.get(..3).unwrap_or_default())
                };
                let day = self.name(&names, key)?;
                set(&mut self.fields.day_of_week, day, key)?;
                self.fields.day_of_week += 1;
                return Ok(());
            }
            Word::Roman => {
                let mut names = ROMAN;
                names.reverse();
                let place = self.name(&names, key)?;
                return set(&mut self.fields.month, 12 - place, key);
            }
            Word::Zone | Word::Offset => {
                return Err(Fault::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!(
                        "formatting field \"{}\" is only supported in to_char",
                        key.name
                    ),
                ));
            }
            Word::ZoneHour => {
                let behind_minus =
                    self.extra > 0 && self.all.get(..self.at).is_some_and(|t| t.ends_with('-'));
                self.fields.zone_sign = match self.rest().chars().next() {
                    Some('-') => -1,
                    Some('+' | ' ') => 1,
                    _ if behind_minus => -1,
                    _ => 1,
                };
                if self.rest().starts_with(['+', '-', ' ']) {
                    self.at += 1;
                }
                let (n, _) = self.number(2, key, next)?;
                return set(&mut self.fields.zone_hour, n, key);
            }
            Word::YearComma => {
                let year = self.year_with_comma()?;
                set(&mut self.fields.year, year, key)?;
                self.fields.year_digits = 4;
            }
            Word::Year(digits) | Word::IsoYear(digits) => {
                let (n, used) = self.number(length, key, next)?;
                let partial = digits < 4 && used < 4;
                set(&mut self.fields.year, n, key)?;
                if partial {
                    self.fields.year = whole_year(n);
                }
                self.fields.year_digits = digits;
            }
            Word::Fraction(digits) => {
                if key.name.starts_with("FF") {
                    self.fields.precision = Some(digits);
                }
                let (n, used) = self.number(digits.into(), key, next)?;
                // `MS` has a field of its own.
                let (field, unit) = if key.name == "MS" {
                    (&mut self.fields.millis, 3_u32)
                } else {
                    (&mut self.fields.micros, 6)
                };
                set(field, n, key)?;
                let used = u32::try_from(used).unwrap_or(0);
                *field = field.saturating_mul(10_i64.pow(unit.saturating_sub(used)));
            }
            _ => {
                let length = match key.word {
                    Word::Hour24 | Word::Hour12 | Word::ZoneMinute => 2,
                    Word::IsoDayOfYear => 3,
                    Word::IsoDayOfWeek => 1,
                    _ => length,
                };
                let (n, _) = self.number(length, key, next)?;
                let fields = &mut self.fields;
                let field = match key.word {
                    Word::Hour24 => &mut fields.hour,
                    Word::Hour12 => {
                        fields.twelve = true;
                        &mut fields.hour
                    }
                    Word::Minute => &mut fields.minute,
                    Word::Second => &mut fields.second,
                    Word::SecondOfDay => &mut fields.second_of_day,
                    Word::ZoneMinute => {
                        if fields.zone_sign == 0 {
                            fields.zone_sign = 1;
                        }
                        &mut fields.zone_minute
                    }
                    Word::Month => &mut fields.month,
                    Word::DayOfYear | Word::IsoDayOfYear => &mut fields.day_of_year,
                    Word::Day => &mut fields.day,
                    Word::DayOfWeek | Word::IsoDayOfWeek => &mut fields.day_of_week,
                    Word::Week | Word::IsoWeek => &mut fields.week,
                    Word::Century => &mut fields.century,
                    Word::WeekOfMonth => &mut fields.week_of_month,
                    Word::Julian => &mut fields.julian,
                    // A quarter is read and not heeded.
                    _ => {
                        self.ending(key);
                        return Ok(());
                    }
                };
                set(field, n, key)?;
                if key.word == Word::IsoDayOfWeek {
                    *field = if *field >= 7 { 1 } else { *field + 1 };
                }
            }
        }
        self.ending(key);
        Ok(())
    }

    /// Two characters for `TH`.
    fn ending(&mut self, key: &Key) {
        if key.ordinal.is_some() {
            self.skip_one();
            self.skip_one();
        }
    }

    /// Which of the names comes first, in any case.
    fn name(&mut self, names: &[&str], key: &Key) -> Result<i64, Fault> {
        let rest = self.rest();
        let found = names.iter().position(|name| {
            rest.get(..name.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(name))
        });
        match found.and_then(|i| names.get(i).map(|n| (i, n.len()))) {
            Some((i, length)) => {
                self.at += length;
                Ok(i64::try_from(i).unwrap_or(0))
            }
            None => {
                let given = rest.split(is_space).next().unwrap_or_default();
                Err(malformed(format!(
                    "invalid value \"{given}\" for \"{}\"",
                    shown_name(key)
                )))
            }
        }
    }

    /// A number of at most so many digits, and how many characters it took.
    fn number(
        &mut self,
        length: usize,
        key: &Key,
        next: Option<&Node<Key>>,
    ) -> Result<(i64, usize), Fault> {
        let begin = self.at;
        let before = self.rest();
        self.spaces();
        let copy: String = self.rest().chars().take(length).collect();
        let open = key.fill
            || key.ordinal.is_some()
            || match next {
                None => true,
                Some(Node::Key(next)) => !is_digit(next.word),
                Some(Node::Char(c) | Node::Quoted(c)) => !c.is_ascii_digit(),
            };
        let (n, end) = if open {
            let (n, used) = integer(before);
            (n, begin + used)
        } else {
            let remain = self.rest().len();
            if remain < length {
                return Err(malformed(format!(
                    "source string too short for \"{}\" formatting field",
                    shown_name(key)
                )));
            }
            let (n, used) = integer(&copy);
            if used > 0 && used < length {
                return Err(malformed(format!(
                    "invalid value \"{copy}\" for \"{}\"",
                    shown_name(key)
                )));
            }
            (n, self.at + used)
        };
        self.at = end;
        if end == begin {
            return Err(malformed(format!(
                "invalid value \"{copy}\" for \"{}\"",
                shown_name(key)
            )));
        }
        let n = n.filter(|n| i32::try_from(*n).is_ok()).ok_or_else(|| {
            Fault::new(
                SqlState::DATETIME_FIELD_OVERFLOW,
                format!(
                    "value for \"{}\" in source string is out of range",
                    shown_name(key)
                ),
            )
        })?;
        Ok((n, end - begin))
    }

    fn year_with_comma(&mut self) -> Result<i64, Fault> {
        let wrong = || malformed("invalid input string for \"Y,YYY\"".into());
        let (thousands, used) = integer(self.rest());
        let thousands = thousands.filter(|_| used > 0).ok_or_else(wrong)?;
        let behind = self.rest().get(used..).and_then(|t| t.strip_prefix(','));
        let behind = behind.ok_or_else(wrong)?;
        let digits = behind
            .bytes()
            .take(3)
            .take_while(u8::is_ascii_digit)
            .count();
        let years: i64 = behind
            .get(..digits)
            .and_then(|t| t.parse().ok())
            .ok_or_else(wrong)?;
        self.at += used + 1 + digits;
        thousands
            .checked_mul(1000)
            .and_then(|t| t.checked_add(years))
            .ok_or_else(wrong)
    }
}

/// As it is written in the pattern.
fn shown_name(key: &Key) -> String {
    use crate::embedded::picture::keys::Case;
    match key.case {
        Case::Lower => key.name.to_ascii_lowercase(),
        _ => key.name.to_owned(),
    }
}

/// As `strtol` reads it: blanks, a sign, digits; with the bytes it took. `None` is too large.
fn integer(text: &str) -> (Option<i64>, usize) {
    let trimmed = text.trim_start_matches(is_space);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return (Some(0), 0);
    }
    let used = text.len() - digits.len() + count;
    let number = text.get(..used).map(|t| t.trim_start_matches(is_space));
    (number.and_then(|t| t.parse().ok()), used)
}

/// Fewer than four digits: the year nearest to 2020.
fn whole_year(year: i64) -> i64 {
    match year {
        ..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

impl Fields {
    fn resolve(mut self, text: &str) -> Result<(DateTime, Option<i64>), Fault> {
        let overflow = || {
            Fault::new(
                SqlState::DATETIME_FIELD_OVERFLOW,
                format!("date/time field value out of range: \"{text}\""),
            )
        };
        let (mut hour, mut minute, mut second) = (0, 0, 0);
        if self.second_of_day != 0 {
            hour = self.second_of_day / 3600;
            minute = self.second_of_day % 3600 / 60;
            second = self.second_of_day % 60;
        }
        for (part, given) in [
            (&mut hour, self.hour),
            (&mut minute, self.minute),
            (&mut second, self.second),
        ] {
            if given != 0 {
                *part = given;
            }
        }
        if self.twelve {
            if !(1..=12).contains(&hour) {
                return Err(malformed(format!(
                    "hour \"{hour}\" is invalid for the 12-hour clock"
                )));
            }
            hour = hour % 12 + if self.late != 0 { 12 } else { 0 };
        }
        let mut year = self.given_year();
        let (mut month, mut day) = (1, 1);
        let days = |date: Date, days: i64| {
            Span::new()
                .try_days(days)
                .and_then(|span| date.checked_add(span))
                .map_err(|_| out_of_range("date"))
        };
        let iso = self.iso == Some(true);
        // The Monday of an ISO week.
        let week = |year: i64, week: i64| {
            let year = i16::try_from(year).ok().filter(|y| *y > 0);
            let fourth = year.and_then(|y| Date::new(y, 1, 4).ok());
            let fourth = fourth.ok_or_else(|| Fault::unsupported("years BC"))?;
            let back = i64::from(fourth.weekday().to_monday_zero_offset());
            days(fourth, (week - 1).saturating_mul(7) - back)
        };
        let mut whole = None;
        if self.julian != 0 {
            whole = Some(days(
                jiff::civil::date(2000, 1, 1),
                self.julian - 2_451_545,
            )?);
        }
        if self.week != 0 {
            if iso {
                let monday = week(year, self.week)?;
                // From Sunday, which is 1 and the last of an ISO week.
                whole = Some(match self.day_of_week {
                    0 => monday,
                    2.. => days(monday, self.day_of_week - 2)?,
                    _ => days(monday, 6)?,
                });
            } else {
                self.day_of_year = (self.week - 1) * 7 + 1;
            }
        }
        if let Some(date) = whole {
            year = date.year().into();
            (month, day) = (date.month().into(), date.day().into());
        }
        if self.week_of_month != 0 {
            self.day = (self.week_of_month - 1) * 7 + 1;
        }
        if self.day != 0 {
            day = self.day;
        }
        if self.month != 0 {
            month = self.month;
        }
        if self.day_of_year != 0 && (month <= 1 || day <= 1) {
            if year == 0 && self.before == 0 {
                return Err(malformed(
                    "cannot calculate day of year without year information".into(),
                ));
            }
            if iso {
                let date = days(week(year, 1)?, self.day_of_year - 1)?;
                year = date.year().into();
                (month, day) = (date.month().into(), date.day().into());
            } else {
                let year = i16::try_from(year).ok().filter(|y| *y > 0);
                let first = year.and_then(|y| Date::new(y, 1, 1).ok());
                let first = first.ok_or_else(|| Fault::unsupported("years BC"))?;
                if !(1..=i64::from(first.days_in_year())).contains(&self.day_of_year) {
                    return Err(overflow());
                }
                let date = days(first, self.day_of_year - 1)?;
                if month <= 1 {
                    month = date.month().into();
                }
                if day <= 1 {
                    day = date.day().into();
                }
            }
        }
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(overflow());
        }
        if year <= 0 {
            return Err(Fault::unsupported("years BC"));
        }
        let small = |n: i64| i8::try_from(n).ok();
        let date = i16::try_from(year)
            .map_err(|_| out_of_range("date"))
            .map(|y| {
                small(month)
                    .zip(small(day))
                    .and_then(|(m, d)| Date::new(y, m, d).ok())
            })?
            .ok_or_else(overflow)?;
        let micros = self.millis * 1000 + self.micros;
        let time = small(hour)
            .zip(small(minute))
            .zip(small(second))
            .zip(i32::try_from(micros.saturating_mul(1000)).ok())
            .and_then(|(((h, m), s), n)| Time::new(h, m, s, n).ok())
            .ok_or_else(overflow)?;
        let zone = (self.zone_sign != 0)
            .then(|| self.zone_sign * (self.zone_hour * 3600 + self.zone_minute * 60));
        let good = (0..=15).contains(&self.zone_hour) && (0..60).contains(&self.zone_minute);
        if !good {
            return Err(Fault::new(
                SqlState::new("22009").unwrap_or(SqlState::DATETIME_FIELD_OVERFLOW),
                format!("time zone displacement out of range: \"{text}\""),
            ));
        }
        Ok((date.to_datetime(time), zone))
    }

    /// By the year, the century, or both; 0 is none.
    fn given_year(&self) -> i64 {
        let century = if self.before != 0 {
            -self.century
        } else {
            self.century
        };
        if self.year != 0 {
            if century == 0 || self.year_digits > 2 {
                let year = if self.before != 0 {
                    -self.year
                } else {
                    self.year
                };
                return if year < 0 { year + 1 } else { year };
            }
            return match (self.year % 100, century >= 0) {
                (0, true) => century * 100,
                (0, false) => century * 100 + 1,
                (year, true) => year + (century - 1) * 100,
                (year, false) => (century + 1) * 100 - year + 1,
            };
        }
        match century {
            0 => 0,
            1.. => (century - 1) * 100 + 1,
            _ => century * 100 + 1,
        }
    }
}
