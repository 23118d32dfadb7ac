//! Which foreign key was violated. SQLite says that one was, and no more. So the statement is run
//! once more with its keys not yet enforced, it is seen which rows have none, and all is undone.

use rusqlite::{Connection, Result};

use crate::embedded::dialect::quote;
use crate::error_response::{ErrorResponse, SqlState};

/// A table with more rows is not searched: the reason is not worth the time.
const MAX_ROWS: i64 = 100_000;

/// A row whose key is not there.
#[derive(Eq, PartialEq)]
struct Orphan {
    table: String,
    row: i64,
    parent: String,
    key: i64,
}

/// The error in PostgreSQL's words, as far as it is known. `sql` is the statement with its
/// parameters in it; it was undone when it failed.
pub(super) fn of_statement(
    connection: &Connection,
    sql: &str,
    name_of: impl Fn(&str, &[String]) -> String,
) -> Option<ErrorResponse> {
    let found = find(connection, sql);
    match found {
        Ok(Some((orphan, again))) => explain(connection, &orphan, again, name_of),
        Ok(None) => None,
        Err(error) => {
            tracing::debug!(target: "pgtls::sqlite", %error, "no reason found");
            None
        }
    }
}

/// What is known of an orphan once the statement is undone.
struct Key {
    from: Vec<String>,
    to: Vec<String>,
    values: Vec<String>,
}

fn find(connection: &Connection, sql: &str) -> Result<Option<(Orphan, Key)>> {
    connection.execute_batch("SAVEPOINT pgtls_keys")?;
    let result = within(connection, sql);
    let undone = connection
        .execute_batch("ROLLBACK TO pgtls_keys; RELEASE pgtls_keys; PRAGMA defer_foreign_keys=OFF");
    let result = result?;
    undone.map(|()| result)
}

fn within(connection: &Connection, sql: &str) -> Result<Option<(Orphan, Key)>> {
    let tables = children(connection)?;
    let before = orphans(connection, &tables)?;
    connection.execute_batch("PRAGMA defer_foreign_keys=ON")?;
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    drop(rows);
    let after = orphans(connection, &tables)?;
    // Of several the one that was declared first; SQLite counts from the last.
    let mut new = after.into_iter().filter(|o| !before.contains(o));
    let Some(mut orphan) = new.next() else {
        return Ok(None);
    };
    for other in new {
        let same = other.table == orphan.table && other.row == orphan.row;
        if same && other.key > orphan.key {
            orphan = other;
        }
    }
    let (from, mut to) = columns(connection, &orphan)?;
    if to.len() < from.len() {
        to = connection
            .prepare("SELECT name FROM pragma_table_info(?1, 'main') WHERE pk>0 ORDER BY pk")?
            .query_map([&orphan.parent], |r| r.get(0))?
            .collect::<Result<_>>()?;
    }
    let shown: Vec<String> = from
        .iter()
        .map(|c| format!("CAST({} AS TEXT)", quote(c)))
        .collect();
    let values = connection.query_row(
        &format!(
            "SELECT {} FROM main.{} WHERE rowid=?1",
            shown.join(","),
            quote(&orphan.table)
        ),
        [orphan.row],
        |r| {
            (0..from.len())
                .map(|i| r.get(i))
                .collect::<Result<Vec<String>>>()
        },
    )?;
    Ok(Some((orphan, Key { from, to, values })))
}

/// The tables with foreign keys, if none is too large.
fn children(connection: &Connection) -> Result<Vec<String>> {
    let tables: Vec<String> = connection
        .prepare(
            "SELECT name FROM main.sqlite_schema s WHERE type='table' AND EXISTS \
             (SELECT 1 FROM pragma_foreign_key_list(s.name, 'main'))",
        )?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_>>()?;
    for table in &tables {
        let sql = format!("SELECT coalesce(max(rowid), 0) FROM main.{}", quote(table));
        let rows: i64 = connection.query_row(&sql, [], |r| r.get(0))?;
        if rows > MAX_ROWS {
            return Ok(Vec::new());
        }
    }
    Ok(tables)
}

fn orphans(connection: &Connection, tables: &[String]) -> Result<Vec<Orphan>> {
    let mut all = Vec::new();
    let mut check = connection
        .prepare("SELECT rowid, parent, fkid FROM pragma_foreign_key_check(?1, 'main')")?;
    for table in tables {
        let rows = check.query_map([table], |r| {
            Ok(Orphan {
                table: table.clone(),
                row: r.get(0)?,
                parent: r.get(1)?,
                key: r.get(2)?,
            })
        })?;
        for row in rows {
            all.push(row?);
        }
    }
    Ok(all)
}

fn columns(connection: &Connection, orphan: &Orphan) -> Result<(Vec<String>, Vec<String>)> {
    let mut list = connection.prepare(
        "SELECT \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') WHERE id=?2 ORDER BY seq",
    )?;
    let pairs: Vec<(String, Option<String>)> = list
        .query_map((&orphan.table, orphan.key), |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_>>()?;
    let (from, to): (Vec<String>, Vec<Option<String>>) = pairs.into_iter().unzip();
    Ok((from, to.into_iter().flatten().collect()))
}

/// Now that all is undone, a row that has its key again has lost it by a change of the other
/// table; one that has not, or is not there, was to be put in.
fn explain(
    connection: &Connection,
    orphan: &Orphan,
    key: Key,
    name_of: impl Fn(&str, &[String]) -> String,
) -> Option<ErrorResponse> {
    let Key { from, to, values } = key;
    let name = name_of(&orphan.table, &from);
    let same: Vec<String> = from
        .iter()
        .enumerate()
        .map(|(i, c)| format!("CAST({} AS TEXT)=?{}", quote(c), i.saturating_add(2)))
        .collect();
    let sql = format!(
        "SELECT count(*) FROM main.{} WHERE rowid=?1 AND {}",
        quote(&orphan.table),
        same.join(" AND ")
    );
    let mut parameters: Vec<rusqlite::types::Value> = vec![orphan.row.into()];
    parameters.extend(
        values
            .iter()
            .map(|v| rusqlite::types::Value::Text(v.clone())),
    );
    let unchanged: i64 = connection
        .query_row(&sql, rusqlite::params_from_iter(parameters), |r| r.get(0))
        .ok()?;
    let values = values.join(", ");
    let (table, parent) = (&orphan.table, &orphan.parent);
    let answer = if unchanged == 0 {
        ErrorResponse::error(
            SqlState::FOREIGN_KEY_VIOLATION,
            format!(
                "insert or update on table \"{table}\" violates foreign key constraint \"{name}\""
            ),
        )
        .with_detail(format!(
            "Key ({})=({values}) is not present in table \"{parent}\".",
            from.join(", ")
        ))
    } else {
        ErrorResponse::error(
            SqlState::FOREIGN_KEY_VIOLATION,
            format!(
                "update or delete on table \"{parent}\" violates foreign key constraint \"{name}\" on table \"{table}\""
            ),
        )
        .with_detail(format!(
            "Key ({})=({values}) is still referenced from table \"{table}\".",
            to.join(", ")
        ))
    };
    Some(
        answer
            .with_table("public", table.as_str())
            .with_constraint(name),
    )
}
