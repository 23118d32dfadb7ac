//! COPY FROM STDIN: CopyData, cut anywhere, into rows.

mod binary;
mod csv;
mod rows;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::copy::CopyIn;
use crate::server::copy::options::{CopyFormat, CopyOptions};
use crate::server::format::{self, Format, Kind};
use crate::server::protocol::MAX_MESSAGE;
use rows::Frame;
pub use rows::{CopyRow, CopyRows};

/// The longest row taken.
const MAX_LINE: usize = MAX_MESSAGE;
/// At about so many bytes, rows are handed over.
const ENOUGH: usize = 64 * 1024;

/// Takes CopyData apart.
#[derive(Debug)]
pub(crate) struct Decoder {
    options: CopyOptions,
    frame: Arc<Frame>,
    /// The beginning of a row whose end has not come.
    rest: Vec<u8>,
    scan: Scan,
    rows: CopyRows,
    /// The next line, from 1.
    line: u64,
    /// What stands before the first row has not come.
    head: bool,
    /// The data has said that it is at its end.
    ended: bool,
}

/// How far the search for the end of a line has come.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    at: usize,
    quoted: bool,
    escaped: bool,
}

fn bad(message: impl Into<String>) -> ErrorResponse {
    ErrorResponse::error(SqlState::BAD_COPY_FILE_FORMAT, message.into())
}

impl Decoder {
    pub(crate) fn new(copy: CopyIn, zone: Option<TimeZone>) -> Self {
        let binary = copy.options.format == CopyFormat::Binary;
        let frame = Arc::new(Frame {
            table: copy.table,
            format: if binary { Format::Binary } else { Format::Text },
            columns: copy
                .columns
                .into_iter()
                .map(|column| {
                    let of = Kind::of(&column.kind);
                    (column.name, column.kind, of)
                })
                .collect(),
            zone,
        });
        Self {
            head: binary || copy.options.header,
            options: copy.options,
            rows: CopyRows::empty(&frame, 1),
            frame,
            rest: Vec::new(),
            scan: Scan::default(),
            line: 1,
            ended: false,
        }
    }

    /// Takes some data; true if there are rows enough to be handed over.
    pub(crate) fn feed(&mut self, data: &[u8]) -> Result<bool, ErrorResponse> {
        if self.ended {
            return Ok(false);
        }
        if self.rest.is_empty() {
            let taken = self.take(data)?;
            self.rest
                .extend_from_slice(data.get(taken..).unwrap_or_default());
        } else {
            let mut all = core::mem::take(&mut self.rest);
            all.extend_from_slice(data);
            let taken = self.take(&all)?;
            all.drain(..taken.min(all.len()));
            self.rest = all;
        }
        if self.rest.len() > MAX_LINE {
            return Err(ErrorResponse::error(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "COPY data has a row that is too long",
            ));
        }
        Ok(self.rows.bytes.len() >= ENOUGH || self.rows.fields.len() >= ENOUGH / 4)
    }

    /// The data is at its end: the last line may do without one.
    pub(crate) fn finish(&mut self) -> Result<(), ErrorResponse> {
        if self.ended {
            return Ok(());
        }
        let rest = core::mem::take(&mut self.rest);
        if self.options.format == CopyFormat::Binary {
            // PostgreSQL wants the trailer.
            return Err(bad("unexpected EOF in COPY data"));
        }
        if self.scan.quoted {
            return Err(self.placed(bad("unterminated CSV quoted field")));
        }
        if rest.is_empty() {
            Ok(())
        } else {
            self.line(&rest)
        }
    }

    pub(crate) fn take_rows(&mut self) -> CopyRows {
        let next = CopyRows::empty(&self.frame, self.line);
        core::mem::replace(&mut self.rows, next)
    }

    /// Takes all rows that are whole, and gives how many bytes they have.
    fn take(&mut self, data: &[u8]) -> Result<usize, ErrorResponse> {
        let mut taken = 0;
        while !self.ended {
            let rest = data.get(taken..).unwrap_or_default();
            let length = if self.options.format == CopyFormat::Binary {
                self.binary(rest)?
            } else {
                match self.end_of_line(rest) {
                    Some(end) => {
                        self.line(rest.get(..end).unwrap_or_default())?;
                        // And the newline.
                        Some(end.saturating_add(1))
                    }
                    None => None,
                }
            };
            match length {
                Some(length) => taken = taken.saturating_add(length),
                None => break,
            }
        }
        Ok(taken)
    }

    /// Where the newline is, outside of quotes and escapes. What was looked at is not looked at
    /// again.
    fn end_of_line(&mut self, data: &[u8]) -> Option<usize> {
        let csv = self.options.format == CopyFormat::Csv;
        let (quote, escape) = (self.options.quote, self.options.escape);
        let mut scan = self.scan;
        for byte in data.get(scan.at..).unwrap_or_default() {
            if scan.escaped {
                scan.escaped = false;
            } else if csv {
                if *byte == b'\n' && !scan.quoted {
                    self.scan = Scan::default();
                    return Some(scan.at);
                }
                if scan.quoted && escape != quote && *byte == escape {
                    scan.escaped = true;
                } else if *byte == quote {
                    scan.quoted = !scan.quoted;
                }
            } else if *byte == b'\n' {
                self.scan = Scan::default();
                return Some(scan.at);
            } else if *byte == b'\\' {
                scan.escaped = true;
            }
            scan.at = scan.at.saturating_add(1);
        }
        self.scan = scan;
        None
    }

    fn placed(&self, error: ErrorResponse) -> ErrorResponse {
        error.with_context(format!("COPY {}, line {}", self.frame.table, self.line))
    }

    /// Takes one line, without its newline.
    fn line(&mut self, line: &[u8]) -> Result<(), ErrorResponse> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if core::mem::take(&mut self.head) {
            self.line = self.line.saturating_add(1);
            self.rows.first = self.line;
            return Ok(());
        }
        if line == b"\\." {
            self.ended = true;
            return Ok(());
        }
        let text = format::utf8(line).map_err(|error| self.placed(error))?;
        let result = if self.options.format == CopyFormat::Csv {
            self.csv(text)
        } else {
            self.text(text)
        };
        result.map_err(|error| self.placed(error))?;
        self.line = self.line.saturating_add(1);
        Ok(())
    }

    /// A field that stands from `start` on.
    fn field(&mut self, start: usize) -> Result<(), ErrorResponse> {
        let place = u32::try_from(start).ok();
        match place.zip(u32::try_from(self.rows.bytes.len()).ok()) {
            Some(place) => {
                self.rows.fields.push(Some(place));
                Ok(())
            }
            None => Err(ErrorResponse::error(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "COPY data has a row that is too long",
            )),
        }
    }

    fn missing(&self, count: usize) -> Result<(), ErrorResponse> {
        match self.frame.columns.get(count) {
            Some((name, ..)) => Err(bad(format!("missing data for column \"{name}\""))),
            None => Ok(()),
        }
    }
}

fn extra(fine: bool) -> Result<(), ErrorResponse> {
    if fine {
        Ok(())
    } else {
        Err(bad("extra data after last expected column"))
    }
}
