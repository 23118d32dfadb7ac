//! The types that PostgreSQL gives to literals, and the casts it makes unasked.

use postgres_types::Type;
use rusqlite::types::Value as Kept;

use crate::embedded::convert;
use crate::embedded::dialect::deparse::literals::cast_name;
use crate::embedded::dialect::function::{FLOATS, is_aggregate, letter, parameter};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{literal, operator};
use crate::embedded::enums;
use crate::embedded::functions;
use crate::embedded::value;

/// A literal, once its type is known: what needs no type is shown without.
pub(super) fn constant(text: &str, kind: &Type) -> Option<String> {
    let shown = match *kind {
        _ if types::is_text(kind) || enums::is_enum(kind) || types::is_named(kind) => {
            text.to_owned()
        }
        Type::JSON | Type::JSONB => functions::json(text.to_owned(), *kind == Type::JSONB).ok()?,
        _ => {
            let ty = Ty::from(kind.clone());
            let kept: Kept = convert::parse(text, &ty).ok()?;
            value::of((&kept).into(), &ty).ok()?.to_text()?
        }
    };
    let plain = match *kind {
        Type::BOOL => return Some(if shown == "t" { "true" } else { "false" }.into()),
        Type::INT4 => true,
        Type::NUMERIC => shown.contains('.'),
        _ => false,
    };
    Some(if plain && !shown.starts_with('-') {
        shown
    } else {
        format!("{}::{}", literal(&shown), cast_name(&kind.clone().into()))
    })
}

/// A number that was written as one, perhaps with a minus.
pub(super) fn number(digits: &str, negative: bool) -> Option<String> {
    let digits = digits.replace('_', "");
    let text = if negative {
        format!("-{digits}")
    } else {
        digits
    };
    let kind = match text.parse::<i64>() {
        Ok(n) if i32::try_from(n).is_ok() => Type::INT4,
        Ok(_) => Type::INT8,
        Err(_) => Type::NUMERIC,
    };
    constant(&text, &kind)
}

/// What both sides of an operator become; a literal has no type of its own.
pub(super) fn sides(op: &str, left: Option<&Type>, right: Option<&Type>) -> (Type, Type) {
    match (left, right) {
        (None, None) => (Type::TEXT, Type::TEXT),
        (Some(a), None) => (alone(op, a), beside(op, a)),
        (None, Some(b)) => (beside(op, b), alone(op, b)),
        (Some(a), Some(b)) => together(op, a, b),
    }
}

/// What a side becomes beside a literal.
fn alone(op: &str, kind: &Type) -> Type {
    match *kind {
        Type::VARCHAR => Type::TEXT,
        Type::BPCHAR if op == "||" => Type::TEXT,
        _ => kind.clone(),
    }
}

/// What a literal is taken for beside a side of this type.
fn beside(op: &str, kind: &Type) -> Type {
    let array = types::element(kind).is_some();
    match op {
        "#>" | "#>>" | "#-" | "?|" | "?&" => Type::TEXT_ARRAY,
        "->" | "->>" | "?" => Type::TEXT,
        "||" if array || matches!(*kind, Type::JSONB | Type::BYTEA) => kind.clone(),
        "||" => Type::TEXT,
        _ if op.contains('~') => Type::TEXT,
        "+" if types::is_time(kind) || *kind == Type::TIME => Type::INTERVAL,
        "*" | "/" if *kind == Type::INTERVAL => Type::FLOAT8,
        _ if *kind == Type::VARCHAR => Type::TEXT,
        _ => kind.clone(),
    }
}

