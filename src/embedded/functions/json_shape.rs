//! JSON made of arrays, shown in another form, and changed at a path.

use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::json::quoted;
use crate::embedded::functions::json_change::{Json, place, place_in_path, sort};
use crate::embedded::functions::{Table, boolean, integer, state, text};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    // Whether any, or with 1 all, of the keys are there.
    ("pg_jsonb_exists_of", 3, |a| {
        let json = Json::read(&text(a, 0));
        let mut keys = array::parse(&text(a, 1))?.into_iter().flatten();
        Ok(boolean(if integer(a, 2) == 1 {
            keys.all(|key| json.has(&key))
        } else {
            keys.any(|key| json.has(&key))
        }))
    }),
    ("pg_jsonb_delete_keys", 2, |a| {
        let mut json = Json::read(&text(a, 0));
        let keys: Vec<String> = array::parse(&text(a, 1))?.into_iter().flatten().collect();
        match &mut json {
            Json::Object(members) => members.retain(|(k, _)| !keys.contains(k)),
            Json::Array(items) => {
                items.retain(|i| i.string().is_none_or(|text| !keys.contains(&text)));
            }
            Json::Plain(_) => return Err(invalid("cannot delete from scalar")),
        }
        json.value()
    }),
    ("pg_jsonb_delete_path", 2, |a| {
        let mut json = Json::read(&text(a, 0));
        if matches!(json, Json::Plain(_)) {
            return Err(invalid("cannot delete path in scalar"));
        }
        delete(&mut json, &path(a)?)?;
        json.value()
    }),
    // JSON, path, new value, whether behind what is there.
    ("pg_jsonb_insert", 4, |a| {
        let mut json = Json::read(&text(a, 0));
        if matches!(json, Json::Plain(_)) {
            return Err(invalid("cannot set path in scalar"));
        }
        let new = Json::read(&text(a, 2));
        insert(&mut json, &path(a)?, new, integer(a, 3) != 0)?;
        json.value()
    }),
    // JSON, and whether it is jsonb.
    ("pg_json_strip_nulls", 2, |a| {
        let json = stripped(Json::read(&text(a, 0)));
        if integer(a, 1) == 1 {
            json.value()
        } else {
            let mut out = String::new();
            write(&json, None, &mut out);
            Ok(Value::Text(out))
        }
    }),
    ("pg_jsonb_pretty", 1, |a| {
        let mut out = String::new();
        write(&Json::read(&text(a, 0)), Some(0), &mut out);
        Ok(Value::Text(out))
    }),
    // Keys and values in turn, or keys and values.
    ("pg_json_object_of", -1, |a| {
        let first = array::parse(&text(a, 0))?;
        let pairs: Vec<(Option<String>, Option<String>)> = if a.len() > 1 {
            let second = array::parse(&text(a, 1))?;
            if first.len() != second.len() {
                return Err(Fault::new(state("2202E"), "mismatched array dimensions"));
            }
            first.into_iter().zip(second).collect()
        } else {
            if first.len() % 2 != 0 {
                return Err(Fault::new(
                    state("2202E"),
                    "array must have even number of elements",
                ));
            }
            let mut items = first.into_iter();
            std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
        };
        let mut parts = Vec::new();
        for (key, member) in pairs {
            let key = key.ok_or_else(|| {
                Fault::new(state("22004"), "null value not allowed for object key")
            })?;
            let member = member.map_or_else(|| "null".to_owned(), |m| quoted(&m));
            parts.push(format!("{} : {member}", quoted(&key)));
        }
        Ok(Value::Text(format!("{{{}}}", parts.join(", "))))
    }),
];

fn invalid(message: &'static str) -> Fault {
    Fault::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn path(arguments: &[ValueRef<'_>]) -> Result<Vec<String>, Fault> {
    let path: Option<Vec<String>> = array::parse(&text(arguments, 1))?.into_iter().collect();
    path.ok_or_else(|| Fault::new(state("22004"), "path element is null"))
}

fn delete(json: &mut Json, path: &[String]) -> Result<(), Fault> {
    let mut inner = json;
    for (i, step) in path.iter().enumerate() {
        let last = i.saturating_add(1) == path.len();
        inner = match inner {
            Json::Object(members) => {
                let Some(at) = members.iter().position(|(k, _)| k == step) else {
                    return Ok(());
                };
                if last {
                    members.remove(at);
                    return Ok(());
                }
                match members.get_mut(at) {
                    Some((_, member)) => member,
                    None => return Ok(()),
                }
            }
            Json::Array(items) if items.is_empty() => return Ok(()),
            Json::Array(items) => {
                let Some(at) = place(place_in_path(step, i)?, items.len()) else {
                    return Ok(());
                };
                if last {
                    items.remove(at);
                    return Ok(());
                }
                match items.get_mut(at) {
                    Some(item) => item,
                    None => return Ok(()),
                }
            }
            Json::Plain(_) => return Ok(()),
        };
    }
    Ok(())
}

fn insert(json: &mut Json, path: &[String], new: Json, behind: bool) -> Result<(), Fault> {
    let mut inner = json;
    for (i, step) in path.iter().enumerate() {
        let last = i.saturating_add(1) == path.len();
        inner = match inner {
            Json::Object(members) => {
                let at = members.iter().position(|(k, _)| k == step);
                match (at, last) {
                    (Some(_), true) => return Err(invalid("cannot replace existing key")),
                    (None, true) => {
                        members.push((step.clone(), new));
                        sort(members);
                        return Ok(());
                    }
                    (None, false) => return Ok(()),
                    (Some(at), false) => match members.get_mut(at) {
                        Some((_, member)) => member,
                        None => return Ok(()),
                    },
                }
            }
            Json::Array(items) => {
                let n = place_in_path(step, i)?;
                let at = place(n, items.len());
                if last {
                    let at = match at {
                        Some(at) => at.saturating_add(usize::from(behind)),
                        None if n < 0 => 0,
                        None => items.len(),
                    };
                    items.insert(at, new);
                    return Ok(());
                }
                match at.and_then(|at| items.get_mut(at)) {
                    Some(item) => item,
                    None => return Ok(()),
                }
            }
            Json::Plain(_) => return Ok(()),
        };
    }
    Ok(())
}

/// Without the members that are null, at any depth.
fn stripped(json: Json) -> Json {
    match json {
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .filter(|(_, m)| !matches!(m, Json::Plain(raw) if raw == "null"))
                .map(|(k, m)| (k, stripped(m)))
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(stripped).collect()),
        plain @ Json::Plain(_) => plain,
    }
}

/// Without blanks, or with a line for each member and item and so many steps before it.
fn write(json: &Json, depth: Option<usize>, out: &mut String) {
    let inner = depth.map(|depth| depth.saturating_add(1));
    let line = |out: &mut String, depth: Option<usize>| {
        if let Some(depth) = depth {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', depth.saturating_mul(4)));
        }
    };
    let next = |out: &mut String, i: usize| {
        if i > 0 {
            out.push(',');
        }
        line(out, inner);
    };
    match json {
        Json::Plain(raw) => out.push_str(raw),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                next(out, i);
                write(item, inner, out);
            }
            line(out, depth);
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                next(out, i);
                out.push_str(&quoted(key));
                out.push_str(if depth.is_some() { ": " } else { ":" });
                write(member, inner, out);
            }
            line(out, depth);
            out.push('}');
        }
    }
}
