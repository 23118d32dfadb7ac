//! The rows about the user's own tables, views and indexes.

use std::collections::HashMap;

use rusqlite::Connection;
use sqlparser::ast::{ColumnOption, CreateTable, Statement, TableConstraint};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use crate::embedded::catalog::index_keys::{self, Key};
use crate::embedded::catalog::{FIRST_OID, FIRST_TEMP_OID, Facts, OWNER, enums, insert, sequences};
use crate::embedded::dialect::{
    PRIMARY_MARK, Table, TableColumn, UNIQUE_MARK, constraint_name, identifier, shown_expression,
    types,
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
struct Object {
    oid: i64,
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
    schema: &'static str,
    database: &'static str,
}

struct ForeignKey {
    id: i64,
    target: String,
    from: Vec<String>,
    to: Vec<String>,
    on_update: String,
    on_delete: String,
}

struct Fill<'a> {
    connection: &'a Connection,
    facts: &'a Facts,
    objects: Vec<Object>,
    /// Foreign keys: constraint, the table they point at, its columns.
    keys: Vec<(i64, i64, Vec<String>)>,
    /// For what has no row of its own in SQLite.
    next: i64,
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
    // PostgreSQL's foreign keys are triggers, and psql looks for them only where there are any.
    connection.execute_batch(
        "UPDATE pg_catalog.pg_class SET relhastriggers=1 WHERE oid IN (SELECT conrelid FROM \
         pg_catalog.pg_constraint WHERE contype='f' UNION ALL SELECT confrelid FROM \
         pg_catalog.pg_constraint WHERE contype='f')",
    )
}

fn other_of(oids: &HashMap<(&str, &str), i64>, object: &Object, target: &str) -> i64 {
    oids.get(&(object.database, target)).copied().unwrap_or(0)
}

fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|n| identifier(n)).collect();
    names.join(", ")
}

