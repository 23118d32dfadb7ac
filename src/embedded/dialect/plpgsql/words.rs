//! The words of a block, and where they are in its text.

use std::ops::Range;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Word,
    /// A string, in whichever quotes.
    Text,
    /// A name in double quotes.
    Name,
    Other,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

/// All tokens; blanks and comments are left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let get = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let mut all = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let rest = text.get(at..).unwrap_or_default();
        let next = get(at.saturating_add(1));
        let kind = match get(at) {
            b if b.is_ascii_whitespace() => {
                at = at.saturating_add(1);
                continue;
            }
            b'-' if next == b'-' => {
                at = at.saturating_add(rest.find('\n').unwrap_or(rest.len()));
                continue;
            }
            b'/' if next == b'*' => {
                at = at.saturating_add(comment(rest));
                continue;
            }
            b'\'' => {
                let escapes = start > 0 && matches!(get(start.saturating_sub(1)), b'e' | b'E');
                at = at.saturating_add(quoted(rest, b'\'', escapes));
                Kind::Text
            }
            b'"' => {
                at = at.saturating_add(quoted(rest, b'"', false));
                Kind::Name
            }
            b'$' if dollar(rest).is_some() => {
                let tag = dollar(rest).unwrap_or_default();
                let body = rest.get(tag.len()..).unwrap_or_default();
                let end = body.find(tag).map(|n| n.saturating_add(tag.len()));
                let length = end.unwrap_or(body.len()).saturating_add(tag.len());
                at = at.saturating_add(length);
                Kind::Text
            }
            b if is_word(b) => {
                while is_word(get(at)) || get(at) == b'$' {
                    at = at.saturating_add(1);
                }
                Kind::Word
            }
            _ => {
                at = at.saturating_add(1);
                Kind::Other
            }
        };
        all.push(Token {
            kind,
            at: start..at,
        });
    }
    all
}

/// Comments nest.
fn comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0_usize, 0_usize);
    while let Some(pair) = bytes.get(at..at.saturating_add(2)) {
        match pair {
            b"/*" => depth = depth.saturating_add(1),
            b"*/" => depth = depth.saturating_sub(1),
            _ => {
                at = at.saturating_add(1);
                continue;
            }
        }
        at = at.saturating_add(2);
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// How long a string is, its quotes included.
fn quoted(text: &str, quote: u8, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1_usize;
    while let Some(byte) = bytes.get(at) {
        let twice = *byte == quote && bytes.get(at.saturating_add(1)) == Some(&quote);
        if twice || escapes && *byte == b'\\' {
            at = at.saturating_add(2);
            continue;
        }
        at = at.saturating_add(1);
        if *byte == quote {
            return at;
        }
    }
    text.len()
}

/// The tag of a string in dollars.
fn dollar(text: &str) -> Option<&str> {
    let end = text.get(1..)?.find('$')?.saturating_add(2);
    let tag = text.get(..end)?;
    let name = tag.trim_matches('$');
    let good = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (good && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(tag)
}
