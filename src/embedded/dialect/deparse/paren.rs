//! Which parentheses may be left out (isSimpleNode in ruleutils.c).

use postgres_types::Type;
use sqlparser::ast::{BinaryOperator, Expr, Function, FunctionArguments, UnaryOperator};

use crate::embedded::dialect::deparse::literals::literal_of;
use crate::embedded::dialect::types;

/// What an expression stands in.
#[derive(Clone, Copy)]
pub(super) enum Parent<'p> {
    /// An operator, and whether it is the first operand.
    Operator(&'p str, bool),
    Bool(Junction),
    Other,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Junction {
    And,
    Or,
    Not,
}

/// An operator as it is shown.
pub(super) fn word(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::NotEq => "<>".to_owned(),
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        other => other.to_string(),
    }
}

/// Whether an expression that was shown before is one without parentheses around it.
pub(super) fn is_simple(expr: &Expr, parent: Parent<'_>) -> bool {
    let among = matches!(parent, Parent::Bool(_));
    match expr {
        Expr::Nested(inner) => is_simple(inner, parent),
        Expr::BinaryOp {
            op: op @ (BinaryOperator::And | BinaryOperator::Or),
            ..
        } => match (op, parent) {
            (BinaryOperator::And, Parent::Bool(outer)) => outer != Junction::Not,
            (_, Parent::Bool(outer)) => outer == Junction::Or,
            _ => false,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            ..
        } => matches!(parent, Parent::Bool(Junction::And | Junction::Or)),
        Expr::BinaryOp { op, .. } => among || binds(&word(op), parent),
        Expr::UnaryOp { op, .. } => among || binds(&op.to_string(), parent),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::In { .. }
        | Expr::Function(Function {
            args: FunctionArguments::Subquery(_),
            ..
        }) => among,
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => {
            among && matches!(**right, Expr::Subquery(_))
        }
        Expr::Collate { .. } => false,
        // A cast that only gives another name to the type is as what it casts.
        Expr::Cast {
            expr, data_type, ..
        } => {
            let renames = types::named(&data_type.to_string()).is_ok_and(|ty| {
                ty.modifier < 0 && matches!(ty.kind, Type::TEXT | Type::VARCHAR | Type::BPCHAR)
            });
            !renames || literal_of(expr).is_some() || is_simple(expr, Parent::Other)
        }
        _ => true,
    }
}

/// Whether an operator binds more than the one around it.
fn binds(op: &str, parent: Parent<'_>) -> bool {
    let high = |op: &str| match op {
        "*" | "/" | "%" => Some(true),
        "+" | "-" => Some(false),
        _ => None,
    };
    match parent {
        Parent::Operator(outer, first) => match (high(op), high(outer)) {
            (Some(own), Some(outer)) if own == outer => first,
            (Some(own), Some(_)) => own,
            _ => false,
        },
        _ => false,
    }
}
