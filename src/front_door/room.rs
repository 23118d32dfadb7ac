//! How many connections there are, and may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error_response::{ErrorResponse, SqlState};
use crate::half_open::{HalfOpen, HalfOpenLimits};
use crate::meters;

/// How many connections there are, and may be.
#[derive(Debug)]
pub(crate) struct Room {
    pub(super) max_sessions: usize,
    sessions: AtomicUsize,
    pub(crate) half_open: Arc<HalfOpen>,
}

impl Room {
    pub(super) fn new(max_sessions: usize, half_open: HalfOpenLimits) -> Self {
        Self {
            max_sessions,
            sessions: AtomicUsize::new(0),
            half_open: Arc::new(HalfOpen::new(half_open)),
        }
    }

    /// How many sessions there are.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.sessions() >= self.max_sessions
    }

    /// One session more, unless that is one too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<SessionPermit, ErrorResponse> {
        let max = self.max_sessions;
        self.sessions
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n < max).then(|| n.saturating_add(1))
            })
            .map_err(|_| full())?;
        meters::session(true);
        Ok(SessionPermit {
            room: Arc::clone(self),
        })
    }
}

pub(super) fn full() -> ErrorResponse {
    ErrorResponse::fatal(
        SqlState::TOO_MANY_CONNECTIONS,
        "sorry, too many clients already",
    )
}

/// A session's place among [`FrontDoor::max_sessions`], given back when dropped.
#[derive(Debug)]
pub(crate) struct SessionPermit {
    room: Arc<Room>,
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.room.sessions.fetch_sub(1, Ordering::Relaxed);
        meters::session(false);
    }
}