impl Fill<'_> {
    fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    fn define(&self, oid: i64, text: &str) -> rusqlite::Result<()> {
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
            self.attribute(object, table, number, column)?;
        }
        for (name, text) in &checks {
            let oid = self.number();
            insert(
                self.connection,
                "pg_constraint",
                "oid,conname,connamespace,contype,convalidated,conrelid,conislocal",
                &[&oid, name, &2200, &"c", &1, &object.oid, &1],
            )?;
            self.define(oid, &format!("CHECK ({})", shown_expression(text)))?;
        }
        if !table.view {
            self.foreign_keys(object, table, statement.as_ref(), oids)?;
        }
        if table.view {
            let text = object.sql.as_deref().unwrap_or_default();
            let text = text.split_once("*/ ").map_or(text, |(_, t)| t);
            self.define(object.oid, text)?;
        }
        self.shown(object, table)
    }

    fn class(
        &self,
        object: &Object,
        table: &Table,
        has_index: bool,
        checks: usize,
    ) -> rusqlite::Result<()> {
        let (kind, am) = if table.view { ("v", 0) } else { ("r", 2) };
        let persistence = if object.database == "temp" { "t" } else { "p" };
        insert(
            self.connection,
            "pg_class",
            "oid,relname,relnamespace,relowner,relam,relfilenode,reltuples,relhasindex,\
             relpersistence,relkind,relnatts,relchecks,relispopulated,relreplident",
            &[
                &object.oid,
                &object.name,
                &2200,
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
    ) -> rusqlite::Result<()> {
        let default = column.shown_default(&table.name, table.view);
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
             attgenerated,attislocal,attcollation,attstorage",
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
                &match column.ty.kind {
                    postgres_types::Type::NUMERIC => "m",
                    _ if types::storage(&column.ty.kind) == types::Storage::Text
                        || column.ty.kind == postgres_types::Type::BYTEA =>
                    {
                        let fixed = types::is_time(&column.ty.kind)
                            || matches!(
                                column.ty.kind,
                                postgres_types::Type::TIME
                                    | postgres_types::Type::INTERVAL
                                    | postgres_types::Type::UUID
                                    | postgres_types::Type::NAME
                            );
                        if fixed { "p" } else { "x" }
                    }
                    _ => "p",
                },
            ],
        )?;
        if let Some(default) = &default {
            let oid = self.number();
            insert(
                self.connection,
                "pg_attrdef",
                "oid,adrelid,adnum,adbin",
                &[&oid, &object.oid, &number, default],
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
             is_nullable,data_type,character_maximum_length,numeric_precision,\
             numeric_precision_radix,numeric_scale,udt_catalog,udt_schema,udt_name,is_identity,\
             identity_generation,is_generated,is_updatable",
            &[
                &info.database,
                &"public",
                &object.name,
                &column.name,
                &number,
                &default,
                &if column.not_null { "NO" } else { "YES" },
                &if array {
                    "ARRAY".to_owned()
                } else if is_enum {
                    "USER-DEFINED".to_owned()
                } else {
                    types::show(&column.ty.kind, -1)
                },
                &length,
                &precision,
                &radix,
                &scale,
                &info.database,
                &if is_enum { "public" } else { "pg_catalog" },
                &column.ty.kind.name(),
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
                &if column.generated { "ALWAYS" } else { "NEVER" },
                &if table.view { "NO" } else { "YES" },
            ],
        )
    }

    /// Indexes and the constraints they stand for; gives how many there are.
    fn indexes(
        &mut self,
        object: &Object,
        table: &Table,
        objects: &[Object],
        create: Option<&CreateTable>,
    ) -> rusqlite::Result<usize> {
        let mut count = 0;
        if let Some(counts) = table.columns.iter().find(|c| c.counts) {
            let oid = self.number();
            let name = format!("{}_pkey", object.name);
            let keys = [Key::plain(&counts.name)];
            self.index(object, table, oid, &name, &keys, (true, Some("p")), None)?;
            count += 1;
        }
        let mut list = self.connection.prepare_cached(
            "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1, ?2)",
        )?;
        let rows = list.query_map([&object.name, object.database], |r| {
            Ok((
                r.get::<_, String>(0)?,
                r.get::<_, bool>(1)?,
                r.get::<_, String>(2)?,
                r.get::<_, bool>(3)?,
            ))
        })?;
        for row in rows {
            let (name, unique, origin, partial) = row?;
            let found = objects
                .iter()
                .find(|o| o.kind == "index" && o.name == name && o.database == object.database);
            let text = found.and_then(|o| o.sql.as_deref()).unwrap_or_default();
            let (keys, predicate) =
                index_keys::read(self.connection, object.database, &name, text)?;
            let columns: Vec<String> = keys.iter().map(|k| k.name.clone()).collect();
            let kind = match origin.as_str() {
                "pk" => Some("p"),
                "u" => Some("u"),
                _ if text.contains(PRIMARY_MARK) => Some("p"),
                _ if text.contains(UNIQUE_MARK) => Some("u"),
                _ => None,
            };
            let shown = match kind {
                _ if origin == "c" => name.clone(),
                None => name.clone(),
                Some(kind) => create
                    .and_then(|c| constraint_name(c, kind, &columns))
                    .unwrap_or_else(|| match kind {
                        "p" => format!("{}_pkey", object.name),
                        _ => format!("{}_{}_key", object.name, columns.join("_")),
                    }),
            };
            let oid = match found {
                Some(found) => found.oid,
                None => self.number(),
            };
            self.index(
                object,
                table,
                oid,
                &shown,
                &keys,
                (unique, kind),
                predicate.as_deref().filter(|_| partial),
            )?;
            count += 1;
        }
        Ok(count)
    }

    #[expect(clippy::too_many_arguments, reason = "a row of a table")]
    fn index(
        &mut self,
        object: &Object,
        table: &Table,
        oid: i64,
        name: &str,
        keys: &[Key],
        (unique, constraint): (bool, Option<&str>),
        predicate: Option<&str>,
    ) -> rusqlite::Result<()> {
        let count = i64::try_from(keys.len()).unwrap_or(0);
        let columns: Vec<String> = keys.iter().map(|k| k.name.clone()).collect();
        let numbers: Vec<String> = keys
            .iter()
            .map(|k| {
                let same = |t: &TableColumn| Some(&t.name) == k.column.as_ref();
                let at = table.columns.iter().position(same);
                at.map_or(0, |i| i.saturating_add(1)).to_string()
            })
            .collect();
        let persistence = if object.database == "temp" { "t" } else { "p" };
        insert(
            self.connection,
            "pg_class",
            "oid,relname,relnamespace,relowner,relam,relpersistence,relkind,relnatts,relispopulated,relreplident",
            &[
                &oid,
                &name,
                &2200,
                &OWNER,
                &403,
                &persistence,
                &"i",
                &count,
                &1,
                &"n",
            ],
        )?;
        let zeros = vec!["0"; keys.len()].join(" ");
        let options: Vec<&str> = keys.iter().map(Key::option).collect();
        insert(
            self.connection,
            "pg_index",
            "indexrelid,indrelid,indnatts,indnkeyatts,indisunique,indisprimary,indimmediate,\
             indisvalid,indisready,indislive,indkey,indcollation,indclass,indoption,indpred",
            &[
                &oid,
                &object.oid,
                &count,
                &count,
                &unique,
                &(constraint == Some("p")),
                &1,
                &1,
                &1,
                &1,
                &numbers.join(" "),
                &zeros,
                &zeros,
                &options.join(" "),
                &predicate,
            ],
        )?;
        for (number, key) in (1_i64..).zip(keys) {
            let same = |c: &&TableColumn| Some(&c.name) == key.column.as_ref();
            let ty = table.columns.iter().find(same);
            insert(
                self.connection,
                "pg_attribute",
                "attrelid,attname,atttypid,attnum,atttypmod,attislocal",
                &[
                    &oid,
                    &key.name,
                    &ty.map_or(25, |c| c.ty.kind.oid()),
                    &number,
                    &ty.map_or(-1, |c| c.ty.modifier),
                    &1,
                ],
            )?;
            insert(
                self.connection,
                "pgtls_index_column",
                "oid,n,def",
                &[&oid, &number, &key.shown],
            )?;
        }
        let word = if unique { "UNIQUE " } else { "" };
        let mut text = format!(
            "CREATE {word}INDEX {} ON public.{} USING btree ({})",
            identifier(name),
            identifier(&object.name),
            keys.iter().map(Key::ordered).collect::<Vec<_>>().join(", ")
        );
        if let Some(predicate) = predicate {
            text.push_str(&format!(" WHERE {predicate}"));
        }
        self.define(oid, &text)?;
        insert(
            self.connection,
            "pg_indexes",
            "schemaname,tablename,indexname,indexdef",
            &[&object.schema, &object.name, &name, &text],
        )?;
        let Some(kind) = constraint else {
            return Ok(());
        };
        let key = format!("{{{}}}", numbers.join(","));
        let number = self.number();
        insert(
            self.connection,
            "pg_constraint",
            "oid,conname,connamespace,contype,convalidated,conrelid,conindid,conkey,conislocal,connoinherit",
            &[
                &number,
                &name,
                &2200,
                &kind,
                &1,
                &object.oid,
                &oid,
                &key,
                &1,
                &1,
            ],
        )?;
        let words = if kind == "p" { "PRIMARY KEY" } else { "UNIQUE" };
        self.define(number, &format!("{words} ({})", list(&columns)))?;
        self.usage(object, name, words, &columns)
    }

    /// A constraint in information_schema.
    fn usage(
        &self,
        object: &Object,
        name: &str,
        kind: &str,
        columns: &[String],
    ) -> rusqlite::Result<()> {
        let database = &self.facts.info.database;
        insert(
            self.connection,
            "information_schema.table_constraints",
            "constraint_catalog,constraint_schema,constraint_name,table_catalog,table_schema,\
             table_name,constraint_type,is_deferrable,initially_deferred,enforced",
            &[
                database,
                &"public",
                &name,
                database,
                &"public",
                &object.name,
                &kind,
                &"NO",
                &"NO",
                &"YES",
            ],
        )?;
        for (number, column) in (1_i64..).zip(columns) {
            insert(
                self.connection,
                "information_schema.key_column_usage",
                "constraint_catalog,constraint_schema,constraint_name,table_catalog,table_schema,\
                 table_name,column_name,ordinal_position",
                &[
                    database,
                    &"public",
                    &name,
                    database,
                    &"public",
                    &object.name,
                    column,
                    &number,
                ],
            )?;
        }
        Ok(())
    }

    /// Which columns and which index of the other table a foreign key points at, once all are
    /// there.
    fn point_keys(&self) -> rusqlite::Result<()> {
        let mut number = self.connection.prepare_cached(
            "SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid=?1 AND attname=?2",
        )?;
        let mut indexes = self.connection.prepare_cached(
            "SELECT indexrelid, indkey FROM pg_catalog.pg_index WHERE indrelid=?1 AND indisunique \
             AND indpred IS NULL ORDER BY indisprimary DESC, indexrelid",
        )?;
        let sorted = |mut numbers: Vec<String>| {
            numbers.sort();
            numbers
        };
        for (oid, table, columns) in &self.keys {
            let numbers: Vec<String> = columns
                .iter()
                .map(|c| number.query_row((table, c), |r| r.get::<_, i64>(0)))
                .filter_map(Result::ok)
                .map(|n| n.to_string())
                .collect();
            let wanted = sorted(numbers.clone());
            let index = indexes
                .query_map([table], |r| {
                    Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?))
                })?
                .filter_map(Result::ok)
                .find(|(_, key)| sorted(key.split(' ').map(str::to_owned).collect()) == wanted);
            self.connection
                .prepare_cached(
                    "UPDATE pg_catalog.pg_constraint SET confkey=?2, conindid=?3 WHERE oid=?1",
                )?
                .execute((
                    oid,
                    format!("{{{}}}", numbers.join(",")),
                    index.map_or(0, |(index, _)| index),
                ))?;
        }
        Ok(())
    }

    fn foreign_keys(
        &mut self,
        object: &Object,
        table: &Table,
        create: Option<&CreateTable>,
        oids: &HashMap<(&str, &str), i64>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete \
             FROM pragma_foreign_key_list(?1, ?2) ORDER BY id, seq",
        )?;
        let mut rows = statement.query([&object.name, object.database])?;
        let mut keys: Vec<ForeignKey> = Vec::new();
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let (from, to): (String, Option<String>) = (row.get(2)?, row.get(3)?);
            if keys.last().is_none_or(|k| k.id != id) {
                keys.push(ForeignKey {
                    id,
                    target: row.get(1)?,
                    from: Vec::new(),
                    to: Vec::new(),
                    on_update: row.get(4)?,
                    on_delete: row.get(5)?,
                });
            }
            if let Some(key) = keys.last_mut() {
                key.from.push(from);
                key.to.extend(to);
            }
        }
        for key in keys {
            let ForeignKey {
                target,
                from,
                mut to,
                on_update,
                on_delete,
                ..
            } = key;
            if to.is_empty() {
                // It is the other table's primary key that is meant.
                to = self.primary_key(object.database, &target)?;
            }
            let name = create
                .and_then(|c| constraint_name(c, "f", &from))
                .unwrap_or_else(|| format!("{}_{}_fkey", object.name, from.join("_")));
            let oid = self.number();
            self.keys
                .push((oid, other_of(oids, object, &target), to.clone()));
            let letter = |action: &str| match action {
                "CASCADE" => "c",
                "SET NULL" => "n",
                "SET DEFAULT" => "d",
                "RESTRICT" => "r",
                _ => "a",
            };
            let numbers: Vec<String> = from
                .iter()
                .filter_map(|c| table.columns.iter().position(|t| t.name == *c))
                .map(|i| i.saturating_add(1).to_string())
                .collect();
            let other = other_of(oids, object, &target);
            insert(
                self.connection,
                "pg_constraint",
                "oid,conname,connamespace,contype,convalidated,conrelid,confrelid,confupdtype,\
                 confdeltype,confmatchtype,conkey,conislocal,connoinherit",
                &[
                    &oid,
                    &name,
                    &2200,
                    &"f",
                    &1,
                    &object.oid,
                    &other,
                    &letter(&on_update),
                    &letter(&on_delete),
                    &"s",
                    &format!("{{{}}}", numbers.join(",")),
                    &1,
                    &1,
                ],
            )?;
            let mut text = format!(
                "FOREIGN KEY ({}) REFERENCES {}({})",
                list(&from),
                identifier(&target),
                list(&to)
            );
            for (word, action) in [("UPDATE", &on_update), ("DELETE", &on_delete)] {
                if action != "NO ACTION" {
                    text.push_str(&format!(" ON {word} {action}"));
                }
            }
            self.define(oid, &text)?;
            self.usage(object, &name, "FOREIGN KEY", &from)?;
        }
        Ok(())
    }

    fn primary_key(&self, database: &str, table: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name FROM pragma_table_info(?1, ?2) WHERE pk > 0 ORDER BY pk",
        )?;
        statement
            .query_map([table, database], |r| r.get::<_, String>(0))?
            .collect()
    }

    /// The friendlier views.
    fn shown(&self, object: &Object, table: &Table) -> rusqlite::Result<()> {
        let info = &self.facts.info;
        let kind = match (table.view, object.database) {
            (true, _) => "VIEW",
            (_, "temp") => "LOCAL TEMPORARY",
            _ => "BASE TABLE",
        };
        let writable = if table.view { "NO" } else { "YES" };
        insert(
            self.connection,
            "information_schema.tables",
            "table_catalog,table_schema,table_name,table_type,is_insertable_into,is_typed",
            &[
                &info.database,
                &object.schema,
                &object.name,
                &kind,
                &writable,
                &"NO",
            ],
        )?;
        if !table.view {
            return insert(
                self.connection,
                "pg_tables",
                "schemaname,tablename,tableowner,hasindexes",
                &[
                    &object.schema,
                    &object.name,
                    &info.user,
                    &!table.columns.is_empty(),
                ],
            );
        }
        let text = object.sql.as_deref().unwrap_or_default();
        let text = text.split_once("*/ ").map_or(text, |(_, t)| t);
        insert(
            self.connection,
            "pg_views",
            "schemaname,viewname,viewowner,definition",
            &[&object.schema, &object.name, &info.user, &text],
        )?;
        insert(
            self.connection,
            "information_schema.views",
            "table_catalog,table_schema,table_name,view_definition,check_option,is_updatable,is_insertable_into",
            &[
                &info.database,
                &object.schema,
                &object.name,
                &text,
                &"NONE",
                &"NO",
                &"NO",
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
