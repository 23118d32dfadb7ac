//! The query phase in memory: message sequences and the answers to them, whole and in pieces.

mod copy;
mod extended;
mod flow;
mod properties;

use std::fmt::Write;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::{QuerySession, Turn, engine};
use crate::server::{PgServer, PgServerBuilder};
use engine::{Engine, login};

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

fn data(text: &str) -> Vec<u8> {
    message(b'd', text.as_bytes())
}

fn done() -> Vec<u8> {
    message(b'c', b"")
}
