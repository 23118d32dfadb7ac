//! Everything before TLS, and all that goes without it: the pure machine and the handshake must
//! tell the same story.

mod startup;

use pgtls::{
    Answer, AuthMethod, Encryption, ErrorResponse, FrontDoor, Peer, Question, Rules, SqlState,
};

use crate::packets::{GSS, SSL, V3_0, alice, cancel, of_version, packet, startup};
use crate::story::{self, End};

const EARLY_SSL: &str = "FATAL 08P01: received unencrypted data after SSL request (This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.)";
const EARLY_GSS: &str = "FATAL 08P01: received unencrypted data after GSSAPI encryption request (This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.)";
const LAYOUT: &str = "FATAL 08P01: invalid startup packet layout: expected terminator as last byte";
const NO_USER: &str = "FATAL 28000: no PostgreSQL user name specified in startup packet";
const NO_TLS: &str = "FATAL 28000: SSL is required but no SSL request was received (Connect with sslmode=require or stronger.)";
const INCOMPLETE: &str = "silent 08P01: incomplete startup packet";
const LEFT: &str = "silent 08006: client closed the connection before login";
const CANCEL_KEY: &str = "silent 08P01: invalid length of cancel key in cancel request packet";

fn unsupported(version: &str) -> String {
    format!("FATAL 0A000: unsupported frontend protocol {version}: server supports 3.0 to 3.2")
}

fn bad_length(word: u32) -> String {
    format!(
        "silent 08P01: invalid length of startup packet ({word}); the client may not speak the PostgreSQL protocol"
    )
}

/// Feeds what a client sends, part by part, in all segmentations.
///
/// Each part has its own outcome. Where that is `N` and the next part came in the same read, it
/// came too early: the client had not seen the answer. In a later read it is honest.
#[track_caller]
fn check_with(
    encryption: Encryption,
    answer: fn(&Question) -> Answer,
    parts: &[(&[u8], &str)],
    end: End,
) {
    let rules = Rules::new(encryption);
    let stream = parts
        .iter()
        .flat_map(|(bytes, _)| *bytes)
        .copied()
        .collect::<Vec<_>>();
    let boundaries: Vec<usize> = parts
        .iter()
        .scan(0, |at, (bytes, _)| {
            *at += bytes.len();
            Some(*at)
        })
        .filter(|at| *at < stream.len())
        .collect();
    let door = crate::door(encryption);
    let run = |cuts: &[usize]| {
        let expected = expected(parts, cuts);
        let told = story::of_machine(&rules, answer, &stream, cuts, end);
        assert_eq!(told, expected, "cut at {cuts:?}");
        if let Some(door) = &door {
            let handshake = door.handshake(&Peer::Unknown);
            let told = story::of_handshake(handshake, answer, &stream, cuts, end);
            assert_eq!(told, expected, "handshake, cut at {cuts:?}");
        }
    };
    run(&[]);
    run(&boundaries);
    run(&(1..stream.len()).collect::<Vec<_>>());
    for cut in 1..stream.len() {
        run(&[cut]);
        let mut cuts = boundaries.clone();
        cuts.push(cut);
        cuts.sort_unstable();
        cuts.dedup();
        run(&cuts);
    }
}

/// The outcome where the stream is cut here.
fn expected(parts: &[(&[u8], &str)], cuts: &[usize]) -> String {
    let mut story = Vec::new();
    let mut at = 0;
    for (place, (bytes, outcome)) in parts.iter().enumerate() {
        at += bytes.len();
        if !outcome.is_empty() {
            story.push(*outcome);
        }
        let more = parts[place + 1..]
            .iter()
            .any(|(bytes, _)| !bytes.is_empty());
        if *outcome == "N" && more && !cuts.contains(&at) {
            story.push(if bytes.ends_with(&GSS[4..]) {
                EARLY_GSS
            } else {
                EARLY_SSL
            });
            break;
        }
    }
    story.join(" ")
}

#[track_caller]
fn check(encryption: Encryption, parts: &[(&[u8], &str)]) {
    check_with(encryption, story::trust, parts, End::Open);
}

/// One packet to a server without TLS.
#[track_caller]
fn alone(bytes: &[u8], outcome: &str) {
    check(Encryption::Unavailable, &[(bytes, outcome)]);
}

