//! Bodies of the fuzz targets that look inside, and what tests may ask a machine that users may
//! not. Part of no public promise.
//!
//! A body takes any bytes and panics if what must hold does not.
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is the finding"
)]

mod login;
mod names;
#[cfg(test)]
mod properties;
mod proxy;

pub use names::names;
pub use proxy::proxy;

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use crate::auth::AuthMethod;
use crate::connection::{Action, Answer, Connection, Upgrade};
use crate::error_response::{ErrorResponse, SqlState};
use crate::handshake::Handshake;
use crate::policy::{Encryption, Rules};
use crate::tls::ALPN;
use crate::tls::facts::{TlsFacts, TlsVersion};
use crate::wire::request::{self, MAX_PACKET, Packet, StartupFault};

pub use crate::access::fuzzing::{hba, ident};
pub use login::{login, scram};

/// How much memory a handshake keeps for input that its machine has not consumed.
#[must_use]
pub fn buffered(handshake: &Handshake) -> usize {
    handshake.buffered()
}

/// What a client may send after login, whole and in pieces.
#[cfg(feature = "server")]
pub fn frontend(input: &[u8]) {
    crate::server::frontend(input);
}

/// SQL for the embedded database.
#[cfg(feature = "sqlite")]
pub fn sql(input: &[u8]) {
    crate::embedded::fuzzing::sql(input);
}

/// The parser of the packets before login, against a slower reading of the same rules.
pub fn requests(input: &[u8]) {
    let word = input.first_chunk().map(|word| u32::from_be_bytes(*word));
    let legal = |word: u32| (8..=10_004).contains(&word);
    let (length, packet) = match request::packet(input) {
        Err(bad) => {
            assert_eq!(Some(bad.0), word);
            assert!(!legal(bad.0));
            return;
        }
        Ok(None) => {
            // Waited for only while the length word allows that there is more.
            if let Some(word) = word {
                assert!(legal(word) && input.len() < word as usize);
            }
            return;
        }
        Ok(Some(whole)) => whole,
    };
    assert_eq!(word, u32::try_from(length).ok());
    let (whole, _behind) = input
        .split_at_checked(length)
        .expect("a packet that is there");
    assert_eq!(request::packet(whole), Ok(Some((length, packet_of(whole)))));
    for short in [0, 1, 3, 4, 7, length / 2, length - 1] {
        assert_eq!(request::packet(&whole[..short.min(length - 1)]), Ok(None));
    }
    match packet {
        Packet::Cancel(body) => match request::cancel(body) {
            Some(cancel) => {
                assert!((4..=256).contains(&cancel.key().len()));
                assert!(cancel.key_is(cancel.key()) && body.ends_with(cancel.key()));
            }
            None => assert!(!(8..=260).contains(&body.len())),
        },
        Packet::GssEnc | Packet::Ssl => {}
        Packet::Startup(version, body) => match request::startup(version, body) {
            Ok((startup, options)) => {
                let pairs = pairs(body).expect("a layout as PostgreSQL demands it");
                assert!(startup.user().len() <= 63 && startup.database().len() <= 63);
                let last = |wanted: &[u8]| {
                    let of_name = pairs.iter().rev().find(|(name, _)| *name == wanted);
                    of_name.map_or(&b""[..], |(_, value)| *value)
                };
                assert!(last(b"user").starts_with(startup.user()));
                let options_sent = pairs.iter().map(|(name, _)| *name);
                assert!(options_sent.filter(|n| n.starts_with(b"_pq_.")).eq(options));
                let settings = pairs.into_iter().filter(|(name, _)| {
                    let known: [&[u8]; 4] = [b"user", b"database", b"options", b"replication"];
                    !known.contains(name) && !name.starts_with(b"_pq_.")
                });
                assert!(settings.eq(startup.settings()));
            }
            Err(StartupFault::Layout) => assert_eq!(pairs(body), None),
            Err(StartupFault::Replication(value)) => {
                assert!(!value.contains(&0) && value.len() < body.len());
            }
        },
    }
}

/// The one packet that `whole` is, told apart by its code.
fn packet_of(whole: &[u8]) -> Packet<'_> {
    match (&whole[4..8], &whole[8..]) {
        ([4, 0xd2, 0x16, 0x2e], body) => Packet::Cancel(body),
        ([4, 0xd2, 0x16, 0x2f], _) => Packet::Ssl,
        ([4, 0xd2, 0x16, 0x30], _) => Packet::GssEnc,
        (code, body) => {
            let half = |at: usize| u16::from_be_bytes([code[at], code[at + 1]]);
            Packet::Startup(crate::login::ProtocolVersion::new(half(0), half(2)), body)
        }
    }
}

/// The names and values of a StartupMessage, if its terminator is its last byte.
fn pairs(body: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut strings: Vec<_> = body.strip_suffix(&[0])?.split(|byte| *byte == 0).collect();
    // `split` gives one empty string for nothing, and one behind the last zero byte.
    if strings.pop() != Some(b"") || strings.len() % 2 != 0 {
        return None;
    }
    let pairs: Vec<_> = strings
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    pairs
        .iter()
        .all(|(name, _)| !name.is_empty())
        .then_some(pairs)
}

