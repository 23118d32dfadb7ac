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

/// All numbers of two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// The two digits of a number below 100.
fn pair(n: i64) -> [u8; 2] {
    let place = usize::try_from(n).unwrap_or(0);
    PAIRS.get(place).copied().unwrap_or([b'0'; 2])
}

/// Appends a date and gives whether it is BC: the letters come last.
fn put_day(out: &mut Vec<u8>, count: i64) -> bool {
    let (year, month, day) = date(count);
    let before = year <= 0;
    let shown = if before { 1 - year } else { year };
    if shown <= 9999 {
        let [a, b] = pair(shown / 100);
        let [c, d] = pair(shown % 100);
        out.extend_from_slice(&[a, b, c, d]);
    } else {
        let _ = write!(out, "{shown}");
    }
    let ([a, b], [c, d]) = (pair(month), pair(day));
    out.extend_from_slice(&[b'-', a, b, b'-', c, d]);
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
        let ([a, b], [c, d], [e, f]) = (
            pair(micros / 10_000),
            pair(micros / 100 % 100),
            pair(micros % 100),
        );
        out.extend_from_slice(&[b'.', a, b, c, d, e, f]);
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
    let ([a, b], [c, d], [e, f]) = (pair(h), pair(m), pair(s));
    out.extend_from_slice(&[a, b, b':', c, d, b':', e, f]);
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
    out.push(if offset < 0 { b'-' } else { b'+' });
    out.extend_from_slice(&pair(away / 3600));
    let (minutes, seconds) = (away / 60 % 60, away % 60);
    if minutes != 0 || seconds != 0 {
        let [a, b] = pair(minutes);
        out.extend_from_slice(&[b':', a, b]);
    }
    if seconds != 0 {
        let [a, b] = pair(seconds);
        out.extend_from_slice(&[b':', a, b]);
    }
    put_bc(out, before);
}
