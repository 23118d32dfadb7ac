//! WITH that has statements in it which change data: each part is a stage, and all see what was there
//! before the first.

use std::collections::BTreeSet;
use std::rc::Rc;

use sqlparser::ast::{
    Cte as Item, Delete, FromTable, ObjectName, OnConflictAction, OnInsert, Query, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, With,
};

use crate::embedded::dialect::expr::{Grouping, Translator};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::select::{Cte, CteRows, inner_name};
use crate::embedded::dialect::staged::{Last, Stage, Staged, kept_name};
use crate::embedded::dialect::with::{changes, distinct_names, renamed};
use crate::embedded::dialect::{Fault, Output, Table, quote};

/// What a part does to tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Reads,
    Inserts,
    /// INSERT with ON CONFLICT DO UPDATE.
    Upserts,
    Updates,
    Deletes,
}

/// A part of a statement: a WITH query, or what stands behind them.
struct Part {
    kind: Kind,
    target: Option<Rc<Table>>,
    /// The tables that it changes, by name in SQLite: its target, and those whose rows follow.
    changed: BTreeSet<String>,
    stages: Vec<Stage>,
    /// The parts whose rows it reads.
    after: Vec<usize>,
}

impl Part {
    fn targets(&self, other: &Self) -> bool {
        match (&self.target, &other.target) {
            (Some(a), Some(b)) => a.sql == b.sql,
            _ => false,
        }
    }
}

