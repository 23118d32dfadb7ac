//! Names of types and objects, and quotes around them.

use rusqlite::types::Value;

use crate::embedded::dialect::{Fault, identifier, types};
use crate::embedded::functions::format::quoted;
use crate::embedded::functions::text::owned;
use crate::embedded::functions::{Table, integer, text};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("quote_ident", 1, |a| owned(identifier(&text(a, 0)))),
    ("quote_literal", 1, |a| owned(quoted(&text(a, 0)))),
    ("pg_regtype_in", 1, |a| {
        let name = text(a, 0);
        Ok(Value::Integer(types::named(&name)?.kind.oid().into()))
    }),
    ("pg_to_regtype", 1, |a| {
        let found = types::named(&text(a, 0)).ok();
        Ok(found.map_or(Value::Null, |ty| Value::Integer(ty.kind.oid().into())))
    }),
    ("pg_object_schema", 1, |a| {
        // What stands before the last dot, which may be within the quotes of the name.
        let name = text(a, 0);
        let head = match name.strip_suffix('"') {
            Some(inner) => inner.rsplit_once('"').map_or("", |(head, _)| head),
            None => name.rsplit_once('.').map_or("", |(head, _)| head),
        };
        owned(head.trim_end_matches('.').trim_matches('"').to_lowercase())
    }),
    ("pg_object_name", 1, |a| {
        // The last part of the name, folded as an identifier is.
        let name = text(a, 0);
        let last = match name.strip_suffix('"') {
            Some(inner) => return owned(inner.rsplit_once('"').map_or(inner, |(_, n)| n)),
            None => name.rsplit('.').next().unwrap_or_default(),
        };
        owned(last.to_lowercase())
    }),
    ("pg_no_object", 2, |a| {
        let code = match &*text(a, 0) {
            "relation" => SqlState::UNDEFINED_TABLE,
            "function" => SqlState::UNDEFINED_FUNCTION,
            "schema" => SqlState::INVALID_SCHEMA_NAME,
            _ => SqlState::UNDEFINED_OBJECT,
        };
        Err(Fault::new(
            code,
            format!("{} \"{}\" does not exist", text(a, 0), text(a, 1)),
        ))
    }),
    ("pg_database_encoding", 0, |_| owned("UTF8")),
    ("pg_char_to_encoding", 1, |a| {
        let name = text(a, 0).to_lowercase().replace(['-', '_'], "");
        let known = matches!(name.as_str(), "utf8" | "unicode");
        Ok(Value::Integer(if known { 6 } else { -1 }))
    }),
    ("pg_encoding_to_char", 1, |a| {
        owned(if integer(a, 0) == 6 { "UTF8" } else { "" })
    }),
];
