//! Expressions: each operator in parentheses, each literal with its type.

use postgres_types::Type;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, Expr, Ident, InTarget, Query, Subscript, TrimWhereField,
    UnaryOperator,
};

use crate::embedded::dialect::function::is_bare;
use crate::embedded::dialect::scope::fold;
use crate::embedded::dialect::types::{self, Ty, is_number, is_text, is_time};
use crate::embedded::dialect::view_text::literals::{Literal, cast_name, digits, literal_of};
use crate::embedded::dialect::view_text::query::VAR;
use crate::embedded::dialect::view_text::trace::Named;
use crate::embedded::dialect::view_text::{Printer, Unknown, Written, address};
use crate::embedded::dialect::{identifier, literal, operator};

impl<'t> Printer<'t> {
    /// The new name of a table.
    pub(super) fn new_table(&self, oid: u32) -> Option<&'t str> {
        let renamed = self.renamed.filter(|r| r.column.is_none())?;
        (renamed.table == oid).then_some(renamed.new)
    }

    /// Whether something else in the query goes by the table's new name.
    pub(super) fn taken(&self) -> bool {
        let new = self.renamed.map(|r| r.new);
        let mut names = self.trace.names.values();
        names.any(|n| Some(n.relation.as_str()) == new)
    }

    /// The new name of a column.
    pub(super) fn new_name(&self, named: &Named) -> Option<&'t str> {
        let renamed = self.renamed?;
        let (table, number) = named.table?;
        (table == renamed.table && renamed.column == Some(number)).then_some(renamed.new)
    }

    /// A column with its table in front, and the name that it goes by.
    pub(super) fn column_text(&self, named: &Named) -> Result<(String, String), Unknown> {
        if named.merged {
            // Its two columns have one name.
            if self.renamed.is_some_and(|r| r.column.is_some()) {
                return Err(Unknown);
            }
            return Ok((identifier(&named.name), named.name.clone()));
        }
        let name = self.new_name(named).unwrap_or(&named.name);
        let renamed = self.renamed.filter(|r| {
            named.table.is_some_and(|(oid, _)| oid == r.table)
                && r.column.is_none()
                && named.relation == r.table_name
                && !self.taken()
        });
        let relation = renamed.map_or(named.relation.as_str(), |r| r.new);
        let text = format!("{}.{}", identifier(relation), identifier(name));
        Ok((text, name.to_owned()))
    }

    /// The name that a column is shown by, if it is one.
    pub(super) fn bare_name(&self, expr: &Expr) -> Option<String> {
        let ident = match expr {
            Expr::Nested(inner) => return self.bare_name(inner),
            Expr::Identifier(ident) => ident,
            Expr::CompoundIdentifier(parts) => parts.last()?,
            _ => return None,
        };
        let named = self.trace.names.get(&address(ident))?;
        self.column_text(named).ok().map(|(_, name)| name)
    }

    pub(super) fn type_of(&self, expr: &Expr) -> Option<&'t Type> {
        let found = self.trace.types.get(&address(expr))?;
        (*found != Type::UNKNOWN).then_some(found)
    }

    fn ident(&mut self, ident: &Ident) -> Written {
        match self.trace.names.get(&address(ident)) {
            Some(named) => {
                let (text, _) = self.column_text(named)?;
                self.put(&text);
                Ok(())
            }
            None if ident.quote_style.is_none() && is_bare(&fold(ident)) => {
                self.put(&ident.value.to_uppercase());
                Ok(())
            }
            None => Err(Unknown),
        }
    }

    /// Where an unknown literal is a text.
    pub(super) fn settled(&mut self, expr: &'t Expr) -> Written {
        match literal_of(expr) {
            Some(_) => self.operand(expr, Some(&Type::TEXT)),
            None => self.expr(expr),
        }
    }

    /// An expression where this type is wanted.
    pub(super) fn operand(&mut self, expr: &'t Expr, wanted: Option<&Type>) -> Written {
        let Some(wanted) = wanted else {
            return self.expr(expr);
        };
        match literal_of(expr) {
            Some(Literal::Text(text)) => {
                self.put(&format!(
                    "{}::{}",
                    literal(text),
                    cast_name(&Ty::from(wanted.clone()))
                ));
                return Ok(());
            }
            Some(Literal::Null) => {
                self.put(&format!("NULL::{}", cast_name(&Ty::from(wanted.clone()))));
                return Ok(());
            }
            None => {}
        }
        if self.type_of(expr).is_none_or(|own| own == wanted) {
            return self.expr(expr);
        }
        self.put("(");
        self.expr(expr)?;
        self.put(&format!(")::{}", cast_name(&Ty::from(wanted.clone()))));
        Ok(())
    }

    /// The type that each side of an operator becomes.
    fn sides(
        &self,
        op: &BinaryOperator,
        left: &Expr,
        right: &Expr,
    ) -> (Option<Type>, Option<Type>) {
        use BinaryOperator as B;
        let types = (self.type_of(left), self.type_of(right));
        let text = |kind: &Type| matches!(*kind, Type::VARCHAR | Type::TEXT);
        match op {
            B::StringConcat => match types {
                (Some(l), Some(r)) => {
                    (text(l).then_some(Type::TEXT), text(r).then_some(Type::TEXT))
                }
                (Some(l), None) if is_text(l) => (Some(Type::TEXT), Some(Type::TEXT)),
                (None, Some(r)) if is_text(r) => (Some(Type::TEXT), Some(Type::TEXT)),
                (None, None) => (Some(Type::TEXT), Some(Type::TEXT)),
                (Some(l), None) if *l == Type::JSONB => (None, Some(Type::JSONB)),
                _ => (None, None),
            },
            B::PGLikeMatch
            | B::PGILikeMatch
            | B::PGNotLikeMatch
            | B::PGNotILikeMatch
            | B::PGRegexMatch
            | B::PGRegexIMatch
            | B::PGRegexNotMatch
            | B::PGRegexNotIMatch => {
                let side = |kind: Option<&Type>| kind.is_none_or(text).then_some(Type::TEXT);
                (side(types.0), side(types.1))
            }
            B::Arrow | B::LongArrow => (None, types.1.is_none().then_some(Type::TEXT)),
            B::HashArrow | B::HashLongArrow => {
                (None, types.1.is_none().then_some(Type::TEXT_ARRAY))
            }
            B::Question | B::QuestionPipe | B::QuestionAnd => {
                let kind = match op {
                    B::Question => Type::TEXT,
                    _ => Type::TEXT_ARRAY,
                };
                (None, types.1.is_none().then_some(kind))
            }
            B::AtArrow | B::ArrowAt => match types {
                (Some(l), None) => (None, Some(l.clone())),
                (None, Some(r)) => (Some(r.clone()), None),
                _ => (None, None),
            },
            B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq => alike(types.0, types.1),
            _ => match types {
                (Some(l), Some(r)) if is_number(l) && is_number(r) => alike(types.0, types.1),
                (Some(l), None) | (None, Some(l)) if is_number(l) => {
                    let own = Some(l.clone());
                    (own.clone(), own)
                }
                _ => (None, None),
            },
        }
    }

    fn binary(
        &mut self,
        op: &BinaryOperator,
        left: &'t Expr,
        right: &'t Expr,
        word: &str,
    ) -> Written {
        let (l, r) = self.sides(op, left, right);
        self.put("(");
        self.operand(left, l.as_ref())?;
        self.put(&format!(" {word} "));
        self.operand(right, r.as_ref())?;
        self.put(")");
        Ok(())
    }

    /// `a AND b AND c` in one pair of parentheses.
    fn chain(&mut self, expr: &'t Expr, op: &BinaryOperator) -> Written {
        let mut parts = Vec::new();
        let mut rest = vec![expr];
        while let Some(next) = rest.pop() {
            match next {
                Expr::BinaryOp {
                    left,
                    op: own,
                    right,
                } if own == op => {
                    rest.push(right);
                    rest.push(left);
                }
                Expr::Nested(inner) if matches!(&**inner, Expr::BinaryOp { op: own, .. } if own == op) =>
                {
                    rest.push(inner);
                }
                other => parts.push(other),
            }
        }
        self.put("(");
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                self.put(&format!(" {op} "));
            }
            self.expr(part)?;
        }
        self.put(")");
        Ok(())
    }

    fn around(&mut self, before: &str, expr: &'t Expr, after: &str) -> Written {
        self.put(before);
        self.settled(expr)?;
        self.put(after);
        Ok(())
    }

    fn subquery(&mut self, before: &str, query: &'t Query, after: &str) -> Written {
        self.put(before);
        self.put("(");
        self.query(query, None)?;
        self.put(")");
        self.put(after);
        Ok(())
    }

    fn not(&mut self, negated: bool, write: impl FnOnce(&mut Self) -> Written) -> Written {
        if !negated {
            return write(self);
        }
        self.put("(NOT ");
        write(self)?;
        self.put(")");
        Ok(())
    }

    pub(super) fn expr(&mut self, expr: &'t Expr) -> Written {
        use BinaryOperator as B;
        match expr {
            Expr::Identifier(ident) => self.ident(ident),
            Expr::CompoundIdentifier(parts) => self.ident(parts.last().ok_or(Unknown)?),
            Expr::Value(value) => {
                let text = digits(&value.value).ok_or(Unknown)?;
                self.put(&text);
                Ok(())
            }
            Expr::Nested(inner) => self.expr(inner),
            Expr::BinaryOp {
                op: op @ (B::And | B::Or),
                ..
            } => self.chain(expr, op),
            Expr::BinaryOp { left, op, right } => {
                let word = match op {
                    B::NotEq => "<>".to_owned(),
                    other => other.to_string(),
                };
                if let (Expr::Tuple(l), Expr::Tuple(r)) = (&**left, &**right) {
                    return self.rows(op, l, r);
                }
                self.binary(op, left, right, &word)
            }
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
                self.put(&format!("{}::{}", literal(&text), cast_name(&ty)));
                Ok(())
            }
            Expr::Interval(interval) => {
                let Some(Literal::Text(text)) = literal_of(&interval.value) else {
                    return Err(Unknown);
                };
                let text = match &interval.leading_field {
                    Some(field) => format!("{text} {field}"),
                    None => text.to_owned(),
                };
                self.put(&format!("{}::interval", literal(&text)));
                Ok(())
            }
            Expr::IsNull(inner) => self.around("(", inner, " IS NULL)"),
            Expr::IsNotNull(inner) => self.around("(", inner, " IS NOT NULL)"),
            Expr::IsTrue(inner) => self.around("(", inner, " IS TRUE)"),
            Expr::IsNotTrue(inner) => self.around("(", inner, " IS NOT TRUE)"),
            Expr::IsFalse(inner) => self.around("(", inner, " IS FALSE)"),
            Expr::IsNotFalse(inner) => self.around("(", inner, " IS NOT FALSE)"),
            Expr::IsUnknown(inner) => self.around("(", inner, " IS UNKNOWN)"),
            Expr::IsNotUnknown(inner) => self.around("(", inner, " IS NOT UNKNOWN)"),
            Expr::IsDistinctFrom(left, right) => {
                self.binary(&B::Eq, left, right, "IS DISTINCT FROM")
            }
            Expr::IsNotDistinctFrom(left, right) => self.not(true, |this| {
                this.binary(&B::Eq, left, right, "IS DISTINCT FROM")
            }),
            Expr::Between {
                expr: inner,
                negated,
                low,
                high,
            } => {
                let (above, word, below) = match negated {
                    false => (B::GtEq, " AND ", B::LtEq),
                    true => (B::Lt, " OR ", B::Gt),
                };
                self.put("(");
                self.binary(&above, inner, low, &above.to_string())?;
                self.put(word);
                self.binary(&below, inner, high, &below.to_string())?;
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
            } => self.any(left, compare_op, right, "ANY"),
            Expr::AllOp {
                left,
                compare_op,
                right,
            } => self.any(left, compare_op, right, "ALL"),
            Expr::Like {
                negated,
                expr: inner,
                pattern,
                escape_char,
                any: false,
            } => {
                let (op, word) = match negated {
                    false => (B::PGLikeMatch, "LIKE"),
                    true => (B::PGNotLikeMatch, "NOT LIKE"),
                };
                self.like((&op, word), inner, pattern, escape_char.as_deref())
            }
            Expr::ILike {
                negated,
                expr: inner,
                pattern,
                escape_char,
                any: false,
            } => {
                let (op, word) = match negated {
                    false => (B::PGILikeMatch, "ILIKE"),
                    true => (B::PGNotILikeMatch, "NOT ILIKE"),
                };
                self.like((&op, word), inner, pattern, escape_char.as_deref())
            }
            Expr::SimilarTo {
                negated,
                expr: inner,
                pattern,
                escape_char,
            } => self.escaped(
                inner,
                if *negated {
                    "NOT SIMILAR TO"
                } else {
                    "SIMILAR TO"
                },
                pattern,
                escape_char.as_deref(),
            ),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref(), expr),
            Expr::Exists { subquery, negated } => {
                self.not(*negated, |this| this.subquery("(EXISTS ", subquery, ")"))
            }
            Expr::Subquery(query) => self.subquery("", query, ""),
            Expr::Function(call) => self.call(call, expr),
            Expr::Collate {
                expr: inner,
                collation,
            } => self.around("(", inner, &format!(" COLLATE {collation})")),
            Expr::Array(array) => {
                let wanted = self.type_of(expr).and_then(types::element);
                self.put("ARRAY[");
                for (at, item) in array.elem.iter().enumerate() {
                    if at > 0 {
                        self.put(", ");
                    }
                    self.operand(item, wanted.as_ref())?;
                }
                self.put("]");
                Ok(())
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                let plain = matches!(&**root, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                self.put(if plain { "" } else { "(" });
                self.expr(root)?;
                self.put(if plain { "" } else { ")" });
                for access in access_chain {
                    self.subscript(access)?;
                }
                Ok(())
            }
            other => self.form(other),
        }
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
            self.binary(op, left, right, word)?;
        }
        self.put(")");
        Ok(())
    }

    fn comma(&mut self, all: &'t [Expr]) -> Written {
        for (at, expr) in all.iter().enumerate() {
            if at > 0 {
                self.put(", ");
            }
            self.expr(expr)?;
        }
        Ok(())
    }

    fn subscript(&mut self, access: &'t AccessExpr) -> Written {
        let AccessExpr::Subscript(subscript) = access else {
            return Err(Unknown);
        };
        self.put("[");
        match subscript {
            Subscript::Index { index } => self.settled(index)?,
            Subscript::Slice {
                lower_bound,
                upper_bound,
                stride: None,
            } => {
                if let Some(low) = lower_bound {
                    self.expr(low)?;
                }
                self.put(":");
                if let Some(high) = upper_bound {
                    self.expr(high)?;
                }
            }
            Subscript::Slice { .. } => return Err(Unknown),
        }
        self.put("]");
        Ok(())
    }

    fn unary(&mut self, op: UnaryOperator, inner: &'t Expr) -> Written {
        match op {
            UnaryOperator::Not => self.not(true, |this| this.expr(inner)),
            UnaryOperator::Minus | UnaryOperator::Plus => {
                let minus = op == UnaryOperator::Minus;
                if let (true, Expr::Value(value)) = (minus, inner) {
                    let number = digits(&value.value).ok_or(Unknown)?;
                    let kind = self.type_of(inner).unwrap_or(&Type::INT4);
                    let number = number
                        .split("::")
                        .next()
                        .unwrap_or_default()
                        .trim_matches('\'');
                    self.put(&format!("'-{number}'::{}", types::show(kind, -1)));
                    return Ok(());
                }
                self.around(if minus { "(- " } else { "(+ " }, inner, ")")
            }
            _ => Err(Unknown),
        }
    }

    fn cast(&mut self, inner: &'t Expr, ty: &Ty) -> Written {
        let name = cast_name(ty);
        match literal_of(inner) {
            Some(Literal::Text(text)) => self.put(&format!("{}::{name}", literal(text))),
            Some(Literal::Null) => self.put(&format!("NULL::{name}")),
            // A number that is of the type already, and a cast that changes nothing.
            None if self.type_of(inner) == Some(&ty.kind) && ty.modifier < 0 => {
                return self.expr(inner);
            }
            None => {
                let array = matches!(inner, Expr::Array(_)) && types::element(&ty.kind).is_some();
                if array {
                    self.expr(inner)?;
                    self.put(&format!("::{name}"));
                } else {
                    self.put("(");
                    self.expr(inner)?;
                    self.put(&format!(")::{name}"));
                }
            }
        }
        Ok(())
    }

    /// Without ESCAPE it is shown as its operator.
    fn like(
        &mut self,
        (op, word): (&BinaryOperator, &str),
        inner: &'t Expr,
        pattern: &'t Expr,
        escape: Option<&'t Expr>,
    ) -> Written {
        match escape {
            None => self.binary(op, inner, pattern, &op.to_string()),
            Some(_) => self.escaped(inner, word, pattern, escape),
        }
    }

    fn escaped(
        &mut self,
        inner: &'t Expr,
        word: &str,
        pattern: &'t Expr,
        escape: Option<&'t Expr>,
    ) -> Written {
        self.put("(");
        self.operand(inner, self.type_of(inner).map(|_| &Type::TEXT))?;
        self.put(&format!(" {word} "));
        self.settled(pattern)?;
        if let Some(escape) = escape {
            self.put(" ESCAPE ");
            self.settled(escape)?;
        }
        self.put(")");
        Ok(())
    }

    fn is_in(&mut self, inner: &'t Expr, target: &'t InTarget, negated: bool) -> Written {
        match target {
            InTarget::List(list) => {
                if matches!(inner, Expr::Tuple(_)) {
                    return Err(Unknown);
                }
                let op = if negated {
                    BinaryOperator::NotEq
                } else {
                    BinaryOperator::Eq
                };
                let word = if negated { "<>" } else { "=" };
                if let [only] = list.as_slice() {
                    return self.binary(&op, inner, only, word);
                }
                let mut kind = self.type_of(inner).cloned();
                for item in list {
                    if let Some(next) = self.type_of(item) {
                        kind = match kind {
                            None => Some(next.clone()),
                            Some(kind) => Some(operator::wider(&kind, next).ok_or(Unknown)?),
                        };
                    }
                }
                // Without an operator of its own it is compared as text.
                let own = match kind {
                    Some(Type::VARCHAR) => Some(Type::TEXT),
                    Some(kind) if types::is_integer(&kind) => None,
                    kind => kind,
                };
                self.put("(");
                self.operand(
                    inner,
                    own.as_ref().filter(|_| self.type_of(inner).is_some()),
                )?;
                self.put(&format!(
                    " {word} {} (ARRAY[",
                    if negated { "ALL" } else { "ANY" }
                ));
                for (at, item) in list.iter().enumerate() {
                    if at > 0 {
                        self.put(", ");
                    }
                    self.operand(item, own.as_ref())?;
                }
                self.put("]))");
                Ok(())
            }
            InTarget::Subquery(query) => self.not(negated, |this| {
                this.put("(");
                match inner {
                    Expr::Tuple(items) => {
                        this.put("(");
                        this.comma(items)?;
                        this.put(")");
                    }
                    one => this.expr(one)?,
                }
                this.subquery(" IN ", query, ")")
            }),
            _ => Err(Unknown),
        }
    }

    fn any(&mut self, left: &'t Expr, op: &BinaryOperator, right: &'t Expr, word: &str) -> Written {
        let op = match op {
            BinaryOperator::NotEq => "<>".to_owned(),
            other => other.to_string(),
        };
        self.put("(");
        match right {
            Expr::Subquery(query) => {
                self.expr(left)?;
                match (op.as_str(), word) {
                    ("=", "ANY") => self.subquery(" IN ", query, ")"),
                    _ => self.subquery(&format!(" {op} {word} "), query, ")"),
                }
            }
            other => {
                let kind = self.type_of(other).and_then(types::element);
                let wanted = kind.filter(|_| literal_of(left).is_some());
                self.operand(left, wanted.as_ref())?;
                self.put(&format!(" {op} {word} ("));
                self.operand(other, None)?;
                self.put("))");
                Ok(())
            }
        }
    }

    fn case(
        &mut self,
        operand: Option<&'t Expr>,
        conditions: &'t [CaseWhen],
        otherwise: Option<&'t Expr>,
        whole: &Expr,
    ) -> Written {
        // It is of this type, or of no other than text.
        let kind = self.type_of(whole).cloned().unwrap_or(Type::TEXT);
        let kind = Some(kind);
        self.line(self.indent);
        self.put("CASE");
        let start = self.indent;
        self.indent = start.saturating_add(VAR);
        if let Some(operand) = operand {
            self.put(" ");
            self.expr(operand)?;
        }
        for when in conditions {
            self.line(self.indent);
            self.put("WHEN ");
            match operand {
                Some(operand) => {
                    let (_, wanted) = self.sides(&BinaryOperator::Eq, operand, &when.condition);
                    self.operand(&when.condition, wanted.as_ref())?;
                }
                None => self.expr(&when.condition)?,
            }
            self.put(" THEN ");
            self.operand(&when.result, kind.as_ref())?;
        }
        self.line(self.indent);
        self.put("ELSE ");
        match otherwise {
            Some(otherwise) => self.operand(otherwise, kind.as_ref())?,
            None => self.put(&format!(
                "NULL::{}",
                kind.map_or_else(|| "text".into(), |k| cast_name(&Ty::from(k)))
            )),
        }
        self.indent = start;
        self.line(start);
        self.put("END");
        Ok(())
    }

    /// What has a grammar of its own.
    fn form(&mut self, expr: &'t Expr) -> Written {
        match expr {
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => {
                self.put("(");
                self.expr(timestamp)?;
                self.put(" AT TIME ZONE ");
                self.settled(time_zone)?;
                self.put(")");
            }
            Expr::Extract {
                field, expr: inner, ..
            } => {
                self.put(&format!(
                    "EXTRACT({} FROM ",
                    field.to_string().to_lowercase()
                ));
                self.expr(inner)?;
                self.put(")");
            }
            Expr::Position { expr: inner, r#in } => {
                self.put("POSITION((");
                self.settled(inner)?;
                self.put(") IN (");
                self.settled(r#in)?;
                self.put("))");
            }
            Expr::Substring {
                expr: inner,
                substring_from: Some(from),
                substring_for,
                special: true,
                shorthand,
            } => {
                self.put(if *shorthand {
                    "substr("
                } else {
                    "\"substring\"("
                });
                self.settled(inner)?;
                self.put(", ");
                self.settled(from)?;
                if let Some(length) = substring_for {
                    self.put(", ");
                    self.settled(length)?;
                }
                self.put(")");
            }
            Expr::Substring {
                expr: inner,
                substring_from,
                substring_for,
                ..
            } => {
                self.put("SUBSTRING(");
                self.settled(inner)?;
                if let Some(from) = substring_from {
                    self.put(" FROM ");
                    self.settled(from)?;
                }
                if let Some(length) = substring_for {
                    self.put(" FOR ");
                    self.settled(length)?;
                }
                self.put(")");
            }
            Expr::Trim {
                expr: inner,
                trim_where,
                trim_what,
                trim_characters: None,
            } => {
                self.put(match trim_where {
                    Some(TrimWhereField::Leading) => "TRIM(LEADING ",
                    Some(TrimWhereField::Trailing) => "TRIM(TRAILING ",
                    _ => "TRIM(BOTH ",
                });
                if let Some(what) = trim_what {
                    self.settled(what)?;
                    self.put(" ");
                }
                self.put("FROM ");
                self.settled(inner)?;
                self.put(")");
            }
            Expr::Ceil { expr: inner, .. } => self.around("ceil(", inner, ")")?,
            Expr::Floor { expr: inner, .. } => self.around("floor(", inner, ")")?,
            _ => return Err(Unknown),
        }
        Ok(())
    }
}

