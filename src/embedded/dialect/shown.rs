//! What is kept in SQLite's words, shown in PostgreSQL's, as far as it is as simple as most are.

use postgres_types::Type;
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value};
use sqlparser::dialect::{PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use crate::embedded::dialect::from::scope_within;
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::undo::Undo;
use crate::embedded::dialect::{Schema, Table, deparse, literal, quote};
use crate::embedded::enums;

/// What the name of a DEFAULT's constraint begins with: behind it stands the default as it is shown.
/// SQLite keeps such names, and makes nothing of them.
const MARK: &str = "pgtls_default ";

/// What is written before DEFAULT.
pub(super) fn mark(shown: &str) -> String {
    format!("CONSTRAINT {} ", quote(&format!("{MARK}{shown}")))
}

/// The default as it is shown, by the name of its constraint.
pub(in crate::embedded) fn said(constraint: &str) -> Option<&str> {
    constraint.strip_prefix(MARK)
}

/// How the default of a column will be shown, if that is not to be seen in SQLite's words.
pub(super) fn written(expr: &Expr, ty: &Ty, schema: &dyn Schema) -> Option<String> {
    // These follow their type and their sequence when those get other names.
    let follows = enums::is_enum(&ty.kind) || expr.to_string().to_lowercase().contains("nextval");
    let shown = deparse::expression(schema, &Scope::default(), expr, &ty.kind);
    let (text, _) = shown.filter(|_| !follows)?;
    (!text.contains('\0')).then_some(text)
}

fn parse(sql: &str) -> Option<Expr> {
    let parser = Parser::new(&SQLiteDialect {}).try_with_sql(sql).ok();
    parser?.parse_expr().ok()
}

/// The default of a column of this type.
pub(super) fn default(sql: &str, ty: &Ty) -> String {
    let Some(expr) = parse(sql) else {
        return sql.to_owned();
    };
    let expr = deparse::bare(&expr);
    let name = types::show(&ty.kind, -1);
    if let Some(number) = negative(expr) {
        return format!("'-{number}'::{name}");
    }
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(n, _) if ty.kind == Type::BOOL => {
                if n == "0" { "false" } else { "true" }.to_owned()
            }
            Value::SingleQuotedString(text)
                if ty.kind == Type::NUMERIC && text.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                text.clone()
            }
            Value::SingleQuotedString(_) => format!("{}::{name}", value.value),
            Value::Null => format!("NULL::{name}"),
            other => other.to_string(),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: inner,
        } if matches!(**inner, Expr::Value(_)) => format!("'-{inner}'::{name}"),
        Expr::Function(_) if label(expr).is_some() => label(expr).unwrap_or_default(),
        Expr::Function(call) if call.name.to_string() == "pg_json" => match &call.args {
            FunctionArguments::List(list) => {
                let text = list.args.first().map(ToString::to_string);
                format!("{}::{name}", text.unwrap_or_default())
            }
            _ => sql.to_owned(),
        },
        Expr::Function(call) => match call.name.to_string().as_str() {
            "pg_current_date" => "CURRENT_DATE".into(),
            "pg_localtimestamp" => "LOCALTIMESTAMP".into(),
            "pg_localtime" => "LOCALTIME".into(),
            "pg_current_user" => "CURRENT_USER".into(),
            "pg_nextval" | "pg_cast" if drawn(expr).is_some() => {
                format!("nextval({}::regclass)", drawn(expr).unwrap_or_default())
            }
            _ => undone(expr).unwrap_or_else(|| sql.to_owned()),
        },
        _ => undone(expr).unwrap_or_else(|| sql.to_owned()),
    }
}

/// A default that names no column.
fn undone(expr: &Expr) -> Option<String> {
    let scope = Scope::default();
    Undo { scope: &scope }.node(expr)
}

/// `'happy'::mood`, if it is a value of an enum.
fn label(expr: &Expr) -> Option<String> {
    let Expr::Function(call) = expr else {
        return None;
    };
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    if call.name.to_string() != "pg_enum" {
        return None;
    }
    let mut numbers = list.args.iter().map(|a| a.to_string().parse::<i64>().ok());
    let (key, oid) = (numbers.next()??, numbers.next()??);
    let kind = enums::by_oid(u32::try_from(oid).ok()?)?;
    let label = literal(&enums::label(&kind, key)?);
    Some(format!("{label}::{}", types::show(&kind, -1)))
}

/// The sequence that a number is drawn from, perhaps for a smaller type.
fn drawn(expr: &Expr) -> Option<String> {
    let Expr::Function(call) = expr else {
        return None;
    };
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first() else {
        return None;
    };
    match call.name.to_string().as_str() {
        "pg_nextval" => Some(first.to_string()),
        "pg_cast" => drawn(first),
        _ => None,
    }
}

/// The digits, if it is a number with a minus in front.
fn negative(expr: &Expr) -> Option<String> {
    let Expr::Function(call) = expr else {
        return None;
    };
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    let argument = |at: usize| match list.args.get(at) {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))) => Some(expr),
        _ => None,
    };
    match call.name.to_string().as_str() {
        "pg_cast" => negative(argument(0)?),
        "pg_arith" => {
            let (minus, zero) = (argument(0)?.to_string(), argument(2)?.to_string());
            match argument(3)? {
                Expr::Value(value) if minus == "45" && zero == "0" => {
                    Some(value.value.to_string().trim_matches('\'').to_owned())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// An expression of an index or a constraint of a table, and its type.
pub(in crate::embedded) fn expression(
    sql: &str,
    table: &Table,
    schema: &dyn Schema,
) -> (String, Type) {
    shown(sql, table, schema).unwrap_or_else(|| (sql.to_owned(), Type::TEXT))
}

fn shown(sql: &str, table: &Table, schema: &dyn Schema) -> Option<(String, Type)> {
    let scope = scope_within(table, &table.name).ok()?;
    let undo = Undo { scope: &scope };
    let text = undo.node(&parse(sql)?)?;
    let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).ok();
    let expr = parser?.parse_expr().ok()?;
    deparse::expression(schema, &scope, &expr, &Type::TEXT)
}

/// Quoted where it must be.
pub(in crate::embedded) fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !super::keywords::is_keyword(name);
    if plain { name.to_owned() } else { quote(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_expressions_look_like_those_of_postgresql() {
        for (sql, kind, shown) in [
            ("('1.50')", Type::NUMERIC, "1.50"),
            ("(0)", Type::BOOL, "false"),
            ("('new')", Type::TEXT, "'new'::text"),
            ("('x')", Type::VARCHAR, "'x'::character varying"),
            ("(7)", Type::INT4, "7"),
            ("((-7))", Type::INT4, "'-7'::integer"),
            ("(now())", Type::TIMESTAMPTZ, "now()"),
            (
                "(pg_cast(pg_arith(45,1700,0,'1.5'),1700,1700,9,0))",
                Type::NUMERIC,
                "'-1.5'::numeric",
            ),
            ("(pg_current_date())", Type::DATE, "CURRENT_DATE"),
            ("(gen_random_uuid())", Type::UUID, "gen_random_uuid()"),
            ("'{}'", Type::JSONB, "'{}'::jsonb"),
            ("(pg_json('{}',1))", Type::JSONB, "'{}'::jsonb"),
            (
                "(pg_cast(pg_nextval('s'),20,23,-1,0))",
                Type::INT4,
                "nextval('s'::regclass)",
            ),
            ("(pg_nextval('s'))", Type::INT8, "nextval('s'::regclass)"),
        ] {
            assert_eq!(default(sql, &kind.into()), shown, "{sql}");
        }
    }
}
