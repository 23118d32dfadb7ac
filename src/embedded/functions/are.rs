//! PostgreSQL's regular expressions (PostgreSQL docs, "Regular Expression Details") in the words of
//! the regex crate, whose time is linear in the text. What it cannot do is refused.

use std::cell::RefCell;
use std::iter::Peekable;
use std::str::Chars;

use regex::{Captures, Regex, RegexBuilder};

use crate::embedded::dialect::Fault;
use crate::error_response::SqlState;

/// What the letters behind a pattern say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Options {
    pub(super) global: bool,
    pub(super) fold: bool,
    /// `.` does not match a newline.
    stop: bool,
    /// `^` and `$` match at every newline.
    anchors: bool,
    /// It is no pattern but a text.
    literal: bool,
}

impl Options {
    pub(super) fn folded(fold: bool) -> Self {
        Self {
            fold,
            ..Self::default()
        }
    }

    /// Reads the flags; `function` is named where it takes no `g`.
    pub(super) fn parse(flags: &str, function: Option<&str>) -> Result<Self, Fault> {
        let mut options = Self::default();
        options.change(flags)?;
        match function {
            Some(function) if options.global => Err(Fault::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("{function}() does not support the \"global\" option"),
            )),
            _ => Ok(options),
        }
    }

    fn change(&mut self, flags: &str) -> Result<(), Fault> {
        for flag in flags.chars() {
            match flag {
                'g' => self.global = true,
                'i' => self.fold = true,
                'c' => self.fold = false,
                'n' | 'm' => (self.stop, self.anchors) = (true, true),
                's' => (self.stop, self.anchors) = (false, false),
                'p' => (self.stop, self.anchors) = (true, false),
                'w' => (self.stop, self.anchors) = (false, true),
                'q' => self.literal = true,
                't' => {}
                'b' | 'e' | 'x' => {
                    return Err(Fault::unsupported(format!(
                        "the option \"{flag}\" of a regular expression"
                    )));
                }
                _ => {
                    return Err(Fault::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!("invalid regular expression option: \"{flag}\""),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A pattern that can be run.
pub(super) struct Pattern {
    regex: Regex,
    /// The same with its alternatives in the other order, if it has any.
    reversed: Option<Regex>,
    /// There are two alternatives and nothing else: the longer is the one.
    two: bool,
    /// Why nobody knows here what it matches, though it is known whether it does.
    refused: Option<&'static str>,
}

impl Pattern {
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The first match from there on. Of alternatives PostgreSQL takes the longest and the crate the
    /// first; where that is not the same, the answer is not known.
    pub(super) fn captures_at<'t>(
        &self,
        text: &'t str,
        start: usize,
    ) -> Result<Option<Captures<'t>>, Fault> {
        if let Some(what) = self.refused {
            return Err(Fault::unsupported(what));
        }
        let first = self.regex.captures_at(text, start);
        let (Some(found), Some(reversed)) = (&first, &self.reversed) else {
            return Ok(first);
        };
        let places = |captures: &Captures<'_>| -> Vec<_> {
            let places = captures.iter().map(|m| m.map(|m| m.range()));
            places.collect()
        };
        let second = reversed.captures_at(text, start);
        match second {
            Some(other) if places(&other) == places(found) => Ok(first),
            Some(other) if self.two => {
                let end = |c: &Captures<'_>| c.get(0).map(|m| m.end());
                Ok(if end(&other) > end(found) {
                    Some(other)
                } else {
                    first
                })
            }
            _ => Err(Fault::unsupported(
                "a regular expression of which several alternatives match",
            )),
        }
    }
}

thread_local! {
    /// A pattern is used for row after row.
    static LAST: RefCell<Option<(String, Options, Pattern)>> = const { RefCell::new(None) };
}

/// Runs a regular expression.
pub(super) fn with_regex<T>(
    pattern: &str,
    options: Options,
    run: impl FnOnce(&Pattern) -> T,
) -> Result<T, Fault> {
    LAST.with_borrow_mut(|last| {
        let known = last
            .as_ref()
            .is_some_and(|(p, o, _)| p == pattern && *o == options);
        if !known {
            *last = Some((pattern.to_owned(), options, build(pattern, options)?));
        }
        match last {
            Some((_, _, pattern)) => Ok(run(pattern)),
            None => Err(Fault::unsupported("this regular expression")),
        }
    })
}

fn build(pattern: &str, mut options: Options) -> Result<Pattern, Fault> {
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        (rest, options.literal) = (literal, true);
    } else if let Some(advanced) = rest.strip_prefix("***:") {
        rest = advanced;
    }
    // Options may stand in front, and nowhere else.
    let embedded = rest
        .strip_prefix("(?")
        .and_then(|t| t.split_once(')'))
        .filter(|(flags, _)| !flags.is_empty() && flags.bytes().all(|b| b.is_ascii_lowercase()));
    if let Some((flags, behind)) = embedded
        && !options.literal
    {
        options.change(flags)?;
        rest = behind;
    }
    let compile = |translated: &str| {
        RegexBuilder::new(translated)
            .case_insensitive(options.fold)
            .size_limit(1 << 20)
            .dot_matches_new_line(!options.stop)
            .multi_line(options.anchors)
            .build()
            .map_err(|e| {
                let text = e.to_string();
                let reason = text.lines().last().unwrap_or_default();
                invalid(reason.trim_start_matches("error: "))
            })
    };
    if options.literal {
        return Ok(Pattern {
            regex: compile(&regex::escape(rest))?,
            reversed: None,
            two: false,
            refused: None,
        });
    }
    let reader = Reader {
        chars: rest.chars().peekable(),
        options,
        outer: Vec::new(),
        out: Level::default(),
        nested: false,
        groups: false,
    };
    let Read {
        forth,
        back,
        two,
        refused,
    } = reader.translate()?;
    Ok(Pattern {
        refused,
        regex: compile(&forth)?,
        reversed: (forth != back).then(|| compile(&back)).transpose()?,
        two,
    })
}

fn invalid(reason: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_REGULAR_EXPRESSION,
        format!("invalid regular expression: {reason}"),
    )
}

