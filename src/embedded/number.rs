//! `numeric`: exact decimal numbers, kept as text.

use std::cmp::Ordering;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};

use crate::embedded::dialect::Fault;
use crate::embedded::dialect::types::precision_and_scale;
use crate::error_response::SqlState;

/// Digits before and behind the point, together: far above what anybody needs, far below what
/// would take long.
const MAX_DIGITS: u64 = 20_000;

pub(super) fn division_by_zero() -> Fault {
    Fault::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

pub(super) fn out_of_range(kind: &str) -> Fault {
    Fault::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("{kind} out of range"),
    )
}

pub(super) fn overflow() -> Fault {
    Fault::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        "value overflows numeric format",
    )
}

/// A number; the exponent is bounded before anything is computed with it.
pub(super) fn parse(text: &str) -> Result<BigDecimal, Fault> {
    let invalid = || {
        Fault::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type numeric: \"{text}\""),
        )
    };
    let trimmed = text.trim();
    let good = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    if !trimmed.chars().all(good) || !trimmed.contains(|c: char| c.is_ascii_digit()) {
        return Err(invalid());
    }
    if let Some((digits, exponent)) = trimmed.split_once(['e', 'E']) {
        let exponent: i64 = exponent.parse().map_err(|_| invalid())?;
        if exponent.unsigned_abs() > MAX_DIGITS {
            return Err(overflow());
        }
        // As in PostgreSQL, 1e3 has no digits behind the point, and 1e-3 has three.
        let number: BigDecimal = digits.parse().map_err(|_| invalid())?;
        let (unscaled, scale) = number.into_bigint_and_scale();
        let number = BigDecimal::new(unscaled, scale.saturating_sub(exponent));
        return checked(if number.fractional_digit_count() < 0 {
            number.with_scale(0)
        } else {
            number
        });
    }
    checked(trimmed.parse().map_err(|_| invalid())?)
}

fn checked(number: BigDecimal) -> Result<BigDecimal, Fault> {
    if number.digits() > MAX_DIGITS || number.fractional_digit_count().unsigned_abs() > MAX_DIGITS {
        return Err(overflow());
    }
    Ok(number)
}

pub(super) fn show(number: &BigDecimal) -> String {
    number.to_plain_string()
}

/// Whether [`show`] would write a number like that, once it fits into `numeric(precision, scale)`.
/// Most numbers that come or are kept are so, and need not be computed with.
pub(super) fn is_shown(text: &str, modifier: i32) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return false,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let all = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    if digits.len() > 1000
        || !all(whole)
        || !all(fraction)
        || whole.is_empty()
        || whole.len() > 1 && whole.starts_with('0')
        || digits.len() < text.len() && zero(whole) && zero(fraction)
    {
        return false;
    }
    let Some((precision, scale)) = precision_and_scale(modifier) else {
        return true;
    };
    let length = |part: &str| i32::try_from(part.len()).unwrap_or(i32::MAX);
    let before = if whole == "0" { 0 } else { length(whole) };
    length(fraction) == scale && before <= precision.saturating_sub(scale)
}

/// Rounds half away from zero, as PostgreSQL does.
pub(super) fn round(number: &BigDecimal, scale: i64) -> BigDecimal {
    number.with_scale_round(scale, RoundingMode::HalfUp)
}

pub(super) fn truncate(number: &BigDecimal, scale: i64) -> BigDecimal {
    number.with_scale_round(scale, RoundingMode::Down)
}

/// Fits it into `numeric(precision, scale)`.
pub(super) fn fit(number: BigDecimal, modifier: i32) -> Result<BigDecimal, Fault> {
    let Some((precision, scale)) = precision_and_scale(modifier) else {
        return Ok(number);
    };
    let number = round(&number, scale.into());
    let whole = u64::try_from(precision.saturating_sub(scale)).unwrap_or(0);
    let has = number
        .digits()
        .saturating_sub(u64::try_from(scale).unwrap_or(0));
    if !number.is_zero() && has > whole {
        return Err(Fault::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "numeric field overflow",
        )
        .with_detail(format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value less than 10^{whole}."
        )));
    }
    Ok(number)
}