fn together(op: &str, a: &Type, b: &Type) -> (Type, Type) {
    let own = (a.clone(), b.clone());
    let text = |kind: &Type| matches!(*kind, Type::TEXT | Type::VARCHAR | Type::BPCHAR);
    let either = |kind: &Type| match *kind {
        Type::VARCHAR | Type::BPCHAR => Type::TEXT,
        _ => kind.clone(),
    };
    if op == "||" || op.contains('~') {
        let json = *a == Type::JSONB || *b == Type::JSONB;
        return if json { own } else { (either(a), either(b)) };
    }
    if text(a) && text(b) {
        return match (a, b) {
            (&Type::BPCHAR, &Type::BPCHAR | &Type::VARCHAR) | (&Type::VARCHAR, &Type::BPCHAR) => {
                (Type::BPCHAR, Type::BPCHAR)
            }
            _ => (Type::TEXT, Type::TEXT),
        };
    }
    if types::is_oid(a) || types::is_oid(b) {
        return match a == b {
            true => own,
            false => (Type::OID, Type::OID),
        };
    }
    if op == "^" {
        let kind = power([a, b].into_iter());
        return (kind.clone(), kind);
    }
    if op == "-" && types::is_time(a) && types::is_time(b) {
        return operator::wider(a, b).map_or(own, |kind| (kind.clone(), kind));
    }
    let float = |kind: &Type| matches!(*kind, Type::FLOAT4 | Type::FLOAT8);
    if types::is_number(a) && types::is_number(b) {
        if types::is_integer(a) && types::is_integer(b) {
            return own;
        }
        if float(a) || float(b) {
            // There are operators of a real and a double, and none of a real and another.
            let side = |kind: &Type| match float(kind) {
                true => kind.clone(),
                false => Type::FLOAT8,
            };
            return (side(a), side(b));
        }
        return operator::wider(a, b).map_or(own, |kind| (kind.clone(), kind));
    }
    match (a, b) {
        (&Type::INTERVAL, b) if types::is_number(b) => (Type::INTERVAL, Type::FLOAT8),
        (a, &Type::INTERVAL) if types::is_number(a) => (Type::FLOAT8, Type::INTERVAL),
        _ => own,
    }
}

/// What an argument of a function becomes; none stays as it is, a literal without a type.
pub(super) fn argument(name: &str, all: &[Option<&Type>], at: usize) -> Option<Type> {
    let own = all.get(at).copied().flatten();
    if let ("nullif", [left, right]) = (name, all) {
        let (left, right) = sides("=", *left, *right);
        return Some(if at == 0 { left } else { right });
    }
    let wanted = match parameter(name, all, at) {
        Some('a' | 'x') => return own.cloned(),
        Some(known) => letter(known),
        None => unlisted(name, all, at)?,
    };
    let Some(own) = own else {
        return Some(wanted);
    };
    let both = |is: fn(&Type) -> bool| is(own) && is(&wanted);
    let cast = both(types::is_number) && !types::is_oid(own) || both(types::is_time);
    let text = both(types::is_text) && !(*own == Type::BPCHAR && name.contains("length"));
    Some(if cast || text { wanted } else { own.clone() })
}

/// The same of a function that has no line in the table.
fn unlisted(name: &str, all: &[Option<&Type>], at: usize) -> Option<Type> {
    let own = all.get(at).copied().flatten();
    let numeric = || own.filter(|kind| **kind == Type::NUMERIC).cloned();
    Some(match (name, at) {
        ("nextval" | "setval" | "currval", 0) => Type::REGCLASS,
        ("setval", 1) => Type::INT8,
        ("date_trunc", 1) => match own {
            Some(own) if *own != Type::DATE => own.clone(),
            _ => Type::TIMESTAMPTZ,
        },
        ("round" | "trunc", 0) if all.len() > 1 => Type::NUMERIC,
        (
            "ceil" | "ceiling" | "floor" | "round" | "trunc" | "sign" | "sqrt" | "exp" | "ln"
            | "log" | "log10",
            0,
        ) => numeric().unwrap_or(Type::FLOAT8),
        ("power" | "pow", _) => power(all.iter().copied().flatten()),
        _ if FLOATS.contains(&name) => Type::FLOAT8,
        ("num_nulls" | "num_nonnulls" | "to_json" | "to_jsonb", _) => return own.cloned(),
        _ if name.starts_with("json") && name.contains("build") => return own.cloned(),
        _ if name.starts_with("jsonb_") && own.is_none() => Type::JSONB,
        _ if name.starts_with("json_") && own.is_none() => Type::JSON,
        ("min" | "max", _) if own == Some(&Type::BPCHAR) => Type::BPCHAR,
        ("min" | "max" | "string_agg", _) => Type::TEXT,
        _ if own.is_some() && keeps(name) => return own.cloned(),
        _ => Type::TEXT,
    })
}

/// What power is of.
fn power<'k>(mut kinds: impl Iterator<Item = &'k Type> + Clone) -> Type {
    let float = |kind: &Type| matches!(*kind, Type::FLOAT4 | Type::FLOAT8);
    match kinds.clone().any(|kind| *kind == Type::NUMERIC) && !kinds.any(float) {
        true => Type::NUMERIC,
        false => Type::FLOAT8,
    }
}

/// Whether a function takes anything as it is.
fn keeps(name: &str) -> bool {
    is_aggregate(name)
        || matches!(
            name,
            "lag" | "lead" | "first_value" | "last_value" | "nth_value"
        )
}
