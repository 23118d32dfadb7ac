//! MERGE, in stages: what is to be done with each row is found first, then it is done, one WHEN after
//! the other.

use sqlparser::ast::{
    Expr, Merge, MergeAction, MergeClause, MergeClauseKind, MergeInsertExpr, MergeInsertKind,
    MergeUpdateKind, TableFactor,
};

use crate::embedded::dialect::dml::{only_default, own_target};
use crate::embedded::dialect::expr::{Grouping, Translator};
use crate::embedded::dialect::from::relation_of;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::returning::row_number;
use crate::embedded::dialect::scope::{Place, Scope, fold};
use crate::embedded::dialect::staged::{Keeps, Last, Stage, Staged, kept_name};
use crate::embedded::dialect::{Fault, Table, quote, sequence};
use crate::error_response::SqlState;

/// What one WHEN does: the columns it sets, their values, and the statement around them.
struct Action {
    matched: bool,
    condition: Option<String>,
    columns: Vec<String>,
    values: Vec<String>,
    kind: Kind,
    takes: Option<String>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Insert,
    Update,
    Delete,
    Nothing,
}

fn wrong(message: &str) -> Fault {
    Fault::new(SqlState::SYNTAX_ERROR, message.to_owned())
}

fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(i) if i.quote_style.is_none() && i.value.eq_ignore_ascii_case("default"))
}

