//! The query phase in memory: message sequences and the answers to them, whole and in pieces.

use std::fmt::Write;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::{QuerySession, Turn, engine};
use crate::AuthMethod;
use crate::login::{Login, ProtocolVersion, Startup};
use crate::server::{PgServer, PgServerBuilder};
use engine::Engine;

/// The test engine never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits"),
    }
}

struct Client {
    session: QuerySession<engine::Session>,
    calls: Arc<Mutex<Vec<String>>>,
    closed: bool,
    /// How many writes there were.
    writes: usize,
}

fn server() -> PgServer<Engine> {
    PgServerBuilder::new()
        .build(Arc::new(Engine::default()))
        .unwrap()
}

fn login() -> Login {
    Login {
        startup: Startup {
            asked: ProtocolVersion::V3_0,
            user: b"alice".to_vec(),
            database: b"db".to_vec(),
            options: None,
            replication: None,
            settings: Vec::new(),
        },
        version: ProtocolVersion::V3_0,
        tls: None,
        method: AuthMethod::Trust,
        rule: None,
    }
}

impl Client {
    fn new() -> Self {
        Self::of(&server())
    }

    fn of(server: &PgServer<Engine>) -> Self {
        let session = now(QuerySession::open(server, &login())).unwrap();
        let mut client = Self {
            session,
            calls: Arc::clone(&server.database().calls),
            closed: false,
            writes: 0,
        };
        assert!(client.answers().ends_with("Z(I)"));
        client
    }

    /// All that is sent until more input is wanted.
    fn output(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.writes = 0;
        while !self.closed {
            match now(self.session.advance()) {
                Turn::Send(bytes) => {
                    assert!(!bytes.is_empty());
                    self.writes += 1;
                    out.extend(bytes);
                }
                Turn::Wait => break,
                Turn::Close => self.closed = true,
            }
        }
        out
    }

    fn answers(&mut self) -> String {
        let out = self.output();
        let mut story = story(&out);
        if self.closed {
            story.push_str(" end");
        }
        story
    }

    fn say(&mut self, bytes: &[u8]) -> String {
        self.session.handle_input(bytes);
        self.answers()
    }
}

/// Messages in short: `1 2 D(1,2) C(SELECT 1) Z(I)`.
fn story(mut bytes: &[u8]) -> String {
    let mut story = String::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        let length = u32::from_be_bytes(*rest.first_chunk().unwrap()) as usize;
        let body = &rest[4..length];
        bytes = &rest[length..];
        if !story.is_empty() {
            story.push(' ');
        }
        story.push(char::from(kind));
        let text = |body: &[u8]| body.escape_ascii().to_string().replace("\\x00", "|");
        match kind {
            b'D' => {
                let mut body = &body[2..];
                let mut values = Vec::new();
                while let Some((length, rest)) = body.split_first_chunk() {
                    let length = i32::from_be_bytes(*length);
                    let (value, rest) = rest.split_at(usize::try_from(length).unwrap_or(0));
                    values.push(if length < 0 {
                        "NULL".into()
                    } else {
                        text(value)
                    });
                    body = rest;
                }
                write!(story, "({})", values.join(",")).unwrap();
            }
            b'E' | b'N' => {
                let body = String::from_utf8_lossy(body);
                let field = |kind: char| {
                    let field = body.split('\0').find(|f| f.starts_with(kind));
                    field.map(|f| f[1..].to_owned()).unwrap_or_default()
                };
                write!(story, "({} {}: {})", field('S'), field('C'), field('M')).unwrap();
            }
            b'd' => write!(story, "({})", text(body)).unwrap(),
            b'C' | b'Z' => write!(story, "({})", text(body).trim_end_matches('|')).unwrap(),
            b'S' => write!(story, "({})", text(body)).unwrap(),
            b'A' => write!(story, "({})", text(&body[4..])).unwrap(),
            b't' => {
                let oids: Vec<String> = body[2..]
                    .chunks(4)
                    .map(|o| u32::from_be_bytes(o.try_into().unwrap()).to_string())
                    .collect();
                write!(story, "({})", oids.join(",")).unwrap();
            }
            b'T' => {
                // Names and formats.
                let mut body = &body[2..];
                let mut columns = Vec::new();
                while !body.is_empty() {
                    let end = body.iter().position(|b| *b == 0).unwrap();
                    columns.push(format!("{}:{}", text(&body[..end]), body[end + 18]));
                    body = &body[end + 19..];
                }
                write!(story, "({})", columns.join(",")).unwrap();
            }
            _ => {}
        }
    }
    story
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [name.as_bytes(), b"\0", sql.as_bytes(), b"\0"].concat();
    body.extend_from_slice(&u16::try_from(types.len()).unwrap().to_be_bytes());
    body.extend(types.iter().flat_map(|t| t.to_be_bytes()));
    message(b'P', &body)
}

