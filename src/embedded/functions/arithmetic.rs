//! Numbers.

use bigdecimal::{BigDecimal, Signed, Zero};
use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert::{numeric, real};
use crate::embedded::dialect::{Fault, types};
use crate::embedded::functions::{Table, boolean, integer, kind, text, value};
use crate::embedded::number;
use crate::embedded::special::{self, Outcome, Special};
use crate::error_response::SqlState;

/// PostgreSQL divides by it and multiplies with it, which rounds otherwise than Rust's own.
const RADIANS_PER_DEGREE: f64 = 0.017_453_292_519_943_295;

pub(super) const FUNCTIONS: Table = &[
    ("pg_abs", 2, |a| match value(a, 0) {
        ValueRef::Integer(n) => fit(n.checked_abs(), &kind(a, 1)),
        ValueRef::Real(x) => Ok(Value::Real(x.abs())),
        ValueRef::Text(b"-Infinity") => Ok(Value::Text("Infinity".into())),
        other if Special::of(other).is_some() => Ok(Value::Text(text(a, 0).into_owned())),
        other => Ok(shown(&numeric(other)?.abs())),
    }),
    ("pg_arith", 4, arithmetic),
    ("pg_atan2", 2, |a| {
        float(real(value(a, 0))?.atan2(real(value(a, 1))?))
    }),
    ("pg_acos", 1, |a| domain(a, f64::acos)),
    ("pg_acosh", 1, |a| domain(a, f64::acosh)),
    ("pg_asinh", 1, |a| domain(a, f64::asinh)),
    ("pg_atanh", 1, |a| {
        let x = real(value(a, 0))?;
        // At both ends it is infinite.
        float(x.atanh())
    }),
    ("pg_cosh", 1, |a| float(real(value(a, 0))?.cosh())),
    ("pg_cot", 1, |a| float(1.0 / real(value(a, 0))?.tan())),
    ("pg_sinh", 1, |a| float(real(value(a, 0))?.sinh())),
    ("pg_tanh", 1, |a| domain(a, f64::tanh)),
    ("pg_asin", 1, |a| domain(a, f64::asin)),
    ("pg_atan", 1, |a| domain(a, f64::atan)),
    ("pg_cast", 5, super::cast),
    ("pg_cbrt", 1, |a| domain(a, f64::cbrt)),
    ("pg_ceil", 2, |a| {
        rounded(a, f64::ceil, |n| {
            let whole = number::truncate(n, 0);
            if whole < *n { whole + 1 } else { whole }
        })
    }),
    ("pg_ceiling", 2, |a| {
        rounded(a, f64::ceil, |n| {
            let whole = number::truncate(n, 0);
            if whole < *n { whole + 1 } else { whole }
        })
    }),
    ("pg_cos", 1, |a| domain(a, f64::cos)),
    ("pg_degrees", 1, |a| domain(a, |x| x / RADIANS_PER_DEGREE)),
    ("pg_exp", 1, |a| {
        let x = real(value(a, 0))?;
        if x.is_finite() && x.exp() == 0.0 {
            return Err(underflow());
        }
        domain(a, f64::exp)
    }),
    ("pg_false", -1, |_| Ok(boolean(false))),
    ("pg_floor", 2, |a| {
        rounded(a, f64::floor, |n| {
            let whole = number::truncate(n, 0);
            if whole > *n { whole - 1 } else { whole }
        })
    }),
    ("pg_limit", 2, limit),
    ("pg_ln", 1, |a| logarithm(a, f64::ln)),
    ("pg_log", 1, |a| logarithm(a, f64::log10)),
    ("pg_log10", 1, |a| logarithm(a, f64::log10)),
    ("pg_pi", 0, |_| Ok(Value::Real(std::f64::consts::PI))),
    ("pg_power", 2, |a| {
        let (base, exponent) = (real(value(a, 0))?, real(value(a, 1))?);
        if base == 0.0 && exponent < 0.0 {
            return Err(argument(
                "a power",
                "zero raised to a negative power is undefined",
            ));
        }
        if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
            return Err(argument(
                "a power",
                "a negative number raised to a non-integer power yields a complex result",
            ));
        }
        let power = base.powf(exponent);
        if power == 0.0 && base != 0.0 && base.is_finite() && exponent.is_finite() {
            return Err(underflow());
        }
        if power.is_infinite() && base.is_finite() && exponent.is_finite() {
            return Err(Fault::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                "value out of range: overflow",
            ));
        }
        float(power)
    }),
    ("pg_radians", 1, |a| domain(a, |x| x * RADIANS_PER_DEGREE)),
    ("pg_round", 2, |a| {
        rounded(a, f64::round_ties_even, |n| number::round(n, 0))
    }),
    ("pg_round_to", 2, |a| {
        if let Some(special) = Special::of(value(a, 0)) {
            return Ok(Value::Text(special.shown().into()));
        }
        let scale = integer(a, 1).clamp(-1000, 1000);
        let result = number::round(&numeric(value(a, 0))?, scale);
        Ok(shown(&if scale < 0 {
            result.with_scale(0)
        } else {
            result
        }))
    }),
    ("pg_sign", 2, |a| match value(a, 0) {
        ValueRef::Text(b"-Infinity") => Ok(Value::Text("-1".into())),
        ValueRef::Text(b"Infinity") => Ok(Value::Text("1".into())),
        _ => rounded(
            a,
            |x| if x == 0.0 { 0.0 } else { x.signum() },
            |n| n.signum(),
        ),
    }),
    ("pg_sin", 1, |a| domain(a, f64::sin)),
    ("pg_sqrt", 1, |a| {
        let x = real(value(a, 0))?;
        if x < 0.0 {
            return Err(argument(
                "a root",
                "cannot take square root of a negative number",
            ));
        }
        float(x.sqrt())
    }),
    // How many steps there are from one number to another; −1 if not even the first is one.
    ("pg_steps", 3, |a| {
        let (start, stop, step) = (integer(a, 0), integer(a, 1), integer(a, 2));
        let way = i128::from(stop) - i128::from(start);
        let steps = match step {
            0 => {
                return Err(Fault::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "step size cannot equal zero",
                ));
            }
            _ if way == 0 => 0,
            _ if (way > 0) != (step > 0) => -1,
            _ => way / i128::from(step),
        };
        Ok(Value::Integer(i64::try_from(steps).unwrap_or(i64::MAX)))
    }),
    ("pg_tan", 1, |a| domain(a, f64::tan)),
    ("pg_to_hex", 1, |a| {
        Ok(Value::Text(format!("{:x}", integer(a, 0))))
    }),
    ("pg_to_hex_of_int4", 1, |a| {
        Ok(Value::Text(format!("{:x}", integer(a, 0) as i32)))
    }),
    ("pg_trunc", 2, |a| {
        rounded(a, f64::trunc, |n| number::truncate(n, 0))
    }),
    ("pg_trunc_to", 2, |a| {
        if let Some(special) = Special::of(value(a, 0)) {
            return Ok(Value::Text(special.shown().into()));
        }
        let scale = integer(a, 1).clamp(-1000, 1000);
        let result = number::truncate(&numeric(value(a, 0))?, scale);
        Ok(shown(&if scale < 0 {
            result.with_scale(0)
        } else {
            result
        }))
    }),
    ("pg_true", -1, |_| Ok(boolean(true))),
    // A number, by how many bits, its type, and whether to the left: never by as many as it has.
    ("pg_shift", 4, |a| {
        let (n, by) = (integer(a, 0), integer(a, 1));
        let bits = if kind(a, 2) == Type::INT8 { 63 } else { 31 };
        let by = u32::try_from(by & bits).unwrap_or(0);
        let n = if integer(a, 3) == 1 {
            n.wrapping_shl(by)
        } else {
            n.wrapping_shr(by)
        };
        Ok(Value::Integer(match kind(a, 2) {
            Type::INT2 => i64::from(n as i16),
            Type::INT4 => i64::from(n as i32),
            _ => n,
        }))
    }),
    ("pg_wrap", 2, |a| {
        let n = integer(a, 0);
        Ok(Value::Integer(match kind(a, 1) {
            Type::INT2 => i64::from(n as i16),
            Type::INT4 => i64::from(n as i32),
            _ => n,
        }))
    }),
    ("pg_zero", -1, |_| Ok(Value::Integer(0))),
];

