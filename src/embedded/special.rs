//! What a `numeric` may be besides a number: infinite, or `NaN`, which is greater than all and equal
//! to itself.

use std::cmp::Ordering;

use rusqlite::types::ValueRef;

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::types::precision_and_scale;
use crate::embedded::number::division_by_zero;
use crate::error_response::SqlState;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Special {
    NegativeInfinity,
    Infinity,
    NaN,
}

use Special::{Infinity, NaN, NegativeInfinity};

/// The operands of an operator: what is no special value by its sign.
type Operand = Result<Special, Ordering>;

impl Special {
    pub(super) fn shown(self) -> &'static str {
        match self {
            NegativeInfinity => "-Infinity",
            Infinity => "Infinity",
            NaN => "NaN",
        }
    }

    /// As it is kept.
    pub(super) fn kept(text: &str) -> Option<Self> {
        match text {
            "NaN" => Some(NaN),
            "Infinity" => Some(Infinity),
            "-Infinity" => Some(NegativeInfinity),
            _ => None,
        }
    }

    /// As users write it.
    pub(super) fn written(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        match lower.as_str() {
            "nan" => Some(NaN),
            "infinity" | "+infinity" | "inf" | "+inf" => Some(Infinity),
            "-infinity" | "-inf" => Some(NegativeInfinity),
            _ => None,
        }
    }

    pub(super) fn of(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Text(b"NaN") => Some(NaN),
            ValueRef::Text(b"Infinity") | ValueRef::Real(f64::INFINITY) => Some(Infinity),
            ValueRef::Text(b"-Infinity") | ValueRef::Real(f64::NEG_INFINITY) => {
                Some(NegativeInfinity)
            }
            _ => None,
        }
    }

    /// Fits it into `numeric(precision, scale)`.
    pub(super) fn fit(self, modifier: i32) -> Result<Self, Fault> {
        match precision_and_scale(modifier) {
            Some((precision, scale)) if self != NaN => Err(Fault::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                "numeric field overflow",
            )
            .with_detail(format!(
                "A field with precision {precision}, scale {scale} cannot hold an infinite value."
            ))),
            _ => Ok(self),
        }
    }

    /// 0A000: no integer.
    pub(super) fn no_integer(self, kind: &str) -> Fault {
        let what = match self {
            NaN => "NaN",
            _ => "infinity",
        };
        Fault::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("cannot convert {what} to {kind}"),
        )
    }

    fn signed(sign: Ordering) -> Self {
        match sign {
            Ordering::Less => NegativeInfinity,
            Ordering::Equal => NaN,
            Ordering::Greater => Infinity,
        }
    }

    fn sign(self) -> Ordering {
        match self {
            NegativeInfinity => Ordering::Less,
            _ => Ordering::Greater,
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            NaN => NaN,
            other => Self::signed(other.sign().reverse()),
        }
    }
}

/// What an operator makes of operands one of which is no number.
pub(super) fn compute(op: char, a: Operand, b: Operand) -> Result<Outcome, Fault> {
    if a == Ok(NaN) || b == Ok(NaN) {
        return Ok(Outcome::Special(NaN));
    }
    let sign = |operand: Operand| operand.map_or_else(|sign| sign, Special::sign);
    let product = || match (sign(a), sign(b)) {
        (Ordering::Equal, _) | (_, Ordering::Equal) => NaN,
        (a, b) if a == b => Infinity,
        _ => NegativeInfinity,
    };
    Ok(Outcome::Special(match (op, a, b) {
        ('+', Ok(a), Ok(b)) if a != b => NaN,
        ('-', Ok(a), Ok(b)) if a == b => NaN,
        ('+' | '-', Ok(a), _) => a,
        ('+', _, Ok(b)) => b,
        ('-', _, Ok(b)) => b.negated(),
        ('*', ..) => product(),
        ('/' | '%', _, Err(Ordering::Equal)) => return Err(division_by_zero()),
        ('/' | '%', Ok(_), Ok(_)) => NaN,
        ('/', Ok(_), Err(_)) => product(),
        ('/', ..) => return Ok(Outcome::Zero),
        ('%', Err(_), _) => return Ok(Outcome::First),
        _ => NaN,
    }))
}

/// What comes of an operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Special(Special),
    Zero,
    First,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_do_as_in_postgresql() {
        let (less, none, more) = (
            Err(Ordering::Less),
            Err(Ordering::Equal),
            Err(Ordering::Greater),
        );
        for (op, a, b, expected) in [
            ('+', Ok(Infinity), more, Outcome::Special(Infinity)),
            ('-', more, Ok(Infinity), Outcome::Special(NegativeInfinity)),
            ('-', Ok(Infinity), Ok(Infinity), Outcome::Special(NaN)),
            ('*', Ok(Infinity), less, Outcome::Special(NegativeInfinity)),
            ('*', none, Ok(Infinity), Outcome::Special(NaN)),
            ('/', more, Ok(Infinity), Outcome::Zero),
            ('/', Ok(NaN), none, Outcome::Special(NaN)),
            ('%', more, Ok(NegativeInfinity), Outcome::First),
            ('%', Ok(Infinity), more, Outcome::Special(NaN)),
        ] {
            assert_eq!(compute(op, a, b).unwrap(), expected, "{a:?} {op} {b:?}");
        }
        assert!(compute('/', Ok(Infinity), none).is_err());
    }
}
