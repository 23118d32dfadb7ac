//! The handshake against a real rustls client, in memory.

use std::sync::Arc;

use pgtls::SslMode::{self, Allow, Disable, Prefer, Require, VerifyCA, VerifyFull};
use pgtls::{Answer, AuthMethod, ErrorResponse, Question, SqlState};

use crate::packets::{GSS, SSL, alice, cancel, of_version, startup};
use crate::story;
use crate::world::{self, Do, Habits, POSTGRESQL, Told, Way};

const MODES: [SslMode; 6] = [Disable, Allow, Prefer, Require, VerifyCA, VerifyFull];
const WHOLE: Way = Way {
    cut: None,
    bytewise: false,
    tiny_records: false,
};
const WITH_CERTIFICATE: Habits = Habits {
    certificate: true,
    ..POSTGRESQL
};
const ADMITTED: &str = "R in alice/alice 3.0";
const SSL_AGAIN: &str =
    "FATAL 0A000: unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2";
const GSS_AGAIN: &str =
    "FATAL 0A000: unsupported frontend protocol 1234.5680: server supports 3.0 to 3.2";
const NO_CERTIFICATE: &str = "FATAL 28000: connection requires a valid client certificate";
const EARLY: &str = "(This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.)";

/// A conversation in all segmentations. The outcome is the same in each: the client waits where
/// PostgreSQL would have it wait, or it makes no difference.
#[track_caller]
fn check(mode: SslMode, habits: Habits, script: &[Do<'_>], outcome: &str) {
    check_with(mode, story::trust, habits, script, outcome, |_| {});
}

#[track_caller]
fn check_with(
    mode: SslMode,
    answer: fn(&Question) -> Answer,
    habits: Habits,
    script: &[Do<'_>],
    outcome: &str,
    and: fn(&Told),
) {
    let door = world::door(mode);
    let config = Arc::new(world::client_config(habits));
    let run = |way: Way| {
        let told = world::run(&door, answer, &config, script, way);
        assert_eq!(told.story, outcome, "{mode}, {habits:?}, {way:?}");
        and(&told);
        told.sent
    };
    let length = run(WHOLE);
    run(Way {
        bytewise: true,
        ..WHOLE
    });
    let says = script.iter().any(|step| matches!(step, Do::Say(_)));
    if says {
        run(Way {
            tiny_records: true,
            ..WHOLE
        });
        run(Way {
            bytewise: true,
            tiny_records: true,
            ..WHOLE
        });
    }
    // Signatures differ by a few bytes from run to run.
    for cut in 1..length + 4 {
        run(Way {
            cut: Some(cut),
            ..WHOLE
        });
    }
}

/// SSLRequest, TLS, and then this.
fn by_request<'a>(then: &[Do<'a>]) -> Vec<Do<'a>> {
    [&[Do::Raw(SSL), Do::Wait, Do::Tls][..], then].concat()
}

#[test]
fn six_modes_by_request() {
    let alice = alice();
    for mode in MODES {
        let script = by_request(&[Do::Say(&alice)]);
        match mode {
            Disable => {
                check(
                    mode,
                    POSTGRESQL,
                    &[Do::Raw(SSL), Do::Wait, Do::Raw(&alice)],
                    &format!("N {ADMITTED}"),
                );
            }
            VerifyCA | VerifyFull => {
                check(mode, POSTGRESQL, &script, &format!("S {NO_CERTIFICATE}"));
            }
            _ => check(mode, POSTGRESQL, &script, &format!("S {ADMITTED}")),
        }
    }
}

#[test]
fn six_modes_directly() {
    let alice = alice();
    for mode in MODES {
        let outcome = match mode {
            Disable => {
                "silent 08P01: received direct SSL connection request, but TLS is off on this connection"
            }
            VerifyCA | VerifyFull => NO_CERTIFICATE,
            _ => ADMITTED,
        };
        check(mode, POSTGRESQL, &[Do::Tls, Do::Say(&alice)], outcome);
    }
}

