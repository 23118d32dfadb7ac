//! What PostgreSQL's scanner says of names and numbers that the parser's lets pass.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::made_names::{LONGEST, clipped};
use crate::embedded::dialect::spelling::is;
use crate::error_response::{ErrorResponse, SqlState};

/// Names shortened to what PostgreSQL keeps of them, and what is told of that.
pub(super) fn check(tokens: &mut Vec<TokenWithSpan>) -> Result<Vec<ErrorResponse>, Fault> {
    escaped_names(tokens)?;
    national(tokens);
    let mut told = Vec::new();
    let mut number: Option<&TokenWithSpan> = None;
    for token in tokens.iter_mut() {
        if let Token::Word(word) = &mut token.token {
            if word.quote_style.is_some() && word.value.is_empty() {
                let text = "zero-length delimited identifier at or near \"\"\"\"";
                return Err(Fault::new(SqlState::SYNTAX_ERROR, text).from(token.span.start));
            }
            if let Some(cut) = shortened(word) {
                let whole = match word.quote_style {
                    Some(_) => word.value.clone(),
                    None => word.value.to_ascii_lowercase(),
                };
                told.push(ErrorResponse::notice_of(
                    SqlState::NAME_TOO_LONG,
                    format!("identifier \"{whole}\" will be truncated to \"{cut}\""),
                ));
                word.value = cut;
            }
        }
        let token = &*token;
        let follows = number.filter(|n| n.span.end == token.span.start);
        match (&token.token, follows) {
            (
                Token::Word(Word {
                    value,
                    quote_style: None,
                    ..
                }),
                Some(before),
            ) => {
                return Err(junk(&format!("{}{value}", before.token), before));
            }
            (Token::Number(digits, _), _) if !plain(digits) => {
                return Err(junk(digits, token));
            }
            (Token::Number(..), _) => number = Some(token),
            _ => number = None,
        }
    }
    Ok(told)
}

fn junk(text: &str, token: &TokenWithSpan) -> Fault {
    let text = format!("trailing junk after numeric literal at or near \"{text}\"");
    Fault::new(SqlState::SYNTAX_ERROR, text).from(token.span.start)
}

/// A number of PostgreSQL 15: neither underscores nor other bases.
fn plain(digits: &str) -> bool {
    let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    digits.chars().all(part)
}

/// What is left of a name that is too long, in lower case unless it is quoted.
fn shortened(word: &Word) -> Option<String> {
    if word.value.len() <= LONGEST {
        return None;
    }
    let cut = clipped(&word.value, LONGEST);
    Some(match word.quote_style {
        Some(_) => cut.to_owned(),
        None => cut.to_ascii_lowercase(),
    })
}

/// `U&"d\0061t"` is a name.
fn escaped_names(tokens: &mut Vec<TokenWithSpan>) -> Result<(), Fault> {
    let marks = |t: &TokenWithSpan| is(&t.token, "U");
    if !tokens.iter().any(marks) {
        return Ok(());
    }
    let mut at = 0_usize;
    while at < tokens.len() {
        let (next, last) = (at.saturating_add(1), at.saturating_add(2));
        let value = match (tokens.get(at), tokens.get(next), tokens.get(last)) {
            (Some(mark), Some(and), Some(name))
                if marks(mark)
                    && and.token == Token::Ampersand
                    && mark.span.end == and.span.start
                    && and.span.end == name.span.start =>
            {
                match &name.token {
                    Token::Word(Word {
                        value,
                        quote_style: Some('"'),
                        ..
                    }) => Some((unescaped(value), mark.span.start)),
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some((value, start)) = value {
            let value = value.ok_or_else(|| {
                Fault::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape").from(start)
            })?;
            tokens.drain(at..last);
            if let Some(name) = tokens.get_mut(at) {
                name.token = Token::Word(Word {
                    value,
                    quote_style: Some('"'),
                    keyword: Keyword::NoKeyword,
                });
            }
        }
        at = next;
    }
    Ok(())
}

/// With a backslash and four hexadecimal digits, or a plus and six, as the character of that number.
fn unescaped(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('\\') {
            out.push('\\');
            rest = after;
            continue;
        }
        let (digits, count) = match after.strip_prefix('+') {
            Some(after) => (after, 6),
            None => (after, 4),
        };
        let (digits, after) = digits.split_at_checked(count)?;
        let code = u32::from_str_radix(digits, 16).ok().filter(|c| *c > 0)?;
        out.push(char::from_u32(code)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// `N'abc'` is of type `bpchar`.
fn national(tokens: &mut Vec<TokenWithSpan>) {
    if !tokens
        .iter()
        .any(|t| matches!(t.token, Token::NationalStringLiteral(_)))
    {
        return;
    }
    let mut out = Vec::with_capacity(tokens.len());
    for token in tokens.drain(..) {
        let span = token.span;
        match token.token {
            Token::NationalStringLiteral(text) => out.extend(
                [
                    Token::SingleQuotedString(text),
                    Token::DoubleColon,
                    Token::make_word("bpchar", None),
                ]
                .map(|token| TokenWithSpan { token, span }),
            ),
            _ => out.push(token),
        }
    }
    *tokens = out;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::dialect::Script;

    #[test]
    fn names_and_numbers_are_read_as_postgresql_reads_them() {
        let long = "Ä".repeat(40);
        let script = Script::parse(&format!("select 1 as x{long}, 2 as \"{long}\"")).unwrap();
        let told: Vec<&str> = script.notices.iter().map(|n| n.message()).collect();
        let [first, second] = ["Ä".repeat(31), "Ä".repeat(31)];
        assert_eq!(
            told,
            [
                format!("identifier \"x{long}\" will be truncated to \"x{first}\""),
                format!("identifier \"{long}\" will be truncated to \"{second}\""),
            ]
        );
        for (sql, message) in [
            (
                "select 1a",
                "trailing junk after numeric literal at or near \"1a\"",
            ),
            (
                "select 1_0",
                "trailing junk after numeric literal at or near \"1_0\"",
            ),
            (
                "select 0x1f",
                "trailing junk after numeric literal at or near \"0x1f\"",
            ),
            (
                "select 1 as \"\"",
                "zero-length delimited identifier at or near \"\"\"\"",
            ),
            ("select U&\"\\00\"", "invalid Unicode escape"),
        ] {
            assert_eq!(Script::parse(sql).unwrap_err().message(), message, "{sql}");
        }
        assert_eq!(unescaped("d\\0061t\\+000061\\\\").unwrap(), "data\\");
    }
}
