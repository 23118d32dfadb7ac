//! What ends a statement that takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::server::database::Interrupt;

/// Ends the statement that runs when its time is over.
#[derive(Clone)]
pub struct StatementTimer {
    pub(super) limit: Option<Duration>,
    /// Counts the ends of statements, and of what the client kept waiting.
    pub(super) count: Arc<AtomicU64>,
    pub(super) interrupt: Interrupt,
    /// So that the client is told why.
    pub(super) fired: Arc<AtomicBool>,
}

impl std::fmt::Debug for StatementTimer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementTimer")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl StatementTimer {
    /// How long a statement may take.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit.unwrap_or(Duration::MAX)
    }

    /// A number that is another for each statement: when it changes, the time begins anew. It
    /// includes the time in which the client is sent the rows.
    #[must_use]
    pub fn statement(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// A statement is over.
    pub(super) fn restart(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.fired.store(false, Ordering::Release);
    }

    /// Whether it has fired, since the last time this was asked.
    pub(super) fn has_fired(&self) -> bool {
        self.fired.swap(false, Ordering::AcqRel)
    }

    /// The time is over: the statement fails with 57014. Go on with
    /// [`QuerySession::advance`](crate::server::QuerySession::advance).
    pub fn fire(&self) {
        self.fired.store(true, Ordering::Release);
        (self.interrupt)();
    }
}
