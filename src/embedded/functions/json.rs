//! JSON: one reader for all of it, and values taken apart.

use postgres_types::Type;
use rusqlite::types::Value;

use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::collection::items;
use crate::embedded::functions::json_change::Json;
use crate::embedded::functions::text::{kind_of, shown};
use crate::embedded::functions::{Strict, Table, integer, text, value};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    // JSON arrays made one of rows; the shorter go on with null.
    ("pg_in_step", -1, |a| {
        let texts: Vec<_> = (0..a.len()).map(|i| text(a, i)).collect();
        let mut rests: Vec<&[u8]> = texts
            .iter()
            .map(|t| t.as_bytes().strip_prefix(b"[").unwrap_or_default())
            .collect();
        let mut rows = Vec::new();
        loop {
            let mut row = Vec::new();
            let mut any = false;
            for rest in &mut rests {
                let item = json_space(rest);
                let after = json_value(item, 0);
                any |= after.is_some();
                let (value, after) = match after {
                    Some(after) => {
                        let length = item.len().saturating_sub(after.len());
                        (item.get(..length).unwrap_or_default(), json_space(after))
                    }
                    None => (&b"null"[..], &b""[..]),
                };
                *rest = after.strip_prefix(b",").unwrap_or_default();
                row.push(String::from_utf8_lossy(value));
            }
            if !any {
                break;
            }
            rows.push(format!("[{}]", row.join(",")));
        }
        Ok(Value::Text(format!("[{}]", rows.join(","))))
    }),
    ("pg_json", 2, |a| {
        let jsonb = integer(a, 1) == 1;
        checked(text(a, 0).into_owned(), jsonb).map(Value::Text)
    }),
    ("pg_json_typeof", 1, |a| {
        let text = text(a, 0);
        Ok(Value::Text(
            match text.trim_start().bytes().next() {
                Some(b'{') => "object",
                Some(b'[') => "array",
                Some(b'"') => "string",
                Some(b't' | b'f') => "boolean",
                Some(b'n') => "null",
                _ => "number",
            }
            .into(),
        ))
    }),
    // An array of the texts of an array's elements.
    ("pg_json_elements", 1, |a| {
        let text_ = text(a, 0);
        let what = match json_space(text_.as_bytes()).first() {
            Some(b'[') => return Ok(list(parts(&text_).map(|(_, v)| v))),
            Some(b'{') => "an object",
            _ => "a scalar",
        };
        Err(Fault::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("cannot extract elements from {what}"),
        ))
    }),
    // An object of the texts of an object's values.
    ("pg_json_pairs", 2, |a| {
        let (text_, function) = (text(a, 0), text(a, 1));
        let what = match json_space(text_.as_bytes()).first() {
            Some(b'{') => {
                let pairs = parts(&text_).map(|(k, v)| format!("{}:{}", k, quoted(v)));
                let pairs: Vec<String> = pairs.collect();
                return Ok(Value::Text(format!("{{{}}}", pairs.join(","))));
            }
            Some(b'[') => "an array",
            _ => "a scalar",
        };
        Err(Fault::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("cannot call {function} on {what}"),
        ))
    }),
];

