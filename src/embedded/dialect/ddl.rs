//! CREATE TABLE.

use postgres_types::Type;
use sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, CreateTable, Expr, GeneratedAs, Ident, IndexColumn,
    NullsDistinctOption, TableConstraint, UniqueConstraint, Value,
};

use crate::embedded::dialect::alter_constraint::unique_index;
use crate::embedded::dialect::definition::{Step, UNIQUE_MARK};
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::identity::{
    BY_DEFAULT, identity, identity_mark, serial_bounds, serial_kind,
};
use crate::embedded::dialect::made_names::{addition, made_name};
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::references::deferrable;
use crate::embedded::dialect::schemas::new_relation;
use crate::embedded::dialect::scope::{Place, Relation, RelationColumn, Scope, fold, object};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, Output, quote, serial_name, shown};
use crate::embedded::functions::collation;
use crate::error_response::SqlState;

/// A column that is to be.
pub(super) struct NewColumn {
    pub(super) name: String,
    pub(super) ty: Ty,
    pub(super) serial: bool,
}

/// Unique constraints that are to be: name and columns.
#[derive(Default)]
pub(super) struct Uniques(pub(super) Vec<(String, Vec<String>)>);

/// How a view says its columns' types: SQLite keeps a statement's comments.
pub(in crate::embedded) const VIEW_TYPES: &str = "/*pgtls ";

pub(super) fn already(name: &str) -> Fault {
    Fault::new(
        SqlState::DUPLICATE_TABLE,
        format!("relation \"{name}\" already exists"),
    )
}

