//! The types that PostgreSQL gives to literals and the casts it makes unasked, as it shows them.

use postgres_types::Type;
use rusqlite::types::Value as Kept;

use crate::embedded::convert;
use crate::embedded::dialect::deparse::Said;
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{literal, operator};
use crate::embedded::enums;
use crate::embedded::functions;
use crate::embedded::value;

/// A type's name in a cast.
pub(super) fn name(kind: &Type, modifier: i32) -> String {
    match *kind {
        Type::BPCHAR if modifier < 0 => "bpchar".into(),
        _ => types::show(kind, modifier),
    }
}

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
        format!("{}::{}", literal(&shown), name(kind, -1))
    })
}

/// Both sides of an operator.
pub(super) fn operands(op: &str, left: Said, right: Said) -> Option<(String, String)> {
    let (a, b) = match (left.kind().cloned(), right.kind().cloned()) {
        (None, None) => (Type::TEXT, Type::TEXT),
        (Some(a), None) => (alone(op, &a), beside(op, &a)),
        (None, Some(b)) => (beside(op, &b), alone(op, &b)),
        (Some(a), Some(b)) => together(op, &a, &b),
    };
    Some((left.be(&a)?, right.be(&b)?))
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
    let float = |kind: &Type| matches!(*kind, Type::FLOAT4 | Type::FLOAT8);
    if types::is_number(a) && types::is_number(b) {
        if types::is_integer(a) && types::is_integer(b) || float(a) && float(b) {
            return own;
        }
        if float(a) || float(b) {
            return (Type::FLOAT8, Type::FLOAT8);
        }
        return operator::wider(a, b).map_or(own, |kind| (kind.clone(), kind));
    }
    match (a, b) {
        (&Type::INTERVAL, b) if types::is_number(b) => (Type::INTERVAL, Type::FLOAT8),
        (a, &Type::INTERVAL) if types::is_number(a) => (Type::FLOAT8, Type::INTERVAL),
        _ => own,
    }
}

/// An argument of a function, by the letter of the table.
pub(super) fn typed_by(function: &str, letter: char, said: Said) -> Option<String> {
    let kind = said.kind().cloned();
    let wanted = match (letter, &kind) {
        // Anything, as it is: a literal has no type.
        ('a' | 'x', _) => {
            return match said {
                Said::Text(text) => Some(literal(&text)),
                Said::Null => Some("NULL".into()),
                Said::Known(text, _) => Some(text),
            };
        }
        ('t', Some(Type::BPCHAR)) if function.contains("length") => Type::BPCHAR,
        ('t', Some(kind)) if types::is_text(kind) => Type::TEXT,
        ('t', None) => Type::TEXT,
        ('c', None) => Type::REGCLASS,
        ('j', None) if function.starts_with("json_") => Type::JSON,
        ('j', None) => Type::JSONB,
        ('n', Some(kind)) if types::is_integer(kind) => Type::NUMERIC,
        ('f' | 'F', Some(kind)) if types::is_integer(kind) => Type::FLOAT8,
        ('f', Some(Type::NUMERIC)) => Type::FLOAT8,
        ('z', Some(Type::DATE)) => Type::TIMESTAMPTZ,
        ('n', None) => Type::NUMERIC,
        ('f' | 'F', None) => Type::FLOAT8,
        ('z', None) => Type::TIMESTAMPTZ,
        ('s', None) => Type::TIMESTAMP,
        ('d', None) => Type::DATE,
        ('v', None) => Type::INTERVAL,
        ('i', None) => Type::INT4,
        ('l', None) => Type::INT8,
        ('y', None) => Type::BYTEA,
        (_, Some(kind)) => kind.clone(),
        (_, None) => Type::TEXT,
    };
    said.be(&wanted)
}
