//! Dates, times and intervals by a pattern: `to_char` (DCH_to_char).

use jiff::civil::DateTime;

use crate::embedded::datetime::Interval;
use crate::embedded::dialect::Fault;
use crate::embedded::picture::keys::{Case, DAYS, Key, MONTHS, ROMAN, Word, nodes};
use crate::embedded::picture::{Node, ordinal};
use crate::error_response::SqlState;

/// What is shown.
#[derive(Clone, Debug)]
pub(in crate::embedded) enum Clock {
    /// What a clock on the wall shows, with seconds east of UTC and the zone's name, if it has a zone.
    Wall(DateTime, Option<(i64, String)>),
    Interval(Interval),
}

/// Its parts.
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    day_of_year: i64,
}

impl Parts {
    fn of(clock: &Clock) -> Self {
        match clock {
            Clock::Wall(wall, _) => Self {
                year: wall.year().into(),
                month: wall.month().into(),
                day: wall.day().into(),
                hour: wall.hour().into(),
                minute: wall.minute().into(),
                second: wall.second().into(),
                micros: (wall.subsec_nanosecond() / 1000).into(),
                day_of_year: wall.date().day_of_year().into(),
            },
            Clock::Interval(i) => Self {
                year: i.months / 12,
                month: i.months % 12,
                day: i.days,
                hour: i.micros / 3_600_000_000,
                minute: i.micros / 60_000_000 % 60,
                second: i.micros / 1_000_000 % 60,
                micros: i.micros % 1_000_000,
                day_of_year: i.months.saturating_mul(30).saturating_add(i.days),
            },
        }
    }
}

/// A number in so many places, with one more for a minus.
fn padded(n: i64, width: usize, fill: bool) -> String {
    if fill {
        n.to_string()
    } else if n < 0 {
        format!("{n:0width$}", width = width + 1)
    } else {
        format!("{n:0width$}")
    }
}

fn cased(name: &str, case: Case) -> String {
    match case {
        Case::Upper => name.to_ascii_uppercase(),
        Case::Capital => name.to_owned(),
        Case::Lower => name.to_ascii_lowercase(),
    }
}

fn not_of_interval() -> Fault {
    Fault::new(
        SqlState::INVALID_DATETIME_FORMAT,
        "invalid format specification for an interval value",
    )
}

pub(in crate::embedded) fn show(clock: &Clock, pattern: &str) -> Result<String, Fault> {
    let parts = Parts::of(clock);
    let mut out = String::new();
    for node in nodes(pattern) {
        match node {
            Node::Char(c) | Node::Quoted(c) => out.push(c),
            Node::Key(key) => {
                let shown = match clock {
                    Clock::Wall(wall, zone) => of_date(*wall, zone.as_ref(), &key),
                    Clock::Interval(_) => of_interval(&parts, &key)?,
                };
                let shown = match shown {
                    Some(shown) => shown,
                    None => of_both(&parts, &key, matches!(clock, Clock::Interval(_))),
                };
                out.push_str(&shown);
            }
        }
    }
    Ok(out)
}

/// A number with its ordinal ending.
fn number(text: String, key: &Key) -> String {
    match key.ordinal {
        Some(lower) => {
            let ending = ordinal(&text, lower);
            text + ending
        }
        None => text,
    }
}

/// The words that times and intervals share.
fn of_both(parts: &Parts, key: &Key, interval: bool) -> String {
    let twelve = match parts.hour % 12 {
        0 => 12,
        n => n,
    };
    let text = match key.word {
        Word::HalfOfDay(dots) => {
            let late = parts.hour.rem_euclid(24) >= 12;
            let late = if interval {
                parts.hour % 24 >= 12
            } else {
                late
            };
            let name = match (late, dots) {
                (true, true) => "P.M.",
                (true, false) => "PM",
                (false, true) => "A.M.",
                (false, false) => "AM",
            };
            return cased(name, key.case);
        }
        Word::Hour12 => {
            // The sign of all of it says how wide it is.
            if !key.fill && parts.hour < 0 {
                format!("{twelve:03}")
            } else {
                padded(twelve, 2, key.fill)
            }
        }
        Word::Hour24 => padded(parts.hour, 2, key.fill),
        Word::Minute => padded(parts.minute, 2, key.fill),
        Word::Second => padded(parts.second, 2, key.fill),
        Word::Fraction(digits) => {
            let unit = 10_i64.pow(6_u32.saturating_sub(digits.into()));
            let width = usize::from(digits);
            format!("{:0width$}", parts.micros / unit)
        }
        Word::SecondOfDay => {
            let seconds = parts.hour * 3600 + parts.minute * 60 + parts.second;
            seconds.to_string()
        }
        // A minus takes one of the places.
        Word::Day if !key.fill => format!("{:02}", parts.day),
        Word::DayOfYear if !key.fill => format!("{:03}", parts.day_of_year),
        Word::Day => parts.day.to_string(),
        Word::DayOfYear => parts.day_of_year.to_string(),
        Word::Month => padded(parts.month, 2, key.fill),
        Word::Quarter if parts.month == 0 => return String::new(),
        Word::Quarter => ((parts.month - 1) / 3 + 1).to_string(),
        Word::Century => {
            let century = if interval {
                parts.year / 100
            } else {
                (parts.year - 1) / 100 + 1
            };
            padded(century, 2, key.fill)
        }
        Word::YearComma => {
            let thousands = parts.year / 1000;
            format!("{thousands},{:03}", parts.year - thousands * 1000)
        }
        Word::Year(digits) => short_year(parts.year, digits, key.fill),
        Word::Roman => {
            if parts.month == 0 && parts.year == 0 {
                return String::new();
            }
            // Negative months are counted from December.
            let place = match parts.month {
                0 if parts.year >= 0 => 11,
                0 => 0,
                m if m < 0 => 12 + m,
                m => m - 1,
            };
            let name = usize::try_from(place).ok().and_then(|p| ROMAN.get(p));
            let name = cased(name.copied().unwrap_or_default(), key.case);
            return if key.fill { name } else { format!("{name:<4}") };
        }
        // `FX` means nothing here; the others were shown before.
        _ => return String::new(),
    };
    number(text, key)
}