impl Translator<'_> {
    pub(super) fn create_table(&mut self, create: &CreateTable) -> Result<Plan, Fault> {
        for (there, what) in [
            (create.inherits.is_some(), "INHERITS"),
            (create.partition_by.is_some(), "PARTITION BY"),
            (create.partition_of.is_some(), "PARTITION OF"),
            (create.like.is_some(), "LIKE in CREATE TABLE"),
            (create.clone.is_some(), "CLONE"),
            (create.on_commit.is_some(), "ON COMMIT"),
            (create.or_replace, "CREATE OR REPLACE TABLE"),
        ] {
            if there {
                return Err(Fault::unsupported(what).at(&create.name));
            }
        }
        let name = new_relation(&create.name, create.temporary)?;
        let namespace = if create.temporary { "temp" } else { "main" };
        if self.schema.table(Some(namespace), &name)?.is_some() {
            if create.if_not_exists {
                return Ok(Plan::skipped(
                    "CREATE TABLE",
                    format!("relation \"{name}\" already exists, skipping"),
                ));
            }
            return Err(already(&name));
        }
        let target = format!("\"{namespace}\".{}", quote(&name));
        if let Some(query) = &create.query {
            let names: Vec<Ident> = create.columns.iter().map(|c| c.name.clone()).collect();
            let plan = self.create_table_as(&target, &names, query)?;
            return Ok(match &create.with_data {
                Some(with) if !with.data => empty(plan),
                _ => plan,
            });
        }
        let create = &self.with_names(create, &name)?;
        let mut columns = self.new_columns(&create.columns)?;
        if columns.is_empty() {
            return Err(Fault::unsupported("a table without columns").at(&create.name));
        }
        if create.columns.iter().all(is_computed) {
            let what = "a table whose columns are all generated";
            return Err(Fault::unsupported(what).at(&create.name));
        }
        let scope = scope_of(&name, &columns);
        let key = primary_key(create);
        if key.as_ref().is_some_and(|(_, n)| *n > 1) {
            return Err(Fault::new(
                SqlState::INVALID_TABLE_DEFINITION,
                format!("multiple primary keys for table \"{name}\" are not allowed"),
            )
            .at(&create.name));
        }
        let key: Vec<String> = key.map(|(k, _)| k).unwrap_or_default();
        let mut parts = Vec::new();
        let mut uniques = Uniques::default();
        let mut sequences = Vec::new();
        for (definition, column) in create.columns.iter().zip(&mut columns) {
            let (mark, options) = identity(definition);
            if column.serial && (key != [column.name.clone()] || !options.is_empty()) {
                if create.temporary {
                    return Err(Fault::unsupported(
                        "this serial or identity column of a temporary table",
                    )
                    .at_name(&definition.name));
                }
                column.serial = false;
                let (drawn, steps) = self.own_sequence(&name, column, options, mark)?;
                sequences.extend(steps);
                let text = self.new_column(&name, definition, column, &scope, &mut uniques)?;
                parts.push(format!("{text}{drawn}"));
                continue;
            }
            let mut definition = definition.clone();
            if column.serial && self.is_taken(&serial_name(&name, &column.name), "seq")? {
                let what = "a serial primary key whose sequence would have a name that is taken";
                return Err(Fault::unsupported(what).at_name(&definition.name));
            }
            if column.serial {
                // It is the key, by whichever name.
                definition.options.extend(key_option(create));
            }
            parts.push(self.new_column(&name, &definition, column, &scope, &mut uniques)?);
        }
        for constraint in &create.constraints {
            parts.extend(self.constraint(&name, constraint, &columns, &scope, &mut uniques)?);
        }
        let mut steps = vec![Step::Sql(format!(
            "CREATE TABLE {target}({})",
            parts.join(",")
        ))];
        steps.extend(sequences);
        for (index, columns) in &uniques.0 {
            let on = (namespace, name.as_str());
            steps.push(unique_index(on, index, columns, UNIQUE_MARK).into());
        }
        Ok(Plan::Schema {
            steps,
            tag: "CREATE TABLE".into(),
        })
    }

    pub(super) fn new_columns(&self, definitions: &[ColumnDef]) -> Result<Vec<NewColumn>, Fault> {
        let mut columns: Vec<NewColumn> = Vec::new();
        for definition in definitions {
            let name = fold(&definition.name);
            if columns.iter().any(|c| c.name == name) {
                return Err(Fault::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{name}\" specified more than once"),
                )
                .at_name(&definition.name));
            }
            let written = definition.data_type.to_string().to_lowercase();
            let serial = serial_kind(&written);
            let identity = definition.options.iter().any(|o| {
                matches!(
                    o.option,
                    ColumnOption::Generated {
                        generation_expr: None,
                        ..
                    } | ColumnOption::Identity(_)
                )
            });
            let (ty, serial) = match serial {
                Some(kind) => (kind.into(), true),
                None => (
                    types::named(&definition.data_type.to_string()).at_name(&definition.name)?,
                    identity,
                ),
            };
            columns.push(NewColumn { name, ty, serial });
        }
        Ok(columns)
    }

    pub(super) fn new_column(
        &mut self,
        table: &str,
        definition: &ColumnDef,
        column: &NewColumn,
        scope: &Scope<'_>,
        uniques: &mut Uniques,
    ) -> Result<String, Fault> {
        let name = quote(&column.name);
        if column.serial {
            // SQLite's row number counts; AUTOINCREMENT never gives a number twice, as a sequence.
            let check = serial_bounds(&name, &column.ty.kind);
            let is_key = |o: &&ColumnOptionDef| matches!(o.option, ColumnOption::PrimaryKey(_));
            let given = definition.options.iter().filter(is_key);
            let given = given.filter_map(|o| o.name.as_ref()).next();
            let mut text = format!(
                "{name} INTEGER CONSTRAINT {} PRIMARY KEY AUTOINCREMENT{check}",
                quote(&given.map_or_else(|| made_name(table, None, "pkey"), fold))
            );
            for option in &definition.options {
                match &option.option {
                    ColumnOption::PrimaryKey(_) | ColumnOption::NotNull => {}
                    ColumnOption::Unique(unique) => plain_unique(unique)?,
                    ColumnOption::Generated { .. } => {
                        let mark = identity(definition).0.unwrap_or(BY_DEFAULT);
                        text.push_str(&format!(" {}", identity_mark(mark, &column.name)));
                    }
                    ColumnOption::Check(check) => {
                        let condition = self.condition(&check.expr, scope, "CHECK")?;
                        text.push_str(&format!(" CHECK ({})", condition.text));
                    }
                    other => {
                        return Err(Fault::unsupported(format!("{other} of a serial column"))
                            .at_name(&definition.name));
                    }
                }
            }
            return Ok(text);
        }
        let mut text = format!("{name} {}", declared_as(&column.ty)?);
        for option in &definition.options {
            let named = |default: &str| {
                let name = option
                    .name
                    .as_ref()
                    .map_or_else(|| default.to_owned(), fold);
                format!(" CONSTRAINT {}", quote(&name))
            };
            match &option.option {
                ColumnOption::Null => {}
                // Its sequence is its default: see `own_sequence`.
                ColumnOption::Generated {
                    generation_expr: None,
                    ..
                } => {}
                ColumnOption::NotNull => text.push_str(" NOT NULL"),
                ColumnOption::Default(expr) => {
                    let sql = self.expr(expr, &Scope::default())?;
                    let sql = self.assign(sql, &column.name, &column.ty).at(expr)?;
                    if is_no_default(expr, &column.ty) {
                        continue;
                    }
                    let shown = shown::written(expr, &column.ty, self.schema);
                    let mark = shown.map(|s| shown::mark(&s)).unwrap_or_default();
                    text.push_str(&format!(" {mark}DEFAULT ({})", sql.text));
                }
                ColumnOption::PrimaryKey(key) => {
                    let constraint = named(&made_name(table, None, "pkey"));
                    let defer = deferrable(key.characteristics.as_ref(), false)?;
                    text.push_str(&format!(" NOT NULL{constraint} PRIMARY KEY{defer}"));
                }
                ColumnOption::Unique(unique) => {
                    plain_unique(unique)?;
                    deferrable(unique.characteristics.as_ref(), false)?;
                    let given = option.name.as_ref().or(unique.name.as_ref());
                    self.unique(table, given, vec![column.name.clone()], uniques)?;
                }
                ColumnOption::Check(check) => {
                    let constraint = named(&made_name(table, Some(&column.name), "check"));
                    let condition = self.condition(&check.expr, scope, "CHECK")?;
                    text.push_str(&format!("{constraint} CHECK ({})", condition.text));
                }
                ColumnOption::ForeignKey(key) => {
                    text.push_str(&named(&made_name(table, Some(&column.name), "fkey")));
                    text.push_str(&self.references(key, table, 1)?);
                }
                ColumnOption::Generated {
                    generation_expr: Some(expr),
                    generated_as: GeneratedAs::ExpStored | GeneratedAs::Always,
                    ..
                } => {
                    let sql = self.expr(expr, scope)?;
                    let sql = self.assign(sql, &column.name, &column.ty).at(expr)?;
                    text.push_str(&format!(" GENERATED ALWAYS AS ({}) STORED", sql.text));
                }
                ColumnOption::Collation(collation) => {
                    let (_, name) = object(collation)?;
                    if !matches!(name.as_str(), "default" | "C" | "POSIX" | "c" | "posix") {
                        return Err(
                            Fault::unsupported(format!("the collation {name}")).at(collation)
                        );
                    }
                }
                other => {
                    return Err(Fault::unsupported(format!("{other} of a column"))
                        .at_name(&definition.name));
                }
            }
        }
        Ok(text)
    }

    pub(super) fn constraint(
        &mut self,
        table: &str,
        constraint: &TableConstraint,
        columns: &[NewColumn],
        scope: &Scope<'_>,
        uniques: &mut Uniques,
    ) -> Result<Option<String>, Fault> {
        let named = |name: &Option<Ident>, default: String| {
            let name = name.as_ref().map_or(default, fold);
            format!("CONSTRAINT {}", quote(&name))
        };
        Ok(Some(match constraint {
            TableConstraint::PrimaryKey(key) => {
                no_include(&key.include)?;
                let names = index_columns(&key.columns, columns)?;
                let serial = columns
                    .iter()
                    .any(|c| c.serial && names == [c.name.clone()]);
                if serial {
                    return Ok(None);
                }
                let constraint = named(&key.name, made_name(table, None, "pkey"));
                let defer = deferrable(key.characteristics.as_ref(), false)?;
                // In SQLite a primary key may be NULL unless it is said.
                let checks: Vec<String> = names
                    .iter()
                    .map(|n| format!("{} IS NOT NULL", quote(n)))
                    .collect();
                format!(
                    "{constraint} PRIMARY KEY ({}){defer},CONSTRAINT {} CHECK ({})",
                    list(&names),
                    quote(NOT_NULL_KEY),
                    checks.join(" AND ")
                )
            }
            TableConstraint::Unique(unique) => {
                plain_unique(unique)?;
                let names = index_columns(&unique.columns, columns)?;
                deferrable(unique.characteristics.as_ref(), false)?;
                self.unique(table, unique.name.as_ref(), names, uniques)?;
                return Ok(None);
            }
            TableConstraint::Check(check) => {
                let constraint = named(&check.name, made_name(table, None, "check"));
                let condition = self.condition(&check.expr, scope, "CHECK")?;
                format!("{constraint} CHECK ({})", condition.text)
            }
            TableConstraint::ForeignKey(key) => {
                let names: Vec<String> = key.columns.iter().map(fold).collect();
                let constraint =
                    named(&key.name, made_name(table, Some(&addition(&names)), "fkey"));
                format!(
                    "{constraint} FOREIGN KEY ({}){}",
                    list(&names),
                    self.references(key, table, names.len())?
                )
            }
            other => return Err(Fault::unsupported(format!("the constraint {other}"))),
        }))
    }

    /// Unique constraints are indexes of their own, so that they can be dropped.
    fn unique(
        &self,
        table: &str,
        given: Option<&Ident>,
        columns: Vec<String>,
        uniques: &mut Uniques,
    ) -> Result<(), Fault> {
        let name = match given {
            Some(name) => fold(name),
            None => {
                let others: Vec<String> = uniques.0.iter().map(|(name, _)| name.clone()).collect();
                self.free_name((table, Some(&addition(&columns))), "key", &others)?
            }
        };
        uniques.0.push((name, columns));
        Ok(())
    }
}

