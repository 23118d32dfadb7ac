//! Expressions as PostgreSQL shows them (`pg_get_expr`): each operator in parentheses, each literal with
//! its type, with the casts that nobody wrote.

use postgres_types::Type;
use sqlparser::ast::{
    BinaryOperator, CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    TrimWhereField, UnaryOperator, Value,
};

use crate::embedded::convert;
use crate::embedded::dialect::deparse_types::{constant, name, operands, typed_by};
use crate::embedded::dialect::expr::Translator;
use crate::embedded::dialect::function::argument_letters;
use crate::embedded::dialect::scope::{Scope, fold, object};
use crate::embedded::dialect::shown::identifier;
use crate::embedded::dialect::types::{self, Ty};
use crate::embedded::dialect::{Schema, literal, operator};

/// Where an expression stands.
pub(super) struct Deparser<'a> {
    pub(super) schema: &'a dyn Schema,
    pub(super) scope: &'a Scope<'a>,
}

/// An expression that was shown.
#[derive(Clone)]
pub(super) enum Said {
    /// A literal that has no type yet.
    Text(String),
    Null,
    Known(String, Type),
}

impl Said {
    pub(super) fn kind(&self) -> Option<&Type> {
        match self {
            Self::Known(_, kind) => Some(kind),
            Self::Text(_) | Self::Null => None,
        }
    }

    /// As one of this type.
    pub(super) fn be(self, kind: &Type) -> Option<String> {
        Some(match self {
            Self::Text(text) => constant(&text, kind)?,
            Self::Null => format!("NULL::{}", name(kind, -1)),
            Self::Known(text, own) if own == *kind => text,
            Self::Known(text, _) => format!("({text})::{}", name(kind, -1)),
        })
    }

    /// As it is; a literal is a text.
    pub(super) fn own(self) -> Option<(String, Type)> {
        let kind = self.kind().cloned().unwrap_or(Type::TEXT);
        let text = match self {
            Self::Known(text, _) => text,
            other => other.be(&kind)?,
        };
        Some((text, kind))
    }
}

fn boolean(text: String) -> Said {
    Said::Known(text, Type::BOOL)
}

fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

