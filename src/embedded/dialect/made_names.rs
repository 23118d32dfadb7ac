//! The names that indexes, constraints and sequences are given (PostgreSQL's makeObjectName,
//! ChooseRelationName and ChooseConstraintName).

use sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, CreateTable, Expr, Ident, IndexColumn,
    TableConstraint,
};

use crate::embedded::dialect::alter::Change;
use crate::embedded::dialect::check_name::check_column;
use crate::embedded::dialect::definition::Definition;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::output_name::name_of;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::{Fault, quote};

/// The longest name, in bytes (`NAMEDATALEN - 1`).
pub(super) const LONGEST: usize = 63;

/// The first bytes of a name, without part of a character.
pub(super) fn clipped(name: &str, bytes: usize) -> &str {
    let mut ends = (0..=bytes.min(name.len())).rev();
    ends.find_map(|end| name.get(..end)).unwrap_or_default()
}

/// `table_column_label`, with as much of both as there is room for.
pub(in crate::embedded) fn made_name(table: &str, column: Option<&str>, label: &str) -> String {
    let column_bytes = column.map_or(0, str::len);
    let mut taken = label.len().saturating_add(1);
    if column.is_some() {
        taken = taken.saturating_add(1);
    }
    let room = LONGEST.saturating_sub(taken);
    let (mut first, mut second) = (table.len(), column_bytes);
    while first.saturating_add(second) > room {
        if first > second {
            first = first.saturating_sub(1);
        } else {
            second = second.saturating_sub(1);
        }
    }
    let table = clipped(table, first);
    match column {
        Some(column) => format!("{table}_{}_{label}", clipped(column, second)),
        None => format!("{table}_{label}"),
    }
}

/// The columns' names, one after the other, and no more than are needed.
pub(super) fn addition(columns: &[String]) -> String {
    let mut text = String::new();
    for column in columns {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(column);
        if text.len() > LONGEST {
            break;
        }
    }
    text
}

/// What the columns of an index are called.
pub(super) fn index_columns(keys: &[IndexColumn], included: &[Ident]) -> Vec<String> {
    let keys = keys.iter().map(|key| {
        let expr = match &key.column.expr {
            Expr::Collate { expr, .. } => expr,
            expr => expr,
        };
        name_of(expr).unwrap_or_else(|| "expr".into())
    });
    let mut names: Vec<String> = Vec::new();
    for base in keys.chain(included.iter().map(fold)) {
        let mut name = base.clone();
        let mut number = 0_u32;
        while names.contains(&name) {
            number = number.saturating_add(1);
            name = format!("{base}{number}");
        }
        names.push(name);
    }
    names
}

