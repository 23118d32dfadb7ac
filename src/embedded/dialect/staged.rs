//! Statements that run in several stages. The rows of one are kept, and what comes after reads them
//! as a table. All of them have to see what was there before the first: what reads a table that
//! another part changes is run before all parts, or reads a copy of that table.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::{Fault, Output, Table, quote};

/// The rows of a table that are copied, at most.
pub(in crate::embedded) const MAX_COPY: usize = 100_000;

/// Several statements that are one to the client.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Staged {
    pub(in crate::embedded) stages: Vec<Stage>,
    pub(in crate::embedded) last: Last,
    /// What it is called: SELECT, INSERT, ….
    pub(in crate::embedded) verb: &'static str,
    /// Whether a stage changes data.
    pub(in crate::embedded) changes: bool,
}

/// One of them, and where its rows are kept.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Stage {
    pub(in crate::embedded) sql: String,
    pub(in crate::embedded) slot: usize,
    pub(in crate::embedded) keeps: Keeps,
    /// The sequence whose numbers it takes unasked.
    pub(in crate::embedded) takes: Option<String>,
}

impl Stage {
    /// A change of data: its rows are kept if it gives some.
    pub(super) fn change(sql: String, slot: usize, rows: bool, takes: Option<String>) -> Self {
        let keeps = if rows { Keeps::All } else { Keeps::Count };
        Self {
            sql,
            slot,
            keeps,
            takes,
        }
    }
}

#[derive(Clone, Debug)]
pub(in crate::embedded) enum Keeps {
    All,
    /// How many there are.
    Count,
    /// Of several with the same first column the first.
    First,
    /// All, of which no two may have the same first column.
    Once,
    /// All, unless they are too many: then this is what is refused.
    Few(String),
}

/// What the client is answered with.
#[derive(Clone, Debug)]
pub(in crate::embedded) enum Last {
    Plan(Box<Plan>),
    /// Rows of what was kept.
    Rows {
        sql: String,
        columns: Vec<Output>,
        tag: &'static str,
    },
    /// How many rows there were in all of these.
    Count {
        slots: Vec<usize>,
        tag: &'static str,
    },
}

impl Staged {
    pub(in crate::embedded) fn columns(&self) -> Option<&[Output]> {
        match &self.last {
            Last::Plan(plan) => plan.columns(),
            Last::Rows { columns, .. } => Some(columns),
            Last::Count { .. } => None,
        }
    }
}

/// The stages of the statement that is translated.
#[derive(Debug, Default)]
pub(super) struct Staging {
    pub(super) early: Vec<Stage>,
    slots: usize,
    /// Tables that another part of the statement changes, and views of them.
    pub(super) changed: BTreeSet<String>,
    /// What the query at hand uses.
    pub(super) used: Used,
    /// WITH queries that stand in front of the statement as they are.
    pub(super) head: Vec<String>,
    /// Within RETURNING.
    pub(super) returning: bool,
}

/// What a part of a statement needs in front of it, and whether it stands by itself.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Tables as they were, by their names in SQLite.
    olds: BTreeMap<String, Rc<Table>>,
    /// What was kept, and how many columns it has.
    kept: BTreeMap<usize, usize>,
    /// Some of that is not there before the first part is run.
    late: bool,
    /// The outermost WITH query.
    cte: Option<usize>,
}

impl Used {
    fn add(&mut self, other: Self) {
        self.olds.extend(other.olds);
        self.kept.extend(other.kept);
        self.late |= other.late;
        self.cte = match (self.cte, other.cte) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// A WITH query that is not kept, by its number.
    pub(super) fn cte(&mut self, number: usize) {
        self.cte = Some(self.cte.map_or(number, |n| n.min(number)));
    }

    /// Rows that a part of the statement leaves.
    pub(super) fn rows(&mut self, slot: usize, width: usize) {
        self.kept.insert(slot, width);
        self.late = true;
    }
}

/// What kept rows are called.
pub(super) fn kept_name(slot: usize) -> String {
    format!("\"pgtls_kept_{slot}\"")
}

/// A table as it was.
fn old_name(table: &Table) -> String {
    quote(&format!("pgtls_old_{}_{}", table.database, table.name))
}

/// Kept rows as a WITH query.
fn kept_definition(name: &str, names: &[String], slot: usize) -> String {
    let values: Vec<String> = (0..names.len())
        .map(|i| format!("pg_kept({slot},\"i\",{i})"))
        .collect();
    format!(
        "{name}({}) AS MATERIALIZED (WITH RECURSIVE \"n\"(\"i\") AS (SELECT 0 WHERE pg_kept({slot})>0 \
         UNION ALL SELECT \"i\"+1 FROM \"n\" WHERE \"i\"+1<pg_kept({slot})) SELECT {} FROM \"n\")",
        names.join(","),
        values.join(",")
    )
}

/// Puts WITH queries in front of a statement.
pub(super) fn headed(head: &[String], text: String) -> String {
    if head.is_empty() {
        return text;
    }
    let head = head.join(",");
    let rest = text
        .strip_prefix("WITH RECURSIVE ")
        .or_else(|| text.strip_prefix("WITH "));
    match rest {
        Some(rest) => format!("WITH RECURSIVE {head},{rest}"),
        None => format!("WITH RECURSIVE {head} {text}"),
    }
}

impl Staging {
    pub(super) fn slot(&mut self) -> usize {
        let slot = self.slots;
        self.slots = slot.saturating_add(1);
        slot
    }

