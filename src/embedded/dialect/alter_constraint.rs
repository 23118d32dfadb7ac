//! ALTER TABLE: constraints.

use std::rc::Rc;

use sqlparser::ast::{ForeignKeyConstraint, Ident, IndexColumn, TableConstraint};

use crate::embedded::dialect::alter::{Change, depends};
use crate::embedded::dialect::check_name::check_column;
use crate::embedded::dialect::ddl::{already, column_name, list, no_include, plain_unique};
use crate::embedded::dialect::definition::{PRIMARY_MARK, Removed, UNIQUE_MARK};
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::made_names::addition;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::{Fault, literal, quote};
use crate::error_response::{ErrorResponse, SqlState};

impl Translator<'_> {
    pub(super) fn add_constraint(
        &mut self,
        change: &mut Change,
        constraint: &TableConstraint,
        verify: bool,
    ) -> Result<(), Fault> {
        let table = Rc::clone(&change.table);
        let given = match constraint {
            TableConstraint::Check(c) => &c.name,
            TableConstraint::ForeignKey(c) => &c.name,
            TableConstraint::PrimaryKey(c) => &c.name,
            TableConstraint::Unique(c) => &c.name,
            other => return Err(Fault::unsupported(format!("the constraint {other}"))),
        };
        if let Some(name) = given.as_ref().map(fold) {
            let taken = change
                .definition
                .constraint_names()
                .contains(&name.as_str())
                || self
                    .schema
                    .indexes(&table)?
                    .iter()
                    .any(|i| i.constraint && i.name == name);
            let index = matches!(
                constraint,
                TableConstraint::Unique(_) | TableConstraint::PrimaryKey(_)
            );
            if taken && index && self.schema.index_exists(&name)? {
                return Err(already(&name));
            }
            if taken {
                return Err(Fault::new(
                    SqlState::DUPLICATE_OBJECT,
                    format!(
                        "constraint \"{name}\" for relation \"{}\" already exists",
                        table.name
                    ),
                ));
            }
        }
        match constraint {
            TableConstraint::Unique(unique) => {
                plain_unique(unique)?;
                let columns = key_columns(change, &unique.columns)?;
                let name = match unique.name.as_ref() {
                    Some(name) => fold(name),
                    None => self.new_name(change, Some(&columns), "key")?,
                };
                let on = (table.database, table.name.as_str());
                change.sql(unique_index(on, &name, &columns, UNIQUE_MARK));
                change.made.push(name);
            }
            TableConstraint::PrimaryKey(key) => {
                no_include(&key.include)?;
                if table.columns.iter().any(|c| c.key) {
                    return Err(Fault::new(
                        SqlState::INVALID_TABLE_DEFINITION,
                        format!(
                            "multiple primary keys for table \"{}\" are not allowed",
                            table.name
                        ),
                    ));
                }
                let columns = key_columns(change, &key.columns)?;
                let name = match key.name.as_ref() {
                    Some(name) => fold(name),
                    None => self.new_name(change, None, "pkey")?,
                };
                for column in &columns {
                    change.refuse(
                        holds_null(&table.sql, column),
                        contains_null(column, &table.name),
                    );
                    change.definition.set_not_null(column, true)?;
                }
                change.define();
                let on = (table.database, table.name.as_str());
                change.sql(unique_index(on, &name, &columns, PRIMARY_MARK));
            }
            TableConstraint::Check(check) => {
                let scope = change.scope()?;
                let condition = self.condition(&check.expr, &scope, "CHECK")?;
                let columns = table.columns.iter().map(|c| c.name.as_str());
                let name = match check.name.as_ref() {
                    Some(name) => fold(name),
                    None => {
                        let column = check_column(columns, &check.expr).map(str::to_owned);
                        self.new_name(change, column.as_ref().map(std::slice::from_ref), "check")?
                    }
                };
                if verify {
                    check_rows(change, &condition, &name);
                }
                change.definition.add_constraint(&format!(
                    "CONSTRAINT {} CHECK ({})",
                    quote(&name),
                    condition.text
                ))?;
                change.define();
            }
            TableConstraint::ForeignKey(key) => {
                let columns: Vec<String> = key
                    .columns
                    .iter()
                    .map(|c| change.named(c))
                    .collect::<Result<_, _>>()?;
                let name = match key.name.as_ref() {
                    Some(name) => fold(name),
                    None => self.new_name(change, Some(&columns), "fkey")?,
                };
                if verify {
                    self.check_keys(change, &columns, key, &name)?;
                }
                let references = self.references(key, &table.name, columns.len())?;
                change.definition.add_constraint(&format!(
                    "CONSTRAINT {} FOREIGN KEY ({}){references}",
                    quote(&name),
                    list(&columns)
                ))?;
                change.define();
            }
            other => return Err(Fault::unsupported(format!("the constraint {other}"))),
        }
        Ok(())
    }

    /// A name for a constraint of the table that is changed.
    pub(super) fn new_name(
        &self,
        change: &Change,
        columns: Option<&[String]>,
        label: &str,
    ) -> Result<String, Fault> {
        let taken = change.definition.constraint_names().into_iter();
        let mut taken: Vec<String> = taken.map(str::to_owned).collect();
        taken.extend(change.made.iter().cloned());
        let columns = columns.map(addition);
        self.free_name((&change.table.name, columns.as_deref()), label, &taken)
    }

    /// That each row's key is there.
    pub(super) fn check_keys(
        &self,
        change: &mut Change,
        columns: &[String],
        key: &ForeignKeyConstraint,
        name: &str,
    ) -> Result<(), Fault> {
        let other = self.table(&key.foreign_table)?;
        let referred: Vec<String> = if key.referred_columns.is_empty() {
            let keys = other.columns.iter().filter(|c| c.key);
            keys.map(|c| c.name.clone()).collect()
        } else {
            key.referred_columns.iter().map(fold).collect()
        };
        let own = |c: &String| format!("t.{}", quote(c));
        let there: Vec<String> = columns
            .iter()
            .map(|c| format!("{} IS NOT NULL", own(c)))
            .collect();
        let same: Vec<String> = columns
            .iter()
            .zip(&referred)
            .map(|(c, r)| format!("{}=o.{}", own(c), quote(r)))
            .collect();
        let values: Vec<String> = columns.iter().map(own).collect();
        let query = format!(
            "SELECT {}||{}||{} FROM {} AS t WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS o WHERE {}) LIMIT 1",
            literal(&format!("Key ({})=(", columns.join(", "))),
            values.join("||', '||"),
            literal(&format!(") is not present in table \"{}\".", other.name)),
            change.table.sql,
            there.join(" AND "),
            other.sql,
            same.join(" AND ")
        );
        let error = ErrorResponse::error(
            SqlState::FOREIGN_KEY_VIOLATION,
            format!(
                "insert or update on table \"{}\" violates foreign key constraint \"{name}\"",
                change.table.name
            ),
        )
        .with_table("public", change.table.name.as_str())
        .with_constraint(name);
        change.refuse(query, error);
        Ok(())
    }

    pub(super) fn drop_constraint(
        &self,
        change: &mut Change,
        name: &str,
        if_exists: bool,
    ) -> Result<(), Fault> {
        let forgotten = self.move_constraint_comments(&change.table.name, Some(name), None)?;
        change.steps.extend(forgotten);
        match change.definition.remove_constraint(name) {
            Removed::Done => {
                change.define();
                return Ok(());
            }
            Removed::Fixed => {
                return Err(Fault::unsupported(format!(
                    "dropping the constraint \"{name}\""
                )));
            }
            Removed::Absent => {}
        }
        let indexes = self.schema.indexes(&change.table)?;
        let Some(index) = indexes.iter().find(|i| i.constraint && i.name == name) else {
            if if_exists {
                change.skip(format!(
                    "constraint \"{name}\" of relation \"{}\" does not exist, skipping",
                    change.table.name
                ));
                return Ok(());
            }
            return Err(no_constraint(name, &change.table.name));
        };
        if let Some(other) = self.schema.referencing(&change.table.name)?.first() {
            let column = index.columns.first().cloned().flatten().unwrap_or_default();
            let fault = depends(
                &format!("constraint {name} on table {}", change.table.name),
                format!("a foreign key of table {other} depends on index {name}"),
            );
            let query = format!(
                "SELECT 1 FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
                 WHERE s.type='table' AND f.\"table\"={} AND coalesce(f.\"to\",{1})={1}",
                literal(&change.table.name),
                literal(&column)
            );
            change.refuse(query, fault.respond(None));
        }
        change.sql(format!("DROP INDEX {}", quote(name)));
        Ok(())
    }
}

