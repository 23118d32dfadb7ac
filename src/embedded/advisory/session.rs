//! A session's side: what it holds, and until when.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::embedded::advisory::table::{Asked, Key, Mode, Owner, Shown, Table};
use crate::embedded::dialect::Fault;
use crate::embedded::functions::{Alarm, Woken};
use crate::error_response::{ErrorResponse, SqlState};

/// The locks of all sessions of a database.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Advisory {
    table: Mutex<(Table, u64)>,
}

impl Advisory {
    fn table(&self) -> MutexGuard<'_, (Table, u64)> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until when a lock is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Until {
    Unlocked,
    TransactionEnd,
}

/// What a session holds. All of it is given back when this is dropped.
#[derive(Debug)]
pub(in crate::embedded) struct Locks {
    all: Arc<Advisory>,
    owner: Owner,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    session: HashMap<(Key, Mode), u64>,
    /// In the order they were taken, each once.
    transaction: Vec<(Key, Mode)>,
    in_transaction: HashSet<(Key, Mode)>,
    /// How many there were at each savepoint that stands.
    savepoints: Vec<(String, usize)>,
    notices: Vec<ErrorResponse>,
}

/// Why there is no lock.
pub(super) enum Denied {
    Cancelled,
    Told(Fault),
}

impl Locks {
    pub(in crate::embedded) fn new(
        all: &Arc<Advisory>,
        process: i32,
        alarm: &Arc<Alarm>,
    ) -> Arc<Self> {
        let mut table = all.table();
        table.1 = table.1.wrapping_add(1);
        Arc::new(Self {
            owner: Owner {
                id: table.1,
                process,
                alarm: Arc::clone(alarm),
            },
            all: Arc::clone(all),
            own: Mutex::default(),
        })
    }

    /// The locks of all sessions, as they are now.
    pub(in crate::embedded) fn shown(&self) -> Vec<Shown> {
        self.all.table().0.all()
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, key: Key, mode: Mode, until: Until) {
        let mut own = self.own();
        match until {
            Until::Unlocked => {
                let count = own.session.entry((key, mode)).or_default();
                *count = count.saturating_add(1);
            }
            Until::TransactionEnd => {
                own.in_transaction.insert((key, mode));
                own.transaction.push((key, mode));
            }
        }
    }

    /// Takes a lock for a transaction that has it already: nothing is to be done.
    fn has(&self, key: Key, mode: Mode, until: Until) -> bool {
        until == Until::TransactionEnd && self.own().in_transaction.contains(&(key, mode))
    }

    /// Takes a lock, however long it takes: no longer than `patience`, if there is a limit.
    pub(super) fn take(
        &self,
        key: Key,
        mode: Mode,
        until: Until,
        patience: Option<Duration>,
    ) -> Result<(), Denied> {
        if self.has(key, mode, until) {
            return Ok(());
        }
        let Owner { id, alarm, .. } = &self.owner;
        let mut table = self.all.table();
        alarm.expect_nudge();
        match table.0.ask(&self.owner, key, mode, true) {
            Asked::Granted => {
                self.keep(key, mode, until);
                return Ok(());
            }
            Asked::Waiting => {}
            Asked::Denied | Asked::Full => return Err(Denied::Told(full())),
        }
        if let Err(detail) = table.0.settle(*id) {
            table.0.give_up(*id);
            let fault = Fault::new(deadlock(), "deadlock detected").with_detail(detail);
            return Err(Denied::Told(fault));
        }
        drop(table);
        let woken = alarm.wait(patience);
        let mut table = self.all.table();
        if !table.0.waits(*id) {
            self.keep(key, mode, until);
            return Ok(());
        }
        table.0.give_up(*id);
        Err(match woken {
            Woken::Late => Denied::Told(Fault::new(
                SqlState::LOCK_NOT_AVAILABLE,
                "canceling statement due to lock timeout",
            )),
            Woken::Rung | Woken::Nudged => Denied::Cancelled,
        })
    }

    /// Takes a lock if it is to be had.
    pub(super) fn try_take(&self, key: Key, mode: Mode, until: Until) -> Result<bool, Denied> {
        if self.has(key, mode, until) {
            return Ok(true);
        }
        let mut table = self.all.table();
        match table.0.ask(&self.owner, key, mode, false) {
            Asked::Granted => {
                self.keep(key, mode, until);
                Ok(true)
            }
            Asked::Full => Err(Denied::Told(full())),
            Asked::Denied | Asked::Waiting => Ok(false),
        }
    }

    /// Gives a lock of the session back; false, and a warning, if it has none.
    pub(super) fn unlock(&self, key: Key, mode: Mode) -> bool {
        let mut own = self.own();
        let Some(count) = own.session.get_mut(&(key, mode)) else {
            own.notices.push(ErrorResponse::warning(
                SqlState::WARNING,
                format!("you don't own a lock of type {mode}"),
            ));
            return false;
        };
        *count = count.saturating_sub(1);
        if *count == 0 {
            own.session.remove(&(key, mode));
        }
        drop(own);
        self.all.table().0.release(self.owner.id, key, mode);
        true
    }

    fn release(&self, all: impl IntoIterator<Item = (Key, Mode)>) {
        let mut table = self.all.table();
        for (key, mode) in all {
            table.0.release(self.owner.id, key, mode);
        }
    }

    /// `pg_advisory_unlock_all`.
    pub(in crate::embedded) fn unlock_all(&self) {
        let session = std::mem::take(&mut self.own().session);
        let all = session.into_iter().flat_map(|(lock, count)| {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            std::iter::repeat_n(lock, count)
        });
        self.release(all);
    }