pub(super) const LOOSE: &[(&str, Strict)] = &[
    // An array of the texts of objects: of an array's, or of one.
    ("pg_json_records", |a| {
        let (name, several) = (text(a, 1), integer(a, 2) == 1);
        let wrong = |message: String| Err(Fault::new(SqlState::INVALID_PARAMETER_VALUE, message));
        if value(a, 0) == rusqlite::types::ValueRef::Null {
            return Ok(match several {
                true => Value::Null,
                false => list(std::iter::once("{}")),
            });
        }
        let text_ = text(a, 0);
        let first = json_space(text_.as_bytes()).first();
        match (several, first) {
            (false, Some(b'{')) => Ok(list(std::iter::once(&*text_))),
            (false, Some(b'[')) => wrong("cannot call populate_composite on an array".into()),
            (false, _) => wrong("cannot call populate_composite on a scalar".into()),
            (true, Some(b'[')) => {
                let object = |v: &str| json_space(v.as_bytes()).first() == Some(&b'{');
                if !parts(&text_).all(|(_, v)| object(v)) {
                    return wrong(format!("argument of {name} must be an array of objects"));
                }
                Ok(list(parts(&text_).map(|(_, v)| v)))
            }
            (true, _) if name.starts_with("jsonb") => {
                wrong(format!("cannot call {name} on a non-array"))
            }
            (true, Some(b'{')) => wrong(format!("cannot call {name} on an object")),
            (true, _) => wrong(format!("cannot call {name} on a scalar")),
        }
    }),
    // The same, but NULL is NULL.
    ("pg_as_json", |a| match value(a, 0) {
        rusqlite::types::ValueRef::Null => Ok(Value::Null),
        value_ => {
            let kind = kind_of(a, 1);
            let text = shown(value_, &kind)?.unwrap_or_default();
            Ok(Value::Text(json_of(&text, &kind)?))
        }
    }),
    // Of keys and the JSON of their values, spaced as PostgreSQL does.
    ("pg_json_object", |a| {
        let mut parts = Vec::new();
        for at in (0..a.len()).step_by(2) {
            if value(a, at) == rusqlite::types::ValueRef::Null {
                return Err(Fault::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "null value not allowed for object key",
                ));
            }
            let member = text(a, at.saturating_add(1));
            parts.push(format!("{} : {member}", quoted(&text(a, at))));
        }
        Ok(Value::Text(format!("{{{}}}", parts.join(", "))))
    }),
    // The same of a row, which has no blanks.
    ("pg_json_row", |a| {
        let parts: Vec<String> = (0..a.len())
            .step_by(2)
            .map(|at| {
                let member = text(a, at.saturating_add(1));
                format!("{}:{member}", quoted(&text(a, at)))
            })
            .collect();
        Ok(Value::Text(format!("{{{}}}", parts.join(","))))
    }),
    ("pg_json_array", |a| {
        let parts: Vec<_> = (0..a.len()).map(|i| text(a, i)).collect();
        Ok(Value::Text(format!("[{}]", parts.join(", "))))
    }),
    ("pg_to_json", |a| {
        let kind = kind_of(a, 1);
        let value_ = value(a, 0);
        let Some(text) = shown(value_, &kind)? else {
            return Ok(Value::Text("null".into()));
        };
        Ok(Value::Text(json_of(&text, &kind)?))
    }),
];

/// A text as `json`, or as `jsonb`.
pub(in crate::embedded) fn checked(text: String, jsonb: bool) -> Result<String, Fault> {
    match json_end(text.as_bytes()) {
        Some(()) if jsonb => Ok(Json::read(&text).canonical()?.show()),
        Some(()) => Ok(text),
        None => Err(not_json()),
    }
}

pub(super) fn not_json() -> Fault {
    Fault::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        "invalid input syntax for type json",
    )
}

/// A JSON array of texts.
fn list<'t>(texts: impl Iterator<Item = &'t str>) -> Value {
    let texts: Vec<String> = texts.map(quoted).collect();
    Value::Text(format!("[{}]", texts.join(",")))
}

/// The keys, in their quotes, and the values of an object, or the elements of an array.
pub(super) fn parts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let rest = json_space(text.as_bytes());
    let named = rest.first() == Some(&b'{');
    let mut rest = rest.get(1..).unwrap_or_default();
    let piece = move |from: &[u8], to: &[u8]| {
        let end = text.len().saturating_sub(to.len());
        text.get(text.len().saturating_sub(from.len())..end)
            .unwrap_or_default()
    };
    std::iter::from_fn(move || {
        let mut key = "";
        rest = json_space(rest);
        if named {
            let after = json_string(rest.strip_prefix(b"\"")?)?;
            key = piece(rest, after);
            rest = json_space(json_space(after).strip_prefix(b":")?);
        }
        let after = json_value(rest, 0)?;
        let value = piece(rest, after);
        rest = json_space(after);
        rest = rest.strip_prefix(b",").unwrap_or_default();
        Some((key, value))
    })
}

