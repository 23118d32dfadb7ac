//! What has gone wrong in front doors before, each shown to be absent here. CVE numbers name the
//! public cases; the tables in the other files go through the same ground state by state.

use std::sync::Arc;
use std::time::Duration;

use crate::packets::{GSS, SSL, alice, cancel, packet, startup};
use crate::story::{self, NOW};
use crate::world::{self, Do, POSTGRESQL, Told, Way};
use pgtls::rustls::ClientConnection;
use pgtls::rustls::pki_types::ServerName;
use pgtls::{Answer, AuthMethod, Handshake, Output, Peer, Question, SslMode};

const WHOLE: Way = Way {
    cut: None,
    bytewise: false,
    tiny_records: false,
};
const BYTEWISE: Way = Way {
    bytewise: true,
    ..WHOLE
};
const QUERY: &[u8] = b"Q\0\0\0\x0dselect 1\0";

fn meet(mode: SslMode, script: &[Do<'_>], way: Way) -> Told {
    let config = Arc::new(world::client_config(POSTGRESQL));
    world::run(&world::door(mode), story::trust, &config, script, way)
}

/// Feeds raw bytes in one piece and tells the story and what was sent.
fn feed(handshake: &mut Handshake, bytes: &[u8]) -> (String, Vec<u8>) {
    let (mut story, mut wire, mut rest) = (Vec::new(), Vec::new(), bytes);
    loop {
        let taken = handshake.handle_input(NOW, rest);
        rest = &rest[taken..];
        story::drain(handshake, story::trust, &mut story, &mut wire);
        if taken == 0 {
            return (story.join(" "), wire);
        }
    }
}

fn client() -> ClientConnection {
    let config = Arc::new(world::client_config(POSTGRESQL));
    ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap()
}

fn client_hello() -> Vec<u8> {
    let mut hello = Vec::new();
    client().write_tls(&mut hello).unwrap();
    hello
}

/// CVE-2021-23214, CVE-2021-3935, CVE-2021-43766, CVE-2021-43767.
#[test]
fn plaintext_behind_ssl_request_never_reaches_the_parser() {
    let injected = [&alice()[..], QUERY].concat();
    let script = [Do::Raw(SSL), Do::Raw(&injected), Do::Tls, Do::Say(&alice())];
    let alice = alice();
    for cut in 1..SSL.len() + injected.len() {
        let way = Way {
            cut: Some(cut),
            ..WHOLE
        };
        // Before the `S`, with it, and after it.
        for script in [
            &script[..],
            &[
                Do::Raw(SSL),
                Do::Wait,
                Do::Raw(&injected),
                Do::Tls,
                Do::Say(&alice),
            ],
        ] {
            let told = meet(SslMode::Prefer, script, way);
            assert!(
                told.story.starts_with("S silent 08P01: TLS"),
                "{cut}: {}",
                told.story
            );
        }
    }
    // What TLS may well begin with is let through to it.
    let told = meet(
        SslMode::Prefer,
        &[Do::Raw(SSL), Do::Tls, Do::Say(&alice)],
        WHOLE,
    );
    assert_eq!(told.story, "S R in alice/alice 3.0");
    // Bytes that follow the handshake in plain are no part of the session either.
    let script = [
        Do::Raw(SSL),
        Do::Wait,
        Do::Tls,
        Do::Say(SSL),
        Do::Raw(&injected),
    ];
    let told = meet(SslMode::Prefer, &script, WHOLE);
    assert!(!told.story.contains(" R"), "{}", told.story);
}

#[test]
fn plaintext_behind_a_refused_request_is_an_offence() {
    for request in [SSL, GSS] {
        let mut handshake = world::door(SslMode::Disable).handshake(&Peer::Unknown);
        let (story, _) = feed(&mut handshake, &[request, &alice()].concat());
        assert!(
            story.starts_with("N FATAL 08P01: received unencrypted data"),
            "{story}"
        );
        assert!(!story.contains(" R"));
    }
}

#[test]
fn no_message_in_the_place_of_an_answer_is_taken_for_one() {
    fn reject(_: &Question) -> Answer {
        Answer::Require(AuthMethod::Reject.into())
    }
    let config = Arc::new(world::client_config(POSTGRESQL));
    for kind in 0..=u8::MAX {
        // Every type, before the verdict and together with the StartupMessage.
        let behind = [kind, 0, 0, 0, 8, b'a', b'b', b'c', 0];
        let both = [&alice()[..], &behind].concat();
        let told = world::run(
            &world::door(SslMode::Prefer),
            reject,
            &config,
            &[Do::Raw(&both)],
            WHOLE,
        );
        let rejected = "FATAL 28000: connection rejected for user \"alice\", database \"alice\"";
        assert_eq!(told.story, rejected, "{kind}");
        // And before there is a question at all.
        let mut handshake = world::door(SslMode::Prefer).handshake(&Peer::Unknown);
        let (story, _) = feed(&mut handshake, &behind);
        assert!(!story.contains('R'), "{kind}: {story}");
    }
}

#[test]
fn without_an_answer_nobody_gets_in() {
    for (phase, late) in [("question", false), ("deadline", true)] {
        let mut handshake = world::door(SslMode::Prefer).handshake(&Peer::Unknown);
        handshake.handle_input(NOW, &alice());
        let Output::Ask(question) = handshake.poll_output() else {
            panic!("not asked");
        };
        // While the question is out nothing is consumed and nothing said.
        assert_eq!(handshake.handle_input(NOW, QUERY), QUERY.len(), "{phase}");
        assert!(matches!(handshake.poll_output(), Output::Wait(Some(_))));
        if late {
            let deadline = Duration::from_secs(60);
            handshake.handle_timeout(deadline);
            assert!(matches!(handshake.poll_output(), Output::Close(_)));
            // Whatever is answered then comes too late.
            handshake.answer(
                deadline,
                question,
                Answer::Require(AuthMethod::Trust.into()),
            );
        } else {
            handshake.handle_eof(NOW);
            assert!(matches!(handshake.poll_output(), Output::Close(_)));
            handshake.answer(NOW, question, Answer::Require(AuthMethod::Trust.into()));
        }
        assert!(
            matches!(handshake.poll_output(), Output::Wait(None)),
            "{phase}"
        );
    }
}

/// CVE-2026-6479.
#[test]
fn negotiation_does_not_go_on_for_ever() {
    for first in [SSL, GSS] {
        let mut handshake = world::door(SslMode::Disable).handshake(&Peer::Unknown);
        let second = if first == SSL { GSS } else { SSL };
        let mut refused = 0;
        for request in [first, second].into_iter().cycle().take(1000) {
            let (story, _) = feed(&mut handshake, request);
            match story.as_str() {
                "N" => refused += 1,
                story => {
                    assert!(story.starts_with("FATAL 0A000: unsupported frontend protocol 1234."));
                    break;
                }
            }
        }
        assert_eq!(refused, 2, "at most one answer to each");
    }
}

/// CVE-2026-14681.
#[test]
fn gss_encryption_is_never_offered_within_tls() {
    for way in [WHOLE, BYTEWISE] {
        let direct = meet(SslMode::Prefer, &[Do::Tls, Do::Say(GSS)], way);
        assert_eq!(direct.story, "N …");
        let asked = meet(
            SslMode::Prefer,
            &[Do::Raw(SSL), Do::Wait, Do::Tls, Do::Say(GSS)],
            way,
        );
        assert!(asked.story.starts_with("S FATAL 0A000"), "{}", asked.story);
    }
}

/// CVE-2026-25949.
#[test]
fn one_deadline_holds_through_every_phase() {
    let deadline = Duration::from_secs(60);
    // A whole conversation, recorded, to stall after each of its bytes.
    for direct in [false, true] {
        let mut stalled = 0;
        for bytes in 0.. {
            let mut handshake = world::door(SslMode::Require).handshake(&Peer::Unknown);
            let mut client = client();
            let mut left = bytes;
            let mut wire = if direct { Vec::new() } else { SSL.to_vec() };
            let mut asked = direct;
            let mut done = false;
            while left > 0 && !done {
                if asked {
                    while client.wants_write() {
                        client.write_tls(&mut wire).unwrap();
                    }
                }
                if wire.is_empty() {
                    // The client is through: half a StartupMessage, and no more.
                    std::io::Write::write_all(&mut client.writer(), &alice()[..9]).unwrap();
                    done = true;
                    continue;
                }
                let piece: Vec<u8> = wire.drain(..left.min(wire.len())).collect();
                left -= piece.len();
                // Time passes, and each byte comes just in time.
                let now = deadline - Duration::from_millis(1);
                assert_eq!(handshake.handle_input(now, &piece), piece.len());
                loop {
                    match handshake.poll_output() {
                        Output::Send(answer) => {
                            let mut heard = answer.as_slice();
                            if !asked {
                                assert_eq!(heard, b"S");
                                (heard, asked) = (&[], true);
                            }
                            while !heard.is_empty() {
                                client.read_tls(&mut heard).unwrap();
                                client.process_new_packets().unwrap();
                            }
                        }
                        Output::Wait(until) => {
                            assert_eq!(until, Some(deadline));
                            break;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            handshake.handle_timeout(deadline);
            let Output::Close(close) = handshake.poll_output() else {
                panic!("still open, stalled after {bytes} bytes");
            };
            assert!(
                close
                    .reason()
                    .to_string()
                    .starts_with("login was not done in time")
            );
            assert!(matches!(handshake.poll_output(), Output::Wait(None)));
            stalled += 1;
            if done {
                break;
            }
        }
        assert!(stalled > 200, "{stalled}");
    }
}

/// CVE-2026-6664, CVE-2026-6665, CVE-2026-6666.
#[test]
fn length_words_of_every_size_are_judged_before_anything_is_kept() {
    let edges = [
        i32::MIN,
        -1,
        0,
        3,
        4,
        7,
        8,
        9,
        10_003,
        10_004,
        10_005,
        65_535,
        65_536,
        i32::MAX,
    ];
    let around = edges
        .iter()
        .flat_map(|edge| (-3..=3).map(move |by| edge.wrapping_add(by)));
    let powers = (0..32).map(|bit| 1_i32.wrapping_shl(bit));
    for length in around.chain(powers) {
        let word = length.to_be_bytes();
        let mut handshake = world::door(SslMode::Disable).handshake(&Peer::Unknown);
        let (story, _) = feed(&mut handshake, &word);
        if (8..=10_004).contains(&length) {
            assert_eq!(story, "", "{length} is waited for");
        } else if word[0] != 0x16 {
            assert!(
                story.starts_with("silent 08P01: invalid length"),
                "{length}: {story}"
            );
        }
    }
    // The same words as the length of a cancel key or of nothing at all.
    for body in 0..16 {
        let mut handshake = world::door(SslMode::Disable).handshake(&Peer::Unknown);
        let (story, _) = feed(&mut handshake, &packet(80_877_102, &vec![0; body]));
        assert_eq!(story.starts_with("cancel"), body >= 8, "{body}: {story}");
    }
}

#[test]
fn tls_is_believed_only_of_the_transport() {
    // Asked for TLS, was granted it, and went on without.
    for mode in [SslMode::Prefer, SslMode::Require] {
        let told = meet(mode, &[Do::Raw(SSL), Do::Wait, Do::Raw(&alice())], BYTEWISE);
        assert!(
            told.story.starts_with("S silent 08P01: TLS"),
            "{}",
            told.story
        );
    }
    // Asked, was refused, and says so itself: the login knows better.
    let claims = startup("user\0alice\0sslmode\0verify-full\0ssl\0on\0\0");
    let mut handshake = world::door(SslMode::Disable).handshake(&Peer::Unknown);
    let (said, _) = feed(&mut handshake, SSL);
    assert_eq!(said, "N");
    handshake.handle_input(NOW, &claims);
    let Output::Ask(question) = handshake.poll_output() else {
        panic!("not asked");
    };
    assert!(question.tls().is_none());
    handshake.answer(NOW, question, Answer::Require(AuthMethod::Trust.into()));
    let Output::Done(session) = handshake.poll_output() else {
        panic!("not in");
    };
    assert!(!session.is_encrypted() && session.login().tls().is_none());
}

#[test]
fn cancel_is_taken_in_plain_and_under_tls_and_never_answered() {
    let cancel = cancel(&[7; 32]);
    let modes = [SslMode::Require, SslMode::VerifyCA, SslMode::VerifyFull];
    for mode in modes {
        for way in [WHOLE, BYTEWISE] {
            let plain = meet(mode, &[Do::Raw(&cancel)], way);
            assert_eq!(plain.story, "cancel 7 32");
            let under_tls = meet(mode, &[Do::Tls, Do::Say(&cancel)], way);
            assert_eq!(under_tls.story, "cancel 7 32");
        }
    }
}

#[test]
fn direct_tls_without_alpn_is_closed_on() {
    for (alpn, outcome) in [
        (
            &[][..],
            "silent 08P01: received direct SSL connection request without ALPN protocol negotiation extension",
        ),
        (
            &["h2"],
            "silent 08P01: TLS handshake failed: peer doesn't support any known protocol",
        ),
        (&["h2", "postgresql"], "R in alice/alice 3.0"),
    ] {
        let habits = world::Habits { alpn, ..POSTGRESQL };
        let config = Arc::new(world::client_config(habits));
        let door = world::door(SslMode::Prefer);
        let alice = alice();
        let told = world::run(
            &door,
            story::trust,
            &config,
            &[Do::Tls, Do::Say(&alice)],
            WHOLE,
        );
        assert_eq!(told.story, outcome);
    }
}

/// CVE-2024-11738.
#[test]
fn a_client_hello_may_come_in_records_of_any_size() {
    let hello = client_hello();
    let (header, body) = hello.split_at(5);
    let record = |content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&header[..3], &length, content].concat()
    };
    let into_records = |size: usize| body.chunks(size).flat_map(record).collect::<Vec<u8>>();
    let halves = (1..body.len()).map(|cut| [record(&body[..cut]), record(&body[cut..])].concat());
    for request in [&b""[..], SSL] {
        let door = world::door(SslMode::Require);
        let check = |records: &[u8], bytewise: bool| {
            let mut handshake = door.handshake(&Peer::Unknown);
            let mut answer = Vec::new();
            if bytewise {
                for byte in request.iter().chain(records) {
                    answer.extend(feed(&mut handshake, &[*byte]).1);
                }
            } else {
                answer = feed(&mut handshake, &[request, records].concat()).1;
            }
            // A ServerHello, or an orderly alert: never silence, never a panic.
            let answer = answer.strip_prefix(b"S").unwrap_or(&answer);
            assert!(matches!(answer, [21 | 22, 3, ..]), "{answer:?}");
            answer[0] == 22
        };
        assert!(check(&into_records(body.len()), true));
        for size in [1, 2, 3, 7, 64] {
            check(&into_records(size), false);
            check(&into_records(size), true);
        }
        for records in halves.clone() {
            assert!(check(&records, false), "two records");
        }
    }
}

#[test]
fn a_client_hello_after_a_refusal_is_closed_on_in_silence() {
    for request in [SSL, GSS] {
        let mut handshake = world::door(SslMode::Disable).handshake(&Peer::Unknown);
        assert_eq!(feed(&mut handshake, request).0, "N");
        let (story, wire) = feed(&mut handshake, &client_hello());
        assert!(story.starts_with("silent 08P01: invalid length"), "{story}");
        assert_eq!(wire, b"");
    }
}

#[test]
fn a_client_that_leaves_is_no_error() {
    // In plain, within TLS, with and without close_notify: debug, not a line for the operator.
    for script in [
        &[Do::Leave][..],
        &[Do::Raw(GSS), Do::Wait, Do::Leave],
        &[Do::Tls, Do::Say(GSS), Do::Wait, Do::Close],
        &[Do::Tls, Do::Say(GSS), Do::Wait, Do::Leave],
    ] {
        let told = meet(SslMode::Prefer, script, WHOLE);
        assert!(
            told.story
                .ends_with("client closed the connection before login"),
            "{}",
            told.story
        );
        assert_eq!(told.alert, None);
    }
    let close = {
        let mut handshake = world::door(SslMode::Prefer).handshake(&Peer::Unknown);
        handshake.handle_eof(NOW);
        let Output::Close(close) = handshake.poll_output() else {
            panic!("open");
        };
        close
    };
    assert!(!close.reason().is_noteworthy());
}

#[cfg(all(feature = "tokio", feature = "sqlite"))]
mod served {
    use std::collections::HashSet;
    use std::io::Read;
    use std::time::Duration;

    use pgtls::{PgServerBuilder, SslMode};

    use crate::common::raw::{Raw, query, startup};
    use crate::common::{Certs, Server, embedded};
    use crate::packets::of_version;

    /// CVE-2025-12819.
    #[test]
    fn startup_parameters_are_data_and_never_statements() {
        let server = Server::start(PgServerBuilder::new(), embedded());
        let mut owner = Raw::plain(&server);
        owner.log_in();
        owner.send(&query("create table kept(a integer)"));
        assert_eq!(owner.story(), "C(CREATE TABLE) Z(I)");
        let statement = "x'; drop table kept; --";
        for name in [
            "search_path",
            "application_name",
            "options",
            "DateStyle",
            "database",
            "user",
        ] {
            let mut client = Raw::plain(&server);
            let mut settings = vec![("user", "postgres"), (name, statement)];
            settings.dedup_by_key(|(name, _)| *name);
            client.send(&startup(&settings));
            client.story();
            owner.send(&query("select count(*) from kept"));
            assert_eq!(owner.story(), "T D C(SELECT 1) Z(I)", "{name}");
        }
    }

    #[test]
    fn cancel_keys_are_random_long_under_3_2_and_of_one_session() {
        let server = Server::start(PgServerBuilder::new(), embedded());
        let mut sessions = Vec::new();
        let mut known = HashSet::new();
        for (minor, length) in [(0, 4), (1, 4), (2, 32), (2, 32), (0, 4), (2, 32)] {
            let mut client = Raw::plain(&server);
            client.send(&of_version(3, minor, b"user\0postgres\0\0"));
            loop {
                match client.message().unwrap() {
                    (b'K', body) => {
                        let (id, key) = body.split_first_chunk::<4>().unwrap();
                        assert_eq!(key.len(), length, "3.{minor}");
                        assert!(known.insert(id.to_vec()), "an id for each session");
                        assert!(known.insert(key.to_vec()), "a key for each session");
                        assert!(key.iter().any(|byte| *byte != key[0]));
                    }
                    (b'Z', _) => break,
                    _ => {}
                }
            }
            sessions.push(client);
        }
    }

    #[test]
    fn a_refusal_reaches_a_client_that_is_still_sending() {
        let certs = Certs::new();
        let server = Server::in_mode(SslMode::Require, &certs);
        for _ in 0..20 {
            let mut client = Raw::plain(&server);
            let mut all = startup(&[("user", "postgres")]);
            // Unread bytes at the server would make its close a reset that eats the answer.
            all.resize(all.len() + 60_000, b'x');
            client.send(&all);
            std::thread::sleep(Duration::from_millis(5));
            let mut answer = Vec::new();
            client.0.read_to_end(&mut answer).unwrap();
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.contains("SSL is required"), "{answer}");
        }
    }
}