fn bind(
    portal: &str,
    statement: &str,
    formats: &[i16],
    parameters: &[Option<&[u8]>],
    results: &[i16],
) -> Vec<u8> {
    let mut body = [portal.as_bytes(), b"\0", statement.as_bytes(), b"\0"].concat();
    let array = |body: &mut Vec<u8>, items: &[i16]| {
        body.extend_from_slice(&u16::try_from(items.len()).unwrap().to_be_bytes());
        body.extend(items.iter().flat_map(|i| i.to_be_bytes()));
    };
    array(&mut body, formats);
    body.extend_from_slice(&u16::try_from(parameters.len()).unwrap().to_be_bytes());
    for parameter in parameters {
        match parameter {
            None => body.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(bytes) => {
                body.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
                body.extend_from_slice(bytes);
            }
        }
    }
    array(&mut body, results);
    message(b'B', &body)
}

fn execute(portal: &str, rows: i32) -> Vec<u8> {
    message(
        b'E',
        &[portal.as_bytes(), b"\0", &rows.to_be_bytes()].concat(),
    )
}

fn describe(kind: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[kind], name.as_bytes(), b"\0"].concat())
}

fn close(kind: u8, name: &str) -> Vec<u8> {
    message(b'C', &[&[kind], name.as_bytes(), b"\0"].concat())
}

fn sync() -> Vec<u8> {
    message(b'S', b"")
}

fn flush() -> Vec<u8> {
    message(b'H', b"")
}

/// Unnamed, all in text.
fn run(sql: &str, parameters: &[Option<&[u8]>]) -> Vec<u8> {
    [
        parse("", sql, &[]),
        bind("", "", &[], parameters, &[]),
        describe(b'P', ""),
        execute("", 0),
    ]
    .concat()
}

/// Feeds a conversation whole, byte by byte, and cut in two at every byte: the answers are the
/// same.
#[track_caller]
fn check(messages: &[Vec<u8>], expected: &str) {
    let bytes = messages.concat();
    assert_eq!(Client::new().say(&bytes), expected);
    let pieces = |cuts: &[usize]| {
        let mut client = Client::new();
        let mut out = Vec::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([bytes.len()]) {
            client.session.handle_input(&bytes[from..to]);
            out.extend(client.output());
            from = to;
        }
        let end = if client.closed { " end" } else { "" };
        story(&out) + end
    };
    let all: Vec<usize> = (1..bytes.len()).collect();
    assert_eq!(pieces(&all), expected, "byte by byte");
    for cut in all {
        assert_eq!(pieces(&[cut]), expected, "cut at {cut}");
    }
}

#[test]
fn simple_queries() {
    check(&[query("rows 2")], "T(n:0) D(1) D(2) C(SELECT 2) Z(I)");
    check(
        &[query("do; rows 1;begin")],
        "C(DO) T(n:0) D(1) C(SELECT 1) C(BEGIN) Z(T)",
    );
    check(&[query("")], "I Z(I)");
    check(
        &[query("do; fail; do"), query("do")],
        "C(DO) E(ERROR 22012: division by zero) Z(I) C(DO) Z(I)",
    );
    check(
        &[
            query("begin"),
            query("fail"),
            query("do"),
            query("commit"),
            query("notice"),
        ],
        "C(BEGIN) Z(T) E(ERROR 22012: division by zero) Z(E) E(ERROR 25P02: current transaction is \
         aborted, commands ignored until end of transaction block) Z(E) C(ROLLBACK) Z(I) \
         N(NOTICE 00000: hear) C(NOTICE) Z(I)",
    );
}

