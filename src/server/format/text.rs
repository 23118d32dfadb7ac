//! Text format: values as PostgreSQL shows them, and back.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::Write;

use jiff::tz::TimeZone;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::format::datetime::{self, Bad};
use crate::server::format::{Element, Kind, invalid, numeric, out_of_range};
use crate::server::value::Value;

/// Appends a value in its own text form; NULL has none.
pub(crate) fn put(out: &mut Vec<u8>, value: &Value<'_>, zone: Option<&TimeZone>) {
    match value {
        Value::Null => {}
        Value::Bool(b) => out.push(if *b { b't' } else { b'f' }),
        Value::Int2(n) => put_integer(out, *n),
        Value::Int4(n) => put_integer(out, *n),
        Value::Int8(n) => put_integer(out, *n),
        Value::Oid(n) => put_integer(out, *n),
        Value::Float4(x) => put_float(out, *x, f64::from(*x), 6),
        Value::Float8(x) => put_float(out, *x, *x, 15),
        Value::Numeric(text) | Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytea(bytes) => put_hex(out, bytes),
        Value::Date(n) => datetime::put_date(out, *n),
        Value::Time(n) => datetime::put_time(out, *n),
        Value::Timestamp(n) => datetime::put_timestamp(out, *n),
        Value::TimestampTz(n) => datetime::put_timestamptz(out, *n, zone),
        Value::Interval(interval) => datetime::put_interval(out, *interval),
        Value::Uuid(bytes) => put_uuid(out, bytes),
    }
}

/// Appends a value in the text form of a column's type. What cannot be one of that type is shown
/// as it is: in text nothing is lost by it.
pub(crate) fn put_as(out: &mut Vec<u8>, kind: Kind, value: &Value<'_>, zone: Option<&TimeZone>) {
    let Kind::Plain(element) = kind else {
        return put(out, value, zone);
    };
    match (element, value) {
        (Element::Bool, Value::Int2(n)) => put_truth(out, value, (*n).into()),
        (Element::Bool, Value::Int4(n)) => put_truth(out, value, (*n).into()),
        (Element::Bool, Value::Int8(n)) => put_truth(out, value, *n),
        (
            Element::Int2
            | Element::Int4
            | Element::Int8
            | Element::Numeric
            | Element::Float8
            | Element::Float4,
            Value::Bool(b),
        ) => out.push(if *b { b'1' } else { b'0' }),
        (Element::Bytea, Value::Text(text)) => put_hex(out, text.as_bytes()),
        (
            Element::Date
            | Element::Time
            | Element::Timestamp
            | Element::TimestampTz
            | Element::Interval
            | Element::Uuid
            | Element::Bool,
            Value::Text(text),
        ) => match parse_element(element, text, zone) {
            Ok(typed) => put(out, &typed, zone),
            Err(_) => out.extend_from_slice(text.as_bytes()),
        },
        (Element::Uuid, Value::Bytea(bytes)) => match <&[u8; 16]>::try_from(bytes.as_ref()) {
            Ok(bytes) => put_uuid(out, bytes),
            Err(_) => put_hex(out, bytes),
        },
        (Element::Timestamp, Value::Date(_))
        | (Element::TimestampTz, Value::Date(_) | Value::Timestamp(_))
        | (Element::Timestamp | Element::Date, Value::TimestampTz(_))
        | (Element::Date, Value::Timestamp(_)) => match super::binary::instant(element, value) {
            Some(typed) => put(out, &typed, zone),
            None => put(out, value, zone),
        },
        _ => put(out, value, zone),
    }
}

fn put_truth(out: &mut Vec<u8>, value: &Value<'_>, n: i64) {
    match n {
        0 => out.push(b'f'),
        1 => out.push(b't'),
        _ => put(out, value, None),
    }
}

