//! Intervals, in style `postgres`.

use std::io::Write;

use crate::server::format::datetime::read::Text;
use crate::server::format::datetime::write::put_fraction;
use crate::server::format::datetime::{Bad, DAY, HOUR, MINUTE, SECOND};
use crate::server::value::Interval;

/// In style `postgres`: `1 year 2 mons -3 days +04:05:06`.
pub(crate) fn put_interval(out: &mut Vec<u8>, value: Interval) {
    put_parts(
        out,
        value.months.into(),
        value.days.into(),
        value.microseconds,
    );
}

/// An interval that may be too large to be one: months, days, microseconds.
pub(crate) fn put_parts(out: &mut Vec<u8>, months: i64, days: i64, microseconds: i64) {
    let start = out.len();
    let mut negative = false;
    let parts = [(months / 12, "year"), (months % 12, "mon"), (days, "day")];
    for (count, unit) in parts {
        if count != 0 {
            let space = if out.len() > start { " " } else { "" };
            let plus = if negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(out, "{space}{plus}{count} {unit}{plural}");
            negative = count < 0;
        }
    }
    if microseconds != 0 || out.len() == start {
        if out.len() > start {
            out.push(b' ');
        }
        if microseconds < 0 {
            out.push(b'-');
        } else if negative {
            out.push(b'+');
        }
        let all = microseconds.unsigned_abs();
        let second = SECOND.unsigned_abs();
        let (h, m) = (all / (3600 * second), all / (60 * second) % 60);
        let _ = write!(out, "{h:02}:{m:02}:{:02}", all / second % 60);
        put_fraction(out, i64::try_from(all % second).unwrap_or(0));
    }
}

/// Reads an interval: `1 year 2 mons 3 days 04:05:06`, `90 minutes ago`, `P1Y2M3DT4H5M6S`.
pub(crate) fn get_interval(text: &str) -> Result<Interval, Bad> {
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
            let negative = rest.byte(b'-');
            if !negative {
                rest.byte(b'+');
            }
            let sign = if negative { -1 } else { 1 };
            // `.5 hours`
            let behind = rest.0.strip_prefix('.').unwrap_or_default();
            let whole = if behind.starts_with(|c: char| c.is_ascii_digit()) {
                0
            } else {
                rest.number()?
            };
            let count = sign * whole;
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
            // A T is no part of it: the time begins.
            let unit = rest
                .while_(|c| c.is_ascii_alphabetic() && !c.eq_ignore_ascii_case(&'T'))
                .to_ascii_uppercase();
            let unit = match (unit.as_str(), in_time) {
                ("Y", false) => "year",
                ("M", false) => "month",
                ("W", false) => "week",
                ("D", false) => "day",
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