/// SQLite wants one column that is not.
fn is_computed(column: &ColumnDef) -> bool {
    let mut options = column.options.iter();
    options.any(|o| {
        matches!(
            o.option,
            ColumnOption::Generated {
                generation_expr: Some(_),
                ..
            }
        )
    })
}

/// DEFAULT NULL is none, unless the type's modifier makes more of it (PostgreSQL's cookDefault).
pub(super) fn is_no_default(expr: &Expr, ty: &Ty) -> bool {
    let null = match expr {
        Expr::Nested(inner) => return is_no_default(inner, ty),
        Expr::Cast {
            expr, data_type, ..
        } => {
            let cast = types::named(&data_type.to_string());
            return cast.is_ok_and(|cast| cast == *ty) && is_no_default(expr, ty);
        }
        Expr::Value(value) => matches!(value.value, Value::Null),
        _ => false,
    };
    null && ty.modifier < 0
}

/// NULLs are distinct, and a constraint has no columns that it is not about.
pub(super) fn plain_unique(unique: &UniqueConstraint) -> Result<(), Fault> {
    if let NullsDistinctOption::NotDistinct = unique.nulls_distinct {
        return Err(Fault::unsupported("NULLS NOT DISTINCT"));
    }
    no_include(&unique.include)
}

/// A constraint has no columns that it is not about.
pub(super) fn no_include(included: &[Ident]) -> Result<(), Fault> {
    match included.first() {
        Some(name) => Err(Fault::unsupported("INCLUDE of a constraint").at_name(name)),
        None => Ok(()),
    }
}

