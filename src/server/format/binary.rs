//! Binary format: what PostgreSQL's send functions write and its receive functions take.

use jiff::tz::TimeZone;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::format::datetime::DAY;
use crate::server::format::{Element, numeric, out_of_range, text, utf8};
use crate::server::value::{Interval, Value};
use crate::wire::{Malformed, Reader};

/// Appends a value as one of that type.
pub(super) fn put(
    out: &mut Vec<u8>,
    element: Element,
    value: &Value<'_>,
    zone: Option<&TimeZone>,
) -> Result<(), ErrorResponse> {
    match (element, value) {
        // What comes by the million.
        (Element::Int8, Value::Int8(n)) => out.extend_from_slice(&n.to_be_bytes()),
        (Element::Int4, Value::Int4(n)) => out.extend_from_slice(&n.to_be_bytes()),
        (Element::Float8, Value::Float8(x)) => out.extend_from_slice(&x.to_be_bytes()),
        (Element::Text, Value::Text(text)) => out.extend_from_slice(text.as_bytes()),
        (Element::Bytea, Value::Bytea(bytes)) => out.extend_from_slice(bytes),

        (Element::Text, _) => text::put(out, value, zone),
        (Element::Jsonb, _) => {
            // The version of the format.
            out.push(1);
            text::put(out, value, zone);
        }
        (Element::Char, Value::Text(text)) => {
            out.push(text.as_bytes().first().copied().unwrap_or(0));
        }
        (Element::Bool, Value::Bool(b)) => out.push(u8::from(*b)),
        (Element::Bool, _) => match integer(value) {
            Some(n @ (0 | 1)) => out.push(u8::from(n == 1)),
            _ => return put_parsed(out, element, value, zone),
        },
        (Element::Int2, _) => match integer(value) {
            Some(n) => put_integer(out, i16::try_from(n).map(i16::to_be_bytes), element, n)?,
            None => return put_parsed(out, element, value, zone),
        },
        (Element::Int4, _) => match integer(value) {
            Some(n) => put_integer(out, i32::try_from(n).map(i32::to_be_bytes), element, n)?,
            None => return put_parsed(out, element, value, zone),
        },
        (Element::Int8, _) => match integer(value) {
            Some(n) => out.extend_from_slice(&n.to_be_bytes()),
            None => return put_parsed(out, element, value, zone),
        },
        (Element::Oid, _) => match integer(value) {
            Some(n) => put_integer(out, u32::try_from(n).map(u32::to_be_bytes), element, n)?,
            None => return put_parsed(out, element, value, zone),
        },
        (Element::Float4, _) => match float(value) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "real is what the column is"
            )]
            Some(x) => out.extend_from_slice(&(x as f32).to_be_bytes()),
            None => return put_parsed(out, element, value, zone),
        },
        (Element::Float8, _) => match float(value) {
            Some(x) => out.extend_from_slice(&x.to_be_bytes()),
            None => return put_parsed(out, element, value, zone),
        },
        (Element::Numeric, Value::Numeric(digits) | Value::Text(digits)) => {
            numeric::put_binary(out, digits.trim())?;
        }
        (Element::Numeric, _) => {
            let digits = value.to_text().unwrap_or_default();
            numeric::put_binary(out, &digits)?;
        }
        (Element::Uuid, Value::Uuid(bytes)) => out.extend_from_slice(bytes),
        (Element::Uuid, Value::Bytea(bytes)) if bytes.len() == 16 => out.extend_from_slice(bytes),
        (Element::Bytea, Value::Text(text)) => out.extend_from_slice(text.as_bytes()),
        (Element::Interval, Value::Interval(interval)) => {
            out.extend_from_slice(&interval.microseconds.to_be_bytes());
            out.extend_from_slice(&interval.days.to_be_bytes());
            out.extend_from_slice(&interval.months.to_be_bytes());
        }
        (Element::Time, Value::Time(n)) => out.extend_from_slice(&n.to_be_bytes()),
        (Element::Date | Element::Timestamp | Element::TimestampTz, _) => {
            match instant(element, value) {
                Some(Value::Date(n)) => out.extend_from_slice(&n.to_be_bytes()),
                Some(Value::Timestamp(n) | Value::TimestampTz(n)) => {
                    out.extend_from_slice(&n.to_be_bytes());
                }
                _ => return put_parsed(out, element, value, zone),
            }
        }
        (Element::Bytea | Element::Char | Element::Interval | Element::Time | Element::Uuid, _) => {
            return put_parsed(out, element, value, zone);
        }
    }
    Ok(())
}

