//! SELECT DISTINCT ON: of the rows that are alike in some expressions, the first (PostgreSQL docs,
//! "DISTINCT Clause"). SQLite numbers the rows of each kind, and the first of each is taken.

use sqlparser::ast::{Expr, OrderByExpr};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::select::{direction, output_key};
use crate::embedded::dialect::{Fault, Output, quote};
use crate::error_response::SqlState;

/// What the list of a SELECT DISTINCT ON has besides.
pub(super) struct First {
    /// In SQLite's words, what the rows are alike in.
    alike: Vec<String>,
    /// What they are ordered by, and how.
    keys: Vec<(Sql, OrderByExpr)>,
}

impl Translator<'_> {
    pub(super) fn distinct_on(
        &mut self,
        exprs: &[Expr],
        order: &[OrderByExpr],
        items: &[(String, Sql)],
        outputs: &[Output],
        scope: &Scope<'_>,
    ) -> Result<First, Fault> {
        let item = |this: &mut Self, expr: &Expr| match output_key(expr, outputs)? {
            Some(number) => {
                let at = number.text.parse::<usize>().unwrap_or(0);
                let found = items.get(at.saturating_sub(1));
                found
                    .map(|(_, sql)| sql.clone())
                    .ok_or_else(|| Fault::unsupported("this DISTINCT ON"))
            }
            None => this.expr(expr, scope),
        };
        let mut alike = Vec::new();
        for expr in exprs {
            alike.push(item(self, expr)?.ordered());
        }
        let mut keys = Vec::new();
        for key in order {
            keys.push((item(self, &key.expr)?, key.clone()));
        }
        let mut first = keys.iter().take(alike.len());
        if !first.all(|(sql, _)| alike.contains(&sql.ordered())) {
            return Err(Fault::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
            ));
        }
        Ok(First { alike, keys })
    }
}

impl First {
    /// The list: the columns, the keys, and the number of the row among its like.
    pub(super) fn list(&self, items: &[(String, Sql)]) -> String {
        let order: Vec<String> = self
            .keys
            .iter()
            .map(|(sql, key)| direction(sql, key))
            .collect();
        let order = if order.is_empty() {
            String::new()
        } else {
            format!(" ORDER BY {}", order.join(","))
        };
        let columns = items.iter().map(|(_, sql)| sql.ordered());
        let keys = self.keys.iter().map(|(sql, _)| sql.text.clone());
        let list: Vec<String> = columns
            .enumerate()
            .map(|(i, c)| format!("{c} AS \"c{i}\""))
            .chain(keys.enumerate().map(|(i, k)| format!("{k} AS \"k{i}\"")))
            .collect();
        format!(
            "{},row_number() OVER (PARTITION BY {}{order}) AS \"row#\"",
            list.join(","),
            self.alike.join(",")
        )
    }

    /// The whole, around what has that list.
    pub(super) fn whole(&self, inner: &str, items: &[(String, Sql)]) -> String {
        let columns: Vec<String> = items
            .iter()
            .enumerate()
            .map(|(i, (name, _))| format!("\"c{i}\" AS {}", quote(name)))
            .collect();
        let keys: Vec<String> = self
            .keys
            .iter()
            .enumerate()
            .map(|(i, (sql, key))| {
                let column = Sql {
                    not_null: sql.not_null,
                    ..Sql::new(format!("\"k{i}\""), sql.ty.clone())
                };
                direction(&column, key)
            })
            .collect();
        let order = if keys.is_empty() {
            String::new()
        } else {
            format!(" ORDER BY {}", keys.join(","))
        };
        format!(
            "SELECT {} FROM ({inner}) WHERE \"row#\"=1{order}",
            columns.join(",")
        )
    }
}
