//! `bytea` and text: encodings, bytes.

use postgres_types::Type;
use rusqlite::types::{Value, ValueRef};

use crate::embedded::convert;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::text::owned;
use crate::embedded::functions::{Table, text, value};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[("pg_decode", 2, decode), ("pg_encode", 2, encode)];

fn encode(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let ValueRef::Blob(bytes) = value(arguments, 0) else {
        return Ok(Value::Null);
    };
    let format = text(arguments, 1).to_lowercase();
    owned(match format.as_str() {
        "hex" => convert::hex_digits(bytes),
        "escape" => bytes
            .iter()
            .map(|b| match b {
                b'\\' => "\\\\".to_owned(),
                0x20..=0x7e => char::from(*b).to_string(),
                b => format!("\\{b:03o}"),
            })
            .collect(),
        "base64" => base64(bytes),
        _ => return Err(unknown_encoding(&format)),
    })
}

fn unknown_encoding(format: &str) -> Fault {
    Fault::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unrecognized encoding: \"{format}\""),
    )
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With line breaks after 76 characters, as PostgreSQL writes it.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (i, chunk) in bytes.chunks(3).enumerate() {
        if i > 0 && i % 19 == 0 {
            out.push('\n');
        }
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4_usize {
            if n <= chunk.len() {
                let digit = bits >> (18 - 6 * n) & 63;
                let digit = DIGITS.get(usize::try_from(digit).unwrap_or(0));
                out.push(digit.map_or('A', |d| char::from(*d)));
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn decode(arguments: &[ValueRef<'_>]) -> Result<Value, Fault> {
    let input = text(arguments, 0);
    let format = text(arguments, 1).to_lowercase();
    match format.as_str() {
        "hex" => convert::parse(&format!("\\x{input}"), &Type::BYTEA.into()),
        "escape" => convert::parse(&input, &Type::BYTEA.into()),
        "base64" => {
            let mut out = Vec::new();
            let (mut bits, mut count) = (0_u32, 0_u32);
            for c in input
                .bytes()
                .filter(|b| !b.is_ascii_whitespace() && *b != b'=')
            {
                let digit = DIGITS.iter().position(|d| *d == c).ok_or_else(|| {
                    Fault::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "invalid symbol \"{}\" found while decoding base64 sequence",
                            char::from(c)
                        ),
                    )
                })?;
                bits = bits << 6 | u32::try_from(digit).unwrap_or(0);
                count += 6;
                if count >= 8 {
                    count -= 8;
                    out.push(u8::try_from(bits >> count & 0xff).unwrap_or(0));
                }
            }
            Ok(Value::Blob(out))
        }
        _ => Err(unknown_encoding(&format)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_its_padding_and_lines() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foo"), "Zm9v");
        assert_eq!(base64(&[0; 58]).lines().next().unwrap().len(), 76);
    }
}
