//! Functions that look for elements of arrays, and make other arrays of them.

use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::datetime::{self, Interval};
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::collection::{items, lower};
use crate::embedded::functions::text::{MAX_TEXT, kind_of, shown, too_long};
use crate::embedded::functions::{Strict, Table, integer, state, text, value};
use crate::embedded::number;
use crate::embedded::special::Special;
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_array_dims", 2, |a| {
        let kind = kind_of(a, 1);
        let count = items(&text(a, 0), &kind)?.len();
        Ok(match i64::try_from(count).unwrap_or(0) {
            0 => Value::Null,
            n => {
                let first = lower(&kind);
                let last = n.saturating_add(first).saturating_sub(1);
                Value::Text(format!("[{first}:{last}]"))
            }
        })
    }),
    ("pg_array_ndims", 2, |a| {
        Ok(match items(&text(a, 0), &kind_of(a, 1))?.len() {
            0 => Value::Null,
            _ => Value::Integer(1),
        })
    }),
    // Array, type, bounds; an empty text is none.
    ("pg_array_slice", 4, |a| {
        let kind = kind_of(a, 1);
        if lower(&kind) != 1 {
            return Err(Fault::unsupported("a slice of a vector"));
        }
        let items = items(&text(a, 0), &kind)?;
        let last = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let bound = |index, none| match value(a, index) {
            ValueRef::Integer(n) => n,
            _ => none,
        };
        let (from, to) = (bound(2, 1).max(1), bound(3, last).min(last));
        let skip = usize::try_from(from.saturating_sub(1)).unwrap_or(0);
        let count = usize::try_from(to.saturating_sub(from).saturating_add(1)).unwrap_or(0);
        let slice: Vec<_> = items.into_iter().skip(skip).take(count).collect();
        Ok(Value::Text(array::show(&slice)))
    }),
    ("pg_trim_array", 2, |a| {
        let mut items = array::parse(&text(a, 0))?;
        let count = usize::try_from(integer(a, 1))
            .ok()
            .and_then(|n| items.len().checked_sub(n))
            .ok_or_else(|| {
                Fault::new(
                    state("2202E"),
                    format!(
                        "number of elements to trim must be between 0 and {}",
                        items.len()
                    ),
                )
            })?;
        items.truncate(count);
        Ok(Value::Text(array::show(&items)))
    }),
];

/// Functions that see NULL. The first arguments are an array, its type and the type of elements.
pub(super) const LOOSE: &[(&str, Strict)] = &[
    // Then the element, and where to begin.
    ("pg_array_find", |a| {
        if value(a, 0) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let kind = kind_of(a, 1);
        let first = lower(&kind);
        let start = match value(a, 4) {
            _ if a.len() < 5 => first,
            ValueRef::Null => {
                return Err(Fault::new(
                    state("22004"),
                    "initial position must not be null",
                ));
            }
            _ => integer(a, 4),
        };
        let wanted = Wanted::new(a, 3)?;
        for (place, item) in (first..).zip(items(&text(a, 0), &kind)?) {
            if place >= start && wanted.is(item.as_deref())? {
                return Ok(Value::Integer(place));
            }
        }
        Ok(Value::Null)
    }),
    ("pg_array_positions", |a| {
        if value(a, 0) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let kind = kind_of(a, 1);
        let wanted = Wanted::new(a, 3)?;
        let mut places = Vec::new();
        for (place, item) in (lower(&kind)..).zip(items(&text(a, 0), &kind)?) {
            if wanted.is(item.as_deref())? {
                places.push(Some(place.to_string()));
            }
        }
        Ok(Value::Text(array::show(&places)))
    }),
    ("pg_array_remove", |a| {
        if value(a, 0) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let wanted = Wanted::new(a, 3)?;
        let mut kept = Vec::new();
        for item in items(&text(a, 0), &kind_of(a, 1))? {
            if !wanted.is(item.as_deref())? {
                kept.push(item);
            }
        }
        Ok(Value::Text(array::show(&kept)))
    }),
    // Then the element, and what it becomes.
    ("pg_array_replace", |a| {
        if value(a, 0) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let wanted = Wanted::new(a, 3)?;
        let other = shown(value(a, 4), &kind_of(a, 2))?;
        let mut all = Vec::new();
        for item in items(&text(a, 0), &kind_of(a, 1))? {
            let found = wanted.is(item.as_deref())?;
            all.push(if found { other.clone() } else { item });
        }
        Ok(Value::Text(array::show(&all)))
    }),
    // Type, element, the lengths of the dimensions.
    ("pg_array_fill", |a| {
        if value(a, 2) == ValueRef::Null {
            return Err(Fault::new(
                state("22004"),
                "dimension array or low bound array cannot be null",
            ));
        }
        let lengths = array::parse(&text(a, 2))?;
        let length = match lengths.as_slice() {
            [] => return Ok(Value::Text("{}".into())),
            [Some(length)] => length.parse::<i64>().unwrap_or(0),
            [None] => {
                return Err(Fault::new(
                    state("22004"),
                    "dimension values cannot be null",
                ));
            }
            _ => return Err(Fault::unsupported("arrays of several dimensions")),
        };
        let count = usize::try_from(length).map_err(|_| {
            Fault::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "array size exceeds the maximum allowed (134217727)",
            )
        })?;
        let item = shown(value(a, 1), &kind_of(a, 0))?;
        let size = item.as_ref().map_or(4, String::len).saturating_add(1);
        if size.saturating_mul(count) > MAX_TEXT {
            return Err(too_long());
        }
        Ok(Value::Text(array::show(&vec![item; count])))
    }),
    // A text, what is between the parts, and what stands for NULL.
    ("pg_string_to_array", |a| {
        if value(a, 0) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let parts = parts(a);
        Ok(Value::Text(array::show(&parts)))
    }),
    // The same as JSON.
    ("pg_string_to_json", |a| {
        if value(a, 0) == ValueRef::Null {
            return Ok(Value::Text("[]".into()));
        }
        let parts: Vec<String> = parts(a)
            .iter()
            .map(|p| {
                p.as_ref()
                    .map_or_else(|| "null".into(), |p| super::json::quoted(p))
            })
            .collect();
        Ok(Value::Text(format!("[{}]", parts.join(","))))
    }),
];