#[test]
fn every_request_in_every_state_without_tls() {
    let ssl_again = unsupported("1234.5679");
    let gss_again = unsupported("1234.5680");
    let (four, cancel, alice) = (of_version(4, 0, b"\0"), cancel(b"abcd"), alice());
    let four_refused = unsupported("4.0");
    let states: [(&[&[u8]], [&str; 2]); 5] = [
        (&[], ["N …", "N …"]),
        (&[SSL], [&ssl_again, "N …"]),
        (&[GSS], ["N …", &gss_again]),
        (&[SSL, GSS], [&ssl_again, &gss_again]),
        (&[GSS, SSL], [&ssl_again, &gss_again]),
    ];
    for (before, [ssl, gss]) in states {
        for (request, outcome) in [
            (SSL, ssl),
            (GSS, gss),
            (&cancel, "cancel 7 4"),
            (&alice, "R in alice/alice 3.0"),
            (&four, &four_refused),
        ] {
            let mut parts: Vec<_> = before.iter().map(|bytes| (*bytes, "N")).collect();
            parts.push((request, outcome));
            check(Encryption::Unavailable, &parts);
        }
        // The end of the stream may come in any state.
        let mut parts: Vec<_> = before.iter().map(|bytes| (*bytes, "N")).collect();
        parts.push((b"", LEFT));
        check_with(Encryption::Unavailable, story::trust, &parts, End::Eof);
        parts.pop();
        parts.push((b"\0\0", INCOMPLETE));
        check_with(Encryption::Unavailable, story::trust, &parts, End::Eof);
    }
}

#[test]
fn plaintext_follows_the_rules_of_encryption() {
    use Encryption::{Optional, Required, Unavailable};
    let (alice, cancel) = (alice(), cancel(b"abcd"));
    let admitted = "R in alice/alice 3.0";
    for (encryption, outcome) in [
        (Unavailable, admitted),
        (Optional, admitted),
        (Required, NO_TLS),
    ] {
        check(encryption, &[(&alice, outcome)]);
        check(encryption, &[(GSS, "N"), (&alice, outcome)]);
        check(encryption, &[(&cancel, "cancel 7 4")]);
        check(encryption, &[(GSS, "N"), (&cancel, "cancel 7 4")]);
    }
    // Whoever is refused learns first what is wrong with the packet.
    check(Required, &[(&startup("user\0alice\0"), LAYOUT)]);
    check(Required, &[(&startup("database\0d\0\0"), NO_USER)]);
    check(Required, &[(&of_version(4, 0, b"\0"), &unsupported("4.0"))]);
    check(
        Required,
        &[(
            &of_version(3, 9999, b"user\0alice\0\0"),
            &format!("v 3.2 [] {NO_TLS}"),
        )],
    );
    // Where TLS is possible the two flags are set alike.
    for encryption in [Optional, Required] {
        check(encryption, &[(GSS, "N"), (GSS, &unsupported("1234.5680"))]);
    }
    let direct =
        "silent 08P01: received direct SSL connection request, but TLS is off on this connection";
    check(Unavailable, &[(b"\x16\x03\x01\0\x05hello", direct)]);
    check(Unavailable, &[(b"\x16", direct)]);
}

#[test]
fn rules_of_a_unix_socket_never_have_tls_nor_require_it() {
    for rules in [
        Rules::new(Encryption::Required),
        Rules::new(Encryption::Optional),
        Rules::new(Encryption::Optional).require_certificate_of_user(),
    ] {
        let rules = rules.for_unix_socket();
        let stream = [SSL, &alice()].concat();
        for cut in [8, 9] {
            let cuts = [8, cut];
            let told = story::of_machine(&rules, story::trust, &stream, &cuts, End::Open);
            assert_eq!(told, "N R in alice/alice 3.0");
        }
    }
}

#[test]
fn a_body_within_the_counted_length_is_ignored() {
    let cases: [(u32, &str); 2] = [(0x04d2_162f, "1234.5679"), (0x04d2_1630, "1234.5680")];
    for (code, name) in cases {
        let long = packet(code, &[7; 500]);
        for body in [&b"x"[..], b"\0\0\0\x08", &long[8..]] {
            let request = packet(code, body);
            let early = if code == 0x04d2_162f {
                EARLY_SSL
            } else {
                EARLY_GSS
            };
            for (cuts, outcome) in [
                (&[][..], format!("N {early}")),
                (&[request.len()], "N R in alice/alice 3.0".to_owned()),
            ] {
                let stream = [&request[..], &alice()].concat();
                let rules = Rules::new(Encryption::Unavailable);
                let told = story::of_machine(&rules, story::trust, &stream, cuts, End::Open);
                assert_eq!(told, outcome, "{name}");
            }
        }
    }
}

#[test]
fn lengths_are_judged_on_the_length_word_alone() {
    for word in [
        0_u32,
        1,
        3,
        4,
        5,
        7,
        10_005,
        10_006,
        16_384,
        0x0001_0000,
        0x1603_0100,
        0x4745_5420,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0008,
        0xffff_fff8,
        0xffff_ffff,
    ] {
        // Direct TLS is the one exception, and looks at one byte.
        if word >> 24 != 0x16 {
            alone(&word.to_be_bytes(), &bad_length(word));
        }
        check(
            Encryption::Unavailable,
            &[(SSL, "N"), (&word.to_be_bytes(), &bad_length(word))],
        );
    }
    for word in [8_u32, 9, 10_003, 10_004] {
        alone(&word.to_be_bytes(), "…");
    }
    for short in [&b"\0"[..], b"\xff", b"\0\0", b"\xff\xff\xff"] {
        alone(short, "…");
    }
    alone(b"", "…");
}

