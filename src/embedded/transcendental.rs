//! Roots, logarithms and powers of `numeric`, to as many digits as PostgreSQL gives (numeric.c).

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::{BigDecimal, Signed, ToPrimitive, Zero};

use crate::embedded::dialect::Fault;
use crate::embedded::number::{self, first_group, overflow};
use crate::error_response::SqlState;

/// Significant digits there are at least.
const DIGITS: i64 = 16;
const MAX_SCALE: i64 = 1000;
/// Digits that are computed and not shown.
const GUARD: i64 = 20;
/// Beyond this, e to the power of it is too large or nothing.
const MAX_EXPONENT: f64 = 6000.0;

fn fault(code: &str, message: &'static str) -> Fault {
    let code = SqlState::new(code).unwrap_or(SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
    Fault::new(code, message)
}

fn ten(n: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(n).unwrap_or(0))
}

/// The scale of a result of this decimal weight.
fn scale_of(weight: i64, operands: &[&BigDecimal]) -> i64 {
    operands
        .iter()
        .map(|n| n.fractional_digit_count())
        .fold(DIGITS.saturating_sub(weight), i64::max)
        .clamp(0, MAX_SCALE)
}

/// As an integer of units of 10⁻ˢ, cut off.
fn fixed(number: &BigDecimal, scale: i64) -> BigInt {
    number::truncate(number, scale).into_bigint_and_scale().0
}

pub(super) fn sqrt(number: &BigDecimal) -> Result<BigDecimal, Fault> {
    if number.is_negative() {
        return Err(fault(
            "2201F",
            "cannot take square root of a negative number",
        ));
    }
    let (weight, _) = first_group(number);
    let weight = ((weight + 1) * 4).div_euclid(2) - 1;
    Ok(sqrt_to(number, scale_of(weight, &[number])))
}

pub(super) fn sqrt_to(number: &BigDecimal, scale: i64) -> BigDecimal {
    let places = scale.saturating_add(1);
    let root = fixed(number, places.saturating_mul(2)).sqrt();
    number::round(&BigDecimal::new(root, places), scale)
}

/// The decimal weight of the logarithm, as PostgreSQL guesses it.
fn ln_weight(number: &BigDecimal) -> i64 {
    let tenth = |n: i64| BigDecimal::new(n.into(), 1);
    if *number >= tenth(9) && *number <= tenth(11) {
        let off = number - BigDecimal::from(1);
        if off.is_zero() {
            return 0;
        }
        let (weight, first) = first_group(&off.abs());
        return weight * 4 + (first as f64).log10() as i64;
    }
    let guess = ln_guess(number);
    guess.abs().log10() as i64
}

/// The logarithm by the first two groups of digits.
fn ln_guess(number: &BigDecimal) -> f64 {
    let (weight, _) = first_group(number);
    let leading = number::truncate(number, 4 - weight * 4);
    let digits = leading.with_scale(4 - weight * 4).into_bigint_and_scale().0;
    let digits = digits.to_f64().unwrap_or(1.0);
    digits.ln() + (weight * 4 - 4) as f64 * std::f64::consts::LN_10
}

/// 2·artanh(n/d), in units of 10⁻ᵖ.
fn twice_artanh(numerator: &BigInt, denominator: &BigInt, places: i64) -> BigInt {
    let mut power = numerator * ten(places) / denominator;
    let (n2, d2) = (numerator * numerator, denominator * denominator);
    let mut sum = BigInt::zero();
    let mut k = 1_u32;
    while !power.is_zero() {
        sum += &power / k;
        power = power * &n2 / &d2;
        k = k.saturating_add(2);
    }
    sum * 2
}

fn ln_2(places: i64) -> BigInt {
    twice_artanh(&1.into(), &3.into(), places)
}

/// The natural logarithm in units of 10⁻ᵖ, of a number above zero.
fn ln_fixed(number: &BigDecimal, places: i64) -> BigInt {
    let places_ = places.saturating_add(GUARD);
    // d·10ᵉ with d from 1 to below 10.
    let (unscaled, scale) = number.as_bigint_and_scale();
    let count = i64::try_from(unscaled.magnitude().to_string().len()).unwrap_or(1);
    let exponent = count - 1 - scale;
    let mut digit = fixed(&BigDecimal::new(unscaled.into_owned(), count - 1), places_);
    let unit = ten(places_);
    let mut halved = 0_u32;
    while &digit * 10 > &unit * 14 {
        digit /= 2;
        halved = halved.saturating_add(1);
    }
    let mut sum = twice_artanh(&(&digit - &unit), &(&digit + &unit), places_);
    let two = ln_2(places_);
    sum += &two * halved;
    // ln 10 = 3 ln 2 + ln 1.25
    let ten_ = two * 3 + twice_artanh(&1.into(), &9.into(), places_);
    sum += ten_ * exponent;
    sum / ten(GUARD)
}

