//! UPDATE and DELETE.

use std::rc::Rc;

use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, TableFactor, TableWithJoins, Update,
    UpdateTableFromKind,
};

use crate::embedded::dialect::dml::{own_column, own_target};
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::from::relation_of;
use crate::embedded::dialect::part::part_of;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::returning::Joined;
use crate::embedded::dialect::scope::{Place, Scope, fold};
use crate::embedded::dialect::{Fault, Table, quote};
use crate::error_response::SqlState;

impl Translator<'_> {
    pub(super) fn assignments(
        &mut self,
        assignments: &[Assignment],
        table: &Rc<Table>,
        scope: &Scope<'_>,
    ) -> Result<Vec<(String, String)>, Fault> {
        // Column, its new value, and whether only a part of it is new.
        let mut sets: Vec<(String, String, bool)> = Vec::new();
        for assignment in assignments {
            let row = super::row::fields(&assignment.value);
            let pairs: Vec<(&sqlparser::ast::ObjectName, &Expr)> =
                match (&assignment.target, row.as_deref()) {
                    (AssignmentTarget::ColumnName(name), _) => vec![(name, &assignment.value)],
                    (AssignmentTarget::Tuple(names), Some(values))
                        if names.len() == values.len() =>
                    {
                        names.iter().zip(values).collect()
                    }
                    _ => return Err(Fault::unsupported("this assignment of several columns")),
                };
            for (name, value) in pairs {
                let ident = match name.0.as_slice() {
                    [part] => part.as_ident(),
                    _ => None,
                }
                .ok_or_else(|| Fault::unsupported(format!("the column {name}")))?;
                let column = self.target_column(table, ident)?.clone();
                let part = part_of(value);
                let before = sets.iter_mut().find(|(n, ..)| *n == column.name);
                if before.as_ref().is_some_and(|b| part.is_none() || !b.2) {
                    return Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        format!("multiple assignments to same column \"{}\"", column.name),
                    )
                    .at(name));
                }
                if let Some(part) = part {
                    let old = match &before {
                        Some((_, text, _)) => text.clone(),
                        None => own_column(scope, &column.name),
                    };
                    let text = self.assign_part(&old, (&column.name, &column.ty), part, scope)?;
                    match before {
                        Some(before) => before.1 = text,
                        None => sets.push((column.name, text, true)),
                    }
                    continue;
                }
                let default = matches!(value, Expr::Identifier(i) if i.quote_style.is_none() && i.value.eq_ignore_ascii_case("default"));
                let text = if default {
                    column.default.clone().unwrap_or_else(|| "NULL".into())
                } else {
                    let sql = self.expr(value, scope)?;
                    self.assign_column(sql, &column).at(value)?.text
                };
                sets.push((column.name, text, false));
            }
        }
        Ok(sets
            .into_iter()
            .map(|(name, text, _)| (name, text))
            .collect())
    }

    fn target_of(
        &self,
        item: &TableWithJoins,
    ) -> Result<(Rc<Table>, String, Scope<'static>), Fault> {
        let TableFactor::Table { name, alias, .. } = &item.relation else {
            return Err(Fault::unsupported("changing this"));
        };
        if !item.joins.is_empty() {
            return Err(
                Fault::new(SqlState::SYNTAX_ERROR, "syntax error at or near \"JOIN\"").at(name),
            );
        }
        let table = self.table(name)?;
        own_target(&table).at(name)?;
        let visible = alias
            .as_ref()
            .map_or_else(|| table.name.clone(), |a| fold(&a.name));
        let mut scope = Scope::default();
        scope.add(relation_of(&table, visible.clone()))?;
        Ok((table, visible, scope))
    }

    pub(super) fn update(&mut self, update: &Update) -> Result<Plan, Fault> {
        if update.or.is_some() || !update.order_by.is_empty() || update.limit.is_some() {
            return Err(Fault::new(SqlState::SYNTAX_ERROR, "syntax error in UPDATE").at(update));
        }
        let (table, visible, mut scope) = self.target_of(&update.table)?;
        self.changing.clone_from(&table.name);
        let from = match &update.from {
            None => None,
            Some(UpdateTableFromKind::AfterSet(from) | UpdateTableFromKind::BeforeSet(from)) => {
                Some(self.from(from, &mut scope)?)
            }
        };
        let sets = self.assignments(&update.assignments, &table, &scope)?;
        let condition = match &update.selection {
            Some(selection) => Some(self.condition(selection, &scope, "WHERE")?.text),
            None => None,
        };
        let returning = update.returning.as_deref();
        if let (Some(from), Some(returning)) = (&from, returning)
            && self.returns_others(returning, &scope, &visible)?
        {
            return self.joined(&Joined {
                table: &table,
                visible: &visible,
                scope: &scope,
                returning,
                from,
                condition: condition.as_deref().unwrap_or("true"),
                sets: Some(&sets),
            });
        }
        let mut sql = format!(
            "UPDATE {} AS {} SET {}",
            table.sql,
            quote(&visible),
            set_list(&sets)
        );
        if let Some(from) = from {
            sql.push_str(&format!(" FROM {from}"));
        }
        if let Some(condition) = condition {
            sql.push_str(&format!(" WHERE {condition}"));
        }
        let columns = self.returning(returning, &table, &visible, &mut sql)?;
        Ok(Plan::Change {
            sql: self.staging.finish(sql),
            columns,
            tag: "UPDATE",
            takes: None,
        })
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Result<Plan, Fault> {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let [target] = from.as_slice() else {
            return Err(Fault::new(SqlState::SYNTAX_ERROR, "syntax error in DELETE").at(delete));
        };
        if !delete.order_by.is_empty() || delete.limit.is_some() || !delete.tables.is_empty() {
            return Err(Fault::new(SqlState::SYNTAX_ERROR, "syntax error in DELETE").at(delete));
        }
        let (table, visible, mut scope) = self.target_of(target)?;
        let mut sql = format!("DELETE FROM {} AS {}", table.sql, quote(&visible));
        match &delete.using {
            None => {
                if let Some(selection) = &delete.selection {
                    let condition = self.condition(selection, &scope, "WHERE")?;
                    sql.push_str(&format!(" WHERE {}", condition.text));
                }
            }
            Some(using) => {
                let from = self.from(using, &mut scope)?;
                let condition = match &delete.selection {
                    Some(selection) => self.condition(selection, &scope, "WHERE")?.text,
                    None => "true".into(),
                };
                if let Some(returning) = delete.returning.as_deref()
                    && self.returns_others(returning, &scope, &visible)?
                {
                    return self.joined(&Joined {
                        table: &table,
                        visible: &visible,
                        scope: &scope,
                        returning,
                        from: &from,
                        condition: &condition,
                        sets: None,
                    });
                }
                let name = quote(&visible);
                sql.push_str(&format!(
                    " WHERE rowid IN (SELECT {name}.rowid FROM {} AS {name}, {from} WHERE {condition})",
                    table.sql
                ));
            }
        }
        let columns = self.returning(delete.returning.as_deref(), &table, &visible, &mut sql)?;
        Ok(Plan::Change {
            sql: self.staging.finish(sql),
            columns,
            tag: "DELETE",
            takes: None,
        })
    }
}

pub(super) fn set_list(sets: &[(String, String)]) -> String {
    let sets = sets.iter();
    let sets: Vec<String> = sets
        .map(|(n, text)| format!("{}={text}", quote(n)))
        .collect();
    sets.join(",")
}