fn json_of(text: &str, kind: &Type) -> Result<String, Fault> {
    if let Some(element) = types::element(kind) {
        let parts: Result<Vec<String>, Fault> = items(text, kind)?
            .into_iter()
            .map(|item| item.map_or_else(|| Ok("null".into()), |i| json_of(&i, &element)))
            .collect();
        return Ok(format!("[{}]", parts?.join(",")));
    }
    Ok(match *kind {
        Type::BOOL => if text == "t" { "true" } else { "false" }.into(),
        Type::JSON | Type::JSONB => text.to_owned(),
        Type::RECORD => return Err(Fault::unsupported("a row as a value in JSON")),
        _ if types::is_number(kind) && text.bytes().any(|b| b.is_ascii_digit()) => text.to_owned(),
        Type::TIMESTAMP => quoted(&text.replacen(' ', "T", 1)),
        Type::TIMESTAMPTZ => quoted(&iso_8601(text)),
        _ => quoted(text),
    })
}

/// An instant as XML and JSON have it, with minutes in its offset.
fn iso_8601(text: &str) -> String {
    let mut text = text.replacen(' ', "T", 1);
    let offset = text.rfind(['+', '-']).and_then(|at| text.get(at..));
    if offset.is_some_and(|o| o.len() == 3 && !o.contains(':')) {
        text.push_str(":00");
    }
    text
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether it is one JSON value (RFC 8259), nested no deeper than 200.
fn json_end(text: &[u8]) -> Option<()> {
    let rest = json_value(json_space(text), 0)?;
    json_space(rest).is_empty().then_some(())
}

fn json_space(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}

fn json_value(text: &[u8], depth: u32) -> Option<&[u8]> {
    if depth > 200 {
        return None;
    }
    match text {
        [b'{', rest @ ..] => json_list(rest, b'}', depth, true),
        [b'[', rest @ ..] => json_list(rest, b']', depth, false),
        [b'"', rest @ ..] => json_string(rest),
        _ => [&b"true"[..], b"false", b"null"]
            .iter()
            .find_map(|w| text.strip_prefix(*w))
            .or_else(|| json_number(text)),
    }
}

fn json_list(mut text: &[u8], close: u8, depth: u32, named: bool) -> Option<&[u8]> {
    text = json_space(text);
    if text.first() == Some(&close) {
        return text.get(1..);
    }
    loop {
        if named {
            text = json_string(json_space(text).strip_prefix(b"\"")?)?;
            text = json_space(text).strip_prefix(b":")?;
        }
        text = json_space(json_value(json_space(text), depth + 1)?);
        match text {
            [b',', rest @ ..] => text = rest,
            [c, rest @ ..] if *c == close => return Some(rest),
            _ => return None,
        }
    }
}

fn json_string(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'u', a, b, c, d, rest @ ..]
                if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) =>
            {
                rest
            }
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                rest @ ..,
            ] => rest,
            [b'\\' | 0..=0x1f, ..] | [] => return None,
            [_, rest @ ..] => rest,
        }
    }
}

fn json_number(text: &[u8]) -> Option<&[u8]> {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest.first() == Some(&b'0') {
        return None;
    }
    rest = rest.get(whole..)?;
    if let [b'.', tail @ ..] = rest {
        let n = digits(tail);
        rest = tail.get(n..).filter(|_| n > 0)?;
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        let tail = match tail {
            [b'+' | b'-', tail @ ..] => tail,
            _ => tail,
        };
        let n = digits(tail);
        rest = tail.get(n..).filter(|_| n > 0)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_rfc_8259() {
        for good in [
            "{}",
            " [1, -2.5e+3, true, null] ",
            "\"a\\u00e4\\n\"",
            "{\"a\": {\"b\": []}}",
            "0",
        ] {
            assert!(json_end(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "", "{", "[1,]", "{a:1}", "01", "1.", "'x'", "\"\n\"", "nul", "1 2", "\"\\x\"",
        ] {
            assert!(json_end(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(json_end("[".repeat(100_000).as_bytes()).is_none());
    }

    #[test]
    fn values_are_taken_apart() {
        let all: Vec<_> = parts(" [1.50, \"a,]\", {\"b\": [2]},null ]").collect();
        let values: Vec<&str> = all.iter().map(|(_, v)| *v).collect();
        assert_eq!(values, ["1.50", "\"a,]\"", "{\"b\": [2]}", "null"]);
        let all: Vec<_> = parts("{\"a\" : 1, \"a\":{}}").collect();
        assert_eq!(all, [("\"a\"", "1"), ("\"a\"", "{}")]);
        assert_eq!(parts("[]").count() + parts("{}").count(), 0);
    }
}
