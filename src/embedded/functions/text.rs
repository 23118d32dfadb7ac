//! Texts: functions, patterns, regular expressions.

use std::cell::RefCell;

use postgres_types::Type;
use regex::{Regex, RegexBuilder};
use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert;
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::{Table, boolean, integer, kind, text, value};
use crate::error_response::SqlState;

/// No function makes a text longer than this.
const MAX_TEXT: usize = 64 << 20;

fn owned(text: impl Into<String>) -> Result<Value, Fault> {
    Ok(Value::Text(text.into()))
}

pub(super) const FUNCTIONS: Table = &[
    ("pg_ascii", 1, |a| {
        Ok(Value::Integer(
            text(a, 0)
                .chars()
                .next()
                .map_or(0, |c| i64::from(u32::from(c))),
        ))
    }),
    ("pg_bool_letter", 1, |a| {
        owned(if integer(a, 0) != 0 { "t" } else { "f" })
    }),
    ("pg_chr", 1, |a| {
        match u32::try_from(integer(a, 0)).ok().and_then(char::from_u32) {
            Some(c) if c != '\0' => owned(c),
            _ => Err(Fault::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "requested character not valid for encoding",
            )),
        }
    }),
    ("pg_decode", 2, decode),
    ("pg_empty", -1, |_| owned("")),
    ("pg_encode", 2, encode),
    ("pg_get_byte", 2, |a| match value(a, 0) {
        ValueRef::Blob(bytes) => usize::try_from(integer(a, 1))
            .ok()
            .and_then(|n| bytes.get(n))
            .map(|b| Value::Integer((*b).into()))
            .ok_or_else(|| {
                Fault::new(
                    SqlState::new("2202E").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
                    "index out of valid range",
                )
            }),
        _ => Ok(Value::Null),
    }),
    ("pg_get_expr", -1, |a| owned(text(a, 0))),
    ("pg_ilike", 3, |a| like(a, true)),
    ("pg_initcap", 1, |a| {
        let mut start = true;
        let mut out = String::new();
        for c in text(a, 0).chars() {
            if start {
                out.extend(c.to_uppercase());
            } else {
                out.extend(c.to_lowercase());
            }
            start = !c.is_alphanumeric();
        }
        owned(out)
    }),
    ("pg_iregex", 2, |a| {
        Ok(boolean(matches(&text(a, 1), &text(a, 0), true)?))
    }),
    ("pg_left", 2, |a| {
        let text = text(a, 0);
        let count = text.chars().count();
        let n = integer(a, 1);
        let keep = match usize::try_from(n) {
            Ok(n) => n,
            Err(_) => count.saturating_sub(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX)),
        };
        owned(text.chars().take(keep).collect::<String>())
    }),
    ("pg_like", 3, |a| like(a, false)),
    ("pg_lower", 1, |a| owned(text(a, 0).to_lowercase())),
    ("pg_lpad", -1, |a| pad(a, true)),
    ("pg_overlay", -1, |a| {
        let (base, new) = (text(a, 0), text(a, 1));
        let from = integer(a, 2);
        let length = if a.len() > 3 {
            integer(a, 3)
        } else {
            i64::try_from(new.chars().count()).unwrap_or(0)
        };
        if from <= 0 || length < 0 {
            return Err(negative_substring());
        }
        let start = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        let skip = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        let head: String = base.chars().take(start).collect();
        let tail: String = base.chars().skip(skip).collect();
        owned(format!("{head}{new}{tail}"))
    }),
    ("pg_regex", 2, |a| {
        Ok(boolean(matches(&text(a, 1), &text(a, 0), false)?))
    }),
    ("pg_regexp_replace", -1, |a| {
        let flags = text(a, 3);
        let good = |c: char| matches!(c, 'g' | 'i' | 'c');
        if !flags.chars().all(good) {
            return Err(Fault::unsupported(format!(
                "the option \"{flags}\" of a regular expression"
            )));
        }
        let replacement = replacement(&text(a, 2));
        let subject = text(a, 0);
        with_regex(&text(a, 1), flags.contains('i'), |regex| {
            let limit = if flags.contains('g') { 0 } else { 1 };
            regex
                .replacen(&subject, limit, replacement.as_str())
                .into_owned()
        })
        .map(Value::Text)
    }),
    ("pg_regexp_substring", 2, |a| {
        let subject = text(a, 0);
        with_regex(&text(a, 1), false, |regex| {
            let found = regex.captures(&subject);
            found.and_then(|c| c.get(1).or_else(|| c.get(0)).map(|m| m.as_str().to_owned()))
        })
        .map(|found| found.map_or(Value::Null, Value::Text))
    }),
    ("pg_repeat", 2, |a| {
        let (text, n) = (text(a, 0), usize::try_from(integer(a, 1)).unwrap_or(0));
        if text.len().saturating_mul(n) > MAX_TEXT {
            return Err(too_long());
        }
        owned(text.repeat(n))
    }),
    ("pg_replace", 3, |a| {
        let (text_, from, to) = (text(a, 0), text(a, 1), text(a, 2));
        if from.is_empty() {
            return owned(text_);
        }
        let growth = to.len().saturating_sub(from.len());
        if text_.matches(&*from).count().saturating_mul(growth) > MAX_TEXT {
            return Err(too_long());
        }
        owned(text_.replace(&*from, &to))
    }),
    ("pg_reverse", 1, |a| {
        owned(text(a, 0).chars().rev().collect::<String>())
    }),
    ("pg_right", 2, |a| {
        let text = text(a, 0);
        let count = text.chars().count();
        let n = integer(a, 1);
        let skip = match usize::try_from(n) {
            Ok(n) => count.saturating_sub(n),
            Err(_) => usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX),
        };
        owned(text.chars().skip(skip).collect::<String>())
    }),
    ("pg_rpad", -1, |a| pad(a, false)),
    ("pg_similar", 3, |a| {
        let pattern = similar(&text(a, 1));
        Ok(boolean(matches(&pattern, &text(a, 0), false)?))
    }),
    ("pg_size_pretty", 1, |a| {
        let mut size = integer(a, 0);
        for unit in ["bytes", "kB", "MB", "GB"] {
            if size.abs() < 10_240 {
                return owned(format!("{size} {unit}"));
            }
            size = (size + 512) / 1024;
        }
        owned(format!("{size} TB"))
    }),
    ("pg_split_part", 3, |a| {
        let (text, delimiter, n) = (text(a, 0), text(a, 1), integer(a, 2));
        if n == 0 {
            return Err(Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "field position must not be zero",
            ));
        }
        let parts: Vec<&str> = if delimiter.is_empty() {
            vec![&text]
        } else {
            text.split(&*delimiter).collect()
        };
        let index = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
        let found = if n > 0 {
            parts.get(index.saturating_sub(1))
        } else {
            parts.len().checked_sub(index).and_then(|i| parts.get(i))
        };
        owned(found.copied().unwrap_or_default())
    }),
    ("pg_starts_with", 2, |a| {
        Ok(boolean(text(a, 0).starts_with(&*text(a, 1))))
    }),
    ("pg_substr", -1, |a| {
        let text = text(a, 0);
        let start = integer(a, 1);
        let end = if a.len() > 2 {
            let length = integer(a, 2);
            if length < 0 {
                return Err(negative_substring());
            }
            start.saturating_add(length)
        } else {
            i64::MAX
        };
        let from = usize::try_from(start.max(1).saturating_sub(1)).unwrap_or(usize::MAX);
        let count = usize::try_from(end.saturating_sub(start.max(1))).unwrap_or(0);
        owned(text.chars().skip(from).take(count).collect::<String>())
    }),
    ("pg_translate", 3, |a| {
        let (from, to): (Vec<char>, Vec<char>) =
            (text(a, 1).chars().collect(), text(a, 2).chars().collect());
        owned(
            text(a, 0)
                .chars()
                .filter_map(|c| match from.iter().position(|f| *f == c) {
                    None => Some(c),
                    Some(i) => to.get(i).copied(),
                })
                .collect::<String>(),
        )
    }),
    ("pg_upper", 1, |a| owned(text(a, 0).to_uppercase())),
    ("quote_ident", 1, |a| {
        let name = text(a, 0);
        let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        owned(if plain {
            name.into_owned()
        } else {
            format!("\"{}\"", name.replace('"', "\"\""))
        })
    }),
    ("quote_literal", 1, |a| {
        let text = text(a, 0);
        let doubled = text.replace('\'', "''");
        owned(if text.contains('\\') {
            format!("E'{}'", doubled.replace('\\', "\\\\"))
        } else {
            format!("'{doubled}'")
        })
    }),
    ("pg_regtype_out", 1, |a| format_type(integer(a, 0), -1)),
    ("pg_regtype_in", 1, |a| {
        let name = text(a, 0);
        Ok(Value::Integer(types::named(&name)?.kind.oid().into()))
    }),
    ("pg_to_regtype", 1, |a| {
        let found = types::named(&text(a, 0)).ok();
        Ok(found.map_or(Value::Null, |ty| Value::Integer(ty.kind.oid().into())))
    }),
    ("pg_object_schema", 1, |a| {
        // What stands before the last dot, which may be within the quotes of the name.
        let name = text(a, 0);
        let head = match name.strip_suffix('"') {
            Some(inner) => inner.rsplit_once('"').map_or("", |(head, _)| head),
            None => name.rsplit_once('.').map_or("", |(head, _)| head),
        };
        owned(head.trim_end_matches('.').trim_matches('"').to_lowercase())
    }),
    ("pg_object_name", 1, |a| {
        // The last part of the name, folded as an identifier is.
        let name = text(a, 0);
        let last = match name.strip_suffix('"') {
            Some(inner) => return owned(inner.rsplit_once('"').map_or(inner, |(_, n)| n)),
            None => name.rsplit('.').next().unwrap_or_default(),
        };
        owned(last.to_lowercase())
    }),
    ("pg_no_object", 2, |a| {
        let code = match &*text(a, 0) {
            "relation" => SqlState::UNDEFINED_TABLE,
            "function" => SqlState::UNDEFINED_FUNCTION,
            "schema" => SqlState::INVALID_SCHEMA_NAME,
            _ => SqlState::UNDEFINED_OBJECT,
        };
        Err(Fault::new(
            code,
            format!("{} \"{}\" does not exist", text(a, 0), text(a, 1)),
        ))
    }),
    ("pg_encoding_to_char", 1, |a| {
        owned(if integer(a, 0) == 6 { "UTF8" } else { "" })
    }),
];

