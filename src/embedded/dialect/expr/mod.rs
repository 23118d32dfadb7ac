//! Expressions: each is written anew, and its type is known.

mod cast;
mod forms;
mod member;
mod value;

use std::cell::Cell;
use std::rc::Rc;

use postgres_types::Type;
use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, SelectItem, SetExpr, UnaryOperator, Value,
};

use crate::embedded::dialect::deparse::{Named, Trace};
use crate::embedded::dialect::row;
use crate::embedded::dialect::scope::{Place, Relation, Scope, fold, object};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, Schema};
use crate::embedded::functions::collation;
use crate::error_response::SqlState;
pub(super) use value::constant;

/// Deeper than any tree that the parser lets through.
const MAX_DEPTH: u32 = 1100;

/// An expression in SQLite's dialect.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) ty: Ty,
    pub(super) not_null: bool,
    /// What may yet become of another type.
    pub(super) open: Open,
}

/// What its place decides about an expression whose own type is `unknown`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Open {
    No,
    /// A literal in quotes.
    Text(String),
    /// NULL.
    Null,
    /// A parameter that nothing was said about yet, by its number from 0.
    Parameter(usize),
}

impl Sql {
    pub(super) fn new(text: impl Into<String>, ty: impl Into<Ty>) -> Self {
        Self {
            text: text.into(),
            ty: ty.into(),
            not_null: false,
            open: Open::No,
        }
    }

    pub(super) fn kind(&self) -> &Type {
        &self.ty.kind
    }

    /// With the order of its type, where SQLite would compare texts.
    pub(super) fn ordered(&self) -> String {
        match collation(self.kind()) {
            Some(collation) => format!("{} COLLATE {collation}", self.text),
            None => self.text.clone(),
        }
    }
}

/// Translates one statement.
pub(super) struct Translator<'s> {
    pub(super) schema: &'s dyn Schema,
    parameters: Vec<Option<Type>>,
    pub(super) ctes: Vec<super::select::Cte>,
    depth: u32,
    pub(super) grouping: Grouping,
    /// Where an expression is evaluated once.
    pub(super) once: bool,
    /// The same for the list of the query that is next.
    pub(super) once_next: bool,
    /// Whether the last query has one row at most, whatever there is.
    pub(super) one_row: bool,
    /// The sequences that numbers are drawn from.
    pub(super) draws: Vec<String>,
    /// Whether numbers are drawn for each row.
    pub(super) draws_rows: bool,
    /// The table whose rows a statement changes.
    pub(super) changing: String,
    /// In the list of a SELECT, what gives rows there.
    pub(super) sets: Option<super::sets::Sets>,
    /// Where the statement runs in several stages.
    pub(super) staging: super::staged::Staging,
    /// What names mean, if that is asked for.
    pub(super) trace: Option<Box<Trace>>,
    /// Whether the UNION that is next is that of a recursive query, whose form SQLite needs.
    pub(super) recursing: bool,
    /// Whether a temporary table or view was named.
    pub(super) temporary: Cell<bool>,
}

/// What GROUP BY allows in the query at hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Grouping {
    /// The expressions grouped by.
    pub(super) keys: Vec<String>,
    /// Tables whose primary key is grouped by.
    pub(super) whole: Vec<String>,
    /// Whether there is an aggregate function.
    pub(super) aggregates: bool,
    /// Whether there is a window function.
    pub(super) windows: bool,
    /// Whether a function of the list gives rows.
    pub(super) rows: bool,
    /// Where there are several groupings.
    pub(super) sets: Option<Rc<super::grouping_sets::Sets>>,
    /// The first column that is neither a key nor within an aggregate.
    pub(super) bare: Option<(String, Fault)>,
}

