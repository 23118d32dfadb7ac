//! Lines of the CSV format.

use crate::error_response::ErrorResponse;
use crate::server::copy::options::CopyOptions;
use crate::server::copy::read::{Decoder, bad, extra};

impl Decoder {
    /// Takes a line apart, which may have newlines within quotes.
    pub(super) fn csv(&mut self, line: &str) -> Result<(), ErrorResponse> {
        if self.frame.columns.is_empty() {
            return extra(line.is_empty());
        }
        let columns = self.frame.columns.len();
        let CopyOptions {
            delimiter,
            quote,
            escape,
            ..
        } = self.options;
        let mut bytes = line.bytes().peekable();
        let mut count = 0_usize;
        loop {
            if count == columns {
                return extra(false);
            }
            count = count.saturating_add(1);
            let start = self.rows.bytes.len();
            let (mut inside, mut was_quoted, mut more) = (false, false, false);
            while let Some(byte) = bytes.next() {
                if inside {
                    let literal = (byte == escape)
                        .then(|| bytes.next_if(|next| *next == quote || *next == escape))
                        .flatten();
                    match literal {
                        Some(literal) => self.rows.bytes.push(literal),
                        None if byte == quote => inside = false,
                        None => self.rows.bytes.push(byte),
                    }
                } else if byte == delimiter {
                    more = true;
                    break;
                } else if byte == quote {
                    (inside, was_quoted) = (true, true);
                } else {
                    self.rows.bytes.push(byte);
                }
            }
            if inside {
                return Err(bad("unterminated CSV quoted field"));
            }
            let field = self.rows.bytes.get(start..).unwrap_or_default();
            if !was_quoted && field == self.options.null.as_bytes() {
                self.rows.bytes.truncate(start);
                self.rows.fields.push(None);
            } else {
                self.field(start)?;
            }
            if !more {
                return self.missing(count);
            }
        }
    }
}