impl Translator<'_> {
    /// A name that nothing has, nor any of `others`.
    pub(super) fn free_name(
        &self,
        (table, column): (&str, Option<&str>),
        label: &str,
        others: &[String],
    ) -> Result<String, Fault> {
        let mut name = made_name(table, column, label);
        let mut number = 0_u32;
        while others.contains(&name) || self.is_taken(&name, label)? {
            number = number.saturating_add(1);
            name = made_name(table, column, &format!("{label}{number}"));
        }
        Ok(name)
    }

    pub(super) fn is_taken(&self, name: &str, label: &str) -> Result<bool, Fault> {
        // Keys are both: constraints, and relations.
        let relation = !matches!(label, "check" | "fkey");
        if relation
            && (self.schema.table(Some("public"), name)?.is_some()
                || self.schema.table(Some("temp"), name)?.is_some()
                || self.schema.index_exists(name)?
                || self.schema.has_sequence(name)?
                || self.schema.serial_of(name)?.is_some()
                || self.keyed_by(name)?.is_some())
        {
            return Ok(true);
        }
        if matches!(label, "idx" | "seq") {
            return Ok(false);
        }
        for table in self.schema.tables_with(&quote(name))? {
            let Some(table) = self.schema.table(Some("public"), &table)? else {
                continue;
            };
            let definition = Definition::new(&table.definition)?;
            if definition.constraint_names().contains(&name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A column that a table is to have, with a name for each constraint.
    pub(super) fn with_names_in(
        &self,
        change: &Change,
        definition: &ColumnDef,
    ) -> Result<ColumnDef, Fault> {
        let mut definition = definition.clone();
        let own = fold(&definition.name);
        let mut others: Vec<String> = change.made.clone();
        let taken = change.definition.constraint_names().into_iter();
        others.extend(taken.map(str::to_owned));
        for ColumnOptionDef { name, option } in &mut definition.options {
            let (column, label) = match option {
                ColumnOption::Check(check) => {
                    let all = change.table.columns.iter().map(|c| c.name.as_str());
                    (
                        check_column(all.chain([own.as_str()]), &check.expr),
                        "check",
                    )
                }
                ColumnOption::Unique(_) => (Some(own.as_str()), "key"),
                ColumnOption::ForeignKey(_) => (Some(own.as_str()), "fkey"),
                _ => continue,
            };
            if name.is_none() {
                let made = self.free_name((&change.table.name, column), label, &others)?;
                others.push(made.clone());
                *name = Some(Ident::with_quote('"', made));
            }
        }
        Ok(definition)
    }

    /// The statement with a name for each constraint, and each unique constraint once.
    pub(super) fn with_names(
        &self,
        create: &CreateTable,
        table: &str,
    ) -> Result<CreateTable, Fault> {
        let mut create = create.clone();
        let columns: Vec<String> = create.columns.iter().map(|c| fold(&c.name)).collect();
        without_repeated(&mut create);
        let mut others = given(&create);
        let mut make = |column: Option<&str>, label: &str| {
            let name = self.free_name((table, column), label, &others)?;
            others.push(name.clone());
            Ok::<Ident, Fault>(Ident::with_quote('"', name))
        };
        for column in &mut create.columns {
            let own = fold(&column.name);
            for ColumnOptionDef { name, option } in &mut column.options {
                if name.is_some() {
                    continue;
                }
                *name = match option {
                    ColumnOption::Check(check) => {
                        let column = check_column(columns.iter().map(String::as_str), &check.expr);
                        Some(make(column, "check")?)
                    }
                    ColumnOption::PrimaryKey(_) => Some(make(None, "pkey")?),
                    ColumnOption::Unique(_) => Some(make(Some(&own), "key")?),
                    ColumnOption::ForeignKey(_) => Some(make(Some(&own), "fkey")?),
                    _ => None,
                };
            }
        }
        for constraint in &mut create.constraints {
            match constraint {
                TableConstraint::Check(check) if check.name.is_none() => {
                    let column = check_column(columns.iter().map(String::as_str), &check.expr);
                    check.name = Some(make(column, "check")?);
                }
                TableConstraint::PrimaryKey(key) if key.name.is_none() => {
                    key.name = Some(make(None, "pkey")?);
                }
                TableConstraint::Unique(key) if key.name.is_none() => {
                    let columns = addition(&index_columns(&key.columns, &[]));
                    key.name = Some(make(Some(&columns), "key")?);
                }
                TableConstraint::ForeignKey(key) if key.name.is_none() => {
                    let columns: Vec<String> = key.columns.iter().map(fold).collect();
                    key.name = Some(make(Some(&addition(&columns)), "fkey")?);
                }
                _ => {}
            }
        }
        Ok(create)
    }
}

/// The names that are said.
fn given(create: &CreateTable) -> Vec<String> {
    let options = create.columns.iter().flat_map(|c| &c.options);
    let options = options.filter_map(|o| o.name.as_ref().map(fold));
    let constraints = create.constraints.iter().filter_map(|c| match c {
        TableConstraint::Check(check) => check.name.as_ref(),
        TableConstraint::ForeignKey(key) => key.name.as_ref(),
        TableConstraint::PrimaryKey(key) => key.name.as_ref(),
        TableConstraint::Unique(key) => key.name.as_ref(),
        _ => None,
    });
    options.chain(constraints.map(fold)).collect()
}

/// Leaves out unique constraints of the columns of an earlier key. The name that one of them was given
/// stands.
fn without_repeated(create: &mut CreateTable) {
    let mut seen: Vec<Vec<String>> = Vec::new();
    for column in &mut create.columns {
        let own = vec![fold(&column.name)];
        column.options.retain(|o| {
            let key = matches!(o.option, ColumnOption::PrimaryKey(_));
            if key || matches!(o.option, ColumnOption::Unique(_)) {
                let again = seen.contains(&own) && !key && o.name.is_none();
                seen.push(own.clone());
                return !again;
            }
            true
        });
    }
    for constraint in &create.constraints {
        if let TableConstraint::PrimaryKey(key) = constraint {
            seen.push(index_columns(&key.columns, &[]));
        }
    }
    create.constraints.retain(|constraint| match constraint {
        TableConstraint::Unique(unique) => {
            let columns = index_columns(&unique.columns, &[]);
            let again = seen.contains(&columns) && unique.name.is_none();
            seen.push(columns);
            !again
        }
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_long_as_there_is_room() {
        let table = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
        for (column, label, name) in [
            (
                Some("ggggggggggggggg"),
                "seq",
                "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeee_ggggggggggggggg_seq",
            ),
            (
                Some("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"),
                "key",
                "aaaaaaaaaabbbbbbbbbbccccccccc_hhhhhhhhhhhhhhhhhhhhhhhhhhhhh_key",
            ),
            (
                None,
                "pkey",
                "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffff_pkey",
            ),
            (
                Some("a_b_c"),
                "idx1",
                "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeff_a_b_c_idx1",
            ),
        ] {
            assert_eq!(made_name(table, column, label), name);
        }
        assert_eq!(
            made_name(&"ä".repeat(30), Some("x"), "key"),
            format!("{}_x_key", "ä".repeat(28))
        );
    }
}