/// WITH NO DATA.
fn empty(plan: Plan) -> Plan {
    match plan {
        Plan::CreateAs { sql, .. } => Plan::Schema {
            steps: sql.into_iter().map(Step::Sql).collect(),
            tag: "CREATE TABLE AS".into(),
        },
        plan => plan,
    }
}

/// The constraint that a primary key of several columns is not NULL.
pub(in crate::embedded) const NOT_NULL_KEY: &str = "pgtls_key_not_null";

pub(super) fn duplicate_column(name: &str, table: &str) -> Fault {
    Fault::new(
        SqlState::DUPLICATE_COLUMN,
        format!("column \"{name}\" of relation \"{table}\" already exists"),
    )
}

/// The primary key's columns, and how many primary keys there are.
fn primary_key(create: &CreateTable) -> Option<(Vec<String>, usize)> {
    let mut keys: Vec<Vec<String>> = Vec::new();
    for column in &create.columns {
        let primary = |o: &ColumnOptionDef| matches!(o.option, ColumnOption::PrimaryKey(_));
        if column.options.iter().any(primary) {
            keys.push(vec![fold(&column.name)]);
        }
    }
    for constraint in &create.constraints {
        if let TableConstraint::PrimaryKey(key) = constraint {
            keys.push(
                key.columns
                    .iter()
                    .filter_map(|c| column_name(c).ok())
                    .collect(),
            );
        }
    }
    let count = keys.len();
    keys.into_iter().next().map(|k| (k, count))
}