#[test]
fn the_longest_packet_is_taken_and_no_longer_one() {
    let user = "u".repeat(63);
    let mut body = format!("user\0{user}\0x\0{}", "v".repeat(9_923));
    body += "\0\0";
    let longest = startup(&body);
    assert_eq!(longest.len(), 10_004);
    let rules = Rules::new(Encryption::Unavailable);
    let value = "v".repeat(9_923);
    let outcome = format!("R in {user}/{user} 3.0 x={value}");
    // All splits of ten thousand would take minutes; these are the ones that could matter.
    for cut in [1, 3, 4, 5, 8, 4096, 8192, 9_999, 10_003] {
        let told = story::of_machine(&rules, story::trust, &longest, &[cut], End::Open);
        assert_eq!(told, outcome);
        let door = FrontDoor::plain().handshake(&Peer::Unknown);
        assert_eq!(
            story::of_handshake(door, story::trust, &longest, &[cut], End::Open),
            outcome
        );
    }
}

#[test]
fn foreign_protocols_are_closed_on_without_a_word() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO example.org\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
        b"\x80\x2e\x01\x03\x01",
        b"\x15\x03\x01\0\x02\x02\x28",
        b"\x17\x03\x03\0\x20",
        b"Q\0\0\0\x0dselect 1\0",
        b"p\0\0\0\x08abc\0",
        b"X\0\0\0\x04",
        b"*1\r\n$4\r\nPING\r\n",
    ] {
        let word = u32::from_be_bytes(*bytes.first_chunk().unwrap());
        alone(bytes, &bad_length(word));
    }
}

#[test]
fn cancel_keys_and_what_stands_behind() {
    for (length, outcome) in [
        (0, CANCEL_KEY),
        (3, CANCEL_KEY),
        (4, "cancel 7 4"),
        (5, "cancel 7 5"),
        (32, "cancel 7 32"),
        (255, "cancel 7 255"),
        (256, "cancel 7 256"),
        (257, CANCEL_KEY),
    ] {
        alone(&cancel(&vec![b'k'; length]), outcome);
    }
    for body in [&b""[..], b"\0", b"\0\0\0"] {
        alone(&packet(80_877_102, body), CANCEL_KEY);
    }
    // Only the first packet counts; nothing is ever answered.
    for behind in [&alice()[..], SSL, &cancel(b"abcd"), b"junk"] {
        alone(&[&cancel(b"abcd")[..], behind].concat(), "cancel 7 4");
    }
    let negative = packet(80_877_102, b"\xff\xff\xff\xffabcd");
    alone(&negative, "cancel -1 4");
}

#[test]
fn an_answer_may_refuse_in_its_own_words() {
    fn full(_: &Question) -> Answer {
        let code = SqlState::TOO_MANY_CONNECTIONS;
        Answer::Refuse(ErrorResponse::fatal(
            code,
            "sorry, too many clients already",
        ))
    }
    fn starting(_: &Question) -> Answer {
        let code = SqlState::CANNOT_CONNECT_NOW;
        Answer::Refuse(ErrorResponse::fatal(
            code,
            "the database system is starting up",
        ))
    }
    fn reject(_: &Question) -> Answer {
        Answer::Require(AuthMethod::Reject.into())
    }
    let alice = alice();
    use Encryption::{Required, Unavailable};
    let too_many = "FATAL 53300: sorry, too many clients already";
    let not_yet = "FATAL 57P03: the database system is starting up";
    // The server's state is told before the transport is judged.
    for encryption in [Unavailable, Required] {
        check_with(encryption, full, &[(&alice, too_many)], End::Open);
        check_with(encryption, starting, &[(&alice, not_yet)], End::Open);
        check_with(
            encryption,
            full,
            &[(&cancel(b"abcd"), "cancel 7 4")],
            End::Open,
        );
    }
    check_with(
        Unavailable,
        full,
        &[(SSL, "N"), (&alice, too_many)],
        End::Open,
    );
    let rejected = "FATAL 28000: connection rejected for user \"alice\", database \"alice\"";
    check_with(Unavailable, reject, &[(&alice, rejected)], End::Open);
    check_with(Required, reject, &[(&alice, NO_TLS)], End::Open);
    // Bad packets get no further than the packet.
    check_with(
        Unavailable,
        full,
        &[(&startup("user\0"), LAYOUT)],
        End::Open,
    );
    check_with(Unavailable, full, &[(&startup("\0"), NO_USER)], End::Open);
}

#[test]
fn the_stream_may_end_anywhere() {
    let whole = packet(V3_0, b"user\0alice\0\0");
    for length in 0..whole.len() {
        let outcome = if length == 0 { LEFT } else { INCOMPLETE };
        for encryption in [
            Encryption::Unavailable,
            Encryption::Optional,
            Encryption::Required,
        ] {
            check_with(
                encryption,
                story::trust,
                &[(&whole[..length], outcome)],
                End::Eof,
            );
        }
    }
    let admitted = "R in alice/alice 3.0";
    check_with(
        Encryption::Unavailable,
        story::trust,
        &[(&whole, admitted)],
        End::Eof,
    );
}
