//! Expressions over several values: rows, arrays, CASE, LIKE.

use std::borrow::Cow;

use postgres_types::Type;
use sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, CaseWhen, DataType, Expr, InTarget, Subscript,
};

use crate::embedded::dialect::expr::{Open, Sql, Translator};
use crate::embedded::dialect::scope::{Place, Scope, fold};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, deparse, operator};
use crate::error_response::SqlState;

impl Translator<'_> {
    /// Brings several expressions to one type (PostgreSQL docs, "UNION, CASE, and Related
    /// Constructs").
    pub(super) fn common(&mut self, all: Vec<Sql>, what: &str) -> Result<(Vec<Sql>, Type), Fault> {
        self.common_by(all, what, operator::meeting)
    }

    /// The same, by a rule for two of them.
    pub(super) fn common_by(
        &mut self,
        all: Vec<Sql>,
        what: &str,
        meeting: fn(&Type, &Type) -> Option<Type>,
    ) -> Result<(Vec<Sql>, Type), Fault> {
        let mut kind: Option<Type> = None;
        for sql in &all {
            let next = sql.kind();
            if *next == Type::UNKNOWN {
                continue;
            }
            kind = Some(match kind {
                None => next.clone(),
                Some(kind) => meeting(&kind, next).ok_or_else(|| {
                    Fault::new(
                        SqlState::DATATYPE_MISMATCH,
                        format!(
                            "{what} types {} and {} cannot be matched",
                            types::show(&kind, -1),
                            types::show(next, -1)
                        ),
                    )
                })?,
            });
        }
        let kind = kind.unwrap_or(Type::TEXT);
        let ty = Ty::from(kind.clone());
        let all: Result<Vec<Sql>, Fault> = all
            .into_iter()
            .map(|sql| {
                let sql = self.settle(sql, &ty)?;
                self.cast_now(sql, &ty, false)
            })
            .collect();
        Ok((all?, kind))
    }

    /// `(a, b) = (c, d)` and the like.
    pub(super) fn rows(
        &mut self,
        left: &[Expr],
        op: &BinaryOperator,
        right: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        super::row::same_length(left, right)?;
        let mut pairs = Vec::new();
        for (left, right) in left.iter().zip(right) {
            let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
            pairs.push((left, right));
        }
        match op {
            BinaryOperator::Eq | BinaryOperator::NotEq => {
                let mut tests = Vec::new();
                for (left, right) in pairs {
                    tests.push(self.compare("=", "=", left, right)?.text);
                }
                let not = if *op == BinaryOperator::Eq {
                    ""
                } else {
                    "NOT "
                };
                Ok(Sql::new(
                    format!("({not}({}))", tests.join(" AND ")),
                    Type::BOOL,
                ))
            }
            BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => {
                let (mut lefts, mut rights) = (Vec::new(), Vec::new());
                for (left, right) in pairs {
                    let (both, _) =
                        self.common_by(vec![left, right], "row comparison", operator::wider)?;
                    let mut both = both.into_iter();
                    lefts.extend(both.next().map(|s| s.ordered()));
                    rights.extend(both.next().map(|s| s.text));
                }
                Ok(Sql::new(
                    format!("(({}) {op} ({}))", lefts.join(","), rights.join(",")),
                    Type::BOOL,
                ))
            }
            _ => Err(Fault::unsupported(format!("{op} between rows"))),
        }
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        // Rows cannot come from where perhaps nothing is looked at.
        let sets = self.sets.take();
        let sql = self.case_of(operand, conditions, otherwise, scope);
        self.sets = sets;
        sql
    }

    fn case_of(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let operand = operand.map(|o| self.expr(o, scope)).transpose()?;
        let mut tests = Vec::new();
        let mut results = Vec::new();
        // ELSE is the first of those whose types meet.
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise, scope)?);
        }
        for when in conditions {
            let test = match &operand {
                Some(operand) => {
                    let value = self.expr(&when.condition, scope)?;
                    self.compare("=", "=", operand.clone(), value)
                        .at(&when.condition)?
                }
                None => self.condition(&when.condition, scope, "CASE/WHEN")?,
            };
            tests.push(test.text);
            results.push(self.expr(&when.result, scope)?);
        }
        let (results, kind) = self.common(results, "CASE")?;
        let mut text = String::from("CASE");
        let mut results = results.into_iter();
        let otherwise = otherwise.and_then(|_| results.next());
        for test in tests {
            let result = results.next().map(|r| r.text).unwrap_or_default();
            text.push_str(&format!(" WHEN {test} THEN {result}"));
        }
        if let Some(otherwise) = otherwise {
            text.push_str(&format!(" ELSE {}", otherwise.text));
        }
        text.push_str(" END");
        Ok(Sql::new(text, kind))
    }

    pub(super) fn like(
        &mut self,
        function: &str,
        negated: bool,
        value: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let value = self.expr(value, scope)?;
        let pattern = self.expr(pattern, scope)?;
        let text = |sql: &Sql| types::is_text(sql.kind());
        if !text(&value) || !text(&pattern) {
            return Err(operator::none("~~", value.kind(), pattern.kind()));
        }
        // There are operators of char(n) with its padding, and a text beside it.
        let value = self.settle_as(value, &Type::TEXT)?;
        let pattern = self.implicit(pattern, &Type::TEXT.into())?;
        let escape = match escape {
            Some(escape) => self.expr_of(escape, scope, Type::TEXT)?.text,
            None => "'\\'".into(),
        };
        let not = if negated { "NOT " } else { "" };
        Ok(Sql::new(
            format!(
                "({not}{function}({},{},{escape}))",
                value.text, pattern.text
            ),
            Type::BOOL,
        ))
    }

    /// `op ANY (…)` and `op ALL (…)`, of a subquery or an array.
    pub(super) fn any_or_all(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        all: bool,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let inner = deparse::bare(right);
        if let Expr::Subquery(query) = inner {
            return match (op, all) {
                (BinaryOperator::Eq, false) => self.in_query(left, query, "", scope),
                (BinaryOperator::NotEq, true) => self.in_query(left, query, "NOT ", scope),
                _ => Err(Fault::unsupported(format!("{op} ANY or ALL of a subquery"))),
            };
        }
        // As IN it may stand in a CHECK, which may not have the subquery below.
        let one_of = match (op, all) {
            (BinaryOperator::Eq, false) => Some(false),
            (BinaryOperator::NotEq, true) => Some(true),
            _ => None,
        };
        if let (Some(negated), Some(items)) = (one_of, listed(inner))
            && super::row::fields(left).is_none()
        {
            return self.is_in(left, &InTarget::List(items), negated, scope);
        }
        let mut value = self.expr(left, scope)?;
        let array = self.expr(inner, scope)?;
        if *value.kind() == Type::UNKNOWN {
            let kind = types::element(array.kind()).unwrap_or(Type::TEXT);
            value = self.settle_as(value, &kind)?;
        }
        let kind = types::array_of(value.kind())
            .ok_or_else(|| Fault::unsupported("an array of this type"))?;
        let array = self.settle_as(array, &kind)?;
        let Some(element) = types::element(array.kind()) else {
            return Err(Fault::new(
                SqlState::WRONG_OBJECT_TYPE,
                "op ANY/ALL (array) requires array on right side",
            ));
        };
        // An array that is NULL is as one of NULL.
        let each = format!(
            "json_each(coalesce(pg_array_json({},{}),'[null]'))",
            array.text,
            element.oid()
        );
        let item = Sql::new("json_each.value", element);
        let test = self.binary(op, value, item)?.text;
        // NULL where nothing decides and something is unknown.
        let (aggregate, decisive, other) = if all { ("min", 0, 1) } else { ("max", 1, 0) };
        Ok(Sql::new(
            format!(
                "(SELECT CASE WHEN {aggregate}({test})={decisive} THEN {decisive} \
                 WHEN count(*)>count({test}) THEN NULL ELSE {other} END FROM {each})"
            ),
            Type::BOOL,
        ))
    }

    pub(super) fn array(
        &mut self,
        items: &[Expr],
        scope: &Scope<'_>,
        wanted: Option<&Ty>,
    ) -> Result<Sql, Fault> {
        let mut all = Vec::new();
        for item in items {
            all.push(self.expr(item, scope)?);
        }
        let modifier = wanted.map_or(-1, |ty| ty.modifier);
        let (all, kind) = match wanted.and_then(|ty| types::element(&ty.kind)) {
            Some(element) => {
                let ty = Ty {
                    kind: element.clone(),
                    modifier,
                };
                let all: Result<Vec<Sql>, Fault> =
                    all.into_iter().map(|sql| self.cast(sql, &ty)).collect();
                (all?, element)
            }
            None if all.is_empty() => {
                return Err(Fault::new(
                    SqlState::INDETERMINATE_DATATYPE,
                    "cannot determine type of empty array",
                ));
            }
            None => self.common(all, "ARRAY")?,
        };
        let array = types::array_of(&kind)
            .ok_or_else(|| Fault::unsupported(format!("an array of {}", kind.name())))?;
        let mut arguments = vec![kind.oid().to_string()];
        arguments.extend(all.into_iter().map(|s| s.text));
        let ty = Ty {
            kind: array,
            modifier,
        };
        Ok(Sql::new(format!("pg_array({})", arguments.join(",")), ty))
    }

    /// `array[n]`.
    pub(super) fn access(
        &mut self,
        root: &Expr,
        chain: &[AccessExpr],
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        if let (Some(items), [AccessExpr::Dot(Expr::Identifier(name))]) =
            (super::row::fields(root), chain)
        {
            let number = fold(name).strip_prefix('f').and_then(|n| n.parse().ok());
            let item = number.and_then(|n: usize| items.get(n.checked_sub(1)?));
            if let Some(item) = item {
                let sql = self.expr(item, scope)?;
                return self.settle_as(sql, &Type::TEXT);
            }
        }
        let (root, chain) = column_of(root, chain);
        let array = self.expr(&root, scope)?;
        if let ([AccessExpr::Dot(Expr::Identifier(name))], &Type::RECORD) = (chain, array.kind()) {
            return self.field(&array, &fold(name));
        }
        if let [
            AccessExpr::Subscript(Subscript::Slice {
                lower_bound,
                upper_bound,
                stride: None,
            }),
        ] = chain
            && types::element(array.kind()).is_some()
        {
            let mut bounds = Vec::new();
            for bound in [lower_bound, upper_bound] {
                bounds.push(match bound {
                    Some(bound) => self.expr_of(bound, scope, Type::INT4)?.text,
                    None => "''".into(),
                });
            }
            let text = format!(
                "pg_array_slice({},{},{})",
                array.text,
                array.kind().oid(),
                bounds.join(",")
            );
            return Ok(Sql::new(text, array.kind().clone()));
        }
        if *array.kind() == Type::JSONB {
            let mut json = array;
            for access in chain {
                let AccessExpr::Subscript(Subscript::Index { index }) = access else {
                    return Err(Fault::unsupported("this subscript"));
                };
                let index = self.expr(index, scope)?;
                json = self.json(json, index, false)?;
            }
            return Ok(json);
        }
        let [AccessExpr::Subscript(Subscript::Index { index })] = chain else {
            return Err(Fault::unsupported("this subscript"));
        };
        // A name is of letters, from 0 on.
        if *array.kind() == Type::NAME {
            let index = self.expr_of(index, scope, Type::INT4)?;
            let text = format!("iif({0}<0,'',substr({1},{0}+1,1))", index.text, array.text);
            return Ok(Sql::new(text, Type::CHAR));
        }
        let Some(element) = types::element(array.kind()) else {
            return Err(Fault::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "cannot subscript type {} because it does not support subscripting",
                    types::show(array.kind(), -1)
                ),
            ));
        };
        let index = self.expr_of(index, scope, Type::INT4)?;
        Ok(Sql::new(
            format!(
                "pg_array_get({},{},{},{})",
                array.text,
                array.kind().oid(),
                element.oid(),
                index.text
            ),
            element,
        ))
    }

    /// `ARRAY(SELECT …)`.
    pub(super) fn array_query(
        &mut self,
        query: &sqlparser::ast::Query,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let (text, columns) = self.query(query, scope)?;
        let [column] = columns.as_slice() else {
            return Err(Fault::new(
                SqlState::SYNTAX_ERROR,
                "subquery must return only one column",
            ));
        };
        let kind = if column.ty.kind == Type::UNKNOWN {
            Type::TEXT
        } else {
            column.ty.kind.clone()
        };
        let array = types::array_of(&kind)
            .ok_or_else(|| Fault::unsupported(format!("an array of {}", kind.name())))?;
        Ok(Sql {
            text: format!(
                "(SELECT coalesce(pg_array_of({},{}),'{{}}') FROM ({text}))",
                kind.oid(),
                super::quote(&column.name)
            ),
            ty: array.into(),
            not_null: true,
            open: Open::No,
        })
    }
}

