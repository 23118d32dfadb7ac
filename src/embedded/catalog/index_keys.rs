//! What an index is of, as `pg_get_indexdef` shows it.

use postgres_types::Type;
use rusqlite::Connection;
use sqlparser::ast::{Expr, Statement};
use sqlparser::dialect::{PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use crate::embedded::dialect::{
    IndexOptions, Table, identifier, nulls_order, qualified, shown_expression,
};
use crate::embedded::schema::SqliteSchema;

/// A column of an index.
pub(super) struct Key {
    /// The table's column; `None` for an expression.
    pub(super) column: Option<String>,
    /// Its name in the index.
    pub(super) name: String,
    pub(super) shown: String,
    /// Its type, if it is an expression.
    pub(super) kind: Type,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
    /// Its collation and operator class, if they are said.
    pub(super) said: String,
}

impl Key {
    pub(super) fn plain(column: &str) -> Self {
        Self {
            column: Some(column.to_owned()),
            name: column.to_owned(),
            shown: identifier(column),
            kind: Type::TEXT,
            descending: false,
            nulls_first: false,
            said: String::new(),
        }
    }

    /// With the word for its order.
    pub(super) fn ordered(&self) -> String {
        let word = match (self.descending, self.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        };
        format!("{}{}{word}", self.shown, self.said)
    }

    /// `pg_index.indoption`: 1 for DESC, 2 for NULLs first.
    pub(super) fn option(&self) -> &'static str {
        match (self.descending, self.nulls_first) {
            (false, false) => "0",
            (true, false) => "1",
            (false, true) => "2",
            (true, true) => "3",
        }
    }
}

/// The keys of an index, and its predicate, by the statement that made it.
pub(super) fn read(
    connection: &Connection,
    schema: &SqliteSchema<'_>,
    table: &Table,
    (database, index): (&str, &str),
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
    let nulls = nulls_order(sql);
    let options = IndexOptions::kept(sql);
    while let Some(row) = rows.next()? {
        let (column, descending): (Option<String>, bool) = (row.get(0)?, row.get(1)?);
        let written = written.next();
        // As the direction says, unless the statement did.
        let said = options.key(keys.len());
        let nulls_first = nulls.get(keys.len()).copied().unwrap_or(descending);
        keys.push(match (column, written) {
            (Some(column), _) => Key {
                descending,
                nulls_first,
                said,
                ..Key::plain(&column)
            },
            (None, written) => {
                let shown = written.map(|e| shown_expression(&e.to_string(), table, schema));
                let (shown, kind) = shown.unwrap_or_else(|| ("expr".into(), Type::TEXT));
                let (name, call) = named(&shown);
                let shown = qualified(&shown);
                Key {
                    column: None,
                    name,
                    // Other than calls stand in parentheses.
                    shown: if call { shown } else { format!("({shown})") },
                    kind,
                    descending,
                    nulls_first,
                    said,
                }
            }
        });
    }
    // No two columns of an index have one name.
    let mut taken: Vec<String> = Vec::new();
    for key in &mut keys {
        let mut name = key.name.clone();
        let mut number = 0_u32;
        while taken.contains(&name) {
            number = number.saturating_add(1);
            name = format!("{}{number}", key.name);
        }
        taken.push(name.clone());
        key.name = name;
    }
    let predicate = created.and_then(|c| c.predicate);
    let predicate =
        predicate.map(|p| qualified(&shown_expression(&p.to_string(), table, schema).0));
    Ok((keys, predicate))
}

/// The name of an expression in an index, which is that of its function or type, and whether it is a
/// call.
fn named(shown: &str) -> (String, bool) {
    let parsed = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(shown)
        .and_then(|mut parser| parser.parse_expr());
    match parsed {
        Ok(Expr::Function(call)) => {
            let name = call.name.to_string().to_lowercase();
            (name.trim_matches('"').to_owned(), true)
        }
        Ok(Expr::Substring { .. }) => ("substring".into(), true),
        Ok(Expr::Trim { .. }) => ("btrim".into(), true),
        Ok(Expr::Extract { .. }) => ("extract".into(), true),
        Ok(Expr::Cast { expr, .. }) => match *expr {
            Expr::Nested(inner) => match *inner {
                Expr::Identifier(ident) => (ident.value, false),
                _ => ("expr".into(), false),
            },
            _ => ("expr".into(), false),
        },
        Ok(Expr::Case { .. }) => ("case".into(), false),
        _ => ("expr".into(), false),
    }
}
