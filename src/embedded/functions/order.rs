//! How texts that stand for values are ordered, where it is not by their bytes: the collations that
//! comparisons, indexes, DISTINCT, GROUP BY and ORDER BY are written with.

use std::cmp::Ordering;

use bigdecimal::BigDecimal;
use postgres_types::{Kind, Type};
use rusqlite::{Connection, Result};

use crate::embedded::dialect::types;
use crate::embedded::functions::json_order;
use crate::embedded::functions::time::compare_intervals;
use crate::embedded::number;
use crate::embedded::{array, inet};

type Order = fn(&str, &str) -> Ordering;

/// The collations that are ours.
const COLLATIONS: &[(&str, Order)] = &[
    ("pg_numeric", number::compare),
    ("pg_interval", compare_intervals),
    ("pg_jsonb", json_order::compare),
    ("pg_inet", inet::compare),
    ("pg_array_text", |a, b| arrays(a, b, |a, b| a.cmp(b))),
    ("pg_array_bpchar", |a, b| arrays(a, b, unpadded)),
    ("pg_array_number", |a, b| arrays(a, b, numbers)),
    ("pg_array_interval", |a, b| arrays(a, b, compare_intervals)),
    ("pg_array_jsonb", |a, b| arrays(a, b, json_order::compare)),
    ("pg_array_inet", |a, b| arrays(a, b, inet::compare)),
];

pub(super) fn register(connection: &Connection) -> Result<()> {
    for (name, order) in COLLATIONS {
        connection.create_collation(*name, *order)?;
    }
    Ok(())
}

/// The collation that the values of a type are compared by, if it is not by their bytes.
pub(in crate::embedded) fn collation(kind: &Type) -> Option<&'static str> {
    Some(match kind.kind() {
        Kind::Array(element) => match *element {
            Type::INTERVAL => "pg_array_interval",
            Type::JSONB => "pg_array_jsonb",
            Type::INET => "pg_array_inet",
            Type::BPCHAR => "pg_array_bpchar",
            _ if types::is_number(element) && !types::is_named(element) => "pg_array_number",
            _ => "pg_array_text",
        },
        _ => match *kind {
            Type::NUMERIC => "pg_numeric",
            Type::INTERVAL => "pg_interval",
            Type::JSONB => "pg_jsonb",
            Type::INET => "pg_inet",
            // SQLite's own, for which blanks at the end are nothing.
            Type::BPCHAR => "RTRIM",
            _ => return None,
        },
    })
}

/// The order of two texts that are values of one type.
pub(super) fn texts(a: &str, b: &str, kind: &Type) -> Ordering {
    if *kind == Type::BPCHAR {
        return unpadded(a, b);
    }
    let ours = collation(kind);
    match COLLATIONS.iter().find(|(name, _)| Some(*name) == ours) {
        Some((_, order)) => order(a, b),
        None => a.cmp(b),
    }
}

fn unpadded(a: &str, b: &str) -> Ordering {
    a.trim_end_matches(' ').cmp(b.trim_end_matches(' '))
}

/// Element by element, then by length; NULL is behind everything.
fn arrays(a: &str, b: &str, order: Order) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (Ok(left), Ok(right)) = (array::parse(a), array::parse(b)) else {
        return a.cmp(b);
    };
    for pair in left.iter().zip(&right) {
        let found = match pair {
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if found != Ordering::Equal {
            return found;
        }
    }
    left.len().cmp(&right.len())
}

/// Numbers of any type: NaN is the greatest.
fn numbers(a: &str, b: &str) -> Ordering {
    let class = |text: &str| match text {
        "-Infinity" => 0_u8,
        "Infinity" => 2,
        "NaN" => 3,
        _ => 1,
    };
    match class(a).cmp(&class(b)) {
        Ordering::Equal => match (a.parse::<BigDecimal>(), b.parse::<BigDecimal>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(b),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_ordered_by_their_elements() {
        for (less, more, kind) in [
            ("{9}", "{10}", Type::INT4_ARRAY),
            ("{1}", "{1,-5}", Type::INT4_ARRAY),
            ("{1,2}", "{1,NULL}", Type::INT4_ARRAY),
            ("{1.5,Infinity}", "{1.50,NaN}", Type::FLOAT8_ARRAY),
            ("{\"a b\"}", "{a!}", Type::TEXT_ARRAY),
            ("{}", "{\"\"}", Type::TEXT_ARRAY),
            ("{\"90 min\"}", "{02:00:00}", Type::INTERVAL_ARRAY),
            ("{9}", "{10}", Type::JSONB_ARRAY),
        ] {
            assert_eq!(texts(less, more, &kind), Ordering::Less, "{less} {more}");
            assert_eq!(texts(more, less, &kind), Ordering::Greater, "{less} {more}");
        }
        assert_eq!(
            texts("{1.0,2}", "{1.00,2.0}", &Type::NUMERIC_ARRAY),
            Ordering::Equal
        );
    }
}
