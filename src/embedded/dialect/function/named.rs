//! Arguments that are written with their names.

use std::borrow::Cow;

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, Value};

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::scope::fold;
use crate::error_response::SqlState;

/// The names of the parameters of functions that are called so.
const PARAMETERS: &[(&str, &[&str])] = &[
    (
        "jsonb_set",
        &["jsonb_in", "path", "replacement", "create_if_missing"],
    ),
    ("make_date", &["year", "month", "day"]),
    (
        "make_interval",
        &["years", "months", "weeks", "days", "hours", "mins", "secs"],
    ),
    ("make_time", &["hour", "min", "sec"]),
    (
        "make_timestamp",
        &["year", "month", "mday", "hour", "min", "sec"],
    ),
    (
        "make_timestamptz",
        &["year", "month", "mday", "hour", "min", "sec", "timezone"],
    ),
];

fn name_of(argument: &FunctionArg) -> Option<(String, &FunctionArgExpr)> {
    match argument {
        FunctionArg::Named { name, arg, .. } => Some((fold(name), arg)),
        FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg,
            ..
        } => Some((fold(name), arg)),
        _ => None,
    }
}

/// The arguments in the order of the parameters.
pub(super) fn in_order<'a>(
    function: &str,
    arguments: &'a [FunctionArg],
) -> Result<Cow<'a, [FunctionArg]>, Fault> {
    let first = arguments.iter().position(|a| name_of(a).is_some());
    let Some(first) = first else {
        return Ok(Cow::Borrowed(arguments));
    };
    let Some((_, parameters)) = PARAMETERS.iter().find(|(name, _)| *name == function) else {
        return Err(Fault::unsupported(format!("named arguments of {function}")));
    };
    let (placed, named) = arguments.split_at(first);
    let mut slots: Vec<Option<FunctionArg>> = placed.iter().cloned().map(Some).collect();
    slots.resize(parameters.len().max(first), None);
    for argument in named {
        let Some((name, value)) = name_of(argument) else {
            return Err(Fault::new(
                SqlState::SYNTAX_ERROR,
                "positional argument cannot follow named argument",
            ));
        };
        let slot = parameters
            .iter()
            .position(|p| *p == name)
            .and_then(|at| slots.get_mut(at));
        match slot {
            Some(slot @ None) => *slot = Some(FunctionArg::Unnamed(value.clone())),
            Some(Some(_)) => {
                return Err(Fault::new(
                    SqlState::SYNTAX_ERROR,
                    format!("argument name \"{name}\" used more than once"),
                ));
            }
            None => {
                return Err(Fault::new(
                    SqlState::UNDEFINED_FUNCTION,
                    format!("function {function} has no argument \"{name}\""),
                ));
            }
        }
    }
    while matches!(slots.last(), Some(None)) {
        slots.pop();
    }
    // Only intervals have parts that may be left out before others.
    let zero = || {
        let number = Value::Number("0".into(), false);
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(number.into())))
    };
    let all: Option<Vec<FunctionArg>> = slots
        .into_iter()
        .map(|slot| slot.or_else(|| (function == "make_interval").then(zero)))
        .collect();
    all.map(Cow::Owned).ok_or_else(|| {
        Fault::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("function {function} needs more arguments"),
        )
    })
}