/// Whole against split: the same bytes in any pieces lead to the same actions.
///
/// Two bytes of setup, a number of cuts, two bytes for each, then the stream.
pub fn cuts(input: &[u8]) {
    let [first, second, count, rest @ ..] = input else {
        return;
    };
    let Some((places, stream)) = rest.split_at_checked(2 * usize::from(count % 8)) else {
        return;
    };
    let setup = Setup::new(*first, *second);
    let places = places
        .chunks_exact(2)
        .map(|place| usize::from(place[0]) << 8 | usize::from(place[1]));
    let mut cuts: Vec<_> = places.map(|place| place % (stream.len() + 1)).collect();
    cuts.sort_unstable();
    compare(&setup, stream, &cuts);
    let every: Vec<_> = (1..=stream.len()).collect();
    compare(&setup, stream, &every);
}

/// Runs `stream` in pieces, and again in as few pieces as are the same to PostgreSQL: bytes that
/// come after the answer to a refused request are honest, bytes that came with it are not.
fn compare(setup: &Setup, stream: &[u8], cuts: &[usize]) {
    let split = run(setup, stream, cuts);
    let whole = run(setup, stream, &split.answered);
    assert_eq!(split.actions, whole.actions, "cut at {cuts:?}");
}

/// Policy, TLS session and decision of one run.
struct Setup {
    rules: Rules,
    alpn: Option<Vec<u8>>,
    answer: Answer,
    ends: bool,
}

impl Setup {
    fn new(first: u8, second: u8) -> Self {
        let encryption = match first & 3 {
            0 => Encryption::Unavailable,
            1 => Encryption::Required,
            _ => Encryption::Optional,
        };
        let mut rules = Rules::new(encryption);
        if first & 4 != 0 {
            rules = rules.require_certificate();
        }
        if first & 8 != 0 {
            rules = rules.require_certificate_of_user();
        }
        if first & 16 != 0 {
            rules = rules.for_unix_socket();
        }
        Self {
            rules,
            alpn: (second & 1 == 0).then(|| ALPN.to_vec()),
            answer: match second >> 1 & 3 {
                0 => Answer::Refuse(ErrorResponse::fatal(
                    SqlState::TOO_MANY_CONNECTIONS,
                    "sorry, too many clients already",
                )),
                1 => Answer::Require(AuthMethod::Reject.into()),
                _ => Answer::Require(AuthMethod::Trust.into()),
            },
            ends: second & 8 != 0,
        }
    }

    fn facts(&self) -> TlsFacts {
        TlsFacts {
            version: TlsVersion::Tls13,
            cipher: "TLS_AES_128_GCM_SHA256",
            cipher_bits: 128,
            group: None,
            sni: None,
            alpn: self.alpn.clone(),
            peer_certificates: Vec::new(),
            server_certificate: None,
            has_ca: true,
            resumed: false,
        }
    }
}

struct Run {
    actions: Vec<String>,
    /// Where the input ended when a request was refused.
    answered: Vec<usize>,
}

/// Feeds a machine. A TLS handshake takes no bytes here: what stands behind SSLRequest is what
/// comes out of TLS, and the first byte of direct TLS stands for all of its handshake.
fn run(setup: &Setup, stream: &[u8], cuts: &[usize]) -> Run {
    let now = Duration::ZERO;
    let mut connection = Connection::new(setup.rules.clone());
    let mut run = Run {
        actions: Vec::new(),
        answered: Vec::new(),
    };
    let mut consumed = 0;
    for fed in cuts.iter().copied().chain([stream.len()]) {
        loop {
            let input = &stream[consumed..fed.max(consumed)];
            let step = connection.handle_input(now, input);
            assert!(step.consumed <= input.len());
            consumed += step.consumed;
            let note = format!("{consumed} {:?}", step.action);
            match step.action {
                Action::NeedInput => {
                    assert!(
                        connection.poll_timeout().is_none() || input.len() < MAX_PACKET,
                        "more than one packet is waited for"
                    );
                    break;
                }
                Action::Ask(question) => connection.answer(question, setup.answer.clone()),
                Action::BeginTls(upgrade) => {
                    consumed += usize::from(upgrade.is_direct());
                    begin_tls(&mut connection, upgrade, setup);
                }
                Action::Reply(_) if step.consumed == input.len() => run.answered.push(fed),
                _ => {}
            }
            run.actions.push(note);
            // N, N, S or BeginTls, v, Ask, R, Admit: nothing repeats.
            assert!(
                run.actions.len() <= 8,
                "negotiation is bounded: {:?}",
                run.actions
            );
        }
    }
    if setup.ends {
        let rest = &stream[consumed..];
        run.actions
            .push(format!("{:?}", connection.handle_eof(rest).action));
    }
    let late = connection.handle_timeout(setup.rules.login_timeout).action;
    run.actions.push(format!("{late:?}"));
    assert_eq!(
        connection.poll_timeout(),
        None,
        "nothing outlives the deadline"
    );
    assert!(matches!(
        connection.handle_input(now, stream).action,
        Action::NeedInput
    ));
    run
}

fn begin_tls(connection: &mut Connection, upgrade: Upgrade, setup: &Setup) {
    let busy = connection.handle_input(Duration::ZERO, b"\0\0\0\x08\x04\xd2\x16\x2f");
    assert!(busy.consumed == 0 && matches!(busy.action, Action::NeedInput));
    connection.upgraded(upgrade, setup.facts());
}