pub(super) fn compute(op: char, a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal, Fault> {
    // As many digits behind the point as either has, be one of them zero.
    let scale = a.fractional_digit_count().max(b.fractional_digit_count());
    checked(match op {
        '+' => (a + b).with_scale(scale),
        '-' => (a - b).with_scale(scale),
        // A product has the digits of both, be it zero.
        '*' => {
            let scale = a.fractional_digit_count() + b.fractional_digit_count();
            (a * b).with_scale(scale)
        }
        '/' => divide(a, b)?,
        _ if b.is_zero() => return Err(division_by_zero()),
        _ => (a - &truncate(&(a / b), 0) * b).with_scale(scale),
    })
}

/// The decimal digit groups of a number as PostgreSQL keeps it: the weight of the first (base
/// 10 000) and its value.
pub(super) fn first_group(number: &BigDecimal) -> (i64, i64) {
    let (unscaled, scale) = number.as_bigint_and_scale();
    let digits = unscaled.magnitude().to_string();
    if unscaled.is_zero() {
        return (0, 0);
    }
    // Digits before the point.
    let before = i64::try_from(digits.len()).unwrap_or(i64::MAX) - scale;
    let weight = (before - 1).div_euclid(4);
    let in_group = usize::try_from(before - weight * 4).unwrap_or(1);
    let head: String = digits
        .chars()
        .chain("0000".chars())
        .take(in_group)
        .collect();
    (weight, head.parse().unwrap_or(0))
}

/// PostgreSQL's `select_div_scale`: at least 16 significant digits, and no fewer than the operands
/// show.
fn divide(a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal, Fault> {
    if b.is_zero() {
        return Err(division_by_zero());
    }
    let ((weight_a, first_a), (weight_b, first_b)) = (first_group(a), first_group(b));
    let mut weight = weight_a - weight_b;
    if first_a <= first_b {
        weight -= 1;
    }
    let scale = (16 - weight * 4)
        .max(a.fractional_digit_count())
        .max(b.fractional_digit_count())
        .clamp(0, 1000);
    // Exact to one digit more than is kept, so that rounding is right.
    let shift = scale + 1 + b.fractional_digit_count() - a.fractional_digit_count();
    let (mut numerator, _) = a.as_bigint_and_scale();
    let (denominator, _) = b.as_bigint_and_scale();
    let ten = |n: i64| BigInt::from(10).pow(u32::try_from(n).unwrap_or(0));
    let mut divisor = denominator.into_owned();
    if shift >= 0 {
        *numerator.to_mut() *= ten(shift);
    } else {
        divisor *= ten(-shift);
    }
    let quotient = BigDecimal::new(numerator.into_owned() / divisor, scale + 1);
    Ok(round(&quotient, scale))
}

/// The collation `pg_numeric`: by value; what is no number behind all numbers, but for −∞.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<BigDecimal>(), b.parse::<BigDecimal>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ if a == b => Ordering::Equal,
        _ if a == "-Infinity" => Ordering::Less,
        _ if b == "-Infinity" => Ordering::Greater,
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

/// Rounded to an integer.
pub(super) fn to_i64(number: &BigDecimal) -> Option<i64> {
    round(number, 0).to_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_shown_need_not_be_computed(
            text in "-?[0-9]{0,4}(\\.[0-9]{0,4})?",
            precision in 1..9_i32,
            scale in 0..5_i32,
            any: bool,
        ) {
            let modifier = if any { -1 } else { (precision << 16 | scale) + 4 };
            if is_shown(&text, modifier) {
                let fits = fit(parse(&text).unwrap(), modifier).unwrap();
                proptest::prop_assert_eq!(show(&fits), text);
            }
        }
    }

    #[test]
    fn numbers_as_they_are_shown_are_seen() {
        let two = (10 << 16 | 2) + 4;
        for (text, modifier, seen) in [
            ("0", -1, true),
            ("-12.50", -1, true),
            ("0.00", two, true),
            ("99999999.99", two, true),
            ("100000000.00", two, false),
            ("1.5", two, false),
            ("1", two, false),
            ("-0.00", -1, false),
            ("007", -1, false),
            ("", -1, false),
            ("-", -1, false),
            (".5", -1, false),
            ("5.", -1, false),
            ("1e3", -1, false),
            ("+1", -1, false),
            (" 1", -1, false),
            ("NaN", -1, false),
        ] {
            assert_eq!(is_shown(text, modifier), seen, "{text}");
        }
    }

    #[test]
    fn arithmetic_has_the_digits_of_postgresql() {
        let cases = [
            ("1.5", '+', "1.50", "3.00"),
            ("1.10", '*', "2.0", "2.200"),
            ("1", '/', "3", "0.33333333333333333333"),
            ("10", '/', "4", "2.5000000000000000"),
            ("1.0", '/', "8", "0.12500000000000000000"),
            ("2", '/', "3", "0.66666666666666666667"),
            ("100000", '/', "3", "33333.333333333333"),
            ("-7", '%', "3", "-1"),
            ("7.5", '%', "-2", "1.5"),
            ("0", '/', "5", "0.00000000000000000000"),
        ];
        for (a, op, b, expected) in cases {
            let result = compute(op, &parse(a).unwrap(), &parse(b).unwrap()).unwrap();
            assert_eq!(show(&result), expected, "{a} {op} {b}");
        }
        for op in ['/', '%'] {
            let error = compute(op, &parse("1").unwrap(), &parse("0.0").unwrap()).unwrap_err();
            assert_eq!(error.code.as_str(), "22012");
        }
    }

    #[test]
    fn text_is_read_exactly_or_refused() {
        for (text, shown) in [
            ("1.10", "1.10"),
            (" -0.5 ", "-0.5"),
            (".5", "0.5"),
            ("1e3", "1000"),
            ("1.5e-3", "0.0015"),
            (
                "12345678901234567890.123456789",
                "12345678901234567890.123456789",
            ),
        ] {
            assert_eq!(show(&parse(text).unwrap()), shown);
        }
        for (text, code) in [
            ("", "22P02"),
            ("abc", "22P02"),
            ("1.2.3", "22P02"),
            ("--1", "22P02"),
            ("1e", "22P02"),
            ("1e999999999", "22003"),
            ("1e-999999999999999999999", "22P02"),
        ] {
            assert_eq!(parse(text).unwrap_err().code.as_str(), code, "{text}");
        }
        let modifier = crate::embedded::dialect::types::named("numeric(4,2)")
            .unwrap()
            .modifier;
        assert_eq!(
            show(&fit(parse("12.345").unwrap(), modifier).unwrap()),
            "12.35"
        );
        assert_eq!(show(&fit(parse("0").unwrap(), modifier).unwrap()), "0.00");
        assert_eq!(
            fit(parse("99.995").unwrap(), modifier)
                .unwrap_err()
                .code
                .as_str(),
            "22003"
        );
    }
}