/// What stands between two parentheses, with its alternatives in both orders.
#[derive(Default)]
struct Level {
    open: &'static str,
    done: Vec<(String, String)>,
    forth: String,
    back: String,
}

impl Level {
    fn push(&mut self, c: char) {
        self.forth.push(c);
        self.back.push(c);
    }

    fn push_str(&mut self, text: &str) {
        self.forth.push_str(text);
        self.back.push_str(text);
    }

    fn next_alternative(&mut self) {
        let done = (
            std::mem::take(&mut self.forth),
            std::mem::take(&mut self.back),
        );
        self.done.push(done);
    }

    /// All of it in both orders.
    fn close(mut self) -> (String, String) {
        self.next_alternative();
        let (forth, mut back): (Vec<_>, Vec<_>) = self.done.into_iter().unzip();
        back.reverse();
        (forth.join("|"), back.join("|"))
    }
}

/// A pattern in the crate's words.
struct Read {
    forth: String,
    /// With the alternatives in reverse.
    back: String,
    two: bool,
    refused: Option<&'static str>,
}

struct Reader<'p> {
    chars: Peekable<Chars<'p>>,
    options: Options,
    outer: Vec<Level>,
    out: Level,
    /// There are alternatives within parentheses.
    nested: bool,
    /// There are groups.
    groups: bool,
}

