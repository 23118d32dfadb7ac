//! Values of which a part becomes another (PostgreSQL docs, "Modifying Arrays", "jsonb
//! Subscripting").

use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::collection::{items, lower};
use crate::embedded::functions::json_change::{Json, place, sort};
use crate::embedded::functions::text::{MAX_TEXT, kind_of, too_long};
use crate::embedded::functions::{Strict, integer, state, text, value};
use crate::error_response::SqlState;

/// They see NULL.
pub(super) const LOOSE: &[(&str, Strict)] = &[
    // The array, its type, the first and the last place, an array of what comes there. An empty
    // text is no place.
    ("pg_array_part", |a| {
        let kind = kind_of(a, 1);
        if lower(&kind) != 1 {
            return Err(Fault::unsupported("a part of a vector"));
        }
        let absent = value(a, 0) == ValueRef::Null;
        // An element may be NULL, a slice that is NULL changes nothing.
        if value(a, 4) == ValueRef::Null {
            return Ok(match absent {
                true => Value::Null,
                false => Value::Text(text(a, 0).into_owned()),
            });
        }
        let mut all = match absent {
            true => Vec::new(),
            false => items(&text(a, 0), &kind)?,
        };
        let source = array::parse(&text(a, 4))?;
        let length = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let bound = |index, none| match value(a, index) {
            ValueRef::Null => Err(Fault::new(
                state("22004"),
                "array subscript in assignment must not be null",
            )),
            ValueRef::Integer(n) => Ok(n),
            _ if absent => Err(Fault::new(
                state("2202E"),
                "array slice subscript must provide both boundaries",
            )
            .with_detail(
                "When assigning to a slice of an empty array value, slice boundaries must be \
                 fully specified."
                    .into(),
            )),
            _ => Ok(none),
        };
        let (from, to) = (bound(2, 1)?, bound(3, length)?);
        if from > to {
            return Err(Fault::new(
                state("2202E"),
                "upper bound cannot be less than lower bound",
            ));
        }
        if from < 1 || all.is_empty() && from > 1 {
            return Err(Fault::unsupported("an array that does not begin at 1"));
        }
        let skip = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        let end = usize::try_from(to).unwrap_or(usize::MAX);
        let count = end.saturating_sub(skip);
        if source.len() < count {
            return Err(Fault::new(state("2202E"), "source array too small"));
        }
        if end > MAX_TEXT / 5 {
            return Err(too_long());
        }
        if all.len() < end {
            all.resize(end, None);
        }
        for (old, new) in all.iter_mut().skip(skip).zip(source).take(count) {
            *old = new;
        }
        Ok(Value::Text(array::show(&all)))
    }),
    // The jsonb, what comes there, the path: numbers and texts.
    ("pg_jsonb_part", |a| {
        let path = a.get(2..).unwrap_or_default();
        if path.contains(&ValueRef::Null) {
            return Err(Fault::new(
                state("22004"),
                "jsonb subscript in assignment must not be null",
            ));
        }
        let mut json = match (value(a, 0), path.first()) {
            (ValueRef::Null, Some(ValueRef::Integer(_))) => Json::Array(Vec::new()),
            (ValueRef::Null, _) => Json::Object(Vec::new()),
            _ => Json::read(&text(a, 0)),
        };
        let new = match value(a, 1) {
            ValueRef::Null => Json::Plain("null".into()),
            _ => Json::read(&text(a, 1)),
        };
        let steps: Vec<String> = (2..a.len())
            .map(|i| match value(a, i) {
                ValueRef::Integer(_) => integer(a, i).to_string(),
                _ => text(a, i).into_owned(),
            })
            .collect();
        put(&mut json, &steps, 1, new)?;
        json.value()
    }),
];

/// A number as a step of a path.
fn number(step: &str) -> Option<i64> {
    step.parse::<i32>().ok().map(i64::from)
}

/// Goes there and makes what there is not: for a number an array, with null before its place.
fn put(json: &mut Json, path: &[String], level: usize, new: Json) -> Result<(), Fault> {
    let Some((step, rest)) = path.split_first() else {
        *json = new;
        return Ok(());
    };
    let next = level.saturating_add(1);
    match json {
        Json::Object(members) => match members.iter_mut().find(|(k, _)| k == step) {
            Some((_, inner)) => put(inner, rest, next, new),
            None => {
                members.push((step.clone(), made(rest, new)?));
                sort(members);
                Ok(())
            }
        },
        Json::Array(items) => {
            let Some(n) = number(step) else {
                return Err(Fault::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    format!("path element at position {level} is not an integer: \"{step}\""),
                ));
            };
            if let Some(inner) = place(n, items.len()).and_then(|at| items.get_mut(at)) {
                return put(inner, rest, next, new);
            }
            let Ok(at) = usize::try_from(n) else {
                return Err(Fault::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("path element at position {level} is out of range: {n}"),
                ));
            };
            fill(items, at)?;
            items.push(made(rest, new)?);
            Ok(())
        }
        Json::Plain(_) => Err(Fault::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "cannot replace existing key",
        )
        .with_detail(
            "The path assumes key is a composite object, but it is a scalar value.".into(),
        )),
    }
}

/// What a path leads through where nothing is yet.
fn made(path: &[String], new: Json) -> Result<Json, Fault> {
    let Some((step, rest)) = path.split_first() else {
        return Ok(new);
    };
    let inner = made(rest, new)?;
    Ok(match number(step) {
        None => Json::Object(vec![(step.clone(), inner)]),
        Some(n) => {
            let mut items = Vec::new();
            fill(&mut items, usize::try_from(n).unwrap_or(0))?;
            items.push(inner);
            Json::Array(items)
        }
    })
}

/// Nulls up to there.
fn fill(items: &mut Vec<Json>, length: usize) -> Result<(), Fault> {
    if length > MAX_TEXT / 6 {
        return Err(too_long());
    }
    while items.len() < length {
        items.push(Json::Plain("null".into()));
    }
    Ok(())
}
