//! Where the columns of a result come from, which clients are told: a driver that changes rows where
//! they stand needs it (PostgreSQL docs, "RowDescription").

use sqlparser::ast::{Expr, SelectItem, SelectItemQualifiedWildcardKind};

use crate::embedded::dialect::Output;
use crate::embedded::dialect::scope::{RelationColumn, Scope, fold, object};

type Origin = Option<(u32, i16)>;

/// Tells the columns of a list where they come from.
pub(super) fn trace(items: &[SelectItem], scope: &Scope<'_>, outputs: &mut [Output]) {
    let mut origins: Vec<Origin> = Vec::new();
    for item in items {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                origins.push(of(expr, scope));
            }
            SelectItem::Wildcard(_) => origins.extend(scope.visible.iter().map(|(r, c)| {
                let relation = scope.relations.get(*r)?;
                plain(relation.columns.get(*c)?)
            })),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let relation = object(name)
                    .ok()
                    .and_then(|(_, name)| scope.relation(&name));
                let columns = relation.into_iter().flat_map(|r| &r.columns);
                origins.extend(columns.filter(|c| !c.system).map(|c| c.origin));
            }
            _ => return,
        }
    }
    if origins.len() == outputs.len() {
        for (output, origin) in outputs.iter_mut().zip(origins) {
            output.origin = origin;
        }
    }
}

/// A column that two were merged to is from neither.
fn plain(column: &RelationColumn) -> Origin {
    column.origin.filter(|_| column.merged.is_none())
}

fn of(expr: &Expr, scope: &Scope<'_>) -> Origin {
    match expr {
        Expr::Nested(inner) => of(inner, scope),
        Expr::Identifier(ident) => {
            let (_, column) = scope.column(&fold(ident)).ok()??;
            plain(column)
        }
        Expr::CompoundIdentifier(parts) => {
            let [.., table, name] = parts.as_slice() else {
                return None;
            };
            let (_, column) = scope.qualified(&fold(table), &fold(name)).ok()?;
            column.origin
        }
        _ => None,
    }
}
