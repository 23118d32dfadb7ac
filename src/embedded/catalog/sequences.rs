//! The rows about sequences.

use rusqlite::Connection;

use crate::embedded::catalog::{OWNER, insert};
use crate::embedded::dialect::{CACHES, SEQUENCES, serial_name};
use crate::embedded::schema::has_table;
use crate::embedded::sequences::{owned, serials};

/// Those of serial columns and the others; `number` gives numbers for what has none in SQLite.
pub(super) fn fill(
    connection: &Connection,
    mut number: impl FnMut() -> i64,
) -> rusqlite::Result<()> {
    connection
        .execute_batch("DELETE FROM pg_catalog.pg_sequence; DELETE FROM pg_catalog.pg_depend")?;
    for (table, column) in serials(connection)? {
        let oid = number();
        class(connection, oid, &serial_name(&table, &column))?;
        connection.execute(
            "INSERT INTO pg_catalog.pg_sequence(seqrelid,seqtypid,seqstart,seqincrement,seqmax,seqmin,seqcache) \
             SELECT ?1, a.atttypid, 1, 1, CASE a.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 \
             ELSE 9223372036854775807 END, 1, 1 FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid=a.attrelid WHERE c.relname=?2 AND a.attname=?3 AND c.relkind='r'",
            (oid, &table, &column),
        )?;
        // An identity column's sequence is part of it.
        connection.execute(
            "INSERT INTO pg_catalog.pg_depend(classid,objid,objsubid,refclassid,refobjid,refobjsubid,deptype) \
             SELECT 1259, ?1, 0, 1259, c.oid, a.attnum, iif(a.attidentity='','a','i') \
             FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid=a.attrelid \
             WHERE c.relname=?2 AND a.attname=?3 AND c.relkind='r'",
            (oid, &table, &column),
        )?;
    }
    if has_table(connection, SEQUENCES)? {
        own(connection, number)?;
    }
    if has_table(connection, CACHES)? {
        connection.execute(
            &format!(
                "UPDATE pg_catalog.pg_sequence AS s SET seqcache=k.cache FROM main.{CACHES} k \
                 JOIN pg_catalog.pg_class c ON c.relname=k.name AND c.relkind='S' WHERE s.seqrelid=c.oid"
            ),
            [],
        )?;
    }
    // A default that draws from a sequence depends on it.
    connection.execute(
        "INSERT INTO pg_catalog.pg_depend(classid,objid,objsubid,refclassid,refobjid,refobjsubid,deptype) \
         SELECT 2604, d.oid, 0, 1259, c.oid, 0, 'n' FROM pg_catalog.pg_attrdef d \
         JOIN pg_catalog.pg_class c ON c.relkind='S' AND instr(d.adbin, 'nextval(''public.'\
         ||replace(quote_ident(c.relname),'''','''''')||'''::regclass)')",
        [],
    )?;
    connection.execute(
        "INSERT INTO pg_catalog.pg_depend(classid,objid,objsubid,refclassid,refobjid,refobjsubid,deptype) \
         SELECT 2604, oid, 0, 1259, adrelid, adnum, 'a' FROM pg_catalog.pg_attrdef",
        [],
    )?;
    connection.execute(
        "UPDATE information_schema.columns AS c SET identity_start=s.seqstart, \
         identity_increment=s.seqincrement, identity_maximum=s.seqmax, identity_minimum=s.seqmin, \
         identity_cycle=iif(s.seqcycle,'YES','NO') \
         FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_sequence s ON s.seqrelid=d.objid \
         JOIN pg_catalog.pg_class t ON t.oid=d.refobjid \
         JOIN pg_catalog.pg_attribute a ON a.attrelid=t.oid AND a.attnum=d.refobjsubid \
         WHERE d.deptype='i' AND c.is_identity='YES' AND c.table_name=t.relname \
         AND c.column_name=a.attname",
        [],
    )?;
    Ok(())
}

/// Those that were made as such.
fn own(connection: &Connection, mut number: impl FnMut() -> i64) -> rusqlite::Result<()> {
    let names: Vec<String> = connection
        .prepare(&format!("SELECT name FROM main.{SEQUENCES}"))?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let owned = owned(connection)?;
    for name in names {
        let oid = number();
        class(connection, oid, &name)?;
        for (_, table, column) in owned.iter().filter(|(s, ..)| *s == name) {
            connection.execute(
                "INSERT INTO pg_catalog.pg_depend(classid,objid,objsubid,refclassid,refobjid,refobjsubid,deptype) \
                 SELECT 1259, ?1, 0, 1259, c.oid, a.attnum, iif(a.attidentity='','a','i') \
                 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid=a.attrelid \
                 WHERE c.relname=?2 AND a.attname=?3 AND c.relkind='r'",
                (oid, table, column),
            )?;
        }
        connection.execute(
            &format!(
                "INSERT INTO pg_catalog.pg_sequence(seqrelid,seqtypid,seqstart,seqincrement,seqmax,seqmin,seqcache,seqcycle) \
                 SELECT ?1, kind, start, step, high, low, 1, cycle FROM main.{SEQUENCES} WHERE name=?2"
            ),
            (oid, &name),
        )?;
    }
    Ok(())
}

fn class(connection: &Connection, oid: i64, name: &str) -> rusqlite::Result<()> {
    insert(
        connection,
        "pg_class",
        "oid,relname,relnamespace,relowner,relam,relfilenode,reltuples,relpersistence,relkind,\
         relnatts,relispopulated,relreplident",
        &[
            &oid, &name, &2200, &OWNER, &0, &oid, &1, &"p", &"S", &3, &1, &"n",
        ],
    )
}
