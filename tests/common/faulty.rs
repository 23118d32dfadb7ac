//! A transport that misbehaves: sizes of any kind, nothing where something is due, errors and ends
//! at any byte, stalls. What it does depends on a seed alone.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::redundant_pub_crate,
    clippy::unwrap_used,
    reason = "each user takes a part of this"
)]

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// What the transport does to one direction.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    None,
    /// After so many bytes it has ended.
    End(usize),
    /// After so many bytes it fails.
    Error(usize),
    /// After so many bytes nothing moves any more.
    Stall(usize),
}

impl Fault {
    /// How many bytes may still pass, if any; or the fault.
    fn pass(self, passed: usize) -> Poll<io::Result<usize>> {
        let (at, fault) = match self {
            Self::None => return Poll::Ready(Ok(usize::MAX)),
            Self::End(at) => (at, Poll::Ready(Ok(0))),
            Self::Error(at) => (at, Poll::Ready(Err(ErrorKind::ConnectionReset.into()))),
            Self::Stall(at) => (at, Poll::Pending),
        };
        if passed < at {
            Poll::Ready(Ok(at - passed))
        } else {
            fault
        }
    }
}

/// The server's end of a connection.
#[derive(Debug)]
pub struct Faulty {
    pub io: DuplexStream,
    pub reads: Fault,
    pub writes: Fault,
    /// Whether to be capricious: sizes of any kind, and nothing although there is something.
    pub dice: Option<Dice>,
    pub counts: Arc<Counts>,
}

#[derive(Debug, Default)]
pub struct Counts {
    pub read: AtomicUsize,
    pub written: AtomicUsize,
    pub write_calls: AtomicUsize,
}

impl Counts {
    pub fn of(count: &AtomicUsize) -> usize {
        count.load(Ordering::Relaxed)
    }
}

/// Xorshift: the same seed, the same throws.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    /// A size up to `most`, small ones as often as large ones; or not now.
    fn size(dice: &mut Option<Self>, most: usize, cx: &Context<'_>) -> Poll<usize> {
        let Some(dice) = dice else {
            return Poll::Ready(most);
        };
        match dice.throw(4) {
            0 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            1 => Poll::Ready(1),
            _ => Poll::Ready(1 + dice.throw(most.clamp(1, 600))),
        }
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let room = ready!(this.reads.pass(Counts::of(&this.counts.read)))?;
        let size = ready!(Dice::size(&mut this.dice, buf.remaining(), cx)).min(room);
        if size == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut part = vec![0; size.min(buf.remaining())];
        let mut part = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut this.io).poll_read(cx, &mut part))?;
        let counted = part.filled().len();
        this.counts.read.fetch_add(counted, Ordering::Relaxed);
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let room = ready!(this.writes.pass(Counts::of(&this.counts.written)))?;
        let size = ready!(Dice::size(&mut this.dice, buf.len(), cx)).min(room);
        let part = &buf[..size.min(buf.len())];
        let n = if part.is_empty() {
            0
        } else {
            ready!(Pin::new(&mut this.io).poll_write(cx, part))?
        };
        this.counts.written.fetch_add(n, Ordering::Relaxed);
        this.counts.write_calls.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|b| &**b).collect::<Vec<_>>().concat();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.dice.as_mut().is_some_and(|dice| dice.throw(3) == 0) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
