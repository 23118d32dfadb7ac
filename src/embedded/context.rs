//! What a statement's functions need to know of its session. A session is a thread, so it is the
//! thread's.

use std::cell::RefCell;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::server::format::datetime;

struct Context {
    zone: TimeZone,
    transaction: Timestamp,
    statement: Timestamp,
}

thread_local! {
    static CONTEXT: RefCell<Context> = const {
        RefCell::new(Context {
            zone: TimeZone::UTC,
            transaction: Timestamp::UNIX_EPOCH,
            statement: Timestamp::UNIX_EPOCH,
        })
    };
}

/// The session's `TimeZone`.
pub(super) fn zone() -> TimeZone {
    CONTEXT.with_borrow(|c| c.zone.clone())
}

/// A time zone by the names PostgreSQL takes.
pub(super) fn find_zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("z") {
        return Some(TimeZone::UTC);
    }
    datetime::zone(name)
}

/// A statement begins; with it a transaction, if none is open. Without a zone it is UTC.
pub(super) fn begin_statement(in_transaction: bool, zone: Option<TimeZone>) {
    let now = now();
    CONTEXT.with_borrow_mut(|c| {
        c.zone = zone.unwrap_or(TimeZone::UTC);
        c.statement = now;
        if !in_transaction {
            c.transaction = now;
        }
    });
}

/// `now()`: when the transaction began.
pub(super) fn transaction_time() -> Timestamp {
    CONTEXT.with_borrow(|c| c.transaction)
}

/// `statement_timestamp()`.
pub(super) fn statement_time() -> Timestamp {
    CONTEXT.with_borrow(|c| c.statement)
}

/// `clock_timestamp()`, to the microsecond.
#[expect(
    clippy::disallowed_methods,
    reason = "a database has a clock: now() is asked for"
)]
pub(super) fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now())
        .ok()
        .and_then(|t| Timestamp::from_microsecond(t.as_microsecond()).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
