//! Rows that are written as such, `(a, b)` and `ROW(a, b)`: compared field by field, and shown as
//! records.

use std::borrow::Cow;

use postgres_types::Type;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    ObjectNamePart, OrderByExpr,
};

use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::scope::{Scope, fold};
use crate::embedded::dialect::{Fault, literal, types};

/// The arguments of `ROW`.
fn arguments(call: &Function) -> Option<&[FunctionArg]> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else {
        return None;
    };
    let row = name.quote_style.is_none() && name.value.eq_ignore_ascii_case("row");
    match &call.args {
        FunctionArguments::List(list) if row => Some(&list.args),
        _ => None,
    }
}

/// Whether it is `ROW(…)`.
pub(super) fn is_row(call: &Function) -> bool {
    arguments(call).is_some()
}

/// The fields of a row that is written as one.
pub(super) fn fields(expr: &Expr) -> Option<Cow<'_, [Expr]>> {
    match expr {
        Expr::Nested(inner) => fields(inner),
        Expr::Tuple(items) => Some(Cow::Borrowed(items)),
        Expr::Function(call) => {
            let items = arguments(call)?.iter().map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(item)) => Some(item.clone()),
                _ => None,
            });
            items.collect::<Option<Vec<_>>>().map(Cow::Owned)
        }
        _ => None,
    }
}

/// A row in ORDER BY is ordered by its fields.
pub(super) fn keys(key: &OrderByExpr) -> Option<Vec<OrderByExpr>> {
    let items = fields(&key.expr)?;
    let one = |item: &Expr| {
        let mut key = key.clone();
        key.expr = item.clone();
        // The row itself is never NULL.
        key.options.nulls_first = None;
        key
    };
    Some(items.iter().map(one).collect())
}

impl Translator<'_> {
    /// A row as a value: a record.
    pub(super) fn row_value(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Sql, Fault> {
        let values = match (expr, fields(expr)) {
            (_, Some(items)) => {
                let values = items.iter().map(|item| self.expr(item, scope));
                values.collect::<Result<Vec<_>, _>>()?
            }
            (Expr::Function(call), None) => self.row_arguments(call, scope)?,
            _ => return Err(Fault::unsupported("this row").at(expr)),
        };
        let mut texts = Vec::new();
        for value in values {
            let value = self.settle_as(value, &Type::TEXT)?;
            let value = match types::is_named(value.kind()) {
                true => self.as_shown(value)?,
                false => value,
            };
            texts.push(format!("{},{}", value.kind().oid(), value.text));
        }
        Ok(Sql {
            not_null: true,
            ..Sql::new(format!("pg_row({})", texts.join(",")), Type::RECORD)
        })
    }

    /// Those of `ROW(t.*, 1)`.
    fn row_arguments(&mut self, call: &Function, scope: &Scope<'_>) -> Result<Vec<Sql>, Fault> {
        let mut values = Vec::new();
        for argument in arguments(call).unwrap_or_default() {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(item)) => {
                    values.push(self.expr(item, scope)?);
                }
                FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                    let name = match name.0.as_slice() {
                        [ObjectNamePart::Identifier(name)] => fold(name),
                        _ => return Err(Fault::unsupported(format!("{name}.* here"))),
                    };
                    let found = scope.relations.iter().find(|r| r.name == name);
                    let relation = found.ok_or_else(|| {
                        Fault::unsupported(format!("{name}.* of a query further out"))
                    })?;
                    for column in relation.columns.iter().filter(|c| !c.system) {
                        let sql = relation.sql(column);
                        self.note_column(&sql, &column.name, relation, None);
                        values.push(Sql::new(sql, column.ty.clone()));
                    }
                }
                _ => return Err(Fault::unsupported("this argument of ROW")),
            }
        }
        Ok(values)
    }

    /// A row as JSON, whose fields have no names of their own.
    pub(super) fn row_as_json(&mut self, items: &[Expr], scope: &Scope<'_>) -> Result<Sql, Fault> {
        let mut texts = Vec::new();
        for (number, item) in (1..).zip(items) {
            let value = self.expr(item, scope)?;
            let value = self.settle_as(value, &Type::TEXT)?;
            texts.push(literal(&format!("f{number}")));
            texts.push(format!("pg_to_json({},{})", value.text, value.kind().oid()));
        }
        let text = format!("pg_json_row({})", texts.join(","));
        Ok(Sql::new(text, Type::JSON))
    }

    /// IS NULL is about all fields, and so is IS NOT NULL.
    pub(super) fn row_is(
        &mut self,
        items: &[Expr],
        test: &str,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let mut tests = Vec::new();
        for item in items {
            let value = self.expr(item, scope)?;
            let value = self.settle_as(value, &Type::TEXT)?;
            known(&value)?;
            tests.push(format!("{} {test}", value.text));
        }
        let text = match tests.is_empty() {
            true => "1".to_owned(),
            false => format!("({})", tests.join(" AND ")),
        };
        Ok(Sql::new(text, Type::BOOL))
    }

    /// `(a, b) IS NOT DISTINCT FROM (c, d)`.
    pub(super) fn rows_are(
        &mut self,
        left: &[Expr],
        right: &[Expr],
        distinct: bool,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        same_length(left, right)?;
        let mut tests = Vec::new();
        for (left, right) in left.iter().zip(right) {
            let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
            tests.push(self.compare("IS", "=", left, right)?.text);
        }
        let not = if distinct { "NOT " } else { "" };
        let text = format!("({not}({}))", tests.join(" AND "));
        Ok(Sql::new(text, Type::BOOL))
    }

    /// What is compared where one side at least is a row; `None` if neither is.
    pub(super) fn row_comparison(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Option<Sql>, Fault> {
        match (fields(left), fields(right)) {
            (Some(l), Some(r)) => self.rows(&l, op, &r, scope).map(Some),
            (Some(_), None) if matches!(right, Expr::Subquery(_)) => {
                Err(Fault::unsupported("a row compared with a subquery"))
            }
            (None, Some(_)) if matches!(left, Expr::Subquery(_)) => {
                Err(Fault::unsupported("a subquery compared with a row"))
            }
            _ => Ok(None),
        }
    }
}

/// Refuses what has fields that are not known here.
pub(super) fn known(value: &Sql) -> Result<(), Fault> {
    match *value.kind() {
        Type::RECORD | Type::RECORD_ARRAY => Err(Fault::unsupported("this of a row as a value")),
        _ => Ok(()),
    }
}

pub(super) fn same_length(left: &[Expr], right: &[Expr]) -> Result<(), Fault> {
    if left.len() == right.len() {
        return Ok(());
    }
    Err(Fault::new(
        crate::error_response::SqlState::SYNTAX_ERROR,
        "unequal number of entries in row expressions",
    ))
}
