//! The rows about the user's own tables, views and indexes.

use std::collections::HashMap;

use rusqlite::Connection;
use sqlparser::ast::{ColumnOption, CreateTable, Statement, TableConstraint};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use crate::embedded::catalog::{
    FIRST_OID, FIRST_TEMP_OID, Facts, OWNER, enums, expressions, insert, rules, sequences, system,
    usage,
};
use crate::embedded::dialect::{
    Table, TableColumn, identifier, qualified, shown_expression, types, unqualified, view_text,
};
use crate::embedded::schema::SqliteSchema;

/// Everything that is written anew.
const FILLED: &[&str] = &[
    "pg_catalog.pg_class",
    "pg_catalog.pg_attribute",
    "pg_catalog.pg_attrdef",
    "pg_catalog.pg_enum",
    "pg_catalog.pg_index",
    "pg_catalog.pg_constraint",
    "pg_catalog.pg_type",
    "pg_catalog.pg_tables",
    "pg_catalog.pg_views",
    "pg_catalog.pg_indexes",
    "pg_catalog.pgtls_definition",
    "pg_catalog.pgtls_index_column",
    "information_schema.tables",
    "information_schema.columns",
    "information_schema.views",
    "information_schema.table_constraints",
    "information_schema.key_column_usage",
];

/// An object of SQLite's schema.
pub(super) struct Object {
    pub(super) oid: i64,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) table: String,
    pub(super) sql: Option<String>,
    pub(super) schema: &'static str,
    pub(super) database: &'static str,
}

pub(super) struct Fill<'a> {
    pub(super) connection: &'a Connection,
    pub(super) facts: &'a Facts,
    pub(super) schema: &'a SqliteSchema<'a>,
    pub(super) objects: Vec<Object>,
    /// Foreign keys: constraint, the table they point at, its columns.
    pub(super) keys: Vec<(i64, i64, Vec<String>)>,
    /// For what has no row of its own in SQLite.
    pub(super) next: i64,
}

pub(super) fn fill(
    connection: &Connection,
    schema: &SqliteSchema<'_>,
    facts: &Facts,
) -> rusqlite::Result<()> {
    for table in FILLED {
        // The system's own tables stay.
        let which = match *table {
            "pg_catalog.pg_class" | "pg_catalog.pg_type" => format!(" WHERE oid>={FIRST_OID}"),
            "pg_catalog.pg_attribute" => format!(" WHERE attrelid>={FIRST_OID}"),
            _ => String::new(),
        };
        connection
            .prepare_cached(&format!("DELETE FROM {table}{which}"))?
            .execute([])?;
    }
    let mut fill = Fill {
        connection,
        facts,
        schema,
        objects: Vec::new(),
        keys: Vec::new(),
        next: FIRST_OID + 2_000_000_000,
    };
    for (database, name, first) in [
        ("main", "public", FIRST_OID),
        ("temp", "pg_temp_1", FIRST_TEMP_OID),
    ] {
        let mut statement = connection.prepare(&format!(
            "SELECT rowid, type, name, tbl_name, sql FROM \"{database}\".sqlite_schema \
             WHERE type IN ('table','view','index')"
        ))?;
        let rows = statement.query_map([], |r| {
            Ok(Object {
                oid: first + r.get::<_, i64>(0)?,
                kind: r.get(1)?,
                name: r.get(2)?,
                table: r.get(3)?,
                sql: r.get(4)?,
                schema: name,
                database,
            })
        })?;
        for row in rows {
            let object = row?;
            let internal = object.name.starts_with("sqlite_") && object.kind != "index"
                || object.name.starts_with("pgtls_")
                || object.table.starts_with("sqlite_");
            if !internal {
                fill.objects.push(object);
            }
        }
    }
    let objects = std::mem::take(&mut fill.objects);
    let oids: HashMap<(&str, &str), i64> = objects
        .iter()
        .filter(|o| o.kind != "index")
        .map(|o| ((o.database, o.name.as_str()), o.oid))
        .collect();
    for object in objects.iter().filter(|o| o.kind != "index") {
        if let Some(table) = schema.find(object.database, &object.name)? {
            fill.table(object, &table, &objects, &oids)?;
        }
    }
    fill.point_keys()?;
    enums::fill(connection, || fill.number())?;
    sequences::fill(connection, || fill.number())?;
    rules::fill(connection, || fill.number())?;
    usage::fill(connection, &facts.info.database)?;
    // PostgreSQL's foreign keys are triggers, and psql looks for them only where there are any.
    connection.execute_batch(
        "UPDATE pg_catalog.pg_class SET relhastriggers=1 WHERE oid IN (SELECT conrelid FROM \
         pg_catalog.pg_constraint WHERE contype='f' UNION ALL SELECT confrelid FROM \
         pg_catalog.pg_constraint WHERE contype='f')",
    )
}

