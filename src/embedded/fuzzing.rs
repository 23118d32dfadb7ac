//! The body of the fuzz target `sql`.
#![allow(clippy::expect_used, clippy::panic, reason = "a panic is the finding")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use rusqlite::Connection;
use rusqlite::limits::Limit;

use crate::embedded::dialect::Script;
use crate::embedded::portal::{Portal, Source};
use crate::embedded::thread::{equip, shown};
use crate::embedded::worker::Worker;
use crate::embedded::{EmbeddedDatabase, sequences};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Client, Event, RowFormat, Value, newcomer};

/// What sessions share; no session keeps anything in it.
static DATABASE: LazyLock<EmbeddedDatabase> =
    LazyLock::new(|| EmbeddedDatabase::new_in_memory().expect("there is room for a file"));

/// What statements may ask for.
const TABLES: &str = "
    create table a (i int primary key, t text not null, n numeric(10,2), b bool default true);
    create table b (l bigserial primary key, a int references a, at timestamptz, d date, u uuid);
    create table c (j jsonb, y bytea, v varchar(5), s int[], f float8, e interval, h time);
    insert into a values (1, 'one', 1.5), (2, 'two', null);
    insert into b (a, at, d) values (1, '2026-11-26 10:00+01', '2026-11-26');
    insert into c values ('{\"k\": [1, 2]}', '\\x00ff', 'abc', '{1,2}', 1e10, '1 day', '10:00')";

/// Any text as SQL, in a simple query and prepared: it gives rows or an error that says what is
/// wrong with it, in bounded time and memory, and the session goes on.
pub(crate) fn sql(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (login, context) = newcomer();
    let client = Client {
        login: &login,
        process_id: 1,
        context,
    };
    let facts = DATABASE.facts(client, "db".into());
    let alarm = Arc::clone(&facts.info.alarm);
    let mut connection = Connection::open_in_memory().expect("SQLite needs nothing for this");
    equip(&mut connection, &facts).expect("nothing to object to");
    connection
        .set_limit(Limit::SQLITE_LIMIT_LENGTH, 1 << 18)
        .expect("a limit");
    sequences::forget();
    let left = Arc::new(AtomicU32::new(u32::MAX));
    let seen = Arc::clone(&left);
    let tired = move || {
        let counted = seen.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        counted.is_err()
    };
    connection
        .progress_handler(1000, Some(tired))
        .expect("a handler");
    let mut worker = Worker::new(&connection, facts);
    simple(&mut worker, TABLES).expect("these tables can be made");
    left.store(300, Ordering::Relaxed);
    // Nobody waits for a sleeping session.
    alarm.ring();
    told(text, simple(&mut worker, text));
    told(text, prepared(&mut worker, text));
    let _ = worker.sync();
    left.store(u32::MAX, Ordering::Relaxed);
    simple(&mut worker, "rollback; select 1").unwrap_or_else(|e| panic!("{text}: then {e:?}"));
}

/// What has no better code is nothing that was meant.
fn told(text: &str, outcome: Result<(), ErrorResponse>) {
    if let Err(error) = outcome {
        assert_ne!(error.code(), SqlState::INTERNAL_ERROR, "{text}: {error:?}");
    }
}

fn simple(worker: &mut Worker<'_>, text: &str) -> Result<(), ErrorResponse> {
    let script = Script::parse(text)?;
    run(
        worker,
        Source::Script {
            script,
            next: 0,
            any: false,
        },
    )
}

fn prepared(worker: &mut Worker<'_>, text: &str) -> Result<(), ErrorResponse> {
    let statement = Arc::new(worker.prepare(text, Vec::new())?);
    let translated = statement.translated.as_ref();
    let parameters = translated.map_or(0, |t| t.parameters.len());
    let columns = translated.and_then(|t| shown(&t.plan)).unwrap_or_default();
    let outcome = run(
        worker,
        Source::Bound {
            statement,
            parameters: Some(vec![Value::Null; parameters]),
            format: RowFormat::text(&columns),
        },
    );
    if outcome.is_err() {
        worker.abort();
    }
    outcome
}

/// Runs it as far as its thread would for a client that reads a while.
fn run(worker: &mut Worker<'_>, source: Source) -> Result<(), ErrorResponse> {
    let (reply, replies) = async_channel::bounded(1);
    worker.open(1, Portal::new(source, reply));
    for _ in 0..32 {
        worker.next(1, 100, &|_| {});
        let batch = replies.try_recv().expect("a batch for each call");
        if let Some(end) = batch.end {
            return end;
        }
        if batch.events.iter().any(|e| matches!(e, Event::CopyIn(_))) {
            break;
        }
    }
    worker.close(1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_takes_every_seed_there_is() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/sql");
        let mut count = 0;
        for seed in std::fs::read_dir(seeds).unwrap() {
            sql(&std::fs::read(seed.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 10);
    }
}
