//! How long a peer waits that has failed to log in again and again.
//!
//! Whoever guesses passwords waits before each further guess is looked at; nobody else does. The
//! wait is bounded, ends by itself, and a success wipes it out, so it locks nobody out.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Default of the longest wait.
pub(crate) const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(5);
/// So many failures cost nothing: people mistype.
const FREE: u32 = 4;
/// The next one costs this, each further one twice as much.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// More than these are not counted.
const MOST: u32 = 20;
/// After this time half of the failures are forgotten.
const HALF_LIFE: Duration = Duration::from_secs(60);

/// The table has so many rows of so many places: 4096 peers in 128 KiB, once somebody has failed.
const ROWS: usize = 1024;
const PLACES: usize = 4;

/// Recent failures of peers. Bounded in memory: within a row, the peer with the fewest failures
/// is forgotten for a new one.
pub(crate) struct Failures {
    max_delay: Duration,
    keys: RandomState,
    rows: Mutex<Vec<[Place; PLACES]>>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    peer: u64,
    count: u32,
    last: Option<Instant>,
}

impl Place {
    /// What is not forgotten yet.
    fn count_at(&self, now: Instant) -> u32 {
        let Some(last) = self.last else { return 0 };
        let halvings = now.saturating_duration_since(last).as_secs() / HALF_LIFE.as_secs();
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        self.count.checked_shr(halvings).unwrap_or(0)
    }
}

impl Failures {
    pub(crate) fn new(max_delay: Duration) -> Self {
        Self {
            max_delay,
            keys: RandomState::new(),
            rows: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn max_delay(&self) -> Duration {
        self.max_delay
    }

    /// How long the next attempt of this peer waits.
    pub(crate) fn delay(&self, peer: IpAddr, now: Instant) -> Duration {
        let peer = self.key(peer);
        let count = self.with_row(peer, |row| {
            let place = row.iter().find(|place| place.peer == peer);
            place.map_or(0, |place| place.count_at(now))
        });
        let doublings = count.unwrap_or(0).checked_sub(FREE.saturating_add(1));
        doublings.map_or(Duration::ZERO, |doublings| {
            FIRST_DELAY
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(self.max_delay)
        })
    }

    /// The peer has failed.
    pub(crate) fn failed(&self, peer: IpAddr, now: Instant) {
        if self.max_delay.is_zero() {
            return;
        }
        let peer = self.key(peer);
        {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            if rows.is_empty() {
                rows.resize(ROWS, [Place::default(); PLACES]);
            }
        }
        self.with_row(peer, |row| {
            let known = row.iter().position(|place| place.peer == peer);
            let least = || {
                let counts = row.iter().map(|place| (place.count_at(now), place.last));
                counts
                    .enumerate()
                    .min_by_key(|(_, count)| *count)
                    .map(|(index, _)| index)
            };
            if let Some(place) = known.or_else(least).and_then(|index| row.get_mut(index)) {
                let before = if place.peer == peer {
                    place.count_at(now)
                } else {
                    0
                };
                *place = Place {
                    peer,
                    count: before.saturating_add(1).min(MOST),
                    last: Some(now),
                };
            }
        });
    }

    /// The peer has logged in.
    pub(crate) fn succeeded(&self, peer: IpAddr) {
        let peer = self.key(peer);
        self.with_row(peer, |row| {
            for place in row.iter_mut().filter(|place| place.peer == peer) {
                *place = Place::default();
            }
        });
    }

    /// Nothing, as long as nobody has failed.
    fn with_row<T>(&self, peer: u64, f: impl FnOnce(&mut [Place; PLACES]) -> T) -> Option<T> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = usize::try_from(peer % u64::try_from(ROWS).ok()?).ok()?;
        rows.get_mut(row).map(f)
    }

    /// IPv6 hosts choose the lower half of their address themselves. The key is secret, so that
    /// nobody can choose addresses that share a row with somebody else's.
    fn key(&self, peer: IpAddr) -> u64 {
        let peer = match peer.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => {
                let network = v6.to_bits() & (u128::MAX << 64);
                IpAddr::V6(network.into())
            }
        };
        // 0 is an empty place.
        self.keys.hash_one(peer).max(1)
    }
}

impl std::fmt::Debug for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failures")
            .field("max_delay", &self.max_delay)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a point in time to count from")]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        let (failures, now) = (Failures::new(DEFAULT_MAX_DELAY), Instant::now());
        let guesser = peer("192.0.2.1");
        let mut waits = Vec::new();
        for _ in 0..100 {
            waits.push(failures.delay(guesser, now).as_millis());
            failures.failed(guesser, now);
        }
        assert_eq!(
            waits[..13],
            [0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]
        );
        assert_eq!(failures.delay(guesser, now), seconds(5));
    }

    #[test]
    fn only_the_peer_that_failed_waits() {
        let (failures, now) = (Failures::new(DEFAULT_MAX_DELAY), Instant::now());
        for _ in 0..20 {
            failures.failed(peer("192.0.2.1"), now);
            failures.failed(peer("2001:db8:1:2::1"), now);
        }
        assert_eq!(failures.delay(peer("192.0.2.2"), now), Duration::ZERO);
        assert_eq!(failures.delay(peer("2001:db8:1:3::1"), now), Duration::ZERO);
        // The same hosts, by other names.
        assert_eq!(failures.delay(peer("::ffff:192.0.2.1"), now), seconds(5));
        assert_eq!(failures.delay(peer("2001:db8:1:2:9::9"), now), seconds(5));
    }

    #[test]
    fn time_and_success_forgive() {
        let (failures, now) = (Failures::new(DEFAULT_MAX_DELAY), Instant::now());
        let somebody = peer("192.0.2.1");
        for _ in 0..100 {
            failures.failed(somebody, now);
        }
        assert_eq!(failures.delay(somebody, now + seconds(59)), seconds(5));
        let wait = failures.delay(somebody, now + seconds(60));
        assert_eq!(wait, Duration::from_millis(3200));
        assert_eq!(
            failures.delay(somebody, now + seconds(120)),
            Duration::from_millis(100)
        );
        assert_eq!(failures.delay(somebody, now + seconds(180)), Duration::ZERO);
        assert_eq!(
            failures.delay(somebody, now + seconds(1 << 40)),
            Duration::ZERO
        );
        failures.succeeded(somebody);
        assert_eq!(failures.delay(somebody, now), Duration::ZERO);
    }

    #[test]
    fn many_peers_take_bounded_memory_and_the_worst_stay() {
        let (failures, now) = (Failures::new(DEFAULT_MAX_DELAY), Instant::now());
        assert_eq!(failures.rows.lock().unwrap().capacity(), 0);
        let guesser = peer("192.0.2.1");
        for _ in 0..20 {
            failures.failed(guesser, now);
        }
        for n in 0..100_000_u32 {
            failures.failed(IpAddr::V4((0x0a00_0000 + n).into()), now);
        }
        let rows = failures.rows.lock().unwrap();
        let bytes = rows.capacity() * size_of::<[Place; PLACES]>();
        assert_eq!((rows.len(), bytes <= 128 << 10), (ROWS, true), "{bytes}");
        drop(rows);
        assert_eq!(failures.delay(guesser, now), seconds(5));
    }

    #[test]
    fn it_can_be_switched_off() {
        let (failures, now) = (Failures::new(Duration::ZERO), Instant::now());
        for _ in 0..20 {
            failures.failed(peer("192.0.2.1"), now);
        }
        assert_eq!(failures.delay(peer("192.0.2.1"), now), Duration::ZERO);
    }
}
