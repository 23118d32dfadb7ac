//! The names that CHECK constraints are given (PostgreSQL's ChooseConstraintName).

use std::borrow::Cow;

use sqlparser::ast::{ColumnOption, CreateTable, Expr, Ident, TableConstraint};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::embedded::dialect::scope::fold;

/// A name for a check of a table with these columns, which none of `taken` has.
pub(super) fn check_name<'n>(
    table: &str,
    columns: impl Iterator<Item = &'n str>,
    expr: &Expr,
    taken: &[String],
) -> String {
    let text = expr.to_string();
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, &text).tokenize();
    let named: Vec<String> = tokens
        .unwrap_or_default()
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(fold(&word.into_ident(sqlparser::tokenizer::Span::empty()))),
            _ => None,
        })
        .collect();
    let mut used = columns.filter(|c| named.iter().any(|n| n == c));
    // It has the name of its column, if it has one.
    let base = match (used.next(), used.next()) {
        (Some(only), None) => format!("{table}_{only}_check"),
        _ => format!("{table}_check"),
    };
    let mut name = base.clone();
    let mut number = 0_u32;
    while taken.contains(&name) {
        number = number.saturating_add(1);
        name = format!("{base}{number}");
    }
    name
}

/// The statement with a name for each check.
pub(super) fn with_names<'c>(create: &'c CreateTable, table: &str) -> Cow<'c, CreateTable> {
    let nameless = create
        .columns
        .iter()
        .flat_map(|c| &c.options)
        .any(|o| o.name.is_none() && matches!(o.option, ColumnOption::Check(_)))
        || create
            .constraints
            .iter()
            .any(|c| matches!(c, TableConstraint::Check(check) if check.name.is_none()));
    if !nameless {
        return Cow::Borrowed(create);
    }
    let mut create = create.clone();
    let columns: Vec<String> = create.columns.iter().map(|c| fold(&c.name)).collect();
    let given = create.columns.iter().flat_map(|c| &c.options);
    let given = given.filter_map(|o| o.name.as_ref().map(fold));
    let mut taken: Vec<String> = given
        .chain(create.constraints.iter().filter_map(|c| match c {
            TableConstraint::Check(check) => check.name.as_ref().map(fold),
            TableConstraint::ForeignKey(key) => key.name.as_ref().map(fold),
            TableConstraint::PrimaryKey(key) => key.name.as_ref().map(fold),
            TableConstraint::Unique(key) => key.name.as_ref().map(fold),
            _ => None,
        }))
        .collect();
    let mut name = |expr: &Expr| {
        let name = check_name(table, columns.iter().map(String::as_str), expr, &taken);
        taken.push(name.clone());
        Ident::with_quote('"', name)
    };
    for option in create.columns.iter_mut().flat_map(|c| &mut c.options) {
        if let (ColumnOption::Check(check), None) = (&option.option, &option.name) {
            option.name = Some(name(&check.expr));
        }
    }
    for constraint in &mut create.constraints {
        if let TableConstraint::Check(check) = constraint
            && check.name.is_none()
        {
            check.name = Some(name(&check.expr));
        }
    }
    Cow::Owned(create)
}