/// The way of text: what is shown the same is the same.
fn put_parsed(
    out: &mut Vec<u8>,
    element: Element,
    value: &Value<'_>,
    zone: Option<&TimeZone>,
) -> Result<(), ErrorResponse> {
    let mut shown = Vec::new();
    text::put(&mut shown, value, zone);
    let shown = String::from_utf8_lossy(&shown);
    let typed = match element {
        Element::Char => Value::Text(shown),
        _ => text::parse_element(element, &shown, zone)?,
    };
    // A parsed value is of its type: this goes no deeper.
    put(out, element, &typed, zone)
}

fn put_integer<const N: usize>(
    out: &mut Vec<u8>,
    bytes: Result<[u8; N], std::num::TryFromIntError>,
    element: Element,
    n: i64,
) -> Result<(), ErrorResponse> {
    match bytes {
        Ok(bytes) => {
            out.extend_from_slice(&bytes);
            Ok(())
        }
        Err(_) => Err(out_of_range(element.name(), &n.to_string())),
    }
}

fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Bool(b) => Some((*b).into()),
        Value::Int2(n) => Some((*n).into()),
        Value::Int4(n) => Some((*n).into()),
        Value::Int8(n) => Some(*n),
        Value::Oid(n) => Some((*n).into()),
        _ => None,
    }
}

fn float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Float4(x) => Some((*x).into()),
        Value::Float8(x) => Some(*x),
        #[expect(clippy::cast_precision_loss, reason = "as PostgreSQL converts them")]
        _ => integer(value).map(|n| n as f64),
    }
}

/// A date or time as the date or time type of a column.
pub(super) fn instant(element: Element, value: &Value<'_>) -> Option<Value<'static>> {
    let day = |n: i64| match n {
        i64::MAX => Some(i32::MAX),
        i64::MIN => Some(i32::MIN),
        n => i32::try_from(n.div_euclid(DAY)).ok(),
    };
    let start = |n: i32| match n {
        i32::MAX => Some(i64::MAX),
        i32::MIN => Some(i64::MIN),
        n => i64::from(n).checked_mul(DAY),
    };
    Some(match (element, value) {
        (Element::Date, Value::Date(n)) => Value::Date(*n),
        (Element::Date, Value::Timestamp(n) | Value::TimestampTz(n)) => Value::Date(day(*n)?),
        (Element::Timestamp, Value::Date(n)) => Value::Timestamp(start(*n)?),
        (Element::Timestamp, Value::Timestamp(n) | Value::TimestampTz(n)) => Value::Timestamp(*n),
        (Element::TimestampTz, Value::Date(n)) => Value::TimestampTz(start(*n)?),
        (Element::TimestampTz, Value::Timestamp(n) | Value::TimestampTz(n)) => {
            Value::TimestampTz(*n)
        }
        _ => return None,
    })
}

/// Reads a value of that type, all of `bytes`.
pub(super) fn get(element: Element, bytes: &[u8]) -> Result<Value<'_>, ErrorResponse> {
    let mut reader = Reader::new(bytes);
    let value = read(element, bytes, &mut reader)?;
    let value = value.map_err(|_| short())?;
    reader.finish().map_err(|_| wrong())?;
    Ok(value)
}

/// PostgreSQL's words when a receive function leaves bytes over.
fn wrong() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::INVALID_BINARY_REPRESENTATION,
        "incorrect binary data format",
    )
}

fn short() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::PROTOCOL_VIOLATION,
        "insufficient data left in message",
    )
}

type Read<'a> = Result<Result<Value<'a>, Malformed>, ErrorResponse>;

