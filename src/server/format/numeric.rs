//! numeric: decimal text and the binary form in digits of base 10000 (PostgreSQL's
//! `numeric_send`).

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::format::invalid;
use crate::wire::{Malformed, Reader};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;
/// Digits after the point that PostgreSQL keeps (`NUMERIC_DSCALE_MAX`).
const MAX_SCALE: usize = 16_383;
/// Digits before the point (PostgreSQL docs, "Numeric Types").
const MAX_WHOLE: usize = 131_072;

/// A decimal number taken apart, not yet rounded or shifted.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

fn special(text: &str) -> Option<u16> {
    let (sign, word) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        _ => (false, text),
    };
    if word.eq_ignore_ascii_case("nan") && word.len() == text.len() {
        Some(NAN)
    } else if word.eq_ignore_ascii_case("infinity") || word.eq_ignore_ascii_case("inf") {
        Some(if sign { NEGATIVE_INFINITY } else { INFINITY })
    } else {
        None
    }
}

fn split(text: &str) -> Option<Decimal<'_>> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let good = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    good.then_some(Decimal {
        negative,
        whole,
        fraction,
        exponent,
    })
}

/// Whether it is a number as PostgreSQL reads one.
pub(super) fn check(text: &str) -> Result<(), ErrorResponse> {
    if special(text).is_some() || split(text).is_some() {
        Ok(())
    } else {
        Err(invalid("numeric", text))
    }
}

/// Appends the binary form of a decimal number.
pub(super) fn put_binary(out: &mut Vec<u8>, text: &str) -> Result<(), ErrorResponse> {
    if let Some(sign) = special(text) {
        put_head(out, 0, 0, sign, 0);
        return Ok(());
    }
    let number = split(text).ok_or_else(|| invalid("numeric", text))?;
    let exponent = number.exponent;
    let point = i64::try_from(number.whole.len()).unwrap_or(i64::MAX) + i64::from(exponent);
    let scale = i64::try_from(number.fraction.len()).unwrap_or(i64::MAX) - i64::from(exponent);
    let scale = usize::try_from(scale.max(0)).unwrap_or(usize::MAX);
    if point > MAX_WHOLE as i64 || scale > MAX_SCALE {
        return Err(ErrorResponse::error(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "value overflows numeric format",
        ));
    }
    // Digit `i` counts 10^(point-1-i); groups of four begin where the power is 3 mod 4.
    let lead = (4 - point.rem_euclid(4)) % 4;
    let mut weight = (point + lead) / 4 - 1;
    let head_at = out.len();
    put_head(out, 0, 0, 0, 0);
    let start = out.len();
    let (mut group, mut filled) = (0_i16, lead);
    let all = number.whole.bytes().chain(number.fraction.bytes());
    let mut any = false;
    for digit in all {
        group = group * 10 + i16::from(digit - b'0');
        filled += 1;
        if filled == 4 {
            if any || group != 0 {
                out.extend_from_slice(&group.to_be_bytes());
                any = true;
            } else {
                weight -= 1;
            }
            (group, filled) = (0, 0);
        }
    }
    if filled > 0 && group != 0 {
        for _ in filled..4 {
            group *= 10;
        }
        out.extend_from_slice(&group.to_be_bytes());
        any = true;
    }
    while out.len() > start && out.ends_with(&[0, 0]) {
        out.truncate(out.len() - 2);
    }
    let count = (out.len() - start) / 2;
    let sign = if number.negative && any { NEGATIVE } else { 0 };
    let weight = if any { weight } else { 0 };
    let mut head = Vec::with_capacity(8);
    put_head(
        &mut head,
        i16::try_from(count).unwrap_or(i16::MAX),
        i16::try_from(weight).unwrap_or(0),
        sign,
        u16::try_from(scale).unwrap_or(0),
    );
    if let Some(place) = out.get_mut(head_at..start) {
        place.copy_from_slice(&head);
    }
    Ok(())
}

fn put_head(out: &mut Vec<u8>, count: i16, weight: i16, sign: u16, scale: u16) {
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
}

/// Reads the binary form. `None`: it has not that form.
pub(super) fn get_binary(bytes: &[u8]) -> Option<String> {
    let mut reader = Reader::new(bytes);
    let number = read(&mut reader).ok()?;
    reader.finish().ok()?;
    number
}

