//! The messages of the query phase: the strict codec (PostgreSQL docs, "Message Formats").

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::database::TransactionStatus;
use crate::server::format::{Format, type_length};
use crate::server::notifications::Notification;
use crate::server::rows::Column;
use crate::wire::{self, Malformed, Reader};

/// The longest message taken from a client, its length word included: 64 MiB. PostgreSQL takes
/// 1 GiB.
pub(crate) const MAX_MESSAGE: usize = 64 << 20;
/// The longest of the messages that carry next to nothing (PostgreSQL: `PQ_SMALL_MESSAGE_LIMIT`).
pub(crate) const MAX_SMALL_MESSAGE: usize = 10_000;

/// A whole message from the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Frontend<'a> {
    /// CopyData, CopyDone, CopyFail: left over from a COPY that failed.
    Copy,
    /// Parse, Bind, Describe, Execute, Close: the extended protocol.
    Extended,
    /// Flush.
    Flush,
    /// FunctionCall.
    FunctionCall,
    /// Query, and its text.
    Query(&'a [u8]),
    /// Sync.
    Sync,
    /// Terminate.
    Terminate,
}

/// Why a message cannot be taken. The stream is out of step, or the client out of its mind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The body does not have the message's form.
    Format(Malformed),
    /// The length word is out of range.
    Length,
    /// There is no such message.
    Type(u8),
}

impl Fault {
    pub(crate) fn error(self) -> ErrorResponse {
        let message = match self {
            Self::Format(Malformed::Slack) => "invalid message format".into(),
            Self::Format(Malformed::Truncated) => "insufficient data left in message".into(),
            Self::Format(Malformed::Unterminated) => "invalid string in message".into(),
            Self::Length => "invalid message length".into(),
            Self::Type(kind) => format!("invalid frontend message type {kind}"),
        };
        ErrorResponse::fatal(SqlState::PROTOCOL_VIOLATION, message)
    }
}

/// Cuts the first message off `input`; `None` while it is not whole. Type and length are judged
/// before the body is there.
pub(crate) fn message(input: &[u8]) -> Result<Option<(usize, Frontend<'_>)>, Fault> {
    let mut head = Reader::new(input);
    let Ok(kind) = head.u8() else { return Ok(None) };
    let limit = match kind {
        b'Q' | b'P' | b'B' | b'F' | b'd' => MAX_MESSAGE,
        b'C' | b'D' | b'E' | b'H' | b'S' | b'X' | b'c' | b'f' => MAX_SMALL_MESSAGE,
        _ => return Err(Fault::Type(kind)),
    };
    let Ok(length) = head.i32() else {
        return Ok(None);
    };
    let body_length = usize::try_from(length)
        .ok()
        .filter(|l| *l <= limit)
        .and_then(|l| l.checked_sub(4))
        .ok_or(Fault::Length)?;
    let Ok(body) = head.bytes(body_length) else {
        return Ok(None);
    };
    let message = match kind {
        b'Q' => {
            let mut reader = Reader::new(body);
            let text = reader.cstr().map_err(Fault::Format)?;
            reader.finish().map_err(Fault::Format)?;
            Frontend::Query(text)
        }
        b'F' => Frontend::FunctionCall,
        b'H' => empty(body, Frontend::Flush)?,
        b'S' => empty(body, Frontend::Sync)?,
        b'X' => empty(body, Frontend::Terminate)?,
        b'c' | b'd' | b'f' => Frontend::Copy,
        _ => Frontend::Extended,
    };
    Ok(Some((body_length.saturating_add(5), message)))
}

fn empty<'a>(body: &[u8], message: Frontend<'a>) -> Result<Frontend<'a>, Fault> {
    Reader::new(body)
        .finish()
        .map(|()| message)
        .map_err(Fault::Format)
}

/// Appends a message that is known to be short.
fn put_short(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    // Its length fits; were it not so, the message would be left out whole.
    let _ = wire::put_message(out, kind, body);
}

pub(crate) fn put_parameter_status(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put_short(out, b'S', |out| {
        wire::put_cstr(out, name.as_bytes());
        wire::put_cstr(out, value);
    });
}

pub(crate) fn put_backend_key_data(out: &mut Vec<u8>, process_id: i32, key: &[u8]) {
    put_short(out, b'K', |out| {
        out.extend_from_slice(&process_id.to_be_bytes());
        out.extend_from_slice(key);
    });
}

pub(crate) fn put_ready_for_query(out: &mut Vec<u8>, status: TransactionStatus) {
    put_short(out, b'Z', |out| {
        out.push(match status {
            TransactionStatus::Failed => b'E',
            TransactionStatus::Idle => b'I',
            TransactionStatus::InTransaction => b'T',
        });
    });
}

pub(crate) fn put_command_complete(out: &mut Vec<u8>, tag: &str) {
    put_short(out, b'C', |out| wire::put_cstr(out, tag.as_bytes()));
}

