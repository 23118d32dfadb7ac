//! Expressions: each operator in parentheses, each literal with its type.

use postgres_types::Type;
use sqlparser::ast::{BinaryOperator, Expr, Query, UnaryOperator, Value};

use crate::embedded::dialect::deparse::literals::{Literal, cast_name, literal_of};
use crate::embedded::dialect::deparse::paren::{Junction, Parent, is_simple, word};
use crate::embedded::dialect::deparse::sides::{constant, number, sides};
use crate::embedded::dialect::deparse::{Printer, Unknown, Written};
use crate::embedded::dialect::literal;
use crate::embedded::dialect::types::{self, Ty};

impl<'t> Printer<'t> {
    pub(super) fn type_of(&self, expr: &Expr) -> Option<&'t Type> {
        let found = self.trace.types.get(&super::address(expr))?;
        (*found != Type::UNKNOWN).then_some(found)
    }

    /// Parentheses that only the fully parenthesized form has.
    pub(super) fn open(&mut self) {
        self.put(if self.pretty { "" } else { "(" });
    }

    pub(super) fn close(&mut self) {
        self.put(if self.pretty { "" } else { ")" });
    }

    /// Where an unknown literal is a text.
    pub(super) fn settled(&mut self, expr: &'t Expr) -> Written {
        match literal_of(expr) {
            Some(_) => self.operand(expr, &Type::TEXT),
            None => self.expr(expr),
        }
    }

    /// An expression where this type is wanted.
    pub(super) fn operand(&mut self, expr: &'t Expr, wanted: &Type) -> Written {
        self.typed(expr, wanted, None)
    }

    pub(super) fn typed(
        &mut self,
        expr: &'t Expr,
        wanted: &Type,
        parent: Option<Parent<'_>>,
    ) -> Written {
        let name = || cast_name(&Ty::from(wanted.clone()));
        match literal_of(expr) {
            Some(Literal::Text(text)) => {
                let shown = constant(text, wanted).ok_or(Unknown)?;
                self.put(&shown);
                return Ok(());
            }
            Some(Literal::Null) => {
                self.put(&format!("NULL::{}", name()));
                return Ok(());
            }
            None => {}
        }
        if self.type_of(expr).is_none_or(|own| own == wanted) {
            return match parent {
                Some(parent) => self.within(expr, parent),
                None => self.expr(expr),
            };
        }
        self.put("(");
        self.expr(expr)?;
        self.put(&format!(")::{}", name()));
        Ok(())
    }

    /// In parentheses, if what is around it wants them.
    pub(super) fn within(&mut self, expr: &'t Expr, parent: Parent<'_>) -> Written {
        let apart = self.pretty && !is_simple(expr, parent);
        self.put(if apart { "(" } else { "" });
        match literal_of(expr) {
            Some(_) => self.operand(expr, &Type::TEXT)?,
            None => self.expr(expr)?,
        }
        self.put(if apart { ")" } else { "" });
        Ok(())
    }

    pub(super) fn binary(&mut self, op: &str, left: &'t Expr, right: &'t Expr) -> Written {
        self.between(op, op, left, right)
    }

    /// Two operands of `op`, with a word between them that may be another.
    fn between(&mut self, op: &str, word: &str, left: &'t Expr, right: &'t Expr) -> Written {
        let (l, r) = sides(op, self.type_of(left), self.type_of(right));
        self.open();
        self.typed(left, &l, Some(Parent::Operator(word, true)))?;
        self.put(&format!(" {word} "));
        self.typed(right, &r, Some(Parent::Operator(word, false)))?;
        self.close();
        Ok(())
    }

    /// `a AND b AND c` in one pair of parentheses, as far as it goes to the left.
    fn chain(&mut self, expr: &'t Expr, op: &BinaryOperator) -> Written {
        let mut parts = Vec::new();
        let mut rest = expr;
        loop {
            match rest {
                Expr::Nested(inner) if !parts.is_empty() => rest = inner,
                Expr::BinaryOp {
                    left,
                    op: own,
                    right,
                } if own == op => {
                    parts.push(&**right);
                    rest = left;
                }
                _ => break,
            }
        }
        parts.push(rest);
        let junction = match op {
            BinaryOperator::And => Junction::And,
            _ => Junction::Or,
        };
        self.open();
        for (at, part) in parts.into_iter().rev().enumerate() {
            if at > 0 {
                self.put(&format!(" {op} "));
            }
            self.typed(part, &Type::BOOL, Some(Parent::Bool(junction)))?;
        }
        self.close();
        Ok(())
    }

    fn test(&mut self, expr: &'t Expr, test: &str) -> Written {
        self.open();
        self.within(expr, Parent::Other)?;
        self.put(test);
        self.close();
        Ok(())
    }

    pub(super) fn subquery(&mut self, before: &str, query: &'t Query, after: &str) -> Written {
        self.put(before);
        self.put("(");
        self.query(query, None)?;
        self.put(")");
        self.put(after);
        Ok(())
    }

    pub(super) fn not(
        &mut self,
        negated: bool,
        write: impl FnOnce(&mut Self) -> Written,
    ) -> Written {
        if !negated {
            return write(self);
        }
        self.open();
        self.put("NOT ");
        write(self)?;
        self.close();
        Ok(())
    }

    pub(super) fn expr(&mut self, expr: &'t Expr) -> Written {
        use BinaryOperator as B;
        match expr {
            Expr::Identifier(ident) => self.ident(std::slice::from_ref(ident)),
            Expr::CompoundIdentifier(parts) => self.ident(parts),
            Expr::Value(value) => self.value(&value.value),
            Expr::Nested(inner) => self.expr(inner),
            Expr::BinaryOp {
                op: op @ (B::And | B::Or),
                ..
            } => self.chain(expr, op),
            Expr::BinaryOp { left, op, right } => match (&**left, &**right) {
                (Expr::Tuple(l), Expr::Tuple(r)) => self.rows(op, l, r),
                _ => self.binary(&word(op), left, right),
            },
            Expr::UnaryOp { op, expr: inner } => self.unary(*op, inner),
            Expr::Cast {
                expr: inner,
                data_type,
                ..
            } => {
                let ty = types::named(&data_type.to_string()).map_err(|_| Unknown)?;
                self.cast(inner, &ty)
            }
            Expr::TypedString(typed) => {
                let ty = types::named(&typed.data_type.to_string()).map_err(|_| Unknown)?;
                let text = typed.value.value.clone().into_string().ok_or(Unknown)?;
                self.cast_text(&text, &ty)
            }
            Expr::Interval(interval) => {
                let Some(Literal::Text(text)) = literal_of(&interval.value) else {
                    return Err(Unknown);
                };
                let text = match &interval.leading_field {
                    Some(field) => format!("{text} {field}"),
                    None => text.to_owned(),
                };
                self.cast_text(&text, &Type::INTERVAL.into())
            }
            Expr::IsNull(inner) => self.test(inner, " IS NULL"),
            Expr::IsNotNull(inner) => self.test(inner, " IS NOT NULL"),
            Expr::IsTrue(inner) => self.test(inner, " IS TRUE"),
            Expr::IsNotTrue(inner) => self.test(inner, " IS NOT TRUE"),
            Expr::IsFalse(inner) => self.test(inner, " IS FALSE"),
            Expr::IsNotFalse(inner) => self.test(inner, " IS NOT FALSE"),
            Expr::IsUnknown(inner) => self.test(inner, " IS UNKNOWN"),
            Expr::IsNotUnknown(inner) => self.test(inner, " IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) => self.between("=", "IS DISTINCT FROM", left, right),
            Expr::IsNotDistinctFrom(left, right) => self.not(true, |this| {
                this.between("=", "IS DISTINCT FROM", left, right)
            }),
            Expr::Between {
                expr: inner,
                negated,
                low,
                high,
            } => {
                let (above, word, below) = match negated {
                    false => (">=", " AND ", "<="),
                    true => ("<", " OR ", ">"),
                };
                self.put("(");
                self.binary(above, inner, low)?;
                self.put(word);
                self.binary(below, inner, high)?;
                self.put(")");
                Ok(())
            }
            Expr::In {
                expr: inner,
                target,
                negated,
                ..
            } => self.is_in(inner, target, *negated),
            Expr::AnyOp {
                left,
                compare_op,
                right,
                ..
            } => self.any(left, &word(compare_op), right, "ANY"),
            Expr::AllOp {
                left,
                compare_op,
                right,
            } => self.any(left, &word(compare_op), right, "ALL"),
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
                let op = match (expr, negated) {
                    (Expr::ILike { .. }, false) => "~~*",
                    (Expr::ILike { .. }, true) => "!~~*",
                    (_, false) => "~~",
                    (_, true) => "!~~",
                };
                match escape_char {
                    None => self.binary(op, inner, pattern),
                    escape => self.escaped(op, inner, "like_escape", pattern, escape.as_deref()),
                }
            }
            Expr::SimilarTo {
                negated,
                expr: inner,
                pattern,
                escape_char,
            } => {
                let op = if *negated { "!~" } else { "~" };
                self.escaped(
                    op,
                    inner,
                    "similar_to_escape",
                    pattern,
                    escape_char.as_deref(),
                )
            }
            Expr::Exists { subquery, negated } => {
                self.not(*negated, |this| this.subquery("(EXISTS ", subquery, ")"))
            }
            Expr::Subquery(query) => self.subquery("", query, ""),
            Expr::Function(call) => self.call(call, expr),
            Expr::Collate {
                expr: inner,
                collation,
            } => self.test(inner, &format!(" COLLATE {collation}")),
            Expr::Array(array) => {
                let wanted = self.type_of(expr).and_then(types::element);
                self.array(&array.elem, wanted.as_ref())
            }
            other => self.form(other),
        }
    }

    fn value(&mut self, value: &Value) -> Written {
        let text = match value {
            Value::Number(digits, _) => number(digits, false).ok_or(Unknown)?,
            Value::Boolean(truth) => truth.to_string(),
            Value::Null => "NULL".into(),
            Value::DollarQuotedString(text) => literal(&text.value),
            other => literal(&other.clone().into_string().ok_or(Unknown)?),
        };
        self.put(&text);
        Ok(())
    }

    pub(super) fn array(&mut self, items: &'t [Expr], wanted: Option<&Type>) -> Written {
        self.put("ARRAY[");
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            self.operand(
                item,
                wanted.or_else(|| self.type_of(item)).unwrap_or(&Type::TEXT),
            )?;
        }
        self.put("]");
        Ok(())
    }

    /// `(a, b) = (c, d)`.
    fn rows(&mut self, op: &BinaryOperator, left: &'t [Expr], right: &'t [Expr]) -> Written {
        let (word, between) = match op {
            BinaryOperator::Eq => ("=", " AND "),
            BinaryOperator::NotEq => ("<>", " OR "),
            _ => return Err(Unknown),
        };
        self.put("(");
        for (at, (left, right)) in left.iter().zip(right).enumerate() {
            if at > 0 {
                self.put(between);
            }
            self.binary(word, left, right)?;
        }
        self.put(")");
        Ok(())
    }

    fn unary(&mut self, op: UnaryOperator, inner: &'t Expr) -> Written {
        if let (UnaryOperator::Minus, Expr::Value(value)) = (op, bare(inner))
            && let Value::Number(digits, _) = &value.value
        {
            self.put(&number(digits, true).ok_or(Unknown)?);
            return Ok(());
        }
        match op {
            UnaryOperator::Not => self.not(true, |this| {
                this.typed(inner, &Type::BOOL, Some(Parent::Bool(Junction::Not)))
            }),
            UnaryOperator::Minus | UnaryOperator::Plus => {
                self.open();
                self.put(&format!("{op} "));
                self.within(inner, Parent::Operator(&op.to_string(), false))?;
                self.close();
                Ok(())
            }
            _ => Err(Unknown),
        }
    }

    fn cast_text(&mut self, text: &str, ty: &Ty) -> Written {
        let shown = constant(text, &ty.kind).ok_or(Unknown)?;
        let shown = match (ty.modifier < 0, shown.contains("::")) {
            (true, _) => shown,
            // Digits with a point.
            (false, false) if ty.kind == Type::NUMERIC => format!("{shown}::{}", cast_name(ty)),
            _ => format!("{}::{}", literal(text), cast_name(ty)),
        };
        self.put(&shown);
        Ok(())
    }

    fn cast(&mut self, inner: &'t Expr, ty: &Ty) -> Written {
        let name = cast_name(ty);
        let array = match (bare(inner), types::element(&ty.kind)) {
            (Expr::Array(array), Some(element)) => Some((&array.elem, element)),
            _ => None,
        };
        match (literal_of(inner), array) {
            (Some(Literal::Text(text)), _) => self.cast_text(text, ty)?,
            (Some(Literal::Null), _) => self.put(&format!("NULL::{name}")),
            (None, Some((items, element))) if !self.pretty => {
                self.array(items, Some(&element))?;
                if items.is_empty() {
                    self.put(&format!("::{name}"));
                }
            }
            // A cast that changes nothing.
            (None, _) if self.type_of(inner) == Some(&ty.kind) && ty.modifier < 0 => {
                self.expr(inner)?;
            }
            (None, _) => {
                let number = matches!(bare(inner), Expr::Value(_));
                let plain = number && self.type_of(inner) == Some(&ty.kind);
                self.put(if plain || self.pretty { "" } else { "(" });
                self.within(inner, Parent::Other)?;
                self.put(if plain || self.pretty { "" } else { ")" });
                self.put(&format!("::{name}"));
            }
        }
        Ok(())
    }

    fn escaped(
        &mut self,
        op: &str,
        inner: &'t Expr,
        function: &str,
        pattern: &'t Expr,
        escape: Option<&'t Expr>,
    ) -> Written {
        let (wanted, _) = sides(op, self.type_of(inner), None);
        self.put("(");
        self.operand(inner, &wanted)?;
        self.put(&format!(" {op} {function}("));
        self.operand(pattern, &Type::TEXT)?;
        if let Some(escape) = escape {
            self.put(", ");
            self.operand(escape, &Type::TEXT)?;
        }
        self.put("))");
        Ok(())
    }
}

/// Without the parentheses around it.
pub(in crate::embedded::dialect) fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}