#[test]
fn one_statement_through_the_extended_protocol() {
    check(
        &[run("echo int4 text", &[Some(b"7"), None]), sync()],
        "1 2 T(?column?:0,?column?:0) D(7,NULL) C(SELECT 1) Z(I)",
    );
    check(&[run("do", &[]), sync()], "1 2 n C(DO) Z(I)");
    check(&[run("", &[]), sync()], "1 2 n I Z(I)");
    check(&[sync(), sync()], "Z(I) Z(I)");
    // The shape of asyncpg and postgres.js: answers at Flush.
    check(
        &[
            parse("", "echo int4", &[]),
            describe(b'S', ""),
            flush(),
            bind("", "", &[1], &[Some(&[0, 0, 0, 9])], &[1]),
            execute("", 0),
            sync(),
        ],
        "1 t(23) T(?column?:0) 2 D(|||\\t) C(SELECT 1) Z(I)",
    );
    // The unnamed statement outlives Sync, is replaced by the next, and goes with a simple query.
    check(
        &[
            parse("", "rows 1", &[]),
            sync(),
            bind("", "", &[], &[], &[]),
            execute("", 0),
            sync(),
            parse("", "rows 2", &[]),
            bind("", "", &[], &[], &[]),
            execute("", 0),
            sync(),
            query("do"),
            bind("", "", &[], &[], &[]),
            sync(),
        ],
        "1 Z(I) 2 D(1) C(SELECT 1) Z(I) 1 2 D(1) D(2) C(SELECT 2) Z(I) C(DO) Z(I) \
         E(ERROR 26000: unnamed prepared statement does not exist) Z(I)",
    );
}

#[test]
fn types_are_the_clients_or_the_engines() {
    check(
        &[
            parse("s", "echo text text text", &[23, 0, 705]),
            describe(b'S', "s"),
            sync(),
        ],
        "1 t(23,25,25) T(?column?:0,?column?:0,?column?:0) Z(I)",
    );
    check(
        &[
            parse("s", "echo text", &[987_654]),
            describe(b'S', "s"),
            sync(),
        ],
        "1 t(987654) T(?column?:0) Z(I)",
    );
}

#[test]
fn formats_are_per_parameter_and_per_column() {
    let number: &[u8] = &[0, 0, 0, 1];
    let start = [parse("s", "echo int4 int4", &[])].concat();
    check(
        &[
            start.clone(),
            bind("", "s", &[0, 1], &[Some(b"1"), Some(number)], &[1, 0]),
            describe(b'P', ""),
            execute("", 0),
            sync(),
        ],
        "1 2 T(?column?:1,?column?:0) D(|||\\x01,1) C(SELECT 1) Z(I)",
    );
    type Case<'a> = (&'a [i16], &'a [Option<&'a [u8]>], &'a [i16], &'a str);
    let wrong: &[Case<'_>] = &[
        (
            &[0, 0, 0],
            &[None, None],
            &[],
            "08P01: bind message has 3 parameter formats but 2 parameters",
        ),
        (
            &[],
            &[None],
            &[],
            "08P01: bind message supplies 1 parameters, but prepared statement \"s\" requires 2",
        ),
        (
            &[2],
            &[None, None],
            &[],
            "22023: unsupported format code: 2",
        ),
        (
            &[],
            &[None, None],
            &[-1],
            "22023: unsupported format code: -1",
        ),
        (
            &[],
            &[None, None],
            &[0, 0, 0],
            "08P01: bind message has 3 result formats but query has 2 columns",
        ),
        (
            &[],
            &[Some(b"x"), None],
            &[],
            "22P02: invalid input syntax for type integer: \"x\"",
        ),
        (
            &[],
            &[Some(b"2147483648"), None],
            &[],
            "22003: value \"2147483648\" is out of range for type integer",
        ),
        (
            &[],
            &[Some(b"\xff"), None],
            &[],
            "22021: invalid byte sequence for encoding \"UTF8\": 0xff",
        ),
        (
            &[],
            &[Some(b"1\0"), None],
            &[],
            "22021: invalid byte sequence for encoding \"UTF8\": 0x00",
        ),
        (
            &[1],
            &[None, Some(b"123")],
            &[],
            "08P01: insufficient data left in message",
        ),
        (
            &[1],
            &[None, Some(b"12345")],
            &[],
            "22P03: incorrect binary data format in bind parameter 2",
        ),
    ];
    for (formats, parameters, results, error) in wrong {
        check(
            &[
                start.clone(),
                bind("", "s", formats, parameters, results),
                execute("", 0),
                sync(),
            ],
            &format!("1 E(ERROR {error}) Z(I)"),
        );
    }
    // A format for parameters that are not there, as some drivers send.
    check(
        &[
            parse("", "do", &[]),
            bind("", "", &[1], &[], &[1]),
            execute("", 0),
            sync(),
        ],
        "1 2 C(DO) Z(I)",
    );
}

