//! ALTER TABLE and ALTER INDEX.

use std::rc::Rc;

use sqlparser::ast::{
    AlterIndexOperation, AlterTable, AlterTableOperation, DropBehavior, Ident, ObjectName,
    RenameTableNameKind,
};

use crate::embedded::dialect::alter_constraint::no_constraint;
use crate::embedded::dialect::ddl::{NewColumn, already, duplicate_column, scope_of};
use crate::embedded::dialect::definition::{Definition, Removed, Step};
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::{Translator, shorten};
use crate::embedded::dialect::from::scope_within;
use crate::embedded::dialect::index_options::IndexOptions;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Place, Scope, fold, object};
use crate::embedded::dialect::{Fault, Table, TableColumn, quote};
use crate::error_response::{ErrorResponse, SqlState};

/// A table while it is changed.
pub(super) struct Change {
    pub(super) table: Rc<Table>,
    pub(super) definition: Definition,
    pub(super) steps: Vec<Step>,
    /// Columns that it adds: constraints may be about them.
    pub(super) added: Vec<NewColumn>,
    /// The indexes that it makes.
    pub(super) made: Vec<String>,
}

impl Change {
    pub(super) fn sql(&mut self, sql: String) {
        self.steps.push(Step::Sql(sql));
    }

    pub(super) fn refuse(&mut self, query: String, error: ErrorResponse) {
        let error = Box::new(error);
        self.steps.push(Step::Refuse { query, error });
    }

    /// Tells that there is nothing to do.
    pub(super) fn skip(&mut self, notice: String) {
        self.steps.push(Step::Notice(notice));
    }

    pub(super) fn define(&mut self) {
        let sql = self.definition.sql();
        self.steps.push(define(&self.table, sql));
    }

    /// The name of a column that is there by now.
    pub(super) fn named(&self, name: &Ident) -> Result<String, Fault> {
        let folded = fold(name);
        if self.added.iter().any(|c| c.name == folded) {
            return Ok(folded);
        }
        self.known(name).map(|c| c.name)
    }

    /// What names of columns mean in a constraint.
    pub(super) fn scope(&self) -> Result<Scope<'static>, Fault> {
        let mut scope = scope_within(&self.table, &self.table.name)?;
        let added = scope_of(&self.table.name, &self.added).relations;
        if let Some(own) = scope.relations.first_mut() {
            own.columns
                .extend(added.into_iter().flat_map(|r| r.columns));
        }
        Ok(scope)
    }

    pub(super) fn known(&self, name: &Ident) -> Result<TableColumn, Fault> {
        let folded = fold(name);
        let found = self.table.columns.iter().find(|c| c.name == folded);
        found.cloned().ok_or_else(|| {
            if self.definition.has_column(&folded) {
                return Fault::unsupported("ALTER TABLE of a column that it adds");
            }
            let table = &self.table.name;
            Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{folded}\" of relation \"{table}\" does not exist"),
            )
        })
    }
}

/// A new text for a table.
pub(super) fn define(table: &Table, sql: String) -> Step {
    Step::Define {
        database: table.database.to_owned(),
        name: table.name.clone(),
        new_name: table.name.clone(),
        sql,
    }
}

