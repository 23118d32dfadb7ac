//! The tables there are, by SQLite's own accounts of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, MAIN_DB, OptionalExtension, TransactionState};

use crate::embedded::catalog;
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{
    ALWAYS, BY_DEFAULT, Fault, Index, NOT_NULL_KEY, OWNED, PRIMARY_MARK, SEQUENCES, Schema,
    Sequence, Table, TableColumn, VIEW_TYPES, View, identity_mark, key_name, quote,
    stands_for_constraint,
};
use crate::embedded::enums;
use crate::embedded::error::fault;
use crate::embedded::public;
use crate::embedded::sequences;
use crate::error_response::SqlState;

/// Tables remembered, at most.
const MAX_CACHE: usize = 1_000;

/// The schema as one connection sees it.
pub(super) struct SqliteSchema<'c> {
    connection: &'c Connection,
    cache: RefCell<Cache>,
    /// Whether a system catalog was asked for since the last look.
    system: Cell<bool>,
    /// Whether the system catalogs are there. A session that never reads them does without.
    attached: Cell<bool>,
}

#[derive(Default)]
struct Cache {
    version: (i64, i64),
    tables: HashMap<(&'static str, String), Option<Rc<Table>>>,
}

impl<'c> SqliteSchema<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            cache: RefCell::default(),
            system: Cell::new(false),
            attached: Cell::new(false),
        }
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Changes whenever a table does.
    pub(super) fn version(&self) -> rusqlite::Result<(i64, i64)> {
        let read = |sql: &str| -> rusqlite::Result<i64> {
            self.connection
                .prepare_cached(sql)?
                .query_row([], |r| r.get(0))
        };
        Ok((
            read("PRAGMA main.schema_version")?,
            read("PRAGMA temp.schema_version")?,
        ))
    }

    /// Whether a transaction has read, and not written.
    pub(super) fn holds_snapshot(&self) -> bool {
        let state = self.connection.transaction_state(Some(MAIN_DB));
        !self.connection.is_autocommit() && state == Ok(TransactionState::Read)
    }

    /// To be called before a statement is translated: forgets what is no longer so.
    pub(super) fn refresh(&self) -> rusqlite::Result<()> {
        self.come_to(self.version()?)?;
        self.system.set(false);
        Ok(())
    }

    /// A transaction was undone. The next change may have the number of one that is gone.
    pub(super) fn undone(&self) {
        let come = self.version().and_then(|version| self.come_to(version));
        if let Err(error) = come {
            tracing::debug!(target: "pgtls::sqlite", %error, "the schema after a rollback");
        }
    }

    /// Forgets what is of another version than this.
    pub(super) fn come_to(&self, version: (i64, i64)) -> rusqlite::Result<()> {
        let mut cache = self.cache.borrow_mut();
        if cache.version != version || cache.tables.len() > MAX_CACHE {
            cache.version = version;
            cache.tables.clear();
            enums::load(self.connection)?;
            public::load(self.connection)?;
        }
        Ok(())
    }

    /// Makes the catalogs' tables, empty.
    pub(super) fn attach(&self) -> rusqlite::Result<()> {
        if !self.attached.get() {
            catalog::attach(self.connection)?;
            self.attached.set(true);
        }
        // Made in a transaction that was rolled back, they are gone with it.
        let there = self
            .connection
            .prepare_cached("SELECT 1 FROM pg_catalog.sqlite_schema")?
            .exists([])?;
        if there {
            return Ok(());
        }
        catalog::create(self.connection)
    }

    /// Whether the statement at hand reads a system catalog.
    pub(super) fn needs_catalog(&self) -> bool {
        self.system.get()
    }

    pub(super) fn find(
        &self,
        database: &'static str,
        name: &str,
    ) -> rusqlite::Result<Option<Rc<Table>>> {
        let key = (database, name.to_owned());
        if let Some(known) = self.cache.borrow().tables.get(&key) {
            return Ok(known.clone());
        }
        let found = self.read(database, name)?.map(Rc::new);
        self.cache.borrow_mut().tables.insert(key, found.clone());
        Ok(found)
    }

    /// The name of the unique constraint or index of these columns.
    pub(super) fn unique_name(
        &self,
        database: &'static str,
        table: &str,
        columns: &[&str],
    ) -> String {
        if let Some(name) = self.index_of(database, table, columns).ok().flatten() {
            return name;
        }
        let found = self.find(database, table).ok().flatten();
        let owned: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let definition = found.as_ref().map_or("", |t| t.definition.as_str());
        let given = ["p", "u"]
            .iter()
            .find_map(|kind| key_name(definition, kind, &owned));
        if let Some(name) = given {
            return name;
        }
        let keys = found.iter().flat_map(|t| &t.columns).filter(|c| c.key);
        if keys.map(|c| c.name.as_str()).eq(columns.iter().copied()) {
            return format!("{table}_pkey");
        }
        format!("{table}_{}_key", columns.join("_"))
    }

    /// The unique index that was made by name.
    fn index_of(
        &self,
        database: &str,
        table: &str,
        columns: &[&str],
    ) -> rusqlite::Result<Option<String>> {
        self.connection
            .prepare_cached(
                "SELECT l.name FROM pragma_index_list(?1, ?3) l WHERE l.\"unique\" AND l.origin='c' AND \
                 (SELECT group_concat(i.name) FROM pragma_index_info(l.name, ?3) i)=?2",
            )?
            .query_row([table, &columns.join(","), database], |r| r.get(0))
            .optional()
    }

    /// The user's table that an index is of.
    pub(super) fn table_of_index(&self, name: &str) -> Option<String> {
        let sql = "SELECT tbl_name FROM main.sqlite_schema WHERE type='index' AND name=?1";
        self.strings(sql, name).ok()?.pop()
    }

    /// The name of a table's foreign key.
    pub(super) fn foreign_key_name(&self, table: &str, columns: &[String]) -> String {
        let found = self.find("main", table).ok().flatten();
        found
            .and_then(|t| key_name(&t.definition, "f", columns))
            .unwrap_or_else(|| format!("{table}_{}_fkey", columns.join("_")))
    }

    /// The one table with a check of that name.
    pub(super) fn table_of_check(&self, name: &str) -> Option<String> {
        let found = self.strings(
            "SELECT name FROM main.sqlite_schema WHERE type='table' AND instr(sql, ?1)",
            &format!("CONSTRAINT {} CHECK", quote(name)),
        );
        match found.ok()?.as_slice() {
            [table] => Some(table.clone()),
            _ => None,
        }
    }

    fn strings(&self, sql: &str, argument: &str) -> rusqlite::Result<Vec<String>> {
        self.connection
            .prepare_cached(sql)?
            .query_map([argument], |r| r.get(0))?
            .collect()
    }

    pub(super) fn indexes_of(&self, database: &str, table: &str) -> rusqlite::Result<Vec<Index>> {
        let mut list = self.connection.prepare_cached(&format!(
            "SELECT l.name, l.\"unique\", l.partial, s.sql FROM pragma_index_list(?1, ?2) l \
             LEFT JOIN \"{database}\".sqlite_schema s ON s.type='index' AND s.name=l.name"
        ))?;
        let mut columns = self.connection.prepare_cached(
            "SELECT name FROM pragma_index_xinfo(?1, ?2) WHERE key ORDER BY seqno",
        )?;
        let mut all: Vec<Index> = list
            .query_map([table, database], |r| {
                let (unique, partial): (bool, bool) = (r.get(1)?, r.get(2)?);
                Ok(Index {
                    name: r.get(0)?,
                    unique: unique && !partial,
                    sql: r.get(3)?,
                    columns: Vec::new(),
                    constraint: false,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        for index in &mut all {
            let names = columns.query_map([&index.name, database], |r| r.get(0))?;
            index.columns = names.collect::<rusqlite::Result<_>>()?;
            index.constraint = index.sql.as_deref().is_some_and(stands_for_constraint);
        }
        Ok(all)
    }

    fn read(&self, database: &'static str, name: &str) -> rusqlite::Result<Option<Table>> {
        if name == "pgtls_sequence_state" && database == "pg_catalog" {
            return catalog::derived(self, database, name);
        }
        if name.starts_with("sqlite_") || name.starts_with("pgtls_") {
            return Ok(None);
        }
        if matches!(database, "pg_catalog" | "information_schema") {
            if !catalog::has(database, name) {
                return catalog::derived(self, database, name);
            }
            self.attach()?;
        }
        let sql = format!(
            "SELECT type, sql, rowid FROM \"{database}\".sqlite_schema WHERE name=?1 AND type IN ('table','view')"
        );
        let row: Option<(String, String, i64)> = self
            .connection
            .prepare_cached(&sql)?
            .query_row([name], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()?;
        let Some((kind, sql, row)) = row else {
            return Ok(None);
        };
        let view = kind == "view";
        let view_types = view.then(|| view_types(&sql)).flatten().unwrap_or_default();
        let mut statement = self.connection.prepare_cached(
            "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, ?2)",
        )?;
        let mut rows = statement.query([name, database])?;
        let mut columns: Vec<TableColumn> = Vec::new();
        let mut keys = 0_u32;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let declared: String = row.get::<_, Option<String>>(1)?.unwrap_or_default();
            let key = row.get::<_, i64>(4)? > 0;
            keys += u32::from(key);
            let hidden: i64 = row.get(5)?;
            let ty = view_types
                .get(columns.len())
                .cloned()
                .unwrap_or_else(|| types::declared(&declared));
            columns.push(TableColumn {
                counts: key && declared.eq_ignore_ascii_case("integer"),
                identity: "",
                ty,
                not_null: row.get::<_, i64>(2)? != 0,
                default: row.get(3)?,
                generated: hidden >= 2,
                key,
                name,
            });
        }
        for column in &mut columns {
            column.counts &= keys == 1;
            for (mark, letter) in [(ALWAYS, "a"), (BY_DEFAULT, "d")] {
                if sql.contains(mark) && sql.contains(&identity_mark(mark, &column.name)) {
                    column.identity = letter;
                }
            }
            if column.counts {
                if !sql.contains("AUTOINCREMENT") {
                    column.identity = "d";
                }
                let quoted = quote(&column.name);
                let bounded = |low: i64| sql.contains(&format!("{quoted} BETWEEN {low} AND"));
                if bounded(i32::MIN.into()) {
                    column.ty = postgres_types::Type::INT4.into();
                } else if bounded(i16::MIN.into()) {
                    column.ty = postgres_types::Type::INT2.into();
                }
            }
            column.not_null |= column.counts || column.key && sql.contains(NOT_NULL_KEY);
        }
        let system = database == "pg_catalog" || database == "information_schema";
        if keys == 0 && !view && !system {
            let indexes = self.indexes_of(database, name)?;
            let marked = |sql: &String| sql.contains(PRIMARY_MARK);
            let primary = indexes.iter().find(|i| i.sql.as_ref().is_some_and(marked));
            for column in &mut columns {
                let named = Some(column.name.clone());
                column.key = primary.is_some_and(|i| i.columns.contains(&named));
            }
        }
        Ok(Some(Table {
            database,
            oid: match database {
                "main" => u32::try_from(row.saturating_add(catalog::FIRST_OID)).unwrap_or(0),
                "temp" => u32::try_from(row.saturating_add(catalog::FIRST_TEMP_OID)).unwrap_or(0),
                _ => 0,
            },
            definition: sql,
            sql: format!("\"{database}\".{}", quote(name)),
            name: name.to_owned(),
            view,
            system,
            columns,
        }))
    }
}

/// Whether one of our own tables is there.
pub(super) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM main.sqlite_schema WHERE type='table' AND name=?1")?
        .exists([name])
}

/// The columns' types, which a view carries in a comment.
fn view_types(sql: &str) -> Option<Vec<Ty>> {
    let (_, tail) = sql.split_once(VIEW_TYPES)?;
    let (list, _) = tail.split_once("*/")?;
    Some(list.split(';').map(types::declared).collect())
}

impl Schema for SqliteSchema<'_> {
    fn table(&self, namespace: Option<&str>, name: &str) -> Result<Option<Rc<Table>>, Fault> {
        let places: &[&'static str] = match namespace {
            None => &["temp", "pg_catalog", "main"],
            Some("public" | "main") => &["main"],
            Some("temp" | "pg_temp") => &["temp"],
            Some("pg_catalog") => &["pg_catalog"],
            Some("information_schema") => &["information_schema"],
            Some(other) => {
                return Err(Fault::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("relation \"{other}.{name}\" does not exist"),
                ));
            }
        };
        for place in places {
            if let Some(table) = self.find(place, name).map_err(|e| fault(&e))? {
                if table.system {
                    self.system.set(true);
                }
                return Ok(Some(table));
            }
        }
        Ok(None)
    }

    fn index_exists(&self, name: &str) -> Result<bool, Fault> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT 1 FROM main.sqlite_schema WHERE type='index' AND name=?1 \
                 UNION ALL SELECT 1 FROM temp.sqlite_schema WHERE type='index' AND name=?1",
            )
            .and_then(|mut s| s.exists([name]));
        found.map_err(|e| fault(&e))
    }

    fn index_text(&self, name: &str) -> Result<Option<(String, String)>, Fault> {
        self.connection
            .prepare_cached(
                "SELECT 'main', sql FROM main.sqlite_schema WHERE type='index' AND name=?1 \
                 UNION ALL SELECT 'temp', sql FROM temp.sqlite_schema WHERE type='index' AND name=?1",
            )
            .and_then(|mut s| {
                s.query_row([name], |r| Ok((r.get(0)?, r.get::<_, Option<String>>(1)?)))
                    .optional()
            })
            .map(|found| found.and_then(|(database, sql)| Some((database, sql?))))
            .map_err(|e| fault(&e))
    }

    fn indexes(&self, table: &Table) -> Result<Vec<Index>, Fault> {
        self.indexes_of(table.database, &table.name)
            .map_err(|e| fault(&e))
    }

    fn referencing(&self, table: &str) -> Result<Vec<String>, Fault> {
        self.strings(
            "SELECT DISTINCT s.name FROM main.sqlite_schema s, pragma_foreign_key_list(s.name, 'main') f \
             WHERE s.type='table' AND f.\"table\"=?1 COLLATE NOCASE",
            table,
        )
        .map_err(|e| fault(&e))
    }

    fn views(&self) -> Result<Vec<(String, String)>, Fault> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            self.connection
                .prepare_cached("SELECT name, sql FROM main.sqlite_schema WHERE type='view'")?
                .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect()
        };
        read().map_err(|e| fault(&e))
    }

    fn all_views(&self) -> Result<Vec<View>, Fault> {
        let read = |database: &'static str| -> rusqlite::Result<Vec<View>> {
            self.connection
                .prepare_cached(&format!(
                    "SELECT name, sql FROM \"{database}\".sqlite_schema WHERE type='view'"
                ))?
                .query_map([], |r| {
                    Ok(View {
                        database,
                        name: r.get(0)?,
                        sql: r.get(1)?,
                    })
                })?
                .collect()
        };
        let mut all = read("main").map_err(|e| fault(&e))?;
        all.extend(read("temp").map_err(|e| fault(&e))?);
        Ok(all)
    }

    fn sequence_rows(&self, name: &str) -> Result<Option<Rc<Table>>, Fault> {
        let found = catalog::sequence_relation(self, name);
        found.map(|t| t.map(Rc::new)).map_err(|e| fault(&e))
    }

    fn has_sequence(&self, name: &str) -> Result<bool, Fault> {
        sequences::there(self.connection, name).map_err(|e| fault(&e))
    }

    fn sequence_names(&self) -> Result<Vec<String>, Fault> {
        let read = || match has_table(self.connection, SEQUENCES)? {
            true => self.strings(
                &format!("SELECT name FROM main.{SEQUENCES} WHERE name>=?1 ORDER BY name"),
                "",
            ),
            false => Ok(Vec::new()),
        };
        read().map_err(|e| fault(&e))
    }

    fn sequence(&self, name: &str) -> Result<Option<Sequence>, Fault> {
        sequences::known(self.connection, name).map_err(|e| fault(&e))
    }

    fn serial_of(&self, name: &str) -> Result<Option<String>, Fault> {
        sequences::serial_of(self.connection, name).map_err(|e| fault(&e))
    }

    fn has_owned(&self) -> Result<bool, Fault> {
        has_table(self.connection, OWNED).map_err(|e| fault(&e))
    }

    fn tables_with(&self, text: &str) -> Result<Vec<String>, Fault> {
        let sql = "SELECT name FROM main.sqlite_schema WHERE type='table' AND instr(sql, ?1)";
        self.strings(sql, text).map_err(|e| fault(&e))
    }

    fn plan_of(&self, sql: &str) -> Result<Vec<(i64, i64, String)>, Fault> {
        let read = || -> rusqlite::Result<Vec<(i64, i64, String)>> {
            self.connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?
                .raw_query()
                .mapped(|r| Ok((r.get(0)?, r.get(1)?, r.get(3)?)))
                .collect()
        };
        read().map_err(|e| fault(&e))
    }

    fn keeps(&self, table: &str) -> Result<bool, Fault> {
        has_table(self.connection, table).map_err(|e| fault(&e))
    }

    fn use_catalog(&self) {
        self.system.set(true);
    }
}