#[test]
fn portals_give_as_many_rows_as_are_asked_for() {
    for kind in ["rows", "greedy"] {
        check(
            &[
                query("begin"),
                parse("", &format!("{kind} 9"), &[]),
                bind("c", "", &[], &[], &[]),
                execute("c", 4),
                sync(),
                // It survives Sync in a transaction block, and others between.
                query("do"),
                execute("c", 3),
                flush(),
                execute("c", 2),
                execute("c", 2),
                execute("c", 2),
                close(b'P', "c"),
                execute("c", 2),
                sync(),
            ],
            "C(BEGIN) Z(T) 1 2 D(1) D(2) D(3) D(4) s Z(T) C(DO) Z(T) D(5) D(6) D(7) s D(8) D(9) s \
             C(SELECT 0) C(SELECT 0) 3 E(ERROR 34000: portal \"c\" does not exist) Z(E)",
        );
    }
    // Without a transaction block it lives until Sync.
    check(
        &[
            parse("", "rows 3", &[]),
            bind("c", "", &[], &[], &[]),
            execute("c", 2),
            flush(),
            execute("c", 2),
            sync(),
            execute("c", 1),
            sync(),
        ],
        "1 2 D(1) D(2) s D(3) C(SELECT 1) Z(I) E(ERROR 34000: portal \"c\" does not exist) Z(I)",
    );
    check(
        &[run("do", &[]), execute("", 0), sync()],
        "1 2 n C(DO) E(ERROR 55000: portal \"\" cannot be run) Z(I)",
    );
}

#[test]
fn portals_end_with_their_transaction() {
    check(
        &[
            query("begin"),
            parse("r", "rows 2", &[]),
            bind("c", "r", &[], &[], &[]),
            run("commit", &[]),
            describe(b'P', "c"),
            sync(),
        ],
        "C(BEGIN) Z(T) 1 2 1 2 n C(COMMIT) E(ERROR 34000: portal \"c\" does not exist) Z(I)",
    );
}

#[test]
fn names_are_unique_until_closed() {
    check(
        &[
            parse("s", "rows 1", &[]),
            parse("s", "rows 2", &[]),
            sync(),
            close(b'S', "s"),
            close(b'S', "s"),
            close(b'P', "nope"),
            parse("s", "rows 3", &[]),
            bind("p", "s", &[], &[], &[]),
            bind("p", "s", &[], &[], &[]),
            sync(),
            describe(b'S', "nope"),
            sync(),
            bind("", "nope", &[], &[], &[]),
            sync(),
            execute("nope", 0),
            sync(),
        ],
        "1 E(ERROR 42P05: prepared statement \"s\" already exists) Z(I) 3 3 3 1 2 \
         E(ERROR 42P03: cursor \"p\" already exists) Z(I) \
         E(ERROR 26000: prepared statement \"nope\" does not exist) Z(I) \
         E(ERROR 26000: prepared statement \"nope\" does not exist) Z(I) \
         E(ERROR 34000: portal \"nope\" does not exist) Z(I)",
    );
}

#[test]
fn after_an_error_everything_waits_for_sync() {
    // Flush brings the error; some clients send Sync only then.
    let failed = [parse("", "syntax", &[]), describe(b'S', ""), flush()];
    assert_eq!(
        Client::new().say(&failed.concat()),
        "E(ERROR 42601: syntax error)"
    );
    check(
        &[
            parse("", "syntax", &[]),
            describe(b'S', ""),
            flush(),
            query("rows 1"),
            run("do", &[]),
            message(b'F', b""),
            sync(),
            run("do", &[]),
            sync(),
        ],
        "E(ERROR 42601: syntax error) Z(I) 1 2 n C(DO) Z(I)",
    );
    check(
        &[
            query("begin"),
            run("fail", &[]),
            run("do", &[]),
            sync(),
            run("rollback", &[]),
            sync(),
        ],
        "C(BEGIN) Z(T) 1 2 n E(ERROR 22012: division by zero) Z(E) 1 2 n C(ROLLBACK) Z(I)",
    );
    // Errors found before the engine was asked fail the transaction all the same.
    check(
        &[
            query("begin"),
            bind("", "nope", &[], &[], &[]),
            sync(),
            query("do"),
        ],
        "C(BEGIN) Z(T) E(ERROR 26000: prepared statement \"nope\" does not exist) Z(E) \
         E(ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block) Z(E)",
    );
}

