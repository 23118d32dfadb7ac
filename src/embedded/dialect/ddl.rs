//! CREATE, ALTER, DROP.

use postgres_types::Type;
use sqlparser::ast::{
    AlterTable, AlterTableOperation, ColumnDef, ColumnOption, ConstraintCharacteristics,
    CreateIndex, CreateTable, CreateView, DeferrableInitial, Expr, ForeignKeyConstraint,
    GeneratedAs, Ident, IndexColumn, ObjectName, ObjectType, RenameTableNameKind, TableConstraint,
    Truncate, TruncateIdentityOption,
};

use crate::embedded::dialect::dml::own_name;
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::plan::Plan;
use crate::embedded::dialect::scope::{Place, Relation, RelationColumn, Scope, fold, object};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, Output, literal, quote};
use crate::error_response::SqlState;

/// A column that is to be.
struct NewColumn {
    name: String,
    ty: Ty,
    serial: bool,
}

/// How a view says its columns' types: SQLite keeps a statement's comments.
pub(in crate::embedded) const VIEW_TYPES: &str = "/*pgtls ";

fn already(name: &str) -> Fault {
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
        let name = own_name(&create.name)?;
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
            return self.create_table_as(&target, create, query);
        }
        let columns = self.new_columns(&create.columns)?;
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
        for (definition, column) in create.columns.iter().zip(&columns) {
            if column.serial && key != [column.name.clone()] {
                return Err(Fault::unsupported(
                    "a serial or identity column that is not the primary key",
                )
                .at_name(&definition.name));
            }
            parts.push(self.new_column(&name, definition, column, &scope)?);
        }
        for constraint in &create.constraints {
            parts.extend(self.constraint(&name, constraint, &columns, &scope)?);
        }
        Ok(Plan::Schema {
            sql: vec![format!("CREATE TABLE {target}({})", parts.join(","))],
            tag: "CREATE TABLE".into(),
        })
    }

    fn create_table_as(
        &mut self,
        target: &str,
        create: &CreateTable,
        query: &sqlparser::ast::Query,
    ) -> Result<Plan, Fault> {
        let (text, mut outputs) = self.query(query, &Scope::default())?;
        for (output, column) in outputs.iter_mut().zip(&create.columns) {
            output.name = fold(&column.name);
        }
        let columns = declare(&outputs)?;
        let sql = vec![format!("CREATE TABLE {target}({columns})")];
        Ok(Plan::CreateAs {
            sql,
            insert: format!("INSERT INTO {target} {text}"),
        })
    }

    fn new_columns(&self, definitions: &[ColumnDef]) -> Result<Vec<NewColumn>, Fault> {
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
            let identity = definition.options.iter().any(|o| {
                matches!(
                    o.option,
                    ColumnOption::Generated {
                        generation_expr: None,
                        ..
                    } | ColumnOption::Identity(_)
                )
            });
            let serial = match written.as_str() {
                "serial" | "serial4" => Some(Type::INT4),
                "bigserial" | "serial8" => Some(Type::INT8),
                "smallserial" | "serial2" => Some(Type::INT2),
                _ => None,
            };
            let (ty, serial) = match serial {
                Some(kind) => (kind.into(), true),
                None => (types::named(&written).at_name(&definition.name)?, identity),
            };
            columns.push(NewColumn { name, ty, serial });
        }
        Ok(columns)
    }

    fn new_column(
        &mut self,
        table: &str,
        definition: &ColumnDef,
        column: &NewColumn,
        scope: &Scope<'_>,
    ) -> Result<String, Fault> {
        let name = quote(&column.name);
        if column.serial {
            // SQLite's row number counts; AUTOINCREMENT never gives a number twice, as a sequence.
            let bounds = match column.ty.kind {
                Type::INT2 => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
                Type::INT4 => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
                _ => None,
            };
            let check = bounds.map_or(String::new(), |(low, high)| {
                format!(" CHECK ({name} BETWEEN {low} AND {high})")
            });
            let mut text = format!(
                "{name} INTEGER CONSTRAINT {} PRIMARY KEY AUTOINCREMENT{check}",
                quote(&format!("{table}_pkey"))
            );
            for option in &definition.options {
                match &option.option {
                    ColumnOption::PrimaryKey(_)
                    | ColumnOption::NotNull
                    | ColumnOption::Unique(_)
                    | ColumnOption::Generated { .. } => {}
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
        let collation = match column.ty.kind {
            Type::NUMERIC => " COLLATE pg_numeric",
            Type::INTERVAL => " COLLATE pg_interval",
            _ => "",
        };
        let mut text = format!("{name} {}{collation}", types::declaration(&column.ty)?);
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
                ColumnOption::NotNull => text.push_str(" NOT NULL"),
                ColumnOption::Default(expr) => {
                    let sql = self.expr(expr, &Scope::default())?;
                    let sql = self.assign(sql, &column.name, &column.ty).at(expr)?;
                    text.push_str(&format!(" DEFAULT ({})", sql.text));
                }
                ColumnOption::PrimaryKey(key) => {
                    let constraint = named(&format!("{table}_pkey"));
                    let defer = deferrable(key.characteristics.as_ref(), false)?;
                    text.push_str(&format!(" NOT NULL{constraint} PRIMARY KEY{defer}"));
                }
                ColumnOption::Unique(unique) => {
                    let constraint = named(&format!("{table}_{}_key", column.name));
                    let defer = deferrable(unique.characteristics.as_ref(), false)?;
                    text.push_str(&format!("{constraint} UNIQUE{defer}"));
                }
                ColumnOption::Check(check) => {
                    let constraint = named(&format!("{table}_{}_check", column.name));
                    let condition = self.condition(&check.expr, scope, "CHECK")?;
                    text.push_str(&format!("{constraint} CHECK ({})", condition.text));
                }
                ColumnOption::ForeignKey(key) => {
                    text.push_str(&named(&format!("{table}_{}_fkey", column.name)));
                    text.push_str(&references(key)?);
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

    fn constraint(
        &mut self,
        table: &str,
        constraint: &TableConstraint,
        columns: &[NewColumn],
        scope: &Scope<'_>,
    ) -> Result<Option<String>, Fault> {
        let named = |name: &Option<Ident>, default: String| {
            let name = name.as_ref().map_or(default, fold);
            format!("CONSTRAINT {}", quote(&name))
        };
        Ok(Some(match constraint {
            TableConstraint::PrimaryKey(key) => {
                let names = index_columns(&key.columns, columns)?;
                let serial = columns
                    .iter()
                    .any(|c| c.serial && names == [c.name.clone()]);
                if serial {
                    return Ok(None);
                }
                let constraint = named(&key.name, format!("{table}_pkey"));
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
                let names = index_columns(&unique.columns, columns)?;
                let constraint = named(&unique.name, format!("{table}_{}_key", names.join("_")));
                let defer = deferrable(unique.characteristics.as_ref(), false)?;
                format!("{constraint} UNIQUE ({}){defer}", list(&names))
            }
            TableConstraint::Check(check) => {
                let constraint = named(&check.name, format!("{table}_check"));
                let condition = self.condition(&check.expr, scope, "CHECK")?;
                format!("{constraint} CHECK ({})", condition.text)
            }
            TableConstraint::ForeignKey(key) => {
                let names: Vec<String> = key.columns.iter().map(fold).collect();
                let constraint = named(&key.name, format!("{table}_{}_fkey", names.join("_")));
                format!(
                    "{constraint} FOREIGN KEY ({}){}",
                    list(&names),
                    references(key)?
                )
            }
            other => return Err(Fault::unsupported(format!("the constraint {other}"))),
        }))
    }

    pub(super) fn create_index(&mut self, create: &CreateIndex) -> Result<Plan, Fault> {
        if let Some(using) = &create.using
            && !matches!(
                using.to_string().to_lowercase().as_str(),
                "btree" | "hash" | "brin"
            )
        {
            return Err(
                Fault::unsupported(format!("an index USING {using}")).at(&create.table_name)
            );
        }
        if create.nulls_distinct == Some(false) {
            return Err(Fault::unsupported("NULLS NOT DISTINCT").at(&create.table_name));
        }
        let table = self.table(&create.table_name)?;
        let mut scope = Scope::default();
        let mut relation = super::from::relation_of(&table, table.name.clone());
        relation.qualified = false;
        scope.add(relation)?;
        let mut keys = Vec::new();
        let mut parts = vec![table.name.clone()];
        for column in &create.columns {
            let sql = self.expr(&column.column.expr, &scope)?;
            parts.push(match &column.column.expr {
                Expr::Identifier(ident) => fold(ident),
                _ => "expr".into(),
            });
            let descending = matches!(
                column.column.options.sort,
                Some(sqlparser::ast::OrderBySort::Desc)
            );
            keys.push(format!(
                "{}{}",
                sql.ordered(),
                if descending { " DESC" } else { "" }
            ));
        }
        parts.push("idx".into());
        let name = match &create.name {
            Some(name) => own_name(name)?,
            None => self.free_index_name(&parts.join("_"))?,
        };
        if self.schema.index_exists(&name)? || self.schema.table(Some("public"), &name)?.is_some() {
            if create.if_not_exists {
                return Ok(Plan::skipped(
                    "CREATE INDEX",
                    format!("relation \"{name}\" already exists, skipping"),
                ));
            }
            return Err(already(&name));
        }
        let unique = if create.unique { "UNIQUE " } else { "" };
        let schema = table.sql.split('.').next().unwrap_or("\"main\"");
        let mut sql = format!(
            "CREATE {unique}INDEX {schema}.{} ON {}({})",
            quote(&name),
            quote(&table.name),
            keys.join(",")
        );
        if let Some(predicate) = &create.predicate {
            let condition = self.condition(predicate, &scope, "WHERE")?;
            sql.push_str(&format!(" WHERE {}", condition.text));
        }
        Ok(Plan::Schema {
            sql: vec![sql],
            tag: "CREATE INDEX".into(),
        })
    }

    fn free_index_name(&self, base: &str) -> Result<String, Fault> {
        let mut name = base.to_owned();
        let mut number = 0_u32;
        while self.schema.index_exists(&name)? {
            number = number.saturating_add(1);
            name = format!("{base}{number}");
        }
        Ok(name)
    }

    pub(super) fn create_view(&mut self, create: &CreateView) -> Result<Plan, Fault> {
        if create.materialized {
            return Err(Fault::unsupported("CREATE MATERIALIZED VIEW").at(&create.name));
        }
        let name = own_name(&create.name)?;
        let namespace = if create.temporary { "temp" } else { "main" };
        let mut sql = Vec::new();
        match self.schema.table(Some(namespace), &name)? {
            Some(table) if create.or_replace && table.view => {
                sql.push(format!("DROP VIEW {}", table.sql));
            }
            Some(_) => return Err(already(&name)),
            None => {}
        }
        let (text, mut outputs) = self.query(&create.query, &Scope::default())?;
        for (output, column) in outputs.iter_mut().zip(&create.columns) {
            output.name = fold(&column.name);
        }
        let mut kinds = Vec::new();
        for output in &outputs {
            kinds.push(types::declaration(&settled(&output.ty))?);
        }
        let names: Vec<String> = outputs.iter().map(|o| quote(&o.name)).collect();
        sql.push(format!(
            "CREATE VIEW \"{namespace}\".{}({}) AS {VIEW_TYPES}{}*/ {text}",
            quote(&name),
            names.join(","),
            kinds.join(";")
        ));
        Ok(Plan::Schema {
            sql,
            tag: "CREATE VIEW".into(),
        })
    }

    pub(super) fn drop(
        &self,
        object_type: &ObjectType,
        if_exists: bool,
        names: &[ObjectName],
    ) -> Result<Plan, Fault> {
        let word = match object_type {
            ObjectType::Table => "TABLE",
            ObjectType::View => "VIEW",
            ObjectType::Index => "INDEX",
            other => return Err(Fault::unsupported(format!("DROP {other}"))),
        };
        let lower = word.to_lowercase();
        let mut sql = Vec::new();
        let mut notice = None;
        for name in names {
            let (namespace, bare) = object(name)?;
            let found = match object_type {
                ObjectType::Index => self.schema.index_exists(&bare)?.then(|| quote(&bare)),
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
                    table => table.map(|t| t.sql.clone()),
                },
            };
            match found {
                Some(target) => sql.push(format!("DROP {word} {target}")),
                None if if_exists => {
                    notice = Some(format!("{lower} \"{bare}\" does not exist, skipping"));
                }
                None => {
                    let code = if *object_type == ObjectType::Index {
                        SqlState::UNDEFINED_OBJECT
                    } else {
                        SqlState::UNDEFINED_TABLE
                    };
                    return Err(Fault::new(
                        code,
                        format!("{lower} \"{bare}\" does not exist"),
                    ));
                }
            }
        }
        let tag = format!("DROP {word}");
        match notice {
            Some(notice) if sql.is_empty() => Ok(Plan::skipped(tag, notice)),
            _ => Ok(Plan::Schema { sql, tag }),
        }
    }

    pub(super) fn truncate(&self, truncate: &Truncate) -> Result<Plan, Fault> {
        let mut sql = Vec::new();
        for target in &truncate.table_names {
            let table = self.table(&target.name)?;
            if table.view || table.system {
                return Err(Fault::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{}\" is not a table", table.name),
                ));
            }
            sql.push(format!("DELETE FROM {}", table.sql));
            let counts = table.columns.iter().any(|c| c.counts);
            if counts && truncate.identity == Some(TruncateIdentityOption::Restart) {
                sql.push(format!(
                    "DELETE FROM sqlite_sequence WHERE name={}",
                    literal(&table.name)
                ));
            }
        }
        Ok(Plan::Schema {
            sql,
            tag: "TRUNCATE TABLE".into(),
        })
    }

    pub(super) fn alter_table(&mut self, alter: &AlterTable) -> Result<Plan, Fault> {
        let (namespace, bare) = object(&alter.name)?;
        if alter.if_exists && self.schema.table(namespace.as_deref(), &bare)?.is_none() {
            return Ok(Plan::skipped(
                "ALTER TABLE",
                format!("relation \"{bare}\" does not exist, skipping"),
            ));
        }
        let table = self.table(&alter.name)?;
        let known = |name: &Ident| {
            let folded = fold(name);
            if table.columns.iter().any(|c| c.name == folded) {
                return Ok(quote(&folded));
            }
            Err(Fault::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{folded}\" of relation \"{bare}\" does not exist"),
            ))
        };
        let mut sql = Vec::new();
        for operation in &alter.operations {
            match operation {
                AlterTableOperation::RenameTable {
                    table_name: RenameTableNameKind::To(name) | RenameTableNameKind::As(name),
                } => {
                    let new = own_name(name)?;
                    if self.schema.table(None, &new)?.is_some() {
                        return Err(already(&new));
                    }
                    sql.push(format!(
                        "ALTER TABLE {} RENAME TO {}",
                        table.sql,
                        quote(&new)
                    ));
                }
                AlterTableOperation::RenameColumn {
                    old_column_name,
                    new_column_name,
                } => {
                    let new = fold(new_column_name);
                    if table.columns.iter().any(|c| c.name == new) {
                        return Err(duplicate_column(&new, &bare));
                    }
                    sql.push(format!(
                        "ALTER TABLE {} RENAME COLUMN {} TO {}",
                        table.sql,
                        known(old_column_name)?,
                        quote(&new)
                    ));
                }
                AlterTableOperation::DropColumn {
                    column_names,
                    if_exists,
                    ..
                } => {
                    for name in column_names {
                        match known(name) {
                            Ok(column) => {
                                sql.push(format!("ALTER TABLE {} DROP COLUMN {column}", table.sql))
                            }
                            Err(_) if *if_exists => {}
                            Err(fault) => return Err(fault),
                        }
                    }
                }
                AlterTableOperation::AddColumn {
                    if_not_exists,
                    column_def,
                    ..
                } => {
                    let name = fold(&column_def.name);
                    if table.columns.iter().any(|c| c.name == name) {
                        if *if_not_exists {
                            continue;
                        }
                        return Err(duplicate_column(&name, &bare));
                    }
                    let columns = self.new_columns(std::slice::from_ref(column_def))?;
                    let scope = scope_of(&bare, &columns);
                    for column in &columns {
                        if column.serial {
                            return Err(Fault::unsupported("adding a serial column"));
                        }
                        let text = self.new_column(&bare, column_def, column, &scope)?;
                        sql.push(format!("ALTER TABLE {} ADD COLUMN {text}", table.sql));
                    }
                }
                AlterTableOperation::AddConstraint {
                    constraint: TableConstraint::Unique(unique),
                    ..
                } => {
                    let names: Vec<String> = unique
                        .columns
                        .iter()
                        .map(column_name)
                        .collect::<Result<_, _>>()?;
                    let name = unique
                        .name
                        .as_ref()
                        .map_or_else(|| format!("{bare}_{}_key", names.join("_")), fold);
                    sql.push(format!(
                        "CREATE UNIQUE INDEX {} ON {}({})",
                        quote(&name),
                        quote(&bare),
                        list(&names)
                    ));
                }
                // There is one owner.
                AlterTableOperation::OwnerTo { .. } => {}
                other => {
                    return Err(Fault::unsupported(format!(
                        "ALTER TABLE … {}",
                        super::expr::shorten(&other.to_string())
                    ))
                    .at(&alter.name));
                }
            }
        }
        Ok(Plan::Schema {
            sql,
            tag: "ALTER TABLE".into(),
        })
    }
}

