//! Operators of `jsonb` (PostgreSQL docs, "JSON Functions and Operators"), on texts in its form.

use std::collections::HashMap;

use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::json::{not_json, parts, quoted};
use crate::embedded::functions::{Table, boolean, integer, state, text, value};
use crate::embedded::number;
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_jsonb_contains", 2, |a| {
        let (whole, part) = (Json::read(&text(a, 0)), Json::read(&text(a, 1)));
        // An array may contain a value that stands for itself.
        let within = match (&whole, &part) {
            (Json::Array(all), Json::Plain(_)) => all.iter().any(|i| i.same(&part)),
            _ => whole.contains(&part),
        };
        Ok(boolean(within))
    }),
    ("pg_jsonb_exists", 2, |a| {
        Ok(boolean(Json::read(&text(a, 0)).has(&text(a, 1))))
    }),
    ("pg_jsonb_concat", 2, |a| {
        let both = match (Json::read(&text(a, 0)), Json::read(&text(a, 1))) {
            (Json::Object(mut left), Json::Object(right)) => {
                for (key, member) in right {
                    set_member(&mut left, key, member);
                }
                sort(&mut left);
                Json::Object(left)
            }
            (left, right) => {
                let list = |json| match json {
                    Json::Array(items) => items,
                    other => vec![other],
                };
                let mut all = list(left);
                all.extend(list(right));
                Json::Array(all)
            }
        };
        both.value()
    }),
    ("pg_jsonb_delete", 2, |a| {
        let mut json = Json::read(&text(a, 0));
        match (&mut json, value(a, 1)) {
            (Json::Plain(_), _) => return Err(invalid("cannot delete from scalar")),
            (Json::Array(items), ValueRef::Integer(n)) => {
                if let Some(at) = place(n, items.len()) {
                    items.remove(at);
                }
            }
            (Json::Object(_), ValueRef::Integer(_)) => {
                return Err(invalid("cannot delete from object using integer index"));
            }
            (Json::Array(items), _) => {
                let key = text(a, 1);
                items.retain(|i| i.string().as_deref() != Some(&*key));
            }
            (Json::Object(members), _) => {
                let key = text(a, 1);
                members.retain(|(k, _)| *k != *key);
            }
        }
        json.value()
    }),
    ("pg_jsonb_set", 4, |a| {
        let mut json = Json::read(&text(a, 0));
        let path: Option<Vec<String>> = array::parse(&text(a, 1))?.into_iter().collect();
        let Some(path) = path else {
            return Err(invalid("path element is null"));
        };
        if matches!(json, Json::Plain(_)) {
            return Err(invalid("cannot set path in scalar"));
        }
        let new = Json::read(&text(a, 2));
        set(&mut json, &path, 0, new, integer(a, 3) != 0)?;
        json.value()
    }),
];

fn invalid(text: &'static str) -> Fault {
    Fault::new(SqlState::INVALID_PARAMETER_VALUE, text)
}

pub(super) fn no_character() -> Fault {
    Fault::new(state("22P05"), "unsupported Unicode escape sequence")
        .with_detail("\\u0000 cannot be converted to text.".into())
}

/// A number from the front, or with a minus from the back.
pub(super) fn place(n: i64, length: usize) -> Option<usize> {
    let at = match usize::try_from(n) {
        Ok(at) => at,
        Err(_) => length.checked_sub(usize::try_from(n.unsigned_abs()).ok()?)?,
    };
    (at < length).then_some(at)
}

fn set_member(members: &mut Vec<(String, Json)>, key: String, member: Json) {
    match members.iter_mut().find(|(k, _)| *k == key) {
        Some((_, old)) => *old = member,
        None => members.push((key, member)),
    }
}

/// As jsonb keeps keys: the shorter first, then by bytes.
pub(super) fn sort(members: &mut [(String, Json)]) {
    members.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
}

