//! The patterns of `to_char`, `to_number`, `to_date` and `to_timestamp` (PostgreSQL docs, "Data Type
//! Formatting Functions"; formatting.c).

mod clock;
mod keys;
mod number;
mod read;
mod read_number;
mod roman;
mod shape;

pub(super) use clock::{Clock, show as show_clock};
pub(super) use number::{Number, show as show_number};
pub(super) use read::read as read_clock;
pub(super) use read_number::read as read_number;

/// A part of a pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Node<K> {
    Key(K),
    /// What stands for itself.
    Char(char),
    /// The same in quotes: never a separator.
    Quoted(char),
}

/// Takes a pattern apart. `key` finds what a text begins with, and gives how much of it is passed
/// over, whatever follows, and how long all of it is.
fn parse<K>(pattern: &str, key: impl Fn(&str) -> (usize, Option<(K, usize)>)) -> Vec<Node<K>> {
    let mut nodes = Vec::new();
    let mut rest = pattern;
    loop {
        let (skip, found) = key(rest);
        if let Some((key, length)) = found {
            nodes.push(Node::Key(key));
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        rest = rest.get(skip..).unwrap_or_default();
        let mut chars = rest.chars();
        match chars.next() {
            None => return nodes,
            Some('"') => {
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => nodes.push(Node::Quoted(chars.next().unwrap_or('\\'))),
                        c => nodes.push(Node::Quoted(c)),
                    }
                }
            }
            Some('\\') if chars.as_str().starts_with('"') => {
                chars.next();
                nodes.push(Node::Char('"'));
            }
            Some(c) => nodes.push(Node::Char(c)),
        }
        rest = chars.as_str();
    }
}

/// `ST`, `ND`, `RD` or `TH` behind a number.
fn ordinal(digits: &str, lower: bool) -> &'static str {
    let mut from_end = digits.bytes().rev();
    let last = from_end.next();
    let teen = from_end.next() == Some(b'1');
    match (last, lower) {
        (Some(b'1'), false) if !teen => "ST",
        (Some(b'1'), true) if !teen => "st",
        (Some(b'2'), false) if !teen => "ND",
        (Some(b'2'), true) if !teen => "nd",
        (Some(b'3'), false) if !teen => "RD",
        (Some(b'3'), true) if !teen => "rd",
        (_, false) => "TH",
        (_, true) => "th",
    }
}
