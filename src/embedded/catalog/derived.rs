//! Catalogs that no row is kept for: those that follow from others, by PostgreSQL's own SQL, and
//! those of what there is nothing of here.

use postgres_types::Type;
use rusqlite::Connection;

use crate::embedded::catalog::{OWNER, TABLES, columns_of, name_of};
use crate::embedded::convert;
use crate::embedded::dialect::types;
use crate::embedded::dialect::{
    SEQUENCES, Table, TableColumn, literal, query_text, quote, serial_name,
};
use crate::embedded::schema::{SqliteSchema, has_table};
use crate::embedded::sequences::serials;

/// Their columns, as PostgreSQL 15 has them.
pub(super) const MORE: &str = include_str!("more.txt");

/// The queries of those that have rows: a line with the name, then the text.
const QUERIES: &str = include_str!("queries.sql");

/// The line of a catalog.
fn line(schema: &str, name: &str) -> Option<&'static str> {
    MORE.lines().find(|line| name_of(line) == (schema, name))
}

fn query(schema: &str, name: &str) -> Option<&'static str> {
    let full = match schema {
        "pg_catalog" => name.to_owned(),
        _ => format!("{schema}.{name}"),
    };
    QUERIES
        .split("-- ")
        .filter_map(|part| part.split_once('\n'))
        .find(|(head, _)| head.trim() == full)
        .map(|(_, text)| text)
}

/// A column of a catalog.
fn column(name: &str, kind: &str) -> TableColumn {
    let ty = types::named(kind).unwrap_or_else(|_| Type::TEXT.into());
    TableColumn {
        name: name.to_owned(),
        ty,
        not_null: false,
        default: None,
        generated: false,
        counts: false,
        identity: "",
        key: false,
    }
}

fn table(database: &'static str, name: &str, columns: Vec<TableColumn>, sql: String) -> Table {
    Table {
        sql,
        database,
        oid: 0,
        definition: String::new(),
        name: name.to_owned(),
        view: true,
        system: database != "main",
        columns,
    }
}

/// A catalog without a table.
pub(in crate::embedded) fn find(
    schema: &SqliteSchema<'_>,
    database: &'static str,
    name: &str,
) -> rusqlite::Result<Option<Table>> {
    if name == "pgtls_sequence_state" {
        let columns = [("name", "text"), ("last", "int8"), ("called", "bool")];
        let columns = columns.iter().map(|(n, k)| column(n, k)).collect();
        let sql = format!("({})", states(schema.connection())?);
        return Ok(Some(table(database, name, columns, sql)));
    }
    let Some(line) = line(database, name) else {
        return Ok(None);
    };
    let columns: Vec<TableColumn> = columns_of(line).map(|(n, k)| column(n, k)).collect();
    let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
    let written = match name {
        "pg_cast" => Some(casts()),
        "pg_operator" => Some(operators()),
        _ => query(database, name).and_then(|text| query_text(schema, text)),
    };
    let sql = match written {
        Some(text) => format!(
            "(WITH \"part\"({}) AS ({text}) SELECT * FROM \"part\")",
            names.join(",")
        ),
        None => {
            let nulls: Vec<String> = names.iter().map(|n| format!("NULL AS {n}")).collect();
            format!("(SELECT {} WHERE 0)", nulls.join(","))
        }
    };
    Ok(Some(table(database, name, columns, sql)))
}

/// The operators of PostgreSQL 15 that are known here: number, name, the types of the left, the right
/// and the result, the commutator, the negator, and whether it can merge and hash.
const OPERATORS: &str = include_str!("operators.txt");

fn operators() -> String {
    let mut rows = Vec::new();
    for line in OPERATORS.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if let [oid, name, left, right, result, other, negator, can] = fields.as_slice() {
            let kind = if *left == "0" { "l" } else { "b" };
            rows.push(format!(
                "({oid},{},11,{OWNER},'{kind}',{},{},{left},{right},{result},{other},{negator},0,0,0)",
                literal(name),
                u8::from(can.starts_with('t')),
                u8::from(can.ends_with('t'))
            ));
        }
    }
    format!("VALUES {}", rows.join(","))
}

