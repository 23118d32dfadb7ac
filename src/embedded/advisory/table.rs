//! Who holds which advisory lock, and who waits for it, by the rules of PostgreSQL's lock manager:
//! who comes later waits behind those he would be in the way of.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::embedded::functions::Alarm;

/// Locks at once, in all sessions together.
const MAX_LOCKS: usize = 100_000;
/// The number that `pg_database` has for the database.
const DATABASE: i64 = 5;

/// What is locked. A number and two numbers never mean the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Key {
    One(i64),
    Two(i32, i32),
}

impl Key {
    /// As PostgreSQL's lock tag has it: two numbers, and of which kind they are.
    fn parts(self) -> (i64, i64, i64) {
        match self {
            Self::One(n) => (n >> 32 & 0xffff_ffff, n & 0xffff_ffff, 1),
            Self::Two(a, b) => (i64::from(a) & 0xffff_ffff, i64::from(b) & 0xffff_ffff, 2),
        }
    }
}

/// A lock as `pg_locks` shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::embedded) struct Shown {
    pub(in crate::embedded) key: (i64, i64, i64),
    pub(in crate::embedded) session: u64,
    pub(in crate::embedded) process: i32,
    pub(in crate::embedded) mode: String,
    pub(in crate::embedded) granted: bool,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low, kind) = self.parts();
        write!(f, "advisory lock [{DATABASE},{high},{low},{kind}]")
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Mode {
    Shared,
    Exclusive,
}

impl Mode {
    fn conflicts(self, other: Self) -> bool {
        self == Self::Exclusive || other == Self::Exclusive
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "ShareLock",
            Self::Exclusive => "ExclusiveLock",
        })
    }
}

/// A session, and how to wake it.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) id: u64,
    pub(super) process: i32,
    pub(super) alarm: Arc<Alarm>,
}

#[derive(Debug)]
struct Holder {
    id: u64,
    process: i32,
    shared: u64,
    exclusive: u64,
}

impl Holder {
    fn count(&mut self, mode: Mode) -> &mut u64 {
        match mode {
            Mode::Shared => &mut self.shared,
            Mode::Exclusive => &mut self.exclusive,
        }
    }

    fn conflicts(&self, mode: Mode) -> bool {
        self.exclusive > 0 || self.shared > 0 && mode == Mode::Exclusive
    }
}

#[derive(Debug)]
struct Waiter {
    owner: Owner,
    mode: Mode,
}

#[derive(Debug, Default)]
struct Lock {
    holders: Vec<Holder>,
    queue: VecDeque<Waiter>,
}

impl Lock {
    fn hold(&mut self, owner: &Owner, mode: Mode) {
        let at = self.holders.iter().position(|h| h.id == owner.id);
        let at = at.unwrap_or_else(|| {
            self.holders.push(Holder {
                id: owner.id,
                process: owner.process,
                shared: 0,
                exclusive: 0,
            });
            self.holders.len().saturating_sub(1)
        });
        if let Some(holder) = self.holders.get_mut(at) {
            let count = holder.count(mode);
            *count = count.saturating_add(1);
        }
    }

    fn held_by_others(&self, id: u64, mode: Mode) -> bool {
        self.holders.iter().any(|h| h.id != id && h.conflicts(mode))
    }

    /// Gives it to those who need not wait any longer.
    fn wake(&mut self) {
        let mut ahead: Vec<Mode> = Vec::new();
        for waiter in std::mem::take(&mut self.queue) {
            let Waiter { owner, mode } = &waiter;
            let free =
                !ahead.iter().any(|a| a.conflicts(*mode)) && !self.held_by_others(owner.id, *mode);
            if free {
                self.hold(owner, *mode);
                owner.alarm.nudge();
            } else {
                ahead.push(*mode);
                self.queue.push_back(waiter);
            }
        }
    }
}

/// What came of a request.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Asked {
    Granted,
    Denied,
    /// It stands in the queue.
    Waiting,
    /// There are too many locks.
    Full,
}

