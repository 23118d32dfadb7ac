//! The binary format.

use crate::error_response::ErrorResponse;
use crate::server::copy::read::{Decoder, MAX_LINE, bad};
use crate::server::copy::write::SIGNATURE;
use crate::server::protocol;
use crate::wire::Reader;

impl Decoder {
    /// One row, or the head, of the binary format; `None` while it is not whole.
    pub(super) fn binary(&mut self, data: &[u8]) -> Result<Option<usize>, ErrorResponse> {
        let mut reader = Reader::new(data);
        if self.head {
            let Ok(signature) = reader.bytes(SIGNATURE.len()) else {
                return Ok(None);
            };
            if signature != SIGNATURE {
                return Err(bad("COPY file signature not recognized"));
            }
            let (Ok(flags), Ok(extension)) = (reader.i32(), reader.i32()) else {
                return Ok(None);
            };
            if flags & !0xffff != 0 {
                return Err(bad("unrecognized critical flags in COPY file header"));
            }
            let Some(extension) = usize::try_from(extension).ok().filter(|n| *n <= MAX_LINE) else {
                return Err(bad("invalid COPY file header (missing length)"));
            };
            if reader.bytes(extension).is_err() {
                return Ok(None);
            }
            self.head = false;
            let head = SIGNATURE.len().saturating_add(8);
            return Ok(Some(head.saturating_add(extension)));
        }
        let Ok(count) = reader.array().map(i16::from_be_bytes) else {
            return Ok(None);
        };
        if count == -1 {
            self.ended = true;
            return Ok(Some(2));
        }
        if usize::try_from(count).ok() != Some(self.frame.columns.len()) {
            return Err(self.placed(bad(format!(
                "row field count is {count}, expected {}",
                self.frame.columns.len()
            ))));
        }
        // Whole before any of it is kept.
        let mut length = 2_usize;
        let mut ahead = reader.clone();
        for _ in 0..count {
            let Ok(size) = ahead.i32() else {
                return Ok(None);
            };
            let size = match size {
                -1 => 0,
                size => usize::try_from(size)
                    .ok()
                    .filter(|n| *n <= MAX_LINE)
                    .ok_or_else(|| self.placed(bad("invalid field size")))?,
            };
            if ahead.bytes(size).is_err() {
                return Ok(None);
            }
            length = length.saturating_add(size).saturating_add(4);
        }
        for _ in 0..count {
            match protocol::parameter(&mut reader) {
                Ok(Some(bytes)) => {
                    let start = self.rows.bytes.len();
                    self.rows.bytes.extend_from_slice(bytes);
                    self.field(start)?;
                }
                Ok(None) | Err(_) => self.rows.fields.push(None),
            }
        }
        self.line = self.line.saturating_add(1);
        Ok(Some(length))
    }
}
