//! Whether the schema `public` is there: it can be dropped, with all that is in it, and made again.
//! That is the thread's to know, as a session is.

use std::cell::Cell;

use rusqlite::Connection;

use crate::embedded::schema::has_table;

/// The table that says it is gone.
pub(super) const GONE: &str = "pgtls_no_public";

thread_local! {
    static THERE: Cell<bool> = const { Cell::new(true) };
}

/// To be called when the schema of SQLite is another.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<()> {
    THERE.set(!has_table(connection, GONE)?);
    Ok(())
}

pub(super) fn is_there() -> bool {
    THERE.get()
}
