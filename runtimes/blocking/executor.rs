//! What a thread needs to wait for a future: a waker that unparks it, and its deadlines.

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Instant;

use super::{Blocking, Runtime};

thread_local! {
    /// When the sleeps of this thread end.
    static DEADLINES: RefCell<Vec<Instant>> = const { RefCell::new(Vec::new()) };
    /// A read or write took too long and is to be tried again.
    static AGAIN: Cell<bool> = const { Cell::new(false) };
}

/// The next deadline of this thread.
pub(super) fn next_deadline() -> Option<Instant> {
    DEADLINES.with_borrow(|all| all.iter().min().copied())
}

/// Polls once more instead of parking.
pub(super) fn again() {
    AGAIN.set(true);
}

/// Ends when its time has come; never, if that is beyond what the clock can say.
pub(crate) struct Sleep {
    until: Option<Instant>,
}

impl Sleep {
    pub(super) fn until(until: Option<Instant>) -> Self {
        if let Some(at) = until {
            DEADLINES.with_borrow_mut(|all| all.push(at));
        }
        Self { until }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // A thread that is ending has no deadlines left to keep.
        let _ = DEADLINES.try_with(|all| {
            let mut all = all.borrow_mut();
            if let Some(place) = all.iter().position(|at| Some(*at) == self.until) {
                all.swap_remove(place);
            }
        });
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.until {
            Some(at) if at <= Blocking::now() => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread to its end.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        AGAIN.set(false);
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        if AGAIN.get() {
            continue;
        }
        match next_deadline() {
            None => thread::park(),
            Some(at) => thread::park_timeout(at.saturating_duration_since(Blocking::now())),
        }
    }
}

/// What a thread has found out, and who waits for it.
struct Errand<T> {
    found: Option<T>,
    over: bool,
    waiting: Option<Waker>,
}

/// Tells that the thread is done, whether it found something or panicked.
struct Done<T>(Arc<Mutex<Errand<T>>>);

impl<T> Drop for Done<T> {
    fn drop(&mut self) {
        let mut errand = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        errand.over = true;
        if let Some(waker) = errand.waiting.take() {
            waker.wake();
        }
    }
}

/// Does in a thread of its own what may take its time.
pub(super) async fn in_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let errand = Arc::new(Mutex::new(Errand {
        found: None,
        over: false,
        waiting: None,
    }));
    let done = Done(Arc::clone(&errand));
    thread::Builder::new()
        .name("pgtls-errand".into())
        .spawn(move || {
            let found = work();
            done.0.lock().unwrap_or_else(PoisonError::into_inner).found = Some(found);
            drop(done);
        })?;
    core::future::poll_fn(|cx| {
        let mut errand = errand.lock().unwrap_or_else(PoisonError::into_inner);
        if errand.over {
            let found = errand.found.take();
            return Poll::Ready(found.ok_or_else(|| io::Error::other("a thread panicked")));
        }
        errand.waiting = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_future_woken_from_elsewhere_is_polled_again() {
        assert_eq!(block_on(in_a_thread(|| 7)).unwrap(), 7);
        let failed = block_on(in_a_thread(|| panic!("on purpose"))).map(|(): ()| ());
        assert_eq!(failed.unwrap_err().to_string(), "a thread panicked");
    }

    #[test]
    fn sleeps_end_in_time_and_leave_nothing() {
        let began = Blocking::now();
        block_on(async {
            let _longer = Blocking::sleep(Duration::from_secs(60));
            Blocking::sleep(Duration::from_millis(20)).await;
        });
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(20) && took < Duration::from_secs(10));
        assert_eq!(next_deadline(), None);
        drop(Sleep::until(None));
    }
}
