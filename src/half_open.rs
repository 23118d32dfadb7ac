//! The connections that are not in yet: how many there may be, and which one goes when there are
//! too many.
//!
//! Whoever does not log in costs memory and a descriptor, and anybody may do that to a server. So
//! they have a budget of their own, apart from sessions, and the oldest give way: a client that
//! logs in does so in milliseconds, one that never will grows old.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::front_door::Peer;
use crate::meters;

/// Default of [`FrontDoor::max_half_open`](crate::FrontDoor::max_half_open).
pub const DEFAULT_MAX_HALF_OPEN: usize = 4096;
/// Default of
/// [`FrontDoor::max_half_open_per_address`](crate::FrontDoor::max_half_open_per_address).
pub const DEFAULT_MAX_HALF_OPEN_PER_ADDRESS: usize = 2048;
/// Default of [`FrontDoor::max_half_open_bytes`](crate::FrontDoor::max_half_open_bytes): 32 MiB.
pub const DEFAULT_MAX_HALF_OPEN_BYTES: usize = 32 * 1024 * 1024;
/// What one client may send before it is logged in, in bytes: a TLS handshake message of the
/// largest size there is (RFC 8446 §4, as rustls bounds it), and what goes with it.
pub const MAX_LOGIN_BYTES: usize = 128 * 1024;

/// How much there may be before login.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfOpenLimits {
    pub(crate) count: usize,
    pub(crate) per_address: usize,
    pub(crate) bytes: usize,
}

impl Default for HalfOpenLimits {
    fn default() -> Self {
        Self {
            count: DEFAULT_MAX_HALF_OPEN,
            per_address: DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
            bytes: DEFAULT_MAX_HALF_OPEN_BYTES,
        }
    }
}

/// Who shares a budget: an IPv4 address, a /64 of IPv6 (what one host is given), or all Unix
/// sockets. Streams of unknown origin, and proxies, have nothing to be told apart by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Origin {
    V4([u8; 4]),
    V6([u8; 8]),
    Unix,
}

impl Origin {
    fn of(peer: &Peer) -> Option<Self> {
        match peer {
            Peer::Tcp(address) => Some(match address.ip().to_canonical() {
                IpAddr::V4(ip) => Self::V4(ip.octets()),
                IpAddr::V6(ip) => {
                    let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                    Self::V6([a, b, c, d, e, f, g, h])
                }
            }),
            Peer::Unix(_) => Some(Self::Unix),
            Peer::Unknown => None,
        }
    }
}

/// All half-open connections of a door, by age.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    limits: HalfOpenLimits,
    /// What they have sent, together.
    bytes: AtomicUsize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_age: BTreeMap<u64, (Option<Origin>, Arc<Ticket>)>,
    by_origin: HashMap<Origin, BTreeSet<u64>>,
    /// It was said that the budget is used up, and there was no relief since.
    pressed: bool,
}