fn read<'a>(element: Element, bytes: &'a [u8], reader: &mut Reader<'a>) -> Read<'a> {
    let number = |reader: &mut Reader<'a>| reader.array().map(i64::from_be_bytes);
    Ok(match element {
        Element::Bool => reader.u8().map(|b| Value::Bool(b != 0)),
        Element::Bytea => Ok(Value::Bytea(reader.rest().into())),
        Element::Char => reader
            .array::<1>()
            .map(|_| ())
            .and(Ok(()))
            .map(|()| match bytes {
                [0] => Value::Text("".into()),
                _ => Value::Text(String::from_utf8_lossy(bytes)),
            }),
        Element::Text => Ok(Value::Text(utf8(reader.rest())?.into())),
        Element::Jsonb => match reader.u8() {
            Ok(1) => Ok(Value::Text(utf8(reader.rest())?.into())),
            Ok(version) => {
                return Err(ErrorResponse::error(
                    SqlState::INTERNAL_ERROR,
                    format!("unsupported jsonb version number {version}"),
                ));
            }
            Err(short) => Err(short),
        },
        Element::Int2 => reader.array().map(|b| Value::Int2(i16::from_be_bytes(b))),
        Element::Int4 => reader.array().map(|b| Value::Int4(i32::from_be_bytes(b))),
        Element::Int8 => number(reader).map(Value::Int8),
        Element::Oid => reader.array().map(|b| Value::Oid(u32::from_be_bytes(b))),
        Element::Float4 => reader.array().map(|b| Value::Float4(f32::from_be_bytes(b))),
        Element::Float8 => reader.array().map(|b| Value::Float8(f64::from_be_bytes(b))),
        Element::Numeric => {
            let digits = numeric::get_binary(reader.rest()).ok_or_else(wrong)?;
            Ok(Value::Numeric(digits.into()))
        }
        Element::Date => reader.array().map(|b| Value::Date(i32::from_be_bytes(b))),
        Element::Time => match number(reader) {
            Ok(n) if !(0..=DAY).contains(&n) => {
                return Err(ErrorResponse::error(
                    SqlState::DATETIME_FIELD_OVERFLOW,
                    "time out of range",
                ));
            }
            other => other.map(Value::Time),
        },
        Element::Timestamp => number(reader).map(Value::Timestamp),
        Element::TimestampTz => number(reader).map(Value::TimestampTz),
        Element::Interval => interval(reader).map(Value::Interval),
        Element::Uuid => reader.array().map(Value::Uuid),
    })
}

fn interval(reader: &mut Reader<'_>) -> Result<Interval, Malformed> {
    Ok(Interval {
        microseconds: i64::from_be_bytes(reader.array()?),
        days: i32::from_be_bytes(reader.array()?),
        months: i32::from_be_bytes(reader.array()?),
    })
}

#[cfg(test)]
mod tests {
    use postgres_types::Type;
    use proptest::prelude::*;

    use super::*;
    use crate::server::format::{self, Format, Kind};

    fn bytes(kind: &Type, value: &Value<'_>) -> Result<Vec<u8>, ErrorResponse> {
        let mut out = Vec::new();
        format::put(&mut out, Kind::of(kind), Format::Binary, value, None).map(|()| out)
    }

