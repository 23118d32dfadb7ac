//! Lines of the text format.

use crate::error_response::ErrorResponse;
use crate::server::copy::read::{Decoder, bad, extra};
use crate::server::format;

impl Decoder {
    /// Takes a line apart.
    pub(super) fn text(&mut self, line: &str) -> Result<(), ErrorResponse> {
        if self.frame.columns.is_empty() {
            return extra(line.is_empty());
        }
        let columns = self.frame.columns.len();
        let mut rest = line.as_bytes();
        let mut count = 0_usize;
        loop {
            let mut end = None;
            let mut escapes = false;
            let mut bytes = rest.iter().enumerate();
            while let Some((at, byte)) = bytes.next() {
                match *byte {
                    b if b == self.options.delimiter => {
                        end = Some(at);
                        break;
                    }
                    b'\\' => {
                        escapes = true;
                        bytes.next();
                    }
                    b'\r' => {
                        return Err(bad("literal carriage return found in data")
                            .with_hint("Use \"\\r\" to represent carriage return."));
                    }
                    _ => {}
                }
            }
            let (field, tail) = match end {
                Some(end) => (
                    rest.get(..end).unwrap_or_default(),
                    rest.get(end.saturating_add(1)..),
                ),
                None => (rest, None),
            };
            if count == columns {
                return extra(false);
            }
            count = count.saturating_add(1);
            if field == self.options.null.as_bytes() {
                self.rows.fields.push(None);
            } else {
                let start = self.rows.bytes.len();
                if escapes {
                    unescape(&mut self.rows.bytes, field);
                    let unescaped = self.rows.bytes.get(start..).unwrap_or_default();
                    format::utf8(unescaped)?;
                } else {
                    self.rows.bytes.extend_from_slice(field);
                }
                self.field(start)?;
            }
            match tail {
                Some(tail) => rest = tail,
                None => break,
            }
        }
        self.missing(count)
    }
}

/// The backslash escapes of the text format.
fn unescape(out: &mut Vec<u8>, field: &[u8]) {
    let mut bytes = field.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(letter) = bytes.next() else {
            out.push(b'\\');
            break;
        };
        let mut digits = |most: usize, radix: u32, first: u32| {
            let mut value = first;
            for _ in 0..most {
                let next = bytes.peek().and_then(|b| char::from(*b).to_digit(radix));
                let Some(digit) = next else { break };
                value = value.wrapping_mul(radix).wrapping_add(digit);
                bytes.next();
            }
            // As PostgreSQL: what is too large loses its high bits.
            u8::try_from(value & 0xff).unwrap_or(0)
        };
        out.push(match letter {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'0'..=b'7' => digits(2, 8, u32::from(letter - b'0')),
            b'x' => match bytes.peek() {
                Some(next) if next.is_ascii_hexdigit() => {
                    let mut value = 0_u32;
                    for _ in 0..2 {
                        let next = bytes.peek().and_then(|b| char::from(*b).to_digit(16));
                        let Some(digit) = next else { break };
                        value = value.wrapping_mul(16).wrapping_add(digit);
                        bytes.next();
                    }
                    u8::try_from(value & 0xff).unwrap_or(0)
                }
                _ => b'x',
            },
            other => other,
        });
    }
}
