//! Regular expressions over names.
//!
//! PostgreSQL's are POSIX "advanced" ones over single bytes, for it knows no character set before
//! login; they are used unanchored. Here they run in time linear in the length of the name. What
//! would mean something else than in PostgreSQL is refused when it is compiled.

use regex_lite::{Regex, RegexBuilder};

/// What a compiled expression may take, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// A regular expression as pg_hba.conf and pg_ident.conf have them, without the leading slash.
#[derive(Clone, Debug)]
pub(super) struct NamePattern {
    regex: Regex,
}

impl NamePattern {
    pub(super) fn new(source: &[u8]) -> Result<Self, String> {
        refuse_other_dialects(source)?;
        let regex = RegexBuilder::new(&widen(source))
            // As in PostgreSQL, where a newline is a character like any other.
            .dot_matches_new_line(true)
            .size_limit(SIZE_LIMIT)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { regex })
    }

    pub(super) fn matches(&self, name: &[u8]) -> bool {
        self.regex.is_match(&widen(name))
    }

    /// The first group of the first match; `None` without a match, `Some(None)` if the group took
    /// no part in it.
    pub(super) fn first_group(&self, name: &[u8]) -> Option<Option<Vec<u8>>> {
        let name = widen(name);
        let captures = self.regex.captures(&name)?;
        Some(captures.get(1).map(|group| narrow(group.as_str())))
    }

    pub(super) fn has_group(&self) -> bool {
        self.regex.captures_len() > 1
    }
}

/// One character for each byte, so that the expression sees bytes.
fn widen(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn narrow(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}

/// What both dialects have, with different meanings, must not be taken for the other.
fn refuse_other_dialects(source: &[u8]) -> Result<(), String> {
    let mut bytes = source.iter().copied().peekable();
    let mut first = true;
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek().copied()) {
            (b'\\', Some(next)) => {
                bytes.next();
                let known = next.is_ascii_punctuation() && !matches!(next, b'<' | b'>')
                    || matches!(
                        next,
                        b'd' | b'D' | b's' | b'S' | b'w' | b'W' | b'n' | b'r' | b't' | b'A'
                    );
                if !known {
                    return Err(format!(
                        "the escape \\{} is not supported",
                        char::from(next).escape_default()
                    ));
                }
            }
            (b'(', Some(b'?')) => {
                bytes.next();
                if bytes.peek() != Some(&b':') {
                    return Err(
                        "of the groups that begin with (? only (?:...) is supported".to_owned()
                    );
                }
            }
            (b'*', Some(b'*')) if first => {
                return Err("directors (***) are not supported".to_owned());
            }
            (b'[', Some(b'.' | b'=')) => {
                return Err(
                    "collating elements and equivalence classes ([. [=) are not supported"
                        .to_owned(),
                );
            }
            _ => {}
        }
        first = false;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_not_anchored() {
        let pattern = NamePattern::new(b"li").unwrap();
        assert!(pattern.matches(b"alice"));
        assert!(!pattern.matches(b"bob"));
        let pattern = NamePattern::new(b"^alice$").unwrap();
        assert!(pattern.matches(b"alice"));
        for other in [b"malice".as_slice(), b"alices", b"Alice", b"alice\n"] {
            assert!(!pattern.matches(other));
        }
    }

    #[test]
    fn a_pattern_sees_bytes() {
        // Not UTF-8, and still a name.
        assert!(NamePattern::new(b"^.$").unwrap().matches(b"\xff"));
        assert!(
            NamePattern::new("^..$".as_bytes())
                .unwrap()
                .matches("é".as_bytes())
        );
        assert!(
            NamePattern::new("^é$".as_bytes())
                .unwrap()
                .matches("é".as_bytes())
        );
        let group = NamePattern::new(b"^(.*)@x$").unwrap();
        assert_eq!(
            group.first_group("é\u{ff}@x".as_bytes()),
            Some(Some("é\u{ff}".as_bytes().to_vec()))
        );
        assert!(NamePattern::new(b"^a.b$").unwrap().matches(b"a\nb"));
    }

    #[test]
    fn what_both_dialects_have_works() {
        for (pattern, name) in [
            ("^db\\d{2,4}$", "db123"),
            ("^[[:alpha:]]+$", "abc"),
            ("^(?:a|b)c$", "bc"),
            ("^[^a-c]$", "d"),
            ("^a\\.b\\@c\\-d\\/e$", "a.b@c-d/e"),
            ("^CN=(.*),OU=Dev,O=Co$", "CN=joe,OU=Dev,O=Co"),
            ("^\\w+\\s\\S$", "ab c"),
            ("\\Aa", "a"),
            ("^a{2}$", "aa"),
            ("^[\\w-]+$", "a-b"),
        ] {
            let compiled = NamePattern::new(pattern.as_bytes());
            assert!(compiled.unwrap().matches(name.as_bytes()), "{pattern}");
        }
    }

    #[test]
    fn what_means_something_else_is_refused() {
        for pattern in [
            "a\\b", "\\Ba", "\\<a", "a\\>", "a\\Z", "(a)\\1", "\\ma", "a\\M", "\\ya", "\\x41",
            "(?i)a", "(?=a)", "(?!a)", "(?<n>a)", "(?P<n>a)", "***=a", "***:a", "[[.a.]]",
            "[[=a=]]", "[a&&b]", "[a~~b]", "[a--b]", "(", "[a", "a{2", "*", "a\\",
        ] {
            assert!(NamePattern::new(pattern.as_bytes()).is_err(), "{pattern}");
        }
        let huge = "(a{1000}){1000}";
        assert!(NamePattern::new(huge.as_bytes()).is_err());
        let deep = "(".repeat(10_000);
        assert!(NamePattern::new(deep.as_bytes()).is_err());
    }

    #[test]
    fn time_is_linear_in_the_name() {
        let pattern = NamePattern::new(b"^(a+)+$").unwrap();
        let mut name = vec![b'a'; 4096];
        assert!(pattern.matches(&name));
        name.push(b'b');
        assert!(!pattern.matches(&name));
    }
}
