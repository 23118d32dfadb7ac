//! Dates, times and intervals that are made of parts, and the time between them.

use jiff::civil::{Date, DateTime};
use rusqlite::types::{Value, ValueRef};

use crate::embedded::context;
use crate::embedded::convert::real;
use crate::embedded::datetime::{self, DAY, Interval};
use crate::embedded::dialect::Fault;
use crate::embedded::functions::{Table, integer, text, value};
use crate::error_response::SqlState;

const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;

pub(super) const FUNCTIONS: Table = &[
    ("pg_make_date", 3, |a| {
        Ok(Value::Text(datetime::show_date(date(a)?)))
    }),
    ("pg_make_time", 3, |a| {
        Ok(Value::Text(datetime::show_time(time(a, 0)?)))
    }),
    ("pg_make_timestamp", 6, |a| {
        Ok(Value::Text(datetime::show_timestamp(wall(a)?)?))
    }),
    ("pg_make_timestamptz", -1, |a| {
        let zone = if a.len() > 6 {
            super::time::zone(&text(a, 6))?
        } else {
            context::zone()
        };
        let micros = datetime::in_zone(datetime::from_micros(wall(a)?)?, &zone)?;
        Ok(Value::Text(datetime::keep_timestamptz(micros)?))
    }),
    // Years, months, weeks, days, hours, minutes, seconds.
    ("pg_make_interval", 7, |a| {
        let range = || datetime::out_of_range("interval");
        let n = |i| integer(a, i);
        let seconds = (real(value(a, 6))? * 1e6).round_ties_even();
        if !(-9e18..9e18).contains(&seconds) {
            return Err(range());
        }
        let micros = n(4)
            .checked_mul(HOUR)
            .and_then(|t| t.checked_add(n(5).checked_mul(MINUTE)?))
            .and_then(|t| t.checked_add(seconds as i64));
        let months = n(0) * 12 + n(1);
        let days = n(2) * 7 + n(3);
        if i32::try_from(months).is_err() || i32::try_from(days).is_err() {
            return Err(range());
        }
        Ok(Value::Text(
            Interval {
                months,
                days,
                micros: micros.ok_or_else(range)?,
            }
            .show(),
        ))
    }),
    ("pg_justify_hours", 1, |a| {
        let mut i = Interval::parse(&text(a, 0))?;
        i.days += i.micros / DAY;
        i.micros %= DAY;
        Ok(Value::Text(whole_days(i).show()))
    }),
    ("pg_justify_days", 1, |a| {
        let mut i = Interval::parse(&text(a, 0))?;
        i.months += i.days / 30;
        i.days %= 30;
        if i.months > 0 && i.days < 0 {
            (i.days, i.months) = (i.days + 30, i.months - 1);
        } else if i.months < 0 && i.days > 0 {
            (i.days, i.months) = (i.days - 30, i.months + 1);
        }
        Ok(Value::Text(i.show()))
    }),
    ("pg_justify_interval", 1, |a| {
        let mut i = Interval::parse(&text(a, 0))?;
        i.days += i.micros / DAY;
        i.micros %= DAY;
        i.months += i.days / 30;
        i.days %= 30;
        let (below, above) = ((i.days, i.micros) < (0, 0), (i.days, i.micros) > (0, 0));
        if i.months > 0 && below {
            (i.days, i.months) = (i.days + 30, i.months - 1);
        } else if i.months < 0 && above {
            (i.days, i.months) = (i.days - 30, i.months + 1);
        }
        Ok(Value::Text(whole_days(i).show()))
    }),
    ("pg_age_s", 2, |a| {
        let at = |i| datetime::parse_timestamp(&text(a, i)).and_then(datetime::from_micros);
        Ok(Value::Text(age(at(0)?, at(1)?).show()))
    }),
    ("pg_age_z", 2, |a| {
        let zone = context::zone();
        let at =
            |i| datetime::parse_timestamptz(&text(a, i)).and_then(|m| datetime::wall(m, &zone));
        Ok(Value::Text(age(at(0)?, at(1)?).show()))
    }),
    // Until the last midnight.
    ("pg_age_s", 1, |a| {
        let at = datetime::parse_timestamp(&text(a, 0)).and_then(datetime::from_micros)?;
        Ok(Value::Text(age(today(), at).show()))
    }),
    ("pg_age_z", 1, |a| {
        let at = datetime::parse_timestamptz(&text(a, 0))
            .and_then(|m| datetime::wall(m, &context::zone()))?;
        Ok(Value::Text(age(today(), at).show()))
    }),
    ("pg_date_bin_s", 3, |a| {
        let source = datetime::parse_timestamp(&text(a, 1))?;
        let origin = datetime::parse_timestamp(&text(a, 2))?;
        let bin = bin(Interval::parse(&text(a, 0))?, source, origin)?;
        Ok(Value::Text(datetime::show_timestamp(bin)?))
    }),
    ("pg_date_bin_z", 3, |a| {
        let source = datetime::parse_timestamptz(&text(a, 1))?;
        let origin = datetime::parse_timestamptz(&text(a, 2))?;
        let bin = bin(Interval::parse(&text(a, 0))?, source, origin)?;
        Ok(Value::Text(datetime::keep_timestamptz(bin)?))
    }),
];