#[test]
fn what_is_no_message_ends_no_more_than_it_must() {
    check(
        &[message(b'P', b"a"), run("do", &[]), sync(), query("do")],
        "E(ERROR 08P01: invalid string in message) Z(I) C(DO) Z(I)",
    );
    check(
        &[message(b'Q', b"do\0x"), query("do")],
        "E(ERROR 08P01: invalid message format) Z(I) C(DO) Z(I)",
    );
    check(
        &[message(b'D', b"Xname\0"), sync()],
        "E(ERROR 08P01: invalid message format) Z(I)",
    );
    check(
        &[message(b'F', b"whatever"), query("do")],
        "E(ERROR 0A000: the function call protocol is not supported) Z(I) C(DO) Z(I)",
    );
    check(&[message(b'X', b""), query("do")], " end");
    check(
        &[b"Q\0\0\0\x03".to_vec()],
        "E(FATAL 08P01: invalid message length) end",
    );
    check(
        &[b"?".to_vec()],
        "E(FATAL 08P01: invalid frontend message type 63) end",
    );
    check(
        &[message(b'c', b""), message(b'd', b"left over"), query("do")],
        "C(DO) Z(I)",
    );
}

#[test]
fn the_engine_is_told_of_syncs_and_errors() {
    let mut client = Client::new();
    client.say(
        &[
            run("do", &[]),
            run("do", &[]),
            sync(),
            sync(),
            run("fail", &[]),
            sync(),
        ]
        .concat(),
    );
    assert_eq!(
        *client.calls.lock().unwrap(),
        [
            "prepare do",
            "bind do",
            "prepare do",
            "bind do",
            "sync",
            "prepare fail",
            "bind fail",
            "abort",
            "sync"
        ]
    );
}

#[test]
fn a_burst_is_answered_in_one_write_and_leaves_no_buffers() {
    let mut client = Client::new();
    let burst = [
        run("rows 10", &[]),
        run("do", &[]),
        run("rows 3", &[]),
        sync(),
    ]
    .concat();
    client.say(&burst);
    assert_eq!(client.writes, 1);
    client.say(&query("rows 5"));
    assert_eq!(client.writes, 1);
    assert_eq!(
        (
            client.session.input.capacity(),
            client.session.core.out.capacity()
        ),
        (0, 0)
    );
}

#[test]
fn a_large_result_is_sent_in_pieces() {
    let mut client = Client::new();
    client.session.handle_input(&query("rows 100000"));
    let mut largest = 0;
    let mut all = 0;
    while let Turn::Send(bytes) = now(client.session.advance()) {
        largest = largest.max(bytes.len());
        all += bytes.len();
    }
    assert!(all > 1_500_000, "{all}");
    assert!(largest < 80 * 1024, "{largest}");
}

#[test]
fn settings_are_reported_when_they_change() {
    check(
        &[
            query("set application_name = 'x'"),
            query("set application_name = 'x'"),
            run("set timezone = 'Europe/Berlin'", &[]),
            run("show timezone", &[]),
            sync(),
            query("begin"),
            query("set local application_name = 'y'"),
            query("rollback"),
            query("begin; set application_name = 'z'; commit; set nope = 1"),
        ],
        "C(SET) S(application_name|x|) Z(I) C(SET) Z(I) 1 2 n C(SET) 1 2 T(TimeZone:0) \
         D(Europe/Berlin) C(SHOW) S(TimeZone|Europe/Berlin|) Z(I) C(BEGIN) Z(T) C(SET) \
         S(application_name|y|) Z(T) C(ROLLBACK) S(application_name|x|) Z(I) C(BEGIN) C(SET) \
         C(COMMIT) E(ERROR 42704: unrecognized configuration parameter \"nope\") \
         S(application_name|z|) Z(I)",
    );
    check(
        &[query("set client_min_messages = error"), query("notice")],
        "C(SET) Z(I) C(NOTICE) Z(I)",
    );
    check(
        &[
            query("set timezone = 'Asia/Kolkata'"),
            run("echo timestamptz", &[Some(b"2026-01-01 00:00:00+00")]),
            sync(),
        ],
        "C(SET) S(TimeZone|Asia/Kolkata|) Z(I) 1 2 T(?column?:0) D(2026-01-01 05:30:00+05:30) \
         C(SELECT 1) Z(I)",
    );
}