#[test]
fn six_modes_in_plaintext() {
    let (alice, cancel) = (alice(), cancel(b"abcd"));
    for mode in MODES {
        let outcome = match mode {
            Disable | Allow | Prefer => ADMITTED,
            _ => {
                "FATAL 28000: SSL is required but no SSL request was received (Connect with sslmode=require or stronger.)"
            }
        };
        check(mode, POSTGRESQL, &[Do::Raw(&alice)], outcome);
        check(
            mode,
            POSTGRESQL,
            &[Do::Raw(GSS), Do::Wait, Do::Raw(&alice)],
            &format!("N {outcome}"),
        );
        check(mode, POSTGRESQL, &[Do::Raw(&cancel)], "cancel 7 4");
    }
}

#[test]
fn client_certificates() {
    let (alice, postgres) = (alice(), startup("user\0postgres\0\0"));
    for mode in [Allow, Require, VerifyCA] {
        check(
            mode,
            WITH_CERTIFICATE,
            &by_request(&[Do::Say(&alice)]),
            &format!("S {ADMITTED}"),
        );
    }
    // The test certificate names postgres.
    let named = by_request(&[Do::Say(&postgres)]);
    check(
        VerifyFull,
        WITH_CERTIFICATE,
        &named,
        "S R in postgres/postgres 3.0",
    );
    let other = by_request(&[Do::Say(&alice)]);
    let refused = "S FATAL 28000: \"trust\" authentication failed for user \"alice\"";
    check(VerifyFull, WITH_CERTIFICATE, &other, refused);
    for mode in [VerifyCA, VerifyFull] {
        let cancel = cancel(b"abcd");
        check(
            mode,
            POSTGRESQL,
            &by_request(&[Do::Say(&cancel)]),
            "S cancel 7 4",
        );
    }
}

#[test]
fn tls_1_2_does_as_well() {
    let habits = Habits {
        tls12: true,
        ..POSTGRESQL
    };
    let alice = alice();
    check(
        Require,
        habits,
        &by_request(&[Do::Say(&alice)]),
        &format!("S {ADMITTED}"),
    );
    check(Require, habits, &[Do::Tls, Do::Say(&alice)], ADMITTED);
}

#[test]
fn every_request_under_tls_by_request() {
    let (four, cancel, alice) = (of_version(4, 0, b"\0"), cancel(b"abcd"), alice());
    let four_refused = "FATAL 0A000: unsupported frontend protocol 4.0: server supports 3.0 to 3.2";
    for (request, outcome) in [
        (SSL, SSL_AGAIN),
        (GSS, GSS_AGAIN),
        (&cancel, "cancel 7 4"),
        (&alice, ADMITTED),
        (&four, four_refused),
    ] {
        let script = by_request(&[Do::Say(request)]);
        check(Require, POSTGRESQL, &script, &format!("S {outcome}"));
    }
    // Whatever was refused before TLS counts as well.
    let script = [
        Do::Raw(GSS),
        Do::Wait,
        Do::Raw(SSL),
        Do::Wait,
        Do::Tls,
        Do::Say(GSS),
    ];
    check(Require, POSTGRESQL, &script, &format!("N S {GSS_AGAIN}"));
}

#[test]
fn every_request_under_direct_tls() {
    let (cancel, alice) = (cancel(b"abcd"), alice());
    let states: [(&[&[u8]], [&str; 2]); 5] = [
        (&[], ["N …", "N …"]),
        (&[SSL], [SSL_AGAIN, "N …"]),
        (&[GSS], ["N …", GSS_AGAIN]),
        (&[SSL, GSS], [SSL_AGAIN, GSS_AGAIN]),
        (&[GSS, SSL], [SSL_AGAIN, GSS_AGAIN]),
    ];
    for (before, [ssl, gss]) in states {
        for (request, outcome) in [
            (SSL, ssl),
            (GSS, gss),
            (&cancel, "cancel 7 4"),
            (&alice, ADMITTED),
        ] {
            let mut script = vec![Do::Tls];
            for request in before {
                script.extend([Do::Say(request), Do::Wait]);
            }
            script.push(Do::Say(request));
            let told = format!("{}{outcome}", "N ".repeat(before.len()));
            // In some segmentations each, all over the states: a split at every byte.
            check(Prefer, POSTGRESQL, &script, &told);
        }
    }
}

