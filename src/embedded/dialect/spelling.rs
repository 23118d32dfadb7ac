//! What the parser wants to be said that PostgreSQL does not.

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

use crate::embedded::dialect::part::spell_parts;
use crate::embedded::dialect::row_locks::one_each;
use crate::embedded::dialect::untyped;

/// The setting that SET CONSTRAINTS is written as.
pub(super) const CONSTRAINTS: &str = "pgtls_constraints";

/// `FETCH c` becomes `FETCH NEXT FROM c`, and so on (PostgreSQL docs, "FETCH"), MOVE likewise; SET
/// CONSTRAINTS becomes a setting; `TABLE t` becomes `SELECT * FROM t`.
pub(super) fn spell_out(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let tokens = untyped::spell(tokens);
    let tokens = without_key(without_name(without_deferrable(rows_only(tokens))));
    let tokens = by_direction(one_each(spell_parts(tables(tokens))));
    let starts = |token: &TokenWithSpan| {
        let words = ["FETCH", "MOVE", "CONSTRAINTS", "SCHEMA"];
        words.iter().any(|word| is(&token.token, word))
    };
    if !tokens.iter().any(starts) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    let mut first = true;
    while let Some(token) = rest.next() {
        let fetch = first && (is(&token.token, "FETCH") || is(&token.token, "MOVE"));
        let set = first && is(&token.token, "SET");
        match token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => first = true,
            _ => first = false,
        }
        out.push(token);
        if fetch {
            let mut words = Vec::new();
            while let Some(token) = rest.next_if(|t| t.token != Token::SemiColon) {
                if !matches!(token.token, Token::Whitespace(_)) {
                    words.push(token);
                }
            }
            fetch_words(words, &mut out);
        }
        if set {
            let mut words = Vec::new();
            while let Some(token) = rest.next_if(|t| t.token != Token::SemiColon) {
                words.push(token);
            }
            set_words(words, &mut out);
        }
    }
    out
}

/// `CONSTRAINTS … IMMEDIATE`, or what else there is to set.
fn set_words(words: Vec<TokenWithSpan>, out: &mut Vec<TokenWithSpan>) {
    let said = |t: &&TokenWithSpan| !matches!(t.token, Token::Whitespace(_) | Token::EOF);
    let first = words.iter().find(said);
    let last = words.iter().rfind(said);
    if let (Some(schema), Some(path)) = (first, last)
        && is(&schema.token, "SCHEMA")
        && matches!(path.token, Token::SingleQuotedString(_))
    {
        // A search path of one.
        let span = schema.span;
        out.extend(
            [Token::make_keyword("search_path"), Token::Eq]
                .map(|token| TokenWithSpan { token, span }),
        );
        out.push(path.clone());
    } else if let (Some(first), Some(last)) = (first, last)
        && is(&first.token, "CONSTRAINTS")
        && (is(&last.token, "IMMEDIATE") || is(&last.token, "DEFERRED"))
    {
        let span = first.span;
        out.extend(
            [Token::make_keyword(CONSTRAINTS), Token::Eq]
                .map(|token| TokenWithSpan { token, span }),
        );
        out.push(last.clone());
    } else {
        out.extend(words);
    }
}

/// `BEGIN … NOT DEFERRABLE`: it says for what READ ONLY SERIALIZABLE waits, which here waits for
/// nothing.
fn without_deferrable(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| is(&t.token, "DEFERRABLE")) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let (mut first, mut begins) = (true, false);
    for token in tokens {
        match token.token {
            Token::Whitespace(_) => continue,
            Token::SemiColon => first = true,
            _ if first => {
                begins = is(&token.token, "BEGIN") || is(&token.token, "START");
                first = false;
            }
            _ => {}
        }
        if !begins || !is(&token.token, "DEFERRABLE") {
            out.push(token);
            continue;
        }
        out.pop_if(|t| is(&t.token, "NOT"));
        out.pop_if(|t| t.token == Token::Comma);
    }
    out
}

