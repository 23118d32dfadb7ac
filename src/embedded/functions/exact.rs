//! Numbers that stay exact, and what PostgreSQL computes of `numeric`.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, Signed, Zero};
use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert::{numeric, real};
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::collection::items;
use crate::embedded::functions::{Table, integer, kind, text, value};
use crate::embedded::special::Special;
use crate::embedded::{convert, number, transcendental};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_gcd", 3, |a| divisor(a, false)),
    ("pg_lcm", 3, |a| divisor(a, true)),
    ("pg_div", 2, |a| {
        let (a, b) = (numeric(value(a, 0))?, numeric(value(a, 1))?);
        if b.is_zero() {
            return Err(number::division_by_zero());
        }
        Ok(shown(&quotient(&a, &b)))
    }),
    ("pg_factorial", 1, |a| {
        let n = integer(a, 0);
        if n < 0 {
            return Err(Fault::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                "factorial of a negative number is undefined",
            ));
        }
        if n > 32_177 {
            return Err(number::overflow());
        }
        // PostgreSQL goes on to 131 072 digits, which takes it its time.
        if n > 5000 {
            return Err(Fault::unsupported("factorials of more than 5000"));
        }
        let product = (2..=n).fold(BigInt::from(1), |product, k| product * k);
        Ok(Value::Text(product.to_string()))
    }),
    ("pg_scale", 1, |a| {
        Ok(Value::Integer(
            numeric(value(a, 0))?.fractional_digit_count(),
        ))
    }),
    ("pg_min_scale", 1, |a| {
        let trimmed = trimmed(&numeric(value(a, 0))?);
        Ok(Value::Integer(trimmed.fractional_digit_count()))
    }),
    ("pg_trim_scale", 1, |a| {
        Ok(shown(&trimmed(&numeric(value(a, 0))?)))
    }),
    ("pg_log_of", 2, |a| {
        transcendental::log(&numeric(value(a, 0))?, &numeric(value(a, 1))?).map(|n| shown(&n))
    }),
    ("pg_exact_log", 1, |a| {
        transcendental::log(&BigDecimal::from(10), &numeric(value(a, 0))?).map(|n| shown(&n))
    }),
    ("pg_exact_ln", 1, |a| {
        if let Some(special @ (Special::Infinity | Special::NaN)) = Special::of(value(a, 0)) {
            return Ok(Value::Text(special.shown().into()));
        }
        transcendental::ln(&numeric(value(a, 0))?).map(|n| shown(&n))
    }),
    ("pg_exact_exp", 1, |a| {
        match Special::of(value(a, 0)) {
            Some(Special::NegativeInfinity) => return Ok(Value::Text("0".into())),
            Some(special) => return Ok(Value::Text(special.shown().into())),
            None => {}
        }
        transcendental::exp(&numeric(value(a, 0))?).map(|n| shown(&n))
    }),
    ("pg_exact_sqrt", 1, |a| {
        if let Some(special @ (Special::Infinity | Special::NaN)) = Special::of(value(a, 0)) {
            return Ok(Value::Text(special.shown().into()));
        }
        transcendental::sqrt(&numeric(value(a, 0))?).map(|n| shown(&n))
    }),
    ("pg_exact_power", 2, |a| {
        transcendental::power(&numeric(value(a, 0))?, &numeric(value(a, 1))?).map(|n| shown(&n))
    }),
    ("pg_width_bucket", 5, width_bucket),
    // A value and what begins the buckets: type, value, array's type, array.
    ("pg_width_bucket_of", 4, |a| {
        let element = kind(a, 0);
        let mut least = 0_i64;
        for item in items(&text(a, 3), &kind(a, 2))? {
            let Some(item) = item else {
                return Err(Fault::new(
                    SqlState::new("22004").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
                    "thresholds array must not contain NULLs",
                ));
            };
            let threshold = convert::parse(&item, &element.clone().into())?;
            let order =
                super::collection::order(ValueRef::from(&threshold), value(a, 1), &element)?;
            if order.is_gt() {
                break;
            }
            least = least.saturating_add(1);
        }
        Ok(Value::Integer(least))
    }),
];