/// Sets what is at a path from this step on.
fn set(json: &mut Json, path: &[String], at: usize, new: Json, create: bool) -> Result<(), Fault> {
    let Some((step, rest)) = path.split_first() else {
        return Ok(());
    };
    let next = at.saturating_add(1);
    match json {
        Json::Object(members) => match members.iter_mut().find(|(k, _)| k == step) {
            Some((_, old)) if rest.is_empty() => *old = new,
            Some((_, inner)) => return set(inner, rest, next, new, create),
            None if rest.is_empty() && create => {
                members.push((step.clone(), new));
                sort(members);
            }
            None => {}
        },
        Json::Array(items) => {
            let n = place_in_path(step, at)?;
            match place(n, items.len()).and_then(|at| items.get_mut(at)) {
                Some(old) if rest.is_empty() => *old = new,
                Some(inner) => return set(inner, rest, next, new, create),
                None if rest.is_empty() && create => {
                    items.insert(if n < 0 { 0 } else { items.len() }, new);
                }
                None => {}
            }
        }
        Json::Plain(_) => {}
    }
    Ok(())
}

/// A step of a path into an array.
pub(super) fn place_in_path(step: &str, position: usize) -> Result<i64, Fault> {
    step.parse::<i32>().map(i64::from).map_err(|_| {
        Fault::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!(
                "path element at position {} is not an integer: \"{step}\"",
                position.saturating_add(1)
            ),
        )
    })
}

/// A value that was read; no deeper than the reader lets through.
pub(super) enum Json {
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    /// As it was written.
    Plain(String),
}

impl Json {
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim();
        match text.as_bytes().first() {
            Some(b'{') => {
                let mut members: Vec<(String, Self)> = Vec::new();
                // Of those with one name the last stands, where the first was.
                let mut places = HashMap::new();
                for (key, member) in parts(text) {
                    let (key, member) = (unquoted(key), Self::read(member));
                    let at = *places.entry(key.clone()).or_insert(members.len());
                    match members.get_mut(at) {
                        Some((_, old)) => *old = member,
                        None => members.push((key, member)),
                    }
                }
                Self::Object(members)
            }
            Some(b'[') => Self::Array(parts(text).map(|(_, item)| Self::read(item)).collect()),
            _ => Self::Plain(text.to_owned()),
        }
    }

    /// As jsonb keeps it: keys in its order, strings as they are read, numbers as numeric.
    pub(super) fn canonical(self) -> Result<Self, Fault> {
        Ok(match self {
            Self::Object(mut members) => {
                sort(&mut members);
                if members.iter().any(|(k, _)| k.contains('\0')) {
                    return Err(no_character());
                }
                let members = members.into_iter().map(|(k, v)| Ok((k, v.canonical()?)));
                Self::Object(members.collect::<Result<_, Fault>>()?)
            }
            Self::Array(items) => {
                let items = items.into_iter().map(Self::canonical);
                Self::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Plain(raw) => Self::Plain(match raw.as_bytes().first() {
                Some(b'"') => {
                    let said = unquoted(&raw);
                    if said.contains('\0') {
                        return Err(no_character());
                    }
                    let halves = said.matches('\u{fffd}').count();
                    let written = raw.to_ascii_lowercase();
                    let whole = ["\u{fffd}", "\\ufffd"].map(|w| written.matches(w).count());
                    if halves > whole.iter().sum() {
                        return Err(
                            not_json().with_detail("Unicode surrogates must come in pairs.".into())
                        );
                    }
                    quoted(&said)
                }
                Some(b'-' | b'0'..=b'9') => number::show(&number::parse(&raw)?),
                _ => raw,
            }),
        })
    }

    pub(super) fn show(&self) -> String {
        match self {
            Self::Plain(raw) => raw.clone(),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(Self::show).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(members) => {
                let member =
                    |(key, value): &(String, Self)| format!("{}: {}", quoted(key), value.show());
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }

    pub(super) fn value(&self) -> Result<Value, Fault> {
        Ok(Value::Text(self.show()))
    }

    /// Whether there is such a key, or such a string in an array.
    pub(super) fn has(&self, key: &str) -> bool {
        match self {
            Self::Object(members) => members.iter().any(|(k, _)| k == key),
            Self::Array(items) => items.iter().any(|i| i.string().as_deref() == Some(key)),
            Self::Plain(_) => self.string().as_deref() == Some(key),
        }
    }

    /// What a string says.
    pub(super) fn string(&self) -> Option<String> {
        match self {
            Self::Plain(raw) if raw.starts_with('"') => Some(unquoted(raw)),
            _ => None,
        }
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(a), Self::Plain(b)) if a == b => true,
            (Self::Plain(a), Self::Plain(b)) => match (self.string(), other.string()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => match (number::parse(a), number::parse(b)) {
                    (Ok(a), Ok(b)) => a == b,
                    _ => false,
                },
                _ => false,
            },
            (Self::Array(a), Self::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Self::Object(a), Self::Object(b)) => a.len() == b.len() && self.contains(other),
            _ => false,
        }
    }

    fn contains(&self, part: &Self) -> bool {
        match (self, part) {
            (Self::Object(all), Self::Object(some)) => some.iter().all(|(key, wanted)| {
                let found = all.iter().find(|(k, _)| k == key);
                found.is_some_and(|(_, member)| member.contains(wanted))
            }),
            (Self::Array(all), Self::Array(some)) => some
                .iter()
                .all(|wanted| all.iter().any(|item| item.contains(wanted))),
            (Self::Plain(_), Self::Plain(_)) => self.same(part),
            _ => false,
        }
    }
}