/// The constraint that a primary key of several columns is not NULL.
pub(in crate::embedded) const NOT_NULL_KEY: &str = "pgtls_key_not_null";

fn duplicate_column(name: &str, table: &str) -> Fault {
    Fault::new(
        SqlState::DUPLICATE_COLUMN,
        format!("column \"{name}\" of relation \"{table}\" already exists"),
    )
}

/// The primary key's columns, and how many primary keys there are.
fn primary_key(create: &CreateTable) -> Option<(Vec<String>, usize)> {
    let mut keys: Vec<Vec<String>> = Vec::new();
    for column in &create.columns {
        let primary =
            |o: &sqlparser::ast::ColumnOptionDef| matches!(o.option, ColumnOption::PrimaryKey(_));
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

fn column_name(column: &IndexColumn) -> Result<String, Fault> {
    match &column.column.expr {
        Expr::Identifier(ident) => Ok(fold(ident)),
        other => Err(Fault::unsupported(format!("{other} in a key"))),
    }
}

fn index_columns(columns: &[IndexColumn], known: &[NewColumn]) -> Result<Vec<String>, Fault> {
    columns
        .iter()
        .map(|column| {
            let name = column_name(column)?;
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

fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|n| quote(n)).collect();
    names.join(",")
}

/// The table's columns, as its own constraints see them.
fn scope_of(table: &str, columns: &[NewColumn]) -> Scope<'static> {
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

/// Only foreign keys can wait for the end of the transaction in SQLite.
fn deferrable(
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

fn references(key: &ForeignKeyConstraint) -> Result<String, Fault> {
    let table = own_name(&key.foreign_table)?;
    let mut text = format!(" REFERENCES {}", quote(&table));
    if !key.referred_columns.is_empty() {
        let names: Vec<String> = key.referred_columns.iter().map(fold).collect();
        text.push_str(&format!("({})", list(&names)));
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

fn settled(ty: &Ty) -> Ty {
    match ty.kind {
        Type::UNKNOWN => Type::TEXT.into(),
        _ => ty.clone(),
    }
}

/// The columns of a table made from a query.
fn declare(outputs: &[Output]) -> Result<String, Fault> {
    let mut columns = Vec::new();
    for output in outputs {
        let ty = settled(&output.ty);
        let collation = match ty.kind {
            Type::NUMERIC => " COLLATE pg_numeric",
            Type::INTERVAL => " COLLATE pg_interval",
            _ => "",
        };
        columns.push(format!(
            "{} {}{collation}",
            quote(&output.name),
            types::declaration(&ty)?
        ));
    }
    Ok(columns.join(","))
}
