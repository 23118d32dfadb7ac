//! Rows that a client sends, as an engine gets them.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use postgres_types::Type;

use crate::error_response::ErrorResponse;
use crate::server::format::{self, Format, Kind};
use crate::server::value::Value;

/// What is the same for all rows of a COPY.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) table: String,
    pub(super) format: Format,
    pub(super) columns: Vec<(String, Type, Kind)>,
    pub(super) zone: Option<TimeZone>,
}

/// Rows that a client sends, some of them.
#[derive(Clone)]
pub struct CopyRows {
    frame: Arc<Frame>,
    pub(super) bytes: Vec<u8>,
    /// Where each field is in `bytes`; `None` is NULL. As many for each row as there are columns.
    pub(super) fields: Vec<Option<(u32, u32)>>,
    /// The line of the first row, from 1.
    pub(super) first: u64,
}

impl fmt::Debug for CopyRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyRows")
            .field("rows", &self.len())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl CopyRows {
    /// None yet; the first will be from that line.
    pub(super) fn empty(frame: &Arc<Frame>, first: u64) -> Self {
        Self {
            frame: Arc::clone(frame),
            bytes: Vec::new(),
            fields: Vec::new(),
            first,
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.frame.columns.len() {
            0 => 0,
            n => self.fields.len() / n,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = CopyRow<'_>> {
        self.fields
            .chunks(self.frame.columns.len().max(1))
            .zip(self.first..)
            .map(|(fields, line)| CopyRow {
                rows: self,
                fields,
                line,
            })
    }
}

/// One row that a client sends.
#[derive(Clone, Copy)]
pub struct CopyRow<'a> {
    rows: &'a CopyRows,
    fields: &'a [Option<(u32, u32)>],
    line: u64,
}

impl fmt::Debug for CopyRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyRow")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl<'a> CopyRow<'a> {
    /// Its line in the data, from 1; in binary format the number of the row.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The values, each of its column's type.
    ///
    /// # Errors
    /// 22P02 and others: it is not a value of that type.
    pub fn values(self) -> impl ExactSizeIterator<Item = Result<Value<'a>, ErrorResponse>> {
        let frame = &*self.rows.frame;
        self.fields
            .iter()
            .zip(&frame.columns)
            .map(move |(field, (name, kind, of))| {
                let Some(bytes) = field.and_then(|(from, to)| {
                    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
                    self.rows.bytes.get(from..to)
                }) else {
                    return Ok(Value::Null);
                };
                let zone = frame.zone.as_ref();
                format::get_as(*of, kind, frame.format, bytes, zone).map_err(|error| {
                    let mut place =
                        format!("COPY {}, line {}, column {name}", frame.table, self.line);
                    if frame.format == Format::Text {
                        let shown: String =
                            String::from_utf8_lossy(bytes).chars().take(100).collect();
                        place.push_str(&format!(": \"{shown}\""));
                    }
                    error.with_context(place)
                })
            })
    }
}
