//! DROP and TRUNCATE: what depends on what.

use sqlparser::ast::{
    ObjectName, ObjectType, Truncate, TruncateIdentityOption, TruncateTableTarget,
};

use crate::embedded::dialect::alter::{define, depends};
use crate::embedded::dialect::definition::{Definition, Step, stands_for_constraint};
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::object;
use crate::embedded::dialect::{Fault, Table, literal, quote};
use crate::error_response::SqlState;

impl Translator<'_> {
    pub(super) fn drop(
        &self,
        object_type: &ObjectType,
        if_exists: bool,
        names: &[ObjectName],
        cascade: bool,
    ) -> Result<Plan, Fault> {
        if *object_type == ObjectType::Schema {
            return self.drop_schema(names, if_exists, cascade);
        }
        if *object_type == ObjectType::Type {
            return self.drop_type(names, if_exists, cascade);
        }
        let word = match object_type {
            ObjectType::Table => "TABLE",
            ObjectType::View => "VIEW",
            ObjectType::Index => "INDEX",
            ObjectType::Sequence => "SEQUENCE",
            other => return Err(Fault::unsupported(format!("DROP {other}"))),
        };
        let lower = word.to_lowercase();
        let mut all = Vec::new();
        for name in names {
            all.push(object(name)?.1);
        }
        let mut steps = Vec::new();
        let mut notices = Vec::new();
        for name in names {
            let (namespace, bare) = object(name)?;
            let there = match object_type {
                ObjectType::Index => self.drop_index(&bare, &mut steps)?,
                ObjectType::Sequence => {
                    let dropped = self.drop_sequence(&bare, cascade)?;
                    let there = dropped.is_some();
                    steps.extend(dropped.into_iter().flatten());
                    there
                }
                _ => match self.schema.table(namespace.as_deref(), &bare)? {
                    Some(table) if table.system => {
                        return Err(Fault::new(
                            SqlState::INSUFFICIENT_PRIVILEGE,
                            format!("permission denied: \"{bare}\" is a system catalog"),
                        ));
                    }
                    Some(table) if table.view != (*object_type == ObjectType::View) => {
                        return Err(Fault::new(
                            SqlState::WRONG_OBJECT_TYPE,
                            format!("\"{bare}\" is not a {lower}"),
                        ));
                    }
                    Some(table) => {
                        self.drop_relation(&table, &all, cascade, &mut steps)?;
                        true
                    }
                    None => false,
                },
            };
            if there {
                steps.extend(self.move_comments(&bare, None, None)?);
                steps.extend(self.move_constraint_comments(&bare, None, None)?);
            } else if if_exists {
                notices.push(format!("{lower} \"{bare}\" does not exist, skipping"));
            } else {
                let code = match object_type {
                    ObjectType::Index => SqlState::UNDEFINED_OBJECT,
                    _ => SqlState::UNDEFINED_TABLE,
                };
                return Err(Fault::new(
                    code,
                    format!("{lower} \"{bare}\" does not exist"),
                ));
            }
        }
        let tag = format!("DROP {word}");
        if steps.is_empty() {
            return Ok(Plan::Nothing { tag, notices });
        }
        steps.extend(notices.into_iter().map(Step::Notice));
        Ok(Plan::Schema { steps, tag })
    }

    fn drop_index(&self, name: &str, steps: &mut Vec<Step>) -> Result<bool, Fault> {
        let Some((_, sql)) = self.schema.index_text(name)? else {
            return Ok(false);
        };
        if stands_for_constraint(&sql) {
            return Err(Fault::new(
                SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                format!("cannot drop index {name} because a constraint requires it"),
            )
            .with_hint("Drop the constraint instead."));
        }
        steps.push(Step::Sql(format!("DROP INDEX {}", quote(name))));
        Ok(true)
    }

    /// SQLite empties a table before it drops it, as DELETE does: so nobody may point at it.
    pub(super) fn drop_relation(
        &self,
        table: &Table,
        all: &[String],
        cascade: bool,
        steps: &mut Vec<Step>,
    ) -> Result<(), Fault> {
        let what = if table.view { "view" } else { "table" };
        for view in self.views_of(table, None)? {
            if all.contains(&view) {
                continue;
            }
            if !cascade {
                return Err(depends(
                    &format!("{what} {}", table.name),
                    format!("view {view} depends on {what} {}", table.name),
                ));
            }
            let Some(found) = self.schema.table(Some("public"), &view)? else {
                continue;
            };
            if !drops(steps, &found) {
                self.drop_relation(&found, all, cascade, steps)?;
            }
        }
        if !table.view && table.database == "main" {
            for other in self.schema.referencing(&table.name)? {
                if other == table.name {
                    continue;
                }
                let Some(found) = self.schema.table(Some("public"), &other)? else {
                    continue;
                };
                let mut definition = Definition::new(&found.definition)?;
                // Earlier steps may have taken out others.
                for step in steps.iter() {
                    if let Step::Define { name, sql, .. } = step
                        && *name == other
                    {
                        definition = Definition::new(sql)?;
                    }
                }
                let gone = definition.remove_references(&table.name);
                if !all.contains(&other) && !cascade {
                    let name = gone.first().cloned().unwrap_or_default();
                    return Err(depends(
                        &format!("table {}", table.name),
                        format!(
                            "constraint {name} on table {other} depends on table {}",
                            table.name
                        ),
                    ));
                }
                if !drops(steps, &found) {
                    steps.push(define(&found, definition.sql()));
                }
            }
        }
        steps.push(Step::Sql(drop_sql(table)));
        if table.database == "main" {
            steps.extend(self.drop_owned(&table.name, None)?.into_iter().flatten());
        }
        Ok(())
    }

    /// The views that read a table, or a column of it.
    pub(super) fn views_of(
        &self,
        table: &Table,
        column: Option<&str>,
    ) -> Result<Vec<String>, Fault> {
        let column = column.map(quote);
        let uses = |(_, sql): &(String, String)| {
            sql.contains(&format!("{} AS ", table.sql))
                && column.as_ref().is_none_or(|c| sql.contains(c))
        };
        let views = self.schema.views()?;
        Ok(views
            .into_iter()
            .filter(uses)
            .map(|(name, _)| name)
            .collect())
    }

    pub(super) fn truncate(&self, truncate: &Truncate) -> Result<Plan, Fault> {
        let mut tables = Vec::new();
        for TruncateTableTarget { name, .. } in &truncate.table_names {
            let table = self.table(name)?;
            if table.view || table.system {
                return Err(Fault::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{}\" is not a table", table.name),
                ));
            }
            tables.push(table);
        }
        let cascade = matches!(
            truncate.cascade,
            Some(sqlparser::ast::CascadeOption::Cascade)
        );
        let mut at = 0;
        while let Some(table) = tables.get(at).cloned() {
            at = at.saturating_add(1);
            for other in self.schema.referencing(&table.name)? {
                if tables.iter().any(|t| t.name == other) {
                    continue;
                }
                if !cascade {
                    return Err(Fault::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "cannot truncate a table referenced in a foreign key constraint",
                    )
                    .with_detail(format!("Table \"{other}\" references \"{}\".", table.name))
                    .with_hint(
                        "Truncate the referencing tables at the same time, or use TRUNCATE ... CASCADE.",
                    ));
                }
                tables.extend(self.schema.table(Some("public"), &other)?);
            }
        }
        let mut steps = Vec::new();
        // Not until the end does it matter which is empty first.
        if tables.len() > 1 {
            steps.push(Step::Sql("PRAGMA defer_foreign_keys=ON".into()));
        }
        for table in &tables {
            steps.push(Step::Sql(format!("DELETE FROM {}", table.sql)));
            if truncate.identity == Some(TruncateIdentityOption::Restart) {
                steps.extend(self.restart_owned(&table.name)?);
            }
            let counts = table.columns.iter().any(|c| c.counts);
            if counts && truncate.identity == Some(TruncateIdentityOption::Restart) {
                steps.push(Step::Sql(format!(
                    "DELETE FROM \"{}\".sqlite_sequence WHERE name={}",
                    table.database,
                    literal(&table.name)
                )));
            }
        }
        if tables.len() > 1 {
            steps.push(Step::Sql("PRAGMA defer_foreign_keys=OFF".into()));
        }
        Ok(Plan::Schema {
            steps,
            tag: "TRUNCATE TABLE".into(),
        })
    }
}

fn drop_sql(table: &Table) -> String {
    let word = if table.view { "VIEW" } else { "TABLE" };
    format!("DROP {word} {}", table.sql)
}

/// Whether one of the steps drops it.
pub(super) fn drops(steps: &[Step], table: &Table) -> bool {
    let wanted = drop_sql(table);
    let mut all = steps.iter();
    all.any(|step| matches!(step, Step::Sql(sql) if *sql == wanted))
}
