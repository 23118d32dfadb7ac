//! PostgreSQL's regular expressions (PostgreSQL docs, "Regular Expression Details") in the words of
//! the regex crate, whose time is linear in the text. What it cannot do is refused.

use std::cell::RefCell;
use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

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

thread_local! {
    /// A pattern is used for row after row.
    static LAST: RefCell<Option<(String, Options, Regex)>> = const { RefCell::new(None) };
}

/// Runs a regular expression.
pub(super) fn with_regex<T>(
    pattern: &str,
    options: Options,
    run: impl FnOnce(&Regex) -> T,
) -> Result<T, Fault> {
    LAST.with_borrow_mut(|last| {
        let known = last
            .as_ref()
            .is_some_and(|(p, o, _)| p == pattern && *o == options);
        if !known {
            *last = Some((pattern.to_owned(), options, build(pattern, options)?));
        }
        match last {
            Some((_, _, regex)) => Ok(run(regex)),
            None => Err(Fault::unsupported("this regular expression")),
        }
    })
}

fn build(pattern: &str, mut options: Options) -> Result<Regex, Fault> {
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
    let translated = if options.literal {
        regex::escape(rest)
    } else {
        Reader {
            chars: rest.chars().peekable(),
            options,
            out: String::with_capacity(rest.len()),
        }
        .translate()?
    };
    RegexBuilder::new(&translated)
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
}

fn invalid(reason: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_REGULAR_EXPRESSION,
        format!("invalid regular expression: {reason}"),
    )
}

struct Reader<'p> {
    chars: Peekable<Chars<'p>>,
    options: Options,
    out: String,
}

impl Reader<'_> {
    fn translate(mut self) -> Result<String, Fault> {
        // Which kinds of quantifiers there are: if both, PostgreSQL's first says what all do.
        let (mut greedy, mut lazy) = (false, false);
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.bracket()?,
                '(' => {
                    self.out.push('(');
                    if self.chars.next_if_eq(&'?').is_some() {
                        match self.chars.next() {
                            Some(':') => self.out.push_str("?:"),
                            Some('=' | '!' | '<') => {
                                return Err(Fault::unsupported(
                                    "looking around in a regular expression",
                                ));
                            }
                            _ => return Err(invalid("quantifier operand invalid")),
                        }
                    }
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
        if greedy && lazy {
            return Err(Fault::unsupported(
                "greedy and non-greedy quantifiers in one regular expression",
            ));
        }
        Ok(self.out)
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
            ("a+b*?", "0A000"),
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
