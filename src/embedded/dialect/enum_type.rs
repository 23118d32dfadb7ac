//! CREATE, ALTER and DROP TYPE, for enums.

use sqlparser::ast::{
    AlterType, AlterTypeAddValuePosition, AlterTypeOperation, Ident, ObjectName,
    UserDefinedTypeRepresentation,
};

use crate::embedded::dialect::alter::depends;
use crate::embedded::dialect::alter_sequence::told;
use crate::embedded::dialect::definition::Step;
use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::{Fault, identifier, literal, types};
use crate::embedded::enums::{self, Enum, FIRST_OID, GAP, LABELS, TYPES};
use crate::error_response::SqlState;

/// PostgreSQL's NAMEDATALEN, without the zero byte.
const MAX_LABEL: usize = 63;

fn absent(name: &str) -> Fault {
    Fault::new(
        SqlState::UNDEFINED_OBJECT,
        format!("type \"{name}\" does not exist"),
    )
}

fn taken(name: &str) -> Fault {
    Fault::new(
        SqlState::DUPLICATE_OBJECT,
        format!("type \"{name}\" already exists"),
    )
}

fn fits(label: &str) -> Result<(), Fault> {
    if label.len() <= MAX_LABEL {
        return Ok(());
    }
    Err(Fault::new(
        SqlState::new("42602").unwrap_or(SqlState::SYNTAX_ERROR),
        format!("invalid enum label \"{label}\""),
    )
    .with_detail(format!("Labels must be {MAX_LABEL} bytes or less.")))
}

/// The type's number, where its row is made by the same steps.
fn number(name: &str) -> String {
    format!(
        "(SELECT oid FROM main.{TYPES} WHERE name={})",
        literal(name)
    )
}

impl Translator<'_> {
    pub(super) fn create_type(
        &self,
        name: &ObjectName,
        representation: Option<&UserDefinedTypeRepresentation>,
    ) -> Result<Plan, Fault> {
        let Some(UserDefinedTypeRepresentation::Enum { labels }) = representation else {
            return Err(Fault::unsupported("CREATE TYPE of anything but an enum").at(name));
        };
        let bare = super::schemas::new_name(name)?;
        if enums::by_name(&bare).is_some() || self.schema.table(Some("public"), &bare)?.is_some() {
            return Err(taken(&bare).at(name));
        }
        let mut values = Vec::new();
        let mut key = GAP;
        for (at, label) in labels.iter().enumerate() {
            fits(&label.value)?;
            if labels.iter().take(at).any(|l| l.value == label.value) {
                return Err(Fault::new(
                    SqlState::UNIQUE_VIOLATION,
                    "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"",
                ));
            }
            values.push(format!(
                "({},{key},{})",
                number(&bare),
                literal(&label.value)
            ));
            key = key.saturating_add(GAP);
        }
        let mut steps = vec![
            Step::Sql(format!(
                "CREATE TABLE IF NOT EXISTS main.{TYPES}(oid INTEGER PRIMARY KEY, name TEXT UNIQUE)"
            )),
            Step::Sql(format!(
                "CREATE TABLE IF NOT EXISTS main.{LABELS}(type INTEGER, key INTEGER, label TEXT, \
                 PRIMARY KEY(type, key)) WITHOUT ROWID"
            )),
            Step::Sql(format!(
                "INSERT INTO main.{TYPES} SELECT coalesce(max(oid)+1,{FIRST_OID}),{} FROM main.{TYPES}",
                literal(&bare)
            )),
        ];
        if !values.is_empty() {
            steps.push(Step::Sql(format!(
                "INSERT INTO main.{LABELS} VALUES {}",
                values.join(",")
            )));
        }
        Ok(changed(steps, "CREATE TYPE"))
    }

    pub(super) fn alter_type(&self, alter: &AlterType) -> Result<Plan, Fault> {
        let bare = own_name(&alter.name)?;
        let known = enums::by_name(&bare).ok_or_else(|| absent(&bare).at(&alter.name))?;
        let oid = known.kind.oid();
        let steps = match &alter.operation {
            AlterTypeOperation::Rename(rename) => {
                let new = fold(&rename.new_name);
                if enums::by_name(&new).is_some()
                    || self.schema.table(Some("public"), &new)?.is_some()
                {
                    return Err(taken(&new));
                }
                let mut steps = vec![Step::Sql(format!(
                    "UPDATE main.{TYPES} SET name={} WHERE oid={oid}",
                    literal(&new)
                ))];
                steps.extend(self.retyped_views(&known, None, &new)?);
                steps
            }
            AlterTypeOperation::AddValue(add) => {
                let label = &add.value.value;
                fits(label)?;
                if has(&known, label) {
                    if add.if_not_exists {
                        return Ok(Plan::skipped(
                            "ALTER TYPE",
                            format!("enum label \"{label}\" already exists, skipping"),
                        ));
                    }
                    return Err(label_taken(label));
                }
                let key = place(&known, add.position.as_ref())?;
                vec![Step::Sql(format!(
                    "INSERT INTO main.{LABELS} VALUES ({oid},{key},{})",
                    literal(label)
                ))]
            }
            AlterTypeOperation::RenameValue(rename) => {
                let (from, to) = (&rename.from.value, &rename.to.value);
                fits(to)?;
                if !has(&known, from) {
                    return Err(no_label(from));
                }
                if has(&known, to) {
                    return Err(label_taken(to));
                }
                if self.column_of(enums::array_of(&known.kind))?.is_some() {
                    return Err(Fault::unsupported(
                        "RENAME VALUE of a type that a column has arrays of",
                    ));
                }
                let mut steps = vec![Step::Sql(format!(
                    "UPDATE main.{LABELS} SET label={} WHERE type={oid} AND label={}",
                    literal(to),
                    literal(from)
                ))];
                steps.extend(self.retyped_views(&known, Some((from, to)), "")?);
                steps
            }
        };
        Ok(changed(steps, "ALTER TYPE"))
    }

    pub(super) fn drop_type(
        &self,
        names: &[ObjectName],
        if_exists: bool,
        cascade: bool,
    ) -> Result<Plan, Fault> {
        let mut steps = Vec::new();
        let mut notices = Vec::new();
        for name in names {
            let bare = own_name(name)?;
            let Some(known) = enums::by_name(&bare) else {
                if if_exists {
                    notices.push(format!("type \"{bare}\" does not exist, skipping"));
                    continue;
                }
                return Err(absent(&bare).at(name));
            };
            // There is nothing but columns and views that would go with it.
            self.unused(&known).map_err(|fault| {
                if cascade {
                    Fault::unsupported("DROP TYPE … CASCADE of a type that is used")
                } else {
                    fault
                }
            })?;
            let oid = known.kind.oid();
            steps.push(Step::Sql(format!(
                "UPDATE main.{TYPES} SET name=NULL WHERE oid={oid}"
            )));
            steps.push(Step::Sql(format!(
                "DELETE FROM main.{LABELS} WHERE type={oid}"
            )));
        }
        if steps.is_empty() {
            return Ok(Plan::Nothing {
                tag: "DROP TYPE".into(),
                notices,
            });
        }
        steps.extend(notices.into_iter().map(Step::Notice));
        Ok(changed(steps, "DROP TYPE"))
    }

    /// A table and a column of the type.
    fn column_of(
        &self,
        kind: Option<postgres_types::Type>,
    ) -> Result<Option<(String, String)>, Fault> {
        let Some(kind) = kind else { return Ok(None) };
        for table in self.schema.tables_with(&format!("({})", kind.oid()))? {
            let Some(table) = self.schema.table(Some("public"), &table)? else {
                continue;
            };
            if let Some(column) = table.columns.iter().find(|c| c.ty.kind == kind) {
                return Ok(Some((table.name.clone(), column.name.clone())));
            }
        }
        Ok(None)
    }

    /// That no column is of the type.
    fn unused(&self, known: &Enum) -> Result<(), Fault> {
        let name = identifier(known.kind.name());
        for kind in [Some(known.kind.clone()), enums::array_of(&known.kind)] {
            if let Some((table, column)) = self.column_of(kind)? {
                return Err(depends(
                    &format!("type {name}"),
                    format!("column {column} of table {table} depends on type {name}"),
                ));
            }
        }
        let oid = known.kind.oid().to_string();
        for (view, sql) in self.schema.views()? {
            if sql.contains(&oid) {
                return Err(depends(
                    &format!("type {name}"),
                    format!("view {view} depends on type {name}"),
                ));
            }
        }
        Ok(())
    }
}

