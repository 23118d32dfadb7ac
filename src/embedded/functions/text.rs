//! Texts.

use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::{Table, boolean, integer, kind, text, value};
use crate::error_response::SqlState;

/// No function makes a text longer than this.
pub(super) const MAX_TEXT: usize = 64 << 20;

pub(super) fn owned(text: impl Into<String>) -> Result<Value, Fault> {
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
    ("pg_empty", -1, |_| owned("")),
    ("pg_initcap", 1, |a| {
        let mut start = true;
        let mut out = String::new();
        for c in text(a, 0).chars() {
            if start {
                out.push(upper(c));
            } else {
                out.push(lower(c));
            }
            start = !c.is_alphanumeric();
        }
        owned(out)
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
    ("pg_lower", 1, |a| {
        owned(text(a, 0).chars().map(lower).collect::<String>())
    }),
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
        let (from, count) = stretch(a)?;
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
    ("pg_upper", 1, |a| {
        owned(text(a, 0).chars().map(upper).collect::<String>())
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
                "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                text(a, 1),
                text(a, 2)
            ),
        )),
        value => Ok(Value::try_from(value).unwrap_or(Value::Null)),
    }),
];

pub(super) fn too_long() -> Fault {
    Fault::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        "requested length too large",
    )
}

/// What `substr` is asked for, from 1: how many are skipped, and how many taken.
pub(super) fn stretch(a: &[ValueRef<'_>]) -> Result<(usize, usize), Fault> {
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
    Ok((from, count))
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

/// As the C library has it: one character becomes one, or stays.
fn upper(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}
