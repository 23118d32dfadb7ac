//! DISCARD: what of a session is let go.

use crate::embedded::dialect::quote;
use crate::embedded::error::respond;
use crate::embedded::sequences;
use crate::embedded::worker::Worker;
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::SessionCommand;

/// As SQLite has them; ours and its own stay.
const TEMPORARY: &str = "SELECT type, name FROM temp.sqlite_schema WHERE type IN ('table','view') \
     AND substr(name,1,7)<>'sqlite_' AND substr(name,1,6)<>'pgtls_' ORDER BY type DESC";

impl Worker<'_> {
    pub(super) fn discard(&mut self, command: &SessionCommand) -> Result<(), ErrorResponse> {
        match command {
            SessionCommand::DiscardAll if self.transaction.block => {
                return Err(ErrorResponse::error(
                    SqlState::ACTIVE_SQL_TRANSACTION,
                    "DISCARD ALL cannot run inside a transaction block",
                ));
            }
            SessionCommand::DiscardAll => {
                self.close_cursors(|_| false);
                self.drop_temporary("DISCARD ALL")?;
                sequences::forget();
                self.facts.info.locks.unlock_all();
            }
            SessionCommand::DiscardPart("DISCARD SEQUENCES") => sequences::forget(),
            SessionCommand::DiscardPart("DISCARD TEMP") => self.drop_temporary("DISCARD TEMP")?,
            _ => {}
        }
        Ok(())
    }

    fn drop_temporary(&self, tag: &str) -> Result<(), ErrorResponse> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            self.connection
                .prepare(TEMPORARY)?
                .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect()
        };
        let all = read().map_err(|e| respond(&e, None))?;
        if all.is_empty() {
            return Ok(());
        }
        if !self.is_quiet() {
            return Err(ErrorResponse::error(
                SqlState::OBJECT_IN_USE,
                format!("cannot {tag} because of active queries in this session"),
            ));
        }
        let mut sql = String::from("SAVEPOINT pgtls_discard; PRAGMA defer_foreign_keys=ON;");
        for (kind, name) in all {
            sql.push_str(&format!("DROP {kind} temp.{};", quote(&name)));
        }
        sql.push_str("PRAGMA defer_foreign_keys=OFF; RELEASE pgtls_discard");
        self.connection.execute_batch(&sql).map_err(|error| {
            // What is left of it is undone; that it was begun is no matter then.
            let _ = self
                .connection
                .execute_batch("ROLLBACK TO pgtls_discard; RELEASE pgtls_discard");
            respond(&error, None)
        })
    }
}