fn read(reader: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
    let count = u16::from_be_bytes(reader.array()?);
    let weight = i32::from(i16::from_be_bytes(reader.array()?));
    let sign = u16::from_be_bytes(reader.array()?);
    let scale = usize::from(u16::from_be_bytes(reader.array()?));
    let special = match sign {
        0 | NEGATIVE => None,
        NAN => Some("NaN"),
        INFINITY => Some("Infinity"),
        NEGATIVE_INFINITY => Some("-Infinity"),
        _ => return Ok(None),
    };
    if let Some(word) = special {
        return Ok((count == 0).then(|| word.to_owned()));
    }
    if scale > MAX_SCALE {
        return Ok(None);
    }
    let mut digits = Vec::with_capacity(usize::from(count).min(1024));
    for _ in 0..count {
        let digit = u16::from_be_bytes(reader.array()?);
        if digit > 9999 {
            return Ok(None);
        }
        digits.push(digit);
    }
    let mut text = String::new();
    if sign == NEGATIVE {
        text.push('-');
    }
    let at = |weight_of: i32| {
        usize::try_from(weight - weight_of)
            .ok()
            .and_then(|i| digits.get(i).copied())
            .unwrap_or(0)
    };
    if weight < 0 {
        text.push('0');
    } else {
        text.push_str(&at(weight).to_string());
        for w in (0..weight).rev() {
            text.push_str(&format!("{:04}", at(w)));
        }
    }
    if scale > 0 {
        text.push('.');
        let whole = text.len();
        let mut w = -1;
        while text.len() - whole < scale {
            text.push_str(&format!("{:04}", at(w)));
            w -= 1;
        }
        text.truncate(whole + scale);
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round(text: &str) -> String {
        let mut out = Vec::new();
        put_binary(&mut out, text).unwrap();
        get_binary(&out).unwrap()
    }

    /// Seen from PostgreSQL's `numeric_send`.
    #[test]
    fn bytes_are_postgresqls() {
        let cases: &[(&str, &[u8])] = &[
            ("0", b"\0\0\0\0\0\0\0\0"),
            ("-0.00", b"\0\0\0\0\0\0\0\x02"),
            ("1", b"\0\x01\0\0\0\0\0\0\0\x01"),
            (
                "-12345.678",
                b"\0\x03\0\x01\x40\0\0\x03\0\x01\x09\x29\x1a\x7c",
            ),
            ("10000", b"\0\x01\0\x01\0\0\0\0\0\x01"),
            ("0.0001", b"\0\x01\xff\xff\0\0\0\x04\0\x01"),
            ("0.1", b"\0\x01\xff\xff\0\0\0\x01\x03\xe8"),
            ("NaN", b"\0\0\0\0\xc0\0\0\0"),
            ("-Infinity", b"\0\0\0\0\xf0\0\0\0"),
            ("1e4", b"\0\x01\0\x01\0\0\0\0\0\x01"),
        ];
        for (text, bytes) in cases {
            let mut out = Vec::new();
            put_binary(&mut out, text).unwrap();
            assert_eq!(out, *bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bad in [
            "",
            "-",
            ".",
            "1.2.3",
            "1e",
            "e5",
            "0x1",
            "1 ",
            "--1",
            "-nan",
            "1e99999999999",
        ] {
            assert_eq!(check(bad).unwrap_err().code().as_str(), "22P02", "{bad}");
        }
        for huge in ["1e2147483647", "1e-2147483648"] {
            let error = put_binary(&mut Vec::new(), huge).unwrap_err();
            assert_eq!(error.code().as_str(), "22003");
        }
        for bytes in [
            &b""[..],
            b"\0\x01\0\0\0\0\0\0",
            b"\0\x01\0\0\0\0\0\0\x27\x10",
            b"\0\0\0\0\x12\x34\0\0",
            b"\0\0\0\0\0\0\0\0\0",
            b"\0\0\0\0\0\0\xff\xff",
        ] {
            assert_eq!(get_binary(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn plain_decimals_come_back_as_they_were(text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?") {
            let zero = text.bytes().all(|b| !(b'1'..=b'9').contains(&b));
            let expected = if zero { text.trim_start_matches('-') } else { &text };
            prop_assert_eq!(round(&text), expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            get_binary(&bytes);
        }
    }
}
