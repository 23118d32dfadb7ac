//! What a short statement is made of.

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// As it stands; without quotes its case does not matter.
    Word(String),
    Quoted(String),
    String(String),
    Number(String),
    Symbol(char),
}

/// The tokens of a statement that is short and simple; `None` inside for what is neither.
pub(super) struct Tokens(Vec<Token>);

/// Such statements are no longer than this.
const MAX_TOKENS: usize = 256;

impl Tokens {
    pub(super) fn of(sql: &str) -> Option<Self> {
        let first = sql.trim_start().get(..2)?;
        // Most statements are told apart by their first letters, without further work.
        let begins = ["DE", "DI", "LI", "UN", "NO", "RE", "SH", "SE", "--", "/*"];
        if !begins.iter().any(|b| b.eq_ignore_ascii_case(first)) {
            return None;
        }
        let mut tokens = Vec::new();
        let mut rest = sql;
        loop {
            rest = rest.trim_start();
            let Some(c) = rest.chars().next() else { break };
            if tokens.len() > MAX_TOKENS {
                return None;
            }
            if rest.starts_with("--") {
                rest = rest
                    .find('\n')
                    .and_then(|n| rest.get(n..))
                    .unwrap_or_default();
                continue;
            }
            if let Some(inside) = rest.strip_prefix("/*") {
                let end = inside.find("*/")?;
                // Comments nest; what does that here is somebody else's.
                if inside.get(..end)?.contains("/*") {
                    return None;
                }
                rest = inside.get(end.checked_add(2)?..)?;
                continue;
            }
            let (token, tail) = match c {
                '\'' => quoted(rest, '\'').map(|(text, tail)| (Token::String(text), tail))?,
                '"' => quoted(rest, '"').map(|(text, tail)| (Token::Quoted(text), tail))?,
                c if c.is_alphabetic() || c == '_' => {
                    let end = rest
                        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                        .unwrap_or(rest.len());
                    let (word, tail) = rest.split_at(end);
                    // E'…' and its like.
                    if tail.starts_with('\'') {
                        return None;
                    }
                    (Token::Word(word.to_owned()), tail)
                }
                '0'..='9' | '+' | '-' => {
                    let from = c.len_utf8();
                    let end = rest
                        .get(from..)?
                        .find(|c: char| !c.is_alphanumeric() && c != '.')
                        .map_or(rest.len(), |n| n.saturating_add(from));
                    let (number, tail) = rest.split_at(end);
                    (Token::Number(number.to_owned()), tail)
                }
                '=' | ',' | '.' | '*' | ';' => (Token::Symbol(c), rest.get(1..)?),
                _ => return None,
            };
            tokens.push(token);
            rest = tail;
        }
        while tokens.last() == Some(&Token::Symbol(';')) {
            tokens.pop();
        }
        Some(Self(tokens))
    }

    pub(super) fn peekable(self) -> Peekable {
        Peekable(self.0.into_iter().peekable())
    }
}

/// A quoted piece off the front, its doubled quotes made single.
fn quoted(rest: &str, quote: char) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            text.push(c);
        } else if chars.next_if(|(_, c)| *c == quote).is_some() {
            text.push(quote);
        } else {
            return Some((text, rest.get(at.checked_add(1)?..)?));
        }
    }
    None
}

pub(super) struct Peekable(std::iter::Peekable<std::vec::IntoIter<Token>>);

impl Peekable {
    pub(super) fn at_end(&mut self) -> bool {
        self.0.peek().is_none()
    }

    /// A keyword, in capitals.
    pub(super) fn word(&mut self) -> Option<String> {
        match self.0.next()? {
            Token::Word(word) => Some(word.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// Takes a keyword if it is there.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let is = |token: &Token| matches!(token, Token::Word(w) if w.eq_ignore_ascii_case(keyword));
        self.0.next_if(is).is_some()
    }

    pub(super) fn symbol(&mut self, symbol: char) -> bool {
        self.0.next_if_eq(&Token::Symbol(symbol)).is_some()
    }

    /// An identifier; without quotes it is made lower case.
    pub(super) fn name(&mut self) -> Option<String> {
        match self.0.next()? {
            Token::Word(word) => Some(word.to_lowercase()),
            Token::Quoted(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn string(&mut self) -> Option<String> {
        match self.0.next()? {
            Token::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a setting; `None` inside is DEFAULT.
    pub(super) fn value(&mut self) -> Option<Option<String>> {
        Some(match self.0.next()? {
            Token::Word(word) if word.eq_ignore_ascii_case("default") => None,
            Token::Word(word) => Some(word),
            Token::Quoted(text) | Token::String(text) | Token::Number(text) => Some(text),
            Token::Symbol(_) => return None,
        })
    }
}