impl<'s> Translator<'s> {
    pub(super) fn new(schema: &'s dyn Schema, declared: &[Option<Type>]) -> Self {
        Self {
            schema,
            // What comes by its number has a name here.
            parameters: declared
                .iter()
                .map(|kind| {
                    kind.as_ref()
                        .map(|k| types::from_oid(k.oid()).unwrap_or_else(|| k.clone()))
                })
                .collect(),
            ctes: Vec::new(),
            depth: 0,
            grouping: Grouping::default(),
            once: false,
            once_next: false,
            one_row: false,
            draws: Vec::new(),
            draws_rows: false,
            changing: String::new(),
            sets: None,
            staging: super::staged::Staging::default(),
            trace: None,
            recursing: false,
            temporary: Cell::new(false),
        }
    }

    /// The parameters' types; what nothing was said about is text.
    pub(super) fn parameters(self) -> Result<Vec<Type>, Fault> {
        Ok(self
            .parameters
            .into_iter()
            .map(|p| p.unwrap_or(Type::TEXT))
            .collect())
    }

    pub(super) fn expr(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Sql, Fault> {
        if let Some(sql) = self.grouping.sets.as_ref().and_then(|s| s.of_expr(expr)) {
            return Ok(sql);
        }
        let before = self.grouping.bare.is_some();
        let sql = self.nest(|this| this.node(expr, scope))?;
        if let Some(trace) = &mut self.trace {
            trace.typed(expr, sql.kind());
        }
        if !before && self.grouping.bare.is_some() && self.grouping.keys.contains(&sql.text) {
            self.grouping.bare = None;
        }
        let shown = self
            .grouping
            .sets
            .as_ref()
            .and_then(|s| s.of_text(&sql.text));
        Ok(shown.unwrap_or(sql))
    }

    /// Goes one level down.
    pub(super) fn nest<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.depth = self.depth.saturating_add(1);
        let result = if self.depth > MAX_DEPTH {
            Err(Fault::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "stack depth limit exceeded",
            ))
        } else {
            inner(self)
        };
        self.depth = self.depth.saturating_sub(1);
        result
    }

    /// Remembers a column that may have to be grouped by.
    pub(super) fn note_column(
        &mut self,
        sql: &str,
        name: &str,
        relation: &Relation,
        ident: Option<&Ident>,
    ) {
        let free = self.grouping.keys.iter().any(|k| k == sql)
            || self.grouping.whole.contains(&relation.name)
            || self.grouping.bare.is_some();
        if !free {
            let fault = Fault::new(SqlState::GROUPING_ERROR, "");
            let fault = match ident {
                Some(ident) => fault.at_name(ident),
                None => fault,
            };
            let name = format!("{}.{name}", relation.name);
            self.grouping.bare = Some((name, fault));
        }
    }

    /// An expression that must be of a type.
    pub(super) fn expr_of(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        kind: Type,
    ) -> Result<Sql, Fault> {
        let sql = self.expr(expr, scope)?;
        self.implicit(sql, &kind.into()).at(expr)
    }

    /// A condition.
    pub(super) fn condition(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        clause: &str,
    ) -> Result<Sql, Fault> {
        let sql = self.expr(expr, scope)?;
        let sql = self.settle_as(sql, &Type::BOOL).at(expr)?;
        if *sql.kind() == Type::BOOL {
            return Ok(sql);
        }
        Err(Fault::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "argument of {clause} must be type boolean, not type {}",
                types::show(sql.kind(), -1)
            ),
        )
        .at(expr))
    }

    fn node(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Sql, Fault> {
        match expr {
            Expr::Identifier(ident) => self.column(ident, scope),
            Expr::CompoundIdentifier(parts) => self.qualified(parts, scope).at(expr),
            Expr::Value(value) => self.value(&value.value).at(expr),
            // A value is one without parentheses too.
            Expr::Nested(inner) if matches!(**inner, Expr::Value(_)) => self.expr(inner, scope),
            Expr::Nested(inner) => {
                let sql = self.expr(inner, scope)?;
                Ok(Sql {
                    text: format!("({})", sql.text),
                    ..sql
                })
            }
            Expr::BinaryOp { left, op, right } => {
                if let (BinaryOperator::And | BinaryOperator::Or, word) = (op, op.to_string()) {
                    let left = self.condition(left, scope, &word)?;
                    let right = self.condition(right, scope, &word)?;
                    return Ok(Sql::new(
                        format!("({} {word} {})", left.text, right.text),
                        Type::BOOL,
                    ));
                }
                if let Some(sql) = self.row_comparison(left, op, right, scope).at(expr)? {
                    return Ok(sql);
                }
                if let Some((function, negated, [pattern, rest @ ..])) = forms::escaped(op, right)
                    && let Some(pattern) = forms::positional(pattern)
                {
                    let escape = rest.first().and_then(forms::positional);
                    return self
                        .like(function, negated, left, pattern, escape, scope)
                        .at(expr);
                }
                let left = self.expr(left, scope)?;
                let right = self.expr(right, scope)?;
                self.binary(op, left, right).at(expr)
            }
            Expr::UnaryOp { op, expr: inner } => {
                // In PostgreSQL a sign binds more than a power does.
                if let (
                    UnaryOperator::Minus | UnaryOperator::Plus,
                    Expr::BinaryOp {
                        left,
                        op: BinaryOperator::PGExp,
                        right,
                    },
                ) = (op, &**inner)
                {
                    let signed = Expr::BinaryOp {
                        left: Box::new(Expr::UnaryOp {
                            op: *op,
                            expr: left.clone(),
                        }),
                        op: BinaryOperator::PGExp,
                        right: right.clone(),
                    };
                    return self.expr(&signed, scope);
                }
                let sql = self.expr(inner, scope)?;
                self.unary(*op, sql).at(expr)
            }
            Expr::Cast {
                expr: inner,
                data_type,
                ..
            } => {
                let ty = types::named(&data_type.to_string()).at(expr)?;
                if let Expr::Array(array) = &**inner
                    && types::element(&ty.kind).is_some()
                {
                    return self.array(&array.elem, scope, Some(&ty)).at(expr);
                }
                let sql = self.expr(inner, scope)?;
                self.cast(sql, &ty).at(expr)
            }
            Expr::TypedString(typed) => {
                let ty = types::named(&typed.data_type.to_string()).at(expr)?;
                let sql = self.value(&typed.value.value)?;
                self.cast(sql, &ty).at(expr)
            }
            Expr::Interval(interval) => {
                if interval.last_field.is_some()
                    || interval.leading_precision.is_some()
                    || interval.fractional_seconds_precision.is_some()
                {
                    return Err(Fault::unsupported("an interval of these fields").at(expr));
                }
                let sql = self.expr(&interval.value, scope)?;
                let sql = match (&interval.leading_field, sql.open) {
                    (Some(field), Open::Text(text)) => {
                        let text = format!("{text} {field}");
                        self.value(&Value::SingleQuotedString(text))?
                    }
                    (None, open) => Sql { open, ..sql },
                    _ => return Err(Fault::unsupported(expr).at(expr)),
                };
                self.cast(sql, &Type::INTERVAL.into()).at(expr)
            }
            Expr::IsNull(inner) => self.null_test(inner, scope, "IS NULL"),
            Expr::IsNotNull(inner) => self.null_test(inner, scope, "IS NOT NULL"),
            Expr::IsTrue(inner) => self.truth(inner, scope, "IS 1", "IS TRUE"),
            Expr::IsNotTrue(inner) => self.truth(inner, scope, "IS NOT 1", "IS NOT TRUE"),
            Expr::IsFalse(inner) => self.truth(inner, scope, "IS 0", "IS FALSE"),
            Expr::IsNotFalse(inner) => self.truth(inner, scope, "IS NOT 0", "IS NOT FALSE"),
            Expr::IsUnknown(inner) => self.truth(inner, scope, "IS NULL", "IS UNKNOWN"),
            Expr::IsNotUnknown(inner) => self.truth(inner, scope, "IS NOT NULL", "IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                let word = if matches!(expr, Expr::IsDistinctFrom(..)) {
                    "IS NOT"
                } else {
                    "IS"
                };
                if let (Some(left), Some(right)) = (row::fields(left), row::fields(right)) {
                    let distinct = word == "IS NOT";
                    return self.rows_are(&left, &right, distinct, scope).at(expr);
                }
                let left = self.expr(left, scope)?;
                let right = self.expr(right, scope)?;
                self.compare(word, "=", left, right).at(expr)
            }
            Expr::Between {
                expr: inner,
                negated,
                low,
                high,
            } => {
                if row::fields(inner).is_some() {
                    return Err(Fault::unsupported("BETWEEN of rows").at(expr));
                }
                let value = self.expr(inner, scope)?;
                let (low, high) = (self.expr(low, scope)?, self.expr(high, scope)?);
                let (from, word, to) = match negated {
                    false => (">=", "AND", "<="),
                    true => ("<", "OR", ">"),
                };
                let from = self.compare(from, from, value.clone(), low).at(expr)?;
                let to = self.compare(to, to, value, high).at(expr)?;
                Ok(Sql::new(
                    format!("({} {word} {})", from.text, to.text),
                    Type::BOOL,
                ))
            }
            Expr::In {
                expr: inner,
                target,
                negated,
                ..
            } => self.is_in(inner, target, *negated, scope).at(expr),
            Expr::AnyOp {
                left,
                compare_op,
                right,
                ..
            } => self
                .any_or_all(left, compare_op, right, false, scope)
                .at(expr),
            Expr::AllOp {
                left,
                compare_op,
                right,
            } => self
                .any_or_all(left, compare_op, right, true, scope)
                .at(expr),
            Expr::Like {
                negated,
                expr: inner,
                pattern,
                escape_char,
                any: false,
            }
            | Expr::ILike {
                negated,
                expr: inner,
                pattern,
                escape_char,
                any: false,
            } => {
                let function = match expr {
                    Expr::ILike { .. } => "pg_ilike",
                    _ => "pg_like",
                };
                let escape = escape_char.as_deref();
                self.like(function, *negated, inner, pattern, escape, scope)
                    .at(expr)
            }
            Expr::SimilarTo {
                negated,
                expr: inner,
                pattern,
                escape_char: None,
            } => self
                .like("pg_similar", *negated, inner, pattern, None, scope)
                .at(expr),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self
                .case(
                    operand.as_deref(),
                    conditions,
                    else_result.as_deref(),
                    scope,
                )
                .at(expr),
            Expr::Exists { subquery, negated } => {
                let (text, _) = match listed(subquery) {
                    Some(query) => self.query(&query, scope)?,
                    None => self.query(subquery, scope)?,
                };
                let not = if *negated { "NOT " } else { "" };
                Ok(Sql::new(format!("({not}EXISTS ({text}))"), Type::BOOL))
            }
            Expr::Subquery(query) => {
                let (text, columns) = self.query(query, scope)?;
                match columns.as_slice() {
                    [column] if self.one_row => {
                        Ok(Sql::new(format!("({text})"), column.ty.clone()))
                    }
                    // SQLite would take the first of several.
                    [column] => Ok(Sql::new(
                        format!(
                            "(WITH \"part\"(\"c\") AS ({text}) SELECT pg_only(\"c\") FROM \"part\")"
                        ),
                        column.ty.clone(),
                    )),
                    _ => Err(Fault::new(
                        SqlState::SYNTAX_ERROR,
                        "subquery must return only one column",
                    )
                    .at(expr)),
                }
            }
            Expr::Function(function) => self.function(function, scope).at(expr),
            Expr::Collate {
                expr: inner,
                collation,
            } => {
                let (_, name) = object(collation)?;
                match name.as_str() {
                    // SQLite's binary order is that of the code points, PostgreSQL's "C".
                    "default" | "C" | "POSIX" | "ucs_basic" | "C.UTF-8" | "c" => {
                        self.expr(inner, scope)
                    }
                    _ => Err(Fault::new(
                        SqlState::UNDEFINED_OBJECT,
                        format!("collation \"{name}\" for encoding \"UTF8\" does not exist"),
                    )
                    .at(expr)),
                }
            }
            Expr::Array(array) => self.array(&array.elem, scope, None).at(expr),
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain, scope).at(expr)
            }
            Expr::Tuple(_) => self.row_value(expr, scope).at(expr),
            other => self.form(other, scope),
        }
    }

    fn column(&mut self, ident: &Ident, scope: &Scope<'_>) -> Result<Sql, Fault> {
        let name = fold(ident);
        if let Some((relation, column)) = scope.column(&name).at_name(ident)? {
            if scope.relations.iter().any(|r| r.name == relation.name) {
                let sql = relation.bare_sql(column);
                self.note_column(&sql, &column.name, relation, Some(ident));
            }
            if let Some(trace) = &mut self.trace {
                trace.named(ident, Named::new(relation, column, true));
            }
            return Ok(Sql {
                text: relation.bare_sql(column),
                ty: column.bare_ty().clone(),
                not_null: column.not_null && column.grouped.is_none(),
                open: Open::No,
            });
        }
        // PostgreSQL's functions without parentheses.
        if ident.quote_style.is_none() && super::function::is_bare(&name) {
            return self.call(&name, Vec::new()).at_name(ident);
        }
        if scope.relations.iter().any(|r| r.name == name) {
            return Err(Fault::unsupported("a row of a table as a value").at_name(ident));
        }
        no_system_column(&name).map_err(|fault| fault.at_name(ident))?;
        Err(Fault::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{name}\" does not exist"),
        )
        .at_name(ident))
    }

    fn qualified(&mut self, parts: &[Ident], scope: &Scope<'_>) -> Result<Sql, Fault> {
        let names: Vec<String> = parts.iter().map(fold).collect();
        let (table, name) = match names.as_slice() {
            [table, name] => (table, name),
            // A schema in front adds nothing: no two tables of one query have the same name.
            [_, table, name] => (table, name),
            _ => return Err(Fault::unsupported(format!("the name {}", names.join(".")))),
        };
        let found = scope.qualified(table, name);
        if found.is_err() && scope.relations.iter().any(|r| r.name == *table) {
            no_system_column(name)?;
        }
        let (relation, column) = found?;
        if let (Some(trace), Some(last)) = (&mut self.trace, parts.last()) {
            trace.named(last, Named::new(relation, column, false));
        }
        if scope.relations.iter().any(|r| r.name == relation.name) {
            self.note_column(&relation.sql(column), name, relation, parts.last());
        }
        Ok(Sql {
            text: relation.sql(column),
            ty: column.ty.clone(),
            not_null: column.not_null && column.grouped.is_none(),
            open: Open::No,
        })
    }

    fn null_test(&mut self, inner: &Expr, scope: &Scope<'_>, test: &str) -> Result<Sql, Fault> {
        if let Some(items) = row::fields(inner) {
            return self.row_is(&items, test, scope);
        }
        let sql = self.expr(inner, scope)?;
        let sql = self.settle_as(sql, &Type::TEXT)?;
        row::known(&sql).at(inner)?;
        Ok(Sql::new(format!("({} {test})", sql.text), Type::BOOL))
    }

    fn truth(
        &mut self,
        inner: &Expr,
        scope: &Scope<'_>,
        test: &str,
        clause: &str,
    ) -> Result<Sql, Fault> {
        let sql = self.condition(inner, scope, clause)?;
        Ok(Sql::new(format!("({} {test})", sql.text), Type::BOOL))
    }
}

/// Refuses the columns that every table of PostgreSQL has.
fn no_system_column(name: &str) -> Result<(), Fault> {
    match name {
        "xmin" | "xmax" | "cmin" | "cmax" | "ctid" | "tableoid" => {
            Err(Fault::unsupported(format!("the system column {name}")))
        }
        _ => Ok(()),
    }
}

/// `SELECT FROM t`, which EXISTS may ask, with a list.
fn listed(query: &Query) -> Option<Query> {
    let SetExpr::Select(select) = &*query.body else {
        return None;
    };
    if !select.projection.is_empty() {
        return None;
    }
    let mut query = query.clone();
    if let SetExpr::Select(select) = &mut *query.body {
        let one = Expr::value(Value::Number("1".into(), false));
        select.projection.push(SelectItem::UnnamedExpr(one));
    }
    Some(query)
}

/// The beginning of a construct, for a message.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
