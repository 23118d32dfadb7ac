//! Arrays.

use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::convert;
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::array_change::key;
use crate::embedded::functions::json::quoted;
use crate::embedded::functions::text::{kind_of, shown};
use crate::embedded::functions::{Strict, Table, boolean, integer, text, value};

pub(super) const FUNCTIONS: Table = &[
    ("pg_array_get", 4, |a| {
        let kind = kind_of(a, 1);
        let items = items(&text(a, 0), &kind)?;
        let index = integer(a, 3)
            .checked_sub(lower(&kind))
            .and_then(|i| usize::try_from(i).ok());
        let element = kind_of(a, 2);
        match index.and_then(|i| items.get(i)) {
            Some(Some(item)) => convert::parse(item, &element.into()),
            _ => Ok(Value::Null),
        }
    }),
    ("pg_array_json", 2, |a| {
        let element = kind_of(a, 1);
        let text = text(a, 0);
        // Vectors are written without braces.
        let items = if text.starts_with('{') {
            array::parse(&text)?
        } else {
            text.split_whitespace()
                .map(|s| Some(s.to_owned()))
                .collect()
        };
        let mut out = String::from("[");
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            match item {
                None => out.push_str("null"),
                Some(item) => match convert::parse(item, &element.clone().into())? {
                    Value::Integer(n) => out.push_str(&n.to_string()),
                    Value::Real(x) if x.is_finite() => out.push_str(&format!("{x:?}")),
                    Value::Text(text) => out.push_str(&quoted(&text)),
                    _ => {
                        return Err(Fault::unsupported(format!(
                            "an array of {}",
                            element.name()
                        )));
                    }
                },
            }
        }
        out.push(']');
        Ok(Value::Text(out))
    }),
    // Two arrays and the type of their elements. NULL is like nothing.
    ("pg_array_contains", -1, |a| {
        let (all, some) = (keys(a, 0)?, keys(a, 1)?);
        Ok(boolean(some.iter().all(|i| i.is_some() && all.contains(i))))
    }),
    ("pg_array_overlap", -1, |a| {
        let (all, some) = (keys(a, 0)?, keys(a, 1)?);
        Ok(boolean(some.iter().any(|i| i.is_some() && all.contains(i))))
    }),
    ("pg_array_length", 2, |a| length(a, 0)),
    ("pg_array_lower", 2, |a| {
        let kind = kind_of(a, 1);
        match items(&text(a, 0), &kind)?.len() {
            0 => Ok(Value::Null),
            _ => Ok(Value::Integer(lower(&kind))),
        }
    }),
    ("pg_array_upper", 2, |a| {
        length(a, lower(&kind_of(a, 1)).saturating_sub(1))
    }),
    ("pg_cardinality", 2, |a| {
        let count = items(&text(a, 0), &kind_of(a, 1))?.len();
        Ok(Value::Integer(i64::try_from(count).unwrap_or(0)))
    }),
];

pub(super) const LOOSE: &[(&str, Strict)] = &[
    ("pg_array", |a| {
        let kind = kind_of(a, 0);
        let items: Result<Vec<Option<String>>, Fault> =
            (1..a.len()).map(|i| shown(value(a, i), &kind)).collect();
        Ok(Value::Text(array::show(&items?)))
    }),
    ("pg_array_cat", |a| {
        let side = |kind: usize, at: usize| -> Result<Vec<Option<String>>, Fault> {
            let (kind, value) = (kind_of(a, kind), value(a, at));
            if types::element(&kind).is_none() {
                return Ok(vec![shown(value, &kind)?]);
            }
            match value {
                ValueRef::Null => Ok(Vec::new()),
                _ => items(&text(a, at), &kind),
            }
        };
        let mut all = side(0, 2)?;
        all.extend(side(1, 3)?);
        Ok(Value::Text(array::show(&all)))
    }),
    ("pg_array_to_string", |a| {
        if value(a, 0) == ValueRef::Null || value(a, 2) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let null = (a.len() > 3 && value(a, 3) != ValueRef::Null).then(|| text(a, 3).into_owned());
        let parts: Vec<String> = items(&text(a, 0), &kind_of(a, 1))?
            .into_iter()
            .filter_map(|item| item.or_else(|| null.clone()))
            .collect();
        Ok(Value::Text(parts.join(&text(a, 2))))
    }),
    ("pg_greatest", |a| extreme(a, std::cmp::Ordering::Greater)),
    ("pg_least", |a| extreme(a, std::cmp::Ordering::Less)),
];

/// The elements, such that equal ones are the same.
fn keys(arguments: &[ValueRef<'_>], at: usize) -> Result<Vec<Option<String>>, Fault> {
    let kind = kind_of(arguments, 2);
    array::parse(&text(arguments, at))?
        .into_iter()
        .map(|item| item.map(|text| key(&text, &kind)).transpose())
        .collect()
}

pub(super) fn lower(kind: &Type) -> i64 {
    // Vectors begin at 0 (PostgreSQL docs, "int2vector").
    i64::from(!matches!(*kind, Type::INT2_VECTOR | Type::OID_VECTOR))
}

pub(super) fn items(text: &str, kind: &Type) -> Result<Vec<Option<String>>, Fault> {
    if matches!(*kind, Type::INT2_VECTOR | Type::OID_VECTOR) {
        return Ok(text
            .split_whitespace()
            .map(|s| Some(s.to_owned()))
            .collect());
    }
    array::parse(text)
}

fn length(arguments: &[ValueRef<'_>], add: i64) -> Result<Value, Fault> {
    match items(&text(arguments, 0), &kind_of(arguments, 1))?.len() {
        0 => Ok(Value::Null),
        n => Ok(Value::Integer(i64::try_from(n).unwrap_or(0) + add)),
    }
}

/// The greatest or least that is not NULL.
fn extreme(arguments: &[ValueRef<'_>], wanted: std::cmp::Ordering) -> Result<Value, Fault> {
    let kind = kind_of(arguments, 0);
    let mut best: Option<ValueRef<'_>> = None;
    for value in arguments.iter().skip(1).filter(|v| **v != ValueRef::Null) {
        let order = match best {
            None => wanted,
            Some(best) => order(*value, best, &kind)?,
        };
        if order == wanted {
            best = Some(*value);
        }
    }
    Ok(best
        .and_then(|v| Value::try_from(v).ok())
        .unwrap_or(Value::Null))
}

/// The order of two values of one type, none of them NULL.
pub(super) fn order(
    a: ValueRef<'_>,
    b: ValueRef<'_>,
    kind: &Type,
) -> Result<std::cmp::Ordering, Fault> {
    Ok(match (a, b) {
        (ValueRef::Integer(a), ValueRef::Integer(b)) => a.cmp(&b),
        (ValueRef::Text(a), ValueRef::Text(b)) if *kind == Type::NUMERIC => {
            crate::embedded::number::compare(&convert::utf8(a), &convert::utf8(b))
        }
        (a, b) if *kind == Type::NUMERIC => convert::numeric(a)?.cmp(&convert::numeric(b)?),
        (ValueRef::Text(a), ValueRef::Text(b)) => {
            super::order::texts(&convert::utf8(a), &convert::utf8(b), kind)
        }
        (ValueRef::Blob(a), ValueRef::Blob(b)) => a.cmp(b),
        (a, b) => convert::real(a)?.total_cmp(&convert::real(b)?),
    })
}