/// Functions that see NULL.
pub(super) const LOOSE: &[(&str, super::Strict)] = &[
    ("pg_concat", |a| {
        owned((0..a.len()).map(|i| text(a, i)).collect::<String>())
    }),
    ("pg_concat_ws", |a| {
        if value(a, 0) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let parts: Vec<_> = (1..a.len())
            .filter(|i| value(a, *i) != ValueRef::Null)
            .map(|i| text(a, i))
            .collect();
        owned(parts.join(&text(a, 0)))
    }),
    ("pg_null", |_| Ok(Value::Null)),
    ("pg_not_null", |a| match value(a, 0) {
        ValueRef::Null => Err(Fault::new(
            SqlState::NOT_NULL_VIOLATION,
            format!(
                "null value in column \"{}\" violates not-null constraint",
                text(a, 1)
            ),
        )),
        value => Ok(Value::try_from(value).unwrap_or(Value::Null)),
    }),
    ("format_type", |a| match value(a, 0) {
        ValueRef::Integer(oid) => {
            let modifier = if value(a, 1) == ValueRef::Null {
                -1
            } else {
                integer(a, 1)
            };
            format_type(oid, modifier)
        }
        _ => Ok(Value::Null),
    }),
];

fn format_type(oid: i64, modifier: i64) -> Result<Value, Fault> {
    let kind = u32::try_from(oid).ok().and_then(Type::from_oid);
    owned(match kind {
        Some(kind) => types::show(&kind, i32::try_from(modifier).unwrap_or(-1)),
        None if oid == 0 => "-".into(),
        None => "???".into(),
    })
}

