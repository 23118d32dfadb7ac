//! The functions of regular expressions.

use regex::Captures;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::array;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::are::{Options, Pattern, with_regex};
use crate::embedded::functions::json::quoted;
use crate::embedded::functions::{Table, boolean, integer, text};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_regex", 2, |a| {
        with_regex(&text(a, 1), Options::default(), |regex| {
            boolean(regex.is_match(&text(a, 0)))
        })
    }),
    ("pg_iregex", 2, |a| {
        with_regex(&text(a, 1), Options::folded(true), |regex| {
            boolean(regex.is_match(&text(a, 0)))
        })
    }),
    ("pg_regexp_like", -1, |a| {
        let options = Options::parse(&text(a, 2), Some("regexp_like"))?;
        with_regex(&text(a, 1), options, |regex| {
            boolean(regex.is_match(&text(a, 0)))
        })
    }),
    ("pg_regexp_match", -1, |a| {
        let options = Options::parse(&text(a, 2), Some("regexp_match"))?;
        let subject = text(a, 0);
        with_regex(&text(a, 1), options, |regex| {
            let found = regex.captures_at(&subject, 0)?;
            Ok(found.map_or(Value::Null, |c| Value::Text(groups(&c))))
        })?
    }),
    // Each match an array, in a JSON array of texts.
    ("pg_regexp_matches_json", -1, |a| {
        let options = Options::parse(&text(a, 2), None)?;
        let subject = text(a, 0);
        with_regex(&text(a, 1), options, |regex| {
            let mut rows = Vec::new();
            each(regex, &subject, 0, |captures| {
                rows.push(quoted(&groups(captures)));
                options.global
            })?;
            Ok(Value::Text(format!("[{}]", rows.join(","))))
        })?
    }),
    ("pg_regexp_split", -1, |a| {
        let pieces = split(a, "regexp_split_to_array")?;
        let pieces: Vec<_> = pieces.into_iter().map(Some).collect();
        Ok(Value::Text(array::show(&pieces)))
    }),
    ("pg_regexp_split_json", -1, |a| {
        let pieces = split(a, "regexp_split_to_table")?;
        let pieces: Vec<_> = pieces.iter().map(|p| quoted(p)).collect();
        Ok(Value::Text(format!("[{}]", pieces.join(","))))
    }),
    ("pg_regexp_count", -1, |a| {
        let start = from(a, 2)?;
        let options = Options::parse(&text(a, 3), Some("regexp_count"))?;
        let subject = text(a, 0);
        with_regex(&text(a, 1), options, |regex| {
            let mut count = 0_i64;
            if let Some(start) = at(&subject, start) {
                each(regex, &subject, start, |_| {
                    count = count.saturating_add(1);
                    true
                })?;
            }
            Ok(Value::Integer(count))
        })?
    }),
    // Text, pattern, start, number, end, flags, group.
    ("pg_regexp_instr", 7, |a| {
        let end = match integer(a, 4) {
            0 => false,
            1 => true,
            other => return Err(wrong("endoption", other)),
        };
        let subject = text(a, 0);
        let found = nth(a, &subject, (2, 3, 5, 6), "regexp_instr")?;
        Ok(Value::Integer(found.map_or(0, |(from, to)| {
            let place = if end { to } else { from };
            let before = subject.get(..place).unwrap_or_default().chars().count();
            i64::try_from(before).unwrap_or(0).saturating_add(1)
        })))
    }),
    // Text, pattern, start, number, flags, group.
    ("pg_regexp_substr", 6, |a| {
        let subject = text(a, 0);
        let found = nth(a, &subject, (2, 3, 4, 5), "regexp_substr")?;
        Ok(found
            .and_then(|(from, to)| subject.get(from..to))
            .map_or(Value::Null, |t| Value::Text(t.to_owned())))
    }),
    // Text, pattern, replacement, start, number (0 for all), flags.
    ("pg_regexp_replace", 6, |a| {
        let options = Options::parse(&text(a, 5), None)?;
        let start = from(a, 3)?;
        let number = match integer(a, 4) {
            // What was written decides; else the letter g.
            n if n == i64::from(i32::MIN) => i64::from(!options.global),
            n if n < 0 => return Err(wrong("n", n)),
            n => n,
        };
        let (subject, replacement) = (text(a, 0), text(a, 2));
        with_regex(&text(a, 1), options, |regex| {
            let Some(start) = at(&subject, start) else {
                return Ok(Value::Text(subject.clone().into_owned()));
            };
            let mut out = String::new();
            let (mut copied, mut count) = (0, 0_i64);
            each(regex, &subject, start, |captures| {
                count = count.saturating_add(1);
                if number > 0 && count != number {
                    return true;
                }
                if let Some(whole) = captures.get(0) {
                    out.push_str(subject.get(copied..whole.start()).unwrap_or_default());
                    replace(&mut out, &replacement, captures);
                    copied = whole.end();
                }
                number == 0
            })?;
            out.push_str(subject.get(copied..).unwrap_or_default());
            Ok(Value::Text(out))
        })?
    }),
    ("pg_regexp_substring", 2, |a| {
        let subject = text(a, 0);
        with_regex(&text(a, 1), Options::default(), |regex| {
            let found = regex.captures_at(&subject, 0)?;
            let found = found.and_then(|c| if c.len() > 1 { c.get(1) } else { c.get(0) });
            Ok(found.map_or(Value::Null, |m| Value::Text(m.as_str().to_owned())))
        })?
    }),
];

