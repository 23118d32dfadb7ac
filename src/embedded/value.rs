//! SQLite's values and types as PostgreSQL's, in text format.

use std::io::Write;

use postgres_types::Type;
use rusqlite::types::ValueRef;

use crate::server::Column;

/// The type of a column: as declared, else by its value in the first row. SQLite's type affinity
/// rules (SQLite docs, "Datatypes In SQLite", §3.1) come last.
pub(super) fn column(name: &str, declared: Option<&str>, first: Option<ValueRef<'_>>) -> Column {
    let kind = declared.and_then(declared_type).unwrap_or(match first {
        Some(ValueRef::Integer(_)) => Type::INT8,
        Some(ValueRef::Real(_)) => Type::FLOAT8,
        Some(ValueRef::Blob(_)) => Type::BYTEA,
        Some(ValueRef::Text(_) | ValueRef::Null) | None => Type::TEXT,
    });
    Column::new(name, kind)
}

/// SQLite's integers have 64 bits, whatever the declaration says.
fn declared_type(declared: &str) -> Option<Type> {
    let name = declared.split('(').next().unwrap_or_default().trim();
    let name = name.to_ascii_uppercase();
    Some(match name.as_str() {
        "BOOL" | "BOOLEAN" => Type::BOOL,
        "VARCHAR" | "CHARACTER VARYING" | "NVARCHAR" => Type::VARCHAR,
        _ if name.contains("INT") => Type::INT8,
        _ if ["CHAR", "CLOB", "TEXT"].iter().any(|w| name.contains(w)) => Type::TEXT,
        _ if name.contains("BLOB") || name == "BYTEA" => Type::BYTEA,
        _ if ["REAL", "FLOA", "DOUB"].iter().any(|w| name.contains(w)) => Type::FLOAT8,
        "NUMERIC" | "DECIMAL" => Type::NUMERIC,
        _ => return None,
    })
}

/// Appends a value that is not NULL.
pub(super) fn put(out: &mut Vec<u8>, kind: &Type, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(0) if *kind == Type::BOOL => out.push(b'f'),
        ValueRef::Integer(1) if *kind == Type::BOOL => out.push(b't'),
        ValueRef::Integer(n) => put_display(out, n),
        ValueRef::Real(x) => put_float(out, x),
        // Text is UTF-8 unless somebody made it from a blob; clients rely on it.
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            out.extend_from_slice(text.as_bytes());
        }
        ValueRef::Blob(bytes) => {
            out.extend_from_slice(b"\\x");
            out.reserve(bytes.len().saturating_mul(2));
            for byte in bytes {
                let digit = |n: u8| char::from_digit(n.into(), 16).map_or(b'0', |c| c as u8);
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
            }
        }
    }
}

fn put_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a Vec does not fail.
    let _ = write!(out, "{value}");
}

/// As PostgreSQL writes float8: the shortest digits that read back the same, an exponent below
/// 1e-4 and from 1e15 on.
fn put_float(out: &mut Vec<u8>, x: f64) {
    if x.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if x.is_infinite() {
        out.extend_from_slice(if x > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else if x != 0.0 && !(1e-4..1e15).contains(&x.abs()) {
        let text = format!("{x:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        put_display(out, format_args!("{digits}e{sign}{exponent:0>2}"));
    } else {
        put_display(out, x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            let mut out = Vec::new();
            put_float(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn types_follow_the_declaration_then_the_value() {
        let cases = [
            (Some("INTEGER"), None, Type::INT8),
            (Some("VARCHAR(10)"), None, Type::VARCHAR),
            (Some("double precision"), None, Type::FLOAT8),
            (Some("boolean"), None, Type::BOOL),
            (
                Some("DATE"),
                Some(ValueRef::Text(b"2026-01-01")),
                Type::TEXT,
            ),
            (None, Some(ValueRef::Integer(1)), Type::INT8),
            (None, Some(ValueRef::Null), Type::TEXT),
            (None, None, Type::TEXT),
        ];
        for (declared, first, expected) in cases {
            assert_eq!(column("c", declared, first).kind, expected, "{declared:?}");
        }
    }

    #[test]
    fn blobs_are_hex_and_booleans_letters() {
        let mut out = Vec::new();
        put(&mut out, &Type::BYTEA, ValueRef::Blob(&[0, 0xab, 0xff]));
        put(&mut out, &Type::BOOL, ValueRef::Integer(1));
        put(&mut out, &Type::BOOL, ValueRef::Integer(0));
        put(&mut out, &Type::BOOL, ValueRef::Integer(2));
        assert_eq!(out, b"\\x00abfftf2");
    }
}