impl Translator<'_> {
    pub(super) fn merge_into(&mut self, merge: &Merge) -> Result<Plan, Fault> {
        let TableFactor::Table { name, alias, .. } = &merge.table else {
            return Err(Fault::unsupported("MERGE into this"));
        };
        if merge.output.is_some() {
            return Err(wrong("syntax error at or near \"RETURNING\""));
        }
        let table = self.table(name)?;
        own_target(&table).at(name)?;
        self.changing.clone_from(&table.name);
        let visible = alias
            .as_ref()
            .map_or_else(|| table.name.clone(), |a| fold(&a.name));
        self.grouping = Grouping::default();
        let mut source = Scope::default();
        let from = self.factor(&merge.source, &mut source)?;
        let mut both = Scope::default();
        both.add(relation_of(&table, visible.clone()))?;
        for relation in &source.relations {
            if relation.name == visible {
                return Err(Fault::new(
                    SqlState::DUPLICATE_ALIAS,
                    format!("name \"{visible}\" specified more than once"),
                )
                .with_detail(
                    "The name is used both as MERGE target table and data source.".into(),
                ));
            }
            both.add(relation.clone())?;
        }
        let on = self.condition(&merge.on, &both, "JOIN/ON")?.text;
        let mut actions: Vec<Action> = Vec::new();
        for clause in &merge.clauses {
            let action = self.merge_action(clause, &table, &both, &source)?;
            let last = |a: &Action| a.matched == action.matched && a.condition.is_none();
            if actions.iter().any(last) {
                return Err(wrong(
                    "unreachable WHEN clause specified after unconditional WHEN clause",
                ));
            }
            actions.push(action);
        }
        let row = format!("{}.{}", quote(&visible), row_number(&table)?);
        self.merge_stages(&table, (&visible, &row), (&from, &on), actions)
    }

    fn merge_action(
        &mut self,
        clause: &MergeClause,
        table: &std::rc::Rc<Table>,
        both: &Scope<'_>,
        source: &Scope<'_>,
    ) -> Result<Action, Fault> {
        let matched = match clause.clause_kind {
            MergeClauseKind::Matched => true,
            MergeClauseKind::NotMatched => false,
            MergeClauseKind::NotMatchedByTarget | MergeClauseKind::NotMatchedBySource => {
                return Err(wrong("syntax error at or near \"BY\""));
            }
        };
        let scope = if matched { both } else { source };
        let condition = match &clause.predicate {
            Some(expr) => Some(self.condition(expr, scope, "MERGE WHEN")?.text),
            None => None,
        };
        let mut action = Action {
            matched,
            condition,
            columns: Vec::new(),
            values: Vec::new(),
            kind: Kind::Delete,
            takes: None,
        };
        match (&clause.action, matched) {
            (MergeAction::Delete { .. }, true) => {}
            (MergeAction::DoNothing { .. }, _) => action.kind = Kind::Nothing,
            (MergeAction::Update(update), true) => {
                let MergeUpdateKind::Set(assignments) = &update.kind else {
                    return Err(wrong("syntax error in UPDATE"));
                };
                if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                    return Err(wrong("syntax error at or near \"WHERE\""));
                }
                action.kind = Kind::Update;
                let sets = self.assignments(assignments, table, both)?;
                (action.columns, action.values) = sets.into_iter().unzip();
                let counts = |c: &String| table.columns.iter().any(|t| t.counts && t.name == *c);
                if action.columns.iter().any(counts) {
                    return Err(Fault::unsupported("MERGE that changes a serial key"));
                }
            }
            (MergeAction::Insert(insert), false) => {
                action.kind = Kind::Insert;
                self.merge_insert(insert, table, source, &mut action)?;
            }
            (MergeAction::Insert(_), true) => {
                return Err(wrong("syntax error at or near \"INSERT\""));
            }
            (_, false) => return Err(wrong("syntax error in WHEN NOT MATCHED")),
        }
        Ok(action)
    }

    fn merge_insert(
        &mut self,
        insert: &MergeInsertExpr,
        table: &Table,
        source: &Scope<'_>,
        action: &mut Action,
    ) -> Result<(), Fault> {
        let MergeInsertKind::Values(values) = &insert.kind else {
            return Err(wrong("syntax error at or near \"ROW\""));
        };
        let ([row], None) = (values.rows.as_slice(), &insert.insert_predicate) else {
            return Err(wrong("syntax error in INSERT"));
        };
        let mut columns = Vec::new();
        for name in &insert.columns {
            let Some(ident) = name.0.last().and_then(|p| p.as_ident()) else {
                return Err(Fault::unsupported(format!("the column {name}")));
            };
            let column = self.target_column(table, ident)?;
            if columns
                .iter()
                .any(|c: &super::TableColumn| c.name == column.name)
            {
                return Err(Fault::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{}\" specified more than once", column.name),
                )
                .at(name));
            }
            columns.push(column.clone());
        }
        let listed = !columns.is_empty();
        if !listed {
            columns.extend(table.columns.iter().take(row.content.len()).cloned());
        }
        if row.content.len() > columns.len() {
            return Err(wrong("INSERT has more expressions than target columns"));
        }
        if row.content.len() < columns.len() {
            return Err(wrong("INSERT has more target columns than expressions"));
        }
        for (expr, column) in row.content.iter().zip(&columns) {
            // What is not said takes its default by itself.
            if is_default(expr) {
                continue;
            }
            if column.generated {
                return Err(only_default(column, "a generated column"));
            }
            if column.identity == "a" {
                return Err(only_default(
                    column,
                    "an identity column defined as GENERATED ALWAYS",
                ));
            }
            let sql = self.expr(expr, source)?;
            let sql = self.assign_column(sql, column).at(expr)?;
            action.columns.push(column.name.clone());
            action.values.push(sql.text);
        }
        let given: Vec<&str> = action.columns.iter().map(String::as_str).collect();
        action.takes = sequence::taken_by(table, &given);
        Ok(())
    }

    fn merge_stages(
        &mut self,
        table: &Table,
        (visible, row): (&str, &str),
        (from, on): (&str, &str),
        actions: Vec<Action>,
    ) -> Result<Plan, Fault> {
        let name = quote(visible);
        let whens: Vec<String> = actions
            .iter()
            .enumerate()
            .map(|(number, action)| {
                let matched = if action.matched { "NOT NULL" } else { "NULL" };
                let more = action.condition.as_ref();
                let more = more.map(|c| format!(" AND {c}")).unwrap_or_default();
                match action.kind {
                    Kind::Nothing => format!("WHEN ({row} IS {matched}{more}) THEN NULL"),
                    _ => format!("WHEN ({row} IS {matched}{more}) THEN {number}"),
                }
            })
            .collect();
        let which = format!("(CASE {} END)", whens.join(" "));
        let mut items = vec![format!("{row} AS \"c0\""), format!("{which} AS \"c1\"")];
        let mut places = Vec::new();
        for (number, action) in actions.iter().enumerate() {
            places.push(items.len());
            for value in &action.values {
                let place = items.len();
                items.push(format!(
                    "(CASE WHEN {which}={number} THEN {value} END) AS \"c{place}\""
                ));
            }
        }
        let width = items.len();
        let found = self.staging.slot();
        let text = format!(
            "SELECT * FROM (SELECT {} FROM {from} LEFT JOIN {} AS {name} ON {on}) WHERE \"c1\" IS NOT NULL",
            items.join(","),
            table.sql
        );
        let mut stages = vec![Stage {
            sql: self.staging.finish(text),
            slot: found,
            keeps: Keeps::Once,
            takes: None,
        }];
        let rows = kept_name(found);
        let mut slots = Vec::new();
        for (number, (action, place)) in actions.into_iter().zip(places).enumerate() {
            let values: Vec<String> = (place..)
                .zip(&action.columns)
                .map(|(at, _)| format!("{rows}.\"c{at}\""))
                .collect();
            let columns: Vec<String> = action.columns.iter().map(|c| quote(c)).collect();
            let here = format!("{rows}.\"c1\"={number}");
            let row = row_number(table)?;
            let sql = match action.kind {
                Kind::Nothing => continue,
                Kind::Delete => format!(
                    "DELETE FROM {} AS {name} WHERE {row} IN (SELECT \"c0\" FROM {rows} WHERE {here})",
                    table.sql
                ),
                Kind::Update => {
                    let sets = columns.iter().zip(&values);
                    let sets: Vec<String> = sets.map(|(c, v)| format!("{c}={v}")).collect();
                    format!(
                        "UPDATE {} AS {name} SET {} FROM {rows} WHERE {name}.{row}={rows}.\"c0\" AND {here}",
                        table.sql,
                        sets.join(",")
                    )
                }
                Kind::Insert if columns.is_empty() => {
                    return Err(Fault::unsupported("MERGE that inserts DEFAULT only"));
                }
                Kind::Insert => format!(
                    "INSERT INTO {}({}) SELECT {} FROM {rows} WHERE {here}",
                    table.sql,
                    columns.join(","),
                    values.join(",")
                ),
            };
            self.staging.used.rows(found, width);
            let slot = self.staging.slot();
            slots.push(slot);
            stages.push(Stage {
                sql: self.staging.finish(sql),
                slot,
                keeps: Keeps::Count,
                takes: action.takes,
            });
        }
        Ok(Plan::Staged(Staged {
            stages,
            last: Last::Count {
                slots,
                tag: "MERGE",
            },
            verb: "MERGE",
            changes: true,
        }))
    }
}
