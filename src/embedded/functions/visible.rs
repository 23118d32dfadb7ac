//! Names with their schema in front, where `search_path` does not find them without.

use postgres_types::Type;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::embedded::dialect::types;
use crate::embedded::dialect::{
    index_text, pretty_definition, pretty_expression, type_name, unqualified,
};
use crate::embedded::public;
use crate::server::SessionContext;

/// Whether names of the schema `public` need no schema in front.
pub(in crate::embedded) fn finds_public(session: &SessionContext) -> bool {
    let path = session.setting("search_path").unwrap_or_default();
    let mut names = path.split(',');
    public::is_there() && names.any(|name| name.trim().trim_matches('"') == "public")
}

fn shown(text: String, session: &SessionContext) -> String {
    if finds_public(session) {
        unqualified(&text)
    } else {
        text
    }
}

/// As `format_type` shows it.
fn format_type(oid: i64, modifier: i64, session: &SessionContext) -> String {
    let kind = u32::try_from(oid).ok().and_then(types::from_oid);
    match kind {
        // Where it is said that there is no length, it is not the type of one character.
        Some(Type::BPCHAR) if modifier == -1 => "bpchar".into(),
        Some(kind) => {
            let modifier = i32::try_from(modifier).unwrap_or(-1);
            shown(type_name(&types::Ty { kind, modifier }), session)
        }
        None if oid == 0 => "-".into(),
        None => "???".into(),
    }
}

pub(super) fn register(connection: &Connection, session: &SessionContext) -> Result<()> {
    let plain = FunctionFlags::SQLITE_UTF8;
    let own = session.clone();
    connection
        .create_scalar_function("pg_finds_public", 0, plain, move |_| Ok(finds_public(&own)))?;
    let own = session.clone();
    connection.create_scalar_function("pg_by_path", 2, plain, move |c| {
        let (text, pretty): (Option<String>, bool) = (c.get(0)?, c.get(1)?);
        let text = text.map(|text| {
            if pretty {
                pretty_definition(&text)
            } else {
                text
            }
        });
        Ok(text.map(|text| shown(text, &own)))
    })?;
    let own = session.clone();
    connection.create_scalar_function("pg_index_by_path", 2, plain, move |c| {
        let (text, pretty): (Option<String>, bool) = (c.get(0)?, c.get(1)?);
        Ok(text.map(|text| match (pretty, finds_public(&own)) {
            (true, _) => shown(pretty_definition(&text), &own),
            (false, true) => index_text(&text),
            (false, false) => text,
        }))
    })?;
    let own = session.clone();
    connection.create_scalar_function("pg_get_expr", -1, plain, move |c| {
        let pretty = c.len() > 2 && c.get::<Option<bool>>(2)?.unwrap_or_default();
        let text = c.get::<Option<String>>(0)?;
        let text = text.map(|text| {
            if pretty {
                pretty_expression(&text)
            } else {
                text
            }
        });
        Ok(text.map(|text| shown(text, &own)))
    })?;
    let own = session.clone();
    connection.create_scalar_function("pg_regtype_out", 1, plain, move |c| {
        Ok(match c.get_raw(0) {
            ValueRef::Integer(oid) => Value::Text(format_type(oid, -2, &own)),
            _ => Value::Null,
        })
    })?;
    let own = session.clone();
    connection.create_scalar_function("format_type", 2, plain, move |c| {
        Ok(match (c.get_raw(0), c.get_raw(1)) {
            (ValueRef::Integer(oid), ValueRef::Integer(modifier)) => {
                Value::Text(format_type(oid, modifier, &own))
            }
            (ValueRef::Integer(oid), _) => Value::Text(format_type(oid, -2, &own)),
            _ => Value::Null,
        })
    })
}
