//! Arrays and JSON.

use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::convert;
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::text::{kind_of, shown};
use crate::embedded::functions::{Strict, Table, integer, text, value};
use crate::error_response::SqlState;

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
    ("pg_array_length", 2, |a| length(a, 0)),
    ("pg_array_lower", 2, |a| {
        let kind = kind_of(a, 1);
        match items(&text(a, 0), &kind)?.len() {
            0 => Ok(Value::Null),
            _ => Ok(Value::Integer(lower(&kind))),
        }
    }),
    ("pg_array_position", 2, |a| {
        let wanted = text(a, 1);
        let found = array::parse(&text(a, 0))?
            .iter()
            .position(|item| item.as_deref() == Some(&*wanted));
        Ok(found.map_or(Value::Null, |i| {
            Value::Integer(i64::try_from(i).unwrap_or(0) + 1)
        }))
    }),
    ("pg_array_upper", 2, |a| {
        length(a, lower(&kind_of(a, 1)).saturating_sub(1))
    }),
    ("pg_cardinality", 2, |a| {
        let count = items(&text(a, 0), &kind_of(a, 1))?.len();
        Ok(Value::Integer(i64::try_from(count).unwrap_or(0)))
    }),
    ("pg_json", 2, |a| {
        let text = text(a, 0);
        match json_end(text.as_bytes()) {
            Some(()) if integer(a, 1) == 1 => Ok(Value::Text(respaced(&text))),
            Some(()) => Ok(Value::Text(text.into_owned())),
            None => Err(Fault::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type json",
            )),
        }
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
    ("pg_to_json", |a| {
        let kind = kind_of(a, 1);
        let value_ = value(a, 0);
        let Some(text) = shown(value_, &kind)? else {
            return Ok(Value::Text("null".into()));
        };
        Ok(Value::Text(json_of(&text, &kind)?))
    }),
];

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
        _ if types::is_number(kind) && text.bytes().any(|b| b.is_ascii_digit()) => text.to_owned(),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => quoted(&text.replacen(' ', "T", 1)),
        _ => quoted(text),
    })
}

fn lower(kind: &Type) -> i64 {
    // Vectors begin at 0 (PostgreSQL docs, "int2vector").
    i64::from(!matches!(*kind, Type::INT2_VECTOR | Type::OID_VECTOR))
}

fn items(text: &str, kind: &Type) -> Result<Vec<Option<String>>, Fault> {
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
        let order = match (best, *value) {
            (None, _) => wanted,
            (Some(ValueRef::Integer(a)), ValueRef::Integer(b)) => b.cmp(&a),
            (Some(a), b) if kind == Type::NUMERIC => {
                convert::numeric(b)?.cmp(&convert::numeric(a)?)
            }
            (Some(ValueRef::Text(a)), ValueRef::Text(b)) => b.cmp(a),
            (Some(a), b) => convert::real(b)?.total_cmp(&convert::real(a)?),
        };
        if order == wanted {
            best = Some(*value);
        }
    }
    Ok(best
        .and_then(|v| Value::try_from(v).ok())
        .unwrap_or(Value::Null))
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
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

/// As jsonb shows it: a blank behind colons and commas, none elsewhere. Keys keep their order and
/// their doubles, which jsonb does not.
fn respaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut string, mut escaped) = (false, false);
    for c in text.chars() {
        if string {
            out.push(c);
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == '"' {
                string = false;
            }
            continue;
        }
        match c {
            '"' => {
                string = true;
                out.push(c);
            }
            ':' | ',' => {
                out.push(c);
                out.push(' ');
            }
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
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
        assert_eq!(
            respaced("{\"a\" :\n[1,2], \"b:\":\"x, y\"}"),
            "{\"a\": [1, 2], \"b:\": \"x, y\"}"
        );
    }
}
