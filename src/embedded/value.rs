//! SQLite's values and types as PostgreSQL's.

use postgres_types::Type;
use rusqlite::types::ValueRef;

use crate::server::{Column, Value};

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

/// A value; what is not there is NULL.
pub(super) fn of(value: Option<ValueRef<'_>>) -> Value<'_> {
    match value {
        None | Some(ValueRef::Null) => Value::Null,
        Some(ValueRef::Integer(n)) => Value::Int8(n),
        Some(ValueRef::Real(x)) => Value::Float8(x),
        // Text is UTF-8 unless somebody made it from a blob; clients rely on it.
        Some(ValueRef::Text(text)) => Value::Text(String::from_utf8_lossy(text)),
        Some(ValueRef::Blob(bytes)) => Value::Bytea(bytes.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(
                *column("c", declared, first).kind(),
                expected,
                "{declared:?}"
            );
        }
    }

    #[test]
    fn text_that_is_no_utf8_is_made_so() {
        assert_eq!(of(Some(ValueRef::Text(b"a\xff"))), "a\u{fffd}".into());
        assert_eq!(of(None), Value::Null);
    }
}
