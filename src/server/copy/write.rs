//! COPY TO STDOUT: rows as CopyData.

use jiff::tz::TimeZone;

use crate::error_response::ErrorResponse;
use crate::server::copy::options::{CopyFormat, CopyOptions};
use crate::server::format::{self, Format, Kind};
use crate::server::rows::{Column, put_field};
use crate::server::value::Value;

/// PostgreSQL docs, "COPY", Binary Format: signature, flags, length of the extension.
pub(super) const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// What stands before the first row.
pub(crate) fn head(out: &mut Vec<u8>, options: &CopyOptions, columns: &[Column]) {
    match options.format {
        CopyFormat::Binary => {
            out.extend_from_slice(SIGNATURE);
            out.extend_from_slice(&[0; 8]);
        }
        CopyFormat::Text | CopyFormat::Csv if options.header => {
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    out.push(options.delimiter);
                }
                let start = out.len();
                out.extend_from_slice(column.name().as_bytes());
                escape(out, start, options, columns.len() == 1);
            }
            out.push(b'\n');
        }
        CopyFormat::Text | CopyFormat::Csv => {}
    }
}

/// What stands behind the last row.
pub(crate) fn tail(out: &mut Vec<u8>, format: CopyFormat) {
    if format == CopyFormat::Binary {
        out.extend_from_slice(&(-1_i16).to_be_bytes());
    }
}

/// Appends one value of a row of `count`; `first` is its first.
pub(crate) fn put(
    out: &mut Vec<u8>,
    options: &CopyOptions,
    kind: Kind,
    value: &Value<'_>,
    zone: Option<&TimeZone>,
    place: (bool, usize),
) -> Result<(), ErrorResponse> {
    let (first, count) = place;
    if options.format == CopyFormat::Binary {
        return put_field(out, kind, Format::Binary, value, zone);
    }
    if !first {
        out.push(options.delimiter);
    }
    if value.is_null() {
        out.extend_from_slice(options.null.as_bytes());
        return Ok(());
    }
    let start = out.len();
    format::put(out, kind, Format::Text, value, zone)?;
    escape(out, start, options, count == 1);
    Ok(())
}

/// Escapes or quotes what stands from `start` on, where there is need.
fn escape(out: &mut Vec<u8>, start: usize, options: &CopyOptions, alone: bool) {
    let text = out.get(start..).unwrap_or_default();
    let special = |b: u8| match options.format {
        CopyFormat::Csv => b == options.delimiter || b == options.quote || b == b'\n' || b == b'\r',
        _ => b == options.delimiter || b == b'\\' || (0x08..=0x0d).contains(&b),
    };
    let csv = options.format == CopyFormat::Csv;
    let mistakable = csv && (text == options.null.as_bytes() || (alone && text == b"\\."));
    if !mistakable && !text.iter().copied().any(special) {
        return;
    }
    let text = out.split_off(start);
    if csv {
        out.push(options.quote);
        for byte in text {
            if byte == options.quote || byte == options.escape {
                out.push(options.escape);
            }
            out.push(byte);
        }
        out.push(options.quote);
        return;
    }
    for byte in text {
        let letter = match byte {
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            other => other,
        };
        if special(byte) {
            out.push(b'\\');
            out.push(letter);
        } else {
            out.push(byte);
        }
    }
}
