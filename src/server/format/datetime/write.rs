//! Dates and times as PostgreSQL's ISO style shows them.

use std::io::Write;

use jiff::tz::TimeZone;

use crate::server::format::datetime::calendar::date;
use crate::server::format::datetime::zone::offset_at;
use crate::server::format::datetime::{DAY, HOUR, MINUTE, SECOND};

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
pub(super) fn put_fraction(out: &mut Vec<u8>, micros: i64) {
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

pub(crate) fn put_date(out: &mut Vec<u8>, value: i32) {
    if !infinity(out, value.into(), i32::MIN.into(), i32::MAX.into()) {
        let before = put_day(out, value.into());
        put_bc(out, before);
    }
}

pub(crate) fn put_time(out: &mut Vec<u8>, micros: i64) {
    let micros = micros.clamp(0, DAY);
    let (h, m, s) = (micros / HOUR, micros / MINUTE % 60, micros / SECOND % 60);
    let _ = write!(out, "{h:02}:{m:02}:{s:02}");
    put_fraction(out, micros % SECOND);
}

pub(crate) fn put_timestamp(out: &mut Vec<u8>, value: i64) {
    if !infinity(out, value, i64::MIN, i64::MAX) {
        let before = put_day(out, value.div_euclid(DAY));
        out.push(b' ');
        put_time(out, value.rem_euclid(DAY));
        put_bc(out, before);
    }
}

/// In the time zone, UTC if there is none.
pub(crate) fn put_timestamptz(out: &mut Vec<u8>, value: i64, zone: Option<&TimeZone>) {
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
