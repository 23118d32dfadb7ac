//! Hashes, and single bits and bytes of `bytea`.

use md5::{Digest, Md5};
use rusqlite::types::{Value, ValueRef};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::embedded::convert;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::text::stretch;
use crate::embedded::functions::{Table, integer, text, value};
use crate::error_response::SqlState;

pub(super) const FUNCTIONS: Table = &[
    ("pg_md5", 1, |a| {
        let hash = Md5::digest(bytes(value(a, 0)));
        Ok(Value::Text(convert::hex_digits(&hash)))
    }),
    ("pg_sha224", 1, |a| {
        Ok(Value::Blob(Sha224::digest(bytes(value(a, 0))).to_vec()))
    }),
    ("pg_sha256", 1, |a| {
        Ok(Value::Blob(Sha256::digest(bytes(value(a, 0))).to_vec()))
    }),
    ("pg_sha384", 1, |a| {
        Ok(Value::Blob(Sha384::digest(bytes(value(a, 0))).to_vec()))
    }),
    ("pg_sha512", 1, |a| {
        Ok(Value::Blob(Sha512::digest(bytes(value(a, 0))).to_vec()))
    }),
    ("pg_bit_length", 1, |a| {
        let bits = bytes(value(a, 0)).len().saturating_mul(8);
        Ok(Value::Integer(i64::try_from(bits).unwrap_or(i64::MAX)))
    }),
    ("pg_bit_count", 1, |a| {
        let bits: i64 = bytes(value(a, 0))
            .iter()
            .map(|b| i64::from(b.count_ones()))
            .sum();
        Ok(Value::Integer(bits))
    }),
    ("pg_convert_from", 2, |a| {
        only_utf8(&text(a, 1), "source")?;
        let bytes = bytes(value(a, 0));
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(Value::Text(text.to_owned())),
            Ok(_) => Err(not_utf8(b"\0")),
            Err(error) => {
                let bad = bytes.get(error.valid_up_to()..).unwrap_or_default();
                // PostgreSQL shows what the first byte promises to be a character.
                let length = match bad.first() {
                    Some(0xc0..=0xdf) => 2,
                    Some(0xe0..=0xef) => 3,
                    Some(0xf0..=0xf7) => 4,
                    _ => 1,
                };
                Err(not_utf8(bad.get(..length).unwrap_or(bad)))
            }
        }
    }),
    ("pg_convert_to", 2, |a| {
        only_utf8(&text(a, 1), "destination")?;
        Ok(Value::Blob(bytes(value(a, 0)).to_vec()))
    }),
    ("pg_get_byte", 2, |a| {
        let bytes = bytes(value(a, 0));
        let at = index(integer(a, 1), bytes.len())?;
        Ok(Value::Integer(bytes.get(at).copied().unwrap_or(0).into()))
    }),
    ("pg_set_byte", 3, |a| {
        let mut bytes = bytes(value(a, 0)).to_vec();
        let at = index(integer(a, 1), bytes.len())?;
        if let Some(byte) = bytes.get_mut(at) {
            *byte = integer(a, 2) as u8;
        }
        Ok(Value::Blob(bytes))
    }),
    ("pg_get_bit", 2, |a| {
        let bytes = bytes(value(a, 0));
        let at = index(integer(a, 1), bytes.len().saturating_mul(8))?;
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        Ok(Value::Integer((byte >> (at % 8) & 1).into()))
    }),
    ("pg_set_bit", 3, |a| {
        let mut bytes = bytes(value(a, 0)).to_vec();
        let at = index(integer(a, 1), bytes.len().saturating_mul(8))?;
        let bit = match integer(a, 2) {
            0 => 0,
            1 => 1,
            _ => {
                return Err(Fault::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "new bit must be 0 or 1",
                ));
            }
        };
        if let Some(byte) = bytes.get_mut(at / 8) {
            *byte = *byte & !(1 << (at % 8)) | bit << (at % 8);
        }
        Ok(Value::Blob(bytes))
    }),
    // Of bytes, from 1.
    ("pg_substr_bytes", -1, |a| {
        let bytes = bytes(value(a, 0));
        let (from, count) = stretch(a)?;
        Ok(Value::Blob(
            bytes.iter().skip(from).take(count).copied().collect(),
        ))
    }),
];

fn bytes<'v>(value: ValueRef<'v>) -> &'v [u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

fn index(at: i64, count: usize) -> Result<usize, Fault> {
    usize::try_from(at)
        .ok()
        .filter(|at| *at < count)
        .ok_or_else(|| {
            let last = i64::try_from(count).unwrap_or(i64::MAX).saturating_sub(1);
            Fault::new(
                SqlState::new("2202E").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
                format!("index {at} out of valid range, 0..{last}"),
            )
        })
}

/// The server's encoding is the only one there is.
fn only_utf8(name: &str, which: &str) -> Result<(), Fault> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match plain.as_str() {
        "utf8" | "unicode" => Ok(()),
        // PostgreSQL's other encodings begin like this.
        _ if [
            "latin", "win", "iso8859", "koi", "euc", "sjis", "big5", "gb", "sqlascii", "mule",
        ]
        .iter()
        .any(|known| plain.starts_with(known)) =>
        {
            Err(Fault::unsupported(format!("the encoding {name}")))
        }
        _ => Err(Fault::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid {which} encoding name \"{name}\""),
        )),
    }
}

fn not_utf8(bytes: &[u8]) -> Fault {
    let shown: Vec<String> = bytes.iter().map(|b| format!("0x{b:02x}")).collect();
    Fault::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!(
            "invalid byte sequence for encoding \"UTF8\": {}",
            shown.join(" ")
        ),
    )
}
