//! Rows on their way to the client: written once, into the bytes that are sent.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use postgres_types::Type;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::copy::{CopyFormat, CopyOptions, write};
use crate::server::format::{self, Element, Format, Kind};
#[cfg(feature = "sqlite")]
use crate::server::scan::lossy;
use crate::server::value::Value;
use crate::wire;

/// A column of a result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    pub(crate) name: String,
    pub(crate) kind: Type,
    pub(crate) modifier: i32,
    pub(crate) table: u32,
    pub(crate) number: i16,
}

impl Column {
    /// A column of that name and type.
    pub fn new(name: impl Into<String>, kind: Type) -> Self {
        Self {
            name: name.into(),
            kind,
            modifier: -1,
            table: 0,
            number: 0,
        }
    }

    /// Adds the type modifier (`pg_attribute.atttypmod`), for example the length of a varchar
    /// plus 4; −1 is none.
    #[must_use]
    pub fn with_modifier(mut self, modifier: i32) -> Self {
        self.modifier = modifier;
        self
    }

    /// Adds the table's OID and the column's number in it, from 1.
    #[must_use]
    pub fn with_origin(mut self, table: u32, number: i16) -> Self {
        (self.table, self.number) = (table, number);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &Type {
        &self.kind
    }
}

/// How the rows of one result are written: for each column its type and format. Cheap to clone.
#[derive(Clone)]
pub struct RowFormat(Arc<Shape>);

#[derive(Clone)]
struct Shape {
    columns: Vec<(Kind, Format)>,
    zone: Option<TimeZone>,
    /// The rows are data of a COPY.
    copy: Option<CopyOptions>,
    /// Integers in text are never escaped.
    plain_digits: bool,
}

impl fmt::Debug for RowFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.columns).finish()
    }
}

impl RowFormat {
    /// All columns in text, with the settings of a new session;
    /// [`SessionContext::text_format`](crate::server::SessionContext::text_format) knows the
    /// session's own.
    #[must_use]
    pub fn text(columns: &[Column]) -> Self {
        Self::new(columns, |_| Format::Text)
    }

    /// Each column in the format that is given for its number, from 0.
    pub(crate) fn new(columns: &[Column], format: impl Fn(usize) -> Format) -> Self {
        let columns = columns
            .iter()
            .enumerate()
            .map(|(i, column)| (Kind::of(&column.kind), format(i)))
            .collect();
        Self(Arc::new(Shape {
            columns,
            zone: None,
            copy: None,
            plain_digits: true,
        }))
    }

    /// As the data of a COPY TO STDOUT, after [`Event::CopyOut`](crate::server::Event::CopyOut).
    #[must_use]
    pub fn copy(options: &CopyOptions, columns: &[Column]) -> Self {
        let mut shape = Arc::unwrap_or_clone(Self::text(columns).0);
        shape.copy = Some(options.clone());
        shape.plain_digits = !write::may_escape(options, b"-0123456789");
        Self(Arc::new(shape))
    }

    /// The same, with timestamptz shown in this zone; `None` is UTC.
    pub(crate) fn in_zone(self, zone: Option<TimeZone>) -> Self {
        if zone.is_none() && self.0.zone.is_none() {
            return self;
        }
        let mut shape = Arc::unwrap_or_clone(self.0);
        shape.zone = zone;
        Self(Arc::new(shape))
    }

    /// How many columns there are.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.0.columns.len()
    }
}

/// Of memory. What is allocated next is often what the bytes are copied into, to be encrypted.
/// Where that begins at the same place of a page, or just behind it, copying is many times slower
/// on some processors (AMD's with Zen 3 and 4, `rep movsb`): the room for rows ends in half a page.
const PAGE: usize = 4096;