/// One who waits for another: for what he holds, or only for his place before.
#[derive(Clone, Copy, Debug)]
struct Edge {
    waiter: u64,
    blocker: u64,
    blocking_process: i32,
    soft: bool,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    locks: HashMap<Key, Lock>,
    /// What each waits for.
    waiting: HashMap<u64, Key>,
}

impl Table {
    pub(super) fn ask(&mut self, owner: &Owner, key: Key, mode: Mode, wait: bool) -> Asked {
        if self.locks.len() >= MAX_LOCKS && !self.locks.contains_key(&key) {
            return Asked::Full;
        }
        let lock = self.locks.entry(key).or_default();
        let own = lock.holders.iter_mut().find(|h| h.id == owner.id);
        let (mut shared, mut exclusive) = (false, false);
        if let Some(own) = own {
            if *own.count(mode) > 0 {
                lock.hold(owner, mode);
                return Asked::Granted;
            }
            (shared, exclusive) = (own.shared > 0, own.exclusive > 0);
        }
        // Who waits for me would wait forever if I stood behind him.
        let place = lock.queue.iter().position(|w| {
            exclusive && w.mode.conflicts(Mode::Exclusive)
                || shared && w.mode.conflicts(Mode::Shared)
        });
        let place = place.unwrap_or(lock.queue.len());
        let ahead = if wait { place } else { lock.queue.len() };
        let behind = lock
            .queue
            .iter()
            .take(ahead)
            .any(|w| w.mode.conflicts(mode));
        if !behind && !lock.held_by_others(owner.id, mode) {
            lock.hold(owner, mode);
            return Asked::Granted;
        }
        if !wait {
            return Asked::Denied;
        }
        let waiter = Waiter {
            owner: owner.clone(),
            mode,
        };
        lock.queue.insert(place, waiter);
        self.waiting.insert(owner.id, key);
        Asked::Waiting
    }

    /// Whether it is still in a queue; out of it, it has what it asked for.
    pub(super) fn waits(&mut self, id: u64) -> bool {
        let Some(key) = self.waiting.get(&id) else {
            return false;
        };
        let lock = self.locks.get(key);
        let waits = lock.is_some_and(|l| l.queue.iter().any(|w| w.owner.id == id));
        if !waits {
            self.waiting.remove(&id);
        }
        waits
    }

    /// No longer wants what it waits for.
    pub(super) fn give_up(&mut self, id: u64) {
        if let Some(key) = self.waiting.remove(&id)
            && let Some(lock) = self.locks.get_mut(&key)
        {
            lock.queue.retain(|w| w.owner.id != id);
            lock.wake();
        }
    }

    /// Gives back what was taken once.
    pub(super) fn release(&mut self, id: u64, key: Key, mode: Mode) {
        let Some(lock) = self.locks.get_mut(&key) else {
            return;
        };
        if let Some(holder) = lock.holders.iter_mut().find(|h| h.id == id) {
            let count = holder.count(mode);
            *count = count.saturating_sub(1);
        }
        lock.holders.retain(|h| h.shared > 0 || h.exclusive > 0);
        lock.wake();
        if lock.holders.is_empty() && lock.queue.is_empty() {
            self.locks.remove(&key);
        }
    }

    /// All locks that are held, and those that somebody waits for.
    pub(super) fn all(&self) -> Vec<Shown> {
        let mut shown = Vec::new();
        for (key, lock) in &self.locks {
            let one = |id: u64, process: i32, mode: Mode, granted: bool| Shown {
                key: key.parts(),
                session: id,
                process,
                mode: mode.to_string(),
                granted,
            };
            for holder in &lock.holders {
                let counts = [
                    (Mode::Exclusive, holder.exclusive),
                    (Mode::Shared, holder.shared),
                ];
                for (mode, _) in counts.iter().filter(|(_, count)| *count > 0) {
                    shown.push(one(holder.id, holder.process, *mode, true));
                }
            }
            for waiter in &lock.queue {
                let owner = &waiter.owner;
                shown.push(one(owner.id, owner.process, waiter.mode, false));
            }
        }
        shown
    }

