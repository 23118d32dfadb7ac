//! What a client may send before login: SSLRequest, GSSENCRequest, CancelRequest, StartupMessage.
//!
//! Source: PostgreSQL docs, "Message Formats"; `backend_startup.c:ProcessStartupPacket`.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;

use crate::login::{ProtocolVersion, Replication, Startup};
use crate::wire::Reader;

/// The greatest length word of a packet before login: 10 000 bytes behind it, and itself
/// (`pqcomm.h`, MAX_STARTUP_PACKET_LENGTH).
pub(crate) const MAX_PACKET: usize = 10_004;
/// The least: the length word and a request code.
const MIN_PACKET: usize = 8;
/// Names are cut to this many bytes (NAMEDATALEN − 1).
const MAX_NAME: usize = 63;
/// A cancel key's length; longer ones than 4 bytes come with protocol 3.2.
const CANCEL_KEY: core::ops::RangeInclusive<usize> = 4..=256;

const CANCEL_REQUEST: u32 = 0x04D2_162E;
const SSL_REQUEST: u32 = 0x04D2_162F;
const GSSENC_REQUEST: u32 = 0x04D2_1630;

/// A request to cancel a running query. Its key proves who sent it, so it is never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct CancelRequest {
    process_id: i32,
    key: Vec<u8>,
    close_notify: Vec<u8>,
}

impl CancelRequest {
    /// The process id of the BackendKeyData that the client was given.
    #[must_use]
    pub fn process_id(&self) -> i32 {
        self.process_id
    }

    /// Whether the key is this one, compared in constant time for keys of equal length.
    #[must_use]
    pub fn key_is(&self, key: &[u8]) -> bool {
        self.key.as_slice().ct_eq(key).into()
    }

    /// The last bytes for the transport it came over, once it is carried out: TLS's close_notify,
    /// which tells the client so. None over plaintext, where closing does.
    #[must_use]
    pub fn close_notify(&self) -> &[u8] {
        &self.close_notify
    }

    pub(crate) fn set_close_notify(&mut self, bytes: Vec<u8>) {
        self.close_notify = bytes;
    }

    /// The key, 4 to 256 bytes, for a relay that has to pass it on. Secret.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl fmt::Debug for CancelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelRequest")
            .field("process_id", &self.process_id)
            .finish_non_exhaustive()
    }
}

/// A whole packet, told apart by its code.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Packet<'a> {
    Cancel(&'a [u8]),
    GssEnc,
    Ssl,
    /// Any other code is a protocol version, whether or not there is such a version.
    Startup(ProtocolVersion, &'a [u8]),
}

/// The length word of a packet is out of bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BadLength(pub(crate) u32);

/// The first packet of `input` and its length, or `None` while it is incomplete.
///
/// The length word is judged as soon as its four bytes are there; nothing is allocated on it.
pub(crate) fn packet(input: &[u8]) -> Result<Option<(usize, Packet<'_>)>, BadLength> {
    let mut input = Reader::new(input);
    let Ok(word) = input.array().map(u32::from_be_bytes) else {
        return Ok(None);
    };
    let length = match usize::try_from(word) {
        Ok(length) if (MIN_PACKET..=MAX_PACKET).contains(&length) => length,
        _ => return Err(BadLength(word)),
    };
    let Ok(mut whole) = input.bytes(length.saturating_sub(4)).map(Reader::new) else {
        return Ok(None);
    };
    let Ok(code) = whole.array() else {
        return Ok(None);
    };
    let body = whole.rest();
    let packet = match u32::from_be_bytes(code) {
        CANCEL_REQUEST => Packet::Cancel(body),
        SSL_REQUEST => Packet::Ssl,
        GSSENC_REQUEST => Packet::GssEnc,
        version => Packet::Startup(ProtocolVersion::from_code(version), body),
    };
    Ok(Some((length, packet)))
}

/// The body of a CancelRequest; `None` if the key has an illegal length.
pub(crate) fn cancel(body: &[u8]) -> Option<CancelRequest> {
    let mut body = Reader::new(body);
    let process_id = body.i32().ok()?;
    let key = body.rest();
    CANCEL_KEY.contains(&key.len()).then(|| CancelRequest {
        process_id,
        key: key.to_vec(),
        close_notify: Vec::new(),
    })
}

/// What is wrong with the body of a StartupMessage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum StartupFault {
    /// The terminator is not the last byte.
    Layout,
    /// `replication` is neither `database` nor a boolean.
    Replication(Vec<u8>),
}

