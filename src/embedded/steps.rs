//! Runs what changes the schema.

use rusqlite::{Connection, OptionalExtension};

use crate::embedded::authorize;
use crate::embedded::dialect::{Step, quote};
use crate::embedded::error::respond;
use crate::embedded::schema::SqliteSchema;
use crate::error_response::ErrorResponse;

/// One step. It must be in a transaction, which cannot be kept if it fails.
pub(super) fn run(
    connection: &Connection,
    schema: &SqliteSchema<'_>,
    step: &Step,
) -> Result<(), ErrorResponse> {
    let told = |e: rusqlite::Error| respond(&e, Some(schema));
    match step {
        // The client is told.
        Step::Notice(_) => Ok(()),
        Step::Sql(sql) => connection
            .prepare_cached(sql)
            .and_then(|mut s| s.raw_execute())
            .map(drop)
            .map_err(told),
        Step::Refuse { query, error } => {
            let found: Option<rusqlite::types::Value> = connection
                .prepare(query)
                .and_then(|mut s| s.query_row([], |r| r.get(0)).optional())
                .map_err(told)?;
            match found {
                None => Ok(()),
                Some(rusqlite::types::Value::Text(detail)) => {
                    Err((**error).clone().with_detail(detail))
                }
                Some(_) => Err((**error).clone()),
            }
        }
        Step::Define {
            database,
            name,
            new_name,
            sql,
        } => define(connection, database, (name, new_name), sql).map_err(told),
        Step::ViewText {
            database,
            name,
            old,
            new,
        } => {
            let sql: String = connection
                .prepare(&format!(
                    "SELECT sql FROM \"{database}\".sqlite_schema WHERE type IN ('view','index') AND name=?1"
                ))
                .and_then(|mut s| s.query_row([name], |r| r.get(0)))
                .map_err(told)?;
            define(
                connection,
                database,
                (name, name),
                &sql.replacen(old, new, 1),
            )
            .map_err(told)
        }
    }
}

/// As SQLite's documentation has it, "Making Other Kinds Of Table Schema Changes": the text is
/// changed, and the number of the schema, so that everybody reads it anew.
fn define(
    connection: &Connection,
    database: &str,
    (name, new_name): (&str, &str),
    sql: &str,
) -> rusqlite::Result<()> {
    authorize::with_schema(connection, || {
        connection
            .prepare(&format!(
                "UPDATE {}.sqlite_schema SET name=?2, sql=?3 WHERE name=?1 AND type IN ('table','index','view')",
                quote(database)
            ))?
            .execute([name, new_name, sql])?;
        let version: i64 = connection.query_row(
            &format!("PRAGMA {}.schema_version", quote(database)),
            [],
            |r| r.get(0),
        )?;
        connection.execute_batch(&format!(
            "PRAGMA {}.schema_version={}",
            quote(database),
            version.wrapping_add(1)
        ))
    })?;
    // What cannot be read is told here, not to the next one who comes.
    connection
        .prepare(&format!(
            "SELECT count(*) FROM {}.sqlite_schema",
            quote(database)
        ))
        .map(drop)
}