#[test]
fn requests_in_one_record_with_what_follows_are_an_offence_under_direct_tls() {
    let door = world::door(Prefer);
    let config = Arc::new(world::client_config(POSTGRESQL));
    for (request, what) in [(SSL, "SSL"), (GSS, "GSSAPI encryption")] {
        let both = [request, &alice()].concat();
        let script = [Do::Tls, Do::Say(&both)];
        let outcome =
            format!("N FATAL 08P01: received unencrypted data after {what} request {EARLY}");
        let run = |way| world::run(&door, story::trust, &config, &script, way);
        let whole = run(WHOLE);
        assert_eq!(whole.story, outcome);
        assert_eq!(
            run(Way {
                bytewise: true,
                ..WHOLE
            })
            .story,
            outcome
        );
        for cut in 1..whole.sent {
            assert_eq!(
                run(Way {
                    cut: Some(cut),
                    ..WHOLE
                })
                .story,
                outcome,
                "{cut}"
            );
        }
        // In records of their own that arrive one by one they are honest.
        let honest = run(Way {
            bytewise: true,
            tiny_records: true,
            cut: None,
        });
        assert_eq!(honest.story, format!("N {ADMITTED}"));
    }
}

#[test]
fn alpn() {
    let alice = alice();
    let offers = |alpn| Habits { alpn, ..POSTGRESQL };
    let direct = [Do::Tls, Do::Say(&alice)];
    let asked = by_request(&[Do::Say(&alice)]);
    for alpn in [
        &["postgresql"][..],
        &["h2", "postgresql"],
        &["postgresql", "http/1.1", "h2"],
    ] {
        check(Require, offers(alpn), &asked, &format!("S {ADMITTED}"));
        check(Require, offers(alpn), &direct, ADMITTED);
    }
    check(Require, offers(&[]), &asked, &format!("S {ADMITTED}"));
    let without = "silent 08P01: received direct SSL connection request without ALPN protocol negotiation extension";
    check_with(
        Require,
        story::trust,
        offers(&[]),
        &direct,
        without,
        |told| {
            assert!(
                told.closed_cleanly && told.alert.is_none(),
                "{:?}",
                told.alert
            );
        },
    );
    // A list without it, or with it in capitals: alert 120.
    for alpn in [&["h2"][..], &["PostgreSQL"], &["postgresql2", "postgres"]] {
        let refused = "silent 08P01: TLS handshake failed: peer doesn't support any known protocol";
        let and = |told: &Told| {
            let alert = told.alert.as_deref();
            assert_eq!(alert, Some("received fatal alert: NoApplicationProtocol"));
        };
        check_with(Require, story::trust, offers(alpn), &direct, refused, and);
        let refused = format!("S {refused}");
        check_with(Require, story::trust, offers(alpn), &asked, &refused, and);
    }
}

#[test]
fn an_eager_client_hello_is_part_of_tls() {
    let alice = alice();
    // The client waits for nothing: SSLRequest and ClientHello may share a segment.
    let eager = [Do::Raw(SSL), Do::Tls, Do::Say(&alice)];
    check(Require, POSTGRESQL, &eager, &format!("S {ADMITTED}"));
    check(Prefer, POSTGRESQL, &eager, &format!("S {ADMITTED}"));
    let eager = [
        Do::Raw(GSS),
        Do::Wait,
        Do::Raw(SSL),
        Do::Tls,
        Do::Say(&alice),
    ];
    check(Require, POSTGRESQL, &eager, &format!("N S {ADMITTED}"));
}

#[test]
fn plaintext_behind_ssl_request_breaks_tls_and_nothing_else() {
    let alice = alice();
    let query = b"Q\0\0\0\x0dselect 1\0";
    for injected in [&alice[..], &cancel(b"abcd"), GSS, SSL, query, b"x"] {
        // Whoever writes it, whether or not a true client goes on.
        let broken = "S silent 08P01: TLS handshake failed: received corrupt message of type InvalidContentType";
        let mut long = injected.to_vec();
        long.resize(long.len().max(8), b'x');
        let script = [Do::Raw(SSL), Do::Raw(&long)];
        check(Prefer, POSTGRESQL, &script, broken);
        let script = [
            Do::Raw(SSL),
            Do::Wait,
            Do::Raw(&long),
            Do::Tls,
            Do::Say(&alice),
        ];
        check(Prefer, POSTGRESQL, &script, broken);
    }
}

#[test]
fn plaintext_behind_direct_tls_breaks_it() {
    let alice = alice();
    let script = [Do::Tls, Do::Say(SSL), Do::Wait, Do::Raw(&alice)];
    let broken =
        "N silent 08P01: TLS handshake failed: received corrupt message of type InvalidContentType";
    check(Prefer, POSTGRESQL, &script, broken);
}