fn wrong(parameter: &str, value: i64) -> Fault {
    Fault::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{parameter}\": {value}"),
    )
}

/// Where to begin, counted from 1; without it at the beginning.
fn from(arguments: &[ValueRef<'_>], index: usize) -> Result<i64, Fault> {
    match integer(arguments, index) {
        _ if arguments.len() <= index => Ok(1),
        n if n <= 0 => Err(wrong("start", n)),
        n => Ok(n),
    }
}

/// The byte of a character counted from 1, if the text goes that far.
fn at(text: &str, place: i64) -> Option<usize> {
    let skip = usize::try_from(place.saturating_sub(1)).ok()?;
    text.char_indices()
        .map(|(i, _)| i)
        .chain([text.len()])
        .nth(skip)
}

/// All matches from there on, until `see` has enough (setup_regexp_matches).
fn each(
    regex: &Pattern,
    text: &str,
    start: usize,
    mut see: impl FnMut(&Captures<'_>) -> bool,
) -> Result<(), Fault> {
    let mut start = start;
    while let Some(captures) = regex.captures_at(text, start)? {
        let Some(whole) = captures.get(0) else {
            break;
        };
        if !see(&captures) {
            break;
        }
        start = whole.end();
        if whole.is_empty() {
            match text.get(start..).and_then(|t| t.chars().next()) {
                Some(c) => start = start.saturating_add(c.len_utf8()),
                None => break,
            }
        }
    }
    Ok(())
}

/// The groups of a match, or all of it.
fn groups(captures: &Captures<'_>) -> String {
    let skip = usize::from(captures.len() > 1);
    let groups: Vec<_> = captures
        .iter()
        .skip(skip)
        .map(|m| m.map(|m| m.as_str().to_owned()))
        .collect();
    array::show(&groups)
}

/// Between the matches. An empty one at either end or right behind another is none.
fn split(arguments: &[ValueRef<'_>], function: &str) -> Result<Vec<String>, Fault> {
    let options = Options::parse(&text(arguments, 2), Some(function))?;
    let subject = text(arguments, 0);
    with_regex(&text(arguments, 1), options, |regex| {
        let mut pieces = Vec::new();
        let (mut copied, mut last) = (0, 0);
        each(regex, &subject, 0, |captures| {
            if let Some(whole) = captures.get(0) {
                if whole.start() < subject.len() && whole.end() > last {
                    let piece = subject.get(copied..whole.start()).unwrap_or_default();
                    pieces.push(piece.to_owned());
                    copied = whole.end();
                }
                last = whole.end();
            }
            true
        })?;
        pieces.push(subject.get(copied..).unwrap_or_default().to_owned());
        Ok(pieces)
    })?
}

/// Where a group of the match of that number is. The places are those of the arguments: start,
/// number, flags, group.
fn nth(
    arguments: &[ValueRef<'_>],
    subject: &str,
    places: (usize, usize, usize, usize),
    function: &str,
) -> Result<Option<(usize, usize)>, Fault> {
    let start = from(arguments, places.0)?;
    let number = integer(arguments, places.1);
    if number <= 0 {
        return Err(wrong("n", number));
    }
    let given = integer(arguments, places.3);
    let group = usize::try_from(given).map_err(|_| wrong("subexpr", given))?;
    let options = Options::parse(&text(arguments, places.2), Some(function))?;
    with_regex(&text(arguments, 1), options, |regex| {
        let mut found = None;
        let mut count = 0_i64;
        if let Some(start) = at(subject, start) {
            each(regex, subject, start, |captures| {
                count = count.saturating_add(1);
                if count == number {
                    found = captures.get(group).map(|m| (m.start(), m.end()));
                }
                count < number
            })?;
        }
        Ok(found)
    })?
}

/// `\1` to `\9` are groups, `\&` is all of the match.
fn replace(out: &mut String, replacement: &str, captures: &Captures<'_>) {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        let group = match chars.peek() {
            Some(d @ '1'..='9') if c == '\\' => {
                usize::try_from(u32::from(*d) - u32::from('0')).ok()
            }
            Some('&') if c == '\\' => Some(0),
            Some('\\') if c == '\\' => {
                chars.next();
                out.push('\\');
                continue;
            }
            _ => None,
        };
        match group {
            Some(group) => {
                chars.next();
                out.push_str(captures.get(group).map_or("", |m| m.as_str()));
            }
            None => out.push(c),
        }
    }
}
