//! Literals and the names of types in a view's text, and changes of it that need no tree.

use postgres_types::Type;
use sqlparser::ast::{Expr, Value};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{identifier, literal};
use crate::embedded::enums;

/// A literal whose type its place decides.
pub(super) enum Literal<'e> {
    Text(&'e str),
    Null,
}

pub(super) fn literal_of(expr: &Expr) -> Option<Literal<'_>> {
    match expr {
        Expr::Nested(inner) => literal_of(inner),
        Expr::Value(value) => Some(match &value.value {
            Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::UnicodeStringLiteral(text)
            | Value::NationalStringLiteral(text) => Literal::Text(text),
            Value::DollarQuotedString(text) => Literal::Text(&text.value),
            Value::Null => Literal::Null,
            _ => return None,
        }),
        _ => None,
    }
}

/// A type, the user's own with its schema.
pub(in crate::embedded) fn type_name(ty: &Ty) -> String {
    let element = types::element(&ty.kind);
    let own = enums::is_enum(&ty.kind) || element.as_ref().is_some_and(enums::is_enum);
    let name = types::show(&ty.kind, ty.modifier);
    if own { format!("public.{name}") } else { name }
}

/// A type as a literal says it: without a length, `character` would be one of one.
pub(super) fn cast_name(ty: &Ty) -> String {
    match ty.kind {
        Type::BPCHAR if ty.modifier < 0 => "bpchar".into(),
        _ => type_name(ty),
    }
}

/// The pieces of a text: tokens, and where each begins.
fn pieces(text: &str) -> Option<Vec<(Token, String)>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .with_unescape(false)
        .tokenize()
        .ok()?;
    Some(
        tokens
            .into_iter()
            .map(|t| (t.clone(), t.to_string()))
            .collect(),
    )
}

fn word(token: &Token) -> Option<&Word> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

/// Without `public.`, which nobody needs who finds it anyhow.
pub(in crate::embedded) fn unqualified(text: &str) -> String {
    let Some(pieces) = pieces(text) else {
        return text.to_owned();
    };
    let mut out = String::new();
    let mut at = 0_usize;
    while let Some((token, shown)) = pieces.get(at) {
        let three = pieces.get(at..at.saturating_add(3));
        let schema = word(token).is_some_and(|w| w.value == "public" && w.quote_style.is_none())
            && !out.ends_with('.')
            && three.is_some_and(
                |t| matches!(t, [_, (Token::Period, _), (next, _)] if word(next).is_some()),
            );
        if schema {
            at = at.saturating_add(2);
            continue;
        }
        let after = pieces.get(at.saturating_add(1)..at.saturating_add(3));
        let object = after.is_some_and(|t| {
            matches!(t, [(Token::DoubleColon, _), (next, _)]
                if word(next).is_some_and(|w| w.value == "regclass"))
        });
        if let (true, Some(name)) = (object, shown.strip_prefix("'public.")) {
            out.push('\'');
            out.push_str(name);
            at = at.saturating_add(1);
            continue;
        }
        out.push_str(shown);
        at = at.saturating_add(1);
    }
    out
}

/// The opposite: enums and sequences with their schema in front.
pub(in crate::embedded) fn qualified(text: &str) -> String {
    let Some(pieces) = pieces(text) else {
        return text.to_owned();
    };
    let mut out = String::new();
    for (at, (token, shown)) in pieces.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| pieces.get(at));
        let cast = before.is_some_and(|(token, _)| *token == Token::DoubleColon);
        let own = cast && word(token).is_some_and(|w| enums::by_name(&w.value).is_some());
        let regclass = pieces.get(at.saturating_add(2)).and_then(|(t, _)| word(t));
        let object = matches!(
            pieces.get(at.saturating_add(1)),
            Some((Token::DoubleColon, _))
        ) && regclass.is_some_and(|w| w.value == "regclass");
        match shown.strip_prefix('\'').filter(|_| object) {
            Some(name) if !name.starts_with("public.") => out.push_str("'public."),
            Some(_) => out.push('\''),
            None if own => out.push_str("public."),
            None => {}
        }
        out.push_str(shown.strip_prefix('\'').filter(|_| object).unwrap_or(shown));
    }
    out
}

/// The same for an index's definition, which always says where its table is.
pub(in crate::embedded) fn index_text(text: &str) -> String {
    match text.split_once(" USING ") {
        Some((head, tail)) => format!("{head} USING {}", unqualified(tail)),
        None => text.to_owned(),
    }
}

/// With another name for a type.
pub(in crate::embedded::dialect) fn retype(text: &str, old: &str, new: &str) -> Option<String> {
    let old = format!("::public.{}", identifier(old));
    let new = format!("::public.{}", identifier(new));
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&old) {
        let whole = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        out.push_str(before);
        out.push_str(if whole { &new } else { &old });
        rest = after;
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// With another label of an enum, wherever it says of which.
pub(in crate::embedded::dialect) fn relabel(
    text: &str,
    kind: &Type,
    old: &str,
    new: &str,
) -> Option<String> {
    let name = identifier(kind.name());
    let from = format!("{}::public.{name}", literal(old));
    let to = format!("{}::public.{name}", literal(new));
    let changed = text.replace(&from, &to);
    (changed != text).then_some(changed)
}
