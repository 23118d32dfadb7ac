//! The messages of the query phase: the strict codec (PostgreSQL docs, "Message Formats").

use postgres_types::Type;

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
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Frontend<'a> {
    Bind(Bind<'a>),
    Close(Target<'a>),
    CopyData(&'a [u8]),
    CopyDone,
    /// And why.
    CopyFail(&'a [u8]),
    Describe(Target<'a>),
    /// A portal, and how many rows of it at most; 0 is all.
    Execute(&'a [u8], i32),
    Flush,
    FunctionCall,
    Parse(Parse<'a>),
    /// Query, and its text.
    Query(&'a [u8]),
    Sync,
    Terminate,
}

/// Parse: a statement to be prepared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Parse<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) sql: &'a [u8],
    /// OIDs, 0 where the client leaves it open.
    pub(crate) types: Array<'a, 4>,
}

/// Bind: a statement, its parameters, and the formats of its results.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Bind<'a> {
    pub(crate) portal: &'a [u8],
    pub(crate) statement: &'a [u8],
    pub(crate) parameter_formats: Array<'a, 2>,
    pub(crate) count: usize,
    /// The parameters: each a length, −1 for NULL, and as many bytes.
    pub(crate) parameters: Reader<'a>,
    pub(crate) result_formats: Array<'a, 2>,
}

/// What is described or closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target<'a> {
    Portal(&'a [u8]),
    Statement(&'a [u8]),
}

/// Numbers of N bytes, still as they came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Array<'a, const N: usize>(&'a [u8]);

impl<'a, const N: usize> Array<'a, N> {
    /// A count of two bytes, then so many.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let count = count(reader)?;
        reader.bytes(count.saturating_mul(N)).map(Self)
    }

    /// One of them; zero where there is none.
    pub(crate) fn get(self, i: usize) -> [u8; N] {
        let at = i.saturating_mul(N);
        let rest = self.0.get(at..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or([0; N])
    }

    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = [u8; N]> + 'a {
        self.0.chunks_exact(N).map(|bytes| {
            // Each chunk has N bytes.
            bytes.try_into().unwrap_or([0; N])
        })
    }
}

fn count(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    // PostgreSQL takes it as unsigned; a count of 65 535 parameters is good.
    reader.array().map(|n| usize::from(u16::from_be_bytes(n)))
}

/// Why a message cannot be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The body does not have the form of a message of this type. The stream is in step.
    Format(Malformed, u8),
    /// The length word is out of range: nobody knows where the next message begins.
    Length,
    /// There is no such message.
    Type(u8),
}

impl Fault {
    pub(crate) fn error(self) -> ErrorResponse {
        let (message, fatal) = match self {
            Self::Format(Malformed::Slack, _) => ("invalid message format".into(), false),
            Self::Format(Malformed::Truncated, _) => {
                ("insufficient data left in message".into(), false)
            }
            Self::Format(Malformed::Unterminated, _) => ("invalid string in message".into(), false),
            Self::Length => ("invalid message length".into(), true),
            Self::Type(kind) => (format!("invalid frontend message type {kind}"), true),
        };
        let error = ErrorResponse::error(SqlState::PROTOCOL_VIOLATION, message);
        if fatal { error.into_fatal() } else { error }
    }

    /// Whether a message of this type is one of the extended protocol, skipped after an error
    /// until Sync.
    pub(crate) fn is_extended(self) -> bool {
        matches!(
            self,
            Self::Format(_, b'B' | b'C' | b'D' | b'E' | b'H' | b'P')
        )
    }
}

/// Looks whether `input` begins with a whole and well-formed message of a client that is logged in,
/// and returns how many bytes it has; `None` while it is not whole. For servers that have a codec
/// of their own behind the door: what passes has a length within the limits (64 MiB, 10 000 bytes
/// for what carries next to nothing), and a body with the form of its message to the last byte.
///
/// # Errors
/// What the client is to be told (08P01) before the connection is closed.
///
/// # Example
/// ```
/// use pgtls::server::check_message;
///
/// let input = b"Q\0\0\0\x0bselect\0S\0\0\0\x04";
/// assert_eq!(check_message(input), Ok(Some(12)));
/// assert_eq!(check_message(&input[..11]), Ok(None));
/// let slack = b"Q\0\0\0\x0csel\0ect\0";
/// assert_eq!(check_message(slack).unwrap_err().code().as_str(), "08P01");
/// ```
pub fn check_message(input: &[u8]) -> Result<Option<usize>, ErrorResponse> {
    match message(input) {
        Ok(None) => Ok(None),
        Ok(Some((length, Ok(_)))) => Ok(Some(length)),
        Ok(Some((_, Err(fault)))) | Err(fault) => Err(fault.error().into_fatal()),
    }
}

/// How many bytes the message has, and what it says.
pub(crate) type Cut<'a> = (usize, Result<Frontend<'a>, Fault>);

/// Cuts the first message off `input`; `None` while it is not whole. Type and length are judged
/// before the body is there.
pub(crate) fn message(input: &[u8]) -> Result<Option<Cut<'_>>, Fault> {
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
    let message = body_of(kind, body).map_err(|why| Fault::Format(why, kind));
    Ok(Some((body_length.saturating_add(5), message)))
}

fn body_of(kind: u8, body: &[u8]) -> Result<Frontend<'_>, Malformed> {
    let mut reader = Reader::new(body);
    let message = match kind {
        b'B' => {
            let (portal, statement) = (reader.cstr()?, reader.cstr()?);
            let parameter_formats = Array::read(&mut reader)?;
            let count = count(&mut reader)?;
            let parameters = reader.clone();
            for _ in 0..count {
                parameter(&mut reader)?;
            }
            Frontend::Bind(Bind {
                portal,
                statement,
                parameter_formats,
                count,
                parameters,
                result_formats: Array::read(&mut reader)?,
            })
        }
        b'C' => Frontend::Close(target(&mut reader)?),
        b'D' => Frontend::Describe(target(&mut reader)?),
        b'E' => Frontend::Execute(reader.cstr()?, reader.i32()?),
        // Refused whatever is in it.
        b'F' => {
            reader.rest();
            Frontend::FunctionCall
        }
        b'H' => Frontend::Flush,
        b'P' => Frontend::Parse(Parse {
            name: reader.cstr()?,
            sql: reader.cstr()?,
            types: Array::read(&mut reader)?,
        }),
        b'Q' => Frontend::Query(reader.cstr()?),
        b'S' => Frontend::Sync,
        b'c' => Frontend::CopyDone,
        b'd' => Frontend::CopyData(reader.rest()),
        b'f' => Frontend::CopyFail(reader.cstr()?),
        _ => Frontend::Terminate,
    };
    reader.finish().map(|()| message)
}

/// One parameter's bytes, `None` for NULL.
pub(crate) fn parameter<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match reader.i32()? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| Malformed::Truncated)?;
            reader.bytes(length).map(Some)
        }
    }
}