fn put_integer(out: &mut Vec<u8>, n: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// The shortest digits that read back the same, an exponent below 1e-4 and from 1e15 (1e6 for
/// real) on.
fn put_float(
    out: &mut Vec<u8>,
    shortest: impl std::fmt::Display + std::fmt::LowerExp,
    x: f64,
    digits: i32,
) {
    // Writing to a Vec does not fail.
    if x.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if x.is_infinite() {
        out.extend_from_slice(if x > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else if x != 0.0 && !(1e-4..10_f64.powi(digits)).contains(&x.abs()) {
        let start = out.len();
        let _ = write!(out, "{shortest:e}");
        // Rust writes 1e5 and 1e-5, PostgreSQL 1e+05 and 1e-05.
        let Some(e) = out.iter().skip(start).position(|b| *b == b'e') else {
            return;
        };
        let exponent = out.split_off(start.saturating_add(e).saturating_add(1));
        let (sign, exponent) = match exponent.split_first() {
            Some((b'-', exponent)) => (b'-', exponent),
            _ => (b'+', exponent.as_slice()),
        };
        out.push(sign);
        if exponent.len() < 2 {
            out.push(b'0');
        }
        out.extend_from_slice(exponent);
    } else {
        let _ = write!(out, "{shortest}");
    }
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().saturating_mul(2).saturating_add(2));
    out.extend_from_slice(b"\\x");
    put_digits(out, bytes);
}

fn put_digits(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or(b'0');
    out.extend(bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 0xf)]));
}

fn put_uuid(out: &mut Vec<u8>, bytes: &[u8; 16]) {
    let mut rest = bytes.as_slice();
    for (i, length) in [4, 2, 2, 2, 6].into_iter().enumerate() {
        if i > 0 {
            out.push(b'-');
        }
        let (group, tail) = rest.split_at_checked(length).unwrap_or_default();
        put_digits(out, group);
        rest = tail;
    }
}

/// Reads the text form of a type, with no time zone but UTC.
pub(crate) fn parse(kind: Kind, text: &str) -> Result<Value<'_>, ErrorResponse> {
    parse_in(kind, text, None)
}

/// Reads the text form of a type; what is local is so in that zone.
pub(crate) fn parse_in<'a>(
    kind: Kind,
    text: &'a str,
    zone: Option<&TimeZone>,
) -> Result<Value<'a>, ErrorResponse> {
    match kind {
        Kind::Plain(element) => parse_element(element, text, zone),
        Kind::Array(..) => {
            super::array::check(text)?;
            Ok(Value::Text(text.into()))
        }
        Kind::Vector(_) | Kind::Other => Ok(Value::Text(text.into())),
    }
}

pub(super) fn parse_element<'a>(
    element: Element,
    text: &'a str,
    zone: Option<&TimeZone>,
) -> Result<Value<'a>, ErrorResponse> {
    let name = element.name();
    let trimmed = text.trim();
    let dated = |bad: Bad| {
        let shown: String = text.chars().take(200).collect();
        let (code, message, hint) = bad.told(name, &shown);
        let error = ErrorResponse::error(code, message);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    };
    Ok(match element {
        Element::Bool => Value::Bool(boolean(trimmed).ok_or_else(|| invalid(name, text))?),
        Element::Bytea => Value::Bytea(Cow::Owned(bytea(text)?)),
        Element::Char | Element::Text | Element::Jsonb => Value::Text(text.into()),
        Element::Date => Value::Date(datetime::get_date(text).map_err(dated)?),
        Element::Time => Value::Time(datetime::get_time(text).map_err(dated)?),
        Element::Timestamp => Value::Timestamp(datetime::get_timestamp(text).map_err(dated)?),
        Element::TimestampTz => {
            Value::TimestampTz(datetime::get_timestamptz(text, zone).map_err(dated)?)
        }
        Element::Interval => Value::Interval(datetime::get_interval(text).map_err(dated)?),
        Element::Float4 => Value::Float4(float(trimmed).ok_or_else(|| invalid(name, text))?),
        Element::Float8 => Value::Float8(float(trimmed).ok_or_else(|| invalid(name, text))?),
        Element::Int2 => Value::Int2(integer(name, trimmed, text)?),
        Element::Int4 => Value::Int4(integer(name, trimmed, text)?),
        Element::Int8 => Value::Int8(integer(name, trimmed, text)?),
        Element::Oid => Value::Oid(integer(name, trimmed, text)?),
        Element::Numeric => {
            numeric::check(trimmed).map_err(|_| invalid(name, text))?;
            Value::Numeric(trimmed.into())
        }
        Element::Uuid => Value::Uuid(uuid(trimmed).ok_or_else(|| invalid(name, text))?),
    })
}