    /// What a table is called in the part at hand.
    pub(super) fn name_of(&mut self, table: &Rc<Table>) -> String {
        if !self.changed.contains(&table.sql) {
            return table.sql.clone();
        }
        let name = old_name(table);
        self.used.olds.insert(name.clone(), Rc::clone(table));
        name
    }

    fn kept_head(used: &Used) -> Vec<String> {
        let kept = used.kept.iter().map(|(slot, width)| {
            let names: Vec<String> = (0..*width).map(|i| format!("\"c{i}\"")).collect();
            kept_definition(&kept_name(*slot), &names, *slot)
        });
        kept.collect()
    }

    /// A query that is run before all parts.
    fn early(&mut self, text: String, used: &Used, keeps: Keeps) -> usize {
        let mut head = Self::kept_head(used);
        for (name, table) in &used.olds {
            let names = names_of(table).join(",");
            head.push(format!(
                "{name}({names}) AS NOT MATERIALIZED (SELECT {names} FROM {})",
                table.sql
            ));
        }
        let slot = self.slot();
        self.early.push(Stage {
            sql: headed(&head, text),
            slot,
            keeps,
            takes: None,
        });
        slot
    }

    /// A part of the statement with all in front that it needs.
    pub(super) fn finish(&mut self, text: String) -> String {
        let used = std::mem::take(&mut self.used);
        let mut head = std::mem::take(&mut self.head);
        head.splice(0..0, Self::kept_head(&used));
        for (name, table) in &used.olds {
            let names = names_of(table);
            let copy = format!("SELECT {} FROM {}", names.join(","), table.sql);
            let keeps = Keeps::Few(table.name.clone());
            let slot = self.early(copy, &Used::default(), keeps);
            head.insert(0, kept_definition(name, &names, slot));
        }
        headed(&head, text)
    }
}

fn names_of(table: &Table) -> Vec<String> {
    table.columns.iter().map(|c| quote(&c.name)).collect()
}

impl Translator<'_> {
    /// Translates a query, or a part of a UNION. If it reads what another part of the statement
    /// changes, and stands by itself, it is run before all of them.
    pub(super) fn apart(
        &mut self,
        parent: &Scope<'_>,
        work: impl FnOnce(&mut Self) -> Result<(String, Vec<Output>), Fault>,
    ) -> Result<(String, Vec<Output>), Fault> {
        if self.staging.changed.is_empty() {
            return work(self);
        }
        let around = std::mem::take(&mut self.staging.used);
        let (ctes, hits) = (self.ctes.len(), parent.hits.get());
        let result = work(self);
        let mut used = std::mem::replace(&mut self.staging.used, around);
        let (text, columns) = result?;
        if used.cte.is_some_and(|n| n >= ctes) {
            used.cte = None;
        }
        let alone = !used.late && used.cte.is_none() && parent.hits.get() == hits;
        if used.olds.is_empty() || !alone {
            self.staging.used.add(used);
            return Ok((text, columns));
        }
        let slot = self.staging.early(text, &used, Keeps::All);
        self.staging.used.kept.insert(slot, columns.len());
        let items: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let value = Sql::new(format!("\"c{i}\""), column.ty.clone());
                format!("{} AS {}", value.ordered(), quote(&column.name))
            })
            .collect();
        let text = format!("SELECT {} FROM {}", items.join(","), kept_name(slot));
        Ok((text, columns))
    }
}
