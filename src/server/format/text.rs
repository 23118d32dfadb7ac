//! Text format: values as PostgreSQL shows them, and back.

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
        Kind::Array(_) => {
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
    let dated = |bad: Bad| match bad {
        Bad::Form => {
            let shown: String = text.chars().take(200).collect();
            ErrorResponse::error(
                SqlState::INVALID_DATETIME_FORMAT,
                format!("invalid input syntax for type {name}: \"{shown}\""),
            )
        }
        Bad::Range => {
            let shown: String = text.chars().take(200).collect();
            ErrorResponse::error(
                SqlState::DATETIME_FIELD_OVERFLOW,
                format!("date/time field value out of range: \"{shown}\""),
            )
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

#[cfg(test)]
mod tests {
    use postgres_types::Type;
    use proptest::prelude::*;

    use super::*;

    fn shown(value: &Value<'_>) -> String {
        value.to_text().unwrap()
    }

    #[test]
    fn floats_look_as_in_postgresql() {
        let cases = [
            (1.0, "1"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e20, "1.5e+20"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(shown(&Value::Float8(value)), expected);
        }
        assert_eq!(shown(&Value::Float4(0.1)), "0.1");
        assert_eq!(shown(&Value::Float4(1e6)), "1e+06");
        assert_eq!(shown(&Value::Float4(123_456.0)), "123456");
    }

    #[test]
    fn text_is_read_and_shown_as_in_postgresql() {
        let cases: &[(Type, &str, &str)] = &[
            (Type::BOOL, "yes", "t"),
            (Type::BOOL, " OFF ", "f"),
            (Type::INT2, "-32768", "-32768"),
            (Type::INT4, " 7 ", "7"),
            (Type::INT8, "+9", "9"),
            (Type::OID, "4294967295", "4294967295"),
            (Type::FLOAT8, "-Infinity", "-Infinity"),
            (Type::NUMERIC, "1.50", "1.50"),
            (Type::BYTEA, "\\x00aB ff", "\\x00abff"),
            (Type::BYTEA, "a\\000\\\\b", "\\x61005c62"),
            (
                Type::UUID,
                "{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ),
            (Type::JSON, " {} ", " {} "),
            (Type::INT4_ARRAY, "{1,2}", "{1,2}"),
            (Type::INET, "127.0.0.1", "127.0.0.1"),
            (Type::INTERVAL, "1 day", "1 day"),
        ];
        for (kind, text, back) in cases {
            let value = Value::parse(kind, text).unwrap();
            assert_eq!(shown(&value), *back, "{kind} {text}");
        }
    }

    #[test]
    fn what_is_no_value_of_its_type_is_refused_in_postgresqls_words() {
        let cases: &[(Type, &str, &str, &str)] = &[
            (
                Type::INT4,
                "x",
                "22P02",
                "invalid input syntax for type integer: \"x\"",
            ),
            (
                Type::INT4,
                "",
                "22P02",
                "invalid input syntax for type integer: \"\"",
            ),
            (
                Type::INT2,
                "32768",
                "22003",
                "value \"32768\" is out of range for type smallint",
            ),
            (
                Type::BOOL,
                "o",
                "22P02",
                "invalid input syntax for type boolean: \"o\"",
            ),
            (
                Type::FLOAT8,
                "1.2.3",
                "22P02",
                "invalid input syntax for type double precision: \"1.2.3\"",
            ),
            (
                Type::NUMERIC,
                "one",
                "22P02",
                "invalid input syntax for type numeric: \"one\"",
            ),
            (
                Type::BYTEA,
                "\\xabc",
                "22023",
                "invalid hexadecimal data: odd number of digits",
            ),
            (
                Type::BYTEA,
                "\\9",
                "22P02",
                "invalid input syntax for type bytea",
            ),
            (
                Type::UUID,
                "a0ee",
                "22P02",
                "invalid input syntax for type uuid: \"a0ee\"",
            ),
            (
                Type::DATE,
                "soon",
                "22007",
                "invalid input syntax for type date: \"soon\"",
            ),
            (
                Type::DATE,
                "2026-02-30",
                "22008",
                "date/time field value out of range: \"2026-02-30\"",
            ),
        ];
        for (kind, text, code, message) in cases {
            let error = Value::parse(kind, text).unwrap_err();
            assert_eq!((error.code().as_str(), error.message()), (*code, *message));
        }
    }

    #[test]
    fn values_take_the_form_of_their_column() {
        let cases: &[(Type, Value<'_>, &str)] = &[
            (Type::BOOL, Value::Int8(1), "t"),
            (Type::BOOL, Value::Int8(2), "2"),
            (Type::INT8, Value::Bool(true), "1"),
            (Type::BYTEA, "ab".into(), "\\x6162"),
            (Type::DATE, "2026-01-02T03:04:05".into(), "2026-01-02"),
            (
                Type::TIMESTAMP,
                "2026-01-02T03:04:05Z".into(),
                "2026-01-02 03:04:05",
            ),
            (Type::TIMESTAMP, "not yet".into(), "not yet"),
            (Type::TIMESTAMP, Value::Date(0), "2000-01-01 00:00:00"),
            (Type::DATE, Value::Timestamp(-1), "1999-12-31"),
            (
                Type::UUID,
                Value::Bytea(Cow::Owned(vec![0; 16])),
                "00000000-0000-0000-0000-000000000000",
            ),
            (Type::TEXT, Value::Int4(-5), "-5"),
        ];
        for (kind, value, expected) in cases {
            let mut out = Vec::new();
            put_as(&mut out, Kind::of(kind), value, None);
            assert_eq!(String::from_utf8(out).unwrap(), *expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}") {
            for kind in [Type::BOOL, Type::BYTEA, Type::INT4, Type::FLOAT4, Type::NUMERIC, Type::UUID, Type::TEXT_ARRAY] {
                let _ = Value::parse(&kind, &text);
            }
        }

        #[test]
        fn floats_come_back(x in any::<f64>(), y in any::<f32>()) {
            let text = shown(&Value::Float8(x));
            prop_assert_eq!(Value::parse(&Type::FLOAT8, &text).unwrap(), Value::Float8(x));
            let text = shown(&Value::Float4(y));
            prop_assert_eq!(Value::parse(&Type::FLOAT4, &text).unwrap(), Value::Float4(y));
        }
    }
}
