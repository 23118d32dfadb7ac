//! SQLite's errors as PostgreSQL's.

use rusqlite::{Error, ffi};

use crate::embedded::dialect::{Fault, NOT_NULL_KEY, Script};
use crate::embedded::functions::carried;
use crate::embedded::lock;
use crate::embedded::schema::SqliteSchema;
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
    if let (Error::SqliteFailure(code, Some(message)), Some(schema)) = (error, schema)
        && code.extended_code & 0xff == ffi::SQLITE_CONSTRAINT
        && let Some(answer) = constraint(message, schema)
    {
        return answer;
    }
    fault(error).respond(None::<&Script>)
}

/// The error of a statement that was run, which may be asked for more.
pub(super) fn respond_to(
    error: &Error,
    schema: &SqliteSchema<'_>,
    statement: &rusqlite::Statement<'_>,
) -> ErrorResponse {
    let extended = error.sqlite_error().map(|e| e.extended_code);
    if extended == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
        && let Some(sql) = statement.expanded_sql()
        && let Some(answer) = schema.violated_key(&sql)
    {
        return answer;
    }
    respond(error, Some(schema))
}

/// `UNIQUE constraint failed: t.a, t.b` and the like, in PostgreSQL's words.
fn constraint(message: &str, schema: &SqliteSchema<'_>) -> Option<ErrorResponse> {
    let (kind, what) = message.split_once(" constraint failed: ")?;
    let columns: Vec<(&str, &str)> = what.split(", ").filter_map(|c| c.split_once('.')).collect();
    let table = columns.first().map(|(table, _)| *table).unwrap_or_default();
    let names: Vec<&str> = columns.iter().map(|(_, column)| *column).collect();
    match kind {
        "UNIQUE" => {
            let name = match what.strip_prefix("index '") {
                Some(name) => name.trim_end_matches('\'').to_owned(),
                None => schema.unique_name(table, &names),
            };
            Some(
                ErrorResponse::error(
                    SqlState::UNIQUE_VIOLATION,
                    format!("duplicate key value violates unique constraint \"{name}\""),
                )
                .with_table("public", table)
                .with_constraint(name),
            )
        }
        "NOT NULL" => {
            let column = names.first()?;
            Some(
                ErrorResponse::error(
                    SqlState::NOT_NULL_VIOLATION,
                    format!(
                        "null value in column \"{column}\" of relation \"{table}\" violates not-null constraint"
                    ),
                )
                .with_table("public", table)
                .with_column(*column),
            )
        }
        "CHECK" if what == NOT_NULL_KEY => Some(ErrorResponse::error(
            SqlState::NOT_NULL_VIOLATION,
            "null value in a column of the primary key violates not-null constraint",
        )),
        // Without a name it is the one that holds a serial column to its type.
        "CHECK" if what.contains(" BETWEEN ") => Some(ErrorResponse::error(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "integer out of range",
        )),
        "CHECK" => Some(match schema.table_of_check(what) {
            Some(table) => ErrorResponse::error(
                SqlState::CHECK_VIOLATION,
                format!("new row for relation \"{table}\" violates check constraint \"{what}\""),
            )
            .with_table("public", table)
            .with_constraint(what),
            None => ErrorResponse::error(
                SqlState::CHECK_VIOLATION,
                format!("new row violates check constraint \"{what}\""),
            )
            .with_constraint(what),
        }),
        _ => None,
    }
}
