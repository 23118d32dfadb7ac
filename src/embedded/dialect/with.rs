//! WITH: in front of queries, and of statements that change data.

use std::collections::BTreeSet;

use postgres_types::Type;
use sqlparser::ast::{Cte as Item, Query, SetExpr, Statement, With};

use crate::embedded::dialect::expr::{Grouping, Translator};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::select::{Cte, CteRows, inner_name};
use crate::embedded::dialect::{Fault, Output, quote, types};
use crate::error_response::SqlState;

/// The head of a query.
pub(super) fn headed_as(query: &Query, head: &[String]) -> String {
    let recursive = query.with.as_ref().is_some_and(|w| w.recursive);
    match (head.is_empty(), recursive) {
        (true, _) => String::new(),
        (false, false) => format!("WITH {} ", head.join(",")),
        (false, true) => format!("WITH RECURSIVE {} ", head.join(",")),
    }
}

/// Whether it is a statement that changes data.
pub(super) fn changes(body: &SetExpr) -> bool {
    matches!(
        body,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
    )
}

fn has_changes(with: &With) -> bool {
    with.cte_tables.iter().any(|c| changes(&c.query.body))
}

/// Refuses statements that change data in a WITH, where there must not be any.
pub(super) fn only_reads(query: &Query, fault: &str) -> Result<(), Fault> {
    match &query.with {
        Some(with) if has_changes(with) => Err(Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            fault.to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The columns as WITH names them.
pub(super) fn renamed(item: &Item, mut columns: Vec<Output>) -> Result<Vec<Output>, Fault> {
    let names = &item.alias.columns;
    if names.len() > columns.len() {
        return Err(Fault::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            format!(
                "WITH query \"{}\" has {} columns available but {} columns specified",
                fold(&item.alias.name),
                columns.len(),
                names.len()
            ),
        )
        .at_name(&item.alias.name));
    }
    for (column, alias) in columns.iter_mut().zip(names) {
        column.name = fold(&alias.name);
    }
    for column in &mut columns {
        if column.ty.kind == Type::UNKNOWN {
            column.ty = Type::TEXT.into();
        }
    }
    Ok(columns)
}

pub(super) fn distinct_names(with: &With) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    for item in &with.cte_tables {
        let name = fold(&item.alias.name);
        if !seen.insert(name.clone()) {
            return Err(Fault::new(
                SqlState::DUPLICATE_ALIAS,
                format!("WITH query name \"{name}\" specified more than once"),
            )
            .at_name(&item.alias.name));
        }
    }
    Ok(())
}

impl Translator<'_> {
    /// The WITH queries of a query, as they stand in front of it.
    pub(super) fn with(&mut self, query: &Query, parent: &Scope<'_>) -> Result<Vec<String>, Fault> {
        let Some(with) = &query.with else {
            return Ok(Vec::new());
        };
        distinct_names(with)?;
        let mut parts = Vec::new();
        for item in &with.cte_tables {
            let name = fold(&item.alias.name);
            let (text, columns) = match &*item.query.body {
                // The first part says what the columns are; only then the name has a meaning.
                SetExpr::SetOperation { left, .. } if with.recursive => {
                    self.recursive(item, left, parent)?
                }
                body if changes(body) => {
                    return Err(Fault::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "WITH clause containing a data-modifying statement must be at the top level",
                    )
                    .at_name(&item.alias.name));
                }
                _ => {
                    let (text, columns) = self.query(&item.query, parent)?;
                    (text, renamed(item, columns)?)
                }
            };
            let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
            let inner = quote(&inner_name(&name));
            parts.push(format!("{inner}({}) AS ({text})", names.join(",")));
            self.ctes.push(Cte {
                name,
                columns,
                rows: CteRows::Query,
            });
        }
        Ok(parts)
    }

    pub(super) fn recursive(
        &mut self,
        item: &Item,
        left: &SetExpr,
        parent: &Scope<'_>,
    ) -> Result<(String, Vec<Output>), Fault> {
        let name = fold(&item.alias.name);
        let (_, columns) = self.set(left, parent)?;
        let columns = renamed(item, columns)?;
        self.ctes.push(Cte {
            name: name.clone(),
            columns: columns.clone(),
            rows: CteRows::Query,
        });
        self.recursing = true;
        let (text, again) = self.query(&item.query, parent)?;
        self.ctes.pop();
        for (first, all) in columns.iter().zip(&again) {
            let loose = all.ty.kind == Type::UNKNOWN;
            if first.ty.kind != all.ty.kind && !loose {
                return Err(Fault::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "recursive query \"{name}\" column \"{}\" has type {} in non-recursive term but type {} overall",
                        first.name,
                        types::show(&first.ty.kind, -1),
                        types::show(&all.ty.kind, -1)
                    ),
                )
                .with_hint("Cast the output of the non-recursive term to the correct type."));
            }
        }
        Ok((text, columns))
    }

    /// The plan of a query that changes data, in WITH or behind it.
    pub(super) fn changing_query(&mut self, query: &Query) -> Result<Option<Plan>, Fault> {
        let last = changes(&query.body);
        match &query.with {
            Some(with) if has_changes(with) => self.with_changes(query, with).map(Some),
            Some(_) if last => {
                let head = self.with(query, &Scope::default())?;
                self.staging.head = head;
                self.change(&query.body).map(Some)
            }
            None if last => self.change(&query.body).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn change(&mut self, body: &SetExpr) -> Result<Plan, Fault> {
        self.grouping = Grouping::default();
        match body {
            SetExpr::Insert(Statement::Insert(insert)) => self.insert(insert),
            SetExpr::Update(Statement::Update(update)) => self.update(update),
            SetExpr::Delete(Statement::Delete(delete)) => self.delete(delete),
            _ => Err(Fault::unsupported("MERGE within WITH")),
        }
    }
}