fn shown(number: &BigDecimal) -> Value {
    Value::Text(number::show(number))
}

fn trimmed(number: &BigDecimal) -> BigDecimal {
    if number.is_zero() {
        return BigDecimal::zero();
    }
    let normal = number.normalized();
    if normal.fractional_digit_count() < 0 {
        normal.with_scale(0)
    } else {
        normal
    }
}

/// The whole part of a quotient.
fn quotient(a: &BigDecimal, b: &BigDecimal) -> BigDecimal {
    let scale = a.fractional_digit_count().max(b.fractional_digit_count());
    let whole = |n: &BigDecimal| n.with_scale(scale).into_bigint_and_scale().0;
    BigDecimal::from(whole(a) / whole(b))
}

fn greatest(mut a: BigInt, mut b: BigInt) -> BigInt {
    while !b.is_zero() {
        (a, b) = (b.clone(), a % b);
    }
    a.abs()
}

/// `gcd` and `lcm`: type, a, b.
fn divisor(arguments: &[ValueRef<'_>], multiple: bool) -> Result<Value, Fault> {
    let kind = kind(arguments, 0);
    let (a, b) = (numeric(value(arguments, 1))?, numeric(value(arguments, 2))?);
    let scale = a.fractional_digit_count().max(b.fractional_digit_count());
    let whole = |n: &BigDecimal| n.with_scale(scale).into_bigint_and_scale().0;
    let (a, b) = (whole(&a), whole(&b));
    let divisor = greatest(a.clone(), b.clone());
    let result = match multiple {
        false => divisor,
        true if a.is_zero() || b.is_zero() => BigInt::zero(),
        true => (a / divisor * b).abs(),
    };
    if kind == Type::NUMERIC {
        return Ok(shown(&BigDecimal::new(result, scale)));
    }
    let range = || number::out_of_range(&types::show(&kind, -1));
    let n = i64::try_from(result).map_err(|_| range())?;
    if kind != Type::INT8 && i32::try_from(n).is_err() {
        return Err(range());
    }
    Ok(Value::Integer(n))
}

/// Type, operand, low, high, count.
fn width_bucket(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let invalid = |message| {
        Fault::new(
            SqlState::new("2201G").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
            message,
        )
    };
    let count = integer(arguments, 4);
    if count <= 0 {
        return Err(invalid("count must be greater than zero"));
    }
    let above = || {
        i32::try_from(count.saturating_add(1))
            .map(|n| Value::Integer(n.into()))
            .map_err(|_| number::out_of_range("integer"))
    };
    let at = |index| value(arguments, index);
    if kind(arguments, 0) != Type::NUMERIC {
        let (x, low, high) = (real(at(1))?, real(at(2))?, real(at(3))?);
        if !low.is_finite() || !high.is_finite() {
            return Err(invalid("lower and upper bounds must be finite"));
        }
        let part = if low < high {
            (x >= low, x >= high, (x - low) / (high - low))
        } else if low > high {
            (x <= low, x <= high, (low - x) / (low - high))
        } else {
            return Err(invalid("lower bound cannot equal upper bound"));
        };
        return match part {
            (false, ..) => Ok(Value::Integer(0)),
            (_, true, _) => above(),
            (.., part) => {
                let place = (count as f64 * part) as i64;
                Ok(Value::Integer(
                    place.min(count.saturating_sub(1)).saturating_add(1),
                ))
            }
        };
    }
    let (x, low, high) = (numeric(at(1))?, numeric(at(2))?, numeric(at(3))?);
    if low == high {
        return Err(invalid("lower bound cannot equal upper bound"));
    }
    let (x, low, high) = if low < high {
        (x, low, high)
    } else {
        (-x, -low, -high)
    };
    if x < low {
        return Ok(Value::Integer(0));
    }
    if x >= high {
        return above();
    }
    let place = quotient(&((x - &low) * BigDecimal::from(count)), &(high - &low));
    Ok(Value::Integer(
        number::to_i64(&place).unwrap_or(0).saturating_add(1),
    ))
}
