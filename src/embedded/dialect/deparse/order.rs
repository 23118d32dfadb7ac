//! The keys of ORDER BY and GROUP BY.

use sqlparser::ast::{Expr, OrderByExpr, SelectItem, SetExpr, Value};

use crate::embedded::dialect::deparse::expr::bare;
use crate::embedded::dialect::deparse::literals::literal_of;
use crate::embedded::dialect::deparse::{Printer, Unknown, Written, address};
use crate::embedded::dialect::output_name::output_name;
use crate::embedded::dialect::scope::fold;

impl<'t> Printer<'t> {
    pub(super) fn order(
        &mut self,
        order: &'t [OrderByExpr],
        of_set: Option<&'t SetExpr>,
    ) -> Written {
        for (at, key) in order.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            match of_set {
                Some(body) => {
                    let number = set_column(body, &key.expr).ok_or(Unknown)?;
                    self.put(&number.to_string());
                }
                None => {
                    let meant = self.meant(&key.expr, true);
                    self.key(meant)?;
                }
            }
            self.direction(key);
        }
        Ok(())
    }

    pub(super) fn direction(&mut self, key: &OrderByExpr) {
        let descending = matches!(key.options.sort, Some(sqlparser::ast::OrderBySort::Desc));
        if descending {
            self.put(" DESC");
        }
        match key.options.nulls_first {
            Some(true) if !descending => self.put(" NULLS FIRST"),
            Some(false) if descending => self.put(" NULLS LAST"),
            _ => {}
        }
    }

    /// The expression of the list that a key of ORDER BY or GROUP BY stands for.
    pub(super) fn meant(&self, key: &'t Expr, names_first: bool) -> &'t Expr {
        let item = match key {
            Expr::Value(value) => match &value.value {
                Value::Number(n, _) => n
                    .parse::<usize>()
                    .ok()
                    .and_then(|n| self.items.get(n.checked_sub(1)?)),
                _ => None,
            },
            Expr::Identifier(ident) => {
                let known = self.trace.names.contains_key(&address(ident));
                let name = fold(ident);
                let mut items = self.items.iter();
                items.find(|item| match item {
                    SelectItem::UnnamedExpr(expr) => names_first && output_name(expr) == name,
                    SelectItem::ExprWithAlias { alias, .. } => {
                        (names_first || !known) && fold(alias) == name
                    }
                    _ => false,
                })
            }
            _ => None,
        };
        match item {
            Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr,
            _ => key,
        }
    }

    /// A key of ORDER BY or GROUP BY.
    pub(super) fn key(&mut self, expr: &'t Expr) -> Written {
        let inner = bare(expr);
        let column = matches!(inner, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let apart = self.pretty && !column && literal_of(inner).is_none();
        if apart || matches!(inner, Expr::Function(_)) {
            self.put("(");
            self.expr(inner)?;
            self.put(")");
            return Ok(());
        }
        self.expr(inner)
    }
}

/// The number of the column that a key of a set operation's ORDER BY means.
fn set_column(body: &SetExpr, key: &Expr) -> Option<usize> {
    match key {
        Expr::Value(value) => match &value.value {
            Value::Number(n, _) => n.parse().ok(),
            _ => None,
        },
        Expr::Identifier(ident) => {
            let mut body = body;
            let select = loop {
                match body {
                    SetExpr::Select(select) => break select,
                    SetExpr::SetOperation { left, .. } => body = left,
                    SetExpr::Query(query) => body = &query.body,
                    _ => return None,
                }
            };
            let at = select.projection.iter().position(|item| match item {
                SelectItem::UnnamedExpr(expr) => output_name(expr) == fold(ident),
                SelectItem::ExprWithAlias { alias, .. } => fold(alias) == fold(ident),
                _ => false,
            })?;
            let stars = select.projection.get(..at)?.iter().any(|item| {
                !matches!(
                    item,
                    SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
                )
            });
            (!stars).then(|| at.saturating_add(1))
        }
        _ => None,
    }
}
