//! Sessions over a transport that misbehaves, from the accept loop to the end of the server: each
//! ends, and leaves nothing behind. The database has a thread for each session, so time is real.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

#[path = "../../../tests/common/faulty.rs"]
mod faulty;
mod place;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use ::tokio::time::timeout;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState as Code;

use super::*;
use crate::server::{
    Client as Connecting, Column, Event, Portal, Prepared, RowFormat, Rows, TransactionStatus,
    Type, Value,
};
use crate::{EmbeddedDatabase, PgServerBuilder};
use faulty::{Counts, Fault};
use place::{Place, World, gone};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);
/// Shorter than any limit of a server that is not told otherwise.
const SOON: Duration = Duration::from_secs(5);
/// What the transport holds in each direction.
const BUFFER: usize = 64 * 1024;

fn run(test: impl Future<Output = ()>) {
    ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            test.await;
            let tasks = || ::tokio::runtime::Handle::current().metrics();
            let begun = Instant::now();
            while tasks().num_alive_tasks() > 0 {
                assert!(begun.elapsed() < SOON, "a task is left");
                ::tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
}

#[test]
fn sessions_do_not_care_how_their_bytes_are_cut() {
    run(async {
        let world = World::new();
        let place = world.place(Duration::from_secs(10));
        for (tls, seed) in [false, true]
            .into_iter()
            .flat_map(|t| (1..4).map(move |s| (t, s)))
        {
            let (io, counts) = place.connect(Fault::None, Fault::None, seed * 7919);
            let said = timeout(PATIENCE, world.talk(io, tls, 300)).await;
            said.expect("it gets on").unwrap();
            assert!(gone(&counts).await, "the session ends with its client");
            assert!(Counts::of(&counts.written) > 300_000);
        }
        place.stop().await;
        world.assert_closed().await;
    });
}

/// How many bytes a short session reads and writes, from its server's side.
async fn whole(world: &World, place: &Place<EmbeddedDatabase>, tls: bool) -> (usize, usize) {
    let (io, counts) = place.connect(Fault::None, Fault::None, 0);
    world.talk(io, tls, 3).await.unwrap();
    (Counts::of(&counts.read), Counts::of(&counts.written))
}

/// A connection with a fault in what the server reads, or in what it writes.
fn one_way<D: Database>(
    place: &Place<D>,
    reads: bool,
    fault: Fault,
) -> (DuplexStream, Arc<Counts>) {
    match reads {
        true => place.connect(fault, Fault::None, 0),
        false => place.connect(Fault::None, fault, 0),
    }
}

/// Ends and errors at every `stride`th byte of a session, in both directions.
async fn at_each_byte(tls: bool, stride: usize) {
    let world = World::new();
    let place = world.place(Duration::from_secs(10));
    let (read, written) = whole(&world, &place, tls).await;
    assert!(read > 400 && written > 3500, "{read} {written}");
    let reads = (0..read).step_by(stride).map(|at| (at, true));
    let writes = (0..written).step_by(stride * 4).map(|at| (at, false));
    for (at, reads) in reads.chain(writes) {
        for fault in [Fault::End(at), Fault::Error(at)] {
            let what = format!("tls: {tls}, reads: {reads}, {fault:?} of {read}, {written}");
            let (io, counts) = one_way(&place, reads, fault);
            let mut talk = pin!(timeout(PATIENCE, world.talk(io, tls, 3)));
            let (talked, ended) = ::tokio::join!(&mut talk, gone(&counts));
            assert!(ended, "{what}: the server keeps it");
            let talked = talked.unwrap_or_else(|_| panic!("{what}: the client waits"));
            // What becomes of its Terminate and close_notify the client does not learn.
            let length = if reads { read } else { written };
            assert!(talked.is_err() || at + 120 > length, "{what}");
        }
    }
    place.stop().await;
    world.assert_closed().await;
}

#[test]
fn ends_and_errors_at_every_byte_of_a_plain_session() {
    run(at_each_byte(false, 3));
}

#[test]
fn ends_and_errors_in_a_session_over_tls() {
    run(at_each_byte(true, 11));
}

/// Stalls at every `stride`th byte, all at once; then the server is told to stop.
async fn stalls(tls: bool, stride: usize) {
    let world = World::new();
    let grace = Duration::from_millis(200);
    for reads in [true, false] {
        let place = world.place(grace);
        let (read, written) = whole(&world, &place, tls).await;
        let (length, stride) = match reads {
            true => (read, stride),
            false => (written, stride * 5),
        };
        let (clients, counts): (Vec<_>, Vec<_>) = (0..length)
            .step_by(stride)
            .map(|at| one_way(&place, reads, Fault::Stall(at)))
            .unzip();
        let talks = clients.into_iter().map(|io| world.talk(io, tls, 3));
        let mut talks = pin!(futures_util::future::join_all(talks));
        // They get as far as they get.
        let _ = timeout(Duration::from_secs(2), &mut talks).await;
        let open = counts.iter().filter(|c| Arc::strong_count(c) > 1).count();
        assert!(open * 10 > counts.len() * 9, "{open} of {}", counts.len());
        let (took, talked) = ::tokio::join!(place.stop(), timeout(PATIENCE, &mut talks));
        assert!(took < grace + 2 * LAST_WORDS + SOON, "{took:?}");
        let lost = talked
            .expect("they hear of it")
            .into_iter()
            .filter(Result::is_err);
        assert!(lost.count() >= open - 5);
        assert!(counts.iter().all(|c| Arc::strong_count(c) == 1));
        world.assert_closed().await;
    }
}

#[test]
fn stalls_in_a_plain_session_end_with_the_server() {
    run(stalls(false, 9));
}

#[test]
fn stalls_in_a_session_over_tls_end_with_the_server() {
    run(stalls(true, 29));
}

/// Rows without end, and how many bytes of them were asked for.
#[derive(Clone, Default)]
struct Endless(Arc<AtomicU64>);

impl Database for Endless {
    type Session = Self;

    async fn connect(&self, _: Connecting<'_>) -> Result<Self, ErrorResponse> {
        Ok(self.clone())
    }
}

impl DatabaseSession for Endless {
    type Statement = ();
    type Portal = Self;

    async fn query(&mut self, _: &str) -> Result<Self, ErrorResponse> {
        Ok(self.clone())
    }

    async fn prepare(
        &mut self,
        _: &str,
        _: &[Option<Type>],
    ) -> Result<Prepared<()>, ErrorResponse> {
        Ok(Prepared::new(()))
    }

    async fn bind(
        &mut self,
        (): &(),
        _: Vec<Value<'static>>,
        _: RowFormat,
    ) -> Result<Self, ErrorResponse> {
        Ok(self.clone())
    }

    fn transaction_status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }
}

