//! Functions that have a grammar of their own: `EXTRACT(… FROM …)`, `TRIM(… FROM …)` and the like.

use postgres_types::Type;
use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DateTimeField, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, TrimWhereField,
};

use crate::embedded::dialect::expr::{Sql, Translator, shorten};
use crate::embedded::dialect::scope::{Place, Scope};
use crate::embedded::dialect::{Fault, literal, types};

/// `~ similar_to_escape(…)` and `~~ like_escape(…)`, which PostgreSQL shows SIMILAR TO and LIKE …
/// ESCAPE as: the function that does it here, whether it is negated, and the arguments.
pub(super) fn escaped<'e>(
    op: &BinaryOperator,
    right: &'e Expr,
) -> Option<(&'static str, bool, &'e [FunctionArg])> {
    let Expr::Function(call) = right else {
        return None;
    };
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    use BinaryOperator as B;
    let (function, negated) = match (call.name.to_string().as_str(), list.args.len(), op) {
        ("similar_to_escape", 1, B::PGRegexMatch) => ("pg_similar", false),
        ("similar_to_escape", 1, B::PGRegexNotMatch) => ("pg_similar", true),
        ("like_escape", 2, B::PGLikeMatch) => ("pg_like", false),
        ("like_escape", 2, B::PGNotLikeMatch) => ("pg_like", true),
        ("like_escape", 2, B::PGILikeMatch) => ("pg_ilike", false),
        ("like_escape", 2, B::PGNotILikeMatch) => ("pg_ilike", true),
        _ => return None,
    };
    Some((function, negated, &list.args))
}

pub(super) fn positional(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

impl Translator<'_> {
    /// What a clock in a time zone shows, or when it shows that.
    pub(in crate::embedded::dialect) fn at_time_zone(
        &mut self,
        value: Sql,
        zone: Sql,
    ) -> Result<Sql, Fault> {
        let zone = self.implicit(zone, &Type::TEXT.into())?;
        let value = self.settle_as(value, &Type::TIMESTAMPTZ)?;
        let value = match *value.kind() {
            Type::DATE => self.cast_now(value, &Type::TIMESTAMPTZ.into(), false)?,
            _ => value,
        };
        let kind = match *value.kind() {
            Type::TIMESTAMPTZ => Type::TIMESTAMP,
            Type::TIMESTAMP => Type::TIMESTAMPTZ,
            _ => {
                return Err(Fault::unsupported(format!(
                    "AT TIME ZONE of {}",
                    types::show(value.kind(), -1)
                )));
            }
        };
        Ok(Sql::new(
            format!(
                "pg_at_zone({},{},{})",
                value.text,
                zone.text,
                u8::from(kind == Type::TIMESTAMPTZ)
            ),
            kind,
        ))
    }

    pub(super) fn form(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Sql, Fault> {
        match expr {
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => {
                let value = self.expr(timestamp, scope)?;
                let zone = self.expr(time_zone, scope)?;
                self.at_time_zone(value, zone).at(expr)
            }
            Expr::Extract {
                field, expr: inner, ..
            } => {
                let value = self.expr(inner, scope)?;
                let field = field.to_string().to_lowercase();
                let field = Sql::new(literal(field.trim_matches('\'')), Type::TEXT);
                self.call("extract", vec![field, value]).at(expr)
            }
            Expr::Ceil { expr: inner, field } | Expr::Floor { expr: inner, field } => {
                if !matches!(
                    field,
                    CeilFloorKind::DateTimeField(DateTimeField::NoDateTime)
                ) {
                    return Err(Fault::unsupported(expr).at(expr));
                }
                let value = self.expr(inner, scope)?;
                let name = if matches!(expr, Expr::Ceil { .. }) {
                    "ceil"
                } else {
                    "floor"
                };
                self.call(name, vec![value]).at(expr)
            }
            Expr::Position { expr: inner, r#in } => {
                let arguments = vec![self.expr(r#in, scope)?, self.expr(inner, scope)?];
                self.call("strpos", arguments).at(expr)
            }
            Expr::Substring {
                expr: inner,
                substring_from,
                substring_for,
                ..
            } => {
                let mut arguments = vec![self.expr(inner, scope)?];
                match substring_from {
                    Some(from) => arguments.push(self.expr(from, scope)?),
                    None => arguments.push(Sql::new("1", Type::INT4)),
                }
                if let Some(length) = substring_for {
                    arguments.push(self.expr(length, scope)?);
                }
                self.call("substring", arguments).at(expr)
            }
            Expr::Trim {
                expr: inner,
                trim_where,
                trim_what,
                trim_characters,
            } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "btrim",
                };
                let mut arguments = vec![self.expr(inner, scope)?];
                if let Some(what) = trim_what {
                    arguments.push(self.expr(what, scope)?);
                }
                for what in trim_characters.iter().flatten() {
                    arguments.push(self.expr(what, scope)?);
                }
                self.call(name, arguments).at(expr)
            }
            Expr::Overlay {
                expr: inner,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                let mut arguments = vec![
                    self.expr(inner, scope)?,
                    self.expr(overlay_what, scope)?,
                    self.expr(overlay_from, scope)?,
                ];
                if let Some(length) = overlay_for {
                    arguments.push(self.expr(length, scope)?);
                }
                self.call("overlay", arguments).at(expr)
            }
            other => Err(Fault::unsupported(shorten(&other.to_string())).at(other)),
        }
    }
}
