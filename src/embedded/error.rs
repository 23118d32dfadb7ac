//! SQLite's errors as PostgreSQL's.

use rusqlite::ffi;

use crate::error_response::{ErrorResponse, SqlState};

/// Extended result codes (SQLite docs, "Result and Error Codes") and what PostgreSQL calls them.
const EXTENDED: &[(i32, SqlState)] = &[
    (ffi::SQLITE_BUSY_SNAPSHOT, SqlState::SERIALIZATION_FAILURE),
    (ffi::SQLITE_CONSTRAINT_CHECK, SqlState::CHECK_VIOLATION),
    (
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
        SqlState::FOREIGN_KEY_VIOLATION,
    ),
    (ffi::SQLITE_CONSTRAINT_NOTNULL, SqlState::NOT_NULL_VIOLATION),
    (
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        SqlState::UNIQUE_VIOLATION,
    ),
    (ffi::SQLITE_CONSTRAINT_ROWID, SqlState::UNIQUE_VIOLATION),
    (ffi::SQLITE_CONSTRAINT_UNIQUE, SqlState::UNIQUE_VIOLATION),
    (ffi::SQLITE_CONSTRAINT_DATATYPE, SqlState::DATATYPE_MISMATCH),
];

/// Primary result codes.
const PRIMARY: &[(i32, SqlState)] = &[
    (ffi::SQLITE_AUTH, SqlState::INSUFFICIENT_PRIVILEGE),
    (ffi::SQLITE_BUSY, SqlState::LOCK_NOT_AVAILABLE),
    (ffi::SQLITE_CANTOPEN, SqlState::IO_ERROR),
    (ffi::SQLITE_CONSTRAINT, SqlState::CHECK_VIOLATION),
    (ffi::SQLITE_CORRUPT, SqlState::DATA_CORRUPTED),
    (ffi::SQLITE_FULL, SqlState::DISK_FULL),
    (ffi::SQLITE_INTERRUPT, SqlState::QUERY_CANCELED),
    (ffi::SQLITE_IOERR, SqlState::IO_ERROR),
    (ffi::SQLITE_LOCKED, SqlState::LOCK_NOT_AVAILABLE),
    (ffi::SQLITE_MISMATCH, SqlState::DATATYPE_MISMATCH),
    (ffi::SQLITE_NOMEM, SqlState::OUT_OF_MEMORY),
    (ffi::SQLITE_NOTADB, SqlState::DATA_CORRUPTED),
    (ffi::SQLITE_READONLY, SqlState::READ_ONLY_SQL_TRANSACTION),
    (ffi::SQLITE_TOOBIG, SqlState::PROGRAM_LIMIT_EXCEEDED),
];

/// SQLite tells errors in the text of a statement apart by their words only.
const WORDS: &[(&str, SqlState)] = &[
    ("syntax error", SqlState::SYNTAX_ERROR),
    ("incomplete input", SqlState::SYNTAX_ERROR),
    ("unrecognized token", SqlState::SYNTAX_ERROR),
    ("no such table", SqlState::UNDEFINED_TABLE),
    ("no such view", SqlState::UNDEFINED_TABLE),
    ("no such column", SqlState::UNDEFINED_COLUMN),
    ("has no column named", SqlState::UNDEFINED_COLUMN),
    ("ambiguous column name", SqlState::AMBIGUOUS_COLUMN),
    ("no such function", SqlState::UNDEFINED_FUNCTION),
    (
        "wrong number of arguments to function",
        SqlState::UNDEFINED_FUNCTION,
    ),
    ("already exists", SqlState::DUPLICATE_TABLE),
    ("no such", SqlState::UNDEFINED_OBJECT),
    ("not authorized", SqlState::INSUFFICIENT_PRIVILEGE),
    (
        "cannot VACUUM from within a transaction",
        SqlState::ACTIVE_SQL_TRANSACTION,
    ),
];

/// The error as the client is told it; `script` is the text it sent, for the position.
pub(super) fn respond(error: &rusqlite::Error, script: &str) -> ErrorResponse {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            let message = message.clone().unwrap_or_else(|| code.to_string());
            answer(code.extended_code, message)
        }
        rusqlite::Error::SqlInputError {
            error,
            msg,
            sql,
            offset,
        } => {
            let answer = answer(error.extended_code, msg.clone());
            match position(script, sql, *offset) {
                Some(position) => answer.with_position(position),
                None => answer,
            }
        }
        other => ErrorResponse::error(SqlState::INTERNAL_ERROR, other.to_string()),
    }
}

fn answer(extended: i32, message: String) -> ErrorResponse {
    let primary = extended & 0xff;
    let code = find(EXTENDED, extended)
        .or_else(|| find(PRIMARY, primary))
        .or_else(|| {
            WORDS
                .iter()
                .find(|(words, _)| message.contains(words))
                .map(|(_, code)| *code)
        })
        .unwrap_or(SqlState::SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION);
    if code == SqlState::QUERY_CANCELED {
        return ErrorResponse::error(code, "canceling statement due to user request");
    }
    ErrorResponse::error(code, message)
}

fn find(table: &[(i32, SqlState)], wanted: i32) -> Option<SqlState> {
    table
        .iter()
        .find(|(code, _)| *code == wanted)
        .map(|(_, state)| *state)
}

/// Where in the script the error is, in characters from 1. SQLite counts bytes from the start of
/// what it was given, the tail of the script.
fn position(script: &str, tail: &str, offset: i32) -> Option<u32> {
    let start = script.len().checked_sub(tail.len())?;
    let bytes = start.checked_add(usize::try_from(offset).ok()?)?;
    let before = script.get(..bytes)?;
    u32::try_from(before.chars().count()).ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn sqlstates_are_those_that_drivers_rely_on() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys=ON; CREATE TABLE t(a INTEGER PRIMARY KEY, b NOT NULL UNIQUE, \
                 c CHECK (c > 0)); INSERT INTO t VALUES (1, 1, 1); CREATE TABLE u(a REFERENCES t(a))",
            )
            .unwrap();
        let cases = [
            ("SELEC 1", "42601"),
            ("SELECT 'x", "42601"),
            ("SELECT (1", "42601"),
            ("SELECT * FROM nope", "42P01"),
            ("SELECT nope FROM t", "42703"),
            ("INSERT INTO t(nope) VALUES (1)", "42703"),
            ("SELECT a FROM t, u", "42702"),
            ("SELECT nope(1)", "42883"),
            ("CREATE TABLE t(a)", "42P07"),
            ("INSERT INTO t VALUES (1, 2, 1)", "23505"),
            ("INSERT INTO t VALUES (2, 1, 1)", "23505"),
            ("INSERT INTO t VALUES (2, NULL, 1)", "23502"),
            ("INSERT INTO t VALUES (2, 2, 0)", "23514"),
            ("INSERT INTO u VALUES (7)", "23503"),
            ("INSERT INTO t VALUES ('x', 2, 1)", "42804"),
        ];
        for (sql, code) in cases {
            let error = connection.execute_batch(sql).unwrap_err();
            assert_eq!(respond(&error, sql).code().as_str(), code, "{sql}: {error}");
        }
    }

    #[test]
    fn positions_count_characters_of_the_whole_script() {
        assert_eq!(position("select 'ü'; selec 1", " selec 1", 1), Some(13));
        assert_eq!(position("a", "abc", 0), None);
        assert_eq!(position("abc", "abc", -1), None);
    }
}
