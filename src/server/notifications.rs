//! LISTEN and NOTIFY between the sessions of a server (PostgreSQL docs, "NOTIFY").

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_channel::{Receiver, Sender};

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::savepoints::Savepoints;

/// Payloads are shorter than this (PostgreSQL: `NOTIFY_PAYLOAD_MAX_LENGTH`).
const MAX_PAYLOAD: usize = 8_000;
/// Names are shorter than this (PostgreSQL: `NAMEDATALEN`).
const MAX_CHANNEL: usize = 64;
/// What may wait for one session that does not read, in bytes.
const MAX_WAITING: usize = 8 << 20;
/// Channels one session may listen on.
const MAX_LISTENING: usize = 10_000;
/// What one transaction may send.
const MAX_PENDING: usize = 100_000;

/// What a session is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Notification {
    pub(crate) process_id: i32,
    pub(crate) channel: Arc<str>,
    pub(crate) payload: Arc<str>,
}

/// Who listens on what.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    channels: Mutex<HashMap<Arc<str>, Vec<Arc<Mailbox>>>>,
}

/// What waits for one session.
#[derive(Debug)]
pub(crate) struct Mailbox {
    waiting: Mutex<Waiting>,
    wake: Sender<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    letters: VecDeque<Notification>,
    bytes: usize,
}

/// One session's part.
#[derive(Debug)]
pub(super) struct Subscriber {
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
    process_id: i32,
    listening: BTreeSet<Arc<str>>,
    /// What is done at commit.
    actions: Vec<Action>,
    letters: Vec<(Arc<str>, Arc<str>)>,
    /// The same letters: within a transaction each is sent once.
    known: BTreeSet<(Arc<str>, Arc<str>)>,
    /// How many actions and letters there were.
    savepoints: Savepoints<(usize, usize)>,
}

#[derive(Debug)]
enum Action {
    Listen(Arc<str>),
    Unlisten(Arc<str>),
    UnlistenAll,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each is whole between any two of its operations.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    /// Wakes the session, whatever for.
    pub(crate) fn ring(&self) {
        // One that stands there already is enough.
        let _ = self.wake.try_send(());
    }

    pub(crate) fn new() -> (Arc<Self>, Receiver<()>) {
        let (wake, woken) = async_channel::bounded(1);
        let mailbox = Self {
            waiting: Mutex::default(),
            wake,
        };
        (Arc::new(mailbox), woken)
    }

    fn put(&self, letter: Notification) {
        let mut waiting = lock(&self.waiting);
        let size = size(&letter.channel, &letter.payload);
        waiting.bytes = waiting.bytes.saturating_add(size);
        waiting.letters.push_back(letter);
    }

    /// Lets the session look.
    fn wake(&self) {
        // If it is full, the session is about to look anyway.
        let _ = self.wake.try_send(());
    }

    fn is_full(&self) -> bool {
        lock(&self.waiting).bytes > MAX_WAITING
    }

    /// The letters that wait, oldest first.
    pub(crate) fn take(&self) -> VecDeque<Notification> {
        core::mem::take(&mut *lock(&self.waiting)).letters
    }
}

/// What a letter costs while it waits.
fn size(channel: &str, payload: &str) -> usize {
    channel
        .len()
        .saturating_add(payload.len())
        .saturating_add(size_of::<Notification>())
}