/// The casts that are more than to write a value and to read it again.
fn casts() -> String {
    let kinds: Vec<Type> = (16..=3802).filter_map(Type::from_oid).collect();
    let group = |kind: &Type| match *kind {
        Type::BOOL => Some(0),
        _ if types::is_number(kind) => Some(0),
        _ if types::is_time(kind) || matches!(*kind, Type::TIME | Type::INTERVAL) => Some(1),
        Type::UNKNOWN => None,
        _ if types::is_text(kind) => Some(2),
        Type::JSON | Type::JSONB => Some(3),
        _ => None,
    };
    let mut rows = Vec::new();
    for from in &kinds {
        for to in &kinds {
            let alike = group(from).is_some() && group(from) == group(to);
            if from == to || !alike || !convert::castable(from, to) {
                continue;
            }
            let ranks = types::rank(from).zip(types::rank(to));
            let up = ranks.is_some_and(|(from, to)| from <= to)
                || types::is_text(from) && types::is_text(to)
                || *from == Type::DATE && types::is_time(to)
                || *from == Type::TIMESTAMP && *to == Type::TIMESTAMPTZ;
            let context = match (up, *from == Type::BOOL || *to == Type::BOOL) {
                (_, true) => "e",
                (true, _) => "i",
                _ => "a",
            };
            let same = types::is_text(from) && types::is_text(to) && *from != Type::BPCHAR;
            rows.push(format!(
                "({},{},{},0,'{context}','{}')",
                rows.len().saturating_add(10_500),
                from.oid(),
                to.oid(),
                if same { "b" } else { "f" }
            ));
        }
    }
    format!("VALUES {}", rows.join(","))
}

/// The number that each sequence gave last, if it gave any.
fn states(connection: &Connection) -> rusqlite::Result<String> {
    let mut parts = vec!["SELECT NULL AS name, NULL AS last, 0 AS called WHERE 0".to_owned()];
    if has_table(connection, SEQUENCES)? {
        parts.push(format!("SELECT name, last, called FROM main.{SEQUENCES}"));
    }
    for (table, column) in serials(connection)? {
        parts.push(format!(
            "SELECT {}, seq, 1 FROM main.sqlite_sequence WHERE name={}",
            literal(&serial_name(&table, &column)),
            literal(&table)
        ));
    }
    Ok(parts.join(" UNION ALL "))
}

/// A sequence, read as a table.
pub(in crate::embedded) fn sequence(
    schema: &SqliteSchema<'_>,
    name: &str,
) -> rusqlite::Result<Option<Table>> {
    let connection = schema.connection();
    let own = has_table(connection, SEQUENCES)?
        && connection
            .prepare_cached(&format!("SELECT 1 FROM main.{SEQUENCES} WHERE name=?1"))?
            .exists([name])?;
    let serial = serials(connection)?;
    let serial = serial.iter().find(|(t, c)| serial_name(t, c) == name);
    let sql = match serial {
        _ if own => format!(
            "(SELECT last AS last_value, 0 AS log_cnt, called AS is_called FROM main.{SEQUENCES} WHERE name={})",
            literal(name)
        ),
        // One that gave no number yet begins with 1.
        Some((table, _)) => format!(
            "(SELECT coalesce(max(seq),1) AS last_value, 0 AS log_cnt, max(seq) IS NOT NULL AS is_called \
             FROM main.sqlite_sequence WHERE name={})",
            literal(table)
        ),
        None => return Ok(None),
    };
    let columns = [
        ("last_value", "int8"),
        ("log_cnt", "int8"),
        ("is_called", "bool"),
    ];
    let columns = columns.iter().map(|(n, k)| column(n, k)).collect();
    Ok(Some(table("main", name, columns, sql)))
}

/// The names of all catalogs: schema, name, and the line with the columns.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    TABLES
        .lines()
        .filter(|line| !line.starts_with("pgtls_"))
        .chain(MORE.lines())
}