fn key_columns(change: &Change, columns: &[IndexColumn]) -> Result<Vec<String>, Fault> {
    columns
        .iter()
        .map(|c| {
            let name = column_name(c)?;
            change.named(&Ident::with_quote('"', name))
        })
        .collect()
}

/// The statement that makes the index of a constraint.
pub(super) fn unique_index(
    (database, table): (&str, &str),
    name: &str,
    columns: &[String],
    mark: &str,
) -> String {
    format!(
        "CREATE UNIQUE INDEX \"{database}\".{} {mark} ON {}({})",
        quote(name),
        quote(table),
        list(columns)
    )
}

pub(super) fn check_rows(change: &mut Change, condition: &Sql, name: &str) {
    let table = &change.table;
    let error = ErrorResponse::error(
        SqlState::CHECK_VIOLATION,
        format!(
            "check constraint \"{name}\" of relation \"{}\" is violated by some row",
            table.name
        ),
    )
    .with_table("public", table.name.as_str())
    .with_constraint(name);
    let query = format!(
        "SELECT 1 FROM {} AS {} WHERE NOT ({}) LIMIT 1",
        table.sql,
        quote(&table.name),
        condition.text
    );
    change.refuse(query, error);
}

pub(super) fn holds_null(table: &str, column: &str) -> String {
    format!(
        "SELECT 1 FROM {table} WHERE {} IS NULL LIMIT 1",
        quote(column)
    )
}

pub(super) fn contains_null(column: &str, table: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::NOT_NULL_VIOLATION,
        format!("column \"{column}\" of relation \"{table}\" contains null values"),
    )
    .with_table("public", table)
    .with_column(column)
}

pub(super) fn no_constraint(name: &str, table: &str) -> Fault {
    Fault::new(
        SqlState::UNDEFINED_OBJECT,
        format!("constraint \"{name}\" of relation \"{table}\" does not exist"),
    )
}
