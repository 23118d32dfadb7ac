//! The views of `information_schema` that follow from `pg_catalog`.

use rusqlite::Connection;

/// To be called when the rest is there.
pub(super) fn fill(connection: &Connection, database: &str) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DELETE FROM information_schema.sequences; \
         DELETE FROM information_schema.constraint_column_usage",
    )?;
    // A sequence that is part of an identity column is none of its own.
    connection.execute(
        "INSERT INTO information_schema.sequences \
         SELECT ?1, 'public', c.relname, \
         CASE s.seqtypid WHEN 21 THEN 'smallint' WHEN 23 THEN 'integer' ELSE 'bigint' END, \
         CASE s.seqtypid WHEN 21 THEN 16 WHEN 23 THEN 32 ELSE 64 END, 2, 0, \
         s.seqstart, s.seqmin, s.seqmax, s.seqincrement, iif(s.seqcycle,'YES','NO') \
         FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid=s.seqrelid \
         WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid=c.oid AND d.deptype='i')",
        [database],
    )?;
    // Of a foreign key the columns that it refers to.
    connection.execute(
        "INSERT INTO information_schema.constraint_column_usage \
         SELECT DISTINCT ?1, 'public', t.relname, a.attname, ?1, 'public', c.conname \
         FROM pg_catalog.pg_constraint c \
         JOIN pg_catalog.pg_class t ON t.oid=iif(c.contype='f',c.confrelid,c.conrelid) \
         JOIN json_each('['||trim(iif(c.contype='f',c.confkey,c.conkey),'{}')||']') k \
         JOIN pg_catalog.pg_attribute a ON a.attrelid=t.oid AND a.attnum=k.value",
        [database],
    )?;
    Ok(())
}
