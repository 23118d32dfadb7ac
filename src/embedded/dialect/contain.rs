//! Operators of `jsonb` and arrays: what contains what, what is at a path.

use postgres_types::Type;
use sqlparser::ast::BinaryOperator;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::expr::{Sql, Translator};
use crate::embedded::dialect::operator::none;
use crate::embedded::dialect::types;

impl Translator<'_> {
    /// `None` if the operator or its sides are others.
    pub(super) fn containment(
        &mut self,
        op: &BinaryOperator,
        left: &Sql,
        right: &Sql,
    ) -> Result<Option<Sql>, Fault> {
        use BinaryOperator as B;
        let jsonb = |sql: &Sql| *sql.kind() == Type::JSONB;
        let json = |sql: &Sql| matches!(*sql.kind(), Type::JSON | Type::JSONB);
        let array = |sql: &Sql| types::element(sql.kind()).is_some();
        let call = |function: &str, a: &Sql, b: &Sql| {
            Sql::new(format!("{function}({},{})", a.text, b.text), Type::BOOL)
        };
        Ok(Some(match op {
            B::AtArrow | B::ArrowAt if jsonb(left) || jsonb(right) => {
                let left = self.settle_as(left.clone(), &Type::JSONB)?;
                let right = self.settle_as(right.clone(), &Type::JSONB)?;
                if !jsonb(&left) || !jsonb(&right) {
                    return Err(none(&op.to_string(), left.kind(), right.kind()));
                }
                if *op == B::AtArrow {
                    call("pg_jsonb_contains", &left, &right)
                } else {
                    call("pg_jsonb_contains", &right, &left)
                }
            }
            B::AtArrow | B::ArrowAt | B::PGOverlap if array(left) || array(right) => {
                let kind = if array(left) {
                    left.kind()
                } else {
                    right.kind()
                }
                .clone();
                let left = self.settle_as(left.clone(), &kind)?;
                let right = self.settle_as(right.clone(), &kind)?;
                if left.kind() != right.kind() {
                    return Err(none(&op.to_string(), left.kind(), right.kind()));
                }
                let element = types::element(&kind).unwrap_or(Type::TEXT).oid();
                let (function, a, b) = match op {
                    B::AtArrow => ("pg_array_contains", &left, &right),
                    B::ArrowAt => ("pg_array_contains", &right, &left),
                    _ => ("pg_array_overlap", &left, &right),
                };
                let text = format!("{function}({},{},{element})", a.text, b.text);
                Sql::new(text, Type::BOOL)
            }
            B::Question if jsonb(left) => {
                let right = self.implicit(right.clone(), &Type::TEXT.into())?;
                call("pg_jsonb_exists", left, &right)
            }
            B::QuestionPipe | B::QuestionAnd if jsonb(left) => {
                let keys = self.settle_as(right.clone(), &Type::TEXT_ARRAY)?;
                if *keys.kind() != Type::TEXT_ARRAY {
                    return Err(none(&op.to_string(), left.kind(), keys.kind()));
                }
                let all = u8::from(*op == B::QuestionAnd);
                let text = format!("pg_jsonb_exists_of({},{},{all})", left.text, keys.text);
                Sql::new(text, Type::BOOL)
            }
            B::HashMinus if jsonb(left) => {
                let path = self.settle_as(right.clone(), &Type::TEXT_ARRAY)?;
                if *path.kind() != Type::TEXT_ARRAY {
                    return Err(none("#-", left.kind(), path.kind()));
                }
                let text = format!("pg_jsonb_delete_path({},{})", left.text, path.text);
                Sql::new(text, Type::JSONB)
            }
            B::Minus if jsonb(left) && *right.kind() == Type::TEXT_ARRAY => {
                let text = format!("pg_jsonb_delete_keys({},{})", left.text, right.text);
                Sql::new(text, Type::JSONB)
            }
            B::HashArrow | B::HashLongArrow if json(left) => {
                let path = self.settle_as(right.clone(), &Type::TEXT_ARRAY)?;
                if *path.kind() != Type::TEXT_ARRAY {
                    return Err(none(&op.to_string(), left.kind(), path.kind()));
                }
                let (flag, kind) = match op {
                    B::HashArrow => (0, left.kind().clone()),
                    _ => (1, Type::TEXT),
                };
                let text = format!("pg_json_path({},{},{flag})", left.text, path.text);
                Sql::new(text, kind)
            }
            B::Minus if jsonb(left) => {
                let right = self.settle_as(right.clone(), &Type::TEXT)?;
                if !types::is_text(right.kind()) && !types::is_integer(right.kind()) {
                    return Err(none("-", left.kind(), right.kind()));
                }
                let text = format!("pg_jsonb_delete({},{})", left.text, right.text);
                Sql::new(text, Type::JSONB)
            }
            B::StringConcat if jsonb(left) || jsonb(right) => {
                let left = self.settle_as(left.clone(), &Type::JSONB)?;
                let right = self.settle_as(right.clone(), &Type::JSONB)?;
                if !jsonb(&left) || !jsonb(&right) {
                    return Ok(None);
                }
                let text = format!("pg_jsonb_concat({},{})", left.text, right.text);
                Sql::new(text, Type::JSONB)
            }
            _ => return Ok(None),
        }))
    }
}
