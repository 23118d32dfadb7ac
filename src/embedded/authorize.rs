//! What a client may do to the server that holds its database.

use std::cell::Cell;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, Result};

/// Pragmas that read, or check, or change nothing but the session.
const PRAGMAS: &[&str] = &[
    "application_id",
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "defer_foreign_keys",
    "foreign_key_check",
    "foreign_key_list",
    "foreign_keys",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "optimize",
    "page_count",
    "page_size",
    "pragma_list",
    "quick_check",
    "schema_version",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

/// Closes the ways out of the database: other files, its own format, extensions.
pub(super) fn confine(connection: &mut Connection) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // As in PostgreSQL: foreign keys hold, and a name in double quotes is never a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.authorizer(Some(|context: AuthContext<'_>| decide(&context.action)))
}

thread_local! {
    static SCHEMA: Cell<bool> = const { Cell::new(false) };
}

/// Lets this thread write to SQLite's own table of the schema while `work` lasts.
pub(super) fn with_schema<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let defensive = |on| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, on);
    defensive(false)?;
    SCHEMA.set(true);
    let done = connection
        .execute_batch("PRAGMA writable_schema=ON")
        .and_then(|()| work());
    // The schema is read anew with it.
    let closed = connection.execute_batch("PRAGMA writable_schema=RESET");
    SCHEMA.set(false);
    defensive(true)?;
    let done = done?;
    closed.map(|()| done)
}

fn decide(action: &AuthAction<'_>) -> Authorization {
    match action {
        // VACUUM attaches a nameless temporary database, and the catalogs are in memory. A name
        // that is not a plain string comes as `Unknown`.
        AuthAction::Attach {
            filename: "" | ":memory:",
        } => Authorization::Allow,
        AuthAction::Attach { .. } | AuthAction::Unknown { .. } => Authorization::Deny,
        AuthAction::Pragma { pragma_name, .. }
            if SCHEMA.get() && *pragma_name == "writable_schema" =>
        {
            Authorization::Allow
        }
        AuthAction::Pragma { pragma_name, .. }
            if !PRAGMAS.contains(&pragma_name.to_ascii_lowercase().as_str()) =>
        {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_cannot_be_reached() {
        let place = tempfile::tempdir().unwrap();
        let mut connection = Connection::open(place.path().join("own.db")).unwrap();
        confine(&mut connection).unwrap();
        connection
            .execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES (1); VACUUM")
            .unwrap();
        let other = place.path().join("other.db");
        let other = other.display();
        for sql in [
            format!("ATTACH '{other}' AS o"),
            format!("ATTACH '{other}' || '' AS o"),
            format!("ATTACH (SELECT '{other}') AS o"),
            format!("VACUUM INTO '{other}'"),
            format!("VACUUM INTO '{other}' || ''"),
            "PRAGMA writable_schema=ON".into(),
            "PRAGMA journal_mode=OFF".into(),
            "PRAGMA temp_store_directory='/tmp'".into(),
            "SELECT load_extension('x')".into(),
        ] {
            let result = connection.execute_batch(&sql);
            assert!(result.is_err(), "{sql}");
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
        connection
            .query_row("PRAGMA table_info(t)", [], |_| Ok(()))
            .unwrap();
    }
}