pub(crate) fn put_notification(out: &mut Vec<u8>, letter: &Notification) {
    put_short(out, b'A', |out| {
        out.extend_from_slice(&letter.process_id.to_be_bytes());
        wire::put_cstr(out, letter.channel.as_bytes());
        wire::put_cstr(out, letter.payload.as_bytes());
    });
}

pub(crate) fn put_empty_query(out: &mut Vec<u8>) {
    put_short(out, b'I', |_| {});
}

pub(crate) fn put_row_description(
    out: &mut Vec<u8>,
    columns: &[Column],
    format: impl Fn(usize) -> Format,
) -> Result<(), ErrorResponse> {
    let start = out.len();
    let mut counted = true;
    let fits = wire::put_message(out, b'T', |out| {
        let count_at = out.len();
        out.extend_from_slice(&[0; 2]);
        for (i, column) in columns.iter().enumerate() {
            wire::put_cstr(out, column.name.as_bytes());
            out.extend_from_slice(&column.table.to_be_bytes());
            out.extend_from_slice(&column.number.to_be_bytes());
            out.extend_from_slice(&column.kind.oid().to_be_bytes());
            out.extend_from_slice(&type_length(&column.kind).to_be_bytes());
            out.extend_from_slice(&column.modifier.to_be_bytes());
            out.extend_from_slice(&format(i).code().to_be_bytes());
        }
        counted = wire::set_i16(out, count_at, columns.len());
    });
    if fits.is_ok() && counted {
        return Ok(());
    }
    out.truncate(start);
    Err(ErrorResponse::error(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        "the result has too many columns",
    ))
}

#[cfg(test)]
mod tests {
    use postgres_types::Type;

    use super::*;

    #[test]
    fn frames_are_cut_exactly_and_judged_early() {
        use Frontend::*;
        let truncated = Err(Fault::Format(Malformed::Unterminated));
        let slack = Err(Fault::Format(Malformed::Slack));
        type Case = (
            &'static [u8],
            Result<Option<(usize, Frontend<'static>)>, Fault>,
        );
        let cases: &[Case] = &[
            (b"", Ok(None)),
            (b"Q", Ok(None)),
            (b"Q\0\0\0", Ok(None)),
            (b"Q\0\0\0\x06a", Ok(None)),
            (b"Q\0\0\0\x06a\0", Ok(Some((7, Query(b"a"))))),
            (b"Q\0\0\0\x06a\0X\0\0\0\x04", Ok(Some((7, Query(b"a"))))),
            (b"Q\0\0\0\x05\0", Ok(Some((6, Query(b""))))),
            (b"Q\0\0\0\x04", truncated),
            (b"Q\0\0\0\x05a", truncated),
            (b"Q\0\0\0\x07a\0b", slack),
            (b"Q\0\0\0\x03", Err(Fault::Length)),
            (b"Q\0\0\0\0", Err(Fault::Length)),
            (b"Q\xff\xff\xff\xff", Err(Fault::Length)),
            (b"Q\x80\0\0\0", Err(Fault::Length)),
            (b"Q\x04\0\0\x01", Err(Fault::Length)),
            (b"Q\x04\0\0\0", Ok(None)),
            (b"S\0\0\0\x04", Ok(Some((5, Sync)))),
            (b"S\0\0\0\x05a", slack),
            (b"S\0\0\x27\x11", Err(Fault::Length)),
            (b"X\0\0\0\x04", Ok(Some((5, Terminate)))),
            (b"H\0\0\0\x04", Ok(Some((5, Flush)))),
            (b"P\0\0\0\x08ab\0c", Ok(Some((9, Extended)))),
            (b"p\0\0\0\x04", Err(Fault::Type(b'p'))),
            (b"\0", Err(Fault::Type(0))),
        ];
        for (input, expected) in cases {
            assert_eq!(message(input), *expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn replies_have_the_bytes_of_the_protocol() {
        let mut out = Vec::new();
        put_parameter_status(&mut out, "a", b"b");
        put_backend_key_data(&mut out, 1, &[2, 3, 4, 5]);
        put_ready_for_query(&mut out, TransactionStatus::InTransaction);
        put_command_complete(&mut out, "BEGIN");
        put_empty_query(&mut out);
        put_row_description(&mut out, &[Column::new("n", Type::INT8)], |_| Format::Text).unwrap();
        assert_eq!(
            out.escape_ascii().to_string(),
            "S\\x00\\x00\\x00\\x08a\\x00b\\x00K\\x00\\x00\\x00\\x0c\\x00\\x00\\x00\\x01\\x02\\x03\\x04\\x05\
             Z\\x00\\x00\\x00\\x05TC\\x00\\x00\\x00\\nBEGIN\\x00I\\x00\\x00\\x00\\x04\
             T\\x00\\x00\\x00\\x1a\\x00\\x01n\\x00\\x00\\x00\\x00\\x00\\x00\\x00\
             \\x00\\x00\\x00\\x14\\x00\\x08\\xff\\xff\\xff\\xff\\x00\\x00"
        );
    }
}
