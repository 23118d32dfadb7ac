//! From text to statements.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::embedded::dialect::grammar::{self, Parsed};
use crate::embedded::dialect::postgres::Postgres;
use crate::embedded::dialect::spelling::{is, spell_out};
use crate::embedded::dialect::{Fault, lexical, refusals};
use crate::error_response::{ErrorResponse, SqlState};

/// Tokens in a row without a comma or a parenthesis. They become the depth of the tree, and the
/// stack that walks it is finite. SQLite's own limit for expressions is 1000 operators.
const MAX_RUN: usize = 2000;
/// Parentheses and the like within each other.
const MAX_DEPTH: usize = 50;

/// The statements of a string.
#[derive(Debug)]
pub(in crate::embedded) struct Script {
    pub(in crate::embedded) statements: Vec<Parsed>,
    /// What is to be told of names that were shortened.
    pub(in crate::embedded) notices: Vec<ErrorResponse>,
    /// The whole text, if a cursor is declared in it.
    pub(in crate::embedded) text: Option<String>,
    /// Characters before each line.
    lines: Vec<u64>,
}

impl Script {
    /// # Errors
    /// 42601, with the place.
    pub(in crate::embedded) fn parse(sql: &str) -> Result<Self, ErrorResponse> {
        let mut script = Self {
            statements: Vec::new(),
            notices: Vec::new(),
            text: None,
            lines: lines(sql),
        };
        match script.read(sql) {
            Ok(()) => Ok(script),
            Err(fault) => Err(fault.respond(Some(&script))),
        }
    }

    fn read(&mut self, sql: &str) -> Result<(), Fault> {
        let dialect = Postgres;
        let tokens = Tokenizer::new(&dialect, sql)
            .tokenize_with_location()
            .map_err(|e| {
                let what = if e.message.to_lowercase().contains("unterminated") {
                    e.message.to_lowercase()
                } else {
                    "syntax error".to_owned()
                };
                located(
                    Fault::new(
                        SqlState::SYNTAX_ERROR,
                        format!("{what} at or near \"{}\"", self.text_at(sql, e.location)),
                    ),
                    e.location,
                )
            })?;
        bound(&tokens)?;
        let mut tokens = tokens;
        self.notices = lexical::check(&mut tokens)?;
        if tokens.iter().any(|t| is(&t.token, "DECLARE")) {
            self.text = Some(sql.to_owned());
        }
        let tokens = spell_out(tokens);
        let mut parser = Parser::new(&dialect)
            .with_recursion_limit(MAX_DEPTH)
            .with_tokens_with_locations(tokens.clone());
        loop {
            while parser.consume_token(&Token::SemiColon) {}
            if parser.peek_token_ref().token == Token::EOF {
                return Ok(());
            }
            let statement = next(&mut parser).map_err(|e| syntax_error(&e, &tokens))?;
            self.statements.push(statement);
        }
    }

    /// The place in characters from 1, as PostgreSQL counts.
    pub(in crate::embedded) fn position(&self, at: Location) -> Option<u32> {
        let line = usize::try_from(at.line.checked_sub(1)?).ok()?;
        let position = self.lines.get(line)?.checked_add(at.column)?;
        u32::try_from(position).ok()
    }

    /// The rest of the line there.
    fn text_at(&self, sql: &str, at: Location) -> String {
        let start = self.position(at).unwrap_or(1).saturating_sub(1);
        sql.chars()
            .skip(usize::try_from(start).unwrap_or(0))
            .take_while(|c| *c != '\n')
            .collect()
    }
}

fn next(parser: &mut Parser<'_>) -> Result<Parsed, ParserError> {
    let end = |parser: &Parser<'_>| {
        let next = parser.peek_token_ref();
        match next.token {
            Token::EOF | Token::SemiColon => Ok(()),
            _ => parser.expected("the end of the statement", next.clone()),
        }
    };
    if let Some(own) = grammar::own(parser)? {
        return end(parser).map(|()| Parsed::Own(own));
    }
    let known = parser.try_parse(|parser| {
        let statement = parser.parse_statement()?;
        end(parser).map(|()| statement)
    });
    match known {
        Ok(statement) => Ok(Parsed::Known(Box::new(statement))),
        Err(ParserError::RecursionLimitExceeded) => Err(ParserError::RecursionLimitExceeded),
        Err(error) => match refusals::refused(parser, told(&error).and_then(place)) {
            Some(own) => Ok(Parsed::Own(own)),
            None => Err(error),
        },
    }
}