fn check_logarithm(number: &BigDecimal) -> Result<(), Fault> {
    match number.sign() {
        Sign::Plus => Ok(()),
        Sign::NoSign => Err(fault("2201E", "cannot take logarithm of zero")),
        Sign::Minus => Err(fault("2201E", "cannot take logarithm of a negative number")),
    }
}

pub(super) fn ln(number: &BigDecimal) -> Result<BigDecimal, Fault> {
    check_logarithm(number)?;
    let scale = scale_of(ln_weight(number), &[number]);
    let places = scale.saturating_add(GUARD);
    Ok(number::round(
        &BigDecimal::new(ln_fixed(number, places), places),
        scale,
    ))
}

pub(super) fn log(base: &BigDecimal, number: &BigDecimal) -> Result<BigDecimal, Fault> {
    check_logarithm(base)?;
    check_logarithm(number)?;
    let (base_weight, weight) = (ln_weight(base), ln_weight(number));
    let scale = scale_of(weight - base_weight, &[base, number]);
    // The nearer the base is to 1, the more of its digits are needed.
    let places = scale
        .saturating_add(GUARD)
        .saturating_add(base_weight.abs().saturating_mul(2))
        .saturating_add(weight.abs());
    let below = ln_fixed(base, places);
    if below.is_zero() {
        return Err(number::division_by_zero());
    }
    let quotient = ln_fixed(number, places) * ten(scale.saturating_add(1)) / below;
    Ok(number::round(
        &BigDecimal::new(quotient, scale.saturating_add(1)),
        scale,
    ))
}

/// e to the power of a number in units of 10⁻ᵖ, in those units.
fn exp_fixed(number: &BigInt, places: i64, whole_digits: i64) -> BigInt {
    let places_ = places.saturating_add(whole_digits).saturating_add(GUARD);
    let number = number * ten(places_.saturating_sub(places));
    let two = ln_2(places_);
    // So many times 2, and what is left of less than ln 2.
    let times = &number / &two;
    let rest = number - &two * &times;
    const HALVED: u32 = 8;
    let small = rest >> HALVED;
    let unit = ten(places_);
    let (mut sum, mut term) = (unit.clone(), unit.clone());
    let mut k = 1_u32;
    while !term.is_zero() {
        term = term * &small / &unit / k;
        sum += &term;
        k = k.saturating_add(1);
    }
    for _ in 0..HALVED {
        sum = &sum * &sum / &unit;
    }
    let times = times.to_i64().unwrap_or(0);
    let shift = usize::try_from(times.unsigned_abs()).unwrap_or(0);
    let sum = if times < 0 {
        sum >> shift
    } else {
        sum << shift
    };
    sum / ten(places_.saturating_sub(places))
}

pub(super) fn exp(number: &BigDecimal) -> Result<BigDecimal, Fault> {
    let value = number.to_f64().unwrap_or(f64::MAX);
    let weight = (value * std::f64::consts::LOG10_E).clamp(-2000.0, 2000.0) as i64;
    let scale = scale_of(weight, &[number]);
    match exp_to(number, value, scale)? {
        Some(result) => Ok(result),
        None => Ok(BigDecimal::new(BigInt::zero(), scale)),
    }
}

/// To this scale; `None` if nothing is left.
fn exp_to(number: &BigDecimal, value: f64, scale: i64) -> Result<Option<BigDecimal>, Fault> {
    if value.abs() >= MAX_EXPONENT {
        return if value > 0.0 {
            Err(overflow())
        } else {
            Ok(None)
        };
    }
    let digits = (value * std::f64::consts::LOG10_E).max(0.0) as i64 + 1;
    let places = scale.saturating_add(digits).saturating_add(GUARD);
    let result = exp_fixed(&fixed(number, places), places, digits);
    Ok(Some(number::round(&BigDecimal::new(result, places), scale)))
}