/// An identity column's sequence goes by the column's name: `IDENTITY (SEQUENCE NAME s …)`, as
/// `pg_dump` writes it.
fn without_name(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| is(&t.token, "IDENTITY")) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let mut said = out
            .iter()
            .rev()
            .filter(|t| !matches!(t.token, Token::Whitespace(_)));
        let opened = said.next().is_some_and(|t| t.token == Token::LParen)
            && said.next().is_some_and(|t| is(&t.token, "IDENTITY"));
        if !opened || !is(&token.token, "SEQUENCE") {
            out.push(token);
            continue;
        }
        // NAME, and the name up to the blank behind it.
        let mut named = false;
        while let Some(next) = rest.next_if(|t| match &t.token {
            Token::Whitespace(_) => !named,
            Token::Word(_) | Token::Period => true,
            _ => false,
        }) {
            named |= !is(&next.token, "NAME") && !matches!(next.token, Token::Whitespace(_));
        }
    }
    out
}

/// `ORDER BY a USING >` becomes `ORDER BY a DESC`.
fn by_direction(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut said: Vec<usize> = Vec::new();
    for at in 0..tokens.len() {
        let Some(here) = tokens.get(at) else { break };
        let word = match &here.token {
            Token::Whitespace(_) => continue,
            Token::Gt => "DESC",
            Token::Lt => "ASC",
            _ => "",
        };
        let before = said.last().copied();
        let using = before.filter(|at| tokens.get(*at).is_some_and(|t| is(&t.token, "USING")));
        said.push(at);
        if let (false, Some(using)) = (word.is_empty(), using) {
            let kept = [(using, Token::make_keyword(word)), (at, space())];
            for (at, token) in kept {
                if let Some(own) = tokens.get_mut(at) {
                    own.token = token;
                }
            }
        }
    }
    tokens
}

fn space() -> Token {
    Token::Whitespace(Whitespace::Space)
}

/// `FOR NO KEY UPDATE` and `FOR KEY SHARE`: what is locked is not rows, so keys are no less.
fn without_key(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| is(&t.token, "KEY")) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    let blank = |t: &TokenWithSpan| matches!(t.token, Token::Whitespace(_));
    while let Some(token) = rest.next() {
        let is_for = is(&token.token, "FOR");
        out.push(token);
        if !is_for {
            continue;
        }
        let mut words = rest.clone().filter(|t| !blank(t));
        let mut next = words.next();
        let no = next.as_ref().is_some_and(|t| is(&t.token, "NO"));
        if no {
            next = words.next();
        }
        let strength = if no { "UPDATE" } else { "SHARE" };
        if next.is_some_and(|t| is(&t.token, "KEY"))
            && words.next().is_some_and(|t| is(&t.token, strength))
        {
            let mut left_out = if no { 2_u8 } else { 1 };
            while left_out > 0
                && let Some(token) = rest.next()
            {
                match blank(&token) {
                    true => out.push(token),
                    false => left_out = left_out.saturating_sub(1),
                }
            }
        }
    }
    out
}

/// The places of what is no blank.
pub(super) fn said(tokens: &[TokenWithSpan]) -> Vec<usize> {
    let all = (0_usize..).zip(tokens);
    let said = all.filter(|(_, t)| !matches!(t.token, Token::Whitespace(_)));
    said.map(|(at, _)| at).collect()
}