impl Translator<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) -> Result<Plan, Fault> {
        let (namespace, bare) = object(&alter.name)?;
        if alter.if_exists && self.schema.table(namespace.as_deref(), &bare)?.is_none() {
            return Ok(Plan::skipped(
                "ALTER TABLE",
                format!("relation \"{bare}\" does not exist, skipping"),
            ));
        }
        if let Some(plan) = self.alter_as_sequence(alter, &bare)? {
            return Ok(plan);
        }
        let table = self.table(&alter.name)?;
        if table.system {
            return Err(Fault::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("permission denied: \"{bare}\" is a system catalog"),
            ));
        }
        let fits_views = alter.operations.iter().all(|o| {
            matches!(
                o,
                AlterTableOperation::RenameTable { .. } | AlterTableOperation::OwnerTo { .. }
            )
        });
        if table.view && !fits_views {
            return Err(Fault::unsupported("ALTER TABLE of a view").at(&alter.name));
        }
        // The steps of the others have the old names in them.
        let renames = |o: &AlterTableOperation| {
            matches!(
                o,
                AlterTableOperation::RenameTable { .. }
                    | AlterTableOperation::RenameColumn { .. }
                    | AlterTableOperation::RenameConstraint { .. }
            )
        };
        if alter.operations.len() > 1 && alter.operations.iter().any(renames) {
            return Err(Fault::unsupported("RENAME beside other actions").at(&alter.name));
        }
        let mut change = Change {
            definition: Definition::new(if table.view {
                "CREATE TABLE x(a)"
            } else {
                &table.definition
            })?,
            table,
            steps: Vec::new(),
            added: Vec::new(),
            made: Vec::new(),
        };
        for operation in &alter.operations {
            self.operation(&mut change, operation)
                .map_err(|fault| fault.at(&alter.name))?;
        }
        Ok(Plan::Schema {
            steps: change.steps,
            tag: "ALTER TABLE".into(),
        })
    }

    fn operation(
        &mut self,
        change: &mut Change,
        operation: &AlterTableOperation,
    ) -> Result<(), Fault> {
        use AlterTableOperation as A;
        let target = change.table.sql.clone();
        let bare = change.table.name.clone();
        match operation {
            A::RenameTable {
                table_name: RenameTableNameKind::To(name) | RenameTableNameKind::As(name),
            } => {
                let new = own_name(name)?;
                if self.schema.table(None, &new)?.is_some() {
                    return Err(already(&new));
                }
                // SQLite renames no views.
                if change.table.view {
                    return Err(Fault::unsupported("renaming a view"));
                }
                let views = self.renamed_views(&change.table, None, &new)?;
                change.sql(format!("ALTER TABLE {target} RENAME TO {}", quote(&new)));
                change.steps.extend(views);
                change
                    .steps
                    .extend(self.move_comments(&bare, None, Some(&new))?);
                let constraints = self.move_constraint_comments(&bare, None, Some(&new))?;
                change.steps.extend(constraints);
                change.steps.extend(self.move_owned(&bare, None, &new)?);
            }
            A::RenameColumn {
                old_column_name,
                new_column_name,
            } => {
                let new = fold(new_column_name);
                if change.table.columns.iter().any(|c| c.name == new) {
                    return Err(duplicate_column(&new, &bare));
                }
                let old = change.known(old_column_name)?.name;
                let views = self.renamed_views(&change.table, Some(&old), &new)?;
                change.sql(format!(
                    "ALTER TABLE {target} RENAME COLUMN {} TO {}",
                    quote(&old),
                    quote(&new)
                ));
                change.steps.extend(views);
                for index in self.schema.indexes(&change.table)? {
                    let options = IndexOptions::kept(index.sql.as_deref().unwrap_or_default());
                    if let Some((was, is)) = options.renamed(&old, &new) {
                        change.steps.push(Step::ViewText {
                            database: change.table.database,
                            name: index.name,
                            old: was,
                            new: is,
                        });
                    }
                }
                change
                    .steps
                    .extend(self.move_comments(&bare, Some(&old), Some(&new))?);
                change
                    .steps
                    .extend(self.move_owned(&bare, Some(&old), &new)?);
            }
            A::DropColumn {
                column_names,
                if_exists,
                drop_behavior,
                ..
            } => {
                let cascade = *drop_behavior == Some(DropBehavior::Cascade);
                for name in column_names {
                    match change.known(name) {
                        Ok(column) => self.drop_column(change, &column, cascade)?,
                        Err(_) if *if_exists => change.skip(format!(
                            "column \"{}\" of relation \"{bare}\" does not exist, skipping",
                            fold(name)
                        )),
                        Err(fault) => return Err(fault),
                    }
                }
            }
            A::AddColumn {
                if_not_exists,
                column_def,
                ..
            } => {
                let name = fold(&column_def.name);
                if change.definition.has_column(&name) {
                    if *if_not_exists {
                        change.skip(format!(
                            "column \"{name}\" of relation \"{bare}\" already exists, skipping"
                        ));
                        return Ok(());
                    }
                    return Err(duplicate_column(&name, &bare));
                }
                self.add_column(change, column_def)?;
            }
            A::AddConstraint {
                constraint,
                not_valid,
            } => self.add_constraint(change, constraint, !not_valid)?,
            A::DropConstraint {
                if_exists, name, ..
            } => self.drop_constraint(change, &fold(name), *if_exists)?,
            A::RenameConstraint { old_name, new_name } => {
                let (old, new) = (fold(old_name), fold(new_name));
                if change.definition.rename_constraint(&old, &new) {
                    change.define();
                } else {
                    let indexes = self.schema.indexes(&change.table)?;
                    if !indexes.iter().any(|i| i.name == old && i.constraint) {
                        return Err(no_constraint(&old, &bare));
                    }
                    change.steps.extend(self.renamed_index(&old, &new)?);
                }
                let moved = self.move_constraint_comments(&bare, Some(&old), Some(&new))?;
                change.steps.extend(moved);
            }
            A::AlterColumn { column_name, op } => {
                let column = change.known(column_name)?;
                self.alter_column(change, &column, op)?;
            }
            // There is one owner; all constraints are valid, and nothing replicates.
            A::OwnerTo { .. } | A::ValidateConstraint { .. } | A::ReplicaIdentity { .. } => {}
            other => {
                return Err(Fault::unsupported(format!(
                    "ALTER TABLE … {}",
                    shorten(&other.to_string())
                )));
            }
        }
        Ok(())
    }

    pub(super) fn alter_index(
        &self,
        name: &ObjectName,
        operation: &AlterIndexOperation,
    ) -> Result<Plan, Fault> {
        let AlterIndexOperation::RenameIndex { index_name } = operation;
        let (old, new) = (own_name(name)?, own_name(index_name)?);
        let steps = match self.keyed_by(&old)? {
            Some(table) => self.renamed_key(&table, &old, &new),
            None => self.renamed_index(&old, &new),
        };
        Ok(Plan::Schema {
            steps: steps.at(name)?,
            tag: "ALTER INDEX".into(),
        })
    }

    /// The table whose primary key is part of its definition and has this name.
    pub(super) fn keyed_by(&self, name: &str) -> Result<Option<Rc<Table>>, Fault> {
        for table in self.schema.tables_with(&quote(name))? {
            let Some(table) = self.schema.table(Some("public"), &table)? else {
                continue;
            };
            let mut definition = Definition::new(&table.definition)?;
            if definition.remove_constraint(name) == Removed::Fixed {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }

    /// The index of such a key goes by the name of its constraint.
    fn renamed_key(&self, table: &Table, old: &str, new: &str) -> Result<Vec<Step>, Fault> {
        if self.schema.index_exists(new)? || self.schema.table(None, new)?.is_some() {
            return Err(already(new));
        }
        let mut definition = Definition::new(&table.definition)?;
        definition.rename_constraint(old, new);
        let mut steps = vec![define(table, definition.sql())];
        steps.extend(self.move_comments(old, None, Some(new))?);
        steps.extend(self.move_constraint_comments(&table.name, Some(old), Some(new))?);
        Ok(steps)
    }

    fn renamed_index(&self, old: &str, new: &str) -> Result<Vec<Step>, Fault> {
        let Some((database, sql)) = self.schema.index_text(old)? else {
            return Err(Fault::new(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{old}\" does not exist"),
            ));
        };
        if self.schema.index_exists(new)? || self.schema.table(None, new)?.is_some() {
            return Err(already(new));
        }
        let quoted = quote(old);
        let (before, after) = sql
            .split_once(&quoted)
            .ok_or_else(|| Fault::unsupported(format!("renaming the index \"{old}\"")))?;
        let mut steps = vec![Step::Define {
            database,
            name: old.to_owned(),
            new_name: new.to_owned(),
            sql: format!("{before}{}{after}", quote(new)),
        }];
        steps.extend(self.move_comments(old, None, Some(new))?);
        Ok(steps)
    }
}

/// 2BP01.
pub(super) fn depends(what: &str, detail: String) -> Fault {
    Fault::new(
        SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
        format!("cannot drop {what} because other objects depend on it"),
    )
    .with_detail(detail)
    .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}