/// What a connection and the register share.
#[derive(Debug, Default)]
struct Ticket {
    evicted: AtomicBool,
    bytes: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Ticket {
    fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        if let Some(waker) = self.waker().take() {
            waker.wake();
        }
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the half-open ones, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    among: Arc<HalfOpen>,
    age: u64,
    ticket: Arc<Ticket>,
}

/// It sent more than [`MAX_LOGIN_BYTES`] before login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooMuch;

impl HalfOpen {
    pub(crate) fn new(limits: HalfOpenLimits) -> Self {
        Self {
            limits,
            bytes: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> HalfOpenLimits {
        self.limits
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.waiting().by_age.len()
    }

    /// Takes one more in. If that is one too many, the oldest goes.
    pub(crate) fn enter(self: &Arc<Self>, peer: &Peer) -> Place {
        let ticket = Arc::new(Ticket::default());
        let mut waiting = self.waiting();
        let age = waiting.next;
        waiting.next = age.wrapping_add(1);
        waiting.by_age.insert(age, (None, Arc::clone(&ticket)));
        waiting.join(age, Origin::of(peer));
        let gone = self.enforce(&mut waiting, Origin::of(peer));
        drop(waiting);
        tell(gone);
        meters::half_open(true);
        Place {
            among: Arc::clone(self),
            age,
            ticket,
        }
    }

    /// Lets the `count` oldest go, and says how many there were.
    pub(crate) fn evict_oldest(&self, count: usize) -> usize {
        let mut gone = Vec::new();
        let mut waiting = self.waiting();
        while gone.len() < count
            && let Some(oldest) = waiting.oldest()
        {
            gone.extend(self.remove(&mut waiting, oldest));
        }
        drop(waiting);
        let count = gone.len();
        tell(gone);
        count
    }

    /// Takes out whoever is too many. At most as many as came since it was last called.
    fn enforce(&self, waiting: &mut Waiting, origin: Option<Origin>) -> Vec<Arc<Ticket>> {
        let mut gone = Vec::new();
        loop {
            let crowd = origin.and_then(|o| waiting.by_origin.get(&o));
            let one = match crowd {
                Some(crowd) if crowd.len() > self.limits.per_address => crowd.first().copied(),
                _ if waiting.by_age.len() > self.limits.count
                    || self.bytes.load(Ordering::Relaxed) > self.limits.bytes =>
                {
                    waiting.oldest()
                }
                _ => None,
            };
            let Some(one) = one else { break };
            gone.extend(self.remove(waiting, one));
        }
        if !gone.is_empty() && !waiting.pressed {
            waiting.pressed = true;
            tracing::warn!(
                target: "pgtls::ssl",
                half_open = waiting.by_age.len(),
                "too many connections that do not log in; the oldest are closed"
            );
        } else if waiting.by_age.len() <= self.limits.count.min(self.limits.per_address) / 2 {
            waiting.pressed = false;
        }
        gone
    }

    fn remove(&self, waiting: &mut Waiting, age: u64) -> Option<Arc<Ticket>> {
        waiting.join(age, None);
        let (_, ticket) = waiting.by_age.remove(&age)?;
        self.forget(&ticket);
        meters::half_open(false);
        Some(ticket)
    }

    fn forget(&self, ticket: &Ticket) {
        let bytes = ticket.bytes.swap(0, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // The maps agree between any two of its operations.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(gone: Vec<Arc<Ticket>>) {
    if !gone.is_empty() {
        meters::evicted(gone.len());
    }
    for ticket in gone {
        ticket.evict();
    }
}

impl Waiting {
    fn oldest(&self) -> Option<u64> {
        self.by_age.keys().next().copied()
    }

    /// Moves a connection to another origin, or out of all.
    fn join(&mut self, age: u64, origin: Option<Origin>) {
        let Some((current, _)) = self.by_age.get_mut(&age) else {
            return;
        };
        let old = std::mem::replace(current, origin);
        if let Some(old) = old
            && let Some(crowd) = self.by_origin.get_mut(&old)
        {
            crowd.remove(&age);
            if crowd.is_empty() {
                self.by_origin.remove(&old);
            }
        }
        if let Some(origin) = origin {
            self.by_origin.entry(origin).or_default().insert(age);
        }
    }
}

impl Place {
    /// The client turned out to be somebody else.
    pub(crate) fn belongs_to(&self, peer: &Peer) {
        let origin = Origin::of(peer);
        let mut waiting = self.among.waiting();
        waiting.join(self.age, origin);
        let gone = self.among.enforce(&mut waiting, origin);
        drop(waiting);
        tell(gone);
    }

    /// Gives the place back early: the client is in.
    pub(crate) fn leave(&self) {
        self.among.remove(&mut self.among.waiting(), self.age);
    }

    /// Counts bytes that came.
    pub(crate) fn received(&self, bytes: usize) -> Result<(), TooMuch> {
        if bytes == 0 {
            return Ok(());
        }
        let own = self.ticket.bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.among.bytes.fetch_add(bytes, Ordering::Relaxed);
        if own.saturating_add(bytes) > MAX_LOGIN_BYTES {
            return Err(TooMuch);
        }
        if all.saturating_add(bytes) > self.among.limits.bytes {
            let gone = self.among.enforce(&mut self.among.waiting(), None);
            tell(gone);
        }
        Ok(())
    }

    /// Whether it had to go.
    pub(crate) fn is_evicted(&self) -> bool {
        self.ticket.evicted.load(Ordering::Acquire)
    }

    /// Ready when it has to go; until then `waker` is woken when it has.
    pub(crate) fn poll_evicted(&self, waker: &Waker) -> Poll<()> {
        if !self.is_evicted() {
            let mut known = self.ticket.waker();
            match &mut *known {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        // Once more: it may have happened before the waker was there.
        if self.is_evicted() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
        // Bytes may have come since it left.
        self.among.forget(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn budget(count: usize, per_address: usize, bytes: usize) -> Arc<HalfOpen> {
        Arc::new(HalfOpen::new(HalfOpenLimits {
            count,
            per_address,
            bytes,
        }))
    }

    fn from(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    fn evicted(places: &[Place]) -> Vec<usize> {
        (0..places.len())
            .filter(|i| places[*i].is_evicted())
            .collect()
    }

    #[test]
    fn the_oldest_goes_and_only_when_there_is_one_too_many() {
        let all = budget(3, 10, 1000);
        let mut places: Vec<Place> = (1..=3)
            .map(|n| all.enter(&from(&format!("192.0.2.{n}:1"))))
            .collect();
        assert_eq!((evicted(&places), all.count()), (vec![], 3));
        places.push(all.enter(&Peer::Unix(None)));
        assert_eq!((evicted(&places), all.count()), (vec![0], 3));
        // One that left makes room.
        drop(places.remove(1));
        places.push(all.enter(&Peer::Unknown));
        assert_eq!((evicted(&places), all.count()), (vec![0], 3));
        drop(places);
        assert_eq!(all.count(), 0);
        let waiting = all.waiting();
        assert!(waiting.by_origin.is_empty() && all.bytes.load(Ordering::Relaxed) == 0);
    }

    #[test]
    fn a_crowd_from_one_address_pushes_out_its_own() {
        let all = budget(100, 2, 1000);
        let honest = all.enter(&from("192.0.2.1:1"));
        let crowd: Vec<Place> = (1..=5)
            .map(|port| all.enter(&from(&format!("[2001:db8::{port}]:{port}"))))
            .collect();
        assert_eq!(evicted(&crowd), [0, 1, 2]);
        assert!(!honest.is_evicted());
        // An IPv4 address is the same one in IPv6's notation.
        let _two = [
            all.enter(&from("[::ffff:192.0.2.1]:2")),
            all.enter(&from("192.0.2.1:3")),
        ];
        assert!(honest.is_evicted());
        // Who cannot be told apart has no crowd.
        let unknown: Vec<Place> = (0..5).map(|_| all.enter(&Peer::Unknown)).collect();
        assert_eq!(evicted(&unknown), []);
    }

    #[test]
    fn bytes_count_together_and_each_client_has_its_own_bound() {
        let all = budget(100, 100, 2 * MAX_LOGIN_BYTES);
        let places: Vec<Place> = (0..3).map(|_| all.enter(&Peer::Unknown)).collect();
        assert_eq!(places[0].received(MAX_LOGIN_BYTES), Ok(()));
        assert_eq!(places[0].received(1), Err(TooMuch));
        assert_eq!(places[1].received(MAX_LOGIN_BYTES - 1), Ok(()));
        assert_eq!(evicted(&places), []);
        assert_eq!(places[2].received(1), Ok(()));
        assert_eq!(evicted(&places), [0]);
        // Late bytes of one that was told to go are not counted for ever.
        assert_eq!(places[0].received(7), Ok(()));
        drop(places);
        assert_eq!(all.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn whoever_has_to_go_is_woken_once() {
        let all = budget(1, 1, 1000);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let first = all.enter(&Peer::Unix(None));
        assert_eq!(first.poll_evicted(&waker), Poll::Pending);
        assert_eq!(first.poll_evicted(&waker), Poll::Pending);
        let second = all.enter(&Peer::Unix(None));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(first.poll_evicted(&waker), Poll::Ready(()));
        assert_eq!(all.evict_oldest(5), 1);
        assert!(second.is_evicted());
        assert_eq!(all.evict_oldest(5), 0);
    }

    #[test]
    fn a_client_behind_a_proxy_counts_as_itself() {
        let all = budget(100, 1, 1000);
        let one = all.enter(&Peer::Unknown);
        one.belongs_to(&from("192.0.2.1:1"));
        let other = all.enter(&Peer::Unknown);
        other.belongs_to(&from("192.0.2.2:1"));
        assert!(!one.is_evicted());
        other.belongs_to(&from("192.0.2.1:2"));
        assert!(one.is_evicted() && !other.is_evicted());
        // Nothing is left of it once it was evicted.
        one.belongs_to(&from("192.0.2.3:1"));
        drop((one, other));
        assert!(all.waiting().by_origin.is_empty());
    }

    #[test]
    fn two_thousand_that_say_nothing_keep_nobody_out() {
        let all = Arc::new(HalfOpen::new(HalfOpenLimits {
            count: 1000,
            ..HalfOpenLimits::default()
        }));
        let mut silent = Vec::new();
        for round in 0..2000 {
            silent.push(all.enter(&from("192.0.2.9:1")));
            let honest = all.enter(&from("192.0.2.1:1"));
            assert!(!honest.is_evicted(), "round {round}");
        }
        assert_eq!(all.count(), 999);
        assert!(silent[..1000].iter().all(Place::is_evicted));
    }
}