fn short_year(year: i64, digits: u8, fill: bool) -> String {
    let kept = match digits {
        4 => year,
        3 => year % 1000,
        2 => year % 100,
        _ => return (year % 10).to_string(),
    };
    // The sign of all of it says how wide it is.
    let width = usize::from(digits) + usize::from(year < 0 && !fill);
    if fill {
        kept.to_string()
    } else {
        format!("{kept:0width$}")
    }
}

/// What only a date has.
fn of_date(wall: DateTime, zone: Option<&(i64, String)>, key: &Key) -> Option<String> {
    let date = wall.date();
    let offset = zone.map_or(0, |(offset, _)| *offset);
    let sign = if offset < 0 { '-' } else { '+' };
    let away = offset.abs();
    let name = |name: &str| {
        let name = cased(name, key.case);
        if key.fill || key.local {
            name
        } else {
            format!("{name:<9}")
        }
    };
    let short = |name: &str| cased(name.get(..3).unwrap_or_default(), key.case);
    let month = usize::try_from(date.month() - 1)
        .ok()
        .and_then(|m| MONTHS.get(m));
    let month = month.copied().unwrap_or_default();
    let weekday = date.weekday().to_sunday_zero_offset();
    let day = usize::try_from(weekday).ok().and_then(|d| DAYS.get(d));
    let day = day.copied().unwrap_or_default();
    let text = match key.word {
        Word::MonthName => return Some(name(month)),
        Word::MonthShort => return Some(short(month)),
        Word::DayName => return Some(name(day)),
        Word::DayShort => return Some(short(day)),
        Word::Era(dots) => return Some(cased(if dots { "A.D." } else { "AD" }, key.case)),
        Word::Zone => return Some(zone.map_or_else(String::new, |(_, z)| cased_zone(z, key.case))),
        Word::ZoneHour => return Some(format!("{sign}{:02}", away / 3600)),
        Word::ZoneMinute => return Some(format!("{:02}", away % 3600 / 60)),
        Word::Offset => {
            let hours = padded(away / 3600, 2, key.fill);
            let minutes = away % 3600 / 60;
            return Some(if away % 3600 == 0 {
                format!("{sign}{hours}")
            } else {
                format!("{sign}{hours}:{minutes:02}")
            });
        }
        Word::DayOfWeek => (weekday + 1).to_string(),
        Word::IsoDayOfWeek => date.weekday().to_monday_one_offset().to_string(),
        Word::IsoDayOfYear => {
            let iso = date.iso_week_date();
            let day =
                i64::from(iso.week() - 1) * 7 + i64::from(iso.weekday().to_monday_one_offset());
            padded(day, 3, key.fill)
        }
        Word::IsoWeek => padded(date.iso_week_date().week().into(), 2, key.fill),
        Word::IsoYear(digits) => short_year(date.iso_week_date().year().into(), digits, key.fill),
        Word::Week => padded(i64::from(date.day_of_year() - 1) / 7 + 1, 2, key.fill),
        Word::WeekOfMonth => ((date.day() - 1) / 7 + 1).to_string(),
        Word::Julian => {
            let since = date.duration_since(jiff::civil::date(2000, 1, 1));
            (since.as_hours() / 24 + 2_451_545).to_string()
        }
        _ => return None,
    };
    Some(number(text, key))
}

fn cased_zone(zone: &str, case: Case) -> String {
    match case {
        Case::Lower => zone.to_ascii_lowercase(),
        _ => zone.to_owned(),
    }
}

/// What an interval does not have is refused.
fn of_interval(_: &Parts, key: &Key) -> Result<Option<String>, Fault> {
    match key.word {
        Word::Era(_)
        | Word::MonthName
        | Word::MonthShort
        | Word::DayName
        | Word::DayShort
        | Word::DayOfWeek
        | Word::IsoDayOfWeek
        | Word::Zone
        | Word::ZoneHour
        | Word::ZoneMinute
        | Word::Offset => Err(not_of_interval()),
        Word::IsoDayOfYear
        | Word::IsoWeek
        | Word::IsoYear(_)
        | Word::Week
        | Word::WeekOfMonth
        | Word::Julian => Err(Fault::unsupported(format!("{} of an interval", key.name))),
        _ => Ok(None),
    }
}