    /// Type, its text form, its binary form: each the other's meaning.
    const SAME: &[(Type, &str, &[u8])] = &[
        (Type::BOOL, "t", b"\x01"),
        (Type::BYTEA, "\\x0061", b"\0a"),
        (Type::CHAR, "r", b"r"),
        (Type::NAME, "pg_class", b"pg_class"),
        (Type::INT2, "-2", b"\xff\xfe"),
        (Type::INT4, "1", b"\0\0\0\x01"),
        (Type::INT8, "-1", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        (Type::OID, "4294967295", b"\xff\xff\xff\xff"),
        (Type::FLOAT4, "1.5", b"\x3f\xc0\0\0"),
        (Type::FLOAT8, "-2", b"\xc0\0\0\0\0\0\0\0"),
        (Type::NUMERIC, "1.5", b"\0\x02\0\0\0\0\0\x01\0\x01\x13\x88"),
        (Type::TEXT, "\u{fc}", b"\xc3\xbc"),
        (Type::VARCHAR, "", b""),
        (Type::JSON, "{}", b"{}"),
        (Type::JSONB, "{}", b"\x01{}"),
        (Type::DATE, "2000-01-02", b"\0\0\0\x01"),
        (Type::TIME, "00:00:00.000001", b"\0\0\0\0\0\0\0\x01"),
        (Type::TIMESTAMP, "2000-01-01 00:00:01", b"\0\0\0\0\0\x0f\x42\x40"),
        (Type::TIMESTAMPTZ, "1999-12-31 23:59:59.999999+00", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        (Type::INTERVAL, "1 mon 2 days 00:00:00.000003", b"\0\0\0\0\0\0\0\x03\0\0\0\x02\0\0\0\x01"),
        (Type::UUID, "01000000-0000-0000-0000-000000000002", b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"),
        (Type::INT4_ARRAY, "{}", b"\0\0\0\0\0\0\0\0\0\0\0\x17"),
        (Type::INT4_ARRAY, "{1,NULL}", b"\0\0\0\x01\0\0\0\x01\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x04\0\0\0\x01\xff\xff\xff\xff"),
        (Type::TEXT_ARRAY, "{a,\"b,\\\"\"}", b"\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01\0\0\0\x01a\0\0\0\x03b,\""),
    ];

    #[test]
    fn text_and_binary_mean_the_same() {
        for (kind, text, binary) in SAME {
            let from_text = Value::parse(kind, text).unwrap();
            let from_binary = format::get(kind, Format::Binary, binary, None).unwrap();
            assert_eq!(from_text, from_binary, "{kind}");
            assert_eq!(bytes(kind, &from_binary).unwrap(), *binary, "{kind}");
            // And from what an engine without such a type would give; in bytea, text is bytes.
            if *kind != Type::BYTEA {
                assert_eq!(bytes(kind, &(*text).into()).unwrap(), *binary, "{kind}");
            }
        }
    }

    #[test]
    fn every_prefix_and_every_byte_too_many_is_refused() {
        let open = [
            Type::BYTEA,
            Type::NAME,
            Type::TEXT,
            Type::VARCHAR,
            Type::JSON,
            Type::JSONB,
        ];
        for (kind, _, binary) in SAME {
            if open.contains(kind) {
                continue;
            }
            for n in 0..binary.len() {
                let error = format::get(kind, Format::Binary, &binary[..n], None).unwrap_err();
                assert!(
                    ["08P01", "22P03"].contains(&error.code().as_str()),
                    "{kind} {error}"
                );
            }
            let long = [binary, &[0][..]].concat();
            let error = format::get(kind, Format::Binary, &long, None).unwrap_err();
            assert_eq!(error.code().as_str(), "22P03", "{kind}");
        }
    }

    #[test]
    fn values_are_converted_where_nothing_is_lost() {
        type Case = (Type, Value<'static>, Result<&'static [u8], &'static str>);
        let cases: &[Case] = &[
            (Type::INT2, Value::Int8(-2), Ok(b"\xff\xfe")),
            (Type::INT2, Value::Int8(32_768), Err("22003")),
            (Type::INT4, Value::Int8(1 << 31), Err("22003")),
            (Type::INT4, "12".into(), Ok(b"\0\0\0\x0c")),
            (Type::INT4, "a".into(), Err("22P02")),
            (Type::INT4, Value::Float8(1.5), Err("22P02")),
            (Type::INT4, Value::Float8(3.0), Ok(b"\0\0\0\x03")),
            (Type::OID, Value::Int4(-1), Err("22003")),
            (Type::BOOL, Value::Int8(1), Ok(b"\x01")),
            (Type::BOOL, Value::Int8(2), Err("22P02")),
            (Type::FLOAT8, Value::Int4(1), Ok(b"\x3f\xf0\0\0\0\0\0\0")),
            (
                Type::NUMERIC,
                Value::Int8(10_000),
                Ok(b"\0\x01\0\x01\0\0\0\0\0\x01"),
            ),
            (
                Type::NUMERIC,
                Value::Float8(0.5),
                Ok(b"\0\x01\xff\xff\0\0\0\x01\x13\x88"),
            ),
            (Type::TEXT, Value::Int8(7), Ok(b"7")),
            (Type::DATE, "2000-01-02 10:00".into(), Ok(b"\0\0\0\x01")),
            (Type::DATE, "soon".into(), Err("22007")),
            (
                Type::TIMESTAMP,
                Value::Date(1),
                Ok(b"\0\0\0\x14\x1d\xd7\x60\0"),
            ),
            (Type::UUID, "nope".into(), Err("22P02")),
            (Type::INET, "::1".into(), Err("42883")),
            (Type::INT4_ARRAY, "{1,x}".into(), Err("22P02")),
        ];
        for (kind, value, expected) in cases {
            let got = bytes(kind, value);
            let got = got.as_deref().map_err(|e| e.code().as_str().to_owned());
            assert_eq!(got, (*expected).map_err(str::to_owned), "{kind} {value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for (kind, ..) in SAME {
                if let Ok(value) = format::get(kind, Format::Binary, &bytes, None) {
                    let _ = value.to_text();
                    let mut out = Vec::new();
                    let _ = format::put(&mut out, Kind::of(kind), Format::Binary, &value, None);
                }
            }
        }
    }
}