fn today() -> DateTime {
    let wall = context::zone().to_datetime(context::transaction_time());
    wall.date().to_datetime(jiff::civil::Time::midnight())
}

/// Year, month, day.
fn date(arguments: &[ValueRef<'_>]) -> Result<Date, Fault> {
    let part = |i| integer(arguments, i);
    if part(0) < 0 {
        return Err(Fault::unsupported("years BC"));
    }
    i16::try_from(part(0))
        .ok()
        .filter(|y| *y > 0)
        .zip(i8::try_from(part(1)).ok())
        .zip(i8::try_from(part(2)).ok())
        .and_then(|((y, m), d)| Date::new(y, m, d).ok())
        .ok_or_else(|| {
            Fault::new(
                SqlState::DATETIME_FIELD_OVERFLOW,
                format!(
                    "date field value out of range: {}-{:02}-{:02}",
                    part(0),
                    part(1),
                    part(2)
                ),
            )
        })
}

/// Hours, minutes and seconds from this argument on, in microseconds.
fn time(arguments: &[ValueRef<'_>], from: usize) -> Result<i64, Fault> {
    let (hour, minute) = (integer(arguments, from), integer(arguments, from + 1));
    let second = real(value(arguments, from + 2))?;
    let micros = (second * 1e6).round_ties_even();
    let good = (0..=24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..=6e7).contains(&micros)
        && (hour < 24 || minute == 0 && micros == 0.0);
    if !good {
        // As %02g shows it.
        let shown = crate::embedded::convert::show_float(second, false);
        return Err(Fault::new(
            SqlState::DATETIME_FIELD_OVERFLOW,
            format!("time field value out of range: {hour}:{minute:02}:{shown:0>2}"),
        ));
    }
    Ok(hour * HOUR + minute * MINUTE + micros as i64)
}

/// A date and a time, as a clock on the wall shows it.
fn wall(arguments: &[ValueRef<'_>]) -> Result<i64, Fault> {
    let day = datetime::to_micros(date(arguments)?.to_datetime(jiff::civil::Time::midnight()))?;
    Ok(day.saturating_add(time(arguments, 3)?))
}

/// Days and what is smaller have one sign.
fn whole_days(mut i: Interval) -> Interval {
    if i.days > 0 && i.micros < 0 {
        (i.micros, i.days) = (i.micros + DAY, i.days - 1);
    } else if i.days < 0 && i.micros > 0 {
        (i.micros, i.days) = (i.micros - DAY, i.days + 1);
    }
    i
}

/// The difference in years, months and days, as people count it (timestamp_age).
fn age(a: DateTime, b: DateTime) -> Interval {
    if a < b {
        let age = age_of(b, a);
        return Interval {
            months: -age.months,
            days: -age.days,
            micros: -age.micros,
        };
    }
    age_of(a, b)
}

/// From the earlier to the later.
fn age_of(later: DateTime, earlier: DateTime) -> Interval {
    let micros = |d: DateTime| {
        i64::from(d.hour()) * HOUR
            + i64::from(d.minute()) * MINUTE
            + i64::from(d.second()) * 1_000_000
            + i64::from(d.subsec_nanosecond() / 1000)
    };
    let months = |d: DateTime| i64::from(d.year()) * 12 + i64::from(d.month());
    let mut age = Interval {
        months: months(later) - months(earlier),
        days: i64::from(later.day()) - i64::from(earlier.day()),
        micros: micros(later) - micros(earlier),
    };
    if age.micros < 0 {
        (age.micros, age.days) = (age.micros + DAY, age.days - 1);
    }
    if age.days < 0 {
        age.days += i64::from(earlier.date().days_in_month());
        age.months -= 1;
    }
    age
}

/// The beginning of the stride that a time is in (timestamp_bin).
fn bin(stride: Interval, source: i64, origin: i64) -> Result<i64, Fault> {
    if stride.months != 0 {
        return Err(Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "timestamps cannot be binned into intervals containing months or years",
        ));
    }
    let range = || datetime::out_of_range("interval");
    let length = stride
        .days
        .checked_mul(DAY)
        .and_then(|d| d.checked_add(stride.micros))
        .ok_or_else(range)?;
    if length <= 0 {
        return Err(Fault::new(
            SqlState::DATETIME_FIELD_OVERFLOW,
            "stride must be greater than zero",
        ));
    }
    let off = source.saturating_sub(origin);
    Ok(source.saturating_sub(off.rem_euclid(length)))
}
