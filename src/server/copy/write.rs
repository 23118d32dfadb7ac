//! COPY TO STDOUT: rows as CopyData.

use jiff::tz::TimeZone;

use crate::error_response::ErrorResponse;
use crate::server::copy::options::{CopyFormat, CopyOptions};
use crate::server::format::{self, Format, Kind};
use crate::server::rows::{Column, put_field};
use crate::server::scan::has_none;
#[cfg(feature = "sqlite")]
use crate::server::scan::lossy;
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

/// As [`put`], of text and not in the binary format.
#[cfg(feature = "sqlite")]
pub(crate) fn put_plain(
    out: &mut Vec<u8>,
    options: &CopyOptions,
    text: &[u8],
    (first, count): (bool, usize),
) {
    if !first {
        out.push(options.delimiter);
    }
    let start = out.len();
    out.extend_from_slice(text);
    escape(out, start, options, count == 1);
}

/// As [`put_plain`], of what need not be UTF-8.
#[cfg(feature = "sqlite")]
#[inline]
pub(crate) fn put_text(
    out: &mut Vec<u8>,
    options: &CopyOptions,
    text: &[u8],
    place: (bool, usize),
) {
    // Most texts are ASCII with nothing to be escaped. Not all control characters are, but to look
    // for those that are takes twice as long.
    let plain = options.format == CopyFormat::Text
        && has_none(text, |b| b == b'\\' || !(0x10..0x80).contains(&b))
        && (options.delimiter < 0x10 || !text.contains(&options.delimiter));
    if !plain {
        return put_plain(out, options, &lossy(text), place);
    }
    if !place.0 {
        out.push(options.delimiter);
    }
    out.extend_from_slice(text);
}

/// Whether a value of such characters may have to be escaped or quoted.
pub(crate) fn may_escape(options: &CopyOptions, characters: &[u8]) -> bool {
    let marks = [options.delimiter, options.quote];
    options.format == CopyFormat::Binary
        || characters.iter().any(|c| marks.contains(c))
        || options.null.bytes().any(|b| characters.contains(&b))
}

/// Escapes or quotes what stands from `start` on, where there is need.
fn escape(out: &mut Vec<u8>, start: usize, options: &CopyOptions, alone: bool) {
    let text = out.get(start..).unwrap_or_default();
    let (delimiter, quote) = (options.delimiter, options.quote);
    let special = |b: u8| b == delimiter || b == b'\\' || (0x08..=0x0d).contains(&b);
    let quoted = |b: u8| b == delimiter || b == quote || b == b'\n' || b == b'\r';
    let csv = options.format == CopyFormat::Csv;
    let plain = if csv {
        let mistakable = text == options.null.as_bytes() || (alone && text == b"\\.");
        !mistakable && has_none(text, quoted)
    } else {
        has_none(text, special)
    };
    if plain {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_seen_wherever_it_stands() {
        let cases = [
            ("", "\t", "\\t"),
            ("", "\\", "\\\\"),
            ("", "\u{8}", "\\b"),
            ("", "\r", "\\r"),
            ("delimiter ;", ";", "\\;"),
            ("format csv", ",", ","),
            ("format csv", "\n", "\n"),
            ("format csv", "\"", "\"\""),
            ("format csv, delimiter ;", ";", ";"),
        ];
        for (written, special, escaped) in cases {
            let options = CopyOptions::parse(
                written
                    .split_terminator(',')
                    .filter_map(|o| o.trim().split_once(' '))
                    .map(|(name, value)| (name, Some(value))),
            )
            .unwrap();
            for at in 0..200 {
                let (before, behind) = ("x".repeat(at), "y".repeat(199 - at));
                let text = format!("{before}{special}{behind}");
                let mut out = format!("|{text}").into_bytes();
                escape(&mut out, 1, &options, true);
                let quote = if written.starts_with("format csv") {
                    "\""
                } else {
                    ""
                };
                let expected = format!("|{quote}{before}{escaped}{behind}{quote}");
                assert_eq!(String::from_utf8(out).unwrap(), expected);
                #[cfg(feature = "sqlite")]
                for first in [true, false] {
                    let mut expected = expected.clone();
                    let delimiter = char::from(options.delimiter).to_string();
                    expected.replace_range(..1, if first { "" } else { &delimiter });
                    let mut out = Vec::new();
                    put_text(&mut out, &options, text.as_bytes(), (first, 2));
                    assert_eq!(String::from_utf8(out).unwrap(), expected);
                }
            }
            let mut plain = b"|nothing of that kind, though it is long: ".repeat(5);
            plain.retain(|b| !b",;".contains(b));
            let before = plain.clone();
            escape(&mut plain, 1, &options, true);
            assert_eq!(plain, before);
        }
    }
}
