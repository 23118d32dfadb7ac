//! A session's future, polled by its task, or in the task's stead by a thread that answers it.

use core::future::Future;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::sync::atomic::{AtomicU8, Ordering};
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Wake;

use crate::server::StandIn;

/// A thread will poll the future when it has answered: who wakes it need not wake the task.
const ANSWERING: u8 = 1;
/// It was woken since.
const WOKEN: u8 = 2;

/// The task's end. Dropping it drops the future.
pub(super) struct Carried<P: Poller, F: Carriable>(Arc<Shared<P, F>>);

/// What calls its argument as if on a thread of the runtime.
pub(super) trait Poller: Fn(&mut dyn FnMut()) + Send + Sync + 'static {}

impl<P: Fn(&mut dyn FnMut()) + Send + Sync + 'static> Poller for P {}

pub(super) trait Carriable: Future<Output = ()> + Send + 'static {}

impl<F: Future<Output = ()> + Send + 'static> Carriable for F {}

type Slot<'a, F> = MutexGuard<'a, Option<Pin<Box<F>>>>;

struct Shared<P, F> {
    /// None at its end.
    future: Mutex<Option<Pin<Box<F>>>>,
    state: AtomicU8,
    task: Mutex<Waker>,
    poller: P,
}

impl<P: Poller, F: Carriable> Carried<P, F> {
    pub(super) fn new(poller: P, future: Pin<Box<F>>) -> Self {
        Self(Arc::new(Shared {
            future: Mutex::new(Some(future)),
            state: AtomicU8::new(0),
            task: Mutex::new(Waker::noop().clone()),
            poller,
        }))
    }

    pub(super) fn stand_in(&self) -> Weak<dyn StandIn> {
        let shared: Weak<Shared<P, F>> = Arc::downgrade(&self.0);
        shared
    }
}

impl<P: Poller, F: Carriable> Future for Carried<P, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.task().clone_from(cx.waker());
        // Whoever polls it in the meantime is about to be done.
        self.0.poll(self.0.future())
    }
}

impl<P: Poller, F: Carriable> Drop for Carried<P, F> {
    fn drop(&mut self) {
        *self.0.future() = None;
    }
}

impl<P, F> Shared<P, F> {
    fn future(&self) -> Slot<'_, F> {
        self.future.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn task(&self) -> MutexGuard<'_, Waker> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_task(&self) {
        let task = self.task().clone();
        task.wake();
    }
}

impl<P: Poller, F: Carriable> Shared<P, F> {
    fn poll(self: &Arc<Self>, mut slot: Slot<'_, F>) -> Poll<()> {
        let Some(future) = slot.as_mut() else {
            return Poll::Ready(());
        };
        let waker = Waker::from(Arc::clone(self));
        let poll = AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker)));
        let polled = catch_unwind(poll).unwrap_or_else(|_| {
            tracing::error!(target: "pgtls::server", "a session panicked; it ends");
            Poll::Ready(())
        });
        if polled.is_ready() {
            *slot = None;
        }
        polled
    }
}

impl<P: Poller, F: Carriable> Wake for Shared<P, F> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = |state| (state & ANSWERING != 0).then_some(state | WOKEN);
        let (then, otherwise) = (Ordering::AcqRel, Ordering::Acquire);
        if self.state.fetch_update(then, otherwise, woken).is_err() {
            self.wake_task();
        }
    }
}