fn shown(number: &BigDecimal) -> Value {
    Value::Text(number::show(number))
}

fn argument(what: &str, message: &'static str) -> Fault {
    let code = match what {
        "a root" | "a power" => "2201F",
        "a logarithm" => "2201E",
        _ => "22003",
    };
    Fault::new(
        SqlState::new(code).unwrap_or(SqlState::NUMERIC_VALUE_OUT_OF_RANGE),
        message,
    )
}

fn underflow() -> Fault {
    argument("", "value out of range: underflow")
}

/// SQLite has no NaN: it would become NULL.
fn float(x: f64) -> Result<Value, Fault> {
    if x.is_nan() {
        return Err(argument("", "input is out of range"));
    }
    Ok(Value::Real(x))
}

fn domain(arguments: &[ValueRef<'_>], function: fn(f64) -> f64) -> Result<Value, Fault> {
    let x = real(value(arguments, 0))?;
    let result = function(x);
    if result.is_infinite() && x.is_finite() {
        return Err(argument("", "value out of range: overflow"));
    }
    float(result)
}

fn logarithm(arguments: &[ValueRef<'_>], function: fn(f64) -> f64) -> Result<Value, Fault> {
    let x = real(value(arguments, 0))?;
    if x == 0.0 {
        return Err(argument("a logarithm", "cannot take logarithm of zero"));
    }
    if x < 0.0 {
        return Err(argument(
            "a logarithm",
            "cannot take logarithm of a negative number",
        ));
    }
    float(function(x))
}

fn rounded(
    arguments: &[ValueRef<'_>],
    floats: fn(f64) -> f64,
    numbers: fn(&BigDecimal) -> BigDecimal,
) -> Result<Value, Fault> {
    match kind(arguments, 1) {
        Type::NUMERIC => match Special::of(value(arguments, 0)) {
            Some(special) => Ok(Value::Text(special.shown().into())),
            None => Ok(shown(&numbers(&numeric(value(arguments, 0))?))),
        },
        _ => float(floats(real(value(arguments, 0))?)),
    }
}

fn fit(result: Option<i64>, kind: &Type) -> Result<Value, Fault> {
    let range = || number::out_of_range(&types::show(kind, -1));
    let n = result.ok_or_else(range)?;
    let fits = match *kind {
        Type::INT2 => i16::try_from(n).is_ok(),
        Type::INT4 => i32::try_from(n).is_ok(),
        _ => true,
    };
    if fits {
        Ok(Value::Integer(n))
    } else {
        Err(range())
    }
}

/// `pg_arith(operator, type, a, b)`.
fn arithmetic(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let op = u8::try_from(integer(arguments, 0)).unwrap_or(b'+');
    let kind = kind(arguments, 1);
    let (a, b) = (value(arguments, 2), value(arguments, 3));
    if let (ValueRef::Integer(a), ValueRef::Integer(b)) = (a, b)
        && types::is_integer(&kind)
    {
        if b == 0 && matches!(op, b'/' | b'%') {
            return Err(number::division_by_zero());
        }
        return fit(
            match op {
                b'+' => a.checked_add(b),
                b'-' => a.checked_sub(b),
                b'*' => a.checked_mul(b),
                b'/' => a.checked_div(b),
                // −1 divides everything.
                _ if b == -1 => Some(0),
                _ => a.checked_rem(b),
            },
            &kind,
        );
    }
    if kind == Type::NUMERIC {
        if let Some(result) = with_special(op.into(), a, b)? {
            return Ok(result);
        }
        let result = number::compute(op.into(), &numeric(a)?, &numeric(b)?)?;
        return Ok(shown(&result));
    }
    let (a, b) = (real(a)?, real(b)?);
    if op == b'/' && b.is_zero() {
        return Err(number::division_by_zero());
    }
    let result = match op {
        b'+' => a + b,
        b'-' => a - b,
        b'*' => a * b,
        _ => a / b,
    };
    let result = if kind == Type::FLOAT4 {
        f64::from(result as f32)
    } else {
        result
    };
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(argument("", "value out of range: overflow"));
    }
    let nothing = match op {
        b'*' => a == 0.0 || b == 0.0,
        b'/' => a == 0.0 || b.is_infinite(),
        _ => true,
    };
    if result == 0.0 && !nothing {
        return Err(underflow());
    }
    if result.is_nan() {
        return Err(Fault::unsupported("NaN"));
    }
    Ok(Value::Real(result))
}

/// An operator of `numeric` with what is no number among its operands.
fn with_special(op: char, a: ValueRef<'_>, b: ValueRef<'_>) -> Result<Option<Value>, Fault> {
    if Special::of(a).is_none() && Special::of(b).is_none() {
        return Ok(None);
    }
    let operand = |value| match Special::of(value) {
        Some(special) => Ok(Ok(special)),
        None => numeric(value).map(|n| Err(n.cmp(&BigDecimal::zero()))),
    };
    Ok(Some(
        match special::compute(op, operand(a)?, operand(b)?)? {
            Outcome::Special(special) => Value::Text(special.shown().into()),
            Outcome::Zero => Value::Text("0".into()),
            Outcome::First => shown(&numeric(a)?),
        },
    ))
}

/// What LIMIT and OFFSET take: no number below zero.
fn limit(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let n = integer(arguments, 0);
    if n >= 0 {
        return Ok(Value::Integer(n));
    }
    let offset = text(arguments, 1) == "1";
    let (code, word) = if offset {
        ("2201X", "OFFSET")
    } else {
        ("2201W", "LIMIT")
    };
    Err(Fault::new(
        SqlState::new(code).unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
        format!("{word} must not be negative"),
    ))
}

/// Used where a whole number is added to a date.
pub(super) fn days(value: ValueRef<'_>) -> Result<i64, Fault> {
    match value {
        ValueRef::Integer(n) => Ok(n),
        other => Ok(real(other)? as i64),
    }
}
