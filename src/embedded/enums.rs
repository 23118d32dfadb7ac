//! Enum types. Their values are kept as numbers that sort as the labels do, with room between them,
//! so that a label may be added or renamed without a change of any row. What types there are is the
//! thread's, as a session is.

use std::cell::RefCell;

use postgres_types::{Kind, Type};
use rusqlite::Connection;

use crate::embedded::schema::has_table;

/// The table of types. One that was dropped has no name; its number is not given again.
pub(super) const TYPES: &str = "pgtls_enum";
/// The table of labels.
pub(super) const LABELS: &str = "pgtls_enum_label";
/// The first number of a type.
pub(super) const FIRST_OID: u32 = 500_016_384;
/// How far the number of an array is from its elements'.
const ARRAYS: u32 = 1 << 30;
/// Between two labels.
pub(super) const GAP: i64 = 1 << 32;

/// A type and its labels in their order.
#[derive(Clone, Debug)]
pub(super) struct Enum {
    pub(super) kind: Type,
    pub(super) labels: Vec<(i64, String)>,
}

thread_local! {
    static ENUMS: RefCell<Vec<Enum>> = const { RefCell::new(Vec::new()) };
}

/// To be called when the schema is another.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<()> {
    let mut all: Vec<Enum> = Vec::new();
    if has_table(connection, TYPES)? {
        let mut types = connection.prepare_cached(&format!(
            "SELECT oid, name FROM main.{TYPES} WHERE name IS NOT NULL ORDER BY oid"
        ))?;
        let rows = types.query_map([], |r| Ok((r.get::<_, u32>(0)?, r.get(1)?)))?;
        let mut labels = connection.prepare_cached(&format!(
            "SELECT key, label FROM main.{LABELS} WHERE type=?1 ORDER BY key"
        ))?;
        for row in rows {
            let (oid, name): (u32, String) = row?;
            let labels = labels.query_map([oid], |r| Ok((r.get(0)?, r.get(1)?)))?;
            all.push(Enum {
                // Types are alike whatever labels they have by now.
                kind: Type::new(name, oid, Kind::Enum(Vec::new()), "public".into()),
                labels: labels.collect::<rusqlite::Result<_>>()?,
            });
        }
    }
    ENUMS.set(all);
    Ok(())
}

pub(super) fn is_enum(kind: &Type) -> bool {
    matches!(kind.kind(), Kind::Enum(_))
}

pub(super) fn all() -> Vec<Enum> {
    ENUMS.with_borrow(Clone::clone)
}

fn find<T>(oid: u32, found: impl FnOnce(&Enum) -> Option<T>) -> Option<T> {
    ENUMS.with_borrow(|all| found(all.iter().find(|e| e.kind.oid() == oid)?))
}

pub(super) fn by_oid(oid: u32) -> Option<Type> {
    find(oid, |e| Some(e.kind.clone()))
}

pub(super) fn by_name(name: &str) -> Option<Enum> {
    ENUMS.with_borrow(|all| all.iter().find(|e| e.kind.name() == name).cloned())
}

/// The array of a type. Its values have labels, as they are shown.
pub(super) fn array_of(kind: &Type) -> Option<Type> {
    let oid = kind.oid().checked_add(ARRAYS)?;
    is_enum(kind).then(|| {
        let name = format!("_{}", kind.name());
        Type::new(name, oid, Kind::Array(kind.clone()), "public".into())
    })
}

/// The array of that number.
pub(super) fn array_by_oid(oid: u32) -> Option<Type> {
    array_of(&by_oid(oid.checked_sub(ARRAYS)?)?)
}

/// By a name as it is written: `mood`, `public."Mood"`.
pub(super) fn written(text: &str) -> Option<Type> {
    let text = text.trim();
    let text = ["public.", "\"public\"."]
        .iter()
        .find_map(|schema| text.strip_prefix(schema))
        .unwrap_or(text);
    let name = match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => text.to_lowercase(),
    };
    match by_name(&name) {
        Some(found) => Some(found.kind),
        // The name of an array's type.
        None => array_of(&by_name(name.strip_prefix('_')?)?.kind),
    }
}

/// The number of a label.
pub(super) fn key(kind: &Type, label: &str) -> Option<i64> {
    find(kind.oid(), |e| {
        let found = e.labels.iter().find(|(_, l)| l == label)?;
        Some(found.0)
    })
}

/// The label of a number.
pub(super) fn label(kind: &Type, key: i64) -> Option<String> {
    find(kind.oid(), |e| {
        let at = e.labels.binary_search_by_key(&key, |(k, _)| *k).ok()?;
        e.labels.get(at).map(|(_, label)| label.clone())
    })
}