impl Reader<'_> {
    fn translate(mut self) -> Result<Read, Fault> {
        // Which kinds of quantifiers there are: if both, PostgreSQL's first says what all do.
        let (mut greedy, mut lazy) = (false, false);
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.bracket()?,
                '(' => {
                    let mut open = "(";
                    if self.chars.next_if_eq(&'?').is_some() {
                        match self.chars.next() {
                            Some(':') => open = "(?:",
                            Some('=' | '!' | '<') => {
                                return Err(Fault::unsupported(
                                    "looking around in a regular expression",
                                ));
                            }
                            _ => return Err(invalid("quantifier operand invalid")),
                        }
                    }
                    self.groups |= open == "(";
                    let level = Level {
                        open,
                        ..Level::default()
                    };
                    self.outer.push(std::mem::replace(&mut self.out, level));
                }
                ')' => {
                    let Some(outer) = self.outer.pop() else {
                        return Err(invalid("parentheses () not balanced"));
                    };
                    let inner = std::mem::replace(&mut self.out, outer);
                    let open = inner.open;
                    let (forth, back) = inner.close();
                    self.out.forth.push_str(&format!("{open}{forth})"));
                    self.out.back.push_str(&format!("{open}{back})"));
                }
                '|' => {
                    self.nested |= !self.outer.is_empty();
                    self.out.next_alternative();
                }
                '*' | '+' | '?' => {
                    self.out.push(c);
                    self.greed(&mut greedy, &mut lazy);
                }
                '{' => {
                    if !self.chars.peek().is_some_and(char::is_ascii_digit) {
                        self.out.push_str("\\{");
                        continue;
                    }
                    self.out.push('{');
                    for c in self.chars.by_ref() {
                        self.out.push(c);
                        if c == '}' {
                            break;
                        }
                    }
                    self.greed(&mut greedy, &mut lazy);
                }
                '}' => self.out.push_str("\\}"),
                c => self.out.push(c),
            }
        }
        if !self.outer.is_empty() {
            return Err(invalid("parentheses () not balanced"));
        }
        let several = !self.out.done.is_empty();
        // Alternatives are greedy, whatever they consist of.
        let refused = match (greedy, lazy, several) {
            (true, true, _) => Some("greedy and non-greedy quantifiers in one regular expression"),
            (_, true, true) => {
                Some("non-greedy quantifiers among alternatives of a regular expression")
            }
            _ => None,
        };
        let two = self.out.done.len() == 1 && !self.nested && !self.groups;
        let (forth, back) = self.out.close();
        Ok(Read {
            forth,
            back,
            two,
            refused,
        })
    }

    fn greed(&mut self, greedy: &mut bool, lazy: &mut bool) {
        if self.chars.next_if_eq(&'?').is_some() {
            self.out.push('?');
            *lazy = true;
        } else {
            *greedy = true;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let Some(c) = self.chars.next() else {
            return Err(invalid("invalid escape \\ sequence"));
        };
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            'y' => self.out.push_str("\\b"),
            'Y' => self.out.push_str("\\B"),
            'm' => self.out.push_str("\\b{start}"),
            'M' => self.out.push_str("\\b{end}"),
            'Z' => self.out.push_str("\\z"),
            'A' | 's' | 'S' | 'w' | 'W' => {
                self.out.push('\\');
                self.out.push(c);
            }
            '1'..='9' => {
                return Err(Fault::unsupported(
                    "back references in a regular expression",
                ));
            }
            c => self.character(c)?,
        }
        Ok(())
    }

    /// An escape that stands for one character, in brackets too.
    fn character(&mut self, c: char) -> Result<(), Fault> {
        let code = match c {
            'a' => 7,
            'b' => 8,
            'B' => u32::from('\\'),
            'e' => 27,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '0' => 0,
            'u' => self.digits(4)?,
            'U' => self.digits(8)?,
            'c' => match self.chars.next() {
                Some(c) => u32::from(c) & 31,
                None => return Err(invalid("invalid escape \\ sequence")),
            },
            'x' => return Err(Fault::unsupported("\\x in a regular expression")),
            c if c.is_ascii_alphanumeric() => return Err(invalid("invalid escape \\ sequence")),
            c => u32::from(c),
        };
        self.out.push_str(&format!("\\x{{{code:x}}}"));
        Ok(())
    }

    fn digits(&mut self, count: usize) -> Result<u32, Fault> {
        let digits: String = self.chars.by_ref().take(count).collect();
        u32::from_str_radix(&digits, 16)
            .ok()
            .filter(|_| digits.len() == count)
            .ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    /// What stands in brackets. The crate's has operators of its own there.
    fn bracket(&mut self) -> Result<(), Fault> {
        self.out.push('[');
        if self.chars.next_if_eq(&'^').is_some() {
            self.out.push('^');
            // Without newlines then, as `.`.
            if self.options.stop {
                self.out.push_str("\\n");
            }
        }
        if self.chars.next_if_eq(&']').is_some() {
            self.out.push_str("\\]");
        }
        loop {
            let Some(c) = self.chars.next() else {
                return Err(invalid("brackets [] not balanced"));
            };
            match c {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' => match self.chars.peek() {
                    Some(':') => self.class()?,
                    Some('.' | '=') => {
                        return Err(Fault::unsupported(
                            "collating elements in a regular expression",
                        ));
                    }
                    _ => self.out.push_str("\\["),
                },
                '\\' => match self.chars.next() {
                    Some('d') => self.out.push_str("0-9"),
                    Some(c @ ('s' | 'w')) => {
                        self.out.push('\\');
                        self.out.push(c);
                    }
                    Some('D' | 'S' | 'W') => {
                        return Err(Fault::unsupported(
                            "\\D, \\S and \\W in brackets of a regular expression",
                        ));
                    }
                    Some(c) => self.character(c)?,
                    None => return Err(invalid("brackets [] not balanced")),
                },
                '-' if self.chars.peek() == Some(&'-') => {
                    return Err(Fault::unsupported("a range of - in a regular expression"));
                }
                '&' | '~' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                c => self.out.push(c),
            }
        }
    }

    /// `[:alpha:]`: not of ASCII only.
    fn class(&mut self) -> Result<(), Fault> {
        self.chars.next();
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| *c != ':') {
            name.push(c);
        }
        self.chars.next();
        self.chars.next();
        self.out.push_str(match name.as_str() {
            "alpha" => "\\p{Alphabetic}",
            "alnum" => "\\p{Alphabetic}\\p{N}",
            "upper" => "\\p{Uppercase}",
            "lower" => "\\p{Lowercase}",
            "digit" => "0-9",
            "xdigit" => "0-9A-Fa-f",
            "space" => "\\s",
            "word" => "\\w",
            "punct" => "\\p{P}\\p{S}",
            "blank" => " \\t",
            "cntrl" => "\\p{Cc}",
            "print" | "graph" | "ascii" => {
                return Err(Fault::unsupported(format!(
                    "[:{name}:] in a regular expression"
                )));
            }
            _ => return Err(invalid("invalid character class")),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_postgresql() {
        let options = |flags: &str| Options::parse(flags, None).unwrap();
        for (pattern, flags, subject, expected) in [
            ("\\mcat\\M", "", "a cat sat", true),
            ("\\mcat\\M", "", "concat", false),
            ("\\ycat\\y", "", "concat", false),
            ("a.c", "", "a\nc", true),
            ("a.c", "n", "a\nc", false),
            ("a[^b]c", "n", "a\nc", false),
            ("^b", "w", "a\nb", true),
            ("(?i)ABC", "", "abc", true),
            ("***=a.c", "", "abc", false),
            ("a.c", "q", "a.c", true),
            ("[[:alpha:]]+$", "", "ä", true),
            ("[a&&b]", "", "&", true),
            ("[[a]", "", "[", true),
            ("[]a]", "", "]", true),
            ("x{y}", "", "x{y}", true),
            ("\\d", "", "٣", false),
            ("a\\tb", "", "a\tb", true),
        ] {
            let found = with_regex(pattern, options(flags), |r| r.is_match(subject)).unwrap();
            assert_eq!(found, expected, "{pattern} {flags} {subject}");
        }
        for (pattern, code) in [
            ("(a)\\1", "0A000"),
            ("a(?=b)", "0A000"),
            ("(", "2201B"),
            ("[a", "2201B"),
            ("a\\", "2201B"),
            ("(?<n>a)", "0A000"),
            ("(?P<n>a)", "2201B"),
        ] {
            let fault = with_regex(pattern, options(""), |_| ()).unwrap_err();
            assert_eq!(fault.code.as_str(), code, "{pattern}");
        }
        assert_eq!(
            Options::parse("z", None).unwrap_err().code.as_str(),
            "22023"
        );
    }
}
