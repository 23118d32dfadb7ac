//! RETURNING. SQLite's knows the columns of the changed table and no others. Where more is wanted,
//! the rows to change are found first and kept with what they were joined to; then they are changed,
//! and what both have left is put together.

use std::rc::Rc;

use sqlparser::ast::{SelectItem, SelectItemQualifiedWildcardKind};

use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::from::scope_within;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::staged::{Keeps, Last, Stage, Staged, kept_name};
use crate::embedded::dialect::{Fault, Output, Table, quote};

/// An UPDATE or DELETE of rows that are joined to others.
pub(super) struct Joined<'a> {
    pub(super) table: &'a Rc<Table>,
    pub(super) visible: &'a str,
    pub(super) scope: &'a Scope<'static>,
    pub(super) returning: &'a [SelectItem],
    /// The FROM of UPDATE and the USING of DELETE.
    pub(super) from: &'a str,
    pub(super) condition: &'a str,
    /// The new values; none in a DELETE.
    pub(super) sets: Option<&'a [(String, String)]>,
}

impl Translator<'_> {
    /// Nothing is said of the table's name, SQLite does not know it there.
    pub(super) fn returning(
        &mut self,
        items: Option<&[SelectItem]>,
        table: &Rc<Table>,
        visible: &str,
        sql: &mut String,
    ) -> Result<Option<Vec<Output>>, Fault> {
        let Some(items) = items else {
            return Ok(None);
        };
        let scope = scope_within(table, visible)?;
        self.staging.returning = true;
        let list = self.list(items, &scope);
        self.staging.returning = false;
        let (text, outputs) = list?;
        sql.push_str(&format!(" RETURNING {text}"));
        Ok(Some(outputs))
    }

    /// Whether RETURNING wants columns of what the table is joined to.
    pub(super) fn returns_others(
        &mut self,
        items: &[SelectItem],
        scope: &Scope<'_>,
        visible: &str,
    ) -> Result<bool, Fault> {
        let mut own = false;
        for item in items {
            own |= match item {
                SelectItem::Wildcard(_) => true,
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => name.to_string() != visible,
                _ => false,
            };
        }
        // What is ambiguous or is not there is told first.
        let before = scope.others.get();
        self.staging.returning = true;
        let list = self.list(items, scope);
        self.staging.returning = false;
        list?;
        Ok(own || scope.others.get() != before)
    }

    pub(super) fn joined(&mut self, joined: &Joined<'_>) -> Result<Plan, Fault> {
        let Joined {
            table,
            visible,
            scope,
            returning,
            ..
        } = joined;
        let row = row_number(table)?;
        if let Some(sets) = joined.sets
            && table
                .columns
                .iter()
                .any(|c| c.counts && sets.iter().any(|(n, _)| *n == c.name))
        {
            return Err(Fault::unsupported(
                "RETURNING of what a table is joined to, where its key changes",
            ));
        }
        let name = quote(visible);
        let (found, changed) = (self.staging.slot(), self.staging.slot());
        let mut items = vec![format!("{name}.{row}")];
        let mut inner = Scope::default();
        for (number, relation) in scope.relations.iter().enumerate() {
            let mut relation = relation.clone();
            for (place, column) in (1_usize..).zip(&mut relation.columns) {
                if number == 0 {
                    column.computed = Some(format!("{}.\"c{place}\"", kept_name(changed)));
                    continue;
                }
                let mut kept = |sql: String| {
                    items.push(sql);
                    let place = items.len().saturating_sub(1);
                    format!("{}.\"c{place}\"", kept_name(found))
                };
                let merged = column.merged.take();
                column.merged = merged.map(|(sql, ty)| (kept(sql), ty));
                let sql = scope.relations.get(number).and_then(|r| {
                    let at = place.saturating_sub(1);
                    Some(r.sql(r.columns.get(at)?))
                });
                column.computed = Some(kept(sql.unwrap_or_else(|| "NULL".into())));
            }
            inner.relations.push(relation);
        }
        inner.visible.clone_from(&scope.visible);
        let sets = joined.sets.map(|sets| {
            let sets = sets.iter().map(|(column, value)| {
                items.push(value.clone());
                let place = items.len().saturating_sub(1);
                format!("{}={}.\"c{place}\"", quote(column), kept_name(found))
            });
            sets.collect::<Vec<_>>().join(",")
        });
        let width = items.len();
        let text = format!(
            "SELECT {} FROM {} AS {name}, {} WHERE {}",
            items.join(","),
            table.sql,
            joined.from,
            joined.condition
        );
        let mut stages = vec![Stage {
            sql: self.staging.finish(text),
            slot: found,
            keeps: Keeps::First,
            takes: None,
        }];
        self.staging.used.rows(found, width);
        let columns: Vec<String> = table.columns.iter().map(|c| quote(&c.name)).collect();
        let change = match &sets {
            Some(sets) => format!(
                "UPDATE {} AS {name} SET {sets} FROM {1} WHERE {name}.{row}={1}.\"c0\"",
                table.sql,
                kept_name(found)
            ),
            None => format!(
                "DELETE FROM {} AS {name} WHERE {row} IN (SELECT \"c0\" FROM {})",
                table.sql,
                kept_name(found)
            ),
        };
        let change = format!("{change} RETURNING {row},{}", columns.join(","));
        stages.push(Stage {
            sql: self.staging.finish(change),
            slot: changed,
            keeps: Keeps::All,
            takes: None,
        });
        self.staging.returning = true;
        let list = self.list(returning, &inner);
        self.staging.returning = false;
        let (list, outputs) = list?;
        self.staging.used.rows(found, width);
        let kept = table.columns.len().saturating_add(1);
        self.staging.used.rows(changed, kept);
        let text = format!(
            "SELECT {list} FROM {0} JOIN {1} ON {1}.\"c0\"={0}.\"c0\"",
            kept_name(changed),
            kept_name(found)
        );
        let (tag, verb) = match joined.sets {
            Some(_) => ("UPDATE", "UPDATE"),
            None => ("DELETE", "DELETE"),
        };
        Ok(Plan::Staged(Staged {
            stages,
            last: Last::Rows {
                sql: self.staging.finish(text),
                columns: outputs,
                tag,
            },
            verb,
            changes: true,
        }))
    }
}

/// What the number of a row is called, if no column has that name.
pub(super) fn row_number(table: &Table) -> Result<&'static str, Fault> {
    let free = |name: &str| {
        let mut columns = table.columns.iter();
        !columns.any(|c| !c.counts && c.name.eq_ignore_ascii_case(name))
    };
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| free(name))
        .ok_or_else(|| Fault::unsupported("a table with columns of these names"))
}
