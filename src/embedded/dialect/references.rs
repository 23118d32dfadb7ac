//! REFERENCES: foreign keys to keys that are there.

use sqlparser::ast::{
    ColumnOption, ConstraintCharacteristics, ConstraintReferenceMatchKind, CreateTable,
    DeferrableInitial, ForeignKeyConstraint, ObjectName, TableConstraint,
};

use crate::embedded::dialect::ddl::list;
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::{Fault, quote};
use crate::error_response::SqlState;

impl Translator<'_> {
    /// REFERENCES, to a key that is there.
    pub(super) fn references(
        &self,
        key: &ForeignKeyConstraint,
        own: &str,
        width: usize,
    ) -> Result<String, Fault> {
        let table = own_name(&key.foreign_table)?;
        let names: Vec<String> = key.referred_columns.iter().map(fold).collect();
        // Its own table may be yet to come.
        if table != own {
            self.check_referred(&key.foreign_table, &names, width)?;
        }
        let mut text = format!(" REFERENCES {}", quote(&table));
        if !names.is_empty() {
            text.push_str(&format!("({})", list(&names)));
        }
        match &key.match_kind {
            // With one column it asks for the same as SIMPLE, and SQLite knows no other.
            Some(ConstraintReferenceMatchKind::Full) if width == 1 => text.push_str(" MATCH FULL"),
            Some(ConstraintReferenceMatchKind::Simple) | None => {}
            Some(ConstraintReferenceMatchKind::Full) => {
                return Err(
                    Fault::unsupported("MATCH FULL of several columns").at(&key.foreign_table)
                );
            }
            Some(ConstraintReferenceMatchKind::Partial) => {
                return Err(Fault::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "MATCH PARTIAL not yet implemented",
                ));
            }
        }
        if let Some(action) = &key.on_delete {
            text.push_str(&format!(" ON DELETE {action}"));
        }
        if let Some(action) = &key.on_update {
            text.push_str(&format!(" ON UPDATE {action}"));
        }
        text.push_str(deferrable(key.characteristics.as_ref(), true)?);
        Ok(text)
    }

    pub(super) fn check_referred(
        &self,
        name: &ObjectName,
        columns: &[String],
        width: usize,
    ) -> Result<(), Fault> {
        let table = self.table(name)?;
        let keys: Vec<&str> = table
            .columns
            .iter()
            .filter(|c| c.key)
            .map(|c| c.name.as_str())
            .collect();
        let invalid = |message: String| Fault::new(SqlState::INVALID_FOREIGN_KEY, message).at(name);
        let disagree = || {
            invalid("number of referencing and referenced columns for foreign key disagree".into())
        };
        if columns.is_empty() {
            if keys.is_empty() {
                return Err(Fault::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!(
                        "there is no primary key for referenced table \"{}\"",
                        table.name
                    ),
                )
                .at(name));
            }
            if keys.len() != width {
                return Err(disagree());
            }
            return Ok(());
        }
        for column in columns {
            if !table.columns.iter().any(|c| c.name == *column) {
                return Err(Fault::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!(
                        "column \"{column}\" referenced in foreign key constraint does not exist"
                    ),
                )
                .at(name));
            }
        }
        if columns.len() != width {
            return Err(disagree());
        }
        let same = |others: &[&str]| {
            others.len() == columns.len() && columns.iter().all(|c| others.contains(&c.as_str()))
        };
        let unique = self.schema.indexes(&table)?.iter().any(|i| {
            let names: Option<Vec<&str>> = i.columns.iter().map(Option::as_deref).collect();
            i.unique && names.is_some_and(|n| same(&n))
        });
        if same(&keys) || unique {
            return Ok(());
        }
        Err(invalid(format!(
            "there is no unique constraint matching given keys for referenced table \"{}\"",
            table.name
        )))
    }
}

/// The foreign key of these columns, as the table's definition has it.
pub(in crate::embedded) fn foreign_key<'c>(
    create: &'c CreateTable,
    columns: &[String],
) -> Option<&'c ForeignKeyConstraint> {
    let of_column = create
        .columns
        .iter()
        .filter(|c| *columns == [c.name.value.clone()])
        .flat_map(|c| &c.options)
        .find_map(|o| match &o.option {
            ColumnOption::ForeignKey(key) => Some(key),
            _ => None,
        });
    of_column.or_else(|| {
        create.constraints.iter().find_map(|c| match c {
            TableConstraint::ForeignKey(key)
                if key.columns.iter().map(|c| &c.value).eq(columns) =>
            {
                Some(key)
            }
            _ => None,
        })
    })
}

/// Whether it may wait for the end of the transaction, and whether it does unless told otherwise.
pub(in crate::embedded) fn waits(key: &ForeignKeyConstraint) -> (bool, bool) {
    key.characteristics.as_ref().map_or((false, false), |c| {
        let deferred = c.initially == Some(DeferrableInitial::Deferred);
        (deferred || c.deferrable == Some(true), deferred)
    })
}

/// Only foreign keys can wait for the end of the transaction in SQLite.
pub(super) fn deferrable(
    characteristics: Option<&ConstraintCharacteristics>,
    foreign: bool,
) -> Result<&'static str, Fault> {
    match characteristics {
        Some(c)
            if c.deferrable == Some(true) || c.initially == Some(DeferrableInitial::Deferred) =>
        {
            if !foreign {
                return Err(Fault::unsupported("DEFERRABLE of a unique constraint"));
            }
            Ok(if c.initially == Some(DeferrableInitial::Deferred) {
                " DEFERRABLE INITIALLY DEFERRED"
            } else {
                " DEFERRABLE INITIALLY IMMEDIATE"
            })
        }
        _ => Ok(""),
    }
}
