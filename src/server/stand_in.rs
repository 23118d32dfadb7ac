//! A thread that answers a session may do the session's next step too.

use std::sync::{Arc, OnceLock, Weak};

/// Polls a session in place of its task. Adapters implement it
/// ([`SessionContext::set_stand_in`](crate::server::SessionContext::set_stand_in)); those of this
/// crate do, but for the blocking one.
pub trait StandIn: Send + Sync {
    /// Does `answer`. If that wakes the session, it is polled here and now, on this thread; or its
    /// task is woken, if it is just being polled there.
    fn answer(self: Arc<Self>, answer: &mut dyn FnMut());
}

/// Who can be asked to, once the session has a task; nobody where only that may poll it.
#[derive(Default)]
pub(crate) struct Place(OnceLock<Weak<dyn StandIn>>);

impl Place {
    pub(crate) fn take(&self, stand_in: Weak<dyn StandIn>) {
        // A session has one task.
        let _ = self.0.set(stand_in);
    }

    pub(crate) fn answer(&self, answer: impl FnOnce()) {
        let mut answer = Some(answer);
        let mut answer = move || {
            if let Some(answer) = answer.take() {
                answer();
            }
        };
        match self.0.get().and_then(Weak::upgrade) {
            Some(stand_in) => stand_in.answer(&mut answer),
            None => answer(),
        }
    }
}
