//! `pg_catalog` and `information_schema`: tables of two temporary databases beside the user's,
//! filled from SQLite's own schema when a statement reads them and something has changed.

mod derived;
mod enums;
mod expressions;
mod fill;
mod foreign_keys;
mod index_keys;
mod indexes;
mod opclasses;
mod rules;
mod sequences;
mod system;
mod usage;
mod views;

use rusqlite::Connection;

use crate::embedded::dialect::{COMMENTS, CONSTRAINT_COMMENTS, Names, types};
use crate::embedded::schema::{SqliteSchema, has_table};
pub(super) use derived::{find as derived, sequence as sequence_relation};
pub(super) use system::{Facts, oid_of};

/// The role that owns everything, PostgreSQL's bootstrap superuser.
pub(super) const OWNER: i64 = 10;
pub(super) const NAMESPACES: &[(i64, &str)] = &[
    (11, "pg_catalog"),
    (2200, "public"),
    (13_000, "information_schema"),
];
/// The first number that PostgreSQL gives to users' objects.
pub(super) const FIRST_OID: i64 = 16_384;
/// That of temporary ones.
pub(super) const FIRST_TEMP_OID: i64 = FIRST_OID + 1_000_000_000;

/// The catalogs' tables and their columns, as PostgreSQL 15 has them.
const TABLES: &str = include_str!("tables.txt");

/// The schema and name of a line of [`TABLES`].
fn name_of(line: &str) -> (&str, &str) {
    let name = line.split(": ").next().unwrap_or_default();
    name.split_once('.').unwrap_or(("pg_catalog", name))
}

/// The columns of a line of [`TABLES`], name and type.
fn columns_of(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, columns) = line.split_once(": ").unwrap_or((line, ""));
    columns.split(", ").filter_map(|c| c.split_once(' '))
}

/// Whether there is such a table.
pub(super) fn has(schema: &str, table: &str) -> bool {
    TABLES.lines().any(|line| name_of(line) == (schema, table))
}

/// Attaches the databases.
pub(super) fn attach(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute_batch("ATTACH ':memory:' AS pg_catalog; ATTACH ':memory:' AS information_schema")
}

/// Makes the tables.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    let mut sql = String::from(
        "SAVEPOINT pgtls_catalog; CREATE TABLE pg_catalog.pgtls_filled(main int8, temp int8);",
    );
    for line in TABLES.lines() {
        let (schema, name) = name_of(line);
        let columns: Vec<String> = columns_of(line)
            .map(|(name, kind)| {
                let declared = types::named(kind)
                    .and_then(|ty| types::declaration(&ty))
                    .ok();
                let declared = declared.unwrap_or_else(|| "node_text".into());
                // What is not said is false, or none.
                let default = match kind {
                    "bool" | "oid" | "regproc" | "xid" => " DEFAULT 0",
                    "int2" | "int4" if schema == "pg_catalog" => " DEFAULT 0",
                    _ => "",
                };
                format!("\"{name}\" {declared}{default}")
            })
            .collect();
        sql.push_str(&format!(
            "CREATE TABLE \"{schema}\".\"{name}\"({});",
            columns.join(",")
        ));
    }
    sql.push_str("RELEASE pgtls_catalog;");
    connection.execute_batch(&sql)
}

/// Brings the catalogs up to date, all or nothing.
pub(super) fn refresh(
    connection: &Connection,
    schema: &SqliteSchema<'_>,
    facts: &Facts,
) -> rusqlite::Result<()> {
    schema.attach()?;
    connection.execute_batch("SAVEPOINT pgtls_catalog")?;
    let result = refill(connection, schema, facts);
    if result.is_err() {
        connection.execute_batch("ROLLBACK TO pgtls_catalog")?;
    }
    connection.execute_batch("RELEASE pgtls_catalog")?;
    result
}

fn refill(
    connection: &Connection,
    schema: &SqliteSchema<'_>,
    facts: &Facts,
) -> rusqlite::Result<()> {
    let version = schema.version()?;
    let filled: Option<(i64, i64)> = connection
        .prepare_cached("SELECT main, temp FROM pg_catalog.pgtls_filled")?
        .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))
        .map(Some)
        .or_else(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => Ok(None),
            e => Err(e),
        })?;
    if filled.is_none() {
        system::fill(connection, facts)?;
    }
    system::session(connection, facts)?;
    if filled != Some(version) {
        fill::fill(connection, schema, facts)?;
        system::namespaces(connection, &facts.info.database, &facts.info.user)?;
        connection.execute("DELETE FROM pg_catalog.pgtls_filled", [])?;
        connection.execute(
            "INSERT INTO pg_catalog.pgtls_filled VALUES (?1, ?2)",
            version,
        )?;
    }
    comments(connection)
}

/// The session's cursors, as they are now.
pub(super) fn cursors(connection: &Connection, names: &Names) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM pg_catalog.pg_cursors", [])?;
    for (name, cursor) in &names.cursors {
        insert(
            connection,
            "pg_cursors",
            "name,statement,is_holdable,is_binary,is_scrollable",
            &[
                name,
                &cursor.statement,
                &cursor.hold,
                &false,
                &cursor.scroll,
            ],
        )?;
    }
    Ok(())
}

/// Comments change while the schema stays.
fn comments(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM pg_catalog.pg_description", [])?;
    if has_table(connection, COMMENTS)? {
        connection.execute(
            &format!(
                "INSERT INTO pg_catalog.pg_description(objoid,classoid,objsubid,description) \
                 SELECT c.oid, 1259, coalesce(a.attnum, 0), m.comment FROM main.{COMMENTS} m \
                 JOIN pg_catalog.pg_class c ON c.relname=m.object AND c.oid>={FIRST_OID} \
                 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid=c.oid AND a.attname=m.sub \
                 WHERE m.sub='' OR a.attnum IS NOT NULL \
                 UNION ALL SELECT 2200, 2615, 0, comment FROM main.{COMMENTS} WHERE object='' AND sub='public'"
            ),
            [],
        )?;
    }
    if has_table(connection, CONSTRAINT_COMMENTS)? {
        connection.execute(
            &format!(
                "INSERT INTO pg_catalog.pg_description(objoid,classoid,objsubid,description) \
                 SELECT k.oid, 2606, 0, m.comment FROM main.{CONSTRAINT_COMMENTS} m \
                 JOIN pg_catalog.pg_class c ON c.relname=m.object AND c.oid>={FIRST_OID} \
                 JOIN pg_catalog.pg_constraint k ON k.conrelid=c.oid AND k.conname=m.sub"
            ),
            [],
        )?;
    }
    connection.execute(
        "INSERT INTO pg_catalog.pg_description(objoid,classoid,objsubid,description) \
         SELECT 2200, 2615, 0, 'standard public schema' WHERE NOT EXISTS \
         (SELECT 1 FROM pg_catalog.pg_description WHERE objoid=2200 AND classoid=2615)",
        [],
    )?;
    Ok(())
}

/// `INSERT INTO pg_catalog.table(columns)` of one row.
fn insert(
    connection: &Connection,
    table: &str,
    columns: &str,
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    let places: Vec<String> = (1..=values.len()).map(|n| format!("?{n}")).collect();
    let schema = if table.contains('.') {
        ""
    } else {
        "pg_catalog."
    };
    let sql = format!(
        "INSERT INTO {schema}{table}({columns}) VALUES ({})",
        places.join(",")
    );
    connection.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}