/// What a JSON string says; a half of a pair that stands alone is no character.
pub(super) fn unquoted(raw: &str) -> String {
    let inner = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"'));
    let mut chars = inner.unwrap_or(raw).chars();
    let mut units: Vec<u16> = Vec::new();
    let mut out = String::new();
    let end = |units: &mut Vec<u16>, out: &mut String| {
        out.push_str(&String::from_utf16_lossy(units));
        units.clear();
    };
    while let Some(c) = chars.next() {
        if c != '\\' {
            end(&mut units, &mut out);
            out.push(c);
            continue;
        }
        let escaped = chars.next().unwrap_or('\\');
        if escaped == 'u' {
            let digits: String = chars.by_ref().take(4).collect();
            units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
            continue;
        }
        end(&mut units, &mut out);
        out.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            other => other,
        });
    }
    end(&mut units, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_members_with_one_name_the_last_stands() {
        let read = |text| Json::read(text).show();
        assert_eq!(
            read("{\"a\":1,\"b\":[2],\"\\u0061\":3}"),
            "{\"a\": 3, \"b\": [2]}"
        );
    }

    #[test]
    fn jsonb_has_an_order_and_one_way_to_say_a_thing() {
        let canonical = |text| Json::read(text).canonical().map(|j| j.show());
        for (written, kept) in [
            (
                r#"{"bb":1,"a":2,"a":3,"c":{"z":1,"y":2}}"#,
                r#"{"a": 3, "c": {"y": 2, "z": 1}, "bb": 1}"#,
            ),
            (r#"{"ä":1,"zz":2,"z":3}"#, r#"{"z": 3, "zz": 2, "ä": 1}"#),
            (
                "[1e3,-0,1.10,1E-3,0.0,-1.50e1,12345678901234567890.1]",
                "[1000, 0, 1.10, 0.001, 0.0, -15.0, 12345678901234567890.1]",
            ),
            (
                r#""a\u00e4\/\b\f\n\u0001\ud83d\ude00""#,
                r#""aä/\b\f\n\u0001😀""#,
            ),
            (r#"[null,true,{}, [ ]]"#, "[null, true, {}, []]"),
        ] {
            assert_eq!(canonical(written).as_deref().ok(), Some(kept));
        }
        for bad in [r#""\u0000""#, r#"{"\u0000":1}"#, r#""\ud83d""#, "1e1000000"] {
            assert!(canonical(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn strings_say_what_they_say() {
        for (raw, said) in [
            ("\"a\\n\\\"b\\\\\"", "a\n\"b\\"),
            ("\"\\u00e4\\ud83d\\ude00x\"", "ä😀x"),
            ("\"\\ud83d\"", "\u{fffd}"),
        ] {
            assert_eq!(unquoted(raw), said);
        }
    }
}
