//! FOR UPDATE and FOR SHARE: where they may stand.

use sqlparser::ast::{
    Distinct, GroupByExpr, LockClause, ObjectName, Query, SetExpr, TableAlias, TableFactor,
    TableWithJoins,
};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::Grouping;
use crate::embedded::dialect::scope::{fold, object};
use crate::embedded::dialect::spelling::is;
use crate::error_response::SqlState;

/// Refuses what PostgreSQL refuses, once the query is translated.
pub(super) fn check(query: &Query, grouping: &Grouping) -> Result<(), Fault> {
    let Some(first) = query.locks.first() else {
        return Ok(());
    };
    let clause = format!("FOR {}", first.lock_type);
    let refused = |what: &str| {
        Err(Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("{clause} {what}"),
        ))
    };
    let select = match &*query.body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { .. } => {
            return refused("is not allowed with UNION/INTERSECT/EXCEPT");
        }
        SetExpr::Values(_) => return refused("cannot be applied to VALUES"),
        _ => return Ok(()),
    };
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
        GroupByExpr::All(_) => true,
    };
    let distinct = select.distinct.as_ref();
    for (there, what) in [
        (
            distinct.is_some_and(|d| !matches!(d, Distinct::All)),
            "DISTINCT clause",
        ),
        (grouped, "GROUP BY clause"),
        (select.having.is_some(), "HAVING clause"),
        (grouping.aggregates, "aggregate functions"),
        (grouping.windows, "window functions"),
        (grouping.rows, "set-returning functions in the target list"),
    ] {
        if there {
            return refused(&format!("is not allowed with {what}"));
        }
    }
    for lock in &query.locks {
        named(lock, &select.from)?;
    }
    Ok(())
}

/// What is behind OF is in FROM.
fn named(lock: &LockClause, from: &[TableWithJoins]) -> Result<(), Fault> {
    let Some(of) = &lock.of else {
        return Ok(());
    };
    let (schema, name) = object(of)?;
    let place = of.0.first().and_then(|p| p.as_ident());
    let fault = |code, text: String| {
        let fault = Fault::new(code, text);
        match place {
            Some(ident) => fault.at_name(ident),
            None => fault,
        }
    };
    let clause = format!("FOR {}", lock.lock_type);
    if schema.is_some() {
        let text = format!("{clause} must specify unqualified relation names");
        return Err(fault(SqlState::SYNTAX_ERROR, text));
    }
    let mut names = Vec::new();
    for item in from {
        names_of(item, &mut names)?;
    }
    if names.contains(&name) {
        return Ok(());
    }
    let text = format!("relation \"{name}\" in {clause} clause not found in FROM clause");
    Err(fault(SqlState::UNDEFINED_TABLE, text))
}

fn names_of(item: &TableWithJoins, names: &mut Vec<String>) -> Result<(), Fault> {
    let joined = item.joins.iter().map(|join| &join.relation);
    for factor in std::iter::once(&item.relation).chain(joined) {
        let (name, alias): (Option<&ObjectName>, Option<&TableAlias>) = match factor {
            TableFactor::Table { name, alias, .. } | TableFactor::Function { name, alias, .. } => {
                (Some(name), alias.as_ref())
            }
            TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => {
                (None, alias.as_ref())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                names_of(table_with_joins, names)?;
                (None, alias.as_ref())
            }
            _ => (None, None),
        };
        match (alias, name) {
            (Some(alias), _) => names.push(fold(&alias.name)),
            (None, Some(name)) => names.push(object(name)?.1),
            (None, None) => {}
        }
    }
    Ok(())
}

/// `FOR UPDATE OF a, b` becomes `FOR UPDATE OF a FOR UPDATE OF b`.
pub(super) fn one_each(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| is(&t.token, "OF")) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // The words FOR … OF, once they are behind us, and no more than a name after them.
    let mut clause: Vec<TokenWithSpan> = Vec::new();
    let mut listing = false;
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            word if is(word, "FOR") => (clause, listing) = (vec![token.clone()], false),
            word if !listing && clause.len() == 1 && (is(word, "UPDATE") || is(word, "SHARE")) => {
                clause.push(token.clone());
            }
            word if !listing && clause.len() == 2 && is(word, "OF") => {
                clause.push(token.clone());
                listing = true;
            }
            Token::Comma if listing => {
                out.extend(clause.iter().cloned());
                continue;
            }
            Token::Word(_) | Token::Period if listing => {}
            _ => (clause, listing) = (Vec::new(), false),
        }
        out.push(token);
    }
    out
}
