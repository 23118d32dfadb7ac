//! COPY FROM STDIN: CopyData, cut anywhere, into rows.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use postgres_types::Type;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::copy::CopyIn;
use crate::server::copy::options::{CopyFormat, CopyOptions};
use crate::server::copy::write::SIGNATURE;
use crate::server::format::{self, Format};
use crate::server::protocol::{self, MAX_MESSAGE};
use crate::server::value::Value;
use crate::wire::Reader;

/// The longest row taken.
const MAX_LINE: usize = MAX_MESSAGE;
/// At about so many bytes, rows are handed over.
const ENOUGH: usize = 64 * 1024;

/// What is the same for all rows of a COPY.
#[derive(Debug)]
struct Frame {
    table: String,
    format: Format,
    columns: Vec<(String, Type)>,
    zone: Option<TimeZone>,
}

/// Rows that a client sends, some of them.
#[derive(Clone)]
pub struct CopyRows {
    frame: Arc<Frame>,
    bytes: Vec<u8>,
    /// Where each field is in `bytes`; `None` is NULL. As many for each row as there are columns.
    fields: Vec<Option<(u32, u32)>>,
    /// The line of the first row, from 1.
    first: u64,
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
            .map(move |(field, (name, kind))| {
                let Some(bytes) = field.and_then(|(from, to)| {
                    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
                    self.rows.bytes.get(from..to)
                }) else {
                    return Ok(Value::Null);
                };
                format::get(kind, frame.format, bytes, frame.zone.as_ref()).map_err(|error| {
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
                .map(|column| (column.name, column.kind))
                .collect(),
            zone,
        });
        Self {
            head: binary || copy.options.header,
            options: copy.options,
            rows: empty(&frame, 1),
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
        let next = empty(&self.frame, self.line);
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

    fn text(&mut self, line: &str) -> Result<(), ErrorResponse> {
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

    fn csv(&mut self, line: &str) -> Result<(), ErrorResponse> {
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
            Some((name, _)) => Err(bad(format!("missing data for column \"{name}\""))),
            None => Ok(()),
        }
    }

    /// One row, or the head, of the binary format; `None` while it is not whole.
    fn binary(&mut self, data: &[u8]) -> Result<Option<usize>, ErrorResponse> {
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

fn empty(frame: &Arc<Frame>, first: u64) -> CopyRows {
    CopyRows {
        frame: Arc::clone(frame),
        bytes: Vec::new(),
        fields: Vec::new(),
        first,
    }
}

fn extra(fine: bool) -> Result<(), ErrorResponse> {
    if fine {
        Ok(())
    } else {
        Err(bad("extra data after last expected column"))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::server::rows::{Column, RowFormat, Rows};

    fn columns() -> Vec<Column> {
        vec![Column::new("a", Type::INT4), Column::new("b", Type::TEXT)]
    }

    fn options(given: &[(&str, &str)]) -> CopyOptions {
        CopyOptions::parse(given.iter().map(|(n, v)| (*n, Some(*v)))).unwrap()
    }

    /// The rows as `1|text`, or the error; fed in pieces of that size.
    fn read(options: &CopyOptions, data: &[u8], size: usize) -> Result<Vec<String>, ErrorResponse> {
        let mut decoder = Decoder::new(CopyIn::new("t", options.clone(), columns()), None);
        for piece in data.chunks(size) {
            decoder.feed(piece)?;
        }
        decoder.finish()?;
        let rows = decoder.take_rows();
        rows.rows()
            .map(|row| {
                let values: Result<Vec<_>, _> = row
                    .values()
                    .map(|v| Ok(v?.to_text().unwrap_or_else(|| "NULL".into())))
                    .collect();
                Ok(values?.join("|"))
            })
            .collect()
    }

    #[test]
    fn data_is_read_as_in_postgresql() {
        let text = options(&[]);
        let csv = options(&[("format", "csv")]);
        let head = options(&[
            ("format", "csv"),
            ("header", "on"),
            ("delimiter", ";"),
            ("escape", "\\"),
        ]);
        type Case<'a> = (&'a CopyOptions, &'a [u8], Result<&'a [&'a str], &'a str>);
        let cases: &[Case<'_>] = &[
            (&text, b"", Ok(&[])),
            (&text, b"1\tx\n2\t\\N\n", Ok(&["1|x", "2|NULL"])),
            (&text, b"1\tx\r\n2\ty", Ok(&["1|x", "2|y"])),
            (
                &text,
                b"1\ta\\tb\\\\c\\101\\x41\\\nd\n",
                Ok(&["1|a\tb\\cAA\nd"]),
            ),
            (&text, b"1\t\n\\.\nrubbish\n", Ok(&["1|"])),
            (
                &text,
                b"1\tx\n2\n",
                Err("22P04 missing data for column \"b\" COPY t, line 2"),
            ),
            (
                &text,
                b"1\tx\ty\n",
                Err("22P04 extra data after last expected column COPY t, line 1"),
            ),
            (
                &text,
                b"1\tx\nz\ty\n",
                Err(
                    "22P02 invalid input syntax for type integer: \"z\" COPY t, line 2, column a: \"z\"",
                ),
            ),
            (
                &text,
                b"1\tx\ry\n",
                Err("22P04 literal carriage return found in data COPY t, line 1"),
            ),
            (
                &text,
                b"1\t\xff\n",
                Err("22021 invalid byte sequence for encoding \"UTF8\": 0xff COPY t, line 1"),
            ),
            (
                &text,
                b"1\t\\xff\n",
                Err("22021 invalid byte sequence for encoding \"UTF8\": 0xff COPY t, line 1"),
            ),
            (&csv, b"1,x\n2,\n3,\"\"\n", Ok(&["1|x", "2|NULL", "3|"])),
            (&csv, b"1,\"a,\"\"b\"\"\nc\"\r\n", Ok(&["1|a,\"b\"\nc"])),
            (&csv, b"1,a\"b,c\"d\n", Ok(&["1|ab,cd"])),
            (
                &csv,
                b"1,\"open\n",
                Err("22P04 unterminated CSV quoted field COPY t, line 1"),
            ),
            (&head, b"a;b\n1;\"x\\\"y\"\n", Ok(&["1|x\"y"])),
            (
                &head,
                b"a;b\nx;y\n",
                Err(
                    "22P02 invalid input syntax for type integer: \"x\" COPY t, line 2, column a: \"x\"",
                ),
            ),
        ];
        for (options, data, expected) in cases {
            for size in [1, 2, 3, 1000] {
                let got = read(options, data, size);
                let got = got.map_err(|e| {
                    format!(
                        "{} {} {}",
                        e.code(),
                        e.message(),
                        e.context().unwrap_or_default()
                    )
                });
                let expected = expected
                    .map(|rows| rows.iter().map(|r| (*r).to_owned()).collect())
                    .map_err(str::to_owned);
                assert_eq!(got, expected, "{} in pieces of {size}", data.escape_ascii());
            }
        }
    }

    #[test]
    fn binary_data_is_read_strictly() {
        let binary = options(&[("format", "binary")]);
        let head = [&SIGNATURE[..], &[0; 8]].concat();
        let row = b"\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff";
        let good = [&head, &row[..], b"\xff\xff"].concat();
        for size in [1, 5, 1000] {
            assert_eq!(read(&binary, &good, size).unwrap(), ["7|NULL"]);
        }
        for n in 0..good.len() {
            assert_eq!(
                read(&binary, &good[..n], 1000).unwrap_err().code().as_str(),
                "22P04"
            );
        }
        for wrong in [
            [&head, &b"\0\x01\0\0\0\0\xff\xff"[..]].concat(),
            [&head, &b"\0\x02\xff\xff\xff\xfe"[..]].concat(),
            [&head, &b"\0\x02\0\0\0\x01\x01\xff\xff\xff\xff\xff\xff"[..]].concat(),
            b"PGCOPY\n\xff\r\n\x01\0\0\0\0\0\0\0\0".to_vec(),
        ] {
            assert!(
                read(&binary, &wrong, 1000).is_err(),
                "{}",
                wrong.escape_ascii()
            );
        }
    }

    #[test]
    fn a_line_that_does_not_end_is_searched_once() {
        let mut decoder = Decoder::new(CopyIn::new("t", options(&[]), columns()), None);
        for _ in 0..1000 {
            decoder.feed(&[b'x'; 100]).unwrap();
            assert_eq!(decoder.scan.at, decoder.rest.len());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            values in proptest::collection::vec((proptest::option::of(any::<i32>()), proptest::option::of("(\\PC|[\"'\\\\,;\t\n\r.N\x08\x0b])*")), 0..6),
            format in prop_oneof![Just("text"), Just("csv"), Just("binary")],
            size in 1..40_usize,
        ) {
            let options = options(&[("format", format)]);
            let mut rows = Rows::new(&RowFormat::copy(&options, &columns()));
            let mut expected = Vec::new();
            for (a, b) in &values {
                rows.push([Value::from(*a), Value::from(b.as_deref())]).unwrap();
                let a = a.map_or_else(|| "NULL".into(), |n| n.to_string());
                expected.push(format!("{a}|{}", b.as_deref().unwrap_or("NULL")));
            }
            let mut data = Vec::new();
            super::super::write::head(&mut data, &options, &columns());
            let mut messages = &rows.into_bytes()[..];
            while let Some((_, rest)) = messages.split_first() {
                let length = u32::from_be_bytes(*rest.first_chunk().unwrap()) as usize;
                data.extend_from_slice(&rest[4..length]);
                messages = &rest[length..];
            }
            super::super::write::tail(&mut data, options.format);
            prop_assert_eq!(read(&options, &data, size).unwrap(), expected);
        }

        #[test]
        fn any_data_is_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200), format in 0..3_usize) {
            let options = options(&[("format", ["text", "csv", "binary"][format])]);
            let whole = read(&options, &data, 1000).map_err(|e| e.to_string());
            prop_assert_eq!(read(&options, &data, 3).map_err(|e| e.to_string()), whole);
        }
    }
}
