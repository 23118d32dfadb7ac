//! Patterns: LIKE, SIMILAR TO, regular expressions.

use std::cell::RefCell;

use regex::{Regex, RegexBuilder};
use rusqlite::types::{Value, ValueRef};

use crate::embedded::dialect::Fault;
use crate::embedded::functions::{Table, boolean, text};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_ilike", 3, |a| like(a, true)),
    ("pg_iregex", 2, |a| {
        Ok(boolean(matches(&text(a, 1), &text(a, 0), true)?))
    }),
    ("pg_like", 3, |a| like(a, false)),
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
    ("pg_similar", 3, |a| {
        let pattern = similar(&text(a, 1));
        Ok(boolean(matches(&pattern, &text(a, 0), false)?))
    }),
];

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
}