/// `t.a[1]` is read as a field of `t` first; what it means is an element of a column.
pub(super) fn column_of<'a>(
    root: &'a Expr,
    chain: &'a [AccessExpr],
) -> (Cow<'a, Expr>, &'a [AccessExpr]) {
    let mut parts = match root {
        Expr::Identifier(ident) => vec![ident.clone()],
        Expr::CompoundIdentifier(parts) => parts.clone(),
        _ => return (Cow::Borrowed(root), chain),
    };
    let dots = chain
        .iter()
        .take_while(|a| matches!(a, AccessExpr::Dot(Expr::Identifier(_))))
        .count();
    if dots == 0 {
        return (Cow::Borrowed(root), chain);
    }
    let (names, rest) = chain.split_at(dots);
    parts.extend(names.iter().filter_map(|name| match name {
        AccessExpr::Dot(Expr::Identifier(ident)) => Some(ident.clone()),
        _ => None,
    }));
    (Cow::Owned(Expr::CompoundIdentifier(parts)), rest)
}

/// The elements of an array that is written as one, each with the array's cast.
fn listed(array: &Expr) -> Option<Vec<Expr>> {
    match array {
        Expr::Nested(inner) => listed(inner),
        Expr::Array(array) if !array.elem.is_empty() => {
            let flat = |e: &Expr| !matches!(e, Expr::Array(_));
            array.elem.iter().all(flat).then(|| array.elem.clone())
        }
        Expr::Cast {
            kind,
            expr,
            data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)),
            format,
        } => {
            let cast = |item| Expr::Cast {
                kind: kind.clone(),
                expr: Box::new(item),
                data_type: (**element).clone(),
                format: format.clone(),
            };
            Some(listed(expr)?.into_iter().map(cast).collect())
        }
        _ => None,
    }
}
