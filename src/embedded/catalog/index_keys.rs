//! What an index is of, as `pg_get_indexdef` shows it.

use rusqlite::Connection;
use sqlparser::ast::{Expr, Statement};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use crate::embedded::dialect::{identifier, shown_expression};

/// A column of an index.
pub(super) struct Key {
    /// The table's column; `None` for an expression.
    pub(super) column: Option<String>,
    /// Its name in the index.
    pub(super) name: String,
    pub(super) shown: String,
    pub(super) descending: bool,
}

impl Key {
    pub(super) fn plain(column: &str) -> Self {
        Self {
            column: Some(column.to_owned()),
            name: column.to_owned(),
            shown: identifier(column),
            descending: false,
        }
    }

    /// With the word for its order.
    pub(super) fn ordered(&self) -> String {
        let word = if self.descending { " DESC" } else { "" };
        format!("{}{word}", self.shown)
    }

    /// `pg_index.indoption`: DESC, and NULLs first with it.
    pub(super) fn option(&self) -> &'static str {
        if self.descending { "3" } else { "0" }
    }
}

/// The keys of an index, and its predicate, by the statement that made it.
pub(super) fn read(
    connection: &Connection,
    database: &str,
    index: &str,
    sql: &str,
) -> rusqlite::Result<(Vec<Key>, Option<String>)> {
    let parsed = Parser::parse_sql(&SQLiteDialect {}, sql).ok();
    let created = match parsed.and_then(|all| all.into_iter().next()) {
        Some(Statement::CreateIndex(create)) => Some(create),
        _ => None,
    };
    let written = created
        .as_ref()
        .map(|c| c.columns.as_slice())
        .unwrap_or_default();
    let mut written = written.iter().map(|c| &c.column.expr);
    let mut keys = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT name, \"desc\" FROM pragma_index_xinfo(?1, ?2) WHERE key ORDER BY seqno",
    )?;
    let mut rows = statement.query([index, database])?;
    while let Some(row) = rows.next()? {
        let (column, descending): (Option<String>, bool) = (row.get(0)?, row.get(1)?);
        let written = written.next();
        keys.push(match (column, written) {
            (Some(column), _) => Key {
                descending,
                ..Key::plain(&column)
            },
            (None, written) => {
                let shown = written.map(|e| shown_expression(&e.to_string()));
                let shown = shown.unwrap_or_else(|| "expr".into());
                // PostgreSQL calls it as the function is.
                let name = match Parser::new(&SQLiteDialect {})
                    .try_with_sql(&shown)
                    .and_then(|mut p| p.parse_expr())
                {
                    Ok(Expr::Function(call)) => call.name.to_string(),
                    _ => "expr".into(),
                };
                Key {
                    column: None,
                    name,
                    shown,
                    descending,
                }
            }
        });
    }
    let predicate = created.and_then(|c| c.predicate);
    Ok((keys, predicate.map(|p| shown_expression(&p.to_string()))))
}