    fn edges(&self, id: u64) -> Vec<Edge> {
        let lock = self.waiting.get(&id).and_then(|key| self.locks.get(key));
        let Some(lock) = lock else {
            return Vec::new();
        };
        let Some(at) = lock.queue.iter().position(|w| w.owner.id == id) else {
            return Vec::new();
        };
        let Some(mode) = lock.queue.get(at).map(|w| w.mode) else {
            return Vec::new();
        };
        let edge = |blocker: u64, blocking_process: i32, soft: bool| Edge {
            waiter: id,
            blocker,
            blocking_process,
            soft,
        };
        let holders = lock.holders.iter();
        let hard = holders
            .filter(|h| h.id != id && h.conflicts(mode))
            .map(|h| edge(h.id, h.process, false));
        let soft = lock.queue.iter().take(at);
        let soft = soft
            .filter(|w| w.mode.conflicts(mode))
            .map(|w| edge(w.owner.id, w.owner.process, true));
        hard.chain(soft).collect()
    }

    /// The way from one who waits back to itself.
    fn cycle(&self, start: u64) -> Option<Vec<Edge>> {
        let mut seen = HashSet::new();
        let mut way: Vec<Edge> = Vec::new();
        let mut open: Vec<Vec<Edge>> = vec![self.edges(start)];
        while let Some(edges) = open.last_mut() {
            let Some(edge) = edges.pop() else {
                open.pop();
                way.pop();
                continue;
            };
            if edge.blocker == start {
                way.push(edge);
                return Some(way);
            }
            if seen.insert(edge.blocker) {
                way.push(edge);
                open.push(self.edges(edge.blocker));
            }
        }
        None
    }

    /// Looks whether they wait for each other. Who only stands behind another may be let go first;
    /// else the one who came last has to give up, and is told why.
    pub(super) fn settle(&mut self, id: u64) -> Result<(), String> {
        let mut attempts = self.waiting.len().saturating_mul(2);
        while let Some(cycle) = self.cycle(id) {
            let soft = cycle.iter().find(|e| e.soft).copied();
            match soft.filter(|_| attempts > 0) {
                Some(edge) => self.overtake(edge),
                None => return Err(self.explain(&cycle)),
            }
            attempts = attempts.saturating_sub(1);
        }
        Ok(())
    }

    fn overtake(&mut self, edge: Edge) {
        let key = self.waiting.get(&edge.waiter).copied();
        let Some(lock) = key.and_then(|key| self.locks.get_mut(&key)) else {
            return;
        };
        let place = |lock: &Lock, id: u64| lock.queue.iter().position(|w| w.owner.id == id);
        if let (Some(from), Some(to)) = (place(lock, edge.waiter), place(lock, edge.blocker))
            && let Some(waiter) = lock.queue.remove(from)
        {
            lock.queue.insert(to, waiter);
            lock.wake();
        }
    }