impl Translator<'_> {
    pub(super) fn with_changes(&mut self, query: &Query, with: &With) -> Result<Plan, Fault> {
        distinct_names(with)?;
        let mut parts = Vec::new();
        for item in &with.cte_tables {
            parts.push(self.part(&item.query.body)?);
        }
        parts.push(self.part(&query.body)?);
        check_targets(&parts)?;
        for (number, item) in with.cte_tables.iter().enumerate() {
            self.staging.changed = self.others(&parts, number)?;
            let (rows, columns) = self.with_part(item, with.recursive, &mut parts, number)?;
            self.ctes.push(Cte {
                name: fold(&item.alias.name),
                columns,
                rows,
            });
        }
        let number = with.cte_tables.len();
        self.staging.changed = self.others(&parts, number)?;
        let last = self.last(query)?;
        self.ctes.clear();
        self.note_use(&mut parts, number, &last);
        let verb = match &last {
            Plan::Query { .. } => "SELECT",
            Plan::Change { tag, .. } => tag.split(' ').next().unwrap_or_default(),
            Plan::Staged(staged) => staged.verb,
            _ => return Err(Fault::unsupported("this behind WITH")),
        };
        self.ordered(parts, last, verb)
    }

    /// What a part does, by its words alone.
    fn part(&self, body: &SetExpr) -> Result<Part, Fault> {
        let (kind, target) = match body {
            SetExpr::Insert(Statement::Insert(insert)) => {
                let updates = matches!(&insert.on, Some(OnInsert::OnConflict(c)) if matches!(c.action, OnConflictAction::DoUpdate(_)));
                let kind = if updates {
                    Kind::Upserts
                } else {
                    Kind::Inserts
                };
                match &insert.table {
                    TableObject::TableName(table) => (kind, Some(table)),
                    _ => return Err(Fault::unsupported("INSERT into this")),
                }
            }
            SetExpr::Update(Statement::Update(update)) => (Kind::Updates, target(&update.table)),
            SetExpr::Delete(Statement::Delete(delete)) => (Kind::Deletes, deleted(delete)),
            _ => (Kind::Reads, None),
        };
        let table = target.map(|t: &ObjectName| self.table(t)).transpose()?;
        let mut changed = BTreeSet::new();
        if let Some(table) = &table {
            changed.insert(table.sql.clone());
            if !matches!(kind, Kind::Inserts) {
                self.followers(table, &mut changed)?;
            }
        }
        Ok(Part {
            kind,
            target: table,
            changed,
            stages: Vec::new(),
            after: Vec::new(),
        })
    }

    /// The tables whose rows change with those of a table, by their foreign keys.
    fn followers(&self, table: &Table, changed: &mut BTreeSet<String>) -> Result<(), Fault> {
        if table.database != "main" {
            return Ok(());
        }
        for name in self.schema.referencing(&table.name)? {
            let Some(child) = self.schema.table(Some("main"), &name)? else {
                continue;
            };
            let text = child.definition.to_uppercase();
            let follows = ["CASCADE", "SET NULL", "SET DEFAULT"];
            if follows.iter().any(|w| text.contains(w)) && changed.insert(child.sql.clone()) {
                self.followers(&child, changed)?;
            }
        }
        Ok(())
    }

    /// What the other parts change, and the views that show it.
    fn others(&self, parts: &[Part], number: usize) -> Result<BTreeSet<String>, Fault> {
        let others = parts.iter().enumerate().filter(|(n, _)| *n != number);
        let mut changed: BTreeSet<String> = others.flat_map(|(_, p)| p.changed.clone()).collect();
        if changed.is_empty() {
            return Ok(changed);
        }
        let views = self.schema.views()?;
        let mut names: Vec<String> = changed
            .iter()
            .filter_map(|sql| sql.split_once('.').map(|(_, name)| name.to_owned()))
            .collect();
        while let Some(name) = names.pop() {
            for (view, sql) in &views {
                let quoted = quote(view);
                if sql.contains(&name) && changed.insert(format!("\"main\".{quoted}")) {
                    names.push(quoted);
                }
            }
        }
        Ok(changed)
    }

    /// One of the WITH queries: where its rows are kept, and what they are.
    fn with_part(
        &mut self,
        item: &Item,
        recursive: bool,
        parts: &mut [Part],
        number: usize,
    ) -> Result<(CteRows, Vec<Output>), Fault> {
        self.grouping = Grouping::default();
        let mut takes = None;
        let mut stages = Vec::new();
        let (sql, columns) = if changes(&item.query.body) {
            if item.query.with.is_some() {
                let fault = Fault::unsupported("WITH within a WITH query that changes data");
                return Err(fault.at_name(&item.alias.name));
            }
            match self.change(&item.query.body)? {
                Plan::Change {
                    sql,
                    columns,
                    takes: taken,
                    ..
                } => {
                    takes = taken;
                    (sql, columns)
                }
                Plan::Staged(staged) => {
                    stages = staged.stages;
                    match staged.last {
                        Last::Rows { sql, columns, .. } => (sql, Some(columns)),
                        _ => return Err(Fault::unsupported("this within WITH")),
                    }
                }
                _ => return Err(Fault::unsupported("this within WITH")),
            }
        } else {
            let scope = Scope::default();
            let (text, columns) = match &*item.query.body {
                SetExpr::SetOperation { left, .. } if recursive => {
                    let (text, columns) = self.recursive(item, left, &scope)?;
                    let name = quote(&inner_name(&fold(&item.alias.name)));
                    let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
                    let names = names.join(",");
                    let text =
                        format!("WITH RECURSIVE {name}({names}) AS ({text}) SELECT * FROM {name}");
                    (text, columns)
                }
                _ => self.query(&item.query, &scope)?,
            };
            (self.staging.finish(text), Some(columns))
        };
        let slot = self.staging.slot();
        stages.push(Stage::change(sql, slot, columns.is_some(), takes));
        let read = self.read_parts(parts, &stages);
        if let Some(part) = parts.get_mut(number) {
            (part.stages, part.after) = (stages, read);
        }
        Ok(match columns {
            Some(columns) => (CteRows::Kept(slot), renamed(item, columns)?),
            None => (CteRows::None, Vec::new()),
        })
    }

    /// The parts whose rows these read.
    fn read_parts(&self, parts: &[Part], stages: &[Stage]) -> Vec<usize> {
        let of = |slot: usize| {
            let owner = |p: &Part| p.stages.last().is_some_and(|s| s.slot == slot);
            parts.iter().position(owner)
        };
        let mut found = Vec::new();
        for stage in stages {
            let reads = |slot: &usize| stage.sql.contains(&kept_name(*slot));
            let slots = parts.iter().filter_map(|p| p.stages.last().map(|s| s.slot));
            found.extend(slots.filter(reads).filter_map(of));
        }
        found
    }

    /// What stands behind the WITH queries.
    fn last(&mut self, query: &Query) -> Result<Plan, Fault> {
        self.grouping = Grouping::default();
        if changes(&query.body) {
            return self.change(&query.body);
        }
        let mut alone = query.clone();
        alone.with = None;
        let (sql, columns) = self.query(&alone, &Scope::default())?;
        let sql = self.staging.finish(sql);
        let (sql, columns) = self.presented(sql, columns)?;
        let plan = Plan::Query {
            sql,
            columns,
            locks: false,
        };
        // What was kept is gone when the next statement runs.
        Ok(super::sequence::drawing_rows(plan))
    }

    fn note_use(&self, parts: &mut [Part], number: usize, last: &Plan) {
        let all: Vec<&str> = match last {
            Plan::Query { sql, .. } | Plan::Change { sql, .. } => vec![sql],
            Plan::Staged(staged) => staged.stages.iter().map(|s| s.sql.as_str()).collect(),
            _ => Vec::new(),
        };
        let reads = |p: &Part| {
            let slot = p.stages.last().map(|s| kept_name(s.slot));
            slot.is_some_and(|name| all.iter().any(|sql| sql.contains(&name)))
        };
        let after = (0..number).filter(|n| parts.get(*n).is_some_and(reads));
        let after: Vec<usize> = after.collect();
        if let Some(part) = parts.get_mut(number) {
            part.after = after;
        }
    }

    /// All parts in an order in which each finds its target as it was.
    fn ordered(
        &mut self,
        mut parts: Vec<Part>,
        last: Plan,
        verb: &'static str,
    ) -> Result<Plan, Fault> {
        let count = parts.len();
        let end = count.saturating_sub(1);
        let order = self.order(&parts)?;
        let wanted = wanted(&parts);
        let mut stages = std::mem::take(&mut self.staging.early);
        let mut plan = Some(last);
        let mut answer = None;
        for number in &order {
            if *number != end {
                let part = parts.get_mut(*number);
                let part = part.filter(|p| p.kind != Kind::Reads || wanted.contains(number));
                stages.extend(part.into_iter().flat_map(|p| std::mem::take(&mut p.stages)));
                continue;
            }
            let Some(plan) = plan.take() else { continue };
            answer = Some(match plan {
                Plan::Staged(staged) => {
                    stages.extend(staged.stages);
                    staged.last
                }
                // Its rows are told when all is done.
                Plan::Change {
                    sql,
                    columns,
                    tag,
                    takes,
                } if order.last() != Some(&end) => {
                    let slot = self.staging.slot();
                    stages.push(Stage::change(sql, slot, columns.is_some(), takes));
                    match columns {
                        None => Last::Count {
                            slots: vec![slot],
                            tag,
                        },
                        Some(columns) => {
                            self.staging.used.rows(slot, columns.len());
                            let text = format!("SELECT * FROM {}", kept_name(slot));
                            Last::Rows {
                                sql: self.staging.finish(text),
                                columns,
                                tag,
                            }
                        }
                    }
                }
                plan => Last::Plan(Box::new(plan)),
            });
        }
        let Some(last) = answer else {
            return Err(Fault::unsupported("this WITH"));
        };
        Ok(Plan::Staged(Staged {
            stages,
            last,
            verb,
            changes: true,
        }))
    }

    fn order(&self, parts: &[Part]) -> Result<Vec<usize>, Fault> {
        let end = parts.len().saturating_sub(1);
        // Whether one must, or had better, be run before another.
        let must = |a: usize, b: usize| {
            let (Some(first), Some(second)) = (parts.get(a), parts.get(b)) else {
                return false;
            };
            let finds = first.kind != Kind::Reads && first.kind != Kind::Inserts;
            let target = first.target.as_ref().filter(|_| finds);
            second.after.contains(&a)
                || second.kind == Kind::Reads && b == end
                || target.is_some_and(|t| second.changed.contains(&t.sql))
        };
        let better = |a: usize, b: usize| {
            let (Some(first), Some(second)) = (parts.get(a), parts.get(b)) else {
                return false;
            };
            let (Some(one), Some(other)) = (&first.target, &second.target) else {
                return false;
            };
            let refers = |child: &Table, parent: &Table| {
                let children = self.schema.referencing(&parent.name);
                children.is_ok_and(|all| all.contains(&child.name))
            };
            match (first.kind, second.kind) {
                (Kind::Deletes, Kind::Deletes) => refers(one, other),
                (Kind::Inserts | Kind::Upserts, Kind::Inserts | Kind::Upserts) => {
                    refers(other, one)
                }
                _ => false,
            }
        };
        let mut left: Vec<usize> = (0..parts.len()).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let free = |b: &usize, before: &dyn Fn(usize, usize) -> bool| {
                left.iter().all(|a| a == b || !before(*a, *b))
            };
            let ready: Vec<usize> = left.iter().copied().filter(|b| free(b, &must)).collect();
            let best = ready.iter().copied().find(|b| free(b, &better));
            let Some(next) = best.or_else(|| ready.first().copied()) else {
                let all = left.iter().filter_map(|n| parts.get(*n)?.target.as_ref());
                let name = all.map(|t| t.name.as_str()).next().unwrap_or_default();
                return Err(Fault::unsupported(format!(
                    "WITH whose parts change rows of \"{name}\" after they have read each other's"
                )));
            };
            left.retain(|n| *n != next);
            order.push(next);
        }
        Ok(order)
    }
}

