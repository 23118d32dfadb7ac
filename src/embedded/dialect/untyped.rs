//! Words that the parser does without, or cannot do without.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::embedded::dialect::spelling::{is, said};

/// `CREATE TABLE t (a, b) AS` has a type for each column; WITHOUT OIDS, which says nothing, and
/// CONCURRENTLY of DROP INDEX, where nobody waits for anything, are left out, and so is OPERATOR(…)
/// before ANY, which the parser does not take; settings of two words
/// are one.
pub(super) fn spell(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let words = [
        "AS",
        "AUTHORIZATION",
        "CONCURRENTLY",
        "OIDS",
        "OPERATOR",
        "RESET",
    ];
    if !tokens.iter().any(|t| words.iter().any(|w| is(&t.token, w))) {
        return tokens;
    }
    let said = said(&tokens);
    let token = |n: usize| said.get(n).and_then(|at| tokens.get(*at)).map(|t| &t.token);
    let words = |from: usize, all: &str| {
        (from..)
            .zip(all.split(' '))
            .all(|(n, w)| token(n).is_some_and(|t| is(t, w)))
    };
    let begins = |n: usize| {
        let before = n.checked_sub(1);
        before.is_none_or(|n| token(n) == Some(&Token::SemiColon))
    };
    let mut left_out: Vec<usize> = Vec::new();
    let mut typed: Vec<usize> = Vec::new();
    let mut renamed: Vec<(usize, &str)> = Vec::new();
    for n in 0..said.len() {
        let after = |more: usize| n.saturating_add(more);
        let set = n.checked_sub(1).is_some_and(|n| words(n, "SET"));
        if words(n, "WITHOUT OIDS") && !set {
            left_out.extend([n, after(1)]);
        } else if words(n, "OPERATOR") && token(after(1)) == Some(&Token::LParen) {
            // `a OPERATOR(pg_catalog.=) ANY (…)` is `a = ANY (…)`.
            let schema = words(after(2), "pg_catalog") && token(after(3)) == Some(&Token::Period);
            let op = if schema { after(4) } else { after(2) };
            let [close, word] = [1, 2].map(|more| op.saturating_add(more));
            let of_all = ["ANY", "ALL", "SOME"].iter().any(|w| words(word, w));
            if of_all && token(close) == Some(&Token::RParen) {
                left_out.extend((n..op).chain([close]));
            }
        } else if !begins(n) {
        } else if words(n, "DROP INDEX CONCURRENTLY") {
            left_out.push(after(2));
        } else if words(n, "RESET TIME ZONE") {
            renamed.push((after(1), "timezone"));
            left_out.push(after(2));
        } else if words(n, "SHOW SESSION AUTHORIZATION") {
            renamed.push((after(1), "session_authorization"));
            left_out.push(after(2));
        } else if words(n, "CREATE") {
            typed.extend(columns(&token, after(1)));
        }
    }
    let place = |n: &usize| said.get(*n).copied();
    let left_out: Vec<usize> = left_out.iter().filter_map(place).collect();
    let typed: Vec<usize> = typed.iter().filter_map(place).collect();
    for (n, word) in renamed {
        if let Some(own) = said.get(n).and_then(|at| tokens.get_mut(*at)) {
            own.token = Token::make_keyword(word);
        }
    }
    let mut out = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.into_iter().enumerate() {
        let span = token.span;
        if left_out.contains(&at) {
            continue;
        }
        out.push(token);
        if typed.contains(&at) {
            let token = Token::make_word("text", None);
            out.push(TokenWithSpan { token, span });
        }
    }
    out
}

/// The names of `TABLE t (a, b) AS`, from behind CREATE on; none if there is more to them.
fn columns<'t>(token: &dyn Fn(usize) -> Option<&'t Token>, from: usize) -> Vec<usize> {
    let mut at = from;
    let next = |at: usize| at.saturating_add(1);
    let is_at =
        |at: usize, words: &[&str]| token(at).is_some_and(|t| words.iter().any(|word| is(t, word)));
    while is_at(at, &["GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"]) {
        at = next(at);
    }
    if !is_at(at, &["TABLE"]) {
        return Vec::new();
    }
    // The name, and IF NOT EXISTS before it.
    at = next(at);
    while matches!(token(at), Some(Token::Word(_) | Token::Period)) {
        at = next(at);
    }
    if token(at) != Some(&Token::LParen) {
        return Vec::new();
    }
    let mut found = Vec::new();
    loop {
        at = next(at);
        let behind = next(at);
        if !matches!(token(at), Some(Token::Word(_))) {
            return Vec::new();
        }
        found.push(at);
        at = behind;
        match token(behind) {
            Some(Token::Comma) => {}
            Some(Token::RParen) => break,
            _ => return Vec::new(),
        }
    }
    let words = ["AS", "ON", "TABLESPACE", "USING", "WITH"];
    if is_at(next(at), &words) {
        found
    } else {
        Vec::new()
    }
}
