//! Which session a CancelRequest means: random process ids and keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::meters;
use crate::server::database::Interrupt;
use crate::wire::request::CancelRequest;

/// All sessions of a server by process id.
#[derive(Default)]
pub(crate) struct Sessions {
    live: Mutex<HashMap<i32, Entry>>,
}

struct Entry {
    key: Vec<u8>,
    role: Vec<u8>,
    interrupt: Arc<OnceLock<Interrupt>>,
    terminate: Arc<OnceLock<Interrupt>>,
}

/// What came of a signal from another session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signalled {
    Done,
    /// There is no such session.
    Nobody,
    /// It is another role's.
    Denied,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("live", &self.live().len())
            .finish()
    }
}

/// The system has no random numbers to give.
#[derive(Debug, thiserror::Error)]
#[error("no random numbers for a cancel key: {0}; check the system's entropy source")]
pub(crate) struct NoEntropy(String);

impl Sessions {
    /// Enters a session with a key of `key_len` bytes ([`crate::Login::cancel_key_len`]).
    ///
    /// # Errors
    /// The system gives no random numbers. A guessable key would be worse than no session.
    pub(crate) fn enter(
        self: &Arc<Self>,
        key_len: usize,
        role: &[u8],
    ) -> Result<Entered, NoEntropy> {
        let mut key = vec![0; key_len];
        getrandom::fill(&mut key).map_err(|e| NoEntropy(e.to_string()))?;
        let (interrupt, terminate) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
        let mut live = self.live();
        let process_id = loop {
            let id = getrandom::u32().map_err(|e| NoEntropy(e.to_string()))? >> 1;
            match i32::try_from(id) {
                Ok(id) if id != 0 && !live.contains_key(&id) => break id,
                _ => {}
            }
        };
        live.insert(
            process_id,
            Entry {
                key: key.clone(),
                role: role.to_owned(),
                interrupt: Arc::clone(&interrupt),
                terminate: Arc::clone(&terminate),
            },
        );
        drop(live);
        Ok(Entered {
            sessions: Arc::clone(self),
            process_id,
            key,
            interrupt,
            terminate,
        })
    }

    /// Interrupts or ends a session for another one, of the same role.
    pub(crate) fn signal(&self, process_id: i32, role: &[u8], end: bool) -> Signalled {
        let found = match self.live().get(&process_id) {
            None => return Signalled::Nobody,
            Some(entry) if entry.role != role => return Signalled::Denied,
            Some(entry) if end => entry.terminate.get().cloned(),
            Some(entry) => entry.interrupt.get().cloned(),
        };
        tracing::debug!(target: "pgtls::cancel", process_id, end, "signal of another session");
        if let Some(signal) = found {
            signal();
        }
        Signalled::Done
    }

    /// Interrupts the session that the request means, if its key is right. The client is told
    /// nothing either way; the log is.
    pub(crate) fn cancel(&self, request: &CancelRequest) {
        let process_id = request.process_id();
        let interrupt = match self.live().get(&process_id) {
            None => {
                meters::cancel("no_session");
                tracing::info!(target: "pgtls::cancel", process_id, "PID in cancel request did not match any process");
                return;
            }
            Some(entry) if !request.key_is(&entry.key) => {
                meters::cancel("wrong_key");
                tracing::info!(target: "pgtls::cancel", process_id, "wrong key in cancel request");
                return;
            }
            Some(entry) => entry.interrupt.get().cloned(),
        };
        meters::cancel("accepted");
        tracing::debug!(target: "pgtls::cancel", process_id, "cancel request");
        if let Some(interrupt) = interrupt {
            interrupt();
        }
    }

    /// Interrupts whatever runs.
    pub(crate) fn interrupt_all(&self) {
        let interrupts: Vec<Interrupt> = self
            .live()
            .values()
            .filter_map(|entry| entry.interrupt.get().cloned())
            .collect();
        for interrupt in interrupts {
            interrupt();
        }
    }

    fn live(&self) -> MutexGuard<'_, HashMap<i32, Entry>> {
        // The map is whole between any two of its operations.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's entry, taken out when dropped. Its key is secret.
pub(crate) struct Entered {
    sessions: Arc<Sessions>,
    process_id: i32,
    key: Vec<u8>,
    interrupt: Arc<OnceLock<Interrupt>>,
    terminate: Arc<OnceLock<Interrupt>>,
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered")
            .field("process_id", &self.process_id)
            .finish_non_exhaustive()
    }
}

impl Entered {
    /// The process id for BackendKeyData, positive.
    pub(crate) fn process_id(&self) -> i32 {
        self.process_id
    }

    /// The key for BackendKeyData.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Says what interrupts the session; only the first call counts.
    pub(crate) fn on_cancel(&self, interrupt: Interrupt) {
        let _ = self.interrupt.set(interrupt);
    }

    /// Says what ends the session; only the first call counts.
    pub(crate) fn on_terminate(&self, terminate: Interrupt) {
        let _ = self.terminate.set(terminate);
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.sessions.live().remove(&self.process_id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::wire::request::cancel;

    fn request(process_id: i32, key: &[u8]) -> CancelRequest {
        let mut body = process_id.to_be_bytes().to_vec();
        body.extend_from_slice(key);
        cancel(&body).unwrap()
    }

    #[test]
    fn only_the_right_key_interrupts_and_only_its_session() {
        let sessions = Arc::new(Sessions::default());
        let (hits, others) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let one = sessions.enter(32, b"r").unwrap();
        let two = sessions.enter(4, b"r").unwrap();
        for (entered, count) in [(&one, &hits), (&two, &others)] {
            let count = Arc::clone(count);
            entered.on_cancel(Arc::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
            }));
        }
        sessions.cancel(&request(one.process_id(), two.key()));
        sessions.cancel(&request(one.process_id(), &one.key()[..31]));
        sessions.cancel(&request(0, one.key()));
        assert_eq!(hits.load(Ordering::Relaxed), 0);
        sessions.cancel(&request(one.process_id(), one.key()));
        assert_eq!(
            (hits.load(Ordering::Relaxed), others.load(Ordering::Relaxed)),
            (1, 0)
        );
    }

    #[test]
    fn signals_are_for_sessions_of_ones_own_role() {
        let sessions = Arc::new(Sessions::default());
        let ended = Arc::new(AtomicUsize::new(0));
        let entered = sessions.enter(4, b"one").unwrap();
        let count = Arc::clone(&ended);
        entered.on_terminate(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        let id = entered.process_id();
        assert_eq!(sessions.signal(0, b"one", true), Signalled::Nobody);
        assert_eq!(sessions.signal(id, b"two", true), Signalled::Denied);
        assert_eq!(sessions.signal(id, b"one", false), Signalled::Done);
        assert_eq!(ended.load(Ordering::Relaxed), 0);
        assert_eq!(sessions.signal(id, b"one", true), Signalled::Done);
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_session_that_ended_cannot_be_cancelled() {
        let sessions = Arc::new(Sessions::default());
        let entered = sessions.enter(4, b"r").unwrap();
        let late = request(entered.process_id(), entered.key());
        drop(entered);
        sessions.cancel(&late);
        assert_eq!(format!("{sessions:?}"), "Sessions { live: 0 }");
    }

    #[test]
    fn keys_are_random_and_not_printed() {
        let sessions = Arc::new(Sessions::default());
        let (one, two) = (
            sessions.enter(32, b"r").unwrap(),
            sessions.enter(32, b"r").unwrap(),
        );
        assert_ne!(one.key(), two.key());
        assert_ne!(one.process_id(), two.process_id());
        assert!(!format!("{one:?}").contains("key"));
    }
}