/// `FETCH FIRST (…) ROWS ONLY` becomes `LIMIT (…)`: the parser takes a number there, and no more.
fn rows_only(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let fetches = tokens.iter().any(|t| is(&t.token, "FETCH"));
    if !fetches || !tokens.iter().any(|t| is(&t.token, "ONLY")) {
        return tokens;
    }
    let said = said(&tokens);
    let token = |n: usize| said.get(n).and_then(|at| tokens.get(*at)).map(|t| &t.token);
    let word = |n: usize, words: &[&str]| token(n).is_some_and(|t| words.iter().any(|w| is(t, w)));
    let mut limits = Vec::new();
    let mut left_out = Vec::new();
    for n in 0..said.len() {
        let [first, open] = [1, 2].map(|more| n.saturating_add(more));
        if !word(n, &["FETCH"])
            || !word(first, &["FIRST", "NEXT"])
            || token(open) != Some(&Token::LParen)
        {
            continue;
        }
        let mut depth = 0_usize;
        let mut end = open;
        while let Some(token) = token(end) {
            match token {
                Token::LParen => depth = depth.saturating_add(1),
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            end = end.saturating_add(1);
            if depth == 0 {
                break;
            }
        }
        let only = end.saturating_add(1);
        if word(end, &["ROW", "ROWS"]) && word(only, &["ONLY"]) {
            limits.extend(said.get(n));
            left_out.extend([first, end, only].iter().filter_map(|n| said.get(*n)));
        }
    }
    let mut out = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.into_iter().enumerate() {
        if limits.contains(&at) {
            out.push(TokenWithSpan {
                token: Token::make_keyword("LIMIT"),
                span: token.span,
            });
        } else if !left_out.contains(&at) {
            out.push(token);
        }
    }
    out
}

/// `TABLE t`, where a query may stand.
fn tables(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| is(&t.token, "TABLE")) {
        return tokens;
    }
    let said = |t: &&TokenWithSpan| !matches!(t.token, Token::Whitespace(_));
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let (mut inserts, mut reindexes) = (false, false);
    for (at, token) in tokens.iter().enumerate() {
        let before = out.iter().rev().find(said);
        if before.is_none_or(|t| t.token == Token::SemiColon) && said(&token) {
            inserts = is(&token.token, "INSERT");
            reindexes = is(&token.token, "REINDEX");
        }
        let query = before.is_none_or(|t| match &t.token {
            Token::SemiColon | Token::LParen | Token::RParen => true,
            token @ Token::Word(_) if inserts => !is(token, "INTO"),
            token => [
                "ALL",
                "AS",
                "DISTINCT",
                "EXCEPT",
                "EXPLAIN",
                "FOR",
                "INTERSECT",
                "UNION",
            ]
            .iter()
            .any(|word| is(token, word)),
        });
        let after = tokens.get(at.saturating_add(1)..).unwrap_or_default();
        let mut after = after.iter().filter(said);
        if !query || reindexes || !is(&token.token, "TABLE") || !names_table(&mut after) {
            out.push(token.clone());
            continue;
        }
        let span = token.span;
        let words = [
            Token::make_keyword("SELECT"),
            Token::Mul,
            Token::make_keyword("FROM"),
        ];
        out.extend(words.map(|token| TokenWithSpan { token, span }));
    }
    out
}

/// A name, and behind it the end or what may follow a query that is nothing but a table.
fn names_table<'t>(tokens: &mut impl Iterator<Item = &'t TokenWithSpan>) -> bool {
    let mut name = false;
    for token in tokens {
        match &token.token {
            Token::Word(_) if !name => name = !is(&token.token, "ONLY"),
            Token::Period if name => name = false,
            Token::Mul if name => {}
            Token::EOF | Token::SemiColon | Token::RParen => return name,
            token => {
                let words = [
                    "UNION",
                    "EXCEPT",
                    "INTERSECT",
                    "ORDER",
                    "LIMIT",
                    "OFFSET",
                    "FETCH",
                    "FOR",
                    "WITH",
                    "ON",
                    "RETURNING",
                ];
                return name && words.iter().any(|word| is(token, word));
            }
        }
    }
    name
}

fn fetch_words(words: Vec<TokenWithSpan>, out: &mut Vec<TokenWithSpan>) {
    let words = signed(words);
    let mut words = words.into_iter().peekable();
    let put = |word: &str, out: &mut Vec<TokenWithSpan>| {
        if let Some(last) = out.last() {
            let span = last.span;
            let token = match word.bytes().all(|b| b.is_ascii_digit()) {
                true => Token::Number(word.to_owned(), false),
                false => Token::make_keyword(word),
            };
            out.push(TokenWithSpan { token, span });
        }
    };
    let count = |t: &TokenWithSpan| matches!(t.token, Token::Number(..)) || is(&t.token, "ALL");
    let more = |w: &mut std::iter::Peekable<std::vec::IntoIter<TokenWithSpan>>| {
        w.peek().is_some_and(|t| t.token != Token::EOF)
    };
    let one = ["NEXT", "PRIOR", "FIRST", "LAST"];
    let counted = ["ABSOLUTE", "RELATIVE", "FORWARD", "BACKWARD"];
    let named = |t: &TokenWithSpan, all: &[&str]| all.iter().any(|w| is(&t.token, w));
    // A cursor may be called as a direction is: then nothing comes behind it.
    let behind = words.clone().filter(|t| t.token != Token::EOF).count();
    match words.peek() {
        Some(t) if behind > 1 && named(t, &one) => out.extend(words.next()),
        Some(t) if behind > 1 && named(t, &counted) => {
            out.extend(words.next());
            match words.next_if(count) {
                Some(number) => out.push(number),
                None => put("1", out),
            }
        }
        Some(t) if count(t) => out.extend(words.next()),
        _ => put("NEXT", out),
    }
    let said = words.peek().is_some_and(|t| named(t, &["FROM", "IN"]));
    if !said && more(&mut words) {
        put("FROM", out);
    }
    out.extend(words);
}

