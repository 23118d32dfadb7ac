//! Violated constraints, in PostgreSQL's words: SQLite says which one it was, or only of which kind.

mod keys;
mod restricted;
mod rows;

use crate::embedded::dialect::{NOT_NULL_KEY, Table, quote};
use crate::embedded::schema::SqliteSchema;
use crate::error_response::{ErrorResponse, SqlState};
pub(super) use rows::{register, take_count};

/// The foreign key that a statement violates. `sql` is the statement with its parameters in it; it
/// was undone when it failed.
pub(super) fn of_key(schema: &SqliteSchema<'_>, sql: &str) -> Option<ErrorResponse> {
    let connection = schema.connection();
    keys::of_statement(connection, sql, |table, columns| {
        schema.foreign_key_name(table, columns)
    })
    .or_else(|| restricted::of_statement(schema, sql))
}

/// `UNIQUE constraint failed: t.a, t.b` and the like. Without the statement there are no details.
pub(super) fn of_message(
    schema: &SqliteSchema<'_>,
    message: &str,
    sql: Option<&str>,
) -> Option<ErrorResponse> {
    let (kind, what) = message.split_once(" constraint failed: ")?;
    let columns: Vec<(&str, &str)> = what.split(", ").filter_map(|c| c.split_once('.')).collect();
    let table = columns.first().map(|(table, _)| *table).unwrap_or_default();
    let names: Vec<&str> = columns.iter().map(|(_, column)| *column).collect();
    let failing = |table: &Table| rows::failing(schema.connection(), sql?, table, message);
    match kind {
        "UNIQUE" => {
            let target = target(sql, schema);
            let target = target.filter(|t| t.name == table);
            let place = target.as_ref().map_or("main", |t| t.database);
            let (name, table) = match what.strip_prefix("index '") {
                Some(name) => {
                    let name = name.trim_end_matches('\'').to_owned();
                    let table = schema.table_of_index(&name).unwrap_or_default();
                    (name, table)
                }
                None => (schema.unique_name(place, table, &names), table.to_owned()),
            };
            let answer = ErrorResponse::error(
                SqlState::UNIQUE_VIOLATION,
                format!("duplicate key value violates unique constraint \"{name}\""),
            )
            .with_constraint(name);
            if table.is_empty() {
                return Some(answer);
            }
            let answer = answer.with_table(shown(place), table.as_str());
            let row = schema.find(place, &table).ok().flatten();
            let row = row.filter(|_| !names.is_empty());
            let detail = row.and_then(|t| rows::key(&t, &failing(&t)?, &names));
            Some(match detail {
                Some(key) => answer.with_detail(format!("Key {key} already exists.")),
                None => answer,
            })
        }
        "NOT NULL" => {
            let column = names.first()?;
            let target = target(sql, schema).filter(|t| t.name == table);
            let place = target.as_ref().map_or("main", |t| t.database);
            let answer = null(table, column, place);
            let found = schema.find(place, table).ok().flatten();
            Some(with_row(
                answer,
                found.and_then(|t| rows::show(&t, &failing(&t)?)),
            ))
        }
        "CHECK" if what == NOT_NULL_KEY => {
            let table = target(sql, schema).filter(|t| t.definition.contains(NOT_NULL_KEY));
            let found = table.and_then(|table| {
                let row = failing(&table)?;
                let mut keys = table.columns.iter().zip(&row).filter(|(c, _)| c.key);
                let (column, _) = keys.find(|(_, v)| **v == rusqlite::types::Value::Null)?;
                let answer = null(&table.name, &column.name, table.database);
                Some(with_row(answer, rows::show(&table, &row)))
            });
            Some(found.unwrap_or_else(|| {
                ErrorResponse::error(
                    SqlState::NOT_NULL_VIOLATION,
                    "null value in a column of the primary key violates not-null constraint",
                )
            }))
        }
        // Without a name it is the one that holds a serial column to its type.
        "CHECK" if what.contains(" BETWEEN ") => Some(ErrorResponse::error(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            if what.contains(&format!(" BETWEEN {} AND ", i16::MIN)) {
                "smallint out of range"
            } else {
                "integer out of range"
            },
        )),
        "CHECK" => {
            let marked = format!("CONSTRAINT {} CHECK", quote(what));
            let table = target(sql, schema)
                .filter(|t| t.definition.contains(&marked))
                .or_else(|| {
                    let name = schema.table_of_check(what)?;
                    schema.find("main", &name).ok().flatten()
                });
            let Some(table) = table else {
                return Some(
                    ErrorResponse::error(
                        SqlState::CHECK_VIOLATION,
                        format!("new row violates check constraint \"{what}\""),
                    )
                    .with_constraint(what),
                );
            };
            let name = &table.name;
            let answer = ErrorResponse::error(
                SqlState::CHECK_VIOLATION,
                format!("new row for relation \"{name}\" violates check constraint \"{what}\""),
            )
            .with_table(shown(table.database), name.as_str())
            .with_constraint(what);
            Some(with_row(
                answer,
                failing(&table).and_then(|row| rows::show(&table, &row)),
            ))
        }
        _ => None,
    }
}

/// 23502.
fn null(table: &str, column: &str, place: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::NOT_NULL_VIOLATION,
        format!(
            "null value in column \"{column}\" of relation \"{table}\" violates not-null constraint"
        ),
    )
    .with_table(shown(place), table)
    .with_column(column)
}

fn with_row(answer: ErrorResponse, row: Option<String>) -> ErrorResponse {
    match row {
        Some(row) => answer.with_detail(format!("Failing row contains ({row}).")),
        None => answer,
    }
}

/// What PostgreSQL calls one of SQLite's databases.
fn shown(database: &str) -> &'static str {
    if database == "temp" {
        "pg_temp_1"
    } else {
        "public"
    }
}

/// How the statements begin that change data.
const CHANGES: [&str; 3] = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];

/// The statement without the WITH in front of it.
fn behind_with(sql: &str) -> &str {
    if !sql.starts_with("WITH ") {
        return sql;
    }
    let (mut depth, mut quote) = (0_i32, None);
    for (at, letter) in sql.char_indices() {
        match (quote, letter) {
            (Some(q), _) if q == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(') => depth = depth.saturating_add(1),
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => {
                let rest = sql.get(at..).unwrap_or_default();
                if CHANGES.iter().any(|word| rest.starts_with(word)) {
                    return rest;
                }
            }
            _ => {}
        }
    }
    sql
}

/// The table that a translated statement changes.
fn target(sql: Option<&str>, schema: &SqliteSchema<'_>) -> Option<std::rc::Rc<Table>> {
    let sql = behind_with(sql?);
    let rest = CHANGES.iter().find_map(|word| sql.strip_prefix(word))?;
    let (database, rest) = rest.strip_prefix('"')?.split_once("\".\"")?;
    let database = if database == "temp" { "temp" } else { "main" };
    let mut name = String::new();
    let mut letters = rest.chars().peekable();
    while let Some(letter) = letters.next() {
        // A quote within the name is there twice.
        if letter == '"' && letters.next_if_eq(&'"').is_none() {
            break;
        }
        name.push(letter);
    }
    schema.find(database, &name).ok().flatten()
}