fn too_long() -> Fault {
    Fault::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        "requested length too large",
    )
}

fn negative_substring() -> Fault {
    Fault::new(
        SqlState::new("22011").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
        "negative substring length not allowed",
    )
}

fn pad(arguments: &[ValueRef<'_>], left: bool) -> Result<Value, Fault> {
    let base = text(arguments, 0);
    let length = usize::try_from(integer(arguments, 1)).unwrap_or(0);
    if length > MAX_TEXT / 4 {
        return Err(too_long());
    }
    let fill = if arguments.len() > 2 {
        text(arguments, 2)
    } else {
        " ".into()
    };
    let has = base.chars().count();
    if has >= length || fill.is_empty() {
        return owned(base.chars().take(length).collect::<String>());
    }
    let padding: String = fill
        .chars()
        .cycle()
        .take(length.saturating_sub(has))
        .collect();
    owned(if left {
        format!("{padding}{base}")
    } else {
        format!("{base}{padding}")
    })
}

/// LIKE without a regular expression: `%` and `_`, one escape character or none.
fn like(arguments: &[ValueRef<'_>], fold: bool) -> Result<Value, Fault> {
    let (subject, pattern) = (text(arguments, 0), text(arguments, 1));
    let escape = text(arguments, 2).chars().next();
    let (subject, pattern) = if fold {
        (subject.to_lowercase(), pattern.to_lowercase())
    } else {
        (subject.into_owned(), pattern.into_owned())
    };
    let mut wanted = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            match chars.next() {
                Some(c) => wanted.push(Like::Is(c)),
                None => {
                    return Err(Fault::new(
                        SqlState::new("22025").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
                        "LIKE pattern must not end with escape character",
                    ));
                }
            }
        } else {
            wanted.push(match c {
                '%' => Like::Any,
                '_' => Like::One,
                c => Like::Is(c),
            });
        }
    }
    let subject: Vec<char> = subject.chars().collect();
    Ok(boolean(is_like(&subject, &wanted)))
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Like {
    Any,
    Is(char),
    One,
}

/// Goes back to the last `%` only, so it takes no more than length times length.
fn is_like(subject: &[char], pattern: &[Like]) -> bool {
    let (mut s, mut p) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while let Some(c) = subject.get(s) {
        match pattern.get(p) {
            Some(Like::Any) => {
                last = Some((s, p));
                p += 1;
                continue;
            }
            Some(Like::One) => {
                (s, p) = (s + 1, p + 1);
                continue;
            }
            Some(Like::Is(wanted)) if wanted == c => {
                (s, p) = (s + 1, p + 1);
                continue;
            }
            _ => {}
        }
        match last {
            Some((at, any)) => {
                last = Some((at + 1, any));
                (s, p) = (at + 1, any + 1);
            }
            None => return false,
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|l| *l == Like::Any)
}

thread_local! {
    /// A pattern is used for row after row.
    static LAST: RefCell<Option<(String, bool, Regex)>> = const { RefCell::new(None) };
}

/// Runs a regular expression. Its time is linear in the text; what it cannot do (back references,
/// looking around) is refused.
pub(super) fn with_regex<T>(
    pattern: &str,
    fold: bool,
    run: impl FnOnce(&Regex) -> T,
) -> Result<T, Fault> {
    LAST.with_borrow_mut(|last| {
        let known = last
            .as_ref()
            .is_some_and(|(p, f, _)| p == pattern && *f == fold);
        if !known {
            // PostgreSQL's `***=` and its like have no counterpart.
            let regex = RegexBuilder::new(pattern)
                .case_insensitive(fold)
                .size_limit(1 << 20)
                .dot_matches_new_line(true)
                .build()
                .map_err(|e| {
                    let text = e.to_string();
                    let reason = text.lines().last().unwrap_or_default();
                    Fault::new(
                        SqlState::INVALID_REGULAR_EXPRESSION,
                        format!(
                            "invalid regular expression: {}",
                            reason.trim_start_matches("error: ")
                        ),
                    )
                })?;
            *last = Some((pattern.to_owned(), fold, regex));
        }
        match last {
            Some((_, _, regex)) => Ok(run(regex)),
            None => Err(Fault::unsupported("this regular expression")),
        }
    })
}

fn matches(pattern: &str, subject: &str, fold: bool) -> Result<bool, Fault> {
    with_regex(pattern, fold, |regex| regex.is_match(subject))
}

/// `\1` as the regex crate writes it, `$` as itself.
fn replacement(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some(d) if d.is_ascii_digit() => out.push_str(&format!("${{{d}}}")),
                Some('&') => out.push_str("${0}"),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

/// SIMILAR TO's pattern as a regular expression.
fn similar(pattern: &str) -> String {
    let mut out = String::from("^(?:");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' => {
                if let Some(c) = chars.next() {
                    out.push_str(&regex::escape(&c.to_string()));
                }
            }
            '.' | '^' | '$' => out.push_str(&regex::escape(&c.to_string())),
            c => out.push(c),
        }
    }
    out.push_str(")$");
    out
}