pub(super) fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|n| identifier(n)).collect();
    names.join(", ")
}

impl Fill<'_> {
    /// What is kept in SQLite's words, in PostgreSQL's.
    pub(super) fn shown_as(&self, table: &Table, text: &str) -> String {
        qualified(&shown_expression(text, table, self.schema).0)
    }

    pub(super) fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    pub(super) fn define(&self, oid: i64, text: &str) -> rusqlite::Result<()> {
        insert(
            self.connection,
            "pgtls_definition",
            "oid,def",
            &[&oid, &text],
        )
    }

    fn table(
        &mut self,
        object: &Object,
        table: &Table,
        objects: &[Object],
        oids: &HashMap<(&str, &str), i64>,
    ) -> rusqlite::Result<()> {
        let statement = object.sql.as_deref().and_then(|sql| {
            let parsed = Parser::parse_sql(&SQLiteDialect {}, sql).ok()?;
            match parsed.into_iter().next()? {
                Statement::CreateTable(create) => Some(create),
                _ => None,
            }
        });
        let checks = statement.as_ref().map(checks).unwrap_or_default();
        let keys = if table.view {
            0
        } else {
            self.indexes(object, table, objects, statement.as_ref())?
        };
        self.class(object, table, keys > 0, checks.len())?;
        for (number, column) in (1_i64..).zip(&table.columns) {
            let expression = statement
                .as_ref()
                .filter(|_| column.generated)
                .and_then(|create| expressions::generated(create, &column.name))
                .map(|text| self.shown_as(table, &text));
            let default = statement
                .as_ref()
                .filter(|_| column.identity.is_empty())
                .and_then(|create| expressions::marked(create, &column.name))
                .or_else(|| column.shown_default(&table.name, table.view))
                .map(|text| qualified(&text));
            let expressions = (default.as_deref(), expression.as_deref());
            self.attribute(object, table, number, column, expressions)?;
        }
        for (name, text) in &checks {
            let oid = self.number();
            let key = expressions::columns(text, table);
            insert(
                self.connection,
                "pg_constraint",
                "oid,conname,connamespace,contype,convalidated,conrelid,conkey,conislocal",
                &[&oid, name, &2200, &"c", &1, &object.oid, &key, &1],
            )?;
            self.usage(object, name, "CHECK", &[])?;
            self.define(oid, &format!("CHECK ({})", self.shown_as(table, text)))?;
        }
        if !table.view {
            self.foreign_keys(object, table, statement.as_ref(), oids)?;
        }
        if table.view
            && let Some(text) = object.sql.as_deref().and_then(view_text)
        {
            self.define(object.oid, &text)?;
        }
        self.shown(object, table)
    }

    fn class(
        &mut self,
        object: &Object,
        table: &Table,
        has_index: bool,
        checks: usize,
    ) -> rusqlite::Result<()> {
        let (kind, am) = if table.view { ("v", 0) } else { ("r", 2) };
        let persistence = if object.database == "temp" { "t" } else { "p" };
        // The type of its rows.
        let row = self.number();
        insert(
            self.connection,
            "pg_type",
            "oid,typname,typnamespace,typowner,typlen,typtype,typcategory,typisdefined,typdelim,\
             typrelid,typtypmod",
            &[
                &row,
                &object.name,
                &2200,
                &OWNER,
                &-1,
                &"c",
                &"C",
                &1,
                &",",
                &object.oid,
                &-1,
            ],
        )?;
        insert(
            self.connection,
            "pg_class",
            "oid,relname,relnamespace,reltype,relowner,relam,relfilenode,reltuples,relhasindex,\
             relpersistence,relkind,relnatts,relchecks,relispopulated,relreplident",
            &[
                &object.oid,
                &object.name,
                &2200,
                &row,
                &OWNER,
                &am,
                &object.oid,
                &-1,
                &has_index,
                &persistence,
                &kind,
                &i64::try_from(table.columns.len()).unwrap_or(0),
                &i64::try_from(checks).unwrap_or(0),
                &1,
                &"d",
            ],
        )
    }

    fn attribute(
        &mut self,
        object: &Object,
        table: &Table,
        number: i64,
        column: &TableColumn,
        (default, expression): (Option<&str>, Option<&str>),
    ) -> rusqlite::Result<()> {
        let has_default = default.is_some() || column.generated;
        let collation = if types::is_text(&column.ty.kind) {
            100
        } else {
            0
        };
        insert(
            self.connection,
            "pg_attribute",
            "attrelid,attname,atttypid,attnum,atttypmod,attnotnull,atthasdef,attidentity,\
             attgenerated,attislocal,attcollation,attstorage,attstattarget",
            &[
                &object.oid,
                &column.name,
                &column.ty.kind.oid(),
                &number,
                &column.ty.modifier,
                &column.not_null,
                &has_default,
                &column.identity,
                &if column.generated { "s" } else { "" },
                &1,
                &collation,
                &system::stored(&column.ty.kind),
                &-1,
            ],
        )?;
        if let Some(default) = default.or(expression) {
            let oid = self.number();
            insert(
                self.connection,
                "pg_attrdef",
                "oid,adrelid,adnum,adbin",
                &[&oid, &object.oid, &number, &default],
            )?;
        }
        let info = &self.facts.info;
        let (precision, scale) = match column.ty.kind {
            postgres_types::Type::NUMERIC => types::precision_and_scale(column.ty.modifier)
                .map_or((None, None), |(p, s)| (Some(p), Some(s))),
            postgres_types::Type::INT2 => (Some(16), Some(0)),
            postgres_types::Type::INT4 => (Some(32), Some(0)),
            postgres_types::Type::INT8 => (Some(64), Some(0)),
            postgres_types::Type::FLOAT4 => (Some(24), None),
            postgres_types::Type::FLOAT8 => (Some(53), None),
            _ => (None, None),
        };
        let radix = precision.map(|_| {
            if column.ty.kind == postgres_types::Type::NUMERIC {
                10
            } else {
                2
            }
        });
        let length = matches!(
            column.ty.kind,
            postgres_types::Type::VARCHAR | postgres_types::Type::BPCHAR
        )
        .then(|| column.ty.modifier - 4)
        .filter(|n| *n > 0);
        let array = types::element(&column.ty.kind).is_some();
        let is_enum = crate::embedded::enums::is_enum(&column.ty.kind);
        insert(
            self.connection,
            "information_schema.columns",
            "table_catalog,table_schema,table_name,column_name,ordinal_position,column_default,\
             is_nullable,data_type,character_maximum_length,character_octet_length,numeric_precision,\
             numeric_precision_radix,numeric_scale,datetime_precision,udt_catalog,udt_schema,udt_name,\
             dtd_identifier,is_self_referencing,is_identity,identity_generation,identity_cycle,\
             is_generated,generation_expression,is_updatable",
            &[
                &info.database,
                &"public",
                &object.name,
                &column.name,
                &number,
                &default.map(unqualified),
                &if column.not_null { "NO" } else { "YES" },
                &if array {
                    "ARRAY".to_owned()
                } else if is_enum {
                    "USER-DEFINED".to_owned()
                } else {
                    types::show(&column.ty.kind, -1)
                },
                &length,
                &expressions::octets(&column.ty),
                &precision,
                &radix,
                &scale,
                &expressions::second_digits(&column.ty),
                &info.database,
                &if column.ty.kind.schema() == "public" {
                    "public"
                } else {
                    "pg_catalog"
                },
                &column.ty.kind.name(),
                &number.to_string(),
                &"NO",
                &if column.identity.is_empty() {
                    "NO"
                } else {
                    "YES"
                },
                &match column.identity {
                    "a" => Some("ALWAYS"),
                    "d" => Some("BY DEFAULT"),
                    _ => None,
                },
                &"NO",
                &if column.generated { "ALWAYS" } else { "NEVER" },
                &expression.map(unqualified),
                &if table.view { "NO" } else { "YES" },
            ],
        )
    }
}

/// CHECK constraints with their names, but for our own.
fn checks(create: &CreateTable) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for column in &create.columns {
        for option in &column.options {
            if let (ColumnOption::Check(check), Some(name)) = (&option.option, &option.name)
                && !name.value.starts_with("pgtls_")
            {
                found.push((name.value.clone(), check.expr.to_string()));
            }
        }
    }
    for constraint in &create.constraints {
        if let TableConstraint::Check(check) = constraint
            && let Some(name) = &check.name
            && !name.value.starts_with("pgtls_")
        {
            found.push((name.value.clone(), check.expr.to_string()));
        }
    }
    found
}
