//! Clients that do not read, and results without an end.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pgtls::server::{Column, Rows, SessionContext};

use super::*;

/// More than a socket and its peer take at once, whatever the system lets them grow to.
const MOST: usize = 64 << 20;

/// Every query has rows without an end; counts what it has handed over.
#[derive(Clone, Default)]
struct Endless {
    given: Arc<AtomicUsize>,
    largest: Arc<AtomicUsize>,
    /// Of its first session.
    process: Arc<OnceLock<(i32, SessionContext)>>,
}

struct Portion(Endless, Option<Rows>);

impl Database for Endless {
    type Session = Self;
    async fn connect(&self, client: Client<'_>) -> Result<Self, ErrorResponse> {
        let _ = self.process.set((client.process_id, client.context));
        Ok(self.clone())
    }
}

impl DatabaseSession for Endless {
    type Statement = ();
    type Portal = Portion;
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
    ) -> Result<Portion, ErrorResponse> {
        Ok(Portion(self.clone(), None))
    }
    async fn query(&mut self, _: &str) -> Result<Portion, ErrorResponse> {
        Ok(Portion(self.clone(), None))
    }
    fn transaction_status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }
}

impl Portal for Portion {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        let Self(database, rows) = self;
        let Some(rows) = rows else {
            let columns = vec![Column::new("t", Type::TEXT)];
            *rows = Some(Rows::new(&RowFormat::text(&columns)));
            return Ok(Some(Event::Columns(columns)));
        };
        let text = "x".repeat(1000);
        while !rows.is_full() {
            rows.push([&*text])?;
        }
        let taken = rows.take();
        assert!(database.given.load(Ordering::Relaxed) < MOST, "no end");
        database.given.fetch_add(taken.len(), Ordering::Relaxed);
        database.largest.fetch_max(taken.len(), Ordering::Relaxed);
        Ok(Some(Event::Rows(taken)))
    }
}

/// Waits until nothing more is asked of the database; how much was.
fn at_rest(database: &Endless) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = database.given.load(Ordering::Relaxed);
        if now == before && now > 0 {
            return now;
        }
        before = now;
        assert!(Instant::now() < deadline, "it does not stop");
    }
}

#[test]
fn a_client_that_does_not_read_stops_the_engine() {
    let certs = Certs::new();
    for encrypted in [false, true] {
        let database = Endless::default();
        let config = certs.made.ssl_config(SslMode::Prefer);
        let builder = PgServerBuilder::new().ssl_config(config);
        let server = Server::start(builder, database.clone());
        let mut client = if encrypted {
            Raw::tls(&server, raw::client_config(&certs, false, &[]))
        } else {
            Raw::plain(&server)
        };
        client.log_in();
        client.send(&query("all"));
        let given = at_rest(&database);
        let largest = database.largest.load(Ordering::Relaxed);
        assert!((128 << 10..=512 << 10).contains(&largest), "{largest}");
        // It goes on when the client does.
        assert_eq!(client.message().unwrap().0, b'T');
        for _ in 0..given / 1000 {
            assert_eq!(client.message().unwrap(), (b'D', row()));
        }
        assert!(at_rest(&database) > given);
    }
}

#[test]
fn a_session_is_ended_while_its_client_does_not_read() {
    let database = Endless::default();
    let server = Server::start(PgServerBuilder::new(), database.clone());
    let before = Arc::strong_count(&database.given);
    let mut client = Raw::plain(&server);
    client.log_in();
    client.send(&query("all"));
    at_rest(&database);
    let (process, context) = database.process.get().unwrap();
    assert!(Arc::strong_count(&database.given) > before);
    assert_eq!(context.terminate_backend(*process), Ok(true));
    let deadline = Instant::now() + PATIENCE;
    while Arc::strong_count(&database.given) > before {
        assert!(Instant::now() < deadline, "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(context.terminate_backend(*process), Ok(false));
}

/// DataRow with one text.
fn row() -> Vec<u8> {
    [&[0, 1, 0, 0, 3, 0xe8][..], &[b'x'; 1000]].concat()
}
