//! Properties of the machine and of the handshake: any bytes, any pieces, any times.

use alloc::vec::Vec;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{cuts, requests};
use crate::auth::AuthMethod;
use crate::connection::{Action, Answer, Connection};
use crate::front_door::{FrontDoor, Peer};
use crate::handshake::Output;
use crate::policy::{Encryption, Rules};
use crate::wire::request::MAX_PACKET;

const DEADLINE: Duration = Duration::from_secs(60);

fn with_length(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

fn version() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => Just(0x0003_0000_u32),
        2 => Just(0x0003_0002),
        1 => Just(0x04d2_162e),
        1 => any::<u32>(),
    ]
}

/// A StartupMessage, more or less.
fn startup_message() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        4 => Just(b"user\0".to_vec()),
        1 => Just(b"database\0".to_vec()),
        1 => Just(b"replication\0".to_vec()),
        1 => Just(b"_pq_.x\0".to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    let value = prop_oneof![
        4 => Just(b"alice\0".to_vec()),
        1 => Just(b"on\0".to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    (version(), vec((name, value), 0..4), 0..3_usize).prop_map(|(version, pairs, zeros)| {
        let mut body = pairs
            .into_iter()
            .fold(Vec::new(), |mut body, (name, value)| {
                body.extend(name);
                body.extend(value);
                body
            });
        body.resize(body.len() + zeros, 0);
        with_length(version, &body)
    })
}

/// Packets, whole, odd and broken, and noise.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => startup_message(),
        2 => Just(with_length(0x04d2_162f, b"")),
        2 => Just(with_length(0x04d2_1630, b"")),
        1 => Just(with_length(0x04d2_162f, b"body")),
        1 => Just(with_length(0x04d2_162e, b"\0\0\0\x01abcd")),
        1 => Just(b"\x16".to_vec()),
        1 => vec(any::<u8>(), 0..12),
        1 => (0..9_996_usize).prop_map(|n| with_length(0x0003_0000, &Vec::from_iter(core::iter::repeat_n(b'x', n)))),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    vec(packet(), 0..6).prop_map(|packets| packets.concat())
}

/// Bytes and the time since the last ones.
fn pieces() -> impl Strategy<Value = Vec<(Vec<u8>, Duration)>> {
    let wait = prop_oneof![
        6 => Just(Duration::ZERO),
        1 => (0..70_000_u64).prop_map(Duration::from_millis),
    ];
    let piece = prop_oneof![3 => packet(), 1 => vec(any::<u8>(), 0..40)];
    vec((piece, wait), 0..12)
}

fn encryption() -> impl Strategy<Value = Encryption> {
    prop_oneof![
        Just(Encryption::Unavailable),
        Just(Encryption::Optional),
        Just(Encryption::Required),
    ]
}

fn is_final(action: &Action) -> bool {
    matches!(
        action,
        Action::Admit(_) | Action::Cancel(_) | Action::Close(_)
    )
}

proptest! {
    #[test]
    fn any_packet_is_read_as_the_rules_say(input in stream()) {
        requests(&input);
    }

    #[test]
    fn every_length_word_is_judged_alike(word: u32, behind in vec(any::<u8>(), 0..16)) {
        requests(&[&word.to_be_bytes()[..], &behind].concat());
    }

    #[test]
    fn same_bytes_in_any_cuts_give_the_same_actions(
        setup: [u8; 2],
        cuts_at in vec(any::<[u8; 2]>(), 0..8),
        stream in stream(),
    ) {
        let count = u8::try_from(cuts_at.len()).unwrap();
        cuts(&[&setup[..], &[count], &cuts_at.concat(), &stream].concat());
    }

    #[test]
    fn what_a_client_says_is_what_the_login_holds(
        user in "[^\0]{1,70}",
        database in "[^\0]{0,70}",
        settings in vec(("[a-z]{6,9}x", "[^\0]{0,9}"), 0..5),
    ) {
        let mut body = alloc::format!("user\0{user}\0database\0{database}\0");
        for (name, value) in &settings {
            body += &alloc::format!("{name}\0{value}\0");
        }
        body.push('\0');
        let mut connection = Connection::new(Rules::new(Encryption::Unavailable));
        let packet = with_length(0x0003_0000, body.as_bytes());
        let Action::Ask(question) = connection.handle_input(Duration::ZERO, &packet).action else {
            panic!("not asked");
        };
        let cut = |name: &str| name.as_bytes()[..name.len().min(63)].to_vec();
        let startup = question.startup();
        prop_assert_eq!(startup.user(), cut(&user));
        let database = if database.is_empty() { &user } else { &database };
        prop_assert_eq!(startup.database(), cut(database));
        let sent = settings.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        prop_assert!(startup.settings().eq(sent));
    }

    #[test]
    fn a_machine_gives_one_verdict_and_ends_by_the_deadline(
        encryption in encryption(),
        pieces in pieces(),
        eof: bool,
    ) {
        let mut connection = Connection::new(Rules::new(encryption).login_timeout(DEADLINE));
        let (mut now, mut input, mut verdicts) = (Duration::ZERO, Vec::new(), 0);
        for (piece, wait) in pieces {
            now += wait;
            input.extend(piece);
            for _ in 0..12 {
                let step = connection.handle_input(now, &input);
                input.drain(..step.consumed);
                prop_assert!(now < DEADLINE || verdicts > 0 || is_final(&step.action));
                verdicts += usize::from(is_final(&step.action));
                match step.action {
                    Action::Ask(question) => {
                        connection.answer(question, Answer::Require(AuthMethod::Trust.into()));
                    }
                    Action::BeginTls(upgrade) => {
                        let close = connection.upgrade_failed(upgrade, "no").action;
                        prop_assert!(is_final(&close));
                        verdicts += 1;
                    }
                    Action::NeedInput => break,
                    _ => {}
                }
            }
            prop_assert!(verdicts > 0 || input.len() < MAX_PACKET);
            let overtime = matches!(connection.handle_input(now, &input).action, Action::NeedInput);
            prop_assert!(overtime, "it waits after twelve steps");
        }
        if eof {
            verdicts += usize::from(is_final(&connection.handle_eof(&input).action));
            prop_assert_eq!(verdicts, 1);
        }
        verdicts += usize::from(is_final(&connection.handle_timeout(now.max(DEADLINE)).action));
        prop_assert_eq!(verdicts, 1);
        prop_assert_eq!(connection.poll_timeout(), None);
    }

    #[test]
    fn a_handshake_keeps_one_packet_gives_one_verdict_and_ends_by_the_deadline(
        encryption in encryption(),
        pieces in pieces(),
        eof: bool,
    ) {
        let Some(door) = door(encryption) else { return Ok(()) };
        let mut handshake = door.login_timeout(DEADLINE).handshake(&Peer::Unknown);
        let (mut now, mut verdicts) = (Duration::ZERO, 0);
        let mut drain = |handshake: &mut crate::Handshake, now: Duration| {
            loop {
                match handshake.poll_output() {
                    Output::Ask(question) => {
                        let trust = Answer::Require(AuthMethod::Trust.into());
                        handshake.answer(now, question, trust);
                    }
                    Output::Cancel(_) | Output::Close(_) | Output::Done(_) => verdicts += 1,
                    Output::LookUp(lookup) => panic!("trust needs no secret: {lookup:?}"),
                    Output::Send(bytes) => assert!(verdicts == 0 && !bytes.is_empty()),
                    Output::Wait(until) => {
                        assert_eq!(until.is_none(), verdicts == 1);
                        // 10 004 bytes, as a growing buffer holds them.
                        assert!(handshake.buffered() <= 16_384);
                        return;
                    }
                }
            }
        };
        for (piece, wait) in pieces {
            now += wait;
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                let taken = handshake.handle_input(now, rest);
                rest = &rest[taken..];
                drain(&mut handshake, now);
                if taken == 0 {
                    break;
                }
            }
        }
        if eof {
            handshake.handle_eof(now);
            drain(&mut handshake, now);
        }
        handshake.handle_timeout(now.max(DEADLINE));
        drain(&mut handshake, now);
        prop_assert_eq!(verdicts, 1);
    }
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn door(encryption: Encryption) -> Option<FrontDoor> {
    matches!(encryption, Encryption::Unavailable).then(FrontDoor::plain)
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without cryptography there is none"
)]
fn door(encryption: Encryption) -> Option<FrontDoor> {
    use std::sync::{Arc, LazyLock};

    use rustls::pki_types::PrivatePkcs8KeyDer;

    static CONFIG: LazyLock<Arc<rustls::ServerConfig>> = LazyLock::new(|| {
        #[cfg(feature = "aws-lc-rs")]
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        #[cfg(not(feature = "aws-lc-rs"))]
        let provider = rustls::crypto::ring::default_provider();
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(Vec::from([made.cert.der().clone()]), key.into());
        Arc::new(config.unwrap())
    });
    Some(FrontDoor::with_rustls(
        Rules::new(encryption),
        Arc::clone(&CONFIG),
    ))
}
