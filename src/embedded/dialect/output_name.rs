//! What a column without an alias is called.

use sqlparser::ast::{Expr, SelectItem, SetExpr};

use crate::embedded::dialect::collection;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::types;

/// What PostgreSQL calls a column without an alias (parse_target.c, FigureColname).
pub(super) fn output_name(expr: &Expr) -> String {
    name_of(expr).unwrap_or_else(|| "?column?".into())
}

pub(super) fn name_of(expr: &Expr) -> Option<String> {
    Some(match expr {
        Expr::Identifier(ident) => fold(ident),
        Expr::CompoundIdentifier(parts) => fold(parts.last()?),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => return name_of(inner),
        Expr::Tuple(_) => "row".into(),
        Expr::CompoundFieldAccess { root, access_chain } => {
            return name_of(&collection::column_of(root, access_chain).0);
        }
        Expr::Function(call) => fold(call.name.0.last()?.as_ident()?),
        Expr::Cast {
            expr: inner,
            data_type,
            ..
        } => match name_of(inner).filter(|_| is_strong(inner)) {
            Some(name) => name,
            None => types::named(&data_type.to_string())
                .map(|ty| ty.kind.name().trim_start_matches('_').to_owned())
                .ok()?,
        },
        Expr::TypedString(typed) => types::named(&typed.data_type.to_string())
            .map(|ty| ty.kind.name().to_owned())
            .ok()?,
        Expr::Interval(_) => "interval".into(),
        Expr::Case { else_result, .. } => match else_result.as_deref() {
            Some(result) if is_strong(result) => return name_of(result),
            _ => "case".into(),
        },
        Expr::Exists { negated: false, .. } => "exists".into(),
        Expr::Array(_) => "array".into(),
        Expr::Subquery(query) => match &*query.body {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::UnnamedExpr(expr) => return name_of(expr),
                SelectItem::ExprWithAlias { alias, .. } => fold(alias),
                _ => return None,
            },
            SetExpr::Values(_) => "column1".into(),
            _ => return None,
        },
        Expr::Extract { .. } => "extract".into(),
        Expr::Position { .. } => "position".into(),
        Expr::Substring {
            shorthand: true, ..
        } => "substr".into(),
        Expr::Substring { .. } => "substring".into(),
        Expr::Overlay { .. } => "overlay".into(),
        Expr::Trim { trim_where, .. } => match trim_where {
            Some(sqlparser::ast::TrimWhereField::Leading) => "ltrim".into(),
            Some(sqlparser::ast::TrimWhereField::Trailing) => "rtrim".into(),
            _ => "btrim".into(),
        },
        Expr::Ceil { .. } => "ceil".into(),
        Expr::Floor { .. } => "floor".into(),
        Expr::AtTimeZone { .. } => "timezone".into(),
        _ => return None,
    })
}

/// Whether its name is preferred to that of what stands around it: a cast's own name is not.
fn is_strong(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => is_strong(inner),
        Expr::Cast { expr: inner, .. } => is_strong(inner),
        Expr::TypedString(_) | Expr::Interval(_) => false,
        Expr::Case { else_result, .. } => else_result.as_deref().is_some_and(is_strong),
        other => name_of(other).is_some(),
    }
}
