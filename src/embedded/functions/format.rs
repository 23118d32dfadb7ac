//! `format()` (PostgreSQL docs, "format"), and quotes around what it is given.

use std::iter::Peekable;
use std::str::Chars;

use rusqlite::types::{Value, ValueRef};

use crate::embedded::dialect::{Fault, identifier};
use crate::embedded::functions::text::{MAX_TEXT, too_long};
use crate::embedded::functions::{Strict, state, text, value};
use crate::error_response::SqlState;

/// Functions that see NULL.
pub(super) const LOOSE: &[(&str, Strict)] = &[
    ("pg_format", format),
    ("pg_quote_nullable", |a| {
        Ok(Value::Text(match value(a, 0) {
            ValueRef::Null => "NULL".to_owned(),
            _ => quoted(&text(a, 0)),
        }))
    }),
];

/// As a literal.
pub(super) fn quoted(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// What stands between `%` and the letter.
#[derive(Default)]
struct Spec {
    /// The argument's number.
    position: Option<usize>,
    left: bool,
    width: i64,
    /// The width is an argument: the next, or this one.
    width_from: Option<Option<usize>>,
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn number(chars: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, Fault> {
    let mut found = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        let sum = i64::from(digit) + found.unwrap_or(0_i64).saturating_mul(10);
        if sum > i64::from(i32::MAX) {
            return Err(Fault::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                "number is out of range",
            ));
        }
        found = Some(sum);
    }
    Ok(found.map(|n| usize::try_from(n).unwrap_or(0)))
}

fn not_zero(position: usize) -> Result<usize, Fault> {
    if position == 0 {
        return Err(invalid(
            "format specifies argument 0, but arguments are numbered from 1",
        ));
    }
    Ok(position)
}

impl Spec {
    fn read(chars: &mut Peekable<Chars<'_>>) -> Result<Self, Fault> {
        let mut spec = Self::default();
        let more = |chars: &mut Peekable<Chars<'_>>| match chars.peek() {
            Some(_) => Ok(()),
            None => Err(invalid("unterminated format() type specifier")
                .with_hint("For a single \"%\" use \"%%\".")),
        };
        more(chars)?;
        if let Some(n) = number(chars)? {
            more(chars)?;
            if chars.next_if_eq(&'$').is_none() {
                spec.width = i64::try_from(n).unwrap_or(0);
                return Ok(spec);
            }
            spec.position = Some(not_zero(n)?);
            more(chars)?;
        }
        while chars.next_if_eq(&'-').is_some() {
            spec.left = true;
            more(chars)?;
        }
        if chars.next_if_eq(&'*').is_some() {
            more(chars)?;
            spec.width_from = Some(None);
            if let Some(n) = number(chars)? {
                more(chars)?;
                if chars.next_if_eq(&'$').is_none() {
                    return Err(invalid("width argument position must be ended by \"$\""));
                }
                spec.width_from = Some(Some(not_zero(n)?));
                more(chars)?;
            }
        } else if let Some(n) = number(chars)? {
            spec.width = i64::try_from(n).unwrap_or(0);
            more(chars)?;
        }
        Ok(spec)
    }
}

fn format(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    if value(arguments, 0) == ValueRef::Null {
        return Ok(Value::Null);
    }
    let pattern = text(arguments, 0);
    let mut chars = pattern.chars().peekable();
    let mut out = String::new();
    // The pattern is argument 0.
    let mut last = 0_usize;
    let mut pick = |position: Option<usize>| {
        let at = position.unwrap_or_else(|| last.saturating_add(1));
        if at >= arguments.len() {
            return Err(invalid("too few arguments for format()"));
        }
        last = at;
        Ok(at)
    };
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut spec = Spec::read(&mut chars)?;
        let letter = chars.next().unwrap_or(' ');
        if !matches!(letter, 's' | 'I' | 'L') {
            return Err(
                invalid(format!("unrecognized format() type specifier \"{letter}\""))
                    .with_hint("For a single \"%\" use \"%%\"."),
            );
        }
        if let Some(from) = spec.width_from {
            let at = pick(from)?;
            let given = text(arguments, at);
            spec.width = match value(arguments, at) {
                ValueRef::Null => 0,
                _ => given
                    .trim()
                    .parse::<i32>()
                    .map_err(|_| {
                        Fault::new(
                            SqlState::INVALID_TEXT_REPRESENTATION,
                            format!("invalid input syntax for type integer: \"{given}\""),
                        )
                    })?
                    .into(),
            };
        }
        let at = pick(spec.position)?;
        let null = value(arguments, at) == ValueRef::Null;
        let given = text(arguments, at);
        let shown = match letter {
            's' => given.into_owned(),
            'L' if null => "NULL".to_owned(),
            'L' => quoted(&given),
            _ if null => {
                return Err(Fault::new(
                    state("22004"),
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            _ => identifier(&given),
        };
        let width = usize::try_from(spec.width.unsigned_abs()).unwrap_or(usize::MAX);
        if width > MAX_TEXT || out.len() > MAX_TEXT {
            return Err(too_long());
        }
        let blanks = width.saturating_sub(shown.chars().count());
        let left = spec.left || spec.width < 0;
        if !left {
            out.extend(std::iter::repeat_n(' ', blanks));
        }
        out.push_str(&shown);
        if left {
            out.extend(std::iter::repeat_n(' ', blanks));
        }
    }
    Ok(Value::Text(out))
}