impl Portal for Endless {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        let columns = [Column::new("x", Type::TEXT)];
        let mut rows = Rows::new(&RowFormat::text(&columns));
        rows.push([Value::from("x".repeat(10_000))])?;
        self.0.fetch_add(10_000, Ordering::Relaxed);
        Ok(Some(Event::Rows(rows)))
    }
}

/// Logs in by hand and asks for a result; what is not read waits.
async fn ask(mut io: DuplexStream, sql: &str) -> DuplexStream {
    io.write_all(b"\0\0\0\x10\0\x03\0\0user\0a\0\0")
        .await
        .unwrap();
    let mut query = vec![b'Q'];
    query.extend(u32::try_from(sql.len() + 5).unwrap().to_be_bytes());
    query.extend(sql.as_bytes());
    query.push(0);
    io.write_all(&query).await.unwrap();
    io
}

async fn until_it_stands_still(counts: &Counts) -> usize {
    let begun = Instant::now();
    let mut before = 0;
    loop {
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        let now = Counts::of(&counts.written);
        if now == before && now > 0 {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not stop at {now}");
        before = now;
    }
}

#[test]
fn no_more_is_made_of_a_result_than_the_client_takes() {
    run(async {
        let made = Endless::default();
        let builder = PgServerBuilder::new().shutdown_grace(Duration::from_millis(100));
        let place = Place::new(builder, made.clone());
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        let mut io = ask(io, "rows").await;
        for _ in 0..3 {
            let sent = until_it_stands_still(&counts).await;
            let made = usize::try_from(made.0.load(Ordering::Relaxed)).unwrap();
            // Beside what was sent, what is about to be: one chunk.
            assert!(made < sent + 2 * Rows::ENOUGH, "{made} of {sent}");
            let mut some = vec![0; 1_000_000];
            io.read_exact(&mut some).await.unwrap();
        }
        // Its sending does not end, so it is ended.
        let took = place.stop().await;
        assert!(took < SOON, "{took:?}");
        assert!(gone(&counts).await);
    });
}

#[test]
fn who_does_not_read_keeps_nobody_waiting_and_gets_all_of_it_later() {
    run(async {
        let world = World::new();
        let place = world.place(Duration::from_secs(10));
        let sql = "set idle_session_timeout = 300; select repeat('x', 1000) from generate_series(1, 3000)";
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        let mut slow = ask(io, sql).await;
        let sent = until_it_stands_still(&counts).await;
        assert!(sent < 2 * BUFFER, "{sent}");
        let (io, other) = place.connect(Fault::None, Fault::None, 0);
        world.talk(io, false, 100).await.unwrap();
        assert!(gone(&other).await);
        // It is no idle session, in PostgreSQL too.
        ::tokio::time::sleep(Duration::from_millis(400)).await;
        let mut heard = Vec::new();
        while !heard.ends_with(b"Z\0\0\0\x05I") {
            let n = timeout(SOON, slow.read_buf(&mut heard)).await;
            assert!(n.expect("it goes on").unwrap() > 0);
        }
        assert!(heard.windows(12).any(|w| w == b"SELECT 3000\0"));
        // Now it is idle.
        timeout(SOON, slow.read_to_end(&mut heard))
            .await
            .unwrap()
            .unwrap();
        assert!(heard.windows(6).any(|w| w == b"C57P05"));
        place.stop().await;
        world.assert_closed().await;
    });
}

#[test]
fn the_time_of_a_statement_is_that_of_its_client_too() {
    run(async {
        let world = World::new();
        let place = world.place(Duration::from_secs(10));
        let sql =
            "set statement_timeout = 300; select repeat('x', 1000) from generate_series(1, 3000)";
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        let mut slow = ask(io, sql).await;
        until_it_stands_still(&counts).await;
        ::tokio::time::sleep(Duration::from_millis(400)).await;
        let mut heard = Vec::new();
        while !heard.ends_with(b"Z\0\0\0\x05I") {
            let n = timeout(SOON, slow.read_buf(&mut heard)).await;
            assert!(n.expect("it goes on").unwrap() > 0);
        }
        assert!(heard.windows(6).any(|w| w == b"C57014"));
        drop(slow);
        place.stop().await;
        world.assert_closed().await;
    });
}

#[test]
fn what_waits_for_its_client_can_be_cancelled() {
    run(async {
        let world = World::new();
        let place = world.place(Duration::from_secs(10));
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        let (client, driver) = world.log_in(io, false).await.unwrap();
        let cancel = client.cancel_token();
        let sql = "select repeat('x', 1000) from generate_series(1, 1000000)";
        let mut result = pin!(client.query_raw(sql, Vec::<i32>::new()).await.unwrap());
        assert!(result.try_next().await.unwrap().is_some());
        until_it_stands_still(&counts).await;
        let (io, _) = place.connect(Fault::None, Fault::None, 0);
        cancel.cancel_query_raw(io, NoTls).await.unwrap();
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        let error = loop {
            match timeout(SOON, result.try_next()).await.expect("it goes on") {
                Ok(row) => assert!(row.is_some(), "it was not cancelled"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Some(&Code::QUERY_CANCELED));

        client
            .batch_execute("create temp table t(n int)")
            .await
            .unwrap();
        let mut sink = pin!(client.copy_in("copy t from stdin").await.unwrap());
        sink.send(bytes::Bytes::from_static(b"1\n")).await.unwrap();
        sink.flush().await.unwrap();
        until_it_stands_still(&counts).await;
        let (io, _) = place.connect(Fault::None, Fault::None, 0);
        cancel.cancel_query_raw(io, NoTls).await.unwrap();
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        let error = timeout(SOON, sink.finish()).await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some(&Code::QUERY_CANCELED));

        // It meant no other statement.
        let (io, _) = place.connect(Fault::None, Fault::None, 0);
        cancel.cancel_query_raw(io, NoTls).await.unwrap();
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(
            client
                .query("select n from t", &[])
                .await
                .unwrap()
                .is_empty()
        );
        drop(client);
        driver.await.unwrap();
        place.stop().await;
    });
}