impl Deparser<'_> {
    /// The default of a column of this type.
    pub(super) fn default(&self, expr: &Expr, ty: &Ty) -> Option<String> {
        match self.node(expr)? {
            Said::Known(text, _) => Some(text),
            open => open.be(&ty.kind),
        }
    }

    /// An expression that stands for itself, and its type.
    pub(super) fn expression(&self, expr: &Expr) -> Option<(String, Type)> {
        self.node(expr)?.own()
    }

    /// The type of an expression.
    fn kind(&self, expr: &Expr) -> Option<Type> {
        let sql = Translator::new(self.schema, &[]).expr(expr, self.scope);
        sql.ok().map(|s| s.kind().clone())
    }

    fn known(&self, text: String, expr: &Expr) -> Option<Said> {
        Some(Said::Known(text, self.kind(expr)?))
    }

    pub(super) fn node(&self, expr: &Expr) -> Option<Said> {
        let expr = bare(expr);
        Some(match expr {
            Expr::Value(value) => self.value(&value.value)?,
            Expr::Identifier(ident) => {
                let column = fold(ident);
                let text = match self.scope.column(&column) {
                    Ok(Some(_)) => identifier(&column),
                    _ if ident.quote_style.is_none() => column.to_uppercase(),
                    _ => return None,
                };
                self.known(text, expr)?
            }
            Expr::CompoundIdentifier(parts) => {
                self.known(identifier(&fold(parts.last()?)), expr)?
            }
            Expr::UnaryOp { op, expr: inner } => self.unary(*op, inner, expr)?,
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, expr)?,
            Expr::IsNull(inner) => self.test(inner, "IS NULL")?,
            Expr::IsNotNull(inner) => self.test(inner, "IS NOT NULL")?,
            Expr::IsTrue(inner) => self.test(inner, "IS TRUE")?,
            Expr::IsNotTrue(inner) => self.test(inner, "IS NOT TRUE")?,
            Expr::IsFalse(inner) => self.test(inner, "IS FALSE")?,
            Expr::IsNotFalse(inner) => self.test(inner, "IS NOT FALSE")?,
            Expr::IsUnknown(inner) => self.test(inner, "IS UNKNOWN")?,
            Expr::IsNotUnknown(inner) => self.test(inner, "IS NOT UNKNOWN")?,
            Expr::IsDistinctFrom(left, right) => {
                let (left, right) = operands("=", self.node(left)?, self.node(right)?)?;
                boolean(format!("({left} IS DISTINCT FROM {right})"))
            }
            Expr::IsNotDistinctFrom(left, right) => {
                let (left, right) = operands("=", self.node(left)?, self.node(right)?)?;
                boolean(format!("(NOT ({left} IS DISTINCT FROM {right}))"))
            }
            Expr::Between {
                expr: inner,
                negated,
                low,
                high,
            } => {
                let (low_op, word, high_op) = match negated {
                    false => (">=", "AND", "<="),
                    true => ("<", "OR", ">"),
                };
                let low = self.comparison(low_op, inner, low)?;
                let high = self.comparison(high_op, inner, high)?;
                boolean(format!("({low} {word} {high})"))
            }
            Expr::In {
                expr: inner,
                target: sqlparser::ast::InTarget::List(list),
                negated,
                ..
            } => self.is_in(inner, list, *negated)?,
            Expr::Like {
                negated,
                expr: inner,
                pattern,
                escape_char: None,
                any: false,
            } => self.matched(if *negated { "!~~" } else { "~~" }, inner, pattern)?,
            Expr::ILike {
                negated,
                expr: inner,
                pattern,
                escape_char: None,
                any: false,
            } => self.matched(if *negated { "!~~*" } else { "~~*" }, inner, pattern)?,
            Expr::SimilarTo {
                negated: false,
                expr: inner,
                pattern,
                escape_char: None,
            } => {
                let value = operands("~", self.node(inner)?, Said::Text(String::new()))?.0;
                let pattern = self.node(pattern)?.be(&Type::TEXT)?;
                boolean(format!("({value} ~ similar_to_escape({pattern}))"))
            }
            Expr::Case {
                operand: None,
                conditions,
                else_result,
                ..
            } => {
                let kind = self.kind(expr)?;
                let mut text = String::from("\nCASE\n");
                for when in conditions {
                    let test = self.node(&when.condition)?.be(&Type::BOOL)?;
                    let result = self.node(&when.result)?.be(&kind)?;
                    text.push_str(&format!("    WHEN {test} THEN {result}\n"));
                }
                let otherwise = match else_result {
                    Some(result) => self.node(result)?.be(&kind)?,
                    None => Said::Null.be(&kind)?,
                };
                text.push_str(&format!("    ELSE {otherwise}\nEND"));
                Said::Known(text, kind)
            }
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr: inner,
                data_type,
                ..
            } => self.cast(inner, &types::named(&data_type.to_string()).ok()?)?,
            Expr::TypedString(typed) => {
                let ty = types::named(&typed.data_type.to_string()).ok()?;
                let text = self.value(&typed.value.value)?.be(&ty.kind)?;
                Said::Known(text, ty.kind)
            }
            Expr::Interval(interval) if interval.leading_field.is_none() => {
                let text = self.node(&interval.value)?.be(&Type::INTERVAL)?;
                Said::Known(text, Type::INTERVAL)
            }
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => {
                let value = self.node(timestamp)?.be(&match self.kind(timestamp)? {
                    Type::TIMESTAMP => Type::TIMESTAMP,
                    _ => Type::TIMESTAMPTZ,
                })?;
                let zone = self.node(time_zone)?.be(&Type::TEXT)?;
                self.known(format!("({value} AT TIME ZONE {zone})"), expr)?
            }
            Expr::Extract {
                field, expr: inner, ..
            } => {
                let value = self.node(inner)?.own()?.0;
                let field = field.to_string().to_lowercase();
                Said::Known(format!("EXTRACT({field} FROM {value})"), Type::NUMERIC)
            }
            Expr::Ceil { expr: inner, .. } => self.called("ceil", &[inner], expr)?,
            Expr::Floor { expr: inner, .. } => self.called("floor", &[inner], expr)?,
            Expr::Position { expr: inner, r#in } => {
                let part = self.node(inner)?.be(&Type::TEXT)?;
                let whole = self.node(r#in)?.be(&Type::TEXT)?;
                Said::Known(format!("POSITION(({part}) IN ({whole}))"), Type::INT4)
            }
            Expr::Substring {
                expr: inner,
                substring_from: Some(from),
                substring_for,
                special,
                shorthand,
                ..
            } => {
                let value = self.node(inner)?.be(&Type::TEXT)?;
                let from = self.node(from)?.own()?.0;
                let length = match substring_for {
                    Some(length) => Some(self.node(length)?.own()?.0),
                    None => None,
                };
                let name = if *shorthand {
                    "substr"
                } else {
                    "\"substring\""
                };
                Said::Known(
                    match (*special || *shorthand, length) {
                        (false, Some(n)) => format!("SUBSTRING({value} FROM {from} FOR {n})"),
                        (false, None) => format!("SUBSTRING({value} FROM {from})"),
                        (true, Some(n)) => format!("{name}({value}, {from}, {n})"),
                        (true, None) => format!("{name}({value}, {from})"),
                    },
                    Type::TEXT,
                )
            }
            Expr::Trim {
                expr: inner,
                trim_where,
                trim_what,
                trim_characters: None,
                ..
            } => {
                let side = match trim_where {
                    None | Some(TrimWhereField::Both) => "BOTH",
                    Some(TrimWhereField::Leading) => "LEADING",
                    Some(TrimWhereField::Trailing) => "TRAILING",
                };
                let what = match trim_what {
                    Some(what) => format!("{} ", self.node(what)?.be(&Type::TEXT)?),
                    None => String::new(),
                };
                let value = self.node(inner)?.be(&Type::TEXT)?;
                Said::Known(format!("TRIM({side} {what}FROM {value})"), Type::TEXT)
            }
            Expr::Array(array) => self.array(&array.elem, None)?,
            Expr::Function(call) => self.function(call, expr)?,
            _ => return None,
        })
    }

    fn value(&self, value: &Value) -> Option<Said> {
        Some(match value {
            Value::Number(digits, _) => number(digits, false)?,
            Value::SingleQuotedString(s)
            | Value::EscapedStringLiteral(s)
            | Value::UnicodeStringLiteral(s)
            | Value::NationalStringLiteral(s) => Said::Text(s.clone()),
            Value::DollarQuotedString(s) => Said::Text(s.value.clone()),
            Value::Boolean(b) => boolean(b.to_string()),
            Value::Null => Said::Null,
            _ => return None,
        })
    }

    fn test(&self, inner: &Expr, test: &str) -> Option<Said> {
        let text = self.node(inner)?.own()?.0;
        Some(boolean(format!("({text} {test})")))
    }

    fn comparison(&self, op: &str, left: &Expr, right: &Expr) -> Option<String> {
        let (left, right) = operands(op, self.node(left)?, self.node(right)?)?;
        Some(format!("({left} {op} {right})"))
    }

    fn matched(&self, op: &str, value: &Expr, pattern: &Expr) -> Option<Said> {
        self.comparison(op, value, pattern).map(boolean)
    }

    fn unary(&self, op: UnaryOperator, inner: &Expr, whole: &Expr) -> Option<Said> {
        if let (UnaryOperator::Minus, Expr::Value(value)) = (op, bare(inner))
            && let Value::Number(digits, _) = &value.value
        {
            return number(digits, true);
        }
        let text = self.node(inner)?.own()?.0;
        Some(match op {
            UnaryOperator::Not => boolean(format!("(NOT {text})")),
            UnaryOperator::Minus => self.known(format!("(- {text})"), whole)?,
            UnaryOperator::Plus => self.known(format!("(+ {text})"), whole)?,
            _ => return None,
        })
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr, whole: &Expr) -> Option<Said> {
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            let mut parts = vec![self.node(right)?.be(&Type::BOOL)?];
            let mut rest = bare(left);
            // A chain is one list, as far as it goes to the left.
            while let Expr::BinaryOp {
                left,
                op: inner,
                right,
            } = rest
            {
                if inner != op {
                    break;
                }
                parts.push(self.node(right)?.be(&Type::BOOL)?);
                rest = bare(left);
            }
            parts.push(self.node(rest)?.be(&Type::BOOL)?);
            parts.reverse();
            return Some(boolean(format!("({})", parts.join(&format!(" {op} ")))));
        }
        let word = match op {
            BinaryOperator::PGCustomBinaryOperator(parts) => parts.last()?.clone(),
            other => other.to_string(),
        };
        let (left, right) = operands(&word, self.node(left)?, self.node(right)?)?;
        self.known(format!("({left} {word} {right})"), whole)
    }

    fn is_in(&self, value: &Expr, list: &[Expr], negated: bool) -> Option<Said> {
        let op = if negated { "<>" } else { "=" };
        if let [one] = list {
            return self.comparison(op, value, one).map(boolean);
        }
        let constants = list.iter().all(|item| match bare(item) {
            Expr::Value(_) | Expr::TypedString(_) => true,
            Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } => {
                matches!(bare(expr), Expr::Value(_))
            }
            _ => false,
        });
        if !constants {
            let tests: Option<Vec<String>> = list
                .iter()
                .map(|item| self.comparison(op, value, item))
                .collect();
            let word = if negated { " AND " } else { " OR " };
            return Some(boolean(format!("({})", tests?.join(word))));
        }
        let (value, mut kind) = self.node(value)?.own()?;
        let items: Option<Vec<Said>> = list.iter().map(|item| self.node(item)).collect();
        let items = items?;
        let own = kind.clone();
        for item in &items {
            if let Some(other) = item.kind() {
                kind = operator::wider(&kind, other)?;
            }
        }
        let items: Option<Vec<String>> = items.into_iter().map(|item| item.be(&kind)).collect();
        let list = format!("ARRAY[{}]", items?.join(", "));
        let (value, list) = match kind {
            Type::VARCHAR => (format!("({value})::text"), format!("({list})::text[]")),
            _ => (Said::Known(value, own).be(&kind)?, list),
        };
        let any = if negated { "ALL" } else { "ANY" };
        Some(boolean(format!("({value} {op} {any} ({list}))")))
    }

    fn cast(&self, inner: &Expr, ty: &Ty) -> Option<Said> {
        if let (Expr::Array(array), Some(element)) = (bare(inner), types::element(&ty.kind)) {
            return self.array(&array.elem, Some((&ty.kind, &element)));
        }
        let known = |text: String| Said::Known(text, ty.kind.clone());
        let shown = name(&ty.kind, ty.modifier);
        Some(match self.node(inner)? {
            Said::Null => known(format!("NULL::{shown}")),
            Said::Text(text) if ty.modifier < 0 => known(constant(&text, &ty.kind)?),
            Said::Text(text) => known(format!("{}::{shown}", literal(&text))),
            Said::Known(text, own) if own == ty.kind && ty.modifier < 0 => known(text),
            Said::Known(text, Type::NUMERIC)
                if ty.kind == Type::NUMERIC && matches!(bare(inner), Expr::Value(_)) =>
            {
                known(format!("{text}::{shown}"))
            }
            Said::Known(text, _) => known(format!("({text})::{shown}")),
        })
    }

    fn array(&self, items: &[Expr], wanted: Option<(&Type, &Type)>) -> Option<Said> {
        if items.is_empty() {
            let (array, _) = wanted?;
            let text = format!("ARRAY[]::{}", name(array, -1));
            return Some(Said::Known(text, array.clone()));
        }
        let items: Option<Vec<Said>> = items.iter().map(|item| self.node(item)).collect();
        let items = items?;
        let element = match wanted {
            Some((_, element)) => element.clone(),
            None => {
                let mut kinds = items.iter().filter_map(Said::kind);
                let first = kinds.next().cloned().unwrap_or(Type::TEXT);
                kinds.try_fold(first, |a, b| operator::meeting(&a, b))?
            }
        };
        let array = types::array_of(&element)?;
        let items: Option<Vec<String>> = items.into_iter().map(|item| item.be(&element)).collect();
        Some(Said::Known(format!("ARRAY[{}]", items?.join(", ")), array))
    }

    fn function(&self, call: &Function, whole: &Expr) -> Option<Said> {
        let (namespace, name) = object(&call.name).ok()?;
        if !matches!(namespace.as_deref(), None | Some("pg_catalog"))
            || call.over.is_some()
            || call.filter.is_some()
        {
            return None;
        }
        let list = match &call.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            FunctionArguments::None => {
                return self.known(name.to_uppercase(), whole);
            }
            FunctionArguments::Subquery(_) => return None,
        };
        let arguments: Option<Vec<&Expr>> = list
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect();
        self.called(&name, &arguments?, whole)
    }

    fn called(&self, name: &str, arguments: &[&Expr], whole: &Expr) -> Option<Said> {
        let arguments: Option<Vec<Said>> = arguments.iter().map(|a| self.node(a)).collect();
        let arguments = arguments?;
        let kind = match name {
            "nextval" | "setval" => Type::INT8,
            _ => self.kind(whole)?,
        };
        let alike = matches!(name, "coalesce" | "greatest" | "least" | "nullif");
        let letters = argument_letters(name, arguments.len());
        let single = arguments.len() == 1;
        let mut texts = Vec::new();
        for (i, said) in arguments.into_iter().enumerate() {
            texts.push(match (alike, letters) {
                (true, _) => said.be(&kind)?,
                (false, Some(letters)) => {
                    let mut letters = letters.chars().filter(|c| *c != '*');
                    let last = letters.clone().next_back()?;
                    typed_by(name, letters.nth(i).unwrap_or(last), said)?
                }
                (false, None) => typed_by(name, unlisted(name, i, single), said)?,
            });
        }
        let shown = match name {
            _ if alike => name.to_uppercase(),
            // PostgreSQL's grammar has words of their own for these.
            "current_timestamp" | "current_time" | "localtime" | "localtimestamp" => {
                name.to_uppercase()
            }
            _ => identifier(name),
        };
        Some(Said::Known(format!("{shown}({})", texts.join(", ")), kind))
    }
}