fn target<'a>(reader: &mut Reader<'a>) -> Result<Target<'a>, Malformed> {
    let kind = reader.u8()?;
    let name = reader.cstr()?;
    match kind {
        b'P' => Ok(Target::Portal(name)),
        b'S' => Ok(Target::Statement(name)),
        _ => Err(Malformed::Slack),
    }
}

/// Appends one of the messages that have no body: `1` ParseComplete, `2` BindComplete,
/// `3` CloseComplete, `n` NoData, `s` PortalSuspended, `c` CopyDone.
pub(crate) fn put_bare(out: &mut Vec<u8>, kind: u8) {
    out.extend_from_slice(&[kind, 0, 0, 0, 4]);
}

/// CopyInResponse (`G`) or CopyOutResponse (`H`).
pub(crate) fn put_copy_response(out: &mut Vec<u8>, kind: u8, format: Format, columns: usize) {
    put_short(out, kind, |out| {
        out.push(u8::from(format == Format::Binary));
        let columns = i16::try_from(columns).unwrap_or(i16::MAX);
        out.extend_from_slice(&columns.to_be_bytes());
        for _ in 0..columns {
            out.extend_from_slice(&format.code().to_be_bytes());
        }
    });
}

/// CopyData, if there is any.
pub(crate) fn put_copy_data(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put_short(out, b'd', put);
    if out.len() == start.saturating_add(5) {
        out.truncate(start);
    }
}