pub(super) fn power(base: &BigDecimal, exponent: &BigDecimal) -> Result<BigDecimal, Fault> {
    let whole = number::truncate(exponent, 0) == *exponent;
    if base.is_zero() && exponent.is_negative() {
        return Err(fault(
            "2201F",
            "zero raised to a negative power is undefined",
        ));
    }
    if base.is_negative() && !whole {
        return Err(fault(
            "2201F",
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    if base.is_zero() {
        let one = i64::from(exponent.is_zero());
        let scale = if whole { scale_of(0, &[base]) } else { DIGITS };
        return Ok(BigDecimal::from(one).with_scale(scale));
    }
    let size = base.abs();
    let value = exponent.to_f64().unwrap_or(0.0) * ln_exact(&size);
    let weight = (value * std::f64::consts::LOG10_E).clamp(-2000.0, 2000.0) as i64;
    let small = exponent.to_i32().filter(|_| whole);
    // A whole exponent does not lessen the scale.
    let scale = if small.is_some() {
        scale_of(0, &[base])
    } else {
        scale_of(weight, &[base, exponent])
    };
    if value.abs() >= MAX_EXPONENT * 1.003 {
        return if value > 0.0 {
            Err(overflow())
        } else {
            Ok(BigDecimal::new(BigInt::zero(), MAX_SCALE))
        };
    }
    // Exactly, if that is no long number.
    if let Some(n) = small
        && i64::from(n.unsigned_abs())
            .saturating_mul(i64::try_from(base.digits()).unwrap_or(i64::MAX))
            < 5000
    {
        let (unscaled, places) = base.as_bigint_and_scale();
        let result = BigDecimal::new(
            unscaled.pow(n.unsigned_abs()),
            places.saturating_mul(i64::from(n.unsigned_abs())),
        );
        if n >= 0 {
            return Ok(number::round(&result, scale));
        }
        let (below, below_scale) = result.into_bigint_and_scale();
        let quotient = ten((scale + 1 + below_scale).max(0)) / below;
        let quotient = BigDecimal::new(quotient, (scale + 1 + below_scale).max(0) - below_scale);
        return Ok(number::round(&quotient, scale));
    }
    let digits = (value.abs() * std::f64::consts::LOG10_E) as i64 + 8;
    let places = scale.saturating_add(digits).saturating_add(GUARD);
    let product = BigDecimal::new(
        ln_fixed(&size, places.saturating_add(GUARD)),
        places.saturating_add(GUARD),
    ) * exponent;
    let result = exp_to(
        &product,
        value.clamp(1.0 - MAX_EXPONENT, MAX_EXPONENT - 1.0),
        scale,
    )?
    .unwrap_or_default();
    let odd = whole
        && (number::truncate(exponent, 0)
            .into_bigint_and_scale()
            .0
            .bit(0));
    Ok(if base.is_negative() && odd {
        -result
    } else {
        result
    })
}

/// The logarithm as precisely as a float has it.
fn ln_exact(number: &BigDecimal) -> f64 {
    let weight = ln_weight(number);
    let places = (20 - weight).clamp(0, MAX_SCALE);
    BigDecimal::new(ln_fixed(number, places), places)
        .to_f64()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_postgresql() {
        let n = |text: &str| number::parse(text).unwrap();
        for (got, expected) in [
            (sqrt(&n("2.0")), "1.414213562373095"),
            (exp(&n("1.0")), "2.7182818284590452"),
            (ln(&n("2.0")), "0.6931471805599453"),
            (log(&n("2"), &n("64.0")), "6.0000000000000000"),
            (log(&n("2"), &n("10")), "3.3219280948873623"),
            (log(&n("0.5"), &n("7.25")), "-2.8579809951275721"),
            (log(&n("1.5"), &n("1.01")), "0.024540535434959476"),
            (power(&n("2.0"), &n("0.5")), "1.4142135623730950"),
            (power(&n("2.0"), &n("3")), "8.0000000000000000"),
            (power(&n("2.5"), &n("-2")), "0.1600000000000000"),
        ] {
            assert_eq!(number::show(&got.unwrap()), expected);
        }
        for (got, code) in [
            (sqrt(&n("-1")), "2201F"),
            (ln(&n("0")), "2201E"),
            (ln(&n("-1")), "2201E"),
            (log(&n("1"), &n("5")), "22012"),
            (power(&n("0"), &n("-1")), "2201F"),
            (power(&n("-2"), &n("0.5")), "2201F"),
            (exp(&n("7000")), "22003"),
        ] {
            assert_eq!(got.unwrap_err().code.as_str(), code);
        }
    }
}