/// The body of a StartupMessage, and the `_pq_.` options in it, all of which are unknown to us.
///
/// A missing user is not a fault here: PostgreSQL negotiates the version before it looks.
pub(crate) fn startup(
    asked: ProtocolVersion,
    body: &[u8],
) -> Result<(Startup, Vec<Vec<u8>>), StartupFault> {
    let mut startup = Startup {
        asked,
        user: Vec::new(),
        database: Vec::new(),
        options: None,
        replication: None,
        settings: Vec::new(),
    };
    let mut unknown = Vec::new();
    let mut walsender = Walsender::default();
    let mut rest = Reader::new(body);
    let ends_well = loop {
        match rest.cstr() {
            Err(_) => break false,
            Ok(b"") => break rest.finish().is_ok(),
            Ok(name) => {
                // PostgreSQL looks at a last value without its zero byte, then at the layout.
                let whole = rest.cstr();
                let value = whole.unwrap_or_else(|_| rest.rest());
                if whole.is_err() && value.is_empty() {
                    break false;
                }
                match name {
                    b"user" => startup.user = value.to_vec(),
                    b"database" => startup.database = value.to_vec(),
                    b"options" => startup.options = Some(value.to_vec()),
                    b"replication" => walsender.set(value)?,
                    name if name.starts_with(b"_pq_.") => unknown.push(name.to_vec()),
                    name => startup.settings.push((name.to_vec(), value.to_vec())),
                }
            }
        }
    };
    if !ends_well {
        return Err(StartupFault::Layout);
    }
    if startup.database.is_empty() {
        startup.database.clone_from(&startup.user);
    }
    startup.replication = walsender.mode();
    if startup.replication == Some(Replication::Physical) {
        startup.database.clear();
    }
    startup.user.truncate(MAX_NAME);
    startup.database.truncate(MAX_NAME);
    Ok((startup, unknown))
}

/// The `replication` parameter; a later one overrides an earlier one.
#[derive(Default)]
struct Walsender {
    on: bool,
    database: bool,
}

impl Walsender {
    fn set(&mut self, value: &[u8]) -> Result<(), StartupFault> {
        if value == b"database" {
            (self.on, self.database) = (true, true);
        } else {
            self.on = boolean(value).ok_or_else(|| StartupFault::Replication(value.to_vec()))?;
        }
        Ok(())
    }

    fn mode(&self) -> Option<Replication> {
        match (self.on, self.database) {
            (true, true) => Some(Replication::Database),
            (true, false) => Some(Replication::Physical),
            (false, _) => None,
        }
    }
}

