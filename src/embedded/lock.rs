//! Waiting for another session's lock. A session is a thread, so what it knows is the thread's.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::embedded::functions::Alarm;

/// How long a statement waits before it fails with 55P03, unless `lock_timeout` says otherwise.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

struct Wait {
    alarm: Arc<Alarm>,
    limit: Duration,
    waited: Duration,
    cancelled: bool,
}

thread_local! {
    static WAIT: RefCell<Option<Wait>> = const { RefCell::new(None) };
}

/// Lets this thread's connection wait, until the alarm rings.
pub(super) fn install(connection: &mut Connection, alarm: Arc<Alarm>) -> rusqlite::Result<()> {
    WAIT.set(Some(Wait {
        alarm,
        limit: PATIENCE,
        waited: Duration::ZERO,
        cancelled: false,
    }));
    connection.busy_handler(Some(again))
}

/// A statement begins, with this `lock_timeout`.
pub(super) fn begin_statement(limit: Option<Duration>) {
    WAIT.with_borrow_mut(|wait| {
        if let Some(wait) = wait {
            (wait.limit, wait.cancelled) = (limit.unwrap_or(PATIENCE), false);
        }
    });
}

/// Whether it was a cancel request that ended the wait.
pub(super) fn was_cancelled() -> bool {
    WAIT.with_borrow(|wait| wait.as_ref().is_some_and(|w| w.cancelled))
}

/// SQLite asks whether to try again; `count` is how often it did.
fn again(count: i32) -> bool {
    WAIT.with_borrow_mut(|wait| {
        let Some(wait) = wait else {
            return false;
        };
        if count == 0 {
            wait.waited = Duration::ZERO;
        }
        let left = wait.limit.saturating_sub(wait.waited);
        if left.is_zero() {
            return false;
        }
        let count = u64::try_from(count).unwrap_or(0);
        let pause = Duration::from_millis(count.saturating_add(1));
        let pause = pause.min(PAUSE).min(left);
        wait.waited = wait.waited.saturating_add(pause);
        wait.cancelled = !wait.alarm.sleep(pause);
        !wait.cancelled
    })
}