/// Two parts that may change the same row are not told apart.
fn check_targets(parts: &[Part]) -> Result<(), Fault> {
    let finds = |p: &Part| matches!(p.kind, Kind::Updates | Kind::Deletes);
    for (number, one) in parts.iter().enumerate() {
        for other in parts.iter().skip(number.saturating_add(1)) {
            let both = finds(one) && finds(other);
            let upserts = |a: &Part, b: &Part| a.kind == Kind::Upserts && b.kind != Kind::Reads;
            if one.targets(other) && (both || upserts(one, other) || upserts(other, one)) {
                let name = one.target.as_ref().map(|t| t.name.as_str());
                return Err(Fault::unsupported(format!(
                    "a statement that changes rows of \"{}\" in several of its parts",
                    name.unwrap_or_default()
                )));
            }
        }
    }
    Ok(())
}

/// The parts whose rows somebody reads.
fn wanted(parts: &[Part]) -> BTreeSet<usize> {
    let mut wanted = BTreeSet::new();
    let end = parts.len().saturating_sub(1);
    let changing = parts
        .iter()
        .enumerate()
        .filter(|(_, p)| p.kind != Kind::Reads);
    let mut from: Vec<usize> = changing.map(|(n, _)| n).chain([end]).collect();
    while let Some(number) = from.pop() {
        if wanted.insert(number)
            && let Some(part) = parts.get(number)
        {
            from.extend(&part.after);
        }
    }
    wanted
}

fn target(table: &TableWithJoins) -> Option<&ObjectName> {
    match &table.relation {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

fn deleted(delete: &Delete) -> Option<&ObjectName> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    from.first().and_then(target)
}
