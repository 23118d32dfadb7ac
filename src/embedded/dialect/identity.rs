//! Serial and identity columns.

use postgres_types::Type;
use sqlparser::ast::{ColumnDef, ColumnOption, GeneratedAs, SequenceOptions};

use crate::embedded::dialect::quote;

/// The constraints that mark an identity column; a serial one has none.
pub(in crate::embedded) const ALWAYS: &str = "pgtls_identity_always";
pub(in crate::embedded) const BY_DEFAULT: &str = "pgtls_identity_default";

/// The type of a serial column.
pub(super) fn serial_kind(written: &str) -> Option<Type> {
    match written {
        "serial" | "serial4" => Some(Type::INT4),
        "bigserial" | "serial8" => Some(Type::INT8),
        "smallserial" | "serial2" => Some(Type::INT2),
        _ => None,
    }
}

/// The mark of an identity column, and what is said of its sequence.
pub(super) fn identity(definition: &ColumnDef) -> (Option<&'static str>, &[SequenceOptions]) {
    let found = definition.options.iter().find_map(|o| match &o.option {
        ColumnOption::Generated {
            generation_expr: None,
            generated_as,
            sequence_options,
            ..
        } => Some((generated_as, sequence_options)),
        _ => None,
    });
    match found {
        Some((as_, options)) => (Some(mark_of(as_)), options.as_deref().unwrap_or_default()),
        None => (None, &[]),
    }
}

pub(super) fn mark_of(generated: &GeneratedAs) -> &'static str {
    match generated {
        GeneratedAs::Always => ALWAYS,
        _ => BY_DEFAULT,
    }
}

/// The constraint that marks an identity column.
pub(in crate::embedded) fn identity_mark(mark: &str, column: &str) -> String {
    format!(
        "CONSTRAINT {} CHECK ({} IS NOT NULL)",
        quote(mark),
        quote(column)
    )
}

/// What holds a column that counts to its type.
pub(super) fn serial_bounds(name: &str, kind: &Type) -> String {
    let (low, high) = match *kind {
        Type::INT2 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Type::INT4 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => return String::new(),
    };
    format!(" CHECK ({name} BETWEEN {low} AND {high})")
}
