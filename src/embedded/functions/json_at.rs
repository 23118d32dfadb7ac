//! What is in JSON at a key, a place or a path: the text as it stands there. That of `json` keeps
//! its blanks, the order of its keys and all of them; that of `jsonb` is in its form anyway.

use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::json::parts;
use crate::embedded::functions::json_change::{no_character, place, unquoted};
use crate::embedded::functions::{Table, boolean, integer, kind, text, value};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    // JSON, a key or a place, whether as text, whether it is jsonb.
    ("pg_json_at", 4, |a| {
        let json = text(a, 0);
        let found = match value(a, 1) {
            // PostgreSQL keeps a jsonb that stands alone as an array of one.
            ValueRef::Integer(0 | -1) if integer(a, 3) == 1 && !json.starts_with(['[', '{']) => {
                Some(&*json)
            }
            ValueRef::Integer(n) => element(&json, n),
            _ => member(&json, &text(a, 1)),
        };
        given(found, integer(a, 2) != 0)
    }),
    // jsonb that is a number, or true or false, as a numeric or a boolean; and the type wanted.
    ("pg_jsonb_scalar", 2, |a| {
        let json = text(a, 0);
        let wanted = kind(a, 1);
        let (found, what) = match json.as_bytes().first() {
            Some(b't' | b'f') => (Type::BOOL, "boolean"),
            Some(b'"') => (Type::TEXT, "string"),
            Some(b'[') => (Type::VOID, "array"),
            Some(b'{') => (Type::VOID, "object"),
            Some(b'n') => (Type::VOID, "null"),
            _ => (Type::NUMERIC, "numeric"),
        };
        match found {
            Type::BOOL if wanted == Type::BOOL => Ok(boolean(&*json == "true")),
            Type::NUMERIC if wanted != Type::BOOL => Ok(Value::Text(json.into_owned())),
            _ => Err(Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!(
                    "cannot cast jsonb {what} to type {}",
                    types::show(&wanted, -1)
                ),
            )),
        }
    }),
    ("pg_json_length", 1, |a| {
        let json = text(a, 0);
        let what = match json.trim_start().as_bytes().first() {
            Some(b'[') => {
                let count = i64::try_from(parts(&json).count()).unwrap_or(i64::MAX);
                return Ok(Value::Integer(count));
            }
            Some(b'{') => "a non-array",
            _ => "a scalar",
        };
        Err(Fault::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("cannot get array length of {what}"),
        ))
    }),
    // JSON, a path, whether as text.
    ("pg_json_path", 3, |a| {
        let json = text(a, 0);
        let mut found = Some(json.trim());
        for step in array::parse(&text(a, 1))? {
            let Some(step) = step else {
                return Ok(Value::Null);
            };
            found = found.and_then(|json| match json.starts_with('[') {
                true => element(json, step.parse().ok()?),
                false => member(json, &step),
            });
        }
        given(found, integer(a, 2) != 0)
    }),
];

fn given(found: Option<&str>, as_text: bool) -> Result<Value, Fault> {
    Ok(match found {
        None => Value::Null,
        Some("null") if as_text => Value::Null,
        Some(json) if as_text && json.starts_with('"') => {
            let said = unquoted(json);
            if said.contains('\0') {
                return Err(no_character());
            }
            Value::Text(said)
        }
        Some(json) => Value::Text(json.to_owned()),
    })
}

/// Of several members with one name the last.
fn member<'j>(json: &'j str, key: &str) -> Option<&'j str> {
    if !json.trim_start().starts_with('{') {
        return None;
    }
    let named = |written: &str| match written.contains('\\') {
        true => unquoted(written) == key,
        false => written.get(1..written.len().saturating_sub(1)) == Some(key),
    };
    let found = parts(json).filter(|(written, _)| named(written)).last();
    found.map(|(_, value)| value)
}

fn element(json: &str, n: i64) -> Option<&str> {
    if !json.trim_start().starts_with('[') {
        return None;
    }
    let at = match usize::try_from(n) {
        Ok(at) => at,
        Err(_) => place(n, parts(json).count())?,
    };
    parts(json).nth(at).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_as_it_was_written() {
        let json = r#" {"b" : [1,  {"z":1, "a":2, "z":3}], "a\u0062": 1.50, "a":1, "a" : "x\ty"} "#;
        for (key, found) in [
            ("b", Some(r#"[1,  {"z":1, "a":2, "z":3}]"#)),
            ("ab", Some("1.50")),
            ("a", Some(r#""x\ty""#)),
            ("c", None),
        ] {
            assert_eq!(member(json, key), found);
        }
        assert_eq!(element(json, 0), None);
        for (n, found) in [
            (0, Some("1")),
            (1, Some("[ ]")),
            (-1, Some("2")),
            (-4, None),
        ] {
            assert_eq!(element("[1, [ ] ,2]", n), found);
            assert_eq!(element("[1, [ ] ,2]", 3), None);
        }
        assert_eq!(member("[1]", "a"), None);
        let text = |json: &str| given(Some(json), true);
        assert_eq!(text(r#""x\ty""#).unwrap(), Value::Text("x\ty".into()));
        assert_eq!(text("null").unwrap(), Value::Null);
        assert_eq!(text(r#""\u0000""#).unwrap_err().code.as_str(), "22P05");
    }
}