fn encode(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let ValueRef::Blob(bytes) = value(arguments, 0) else {
        return Ok(Value::Null);
    };
    let format = text(arguments, 1).to_lowercase();
    owned(match format.as_str() {
        "hex" => convert::hex(bytes).trim_start_matches("\\x").to_owned(),
        "escape" => bytes
            .iter()
            .map(|b| match b {
                b'\\' => "\\\\".to_owned(),
                0x20..=0x7e => char::from(*b).to_string(),
                b => format!("\\{b:03o}"),
            })
            .collect(),
        "base64" => base64(bytes),
        _ => return Err(unknown_encoding(&format)),
    })
}

fn unknown_encoding(format: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unrecognized encoding: \"{format}\""),
    )
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With line breaks after 76 characters, as PostgreSQL writes it.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (i, chunk) in bytes.chunks(3).enumerate() {
        if i > 0 && i % 19 == 0 {
            out.push('\n');
        }
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4_usize {
            if n <= chunk.len() {
                let digit = bits >> (18 - 6 * n) & 63;
                let digit = DIGITS.get(usize::try_from(digit).unwrap_or(0));
                out.push(digit.map_or('A', |d| char::from(*d)));
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn decode(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let input = text(arguments, 0);
    let format = text(arguments, 1).to_lowercase();
    match format.as_str() {
        "hex" => convert::parse(&format!("\\x{input}"), &Type::BYTEA.into()),
        "escape" => convert::parse(&input, &Type::BYTEA.into()),
        "base64" => {
            let mut out = Vec::new();
            let (mut bits, mut count) = (0_u32, 0_u32);
            for c in input
                .bytes()
                .filter(|b| !b.is_ascii_whitespace() && *b != b'=')
            {
                let digit = DIGITS.iter().position(|d| *d == c).ok_or_else(|| {
                    Fault::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "invalid symbol \"{}\" found while decoding base64 sequence",
                            char::from(c)
                        ),
                    )
                })?;
                bits = bits << 6 | u32::try_from(digit).unwrap_or(0);
                count += 6;
                if count >= 8 {
                    count -= 8;
                    out.push(u8::try_from(bits >> count & 0xff).unwrap_or(0));
                }
            }
            Ok(Value::Blob(out))
        }
        _ => Err(unknown_encoding(&format)),
    }
}

/// Not NULL and of this type: for arrays and JSON.
pub(super) fn shown(value_: ValueRef<'_>, kind: &Type) -> Result<Option<String>, Fault> {
    if value_ == ValueRef::Null {
        return Ok(None);
    }
    convert::show(value_, kind).map(Some)
}

/// The type an argument names.
pub(super) fn kind_of(arguments: &[ValueRef<'_>], index: usize) -> Type {
    kind(arguments, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_postgresqls() {
        let t = |subject: &str, pattern: &str| {
            let arguments = [subject, pattern, "\\"].map(|s| ValueRef::Text(s.as_bytes()));
            like(&arguments, false).unwrap() == Value::Integer(1)
        };
        for (subject, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "_b_", true),
            ("abc", "a_", false),
            ("ABC", "abc", false),
            ("a%c", "a\\%c", true),
            ("abc", "a\\%c", false),
            ("", "%", true),
            ("", "_", false),
            ("äöü", "_ö%", true),
            ("aXbXc", "%X%X%", true),
        ] {
            assert_eq!(t(subject, pattern), expected, "{subject} {pattern}");
        }
        let long = "a".repeat(20_000);
        assert!(!t(&long, &format!("{}b", "%a".repeat(50))));
    }

    #[test]
    fn base64_has_its_padding_and_lines() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foo"), "Zm9v");
        assert_eq!(base64(&[0; 58]).lines().next().unwrap().len(), 76);
    }
}
