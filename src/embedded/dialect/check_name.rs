//! The column whose name the name of a CHECK constraint has in it.

use sqlparser::ast::Expr;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Span, Token, Tokenizer};

use crate::embedded::dialect::scope::fold;

/// The column of these that a check is about, if it is one.
pub(super) fn check_column<'n>(
    columns: impl Iterator<Item = &'n str>,
    expr: &Expr,
) -> Option<&'n str> {
    let text = expr.to_string();
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, &text).tokenize();
    let named: Vec<String> = tokens
        .unwrap_or_default()
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(fold(&word.into_ident(Span::empty()))),
            _ => None,
        })
        .collect();
    let mut used = columns.filter(|c| named.iter().any(|n| n == c));
    match (used.next(), used.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