impl<P: Poller, F: Carriable> StandIn for Shared<P, F> {
    fn answer(self: Arc<Self>, answer: &mut dyn FnMut()) {
        let (then, otherwise) = (Ordering::AcqRel, Ordering::Acquire);
        let free = self.state.compare_exchange(0, ANSWERING, then, otherwise);
        answer();
        if free.is_err() || self.state.swap(0, Ordering::AcqRel) & WOKEN == 0 {
            return;
        }
        (self.poller)(&mut || {
            // Its task may still be about to wait for the answer.
            let free = self.future.try_lock();
            if free.map_or(true, |slot| self.poll(slot).is_ready()) {
                self.wake_task();
            }
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    type Here = fn(&mut dyn FnMut());

    fn carried<F: Carriable>(future: F) -> Carried<Here, F> {
        Carried::new(|poll| poll(), Box::pin(future))
    }

    fn poll<F: Carriable>(carried: &mut Carried<Here, F>, task: &Arc<Count>) -> bool {
        let waker = Waker::from(Arc::clone(task));
        let polled = Pin::new(carried).poll(&mut Context::from_waker(&waker));
        polled.is_ready()
    }

    /// Receives two answers and says on which thread it had each.
    fn two(said: mpsc::Sender<ThreadId>) -> (async_channel::Sender<()>, impl Carriable) {
        let (sender, receiver) = async_channel::bounded(1);
        let future = async move {
            for _ in 0..2 {
                receiver.recv().await.unwrap();
                said.send(thread::current().id()).unwrap();
            }
        };
        (sender, future)
    }

    #[test]
    fn who_answers_polls() {
        let (said, threads) = mpsc::channel();
        let (answers, future) = two(said);
        let (task, mut carried) = (Arc::default(), carried(future));
        assert!(!poll(&mut carried, &task));
        let stand_in = carried.stand_in().upgrade().unwrap();
        let other = thread::spawn(move || {
            for _ in 0..2 {
                let stand_in = Arc::clone(&stand_in);
                stand_in.answer(&mut || answers.try_send(()).unwrap());
            }
        });
        let other = (other.thread().id(), other.join()).0;
        assert_eq!(threads.iter().collect::<Vec<_>>(), [other, other]);
        // The task hears of the end, and of nothing before.
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        assert!(poll(&mut carried, &task));
    }

    #[test]
    fn whoever_else_wakes_it_wakes_the_task() {
        let (said, threads) = mpsc::channel();
        let (answers, future) = two(said);
        let (task, mut carried) = (Arc::default(), carried(future));
        assert!(!poll(&mut carried, &task));
        answers.try_send(()).unwrap();
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        assert!(threads.try_recv().is_err());
        assert!(!poll(&mut carried, &task));
        assert_eq!(threads.try_recv(), Ok(thread::current().id()));
        // An answer to something else does not poll it.
        let stand_in = carried.stand_in();
        stand_in.upgrade().unwrap().answer(&mut || ());
        assert!(threads.try_recv().is_err());
        // One within another does not keep the first from polling.
        stand_in.upgrade().unwrap().answer(&mut || {
            let within = stand_in.upgrade().unwrap();
            within.answer(&mut || answers.try_send(()).unwrap());
            assert!(threads.try_recv().is_err());
        });
        assert!(threads.try_recv().is_ok());
    }

    #[test]
    fn its_end_is_the_end_of_the_future() {
        let (said, threads) = mpsc::channel();
        let (answers, future) = two(said);
        let carried = carried(future);
        let stand_in = carried.stand_in();
        let held = stand_in.upgrade().unwrap();
        drop(carried);
        assert!(answers.is_closed() && threads.recv().is_err());
        held.answer(&mut || ());
        assert!(stand_in.upgrade().is_none());
    }

    #[test]
    fn a_panic_ends_it() {
        let (task, mut panics) = (Arc::default(), carried(async { panic!("on purpose") }));
        assert!(poll(&mut panics, &task));
        assert!(poll(&mut panics, &task));
    }

    #[test]
    fn no_answer_is_lost_between_two_threads() {
        const ROUNDS: usize = 20_000;
        let (ask, asked) = async_channel::bounded::<usize>(1);
        let (reply, replied) = async_channel::bounded::<usize>(1);
        let (done, ended) = mpsc::channel();
        let future = async move {
            for n in 0..ROUNDS {
                ask.send(n).await.unwrap();
                assert_eq!(replied.recv().await, Ok(n));
            }
            done.send(()).unwrap();
        };
        let mut carried = carried(future);
        let stand_in = carried.stand_in();
        let answers = thread::spawn(move || {
            while let Ok(n) = asked.recv_blocking() {
                match stand_in.upgrade() {
                    // By turns, so that the task has its share.
                    Some(stand_in) if n % 3 != 0 => {
                        stand_in.answer(&mut || reply.try_send(n).unwrap());
                    }
                    _ => reply.try_send(n).unwrap(),
                }
            }
        });
        struct Unpark(thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        while Pin::new(&mut carried)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            thread::park();
        }
        answers.join().unwrap();
        assert_eq!(ended.try_recv(), Ok(()));
    }
}
