//! The body of the fuzz target `frontend`: what a client may send after login.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::server::PgServerBuilder;
use crate::server::session::engine::{Engine, Session, login};
use crate::server::session::{QuerySession, Turn};
#[cfg(feature = "sqlite")]
use crate::{login::Login, server::SessionContext, server::settings::Registry};

/// Any bytes, whole and in pieces: the answers are the same, the memory is bounded, and a session
/// that goes on is in step. The first byte is the size of the pieces.
pub(crate) fn frontend(input: &[u8]) {
    let Some((size, bytes)) = input.split_first() else {
        return;
    };
    let whole = answers(&mut open(), &[bytes]);
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(*size).max(1)).collect();
    let pieces = answers(&mut open(), &pieces);
    assert!(
        pieces == whole,
        "in pieces of {size}: {}\nwhole: {}",
        pieces.escape_ascii(),
        whole.escape_ascii()
    );
}

/// A client that has just come, and its settings, for an engine without a server.
#[cfg(feature = "sqlite")]
pub(crate) fn newcomer() -> (Login, SessionContext) {
    let (context, _) = SessionContext::new(Registry::default(), Arc::default(), 1);
    (login(), context)
}

fn open() -> QuerySession<Session> {
    let server = PgServerBuilder::new()
        .build(Arc::new(Engine::default()))
        .expect("a plain server needs nothing");
    let mut session = now(QuerySession::open(&server, &login())).expect("nothing to object to");
    let greeting = answers(&mut session, &[]);
    // The cancel key is another each time.
    assert!(greeting.ends_with(b"Z\0\0\0\x05I"));
    session
}

fn answers(session: &mut QuerySession<Session>, pieces: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in pieces.iter().copied().chain([&[][..]]) {
        session.handle_input(piece);
        loop {
            match now(session.advance()) {
                Turn::Send(bytes) => all.extend_from_slice(&bytes),
                Turn::Close => {
                    assert!(tidy(&mut all), "{}", all.escape_ascii());
                    return all;
                }
                Turn::Wait => break,
            }
        }
    }
    let sent: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert!(session.input.capacity() <= sent.saturating_mul(2).max(64));
    assert!(tidy(&mut all), "{}", all.escape_ascii());
    all
}

/// Makes the process ids of notifications, another each time, zero. False if these are not
/// messages and nothing else.
fn tidy(mut bytes: &mut [u8]) -> bool {
    while let Some((kind, rest)) = bytes.split_first_mut() {
        let length = rest.first_chunk().map(|length| u32::from_be_bytes(*length));
        let length = length.and_then(|length| usize::try_from(length).ok());
        match length.and_then(|length| rest.split_at_mut_checked(length)) {
            Some((body, tail)) if kind.is_ascii_graphic() => {
                if *kind == b'A' {
                    body.iter_mut().skip(4).take(4).for_each(|byte| *byte = 0);
                }
                bytes = tail;
            }
            _ => return false,
        }
    }
    true
}

/// The engine never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_takes_every_seed_there_is() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/frontend");
        let mut count = 0;
        for seed in std::fs::read_dir(seeds).unwrap() {
            frontend(&std::fs::read(seed.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 10);
    }
}