/// What an argument of a function is that has no line in the table.
fn unlisted(name: &str, at: usize, single: bool) -> char {
    match (name, at) {
        ("nextval" | "setval" | "currval", 0) => 'c',
        ("date_trunc" | "timezone" | "date_part", 0) => 't',
        ("date_trunc", 1) => 'z',
        ("round" | "trunc", 0) if !single => 'n',
        ("ceil" | "ceiling" | "floor" | "round" | "trunc" | "sqrt" | "exp" | "ln", 0) => 'F',
        _ if name.starts_with("json") && name.contains("build") => 'a',
        _ if name.starts_with("jsonb_") => 'j',
        ("num_nulls" | "num_nonnulls" | "to_json" | "to_jsonb", _) => 'a',
        _ => 't',
    }
}

/// A number that was written as one, perhaps with a minus.
fn number(digits: &str, negative: bool) -> Option<Said> {
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    let text = if negative {
        format!("-{digits}")
    } else {
        digits
    };
    let kind = match text.parse::<i64>() {
        Ok(n) if i32::try_from(n).is_ok() => Type::INT4,
        Ok(_) => Type::INT8,
        Err(_) => Type::NUMERIC,
    };
    convert::parse(&text, &kind.clone().into()).ok()?;
    Some(Said::Known(constant(&text, &kind)?, kind))
}