pub(crate) fn put_parameter_description(out: &mut Vec<u8>, types: &[Type]) {
    put_short(out, b't', |out| {
        // As many as a Bind can count.
        let count = u16::try_from(types.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for kind in types.iter().take(usize::from(count)) {
            out.extend_from_slice(&kind.oid().to_be_bytes());
        }
    });
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

    /// What is cut off, in short.
    fn cut(input: &[u8]) -> String {
        match message(input) {
            Ok(None) => "more".into(),
            Ok(Some((n, Ok(message)))) => format!("{n} {message:?}"),
            Ok(Some((n, Err(fault)))) => format!("{n} {}", fault.error().message()),
            Err(fault) => fault.error().to_string(),
        }
    }

    #[test]
    fn frames_are_cut_exactly_and_judged_early() {
        const LENGTH: &str = "FATAL: invalid message length (08P01)";
        let cases: &[(&[u8], &str)] = &[
            (b"", "more"),
            (b"Q", "more"),
            (b"Q\0\0\0", "more"),
            (b"Q\0\0\0\x06a", "more"),
            (b"Q\0\0\0\x06a\0", "7 Query([97])"),
            (b"Q\0\0\0\x06a\0X\0\0\0\x04", "7 Query([97])"),
            (b"Q\0\0\0\x05\0", "6 Query([])"),
            (b"Q\0\0\0\x04", "5 invalid string in message"),
            (b"Q\0\0\0\x05a", "6 invalid string in message"),
            (b"Q\0\0\0\x07a\0b", "8 invalid message format"),
            (b"Q\0\0\0\x03", LENGTH),
            (b"Q\0\0\0\0", LENGTH),
            (b"Q\xff\xff\xff\xff", LENGTH),
            (b"Q\x80\0\0\0", LENGTH),
            (b"Q\x04\0\0\x01", LENGTH),
            (b"Q\x04\0\0\0", "more"),
            (b"S\0\0\0\x04", "5 Sync"),
            (b"S\0\0\0\x05a", "6 invalid message format"),
            (b"S\0\0\x27\x11", LENGTH),
            (b"X\0\0\0\x04", "5 Terminate"),
            (b"H\0\0\0\x04", "5 Flush"),
            (b"c\0\0\0\x04", "5 CopyDone"),
            (b"d\0\0\0\x04", "5 CopyData([])"),
            (b"f\0\0\0\x05\0", "6 CopyFail([])"),
            (b"E\0\0\0\x09\0\0\0\0\x02", "10 Execute([], 2)"),
            (
                b"E\0\0\0\x08\0\0\0\x02",
                "9 insufficient data left in message",
            ),
            (b"D\0\0\0\x06S\0", "7 Describe(Statement([]))"),
            (b"C\0\0\0\x07Pa\0", "8 Close(Portal([97]))"),
            (b"C\0\0\0\x06X\0", "7 invalid message format"),
            (b"P\0\0\0\x08a\0b\0", "9 insufficient data left in message"),
            (
                b"P\0\0\0\x0aa\0b\0\0\x01",
                "11 insufficient data left in message",
            ),
            (
                b"B\0\0\0\x0c\0\0\0\0\0\x01\0\0",
                "13 insufficient data left in message",
            ),
            (
                b"B\0\0\0\x10\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0",
                "17 insufficient data left in message",
            ),
            (
                b"p\0\0\0\x04",
                "FATAL: invalid frontend message type 112 (08P01)",
            ),
            (b"\0", "FATAL: invalid frontend message type 0 (08P01)"),
        ];
        for (input, expected) in cases {
            assert_eq!(cut(input), *expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn parse_and_bind_are_taken_apart() {
        let input = b"P\0\0\0\x12a\0b\0\0\x02\0\0\0\x17\0\0\0\0";
        let Ok(Some((19, Ok(Frontend::Parse(parse))))) = message(input) else {
            panic!("{}", cut(input));
        };
        assert_eq!((parse.name, parse.sql), (&b"a"[..], &b"b"[..]));
        let types: Vec<u32> = parse.types.iter().map(u32::from_be_bytes).collect();
        assert_eq!(types, [23, 0]);

        let input = b"B\0\0\0\x19p\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\0";
        let Ok(Some((26, Ok(Frontend::Bind(bind))))) = message(input) else {
            panic!("{}", cut(input));
        };
        assert_eq!(
            (bind.portal, bind.statement, bind.count),
            (&b"p"[..], &b"s"[..], 2)
        );
        assert_eq!(bind.parameter_formats.iter().collect::<Vec<_>>(), [[0, 1]]);
        assert_eq!(bind.result_formats.iter().len(), 0);
        let mut parameters = bind.parameters;
        assert_eq!(parameter(&mut parameters), Ok(None));
        assert_eq!(parameter(&mut parameters), Ok(Some(&b"x"[..])));
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