#[test]
fn a_client_hello_after_a_refusal_is_an_absurd_length() {
    let word = 0x1603_0100_u32.to_be_bytes();
    let refused = "N silent 08P01: invalid length of startup packet (369295616); the client may not speak the PostgreSQL protocol";
    for request in [SSL, GSS] {
        let script = [Do::Raw(request), Do::Wait, Do::Raw(&word)];
        check(Disable, POSTGRESQL, &script, refused);
    }
}

#[test]
fn the_rules_of_framing_hold_under_tls() {
    for (bytes, outcome) in [
        (
            &b"\0\0\0\x07"[..],
            "silent 08P01: invalid length of startup packet (7); the client may not speak the PostgreSQL protocol",
        ),
        (
            b"\0\0\x27\x15",
            "silent 08P01: invalid length of startup packet (10005); the client may not speak the PostgreSQL protocol",
        ),
        (
            b"GET /",
            "silent 08P01: invalid length of startup packet (1195725856); the client may not speak the PostgreSQL protocol",
        ),
        (b"\0\0\x27", "…"),
    ] {
        check(Require, POSTGRESQL, &[Do::Tls, Do::Say(bytes)], outcome);
    }
    let incomplete = "silent 08P01: incomplete startup packet";
    let gone = "silent 08006: client closed the connection before login";
    check(
        Require,
        POSTGRESQL,
        &[Do::Tls, Do::Say(b"\0\0"), Do::Close],
        incomplete,
    );
    let script = [Do::Tls, Do::Say(SSL), Do::Wait, Do::Close];
    check(Require, POSTGRESQL, &script, &format!("N {gone}"));
    check(
        Require,
        POSTGRESQL,
        &[Do::Tls, Do::Say(b"\0\0"), Do::Leave],
        incomplete,
    );
    let script = [Do::Tls, Do::Say(SSL), Do::Wait, Do::Leave];
    check(Require, POSTGRESQL, &script, &format!("N {gone}"));
}

#[test]
fn the_stream_may_end_within_the_handshake() {
    let cut = "TLS handshake failed: the client closed the connection during the handshake";
    let script = [Do::Raw(SSL), Do::Wait, Do::Leave];
    check(
        Require,
        POSTGRESQL,
        &script,
        &format!("S silent 08P01: {cut}"),
    );
    let script = [
        Do::Raw(SSL),
        Do::Wait,
        Do::Raw(b"\x16\x03\x01\x02\0\x01"),
        Do::Leave,
    ];
    check(
        Require,
        POSTGRESQL,
        &script,
        &format!("S silent 08P01: {cut}"),
    );
    check(
        Require,
        POSTGRESQL,
        &[Do::Raw(b"\x16"), Do::Leave],
        &format!("silent 08P01: {cut}"),
    );
}

#[test]
fn refusals_are_told_under_tls_and_closed_cleanly() {
    fn full(_: &Question) -> Answer {
        let code = SqlState::TOO_MANY_CONNECTIONS;
        Answer::Refuse(ErrorResponse::fatal(
            code,
            "sorry, too many clients already",
        ))
    }
    fn reject(_: &Question) -> Answer {
        Answer::Require(AuthMethod::Reject.into())
    }
    let alice = alice();
    let script = by_request(&[Do::Say(&alice)]);
    let and = |told: &Told| assert!(told.closed_cleanly && told.alert.is_none());
    let outcome = "S FATAL 53300: sorry, too many clients already";
    for mode in [Require, VerifyCA] {
        check_with(mode, full, POSTGRESQL, &script, outcome, and);
    }
    let outcome = "S FATAL 28000: connection rejected for user \"alice\", database \"alice\"";
    check_with(Require, reject, POSTGRESQL, &script, outcome, and);
    check_with(
        VerifyCA,
        reject,
        POSTGRESQL,
        &script,
        &format!("S {NO_CERTIFICATE}"),
        and,
    );
    let old = of_version(2, 0, b"");
    let script = by_request(&[Do::Say(&old)]);
    let outcome = "S old FATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.2";
    check_with(Require, story::trust, POSTGRESQL, &script, outcome, and);
}