#[test]
fn sql_forgets_statements_of_the_protocol() {
    check(
        &[
            parse("a", "do", &[]),
            parse("b", "do", &[]),
            sync(),
            query("deallocate a"),
            query("deallocate a"),
            bind("", "a", &[], &[], &[]),
            sync(),
            bind("", "b", &[], &[], &[]),
            sync(),
            query("discard all"),
            bind("", "b", &[], &[], &[]),
            sync(),
        ],
        "1 1 Z(I) C(DEALLOCATE) Z(I) E(ERROR 26000: prepared statement \"a\" does not exist) Z(I) \
         E(ERROR 26000: prepared statement \"a\" does not exist) Z(I) 2 Z(I) C(DISCARD ALL) Z(I) \
         E(ERROR 26000: prepared statement \"b\" does not exist) Z(I)",
    );
}

#[test]
fn notifications_come_to_idle_sessions_and_after_transactions() {
    let server = server();
    let (mut one, mut two) = (Client::of(&server), Client::of(&server));
    let told = "A(chan|hello|)";
    assert_eq!(one.say(&query("listen chan")), "C(LISTEN) Z(I)");
    assert_eq!(two.say(&query("notify chan, 'hello'")), "C(NOTIFY) Z(I)");
    now(one.session.woken());
    assert_eq!(one.answers(), told);
    assert_eq!(one.answers(), "");
    // In a transaction block they wait for its end.
    one.say(&query("begin"));
    two.say(&query("notify chan, 'hello'"));
    assert_eq!(one.answers(), "");
    assert_eq!(one.say(&query("do")), "C(DO) Z(T)");
    assert_eq!(one.say(&query("commit")), format!("C(COMMIT) {told} Z(I)"));
    // To oneself, and only when it is committed.
    assert_eq!(
        one.say(&query("begin; notify chan, 'never'; rollback")),
        "C(BEGIN) C(NOTIFY) C(ROLLBACK) Z(I)"
    );
    assert_eq!(
        one.say(&query("notify chan, 'hello'")),
        format!("C(NOTIFY) {told} Z(I)")
    );
    assert_eq!(one.say(&query("unlisten *")), "C(UNLISTEN) Z(I)");
    two.say(&query("notify chan, 'hello'"));
    assert_eq!(one.answers(), "");
}

fn data(text: &str) -> Vec<u8> {
    message(b'd', text.as_bytes())
}

fn done() -> Vec<u8> {
    message(b'c', b"")
}

#[test]
fn copy_takes_rows_from_the_client() {
    let lines = [data("1\ta\n2"), flush(), sync(), data("\t\\N\n"), done()].concat();
    check(
        &[query("copy in text; do"), lines.clone(), query("do")],
        "G C(COPY 2) C(DO) Z(I) C(DO) Z(I)",
    );
    check(
        &[
            run("copy in text", &[]),
            lines.clone(),
            run("do", &[]),
            sync(),
        ],
        "1 2 n G C(COPY 2) 1 2 n C(DO) Z(I)",
    );
    check(
        &[query("copy in csv"), data("1,\"a\nb\""), done()],
        "G C(COPY 1) Z(I)",
    );
    let mut client = Client::new();
    client.say(&[query("copy in text"), lines].concat());
    assert_eq!(
        *client.calls.lock().unwrap(),
        ["query copy in text", "1|a", "2|NULL"]
    );
}