    /// Gives back what the transaction took since there were `count`.
    fn back_to(&self, own: &mut Own, count: usize) {
        if own.transaction.len() <= count {
            return;
        }
        let taken = own.transaction.split_off(count);
        for lock in &taken {
            own.in_transaction.remove(lock);
        }
        self.release(taken);
    }

    pub(in crate::embedded) fn end_transaction(&self) {
        let mut own = self.own();
        own.savepoints.clear();
        self.back_to(&mut own, 0);
    }

    /// A statement failed, and with it what was done since the last savepoint.
    pub(in crate::embedded) fn fail(&self) {
        let mut own = self.own();
        let count = own.savepoints.last().map_or(0, |(_, count)| *count);
        self.back_to(&mut own, count);
    }

    pub(in crate::embedded) fn savepoint(&self, name: &str) {
        let mut own = self.own();
        let count = own.transaction.len();
        own.savepoints.push((name.to_owned(), count));
    }

    /// What was taken since is the outer transaction's.
    pub(in crate::embedded) fn release_savepoint(&self, name: &str) {
        let mut own = self.own();
        if let Some(at) = own.savepoints.iter().rposition(|(n, _)| n == name) {
            own.savepoints.truncate(at);
        }
    }

    pub(in crate::embedded) fn rollback_to(&self, name: &str) {
        let mut own = self.own();
        if let Some(at) = own.savepoints.iter().rposition(|(n, _)| n == name) {
            own.savepoints.truncate(at.saturating_add(1));
            let count = own.savepoints.last().map_or(0, |(_, count)| *count);
            self.back_to(&mut own, count);
        }
    }

    /// What a statement had to say meanwhile.
    pub(in crate::embedded) fn note(&self, notice: ErrorResponse) {
        self.own().notices.push(notice);
    }

    /// What functions and statements that were prepared had to say.
    pub(in crate::embedded) fn take_notices(&self) -> Vec<ErrorResponse> {
        std::mem::take(&mut self.own().notices)
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        self.end_transaction();
        self.unlock_all();
    }
}

fn deadlock() -> SqlState {
    SqlState::new("40P01").unwrap_or(SqlState::SERIALIZATION_FAILURE)
}

fn full() -> Fault {
    Fault::new(SqlState::OUT_OF_MEMORY, "out of shared memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Exclusive as X, Shared as S};

    fn sessions() -> [Arc<Locks>; 2] {
        let all = Arc::default();
        [1, 2].map(|process| Locks::new(&all, process, &Arc::default()))
    }

    fn free(other: &Locks, key: i64) -> bool {
        let key = Key::One(key);
        let got = matches!(other.try_take(key, X, Until::Unlocked), Ok(true));
        got && other.unlock(key, X)
    }

    #[test]
    fn locks_are_counted_and_end_with_the_session() {
        let [one, two] = sessions();
        for _ in 0..2 {
            assert!(matches!(
                one.try_take(Key::One(1), X, Until::Unlocked),
                Ok(true)
            ));
        }
        assert!(one.unlock(Key::One(1), X) && !free(&two, 1));
        assert!(one.unlock(Key::One(1), X) && free(&two, 1));
        assert!(!one.unlock(Key::One(1), X) && !one.unlock(Key::Two(0, 1), S));
        let told: Vec<String> = one
            .take_notices()
            .iter()
            .map(|n| n.message().to_owned())
            .collect();
        assert_eq!(
            told,
            [
                "you don't own a lock of type ExclusiveLock",
                "you don't own a lock of type ShareLock"
            ]
        );
        for until in [Until::Unlocked, Until::Unlocked, Until::TransactionEnd] {
            assert!(matches!(one.try_take(Key::One(2), S, until), Ok(true)));
        }
        one.unlock_all();
        assert!(!free(&two, 2));
        drop(one);
        assert!(free(&two, 2));
    }

    #[test]
    fn what_a_savepoint_took_goes_with_it() {
        let [one, two] = sessions();
        let take = |key| {
            let got = one.try_take(Key::One(key), X, Until::TransactionEnd);
            assert!(matches!(got, Ok(true)));
        };
        take(1);
        one.savepoint("s");
        take(2);
        take(1);
        one.savepoint("s");
        take(3);
        one.fail();
        assert!(!free(&two, 2) && free(&two, 3));
        one.rollback_to("s");
        take(3);
        one.release_savepoint("s");
        take(4);
        one.rollback_to("s");
        assert!(!free(&two, 1) && free(&two, 2) && free(&two, 3) && free(&two, 4));
        one.end_transaction();
        assert!(free(&two, 1));
    }

    #[test]
    fn a_wait_ends_with_the_lock_the_alarm_or_its_time() {
        let [one, two] = sessions();
        let key = Key::One(1);
        assert!(one.take(key, X, Until::Unlocked, None).is_ok());
        let late = two.take(key, S, Until::Unlocked, Some(Duration::from_millis(5)));
        let Err(Denied::Told(fault)) = late else {
            panic!("it is held");
        };
        assert_eq!(fault.code, SqlState::LOCK_NOT_AVAILABLE);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| two.take(key, S, Until::Unlocked, None));
            while two.all.table().0.settle(two.owner.id).is_ok()
                && !two.all.table().0.waits(two.owner.id)
            {
                std::thread::yield_now();
            }
            two.owner.alarm.ring();
            assert!(matches!(waits.join().unwrap(), Err(Denied::Cancelled)));
            two.owner.alarm.reset();
            let waits = scope.spawn(|| two.take(key, S, Until::Unlocked, None));
            while !two.all.table().0.waits(two.owner.id) {
                std::thread::yield_now();
            }
            assert!(one.unlock(key, X));
            assert!(matches!(waits.join().unwrap(), Ok(())));
        });
        assert!(two.unlock(key, S));
    }
}