/// Rows as they go over the wire. Fill it until [`Rows::is_full`], hand over what [`Rows::take`]
/// gives, and go on.
#[derive(Clone)]
pub struct Rows {
    format: RowFormat,
    bytes: Vec<u8>,
    count: u64,
    /// How many bytes the last row has; the next is most likely as long.
    last: usize,
    /// It is full at so many bytes.
    enough: usize,
    /// How much to allocate for the first row.
    room: usize,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("count", &self.count)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Rows {
    /// The size at which it pays to send what there is: 32 KiB.
    pub const ENOUGH: usize = 32 * 1024;
    /// The same for a result that is long: each piece costs a change of threads and back.
    pub(crate) const MOST: usize = 512 * 1024;

    /// No rows.
    #[must_use]
    pub fn new(format: &RowFormat) -> Self {
        Self {
            format: format.clone(),
            bytes: Vec::new(),
            count: 0,
            last: 0,
            enough: Self::ENOUGH,
            room: 0,
        }
    }

    /// Appends a row, a value for each column.
    ///
    /// # Errors
    /// 54000: the row has 2 GiB. 22P02, 22003 and others: a value cannot be one of its column's
    /// type. Nothing is appended.
    pub fn push<'a, V: Into<Value<'a>>>(
        &mut self,
        values: impl IntoIterator<Item = V>,
    ) -> Result<(), ErrorResponse> {
        let mut values = values.into_iter();
        self.append(|row| {
            row.fields(|_, field| field.value(&values.next().ok_or_else(wrong_count)?.into()))?;
            match values.next() {
                Some(_) => Err(wrong_count()),
                None => Ok(()),
            }
        })
    }

    /// As [`Rows::push`], from what writes the field of each column, which it is given by number.
    #[cfg(feature = "sqlite")]
    pub(crate) fn push_fields(
        &mut self,
        put: impl FnMut(usize, Field<'_>) -> Result<(), ErrorResponse>,
    ) -> Result<(), ErrorResponse> {
        self.append(|row| row.fields(put))
    }

    fn append(
        &mut self,
        fill: impl FnOnce(&mut Row<'_>) -> Result<(), ErrorResponse>,
    ) -> Result<(), ErrorResponse> {
        let start = self.bytes.len();
        if start == 0 {
            self.bytes.reserve(self.room);
        }
        let shape = &*self.format.0;
        let mut failed = None;
        let kind = if shape.copy.is_none() { b'D' } else { b'd' };
        let fits = wire::put_message(&mut self.bytes, kind, |out| {
            if let Err(error) = fill(&mut Row { out, shape }) {
                failed = Some(error);
            }
        });
        let error = match (fits, failed) {
            (Ok(()), None) => {
                self.count = self.count.saturating_add(1);
                self.last = self.bytes.len().saturating_sub(start);
                return Ok(());
            }
            (_, Some(error)) => error,
            (Err(_), None) => too_large(),
        };
        self.bytes.truncate(start);
        Err(error)
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes they have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it is time to hand them over: another row would most likely make more than
    /// [`Rows::ENOUGH`] bytes. Each time they were taken when it was, it waits for twice as many, up
    /// to 512 KiB.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // A row may be longer than what is enough.
        !self.bytes.is_empty() && self.bytes.len().saturating_add(self.last) > self.enough
    }

    /// Gives the rows there are, and starts anew.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let length = self.bytes.len();
        if self.is_full() {
            self.enough = self.enough.saturating_mul(2).min(Self::MOST);
            let most = length.max(self.enough);
            self.room = most
                .saturating_add(most / 8)
                .checked_next_multiple_of(PAGE)
                .map_or(most, |pages| pages.saturating_add(PAGE / 2));
        } else {
            self.room = length.saturating_add(length / 8);
        }
        let mut taken = Self::new(&self.format);
        core::mem::swap(&mut taken.bytes, &mut self.bytes);
        core::mem::swap(&mut taken.count, &mut self.count);
        taken
    }

    /// They come slowly: no more is to be waited for than in the beginning.
    #[cfg(feature = "sqlite")]
    pub(crate) fn hurry(&mut self) {
        (self.enough, self.room) = (Self::ENOUGH, 0);
    }

    /// Cuts off what comes after so many rows.
    pub(crate) fn split_off(&mut self, rows: u64) -> Self {
        let mut rest = Self::new(&self.format);
        if rows >= self.count {
            return rest;
        }
        let mut at = 0_usize;
        for _ in 0..rows {
            // Each row is a message: a type, and a length that counts all but that.
            let length = self
                .bytes
                .get(at.saturating_add(1)..)
                .and_then(|b| b.first_chunk())
                .map_or(0, |b| u32::from_be_bytes(*b));
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            at = at.saturating_add(length).saturating_add(1);
        }
        rest.bytes = self.bytes.split_off(at.min(self.bytes.len()));
        rest.count = self.count.saturating_sub(rows);
        self.count = rows;
        rest
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn too_large() -> ErrorResponse {
    ErrorResponse::error(SqlState::PROGRAM_LIMIT_EXCEEDED, "row is too large")
}

/// A row that is being written.
struct Row<'r> {
    out: &'r mut Vec<u8>,
    shape: &'r Shape,
}

impl Row<'_> {
    /// Writes what is around its fields, and has them written.
    fn fields(
        &mut self,
        mut put: impl FnMut(usize, Field<'_>) -> Result<(), ErrorResponse>,
    ) -> Result<(), ErrorResponse> {
        let Self { out, shape } = self;
        let lines = match &shape.copy {
            Some(options) => options.format() != CopyFormat::Binary,
            None => false,
        };
        if !lines {
            let count = i16::try_from(shape.columns.len()).map_err(|_| too_large())?;
            out.extend_from_slice(&count.to_be_bytes());
        }
        for (column, (kind, format)) in shape.columns.iter().enumerate() {
            let field = Field {
                out,
                shape,
                column,
                kind: *kind,
                format: *format,
            };
            put(column, field)?;
        }
        if lines {
            out.push(b'\n');
        }
        Ok(())
    }
}

/// A field that is to be written, by one of its methods. A value that is made only to be written
/// costs more than the writing; so there are methods for what most fields are.
pub(crate) struct Field<'r> {
    out: &'r mut Vec<u8>,
    shape: &'r Shape,
    column: usize,
    kind: Kind,
    format: Format,
}

impl Field<'_> {
    /// Any value, as one of its column's type.
    pub(crate) fn value(self, value: &Value<'_>) -> Result<(), ErrorResponse> {
        let zone = self.shape.zone.as_ref();
        match &self.shape.copy {
            None => put_field(self.out, self.kind, self.format, value, zone),
            Some(options) => {
                let place = (self.column == 0, self.shape.columns.len());
                write::put(self.out, options, self.kind, value, zone, place)
            }
        }
    }

    /// An integer.
    #[cfg(feature = "sqlite")]
    #[inline]
    pub(crate) fn int4(self, n: i32) -> Result<(), ErrorResponse> {
        let [a, b, c, d] = n.to_be_bytes();
        self.integer(n, Element::Int4, &[0, 0, 0, 4, a, b, c, d])
    }

    /// A bigint.
    #[cfg(feature = "sqlite")]
    #[inline]
    pub(crate) fn int8(self, n: i64) -> Result<(), ErrorResponse> {
        let [a, b, c, d, e, f, g, h] = n.to_be_bytes();
        let binary = [0, 0, 0, 8, a, b, c, d, e, f, g, h];
        self.integer(n, Element::Int8, &binary)
    }

    /// A text, by its bytes; what is not UTF-8 is replaced.
    #[cfg(feature = "sqlite")]
    #[inline]
    pub(crate) fn text(self, text: &[u8]) -> Result<(), ErrorResponse> {
        match &self.shape.copy {
            None if self.kind == Kind::Plain(Element::Text) => put_bytes(self.out, &lossy(text)),
            Some(options) if options.format() != CopyFormat::Binary => {
                let place = (self.column == 0, self.shape.columns.len());
                write::put_text(self.out, options, text, place);
                Ok(())
            }
            _ => self.value(&Value::Text(String::from_utf8_lossy(text))),
        }
    }

    /// An object of the catalogs, which is its name as a text and its number in binary.
    #[cfg(feature = "sqlite")]
    pub(crate) fn object(self, oid: u32, name: &str) -> Result<(), ErrorResponse> {
        match &self.shape.copy {
            None if self.format == Format::Text => put_bytes(self.out, name.as_bytes()),
            Some(options) if options.format() != CopyFormat::Binary => {
                let place = (self.column == 0, self.shape.columns.len());
                write::put_plain(self.out, options, name.as_bytes(), place);
                Ok(())
            }
            _ => self.value(&Value::Oid(oid)),
        }
    }

    /// What the column's values are.
    #[cfg(feature = "sqlite")]
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether instants are shown in UTC.
    #[cfg(feature = "sqlite")]
    pub(crate) fn in_utc(&self) -> bool {
        let zone = self.shape.zone.as_ref();
        zone.is_none_or(|zone| *zone == TimeZone::UTC)
    }

    /// The text form of a value of the column's type. Where the binary form is wanted, the field
    /// comes back.
    #[cfg(feature = "sqlite")]
    #[inline]
    pub(crate) fn shown(self, text: &[u8]) -> Result<Option<Self>, ErrorResponse> {
        match &self.shape.copy {
            _ if self.format == Format::Binary => return Ok(Some(self)),
            None => put_bytes(self.out, text)?,
            Some(options) if options.format() == CopyFormat::Binary => return Ok(Some(self)),
            Some(options) => {
                let place = (self.column == 0, self.shape.columns.len());
                write::put_plain(self.out, options, text, place);
            }
        }
        Ok(None)
    }

    /// An integer, with its binary field as one of that element.
    #[cfg(feature = "sqlite")]
    #[inline]
    fn integer<const SIZE: usize>(
        self,
        n: impl itoa::Integer + Into<Value<'static>>,
        element: Element,
        binary: &[u8; SIZE],
    ) -> Result<(), ErrorResponse> {
        if self.format == Format::Binary && self.kind == Kind::Plain(element) {
            self.out.extend_from_slice(binary);
            return Ok(());
        }
        if !self.takes_digits() {
            return self.value(&n.into());
        }
        self.digits(itoa::Buffer::new().format(n))
    }

    /// Whether an integer is nothing but its digits.
    #[cfg(feature = "sqlite")]
    #[inline]
    fn takes_digits(&self) -> bool {
        let integers = matches!(
            self.kind,
            Kind::Plain(Element::Int2 | Element::Int4 | Element::Int8)
        );
        integers && self.format == Format::Text && self.shape.plain_digits
    }

    #[cfg(feature = "sqlite")]
    #[inline]
    fn digits(self, digits: &str) -> Result<(), ErrorResponse> {
        match &self.shape.copy {
            None => return put_bytes(self.out, digits.as_bytes()),
            Some(options) if self.column > 0 => self.out.push(options.delimiter),
            Some(_) => {}
        }
        self.out.extend_from_slice(digits.as_bytes());
        Ok(())
    }
}

/// A length, −1 for NULL, and as many bytes.
pub(crate) fn put_field(
    out: &mut Vec<u8>,
    kind: Kind,
    format: Format,
    value: &Value<'_>,
    zone: Option<&TimeZone>,
) -> Result<(), ErrorResponse> {
    match (kind, value) {
        (_, Value::Null) => {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return Ok(());
        }
        (Kind::Plain(Element::Text), Value::Text(text)) => {
            return put_bytes(out, text.as_bytes());
        }
        _ => {}
    }
    let mut result = Ok(());
    wire::put_counted(out, |out| {
        result = format::put(out, kind, format, value, zone);
    })
    .map_err(|_| too_large())?;
    result
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), ErrorResponse> {
    let length = i32::try_from(bytes.len()).map_err(|_| too_large())?;
    out.reserve(bytes.len().saturating_add(4));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// An engine's mistake, and not the client's.
fn wrong_count() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::INTERNAL_ERROR,
        "a row has not as many values as its result has columns",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> RowFormat {
        RowFormat::text(&[
            Column::new("a", Type::TEXT),
            Column::new("b", Type::TEXT),
            Column::new("c", Type::TEXT),
        ])
    }

    #[test]
    fn rows_have_the_bytes_of_data_row() {
        let mut rows = Rows::new(&three());
        rows.push([Some("2"), None, Some("")]).unwrap();
        assert_eq!(
            rows.bytes,
            b"D\0\0\0\x13\0\x03\0\0\0\x012\xff\xff\xff\xff\0\0\0\0"
        );
    }

    #[test]
    fn each_column_has_its_format() {
        let columns = [Column::new("a", Type::INT4), Column::new("b", Type::INT4)];
        let format = RowFormat::new(&columns, |i| [Format::Text, Format::Binary][i]);
        let mut rows = Rows::new(&format);
        rows.push([1, 1]).unwrap();
        assert_eq!(
            rows.bytes,
            b"D\0\0\0\x13\0\x02\0\0\0\x011\0\0\0\x04\0\0\0\x01"
        );
    }

    #[test]
    fn a_row_that_does_not_fit_is_taken_back_whole() {
        let mut rows = Rows::new(&three());
        rows.push(["kept"; 3]).unwrap();
        let before = rows.bytes.clone();
        for bad in [2, 4] {
            let error = rows.push(vec!["x"; bad]).unwrap_err();
            assert_eq!(error.code().as_str(), "XX000");
        }
        let columns = [Column::new("a", Type::TEXT), Column::new("b", Type::INT4)];
        let mut mixed = Rows::new(&RowFormat::new(&columns, |_| Format::Binary));
        assert_eq!(mixed.push(["a", "b"]).unwrap_err().code().as_str(), "22P02");
        assert!(mixed.is_empty());
        let wide = RowFormat::text(&vec![Column::new("a", Type::TEXT); 32_768]);
        let error = Rows::new(&wide).push(vec!["x"; 32_768]).unwrap_err();
        assert_eq!(error.code().as_str(), "54000");
        assert_eq!((rows.bytes, rows.count), (before, 1));
    }

    #[test]
    fn rows_are_split_between_two() {
        for n in 0..=4 {
            let mut rows = Rows::new(&three());
            for text in ["a", "bb", "ccc"] {
                rows.push([text; 3]).unwrap();
            }
            let whole = rows.bytes.clone();
            let rest = rows.split_off(n);
            assert_eq!((rows.count, rest.count), (n.min(3), 3 - n.min(3)));
            assert_eq!([rows.bytes.clone(), rest.bytes.clone()].concat(), whole);
            assert!(rest.is_empty() || rest.bytes[0] == b'D');
            assert!(
                n == 0
                    || rows
                        .bytes
                        .ends_with(["a", "bb", "ccc"][n.min(3) as usize - 1].as_bytes())
            );
        }
    }

    #[test]
    fn the_pieces_of_a_long_result_grow_up_to_a_limit() {
        let mut rows = Rows::new(&RowFormat::text(&[Column::new("a", Type::TEXT)]));
        let text = "x".repeat(1000);
        let mut sizes = Vec::new();
        for _ in 0..6 {
            while !rows.is_full() {
                rows.push([&*text]).unwrap();
            }
            let taken = rows.take();
            assert!(taken.bytes.capacity() <= 2 * taken.len());
            assert_eq!((taken.len() / 1011, rows.len()), (taken.count as usize, 0));
            sizes.push(taken.len().next_multiple_of(32 * 1024) / 1024);
            assert!(taken.len() + 1011 > sizes.last().unwrap() * 1024);
            assert_eq!(rows.room % PAGE, PAGE / 2);
        }
        assert_eq!(sizes, [32, 64, 128, 256, 512, 512]);
        // One that was not full does not count, nor does it make room for more than it was.
        rows.push(["x"]).unwrap();
        assert_eq!(rows.take().count, 1);
        assert!(rows.room < 20);
    }

    #[test]
    fn rows_longer_than_a_piece_come_one_by_one() {
        let mut rows = Rows::new(&RowFormat::text(&[Column::new("a", Type::TEXT)]));
        let text = "x".repeat(2 * Rows::MOST);
        for _ in 0..3 {
            assert!(!rows.is_full());
            rows.push([&*text]).unwrap();
            assert!(rows.is_full());
            assert_eq!(rows.take().count, 1);
        }
    }

    #[test]
    fn instants_are_shown_in_the_zone_of_the_session() {
        let columns = RowFormat::text(&[Column::new("t", Type::TIMESTAMPTZ)]);
        let berlin = format::datetime::zone("Europe/Berlin");
        let mut rows = Rows::new(&columns.in_zone(berlin));
        rows.push([Value::TimestampTz(0)]).unwrap();
        assert!(rows.bytes.ends_with(b"2000-01-01 01:00:00+01"));
    }
}