#[test]
fn copy_that_fails_is_over_and_what_is_left_of_it_ignored() {
    check(
        &[
            query("copy in text"),
            data("1\ta\n"),
            message(b'f', b"no more\0"),
            query("do"),
        ],
        "G E(ERROR 57014: COPY from stdin failed: no more) Z(I) C(DO) Z(I)",
    );
    check(
        &[
            query("copy in text"),
            data("x\n"),
            data("more\n"),
            done(),
            query("do"),
        ],
        "G E(ERROR 22P04: missing data for column \"t\") Z(I) C(DO) Z(I)",
    );
    check(
        &[
            query("begin"),
            run("copy in text", &[]),
            data("x\ty\n"),
            done(),
            sync(),
            sync(),
            query("rollback"),
        ],
        "C(BEGIN) Z(T) 1 2 n G E(ERROR 22P02: invalid input syntax for type integer: \"x\") Z(E) \
         Z(E) C(ROLLBACK) Z(I)",
    );
    check(
        &[query("copy in text"), query("do")],
        "G E(FATAL 08P01: unexpected message type 0x51 during COPY from stdin) end",
    );
    check(&[query("copy in text"), message(b'X', b"")], "G end");
}

#[test]
fn copy_gives_rows_to_the_client() {
    check(
        &[query("copy out text 2")],
        "H d(1\\tx\\\\ty\\n) d(2\\tx\\\\ty\\n) c C(COPY 2) Z(I)",
    );
    check(
        &[run("copy out csv 1", &[]), sync()],
        "1 2 n H d(n,t\\n) d(1,x\\ty\\n) c C(COPY 1) Z(I)",
    );
    check(
        &[query("copy out binary 1")],
        "H d(PGCOPY\\n\\xff\\r\\n|||||||||) d(|\\x02|||\\x04|||\\x01|||\\x03x\\ty) d(\\xff\\xff) c C(COPY 1) Z(I)",
    );
}

#[test]
fn statements_and_portals_have_limits() {
    let mut client = Client::new();
    for n in 0..super::store::MAX_NAMED {
        client
            .session
            .handle_input(&parse(&format!("s{n}"), "do", &[]));
        if n % 500 == 0 {
            client.output();
        }
    }
    client.output();
    let story = client.say(&[parse("more", "do", &[]), sync()].concat());
    assert!(
        story.ends_with("E(ERROR 54000: too many prepared statements in this session) Z(I)"),
        "{story}"
    );
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let name = || prop_oneof![Just(""), Just("a"), Just("b")];
    let sql = prop_oneof![
        Just("do"),
        Just("rows 3"),
        Just("greedy 9"),
        Just("echo int4"),
        Just("begin"),
        Just("commit"),
        Just("rollback"),
        Just("fail"),
        Just("syntax"),
        Just(""),
        Just("notify a, 'b'"),
        Just("listen a"),
        Just("copy in text"),
        Just("copy out csv 2"),
        Just("deallocate all"),
        Just("set local timezone = 'Asia/Tokyo'"),
    ];
    prop_oneof![
        sql.clone().prop_map(query),
        (name(), sql).prop_map(|(name, sql)| parse(name, sql, &[])),
        (name(), name()).prop_map(|(p, s)| bind(p, s, &[], &[], &[])),
        (name(), name()).prop_map(|(p, s)| bind(p, s, &[], &[Some(b"1")], &[1])),
        (name(), 0..4_i32).prop_map(|(p, n)| execute(p, n)),
        name().prop_map(|n| describe(b'S', n)),
        name().prop_map(|n| describe(b'P', n)),
        name().prop_map(|n| close(b'S', n)),
        name().prop_map(|n| close(b'P', n)),
        Just(sync()),
        Just(flush()),
        Just(data("1\ta\n")),
        Just(done()),
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..12))
            .prop_map(|(k, b)| message(k, &b)),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_answered_or_end_the_session(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut client = Client::new();
        client.say(&bytes);
        prop_assert!(client.session.input.capacity() <= 1024);
    }

    #[test]
    fn any_messages_in_any_pieces_are_answered_alike(
        messages in proptest::collection::vec(any_message(), 0..20),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = messages.concat();
        let whole = Client::new().say(&bytes);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut client = Client::new();
        let mut out = Vec::new();
        let mut from = 0;
        for to in cuts.into_iter().chain([bytes.len()]) {
            client.session.handle_input(&bytes[from..to]);
            out.extend(client.output());
            from = to;
        }
        let end = if client.closed { " end" } else { "" };
        prop_assert_eq!(story(&out) + end, whole);
        // However it went, a session that still lives comes back with Sync.
        if !client.closed {
            let story = client.say(&[message(b'f', b"\0"), sync()].concat());
            prop_assert!(story.contains("Z("), "{}", story);
        }
    }
}