/// The parts of a text. Without a delimiter they are its characters.
fn parts(arguments: &[ValueRef<'_>]) -> Vec<Option<String>> {
    let given = text(arguments, 0);
    let by = text(arguments, 1);
    let null = (value(arguments, 2) != ValueRef::Null).then(|| text(arguments, 2));
    let parts: Vec<String> = if given.is_empty() {
        Vec::new()
    } else if value(arguments, 1) == ValueRef::Null {
        given.chars().map(String::from).collect()
    } else if by.is_empty() {
        vec![given.into_owned()]
    } else {
        given.split(&*by).map(str::to_owned).collect()
    };
    parts
        .into_iter()
        .map(|p| (null.as_deref() != Some(p.as_str())).then_some(p))
        .collect()
}

/// The element looked for; NULL is found, too.
struct Wanted {
    kind: Type,
    key: Option<String>,
}

impl Wanted {
    fn new(arguments: &[ValueRef<'_>], index: usize) -> Result<Self, Fault> {
        let kind = kind_of(arguments, 2);
        let key = shown(value(arguments, index), &kind)?
            .map(|text| key(&text, &kind))
            .transpose()?;
        Ok(Self { kind, key })
    }

    fn is(&self, item: Option<&str>) -> Result<bool, Fault> {
        Ok(match (&self.key, item) {
            (None, None) => true,
            (Some(wanted), Some(item)) => *wanted == key(item, &self.kind)?,
            _ => false,
        })
    }
}

/// What is the same for equal values.
pub(super) fn key(text: &str, kind: &Type) -> Result<String, Fault> {
    Ok(match *kind {
        Type::NUMERIC if Special::kept(text).is_some() => text.to_owned(),
        Type::NUMERIC => number::show(&number::parse(text)?.normalized()),
        Type::JSONB => super::json_order::key(text),
        Type::INTERVAL => Interval::parse(text)?.total().to_string(),
        Type::TIMESTAMPTZ => datetime::parse_timestamptz(text)?.to_string(),
        Type::BPCHAR => text.trim_end_matches(' ').to_owned(),
        Type::FLOAT4 | Type::FLOAT8 if text == "-0" => "0".to_owned(),
        Type::JSON => {
            return Err(Fault::new(
                SqlState::UNDEFINED_FUNCTION,
                format!(
                    "could not identify an equality operator for type {}",
                    types::show(kind, -1)
                ),
            ));
        }
        _ => text.to_owned(),
    })
}
