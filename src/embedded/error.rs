//! SQLite's errors as PostgreSQL's.

use rusqlite::{Error, ffi};

use crate::embedded::dialect::{Fault, Script};
use crate::embedded::functions::carried;
use crate::embedded::schema::SqliteSchema;
use crate::embedded::{lock, violation};
use crate::error_response::{ErrorResponse, SqlState};

/// Result codes (SQLite docs, "Result and Error Codes") and what PostgreSQL calls them: extended
/// ones first, then primary ones.
const CODES: &[(i32, SqlState, &str)] = &[
    (
        ffi::SQLITE_BUSY_SNAPSHOT,
        SqlState::SERIALIZATION_FAILURE,
        "could not serialize access due to concurrent update",
    ),
    (
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
        SqlState::FOREIGN_KEY_VIOLATION,
        "insert, update or delete violates foreign key constraint",
    ),
    // RESTRICT. There are no triggers but those of foreign keys.
    (
        ffi::SQLITE_CONSTRAINT_TRIGGER,
        SqlState::FOREIGN_KEY_VIOLATION,
        "insert, update or delete violates foreign key constraint",
    ),
    (
        ffi::SQLITE_CONSTRAINT_DATATYPE,
        SqlState::DATATYPE_MISMATCH,
        "",
    ),
    (
        ffi::SQLITE_AUTH,
        SqlState::INSUFFICIENT_PRIVILEGE,
        "permission denied",
    ),
    (
        ffi::SQLITE_BUSY,
        SqlState::LOCK_NOT_AVAILABLE,
        "canceling statement due to lock timeout",
    ),
    (ffi::SQLITE_CANTOPEN, SqlState::IO_ERROR, ""),
    (ffi::SQLITE_CONSTRAINT, SqlState::CHECK_VIOLATION, ""),
    (ffi::SQLITE_CORRUPT, SqlState::DATA_CORRUPTED, ""),
    (ffi::SQLITE_FULL, SqlState::DISK_FULL, ""),
    (
        ffi::SQLITE_INTERRUPT,
        SqlState::QUERY_CANCELED,
        "canceling statement due to user request",
    ),
    (ffi::SQLITE_IOERR, SqlState::IO_ERROR, ""),
    (
        ffi::SQLITE_LOCKED,
        SqlState::LOCK_NOT_AVAILABLE,
        "canceling statement due to lock timeout",
    ),
    (ffi::SQLITE_MISMATCH, SqlState::DATATYPE_MISMATCH, ""),
    (ffi::SQLITE_NOMEM, SqlState::OUT_OF_MEMORY, "out of memory"),
    (ffi::SQLITE_NOTADB, SqlState::DATA_CORRUPTED, ""),
    (
        ffi::SQLITE_READONLY,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        "",
    ),
    (ffi::SQLITE_TOOBIG, SqlState::PROGRAM_LIMIT_EXCEEDED, ""),
];

/// What SQLite tells by its words only. The dialect layer finds most of it before SQLite does.
const WORDS: &[(&str, SqlState)] = &[
    ("integer overflow", SqlState::NUMERIC_VALUE_OUT_OF_RANGE),
    ("no such table", SqlState::UNDEFINED_TABLE),
    ("no such column", SqlState::UNDEFINED_COLUMN),
    ("no such savepoint", SqlState::UNDEFINED_OBJECT),
    ("no such", SqlState::UNDEFINED_OBJECT),
    ("already exists", SqlState::DUPLICATE_TABLE),
    ("too many", SqlState::PROGRAM_LIMIT_EXCEEDED),
    (
        "Expression tree is too large",
        SqlState::STATEMENT_TOO_COMPLEX,
    ),
    ("parser stack overflow", SqlState::STATEMENT_TOO_COMPLEX),
    ("must be unique", SqlState::UNIQUE_VIOLATION),
    (
        "does not match any PRIMARY KEY or UNIQUE",
        SqlState::INVALID_COLUMN_REFERENCE,
    ),
    ("Cannot add a", SqlState::FEATURE_NOT_SUPPORTED),
    ("cannot drop column", SqlState::FEATURE_NOT_SUPPORTED),
    ("malformed JSON", SqlState::INVALID_TEXT_REPRESENTATION),
    ("misuse of", SqlState::GROUPING_ERROR),
    (
        "offset must be a non-negative",
        SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE,
    ),
];

/// The error as a fault: what is known without the schema.
pub(super) fn fault(error: &Error) -> Fault {
    let (code, message) = match error {
        Error::SqliteFailure(code, message) => (code.extended_code, message.clone()),
        Error::SqlInputError { error, msg, .. } => (error.extended_code, Some(msg.clone())),
        other => return Fault::new(SqlState::INTERNAL_ERROR, other.to_string()),
    };
    let message = message.unwrap_or_default();
    if let Some(fault) = carried(&message) {
        return fault;
    }
    let known = CODES
        .iter()
        .find(|(wanted, ..)| *wanted == code)
        .or_else(|| CODES.iter().find(|(wanted, ..)| *wanted == code & 0xff));
    if let Some((_, state, words)) = known {
        return Fault::new(
            *state,
            if words.is_empty() {
                message
            } else {
                (*words).to_owned()
            },
        );
    }
    let state = WORDS
        .iter()
        .find(|(words, _)| message.contains(words))
        .map_or(SqlState::INTERNAL_ERROR, |(_, state)| *state);
    if state == SqlState::NUMERIC_VALUE_OUT_OF_RANGE {
        return Fault::new(state, "bigint out of range");
    }
    if state == SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE {
        let word = message.split("must").next().unwrap_or_default();
        return Fault::new(state, format!("{word}must not be negative"));
    }
    Fault::new(state, message)
}

/// The error as the client is told it.
pub(super) fn respond(error: &Error, schema: Option<&SqliteSchema<'_>>) -> ErrorResponse {
    if error.sqlite_error_code() == Some(ffi::ErrorCode::DatabaseBusy) {
        if lock::was_cancelled() {
            return ErrorResponse::error(
                SqlState::QUERY_CANCELED,
                "canceling statement due to user request",
            );
        }
        // SQLite does not wait with a snapshot in hand: the one who writes now makes it old.
        if schema.is_some_and(SqliteSchema::holds_snapshot) {
            return ErrorResponse::error(
                SqlState::SERIALIZATION_FAILURE,
                "could not serialize access due to concurrent update",
            );
        }
    }
    schema
        .and_then(|schema| violated(error, schema, None))
        .unwrap_or_else(|| fault(error).respond(None::<&Script>))
}

/// The error of a statement that was run, which may be asked for more.
pub(super) fn respond_to(
    error: &Error,
    schema: &SqliteSchema<'_>,
    statement: &rusqlite::Statement<'_>,
) -> ErrorResponse {
    let violates = error.sqlite_error_code() == Some(ffi::ErrorCode::ConstraintViolation);
    violates
        .then(|| violated(error, schema, statement.expanded_sql().as_deref()))
        .flatten()
        .unwrap_or_else(|| respond(error, Some(schema)))
}

/// The constraint that was violated, as far as it is known.
fn violated(error: &Error, schema: &SqliteSchema<'_>, sql: Option<&str>) -> Option<ErrorResponse> {
    let Error::SqliteFailure(code, Some(message)) = error else {
        return None;
    };
    let key = matches!(
        code.extended_code,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER
    );
    match sql {
        Some(sql) if key => violation::of_key(schema, sql),
        _ if code.extended_code & 0xff == ffi::SQLITE_CONSTRAINT => {
            violation::of_message(schema, message, sql)
        }
        _ => None,
    }
}
