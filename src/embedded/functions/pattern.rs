//! Patterns: LIKE and SIMILAR TO.

use rusqlite::types::{Value, ValueRef};

use crate::embedded::dialect::Fault;
use crate::embedded::functions::are::{Options, with_regex};
use crate::embedded::functions::{Table, boolean, text};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_ilike", 3, |a| like(a, true)),
    ("pg_like", 3, |a| like(a, false)),
    ("pg_similar", 3, |a| {
        let pattern = similar(&text(a, 1));
        with_regex(&pattern, Options::default(), |regex| {
            boolean(regex.is_match(&text(a, 0)))
        })
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