fn integer<T: std::str::FromStr<Err = std::num::ParseIntError>>(
    name: &str,
    trimmed: &str,
    text: &str,
) -> Result<T, ErrorResponse> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    trimmed.parse().map_err(|error: std::num::ParseIntError| {
        if matches!(error.kind(), PosOverflow | NegOverflow) {
            out_of_range(name, text)
        } else {
            invalid(name, text)
        }
    })
}

/// Unique prefixes of the words count, as in PostgreSQL.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    match lower.as_str() {
        "1" => Some(true),
        "0" => Some(false),
        _ if begins("true", 1) || begins("yes", 1) || begins("on", 2) => Some(true),
        _ if begins("false", 1) || begins("no", 1) || begins("off", 2) => Some(false),
        _ => None,
    }
}

fn float<T: std::str::FromStr>(text: &str) -> Option<T> {
    // Rust takes the same words for infinity and NaN, in any case.
    text.parse().ok()
}

/// Hex or escape format (PostgreSQL docs, "Binary Data Types").
fn bytea(text: &str) -> Result<Vec<u8>, ErrorResponse> {
    let wrong =
        |message: String| ErrorResponse::error(SqlState::INVALID_TEXT_REPRESENTATION, message);
    if let Some(hex) = text.strip_prefix("\\x") {
        let mut out = Vec::with_capacity(hex.len() / 2);
        let mut high = None;
        for c in hex.chars() {
            if high.is_none() && matches!(c, ' ' | '\n' | '\t' | '\r') {
                continue;
            }
            let digit = c
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
                .ok_or_else(|| {
                    ErrorResponse::error(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!("invalid hexadecimal digit: \"{c}\""),
                    )
                })?;
            match high.take() {
                None => high = Some(digit),
                Some(first) => out.push(first << 4 | digit),
            }
        }
        return match high {
            None => Ok(out),
            Some(_) => Err(ErrorResponse::error(
                SqlState::INVALID_PARAMETER_VALUE,
                "invalid hexadecimal data: odd number of digits",
            )),
        };
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        if *byte != b'\\' {
            out.push(*byte);
            rest = tail;
            continue;
        }
        let octal = |b: u8| (b'0'..=b'7').contains(&b).then(|| b - b'0');
        rest = match tail {
            [b'\\', tail @ ..] => {
                out.push(b'\\');
                tail
            }
            [a @ b'0'..=b'3', b, c, tail @ ..] => match (octal(*b), octal(*c)) {
                (Some(b), Some(c)) => {
                    out.push((a - b'0') << 6 | b << 3 | c);
                    tail
                }
                _ => return Err(wrong("invalid input syntax for type bytea".into())),
            },
            _ => return Err(wrong("invalid input syntax for type bytea".into())),
        };
    }
    Ok(out)
}

/// 32 hexadecimal digits, hyphens after any group of four, braces around it.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text = match text.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => text,
    };
    let mut bytes = [0; 16];
    let mut count = 0_usize;
    for c in text.chars() {
        if c == '-' {
            if count == 0 || !count.is_multiple_of(4) || count >= 32 {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(c.to_digit(16)?).ok()?;
        let byte = bytes.get_mut(count / 2)?;
        *byte = *byte << 4 | digit;
        count += 1;
    }
    (count == 32 && !text.ends_with('-')).then_some(bytes)
}