fn changed(mut steps: Vec<Step>, tag: &str) -> Plan {
    steps.extend(told());
    Plan::Schema {
        steps,
        tag: tag.into(),
    }
}

fn has(known: &Enum, label: &str) -> bool {
    known.labels.iter().any(|(_, l)| l == label)
}

fn label_taken(label: &str) -> Fault {
    Fault::new(
        SqlState::DUPLICATE_OBJECT,
        format!("enum label \"{label}\" already exists"),
    )
}

fn no_label(label: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("\"{label}\" is not an existing enum label"),
    )
}

/// A number for a label between two others, or at an end.
fn place(known: &Enum, position: Option<&AlterTypeAddValuePosition>) -> Result<i64, Fault> {
    let at = |label: &Ident| {
        let mut labels = known.labels.iter();
        let found = labels.position(|(_, l)| *l == label.value);
        found.ok_or_else(|| no_label(&label.value))
    };
    let count = known.labels.len();
    // How many are before it.
    let before = match position {
        None => count,
        Some(AlterTypeAddValuePosition::Before(label)) => at(label)?,
        Some(AlterTypeAddValuePosition::After(label)) => at(label)?.saturating_add(1),
    };
    let key = |index: usize| known.labels.get(index).map(|(key, _)| *key);
    let low = before.checked_sub(1).and_then(key);
    let found = match (low, key(before)) {
        (None, None) => Some(GAP),
        (Some(low), None) => low.checked_add(GAP),
        (None, Some(high)) => high.checked_sub(GAP),
        (Some(low), Some(high)) => high
            .checked_sub(low)
            .filter(|room| *room > 1)
            .and_then(|room| low.checked_add(room / 2)),
    };
    found.ok_or_else(|| Fault::unsupported("one more label in this place"))
}

/// A value of an enum as it is written in SQLite: it tells its type where it is shown.
pub(super) fn value(key: i64, ty: &types::Ty) -> String {
    format!("pg_enum({key},{})", ty.kind.oid())
}
