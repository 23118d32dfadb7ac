//! Expressions: each is written anew, and its type is known.

use postgres_types::Type;
use rusqlite::types::Value as Kept;
use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DateTimeField, Expr, Ident, InTarget, Query, TrimWhereField,
    Value,
};

use crate::embedded::convert;
use crate::embedded::dialect::scope::{Place, Relation, Scope, fold, object};
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Fault, Schema, literal};
use crate::error_response::SqlState;

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

    /// With numeric's order, where SQLite would compare texts.
    pub(super) fn ordered(&self) -> String {
        match self.ty.kind {
            Type::NUMERIC => format!("{} COLLATE pg_numeric", self.text),
            Type::INTERVAL => format!("{} COLLATE pg_interval", self.text),
            _ => self.text.clone(),
        }
    }
}

/// A value as SQLite writes it.
pub(super) fn constant(value: &Kept) -> String {
    match value {
        Kept::Null => "NULL".into(),
        Kept::Integer(n) if *n == i64::MIN => "(-9223372036854775807-1)".into(),
        Kept::Integer(n) if *n < 0 => format!("({n})"),
        Kept::Integer(n) => n.to_string(),
        Kept::Real(x) if x.is_infinite() => if *x > 0.0 { "9e999" } else { "(-9e999)" }.into(),
        Kept::Real(x) => format!("({x:?})"),
        Kept::Text(text) if text.contains('\0') => "NULL".into(),
        Kept::Text(text) => literal(text),
        Kept::Blob(bytes) => {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("x'{hex}'")
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
    /// The sequences that numbers are drawn from.
    pub(super) draws: Vec<String>,
    /// In the list of a SELECT, what gives rows there.
    pub(super) sets: Option<super::sets::Sets>,
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
    /// The first column that is neither a key nor within an aggregate.
    pub(super) bare: Option<(String, Fault)>,
}

impl<'s> Translator<'s> {
    pub(super) fn new(schema: &'s dyn Schema, declared: &[Option<Type>]) -> Self {
        Self {
            schema,
            parameters: declared.to_vec(),
            ctes: Vec::new(),
            depth: 0,
            grouping: Grouping::default(),
            once: false,
            once_next: false,
            draws: Vec::new(),
            sets: None,
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
        let before = self.grouping.bare.is_some();
        let sql = self.nest(|this| this.node(expr, scope))?;
        if !before && self.grouping.bare.is_some() && self.grouping.keys.contains(&sql.text) {
            self.grouping.bare = None;
        }
        Ok(sql)
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
                if let (Expr::Tuple(left), Expr::Tuple(right)) = (&**left, &**right) {
                    return self.rows(left, op, right, scope).at(expr);
                }
                let left = self.expr(left, scope)?;
                let right = self.expr(right, scope)?;
                self.binary(op, left, right).at(expr)
            }
            Expr::UnaryOp { op, expr: inner } => {
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
                let value = self.expr(inner, scope)?;
                let (low, high) = (self.expr(low, scope)?, self.expr(high, scope)?);
                let above = self.compare(">=", ">=", value.clone(), low).at(expr)?;
                let below = self.compare("<=", "<=", value, high).at(expr)?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Sql::new(
                    format!("({not}({} AND {}))", above.text, below.text),
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
            } => self
                .like(
                    "pg_like",
                    *negated,
                    inner,
                    pattern,
                    escape_char.as_deref(),
                    scope,
                )
                .at(expr),
            Expr::ILike {
                negated,
                expr: inner,
                pattern,
                escape_char,
                any: false,
            } => self
                .like(
                    "pg_ilike",
                    *negated,
                    inner,
                    pattern,
                    escape_char.as_deref(),
                    scope,
                )
                .at(expr),
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
                let (text, _) = self.query(subquery, scope)?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Sql::new(format!("({not}EXISTS ({text}))"), Type::BOOL))
            }
            Expr::Subquery(query) => {
                let (text, columns) = self.query(query, scope)?;
                match columns.as_slice() {
                    [column] => Ok(Sql::new(format!("({text})"), column.ty.clone())),
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
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => {
                let value = self.expr(timestamp, scope)?;
                let zone = self.expr_of(time_zone, scope, Type::TEXT)?;
                let value = self.settle_as(value, &Type::TIMESTAMPTZ)?;
                let kind = match *value.kind() {
                    Type::TIMESTAMPTZ => Type::TIMESTAMP,
                    Type::TIMESTAMP => Type::TIMESTAMPTZ,
                    _ => return Err(Fault::unsupported(expr).at(expr)),
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
            Expr::Extract {
                field, expr: inner, ..
            } => {
                let value = self.expr(inner, scope)?;
                let field = Sql::new(literal(&field.to_string().to_lowercase()), Type::TEXT);
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
            Expr::Array(array) => self.array(&array.elem, scope, None).at(expr),
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain, scope).at(expr)
            }
            Expr::Tuple(_) => Err(Fault::unsupported("a row constructor here").at(expr)),
            other => Err(Fault::unsupported(shorten(&other.to_string())).at(expr)),
        }
    }

    fn column(&mut self, ident: &Ident, scope: &Scope<'_>) -> Result<Sql, Fault> {
        let name = fold(ident);
        if let Some((relation, column)) = scope.column(&name).at_name(ident)? {
            if scope.relations.iter().any(|r| r.name == relation.name) {
                let sql = relation.bare_sql(column);
                self.note_column(&sql, &column.name, relation, Some(ident));
            }
            return Ok(Sql {
                text: relation.bare_sql(column),
                ty: column.bare_ty().clone(),
                not_null: column.not_null,
                open: Open::No,
            });
        }
        // PostgreSQL's functions without parentheses.
        if ident.quote_style.is_none() && super::function::is_bare(&name) {
            return self.call(&name, Vec::new()).at_name(ident);
        }
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
        let (relation, column) = scope.qualified(table, name)?;
        if scope.relations.iter().any(|r| r.name == relation.name) {
            self.note_column(&relation.sql(column), name, relation, parts.last());
        }
        Ok(Sql {
            text: relation.sql(column),
            ty: column.ty.clone(),
            not_null: column.not_null,
            open: Open::No,
        })
    }

    fn value(&mut self, value: &Value) -> Result<Sql, Fault> {
        let text = |text: &str| {
            if text.contains('\0') {
                return Err(Fault::new(
                    SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                    "invalid byte sequence for encoding \"UTF8\": 0x00",
                ));
            }
            Ok(Sql {
                text: literal(text),
                ty: Type::UNKNOWN.into(),
                not_null: true,
                open: Open::Text(text.to_owned()),
            })
        };
        Ok(match value {
            Value::Number(digits, _) => {
                let digits: String = digits.chars().filter(|c| *c != '_').collect();
                match digits.parse::<i64>() {
                    Ok(n) if i32::try_from(n).is_ok() => Sql::new(digits, Type::INT4),
                    Ok(_) => Sql::new(digits, Type::INT8),
                    Err(_) => {
                        let value = convert::parse(&digits, &Type::NUMERIC.into())?;
                        Sql::new(constant(&value), Type::NUMERIC)
                    }
                }
            }
            Value::SingleQuotedString(s)
            | Value::EscapedStringLiteral(s)
            | Value::UnicodeStringLiteral(s)
            | Value::NationalStringLiteral(s) => return text(s),
            Value::DollarQuotedString(s) => return text(&s.value),
            Value::Boolean(b) => Sql::new(u8::from(*b).to_string(), Type::BOOL),
            Value::Null => Sql {
                text: "NULL".into(),
                ty: Type::UNKNOWN.into(),
                not_null: false,
                open: Open::Null,
            },
            Value::Placeholder(name) => return self.parameter(name),
            other => return Err(Fault::unsupported(format!("the literal {other}"))),
        })
    }

    fn parameter(&mut self, name: &str) -> Result<Sql, Fault> {
        let missing = || {
            Fault::new(
                SqlState::UNDEFINED_PARAMETER,
                format!("there is no parameter {name}"),
            )
        };
        let number: usize = name
            .strip_prefix('$')
            .and_then(|n| n.parse().ok())
            .filter(|n| (1..=32_766).contains(n))
            .ok_or_else(missing)?;
        let index = number.saturating_sub(1);
        if self.parameters.len() < number {
            self.parameters.resize(number, None);
        }
        let known = self.parameters.get(index).cloned().flatten();
        let text = format!("?{number}");
        Ok(Sql {
            text: match &known {
                Some(kind) => self.looked_up(text, kind),
                None => text,
            },
            open: if known.is_none() {
                Open::Parameter(index)
            } else {
                Open::No
            },
            ty: known.unwrap_or(Type::UNKNOWN).into(),
            not_null: false,
        })
    }

    /// A parameter that stands for an object comes as its number or its name.
    fn looked_up(&self, parameter: String, kind: &Type) -> String {
        if !types::is_named(kind) {
            return parameter;
        }
        format!(
            "iif(typeof({parameter})='text',{},{parameter})",
            self.object_in(&parameter, kind)
        )
    }

    /// Gives an expression of unknown type this one; others stay as they are.
    pub(super) fn settle(&mut self, sql: Sql, ty: &Ty) -> Result<Sql, Fault> {
        if *sql.kind() != Type::UNKNOWN {
            return Ok(sql);
        }
        let text = match &sql.open {
            Open::No => {
                // A column of unknown type in a subquery: its literal is a text there.
                return self.cast_now(
                    Sql {
                        ty: Type::TEXT.into(),
                        ..sql
                    },
                    ty,
                    false,
                );
            }
            Open::Null => "NULL".to_owned(),
            Open::Text(text) => {
                let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                if types::is_named(&ty.kind) && !digits {
                    let text = self.object_in(&sql.text, &ty.kind);
                    return Ok(Sql::new(text, ty.kind.clone()));
                }
                if matches!(ty.kind, Type::JSON | Type::JSONB) {
                    format!("pg_json({},{})", sql.text, u8::from(ty.kind == Type::JSONB))
                } else {
                    constant(&convert::parse(text, ty)?)
                }
            }
            Open::Parameter(index) => {
                if let Some(slot) = self.parameters.get_mut(*index) {
                    if slot.as_ref().is_some_and(|known| *known != ty.kind) {
                        return Err(Fault::new(
                            SqlState::INDETERMINATE_DATATYPE,
                            format!(
                                "inconsistent types deduced for parameter ${}",
                                index.saturating_add(1)
                            ),
                        ));
                    }
                    *slot = Some(ty.kind.clone());
                }
                let typed = Sql::new(sql.text.clone(), ty.kind.clone());
                if ty.modifier >= 0 {
                    return self.cast_now(typed, ty, false);
                }
                self.looked_up(typed.text, &ty.kind)
            }
        };
        Ok(Sql {
            text,
            ty: ty.clone(),
            open: Open::No,
            not_null: sql.not_null,
        })
    }

    pub(super) fn settle_as(&mut self, sql: Sql, kind: &Type) -> Result<Sql, Fault> {
        self.settle(sql, &kind.clone().into())
    }

    /// A cast that somebody wrote.
    pub(super) fn cast(&mut self, sql: Sql, ty: &Ty) -> Result<Sql, Fault> {
        if *sql.kind() == Type::UNKNOWN {
            // A cast cuts a text to its length, where an INSERT refuses it.
            let loose = Ty::from(ty.kind.clone());
            let cuts = matches!(ty.kind, Type::VARCHAR | Type::BPCHAR) && ty.modifier >= 0;
            let sql = self.settle(sql, if cuts { &loose } else { ty })?;
            return if cuts {
                self.cast_now(sql, ty, true)
            } else {
                Ok(sql)
            };
        }
        self.cast_now(sql, ty, true)
    }

    /// The conversion that PostgreSQL makes unasked where a function or operator wants a type.
    pub(super) fn implicit(&mut self, sql: Sql, ty: &Ty) -> Result<Sql, Fault> {
        let sql = self.settle(sql, ty)?;
        let (from, to) = (sql.kind(), &ty.kind);
        let up = types::rank(from)
            .zip(types::rank(to))
            .is_some_and(|(f, t)| f <= t);
        let time = types::is_time(from) && types::is_time(to) && *from != Type::TIMESTAMPTZ;
        let good = from == to
            || up
            || time
            || types::is_text(from) && types::is_text(to)
            || types::is_integer(from) && types::is_oid(to);
        if good {
            return self.cast_now(sql, ty, false);
        }
        Err(Fault::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "expression of type {} where {} is expected",
                types::show(from, -1),
                types::show(to, -1)
            ),
        ))
    }

    pub(super) fn cast_now(&self, sql: Sql, ty: &Ty, explicit: bool) -> Result<Sql, Fault> {
        let (from, to) = (sql.ty.kind.clone(), ty.kind.clone());
        let fits = ty.modifier < 0 || ty.modifier == sql.ty.modifier;
        let same_text = types::is_text(&from)
            && matches!(to, Type::TEXT | Type::VARCHAR)
            && from != Type::BPCHAR
            || from == Type::VARCHAR && to == Type::TEXT;
        if (from == to || same_text) && fits {
            return Ok(Sql {
                ty: ty.clone(),
                ..sql
            });
        }
        if let Some(text) = folded(&sql, ty, explicit)? {
            return Ok(Sql {
                text,
                ty: ty.clone(),
                not_null: true,
                open: Open::No,
            });
        }
        let not_null = sql.not_null;
        let text = if types::is_named(&to) && types::is_text(&from) {
            self.object_in(&sql.text, &to)
        } else if types::is_named(&from) && types::is_text(&to) {
            self.object_out(&sql.text, &from)
        } else if matches!(to, Type::JSON | Type::JSONB)
            && (types::is_text(&from) || from == Type::JSON)
        {
            format!("pg_json({},{})", sql.text, u8::from(to == Type::JSONB))
        } else if types::rank(&from)
            .zip(types::rank(&to))
            .is_some_and(|(f, t)| f <= t)
            && types::storage(&from) == types::storage(&to)
            && types::storage(&to) == types::Storage::Integer
            && !types::is_oid(&to)
        {
            sql.text
        } else if convert::castable(&from, &to) {
            format!(
                "pg_cast({},{},{},{},{})",
                sql.text,
                from.oid(),
                to.oid(),
                ty.modifier,
                u8::from(explicit)
            )
        } else {
            return Err(Fault::new(
                SqlState::CANNOT_COERCE,
                format!(
                    "cannot cast type {} to {}",
                    types::show(&from, -1),
                    types::show(&to, -1)
                ),
            ));
        };
        Ok(Sql {
            text,
            ty: ty.clone(),
            not_null,
            open: Open::No,
        })
    }

    fn null_test(&mut self, inner: &Expr, scope: &Scope<'_>, test: &str) -> Result<Sql, Fault> {
        let sql = self.expr(inner, scope)?;
        let sql = self.settle_as(sql, &Type::TEXT)?;
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

    fn is_in(
        &mut self,
        inner: &Expr,
        target: &InTarget,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let not = if negated { "NOT " } else { "" };
        match target {
            InTarget::List(list) => {
                if let Expr::Tuple(left) = inner {
                    let mut tests = Vec::new();
                    for item in list {
                        let Expr::Tuple(right) = item else {
                            return Err(Fault::unsupported("a row compared with a value"));
                        };
                        tests.push(self.rows(left, &BinaryOperator::Eq, right, scope)?.text);
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
                let (mut all, kind) = self.common(all, "IN")?;
                // PostgreSQL would find no operator.
                for pair in comparable.iter().skip(1) {
                    super::operator::comparable(
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

    pub(super) fn in_query(
        &mut self,
        inner: &Expr,
        query: &Query,
        not: &str,
        scope: &Scope<'_>,
    ) -> Result<Sql, Fault> {
        let left: Vec<&Expr> = match inner {
            Expr::Tuple(items) => items.iter().collect(),
            other => vec![other],
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
            super::operator::comparable("=", value.kind(), &column.ty.kind)?;
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

/// The cast of a number that was written as such.
fn folded(sql: &Sql, ty: &Ty, explicit: bool) -> Result<Option<String>, Fault> {
    let digits = !sql.text.is_empty() && sql.text.bytes().all(|b| b.is_ascii_digit());
    let value = match sql.ty.kind {
        Type::INT4 | Type::INT8 if digits => sql.text.parse().map(Kept::Integer).ok(),
        Type::NUMERIC => sql
            .text
            .strip_prefix('\'')
            .and_then(|t| t.strip_suffix('\''))
            .filter(|t| !t.contains('\''))
            .map(|t| Kept::Text(t.to_owned())),
        _ => None,
    };
    let Some(value) = value.filter(|_| types::is_number(&ty.kind)) else {
        return Ok(None);
    };
    convert::cast((&value).into(), &sql.ty.kind, ty, explicit).map(|v| Some(constant(&v)))
}

/// The beginning of a construct, for a message.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