/// PostgreSQL's booleans: any unambiguous beginning of true, false, yes, no, on, off; 1 and 0
/// (`bool.c:parse_bool`).
fn boolean(value: &[u8]) -> Option<bool> {
    const WORDS: [(&[u8], usize, bool); 8] = [
        (b"true", 1, true),
        (b"false", 1, false),
        (b"yes", 1, true),
        (b"no", 1, false),
        (b"on", 2, true),
        (b"off", 2, false),
        (b"1", 1, true),
        (b"0", 1, false),
    ];
    WORDS
        .iter()
        .find(|(word, least, _)| {
            value.len() >= *least
                && word
                    .get(..value.len())
                    .is_some_and(|w| w.eq_ignore_ascii_case(value))
        })
        .map(|(_, _, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Result<(Startup, Vec<Vec<u8>>), StartupFault> {
        startup(ProtocolVersion::V3_0, text.as_bytes())
    }

    #[test]
    fn every_length_word_is_judged_without_a_body() {
        for word in [
            0,
            1,
            4,
            7,
            10_005,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1603_0100,
        ] {
            assert_eq!(packet(&u32::to_be_bytes(word)), Err(BadLength(word)));
        }
        for word in [8_u32, 9, 16, 10_004] {
            assert_eq!(packet(&word.to_be_bytes()), Ok(None));
        }
        assert_eq!(packet(&[0xff; 3]), Ok(None), "three bytes are waited for");
    }

    #[test]
    fn requests_ignore_a_body_inside_the_counted_length() {
        let twelve = [0, 0, 0, 12, 4, 0xd2, 0x16, 0x2f, 1, 2, 3, 4, 9];
        assert_eq!(packet(&twelve), Ok(Some((12, Packet::Ssl))));
    }

    #[test]
    fn layout_faults_fail_alike() {
        for bad in [
            "",
            "user",
            "user\0",
            "user\0a",
            "user\0a\0",
            "\0x",
            "\0\0",
            "user\0a\0\0x",
            "user\0\0",
        ] {
            assert_eq!(body(bad), Err(StartupFault::Layout), "{bad:?}");
        }
        for good in ["\0", "user\0a\0\0", "user\0\0\0", "a\0\0b\0\0\0"] {
            assert!(body(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn replication_is_judged_before_the_layout() {
        assert_eq!(
            body("replication\0maybe"),
            Err(StartupFault::Replication(b"maybe".to_vec()))
        );
        assert_eq!(
            body("replication\0o\0\0"),
            Err(StartupFault::Replication(b"o".to_vec()))
        );
        assert_eq!(
            body("replication\0\0\0"),
            Err(StartupFault::Replication(b"".to_vec()))
        );
        for (value, want) in [
            ("database", Some(Replication::Database)),
            ("Database", None),
            ("TRUE", Some(Replication::Physical)),
            ("t", Some(Replication::Physical)),
            ("on", Some(Replication::Physical)),
            ("1", Some(Replication::Physical)),
            ("of", None),
            ("0", None),
        ] {
            match body(&alloc::format!(
                "user\0u\0database\0d\0replication\0{value}\0\0"
            )) {
                Ok((s, _)) => {
                    assert_eq!(s.replication, want, "{value}");
                    let database: &[u8] = if want == Some(Replication::Physical) {
                        b""
                    } else {
                        b"d"
                    };
                    assert_eq!(s.database, database);
                }
                Err(e) => assert_eq!(
                    (value, e),
                    ("Database", StartupFault::Replication(b"Database".to_vec()))
                ),
            }
        }
    }

    #[test]
    fn last_name_wins_settings_keep_their_order() {
        let (s, unknown) =
            body("user\0a\0_pq_.x\0v\0user\0b\0k\0v\0K\0w\0k\0x\0_pq_.\0\0_pq_.x\0\0_PQ_.y\0\0\0")
                .unwrap();
        assert_eq!(s.user, b"b");
        assert_eq!(s.database, b"b");
        let names: Vec<_> = s.settings.iter().map(|(n, _)| n.as_slice()).collect();
        assert_eq!(names, [&b"k"[..], b"K", b"k", b"_PQ_.y"]);
        assert_eq!(unknown, [&b"_pq_.x"[..], b"_pq_.", b"_pq_.x"]);
    }

    #[test]
    fn names_are_cut_to_63_bytes() {
        let (s, _) = body(&alloc::format!("user\0{}\0\0", "u".repeat(100))).unwrap();
        assert_eq!((s.user.len(), s.database.len()), (63, 63));
    }

    #[test]
    fn cancel_keys_have_4_to_256_bytes_and_stay_secret() {
        for (n, ok) in [
            (0, false),
            (3, false),
            (4, true),
            (32, true),
            (256, true),
            (257, false),
        ] {
            let mut bytes = Vec::from([0, 0, 0, 5]);
            bytes.resize(4 + n, b'k');
            let request = cancel(&bytes);
            assert_eq!(request.is_some(), ok, "{n}");
            if let Some(request) = request {
                assert_eq!(request.process_id(), 5);
                assert!(request.key_is(&bytes[4..]) && !request.key_is(&bytes[5..]));
                assert!(!alloc::format!("{request:?}").contains("107"));
            }
        }
        assert!(cancel(&[0, 0, 0]).is_none());
    }
}