fn lines(sql: &str) -> Vec<u64> {
    let mut lines = vec![0];
    let mut count = 0_u64;
    for c in sql.chars() {
        count = count.saturating_add(1);
        if c == '\n' {
            lines.push(count);
        }
    }
    lines
}

fn located(mut fault: Fault, at: Location) -> Fault {
    fault.at = Some(at);
    fault
}

fn near(token: &TokenWithSpan) -> Fault {
    if token.token == Token::EOF {
        return Fault::new(SqlState::SYNTAX_ERROR, "syntax error at end of input");
    }
    located(
        Fault::new(
            SqlState::SYNTAX_ERROR,
            format!("syntax error at or near \"{}\"", token.token),
        ),
        token.span.start,
    )
}

/// The parser's errors say where, in words.
fn syntax_error(error: &ParserError, tokens: &[TokenWithSpan]) -> Fault {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return Fault::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "stack depth limit exceeded",
            )
            .with_hint("Nest fewer parentheses and subqueries.");
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let Some(at) = place(message) else {
        return if message.contains("found: EOF") {
            Fault::new(SqlState::SYNTAX_ERROR, "syntax error at end of input")
        } else {
            Fault::new(SqlState::SYNTAX_ERROR, format!("syntax error: {message}"))
        };
    };
    tokens.iter().find(|t| t.span.start == at).map_or_else(
        || Fault::new(SqlState::SYNTAX_ERROR, "syntax error at end of input"),
        near,
    )
}

/// What the parser says.
fn told(error: &ParserError) -> Option<&str> {
    match error {
        ParserError::RecursionLimitExceeded => None,
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => Some(message),
    }
}

/// `… at Line: 1, Column: 8`.
fn place(message: &str) -> Option<Location> {
    let (_, tail) = message.rsplit_once("Line: ")?;
    let (line, column) = tail.split_once(", Column: ")?;
    Some(Location {
        line: line.trim().parse().ok()?,
        column: column.trim().parse().ok()?,
    })
}

/// Refuses what would make a tree too deep to walk.
fn bound(tokens: &[TokenWithSpan]) -> Result<(), Fault> {
    let mut runs = vec![0_usize];
    for token in tokens {
        match &token.token {
            Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab)
            | Token::Whitespace(_) => {}
            Token::LParen | Token::LBracket => runs.push(0),
            Token::RParen | Token::RBracket => {
                runs.pop();
                if runs.is_empty() {
                    runs.push(0);
                }
            }
            Token::Comma | Token::SemiColon => {
                if let Some(run) = runs.last_mut() {
                    *run = 0;
                }
            }
            _ => {
                if let Some(run) = runs.last_mut() {
                    *run = run.saturating_add(1);
                    if *run > MAX_RUN {
                        return Err(located(
                            Fault::new(
                                SqlState::STATEMENT_TOO_COMPLEX,
                                "stack depth limit exceeded",
                            )
                            .with_hint("Write the statement with fewer operators in a row."),
                            token.span.start,
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_split_and_faults_have_their_place() {
        for (sql, count) in [
            ("", 0),
            (" ; ;-- nothing", 0),
            ("select 1; select ';'; ", 2),
            ("select $$a;b$$, E'\\'' /* ; */", 1),
        ] {
            assert_eq!(Script::parse(sql).unwrap().statements.len(), count, "{sql}");
        }
        for (sql, message, position) in [
            ("selec 1", "syntax error at or near \"selec\"", Some(1)),
            (
                "select 1;\nselect 'ü' fro m t",
                "syntax error at or near \"m\"",
                Some(26),
            ),
            ("select (1", "syntax error at end of input", None),
            (
                "select 'x",
                "unterminated string literal at or near \"'x\"",
                Some(8),
            ),
            ("select 1 1", "syntax error at or near \"1\"", Some(10)),
        ] {
            let error = Script::parse(sql).unwrap_err();
            assert_eq!(error.code().as_str(), "42601");
            assert_eq!(error.message(), message, "{sql}");
            assert_eq!(error.position(), position, "{sql}");
        }
    }

    #[test]
    fn trees_too_deep_are_refused_and_those_just_allowed_are_walked() {
        let long = |n: usize| format!("select 1{}", "+1".repeat(n));
        assert_eq!(
            Script::parse(&long(100_000)).unwrap_err().code().as_str(),
            "54001"
        );
        drop(Script::parse(&long(998)).unwrap());
        let deep = format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(Script::parse(&deep).unwrap_err().code().as_str(), "54001");
        let unions = "select 1 union all ".repeat(10_000) + "select 1";
        assert_eq!(Script::parse(&unions).unwrap_err().code().as_str(), "54001");
    }
}
