//! ON DELETE and ON UPDATE RESTRICT, which SQLite enforces at once: it says no more than that some
//! row is still pointed at.

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::embedded::dialect::{Table, quote};
use crate::embedded::schema::SqliteSchema;
use crate::embedded::violation::rows;
use crate::error_response::{ErrorResponse, SqlState};

/// SQLite's own words.
const MESSAGE: &str = "FOREIGN KEY constraint failed";

struct Key {
    child: String,
    parent: String,
    from: Vec<String>,
    to: Vec<String>,
}

pub(super) fn of_statement(schema: &SqliteSchema<'_>, sql: &str) -> Option<ErrorResponse> {
    let connection = schema.connection();
    let keys = keys(connection).ok()?;
    let parent = |key: &Key| schema.find("main", &key.parent).ok().flatten();
    // One that restricts what another one's action does is not told from the others.
    let mut parents: Vec<_> = keys.iter().filter_map(parent).collect();
    parents.sort_by(|a, b| a.name.cmp(&b.name));
    parents.dedup_by(|a, b| a.name == b.name);
    let [parent] = parents.as_slice() else {
        return None;
    };
    if !rows::repeats(sql, &parent.definition) {
        return None;
    }
    let old = rows::row(parent, "OLD");
    let triggers = ["DELETE", "UPDATE"].map(|event| rows::trigger(parent, event, &old));
    let row = rows::last(connection, sql, &triggers, MESSAGE)?;
    keys.iter()
        .filter(|key| key.parent == parent.name)
        .find_map(|key| explain(schema, key, parent, &row))
}

/// All foreign keys with RESTRICT.
fn keys(connection: &Connection) -> rusqlite::Result<Vec<Key>> {
    let mut list = connection.prepare(
        "SELECT s.name, f.id, f.\"table\", f.\"from\", coalesce(f.\"to\", (SELECT name FROM \
         pragma_table_info(f.\"table\", 'main') WHERE pk=f.seq+1)) FROM main.sqlite_schema s, \
         pragma_foreign_key_list(s.name, 'main') f WHERE s.type='table' AND \
         'RESTRICT' IN (f.on_delete, f.on_update) ORDER BY s.rowid, f.id DESC, f.seq",
    )?;
    let mut rows = list.query([])?;
    let mut keys: Vec<Key> = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        let this: (String, i64) = (row.get(0)?, row.get(1)?);
        if last.as_ref() != Some(&this) {
            keys.push(Key {
                child: this.0.clone(),
                parent: row.get(2)?,
                from: Vec::new(),
                to: Vec::new(),
            });
            last = Some(this);
        }
        if let Some(key) = keys.last_mut() {
            key.from.push(row.get(3)?);
            key.to.push(row.get(4)?);
        }
    }
    Ok(keys)
}

/// If rows of the child have this key.
fn explain(
    schema: &SqliteSchema<'_>,
    key: &Key,
    parent: &Table,
    row: &[Value],
) -> Option<ErrorResponse> {
    let mut values = Vec::new();
    for column in &key.to {
        let at = parent.columns.iter().position(|c| c.name == *column)?;
        values.push(row.get(at)?);
    }
    let same = key.from.iter().zip(1..);
    let same: Vec<String> = same.map(|(c, i)| format!("{}=?{i}", quote(c))).collect();
    let there = schema
        .connection()
        .prepare(&format!(
            "SELECT 1 FROM main.{} WHERE {}",
            quote(&key.child),
            same.join(" AND ")
        ))
        .and_then(|mut s| s.exists(rusqlite::params_from_iter(values)));
    if !there.ok()? {
        return None;
    }
    let name = schema.foreign_key_name(&key.child, &key.from);
    let (child, parent_name) = (&key.child, &parent.name);
    let columns: Vec<&str> = key.to.iter().map(String::as_str).collect();
    let shown = rows::key(parent, row, &columns)?;
    Some(
        ErrorResponse::error(
            SqlState::FOREIGN_KEY_VIOLATION,
            format!(
                "update or delete on table \"{parent_name}\" violates foreign key constraint \"{name}\" on table \"{child}\""
            ),
        )
        .with_detail(format!(
            "Key {shown} is still referenced from table \"{child}\"."
        ))
        .with_table("public", child.as_str())
        .with_constraint(name),
    )
}
