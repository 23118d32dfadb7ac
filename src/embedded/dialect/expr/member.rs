//! IN.

use postgres_types::Type;
use sqlparser::ast::{BinaryOperator, Expr, InTarget, Query};

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::operator;
use crate::embedded::dialect::row;
use crate::embedded::dialect::scope::Scope;
use crate::embedded::dialect::types::{self, Ty};
use crate::error_response::SqlState;

impl Translator<'_> {
    pub(in crate::embedded::dialect) fn is_in(
        &mut self,
        inner: &Expr,
        target: &InTarget,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let not = if negated { "NOT " } else { "" };
        match target {
            InTarget::List(list) => {
                if let Some(left) = row::fields(inner) {
                    let mut tests = Vec::new();
                    for item in list {
                        let Some(right) = row::fields(item) else {
                            return Err(Fault::unsupported("a row compared with a value"));
                        };
                        tests.push(self.rows(&left, &BinaryOperator::Eq, &right, scope)?.text);
                    }
                    return Ok(Sql::new(
                        format!("({not}({}))", tests.join(" OR ")),
                        Type::BOOL,
                    ));
                }
                let mut all = vec![self.expr(inner, scope)?];
                for item in list {
                    all.push(self.expr(item, scope)?);
                }
                let comparable = all.clone();
                let (mut all, kind) = self.common_by(all, "IN", operator::wider)?;
                // PostgreSQL would find no operator.
                for pair in comparable.iter().skip(1) {
                    operator::comparable(
                        "=",
                        comparable.first().map_or(&Type::TEXT, Sql::kind),
                        pair.kind(),
                    )?;
                }
                let value = all.remove(0);
                let value = Sql {
                    ty: kind.into(),
                    ..value
                };
                let items: Vec<String> = all.into_iter().map(|s| s.text).collect();
                Ok(Sql::new(
                    format!("({} {not}IN ({}))", value.ordered(), items.join(",")),
                    Type::BOOL,
                ))
            }
            InTarget::Subquery(query) => self.in_query(inner, query, not, scope),
            other => Err(Fault::unsupported(format!("IN {other}"))),
        }
    }

    pub(in crate::embedded::dialect) fn in_query(
        &mut self,
        inner: &Expr,
        query: &Query,
        not: &str,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let items = row::fields(inner);
        let left: Vec<&Expr> = match &items {
            Some(items) => items.iter().collect(),
            None => vec![inner],
        };
        let (text, columns) = self.query(query, scope)?;
        if columns.len() != left.len() {
            let word = if columns.len() < left.len() {
                "few"
            } else {
                "many"
            };
            return Err(Fault::new(
                SqlState::SYNTAX_ERROR,
                format!("subquery has too {word} columns"),
            ));
        }
        let mut values = Vec::new();
        for (expr, column) in left.into_iter().zip(&columns) {
            let value = self.expr(expr, scope)?;
            let value = self.settle(value, &Ty::from(column.ty.kind.clone()))?;
            operator::comparable("=", value.kind(), &column.ty.kind)?;
            let same = types::storage(value.kind()) == types::storage(&column.ty.kind);
            if !same || types::is_time(value.kind()) && *value.kind() != column.ty.kind {
                return Err(Fault::unsupported(format!(
                    "IN with a subquery of {} for {}",
                    types::show(&column.ty.kind, -1),
                    types::show(value.kind(), -1)
                )));
            }
            values.push(value.ordered());
        }
        let left = match values.as_slice() {
            [one] => one.clone(),
            _ => format!("({})", values.join(",")),
        };
        Ok(Sql::new(format!("({left} {not}IN ({text}))"), Type::BOOL))
    }
}