/// What two operands of a comparison become.
fn alike(left: Option<&Type>, right: Option<&Type>) -> (Option<Type>, Option<Type>) {
    let text = |kind: &Type| match *kind {
        Type::VARCHAR => Type::TEXT,
        ref other => other.clone(),
    };
    match (left, right) {
        (Some(one), None) | (None, Some(one)) => {
            let one = Some(text(one));
            (one.clone(), one)
        }
        (Some(l), Some(r)) => {
            let integers = types::is_integer(l) && types::is_integer(r);
            let floats = matches!(
                (l, r),
                (&Type::FLOAT4 | &Type::FLOAT8, &Type::FLOAT4 | &Type::FLOAT8)
            );
            if integers || floats || is_time(l) && is_time(r) {
                return (None, None);
            }
            // The operators of float4 take float8 beside it.
            let mixed = is_number(l) && is_number(r) && l != r;
            let common = match (l, r) {
                (&Type::FLOAT4, _) if mixed => return (None, Some(Type::FLOAT8)),
                (_, &Type::FLOAT4) if mixed => return (Some(Type::FLOAT8), None),
                (&Type::NAME, _) | (_, &Type::NAME) => None,
                (&Type::BPCHAR, &Type::VARCHAR) | (&Type::VARCHAR, &Type::BPCHAR) => {
                    Some(Type::BPCHAR)
                }
                _ => operator::wider(&text(l), &text(r)),
            };
            (common.clone(), common)
        }
        (None, None) => (Some(Type::TEXT), Some(Type::TEXT)),
    }
}
