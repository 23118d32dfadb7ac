//! Bounded reading and writing of protocol bytes: the only place that computes with lengths.
//!
//! All numbers are big-endian (PostgreSQL docs, "Message Data Types"). A [`Reader`] covers one
//! message body, a sub-slice whose length was checked before; it cannot look past it, and
//! [`Reader::finish`] refuses bytes left over.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

pub(crate) mod password;
pub(crate) mod reply;
pub(crate) mod request;

use alloc::vec::Vec;

/// Why a message body could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Malformed {
    /// Bytes are left over behind the last field.
    Slack,
    /// A field reaches past the end of the body.
    Truncated,
    /// A string has no terminating zero byte.
    Unterminated,
}

/// Reads one message body, field by field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// The next `n` bytes.
    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(Malformed::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    /// A string up to its zero byte, which is consumed but not part of the result.
    pub(crate) fn cstr(&mut self) -> Result<&'a [u8], Malformed> {
        let mut parts = self.0.splitn(2, |b| *b == 0);
        match (parts.next(), parts.next()) {
            (Some(head), Some(tail)) => {
                self.0 = tail;
                Ok(head)
            }
            _ => Err(Malformed::Unterminated),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    #[cfg(any(test, feature = "server"))]
    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[b]| b)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// Ends the reading: the body must be used up.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Slack)
        }
    }
}

/// A message would be longer than its Int32 length field can say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooLong;

/// Appends one typed message: kind byte, Int32 length (counting itself), body.
///
/// A body too long for the length field is taken back whole, so the stream stays in step.
pub(crate) fn put_message(
    out: &mut Vec<u8>,
    kind: u8,
    body: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    let start = out.len();
    out.push(kind);
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = out.len().saturating_sub(length_at);
    match (
        i32::try_from(length),
        out.get_mut(length_at..).and_then(|b| b.first_chunk_mut()),
    ) {
        (Ok(length), Some(field)) => {
            *field = length.to_be_bytes();
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(TooLong)
        }
    }
}

/// Appends an Int32 length that does not count itself, and the bytes it counts.
#[cfg(feature = "server")]
pub(crate) fn put_counted(
    out: &mut Vec<u8>,
    put: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let start = out.len();
    put(out);
    let length = i32::try_from(out.len().saturating_sub(start)).map_err(|_| TooLong)?;
    if let Some(field) = out.get_mut(length_at..).and_then(|b| b.first_chunk_mut()) {
        *field = length.to_be_bytes();
    }
    Ok(())
}

/// Writes a count into an Int16 field that was left open; false if it does not fit.
#[cfg(feature = "server")]
pub(crate) fn set_i16(out: &mut [u8], at: usize, count: usize) -> bool {
    match (
        i16::try_from(count),
        out.get_mut(at..).and_then(|b| b.first_chunk_mut()),
    ) {
        (Ok(count), Some(field)) => {
            *field = count.to_be_bytes();
            true
        }
        _ => false,
    }
}

/// Appends a string and its zero byte. A zero byte inside would end the string early for the
/// reader, so the text is cut there.
pub(crate) fn put_cstr(out: &mut Vec<u8>, text: &[u8]) {
    let text = text.split(|b| *b == 0).next().unwrap_or_default();
    out.extend_from_slice(text);
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_never_passes_the_end() {
        let mut r = Reader::new(&[0, 0, 0, 7, b'a', 0, 9]);
        assert_eq!(r.i32(), Ok(7));
        assert_eq!(r.cstr(), Ok(&b"a"[..]));
        assert_eq!(r.clone().finish(), Err(Malformed::Slack));
        assert_eq!(r.i32(), Err(Malformed::Truncated));
        assert_eq!(r.cstr(), Err(Malformed::Unterminated));
        assert_eq!(r.bytes(usize::MAX), Err(Malformed::Truncated));
        assert_eq!(r.u8(), Ok(9));
        assert_eq!(r.finish(), Ok(()));
    }

    #[test]
    fn message_length_counts_itself_but_not_the_kind() {
        let mut out = Vec::from(&b"x"[..]);
        put_message(&mut out, b'Z', |b| b.push(b'I')).unwrap();
        assert_eq!(out, b"xZ\0\0\0\x05I");
    }

    #[test]
    fn embedded_zero_ends_the_string() {
        let mut out = Vec::new();
        put_cstr(&mut out, b"a\0b");
        assert_eq!(out, b"a\0");
    }
}