/// The primary key that is written apart from its column.
fn key_option(create: &CreateTable) -> Option<ColumnOptionDef> {
    create.constraints.iter().find_map(|constraint| {
        let TableConstraint::PrimaryKey(key) = constraint else {
            return None;
        };
        Some(ColumnOptionDef {
            name: key.name.clone(),
            option: ColumnOption::PrimaryKey(key.clone()),
        })
    })
}

pub(super) fn column_name(column: &IndexColumn) -> Result<String, Fault> {
    match &column.column.expr {
        Expr::Identifier(ident) => Ok(fold(ident)),
        other => Err(Fault::unsupported(format!("{other} in a key"))),
    }
}

fn index_columns(columns: &[IndexColumn], known: &[NewColumn]) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = Vec::new();
    columns
        .iter()
        .map(|column| {
            let name = column_name(column)?;
            if names.contains(&name) {
                return Err(Fault::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column \"{name}\" appears twice in a key"),
                ));
            }
            names.push(name.clone());
            if known.iter().any(|c| c.name == name) {
                return Ok(name);
            }
            Err(Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" named in key does not exist"),
            ))
        })
        .collect()
}

pub(super) fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|n| quote(n)).collect();
    names.join(",")
}

/// The table's columns, as its own constraints see them.
pub(super) fn scope_of(table: &str, columns: &[NewColumn]) -> Scope<'static> {
    Scope {
        relations: vec![Relation {
            name: table.to_owned(),
            qualified: false,
            columns: columns
                .iter()
                .map(|c| RelationColumn::new(c.name.clone(), c.ty.clone()))
                .collect(),
        }],
        ..Scope::default()
    }
}

/// A column's type in a definition.
pub(super) fn declared_as(ty: &Ty) -> Result<String, Fault> {
    let declaration = types::declaration(ty)?;
    Ok(match collation(&ty.kind) {
        Some(collation) => format!("{declaration} COLLATE {collation}"),
        None => declaration,
    })
}

pub(super) fn settled(ty: &Ty) -> Ty {
    match ty.kind {
        Type::UNKNOWN => Type::TEXT.into(),
        _ => ty.clone(),
    }
}

/// The columns of a table made from a query.
pub(super) fn declare(outputs: &[Output]) -> Result<String, Fault> {
    let mut columns = Vec::new();
    for output in outputs {
        let ty = settled(&output.ty);
        columns.push(format!("{} {}", quote(&output.name), declared_as(&ty)?));
    }
    Ok(columns.join(","))
}
