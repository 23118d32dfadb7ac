//! Rows as values.

use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert;
use crate::embedded::functions::{Strict, kind, value};

pub(super) const LOOSE: &[(&str, Strict)] = &[
    // Types and values in turn, in the form of a record.
    ("pg_row", |a| {
        let mut parts = Vec::new();
        for at in (0..a.len()).step_by(2) {
            parts.push(match value(a, at.saturating_add(1)) {
                ValueRef::Null => String::new(),
                field => quoted(convert::show(field, &kind(a, at))?),
            });
        }
        Ok(Value::Text(format!("({})", parts.join(","))))
    }),
];

/// A field as `record_out` writes it.
fn quoted(text: String) -> String {
    let plain = |c: char| !matches!(c, '"' | '\\' | '(' | ')' | ',') && !c.is_ascii_whitespace();
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    let inner = text.replace('\\', "\\\\").replace('"', "\"\"");
    format!("\"{inner}\"")
}
