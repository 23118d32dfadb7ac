//! The words of patterns of dates and times.

use crate::embedded::picture::{Node, parse};

/// A word, by its name in capitals.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Word {
    /// `AM`, `PM`; whether with dots.
    HalfOfDay(bool),
    /// `AD`, `BC`; whether with dots.
    Era(bool),
    Century,
    DayName,
    DayShort,
    DayOfYear,
    Day,
    DayOfWeek,
    /// `FF1` to `FF6`, `MS`, `US`: how many digits.
    Fraction(u8),
    Exact,
    Hour24,
    Hour12,
    IsoDayOfYear,
    IsoDayOfWeek,
    IsoWeek,
    /// `IYYY` and shorter: how many digits.
    IsoYear(u8),
    Julian,
    Minute,
    Month,
    MonthName,
    MonthShort,
    Offset,
    Quarter,
    Roman,
    SecondOfDay,
    Second,
    ZoneHour,
    ZoneMinute,
    Zone,
    Week,
    WeekOfMonth,
    /// `Y,YYY`.
    YearComma,
    /// `YYYY` and shorter.
    Year(u8),
}

/// How letters are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Case {
    Upper,
    Capital,
    Lower,
}

/// A word with what stands before and behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Key {
    pub(super) word: Word,
    pub(super) case: Case,
    pub(super) name: &'static str,
    /// `FM`.
    pub(super) fill: bool,
    /// `TM`.
    pub(super) local: bool,
    /// `TH`, `th`: whether in lower case.
    pub(super) ordinal: Option<bool>,
}

/// In the order in which they are looked for. All are also written in small letters.
const WORDS: &[(&str, Word)] = &[
    ("A.D.", Word::Era(true)),
    ("A.M.", Word::HalfOfDay(true)),
    ("AD", Word::Era(false)),
    ("AM", Word::HalfOfDay(false)),
    ("B.C.", Word::Era(true)),
    ("BC", Word::Era(false)),
    ("CC", Word::Century),
    ("DAY", Word::DayName),
    ("DDD", Word::DayOfYear),
    ("DD", Word::Day),
    ("DY", Word::DayShort),
    ("Day", Word::DayName),
    ("Dy", Word::DayShort),
    ("D", Word::DayOfWeek),
    ("FF1", Word::Fraction(1)),
    ("FF2", Word::Fraction(2)),
    ("FF3", Word::Fraction(3)),
    ("FF4", Word::Fraction(4)),
    ("FF5", Word::Fraction(5)),
    ("FF6", Word::Fraction(6)),
    ("FX", Word::Exact),
    ("HH24", Word::Hour24),
    ("HH12", Word::Hour12),
    ("HH", Word::Hour12),
    ("IDDD", Word::IsoDayOfYear),
    ("ID", Word::IsoDayOfWeek),
    ("IW", Word::IsoWeek),
    ("IYYY", Word::IsoYear(4)),
    ("IYY", Word::IsoYear(3)),
    ("IY", Word::IsoYear(2)),
    ("I", Word::IsoYear(1)),
    ("J", Word::Julian),
    ("MI", Word::Minute),
    ("MM", Word::Month),
    ("MONTH", Word::MonthName),
    ("MON", Word::MonthShort),
    ("MS", Word::Fraction(3)),
    ("Month", Word::MonthName),
    ("Mon", Word::MonthShort),
    ("OF", Word::Offset),
    ("P.M.", Word::HalfOfDay(true)),
    ("PM", Word::HalfOfDay(false)),
    ("Q", Word::Quarter),
    ("RM", Word::Roman),
    ("SSSSS", Word::SecondOfDay),
    ("SSSS", Word::SecondOfDay),
    ("SS", Word::Second),
    ("TZH", Word::ZoneHour),
    ("TZM", Word::ZoneMinute),
    ("TZ", Word::Zone),
    ("US", Word::Fraction(6)),
    ("WW", Word::Week),
    ("W", Word::WeekOfMonth),
    ("Y,YYY", Word::YearComma),
    ("YYYY", Word::Year(4)),
    ("YYY", Word::Year(3)),
    ("YY", Word::Year(2)),
    ("Y", Word::Year(1)),
];

fn word(text: &str) -> Option<(Word, Case, &'static str)> {
    WORDS.iter().find_map(|(name, word)| {
        let head = text.get(..name.len())?;
        if head == *name {
            let mixed = name.bytes().any(|b| b.is_ascii_lowercase());
            let case = if mixed { Case::Capital } else { Case::Upper };
            return Some((*word, case, *name));
        }
        (head == name.to_ascii_lowercase()).then_some((*word, Case::Lower, *name))
    })
}

fn key(text: &str) -> (usize, Option<(Key, usize)>) {
    let two = |text: &str| text.get(..2).unwrap_or_default().to_owned();
    let prefix = two(text);
    let fill = matches!(prefix.as_str(), "FM" | "fm");
    let local = matches!(prefix.as_str(), "TM" | "tm");
    let skip = if fill || local { 2 } else { 0 };
    let rest = text.get(skip..).unwrap_or_default();
    let found = word(rest).map(|(word, case, name)| {
        let behind = rest.get(name.len()..).unwrap_or_default();
        let (ordinal, more) = match two(behind).as_str() {
            "TH" => (Some(false), 2),
            "th" => (Some(true), 2),
            "SP" => (None, 2),
            _ => (None, 0),
        };
        let key = Key {
            word,
            case,
            name,
            fill,
            local,
            ordinal,
        };
        (key, skip + name.len() + more)
    });
    (skip, found)
}

pub(super) fn nodes(pattern: &str) -> Vec<Node<Key>> {
    parse(pattern, key)
}

pub(super) const MONTHS: [&str; 12] = [
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

pub(super) const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// From January on.
pub(super) const ROMAN: [&str; 12] = [
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII",
];