/// A minus and a number are one.
fn signed(words: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::new();
    for mut word in words {
        if let Token::Number(digits, _) = &mut word.token
            && out.last().is_some_and(|t| t.token == Token::Minus)
        {
            digits.insert(0, '-');
            out.pop();
        }
        out.push(word);
    }
    out
}

pub(super) fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;
    use sqlparser::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn strengths_of_locks_and_numbers_of_rows_are_spelled_out() {
        for (said, meant) in [
            (
                "SELECT a FROM t ORDER BY a OFFSET (1) ROWS FETCH NEXT (1 + (2)) ROWS ONLY FOR NO KEY UPDATE",
                "SELECT a FROM t ORDER BY a LIMIT (1 + (2)) OFFSET (1) ROWS FOR UPDATE",
            ),
            (
                "SELECT a FROM (SELECT 1 AS a FETCH FIRST ($1) ROW ONLY) AS t FETCH FIRST 2 ROWS ONLY FOR KEY SHARE OF t NOWAIT",
                "SELECT a FROM (SELECT 1 AS a LIMIT ($1)) AS t FETCH FIRST 2 ROWS ONLY FOR SHARE OF t NOWAIT",
            ),
        ] {
            let dialect = PostgreSqlDialect {};
            let tokens = Tokenizer::new(&dialect, said)
                .tokenize_with_location()
                .unwrap();
            let parser = Parser::new(&dialect).with_tokens_with_locations(spell_out(tokens));
            let mut parser = parser;
            assert_eq!(parser.parse_statements().unwrap()[0].to_string(), meant);
        }
    }

    #[test]
    fn fetch_is_spelled_out() {
        for (short, long) in [
            ("fetch c", "FETCH NEXT FROM c"),
            ("fetch from c", "FETCH NEXT FROM c"),
            ("fetch 5 c", "FETCH 5 FROM c"),
            ("fetch all in c", "FETCH ALL IN c"),
            ("fetch forward c", "FETCH FORWARD 1 FROM c"),
            ("fetch backward all from c", "FETCH BACKWARD ALL FROM c"),
            ("fetch next c", "FETCH NEXT FROM c"),
            ("fetch absolute 3 c", "FETCH ABSOLUTE 3 FROM c"),
            ("fetch relative - 2 from c", "FETCH RELATIVE -2 FROM c"),
            ("fetch -1 in c", "FETCH -1 IN c"),
            ("fetch \"next\"", "FETCH NEXT FROM \"next\""),
        ] {
            let sql = format!("select 1 as x; {short}; fetch all from d");
            let dialect = PostgreSqlDialect {};
            let tokens = Tokenizer::new(&dialect, &sql)
                .tokenize_with_location()
                .unwrap();
            let parser = Parser::new(&dialect).with_tokens_with_locations(spell_out(tokens));
            let mut parser = parser;
            let statements = parser.parse_statements().unwrap();
            assert_eq!(statements[1].to_string(), long, "{short}");
            assert_eq!(statements[2].to_string(), "FETCH ALL FROM d");
        }
    }

    #[test]
    fn a_table_is_a_query() {
        let spelled = |sql: &str| {
            let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
            let words: Vec<String> = spell_out(tokens.unwrap())
                .into_iter()
                .map(|t| t.token.to_string())
                .collect();
            words.join("").replace("SELECT*FROM", "Q")
        };
        for (sql, expected) in [
            ("table t", "Q t"),
            (
                "select 1; table only s.\"T\" order by 1",
                "select 1; Q only s.\"T\" order by 1",
            ),
            (
                "select (table t), 1 union all table u",
                "select (Q t), 1 union all Q u",
            ),
            ("create table t as table u", "create table t as Q u"),
            (
                "insert into t(a) table u on conflict do nothing",
                "insert into t(a) Q u on conflict do nothing",
            ),
            ("insert into t table u", "insert into t Q u"),
            ("table t where a", "table t where a"),
            ("drop table t", "drop table t"),
            ("alter table t drop a", "alter table t drop a"),
        ] {
            assert_eq!(spelled(sql), expected);
        }
    }
}
