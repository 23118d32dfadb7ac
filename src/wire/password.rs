//! What a client may send while it is asked to prove itself: messages of type `p`
//! (PostgreSQL docs, "Message Formats": PasswordMessage, SASLInitialResponse, SASLResponse).

use crate::wire::{Malformed, Reader};

/// The greatest length word of a password (`PG_MAX_AUTH_TOKEN_LENGTH`).
pub(crate) const MAX_PASSWORD: usize = 65_535;
/// The greatest length word within SASL (`PG_MAX_SASL_MESSAGE_LENGTH`).
pub(crate) const MAX_SASL: usize = 1024;
/// The least: it counts itself.
const MIN: usize = 4;

/// What is wrong with a message before its body is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadFrame {
    /// The type is not `p`.
    Kind(u8),
    /// The length word is out of bounds.
    Length(u32),
}

/// The body of the first message of `input`, and the length of the whole message; `None` while it
/// is incomplete. The type is judged on one byte, the length word on five.
pub(crate) fn message(input: &[u8], max: usize) -> Result<Option<(usize, &[u8])>, BadFrame> {
    let mut input = Reader::new(input);
    match input.array() {
        Ok([b'p']) => {}
        Ok([kind]) => return Err(BadFrame::Kind(kind)),
        Err(_) => return Ok(None),
    }
    let Ok(word) = input.array().map(u32::from_be_bytes) else {
        return Ok(None);
    };
    let length = match usize::try_from(word) {
        Ok(length) if (MIN..=max).contains(&length) => length,
        _ => return Err(BadFrame::Length(word)),
    };
    match input.bytes(length.saturating_sub(MIN)) {
        Ok(body) => Ok(Some((length.saturating_add(1), body))),
        Err(_) => Ok(None),
    }
}

/// A password: the whole body is one string. `None` if it is not.
pub(crate) fn password(body: &[u8]) -> Option<&[u8]> {
    let mut body = Reader::new(body);
    let text = body.cstr().ok()?;
    body.finish().ok()?;
    Some(text)
}

/// The mechanism of a SASLInitialResponse, and what follows it.
pub(crate) fn mechanism(body: &[u8]) -> Result<(&[u8], Reader<'_>), Malformed> {
    let mut body = Reader::new(body);
    Ok((body.cstr()?, body))
}

/// The data of a SASLInitialResponse; `None` if it brings none.
pub(crate) fn initial_data(mut rest: Reader<'_>) -> Result<Option<&[u8]>, Malformed> {
    let data = match rest.i32()? {
        -1 => None,
        n => {
            let n = usize::try_from(n).map_err(|_| Malformed::Truncated)?;
            Some(rest.bytes(n)?)
        }
    };
    rest.finish()?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_judged_as_early_as_can_be() {
        assert_eq!(message(b"", 1024), Ok(None));
        assert_eq!(message(b"X", 1024), Err(BadFrame::Kind(b'X')));
        assert_eq!(message(b"p\0\0\0", 1024), Ok(None));
        for (word, max, fits) in [
            (0, 1024, false),
            (3, 1024, false),
            (4, 1024, true),
            (1024, 1024, true),
            (1025, 1024, false),
            (65_535, MAX_PASSWORD, true),
            (65_536, MAX_PASSWORD, false),
            (0x8000_0000, MAX_PASSWORD, false),
            (u32::MAX, MAX_PASSWORD, false),
        ] {
            let mut input = Vec::from(*b"p");
            input.extend_from_slice(&word.to_be_bytes());
            let judged = message(&input, max);
            match (fits, word) {
                (true, 4) => assert_eq!(judged, Ok(Some((5, &[][..])))),
                (true, _) => assert_eq!(judged, Ok(None)),
                (false, _) => assert_eq!(judged, Err(BadFrame::Length(word))),
            }
        }
        assert_eq!(message(b"p\0\0\0\x06abX", 1024), Ok(Some((7, &b"ab"[..]))));
    }

    #[test]
    fn a_password_is_one_string() {
        assert_eq!(password(b"secret\0"), Some(&b"secret"[..]));
        assert_eq!(password(b"\0"), Some(&b""[..]));
        for bad in [&b""[..], b"secret", b"secret\0\0", b"sec\0ret\0"] {
            assert_eq!(password(bad), None);
        }
    }

    #[test]
    fn an_initial_response_is_used_up() {
        let data = |rest| {
            let (_, rest) = mechanism(rest).unwrap();
            initial_data(rest)
        };
        assert_eq!(mechanism(b"SCRAM").err(), Some(Malformed::Unterminated));
        assert_eq!(data(b"M\0\xff\xff\xff\xff"), Ok(None));
        assert_eq!(data(b"M\0\0\0\0\0"), Ok(Some(&b""[..])));
        assert_eq!(data(b"M\0\0\0\0\x02ab"), Ok(Some(&b"ab"[..])));
        assert_eq!(data(b"M\0\0\0\0\x02a"), Err(Malformed::Truncated));
        assert_eq!(data(b"M\0\xff\xff\xff\xfe"), Err(Malformed::Truncated));
        assert_eq!(data(b"M\0\0\0\0"), Err(Malformed::Truncated));
        assert_eq!(data(b"M\0\xff\xff\xff\xffx"), Err(Malformed::Slack));
        assert_eq!(data(b"M\0\0\0\0\x01ab"), Err(Malformed::Slack));
    }
}