impl Subscriber {
    /// What wakes the session.
    pub(super) fn waker(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    pub(super) fn new(hub: Arc<Hub>, mailbox: Arc<Mailbox>, process_id: i32) -> Self {
        Self {
            hub,
            mailbox,
            process_id,
            listening: BTreeSet::new(),
            actions: Vec::new(),
            letters: Vec::new(),
            known: BTreeSet::new(),
            savepoints: Savepoints::default(),
        }
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    pub(super) fn listen(&mut self, channel: &str) -> Result<(), ErrorResponse> {
        let name = checked(channel)?;
        if self.listening.len().saturating_add(self.actions.len()) >= MAX_LISTENING {
            return Err(ErrorResponse::error(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "too many channels are listened on",
            ));
        }
        self.actions.push(Action::Listen(name));
        Ok(())
    }

    /// `None` is all.
    pub(super) fn unlisten(&mut self, channel: Option<&str>) {
        if self.listening.is_empty() && self.actions.is_empty() {
            return;
        }
        self.actions.push(match channel {
            Some(channel) => Action::Unlisten(channel.into()),
            None => Action::UnlistenAll,
        });
    }

    pub(super) fn notify(&mut self, channel: &str, payload: &str) -> Result<(), ErrorResponse> {
        let channel = checked(channel)?;
        if payload.len() >= MAX_PAYLOAD {
            return Err(ErrorResponse::error(
                SqlState::INVALID_PARAMETER_VALUE,
                "payload string too long",
            ));
        }
        let slow = lock(&self.hub.channels)
            .get(&channel)
            .is_some_and(|listeners| listeners.iter().any(|m| m.is_full()));
        if slow || self.letters.len() >= MAX_PENDING {
            return Err(ErrorResponse::error(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "too many notifications in the NOTIFY queue",
            ));
        }
        let letter = (channel, Arc::from(payload));
        if self.known.insert(letter.clone()) {
            self.letters.push(letter);
        }
        Ok(())
    }

    pub(super) fn channels(&self) -> Vec<String> {
        self.listening.iter().map(|c| c.to_string()).collect()
    }

    pub(super) fn commit(&mut self) {
        for action in core::mem::take(&mut self.actions) {
            match action {
                Action::Listen(channel) => {
                    if self.listening.insert(Arc::clone(&channel)) {
                        let mut channels = lock(&self.hub.channels);
                        let listeners = channels.entry(channel).or_default();
                        listeners.push(Arc::clone(&self.mailbox));
                    }
                }
                Action::Unlisten(channel) => self.leave(&channel),
                Action::UnlistenAll => self.leave_all(),
            }
        }
        let letters = core::mem::take(&mut self.letters);
        if !letters.is_empty() {
            // Under one lock, so that all hear the transactions in the same order.
            let channels = lock(&self.hub.channels);
            let listeners = |channel| channels.get(channel).into_iter().flatten();
            for (channel, payload) in &letters {
                for listener in listeners(channel) {
                    listener.put(Notification {
                        process_id: self.process_id,
                        channel: Arc::clone(channel),
                        payload: Arc::clone(payload),
                    });
                }
            }
            // Only now, so that those of one transaction go in one piece.
            for (channel, _) in &letters {
                listeners(channel).for_each(|listener| listener.wake());
            }
        }
        self.known.clear();
        self.savepoints.clear();
    }

    pub(super) fn rollback(&mut self) {
        self.actions.clear();
        self.letters.clear();
        self.known.clear();
        self.savepoints.clear();
    }

    pub(super) fn savepoint(&mut self, name: &str) {
        let stands = (self.actions.len(), self.letters.len());
        self.savepoints.set(name, stands);
    }

    pub(super) fn release(&mut self, name: &str) {
        self.savepoints.release(name);
    }

    pub(super) fn rollback_to(&mut self, name: &str) {
        if let Some((actions, letters)) = self.savepoints.roll_back_to(name) {
            self.actions.truncate(*actions);
            for letter in self.letters.drain(*letters..) {
                self.known.remove(&letter);
            }
        }
    }

    fn leave(&mut self, channel: &str) {
        if self.listening.remove(channel) {
            self.hub.remove(channel, &self.mailbox);
        }
    }

    fn leave_all(&mut self) {
        for channel in core::mem::take(&mut self.listening) {
            self.hub.remove(&channel, &self.mailbox);
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.leave_all();
    }
}

impl Hub {
    fn remove(&self, channel: &str, mailbox: &Arc<Mailbox>) {
        let mut channels = lock(&self.channels);
        if let Some(listeners) = channels.get_mut(channel) {
            listeners.retain(|m| !Arc::ptr_eq(m, mailbox));
            if listeners.is_empty() {
                channels.remove(channel);
            }
        }
    }
}

fn checked(channel: &str) -> Result<Arc<str>, ErrorResponse> {
    let wrong = match channel.len() {
        0 => "channel name cannot be empty",
        MAX_CHANNEL.. => "channel name too long",
        _ => return Ok(channel.into()),
    };
    Err(ErrorResponse::error(
        SqlState::INVALID_PARAMETER_VALUE,
        wrong,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(hub: &Arc<Hub>, process_id: i32) -> Subscriber {
        Subscriber::new(Arc::clone(hub), Mailbox::new().0, process_id)
    }

    fn heard(subscriber: &Subscriber) -> Vec<String> {
        let letters = subscriber.mailbox.take();
        letters
            .iter()
            .map(|l| format!("{}:{}:{}", l.process_id, l.channel, l.payload))
            .collect()
    }

    #[test]
    fn letters_leave_at_commit_and_each_once() {
        let hub = Arc::new(Hub::default());
        let (mut one, mut two) = (subscriber(&hub, 1), subscriber(&hub, 2));
        one.listen("c").unwrap();
        one.listen("c").unwrap();
        one.commit();
        two.listen("c").unwrap();
        two.rollback();
        for payload in ["a", "a", "b"] {
            two.notify("c", payload).unwrap();
        }
        two.notify("other", "x").unwrap();
        assert!(heard(&one).is_empty());
        two.commit();
        assert_eq!(heard(&one), ["2:c:a", "2:c:b"]);
        two.notify("c", "never").unwrap();
        two.rollback();
        two.commit();
        assert!(heard(&one).is_empty() && heard(&two).is_empty());
        one.notify("c", "self").unwrap();
        one.commit();
        assert_eq!(heard(&one), ["1:c:self"]);
        one.unlisten(None);
        one.commit();
        assert!(lock(&hub.channels).is_empty());
    }

    #[test]
    fn savepoints_take_back_what_came_after() {
        let hub = Arc::new(Hub::default());
        let mut one = subscriber(&hub, 1);
        one.listen("c").unwrap();
        one.notify("c", "a").unwrap();
        one.savepoint("s");
        one.listen("d").unwrap();
        one.notify("c", "b").unwrap();
        one.rollback_to("s");
        one.notify("c", "b").unwrap();
        one.commit();
        assert_eq!(heard(&one), ["1:c:a", "1:c:b"]);
        assert_eq!(one.channels(), ["c"]);
    }

    #[test]
    fn a_session_that_is_gone_listens_no_more() {
        let hub = Arc::new(Hub::default());
        let mut one = subscriber(&hub, 1);
        one.listen("c").unwrap();
        one.commit();
        drop(one);
        assert!(lock(&hub.channels).is_empty());
    }

    #[test]
    fn one_that_does_not_read_stops_the_senders() {
        let hub = Arc::new(Hub::default());
        let (mut deaf, mut loud) = (subscriber(&hub, 1), subscriber(&hub, 2));
        deaf.listen("c").unwrap();
        deaf.commit();
        let payload = "x".repeat(MAX_PAYLOAD - 10);
        let sent = (0..10_000)
            .take_while(|n| {
                let sent = loud.notify("c", &format!("{payload}{n}")).is_ok();
                loud.commit();
                sent
            })
            .count();
        assert!((1_000..1_100).contains(&sent), "{sent}");
        deaf.mailbox.take();
        loud.notify("c", "again").unwrap();
    }

    #[test]
    fn names_and_payloads_have_postgresqls_limits() {
        let mut one = subscriber(&Arc::default(), 1);
        one.listen(&"c".repeat(63)).unwrap();
        one.notify("c", &"p".repeat(7_999)).unwrap();
        for (channel, payload) in [
            ("", "".into()),
            (&*"c".repeat(64), "".into()),
            ("c", "p".repeat(8_000)),
        ] {
            let error = one.notify(channel, &payload).unwrap_err();
            assert_eq!(error.code().as_str(), "22023");
        }
    }
}
