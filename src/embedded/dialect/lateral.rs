//! LATERAL: a subquery in FROM that names what stands to its left. SQLite has that for functions
//! in FROM only: so the rows of the subquery are made one JSON array, which `json_each` takes apart.

use sqlparser::ast::{Query, TableAlias};

use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::scope::{Relation, RelationColumn, Scope, fold};
use crate::embedded::dialect::types::{self, Storage};
use crate::embedded::dialect::{Fault, Output, quote};

impl Translator<'_> {
    /// The subquery as a part of FROM, and its relation.
    pub(super) fn lateral(
        &mut self,
        query: &Query,
        alias: &TableAlias,
        scope: &Scope<'_>,
    ) -> Result<(String, Relation), Fault> {
        // What stands to the left is around it, as it is for a subquery in an expression.
        let (text, columns) = self.query(query, scope)?;
        let name = fold(&alias.name);
        let inner: Vec<String> = (0..columns.len()).map(|i| format!("\"c{i}\"")).collect();
        let packed: Vec<String> = inner
            .iter()
            .zip(&columns)
            .map(|(inner, column)| packed(inner, column))
            .collect();
        let columns = columns
            .into_iter()
            .enumerate()
            .map(|(i, column)| {
                let value = format!("({}.\"value\"->>{i})", quote(&name));
                RelationColumn {
                    computed: Some(unpacked(value, &column)),
                    origin: column.origin,
                    ..RelationColumn::new(column.name, column.ty)
                }
            })
            .collect();
        let text = format!(
            "json_each((WITH \"part\"({}) AS ({text}) SELECT json_group_array(json_array({})) FROM \"part\")) AS {}",
            inner.join(","),
            packed.join(","),
            quote(&name)
        );
        let relation = Relation {
            name,
            qualified: true,
            columns,
        };
        Ok((text, relation))
    }
}

/// A value as JSON keeps it.
fn packed(value: &str, column: &Output) -> String {
    match types::storage(&column.ty.kind) {
        Storage::Integer => value.to_owned(),
        // As a text: JSON has no infinity, and SQLite's digits are not the shortest.
        Storage::Real => format!("pg_cast({value},701,25,-1,1)"),
        // What is JSON already stays a text.
        Storage::Text => format!("({value}||'')"),
        Storage::Blob => format!("iif({value} IS NULL,NULL,hex({value}))"),
    }
}

fn unpacked(value: String, column: &Output) -> String {
    match types::storage(&column.ty.kind) {
        Storage::Integer | Storage::Text => value,
        Storage::Real => format!("pg_cast({value},25,701,-1,1)"),
        Storage::Blob => format!("unhex({value})"),
    }
}