    fn explain(&self, cycle: &[Edge]) -> String {
        let mut lines = Vec::new();
        let mut process = cycle.last().map_or(0, |e| e.blocking_process);
        for edge in cycle {
            let key = self.waiting.get(&edge.waiter);
            let mode = key.and_then(|key| self.locks.get(key)).and_then(|lock| {
                let waiter = lock.queue.iter().find(|w| w.owner.id == edge.waiter);
                waiter.map(|w| w.mode)
            });
            if let (Some(key), Some(mode)) = (key, mode) {
                lines.push(format!(
                    "Process {process} waits for {mode} on {key}; blocked by process {}.",
                    edge.blocking_process
                ));
            }
            process = edge.blocking_process;
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Key = Key::One(1);
    const B: Key = Key::One(2);
    use Mode::{Exclusive as X, Shared as S};

    fn owner(id: u64) -> Owner {
        Owner {
            id,
            process: i32::try_from(id).unwrap() * 100,
            alarm: Arc::default(),
        }
    }

    fn ask(table: &mut Table, id: u64, key: Key, mode: Mode) -> Asked {
        table.ask(&owner(id), key, mode, true)
    }

    #[test]
    fn readers_share_and_who_comes_later_waits_behind() {
        let mut table = Table::default();
        assert_eq!(ask(&mut table, 1, A, S), Asked::Granted);
        assert_eq!(ask(&mut table, 2, A, S), Asked::Granted);
        assert_eq!(ask(&mut table, 3, A, X), Asked::Waiting);
        assert_eq!(ask(&mut table, 4, A, S), Asked::Waiting);
        assert_eq!(table.ask(&owner(5), A, S, false), Asked::Denied);
        // What one has already is no question of the queue.
        assert_eq!(ask(&mut table, 1, A, S), Asked::Granted);
        assert_eq!(ask(&mut table, 5, B, X), Asked::Granted);
        for _ in 0..2 {
            table.release(1, A, S);
        }
        assert!(table.waits(3) && table.waits(4));
        table.release(2, A, S);
        assert!(!table.waits(3) && table.waits(4));
        table.release(3, A, X);
        assert!(!table.waits(4));
        table.release(4, A, S);
        table.release(5, B, X);
        assert!(table.locks.is_empty() && table.waiting.is_empty());
    }

    #[test]
    fn who_gives_up_lets_others_through() {
        let mut table = Table::default();
        ask(&mut table, 1, A, S);
        ask(&mut table, 2, A, X);
        ask(&mut table, 3, A, S);
        table.give_up(2);
        assert!(!table.waits(2) && !table.waits(3));
        // Two who share and both want it alone.
        assert_eq!(ask(&mut table, 1, A, X), Asked::Waiting);
        assert_eq!(table.settle(1), Ok(()));
        assert_eq!(ask(&mut table, 3, A, X), Asked::Waiting);
        table.settle(3).unwrap_err();
        table.give_up(3);
        table.release(3, A, S);
        assert!(!table.waits(1));
    }

    #[test]
    fn circles_are_found_and_told() {
        let mut table = Table::default();
        for (id, key) in [(1, A), (2, B), (3, Key::Two(-1, 7))] {
            assert_eq!(ask(&mut table, id, key, X), Asked::Granted);
        }
        ask(&mut table, 1, B, S);
        assert_eq!(table.settle(1), Ok(()));
        ask(&mut table, 2, Key::Two(-1, 7), X);
        assert_eq!(table.settle(2), Ok(()));
        ask(&mut table, 3, A, X);
        assert_eq!(
            table.settle(3).unwrap_err(),
            "Process 300 waits for ExclusiveLock on advisory lock [5,0,1,1]; blocked by process 100.\n\
             Process 100 waits for ShareLock on advisory lock [5,0,2,1]; blocked by process 200.\n\
             Process 200 waits for ExclusiveLock on advisory lock [5,4294967295,7,2]; blocked by process 300."
        );
    }

    #[test]
    fn a_place_in_the_queue_is_no_deadlock() {
        let mut table = Table::default();
        ask(&mut table, 1, A, S);
        ask(&mut table, 3, B, X);
        ask(&mut table, 2, A, X);
        // Only behind 2, who waits for 1.
        ask(&mut table, 3, A, S);
        assert!(table.waits(3));
        ask(&mut table, 1, B, X);
        assert_eq!(table.settle(1), Ok(()));
        assert!(!table.waits(3) && table.waits(1) && table.waits(2));
        table.release(3, B, X);
        assert!(!table.waits(1));
    }

    #[test]
    fn an_own_lock_is_never_in_the_way() {
        let mut table = Table::default();
        ask(&mut table, 1, A, X);
        ask(&mut table, 2, A, X);
        assert_eq!(ask(&mut table, 1, A, S), Asked::Granted);
        table.release(1, A, X);
        assert!(table.waits(2));
        table.release(1, A, S);
        assert!(!table.waits(2));
    }
}
