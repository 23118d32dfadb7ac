//! Records through rustls' unbuffered connection, and the bytes that wait on either side of it.
//!
//! What comes is decrypted where it lies. What waits belongs to the session, and a session that
//! waits for its peer holds nothing.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustls::Error;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};

/// How many bytes may wait, each way, before no more are taken.
const MAX_WAITING: usize = 64 * 1024;
/// What a record holds at most (RFC 8446 §5.1).
const MAX_FRAGMENT: usize = 16 * 1024;
/// What a record may add to what it holds: its header, an explicit nonce, the inner type, the tag.
const OVERHEAD: usize = 5 + 8 + 1 + 16;
/// A header: type, version, length.
const HEADER: usize = 5;
/// The first record type (RFC 8446 §5.1) of a handshake.
const HANDSHAKE: u8 = 22;
/// rustls takes no longer record, nor does RFC 5246 §6.2.3 allow it.
const MAX_LENGTH: usize = MAX_FRAGMENT + 2048;

/// An established TLS connection, or one that is being established.
pub(super) struct Records {
    pub(super) connection: UnbufferedServerConnection,
    /// What is not a whole message yet.
    incoming: Vec<u8>,
    plain: Waiting,
    outgoing: Waiting,
    /// How much of `outgoing` there may be before no more is taken.
    pub(super) max_waiting: usize,
    /// The peer said close_notify.
    closed: bool,
    /// We said it.
    closing: bool,
    failed: bool,
}

/// Bytes in the order they came. The buffer is kept until it is released: most of a stream goes
/// through the same memory.
#[derive(Default)]
struct Waiting {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// What a record at the front of some bytes lacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Missing {
    /// At least so many bytes.
    Bytes(usize),
    /// It is whole, or none that could become a handshake's.
    Nothing,
}

/// Nothing more can be sent: the session has failed, or its keys are used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Exhausted;

/// What the record lacks with which a handshake begins.
pub(super) fn missing(wire: &[u8]) -> Missing {
    match wire {
        [HANDSHAKE, 3, _, high, low, fragment @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            match length.checked_sub(fragment.len()) {
                Some(lacks @ 1..) if length <= MAX_LENGTH => Missing::Bytes(lacks),
                _ => Missing::Nothing,
            }
        }
        _ if wire.len() < HEADER => Missing::Bytes(HEADER.saturating_sub(wire.len())),
        _ => Missing::Nothing,
    }
}

impl Records {
    pub(super) fn new(connection: UnbufferedServerConnection) -> Self {
        Self {
            connection,
            incoming: Vec::new(),
            plain: Waiting::default(),
            outgoing: Waiting::default(),
            max_waiting: MAX_WAITING,
            closed: false,
            closing: false,
            failed: false,
        }
    }

    /// Takes ciphertext, which is overwritten: all of it, or none while much plaintext is unread.
    pub(super) fn receive(&mut self, wire: &mut [u8]) -> Result<usize, Error> {
        if !self.has_room() {
            return Ok(0);
        }
        let mut taken = 0_usize;
        while let Some(rest) = wire.get_mut(taken..).filter(|rest| !rest.is_empty()) {
            if self.incoming.is_empty() {
                let done = self.process(rest)?;
                let left = rest.get(done..).unwrap_or_default();
                self.incoming.extend_from_slice(left);
                break;
            }
            // As much as completes the record that has begun; what follows stays where it lies.
            let count = self.lacks().min(rest.len());
            self.incoming
                .extend_from_slice(rest.get(..count).unwrap_or_default());
            taken = taken.saturating_add(count);
            self.process_incoming()?;
        }
        Ok(wire.len())
    }

    /// How many bytes the record lacks that has begun.
    fn lacks(&self) -> usize {
        let length = match self.incoming.get(..HEADER) {
            Some([_, _, _, high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return HEADER.saturating_sub(self.incoming.len()),
        };
        match HEADER
            .saturating_add(length)
            .checked_sub(self.incoming.len())
        {
            // A message of the handshake has begun in a record that is whole.
            None | Some(0) => usize::MAX,
            Some(lacks) => lacks,
        }
    }

    fn process_incoming(&mut self) -> Result<(), Error> {
        let mut incoming = std::mem::take(&mut self.incoming);
        let done = self.process(&mut incoming);
        if let Ok(done) = done {
            incoming.drain(..done.min(incoming.len()));
            self.incoming = incoming;
        }
        done.map(drop)
    }

    /// Lets rustls read what stands at the front of `wire` until it needs more, and says how much
    /// of it is done with.
    fn process(&mut self, wire: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0_usize;
        loop {
            let rest = wire.get_mut(done..).unwrap_or_default();
            match self.read_step(rest) {
                Ok(Step { discard, again }) => {
                    done = done.saturating_add(discard);
                    if self.closed {
                        // RFC 8446 §6.1: what comes after a closure alert is ignored.
                        return Ok(wire.len());
                    }
                    if !again {
                        return Ok(done);
                    }
                }
                Err(error) => {
                    self.fail();
                    return Err(error);
                }
            }
        }
    }

    fn read_step(&mut self, wire: &mut [u8]) -> Result<Step, Error> {
        if !self.closing {
            return self.step(wire, &mut |_, _| {});
        }
        // Where a peer breaks TLS, rustls sends an alert, also behind close_notify. With debug
        // assertions on it panics instead (`CommonState::send_fatal_alert`), and there is no asking
        // it beforehand. What a panic leaves behind is not used again.
        let step = AssertUnwindSafe(|| self.step(wire, &mut |_, _| {}));
        catch_unwind(step).unwrap_or_else(|_| {
            Err(Error::General(
                "the peer broke TLS after the session was closed".into(),
            ))
        })
    }

    /// What was queued before the failure, and the alert.
    fn fail(&mut self) {
        self.failed = true;
        self.incoming = Vec::new();
        if self.closing {
            // Nothing is said behind close_notify.
            return;
        }
        // It hands out what it has before it would read, and so it reads nothing.
        while self.connection.wants_write() && self.step(&mut [], &mut |_, _| {}).is_ok() {}
    }

    /// One state of rustls' connection. Where plaintext can be sent, `send` is called.
    fn step(
        &mut self,
        wire: &mut [u8],
        send: &mut dyn FnMut(&mut Traffic<'_>, &mut Waiting),
    ) -> Result<Step, Error> {
        let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(wire);
        let again = match state? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    self.plain.push(record.payload);
                    discard = discard.saturating_add(record.discard);
                }
                true
            }
            // Not offered by our configurations. It could be replayed, so it is not read.
            ConnectionState::ReadEarlyData(mut early) => {
                while let Some(record) = early.next_record() {
                    discard = discard.saturating_add(record?.discard);
                }
                true
            }
            ConnectionState::EncodeTlsData(mut data) => {
                if let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut [])
                    && let Ok(count) = data.encode(self.outgoing.room(size.required_size))
                {
                    self.outgoing.grow(count);
                }
                true
            }
            ConnectionState::TransmitTlsData(transmit) => {
                transmit.done();
                true
            }
            ConnectionState::PeerClosed => {
                self.closed = true;
                true
            }
            ConnectionState::WriteTraffic(mut traffic) => {
                send(&mut traffic, &mut self.outgoing);
                false
            }
            // Waits for more, or is over.
            _ => false,
        };
        Ok(Step { discard, again })
    }

    /// Calls `send` once, if plaintext can be sent.
    fn when_open(&mut self, mut send: impl FnMut(&mut Traffic<'_>, &mut Waiting)) {
        // Of a message that is coming, rustls remembers where it lies.
        let mut incoming = std::mem::take(&mut self.incoming);
        while !self.failed {
            match self.step(&mut incoming, &mut send) {
                Ok(Step { discard, again }) => {
                    incoming.drain(..discard.min(incoming.len()));
                    if !again {
                        break;
                    }
                }
                Err(_) => self.fail(),
            }
        }
        if !self.failed {
            self.incoming = incoming;
        }
    }

    /// Encrypts plaintext and says how much; none while much waits to be sent.
    pub(super) fn write(&mut self, plain: &[io::IoSlice<'_>]) -> Result<usize, Exhausted> {
        let mut taken = 0_usize;
        let mut gathered = Vec::new();
        let mut slices = plain
            .iter()
            .map(|s| &**s)
            .filter(|s| !s.is_empty())
            .peekable();
        while let Some(slice) = slices.next() {
            let room = self.room_to_send().saturating_sub(gathered.len());
            let part = slice.get(..room.min(slice.len())).unwrap_or_default();
            let fits_with_others = gathered.len().saturating_add(part.len()) <= MAX_FRAGMENT;
            if fits_with_others && (slices.peek().is_some() || !gathered.is_empty()) {
                // Small slices share a record.
                gathered.extend_from_slice(part);
            } else {
                taken = taken.saturating_add(self.encrypt(&std::mem::take(&mut gathered))?);
                taken = taken.saturating_add(self.encrypt(part)?);
            }
            if part.len() < slice.len() {
                break;
            }
        }
        Ok(taken.saturating_add(self.encrypt(&gathered)?))
    }

    /// Encrypts all of it.
    fn encrypt(&mut self, plain: &[u8]) -> Result<usize, Exhausted> {
        if plain.is_empty() {
            return Ok(0);
        }
        let records = plain.len().div_ceil(MAX_FRAGMENT);
        let mut size = plain.len().saturating_add(OVERHEAD.saturating_mul(records));
        let mut written = Err(Exhausted);
        self.when_open(|traffic, outgoing| {
            // It needs more where records are to be shorter, or its keys are due for renewal.
            while let Err(EncryptError::InsufficientSize(needs)) =
                traffic.encrypt(plain, outgoing.room(size)).map(|count| {
                    outgoing.grow(count);
                    written = Ok(plain.len());
                })
            {
                size = needs.required_size;
            }
        });
        written
    }

    /// Queues close_notify.
    pub(super) fn close(&mut self) {
        self.closing = true;
        self.when_open(|traffic, outgoing| {
            if let Err(EncryptError::InsufficientSize(size)) = traffic.queue_close_notify(&mut [])
                && let Ok(count) = traffic.queue_close_notify(outgoing.room(size.required_size))
            {
                outgoing.grow(count);
            }
        });
    }

    /// Plaintext that can be read.
    pub(super) fn plain(&self) -> &[u8] {
        self.plain.get()
    }

    /// So much plaintext has been read.
    pub(super) fn read(&mut self, count: usize) {
        self.plain.shrink(count);
    }

    /// Ciphertext that waits to be sent.
    pub(super) fn outgoing(&self) -> &[u8] {
        self.outgoing.get()
    }

    /// So much ciphertext has been sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.outgoing.shrink(count);
    }

    /// Whether the peer has said close_notify.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether [`Records::receive`] takes anything.
    pub(super) fn has_room(&self) -> bool {
        self.plain.get().len() < MAX_WAITING
    }

    fn room_to_send(&self) -> usize {
        self.max_waiting.saturating_sub(self.outgoing.get().len())
    }

    /// Gives back the buffers that hold nothing.
    pub(super) fn release(&mut self) {
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
        self.plain.release();
        self.outgoing.release();
    }
}

type Traffic<'a> = WriteTraffic<'a, ServerConnectionData>;

/// What became of a state.
struct Step {
    /// How much of the input is done with.
    discard: usize,
    /// There may be more to do.
    again: bool,
}

impl Waiting {
    fn get(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Room for `count` bytes behind what waits.
    fn room(&mut self, count: usize) -> &mut [u8] {
        let mut end = self.end.saturating_add(count);
        if end > self.buffer.len() && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end.saturating_sub(self.start));
            end = self.end.saturating_add(count);
        }
        if end > self.buffer.len() {
            self.buffer.resize(end, 0);
        }
        self.buffer.get_mut(self.end..end).unwrap_or_default()
    }

    /// So much was put into the room.
    fn grow(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.buffer.len());
    }

    fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.grow(bytes.len());
    }

    /// Forgets so much from the front.
    fn shrink(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    fn release(&mut self) {
        if self.get().is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_first_record_lacks() {
        let lacks: &[(&[u8], Missing)] = &[
            (b"", Missing::Bytes(5)),
            (b"\x16\x03\x01\x00", Missing::Bytes(1)),
            (b"\x16\x03\x01\x00\x03", Missing::Bytes(3)),
            (b"\x16\x03\x01\x00\x03ab", Missing::Bytes(1)),
            (b"\x16\x03\x01\x00\x03abc", Missing::Nothing),
            (b"\x16\x03\x01\x00\x03abcd", Missing::Nothing),
            // An error, and soon.
            (b"\x16\x03\x01\x00\x00", Missing::Nothing),
            (b"\x16\x03\x01\xff\xff", Missing::Nothing),
            (b"\x16\x02\x01\x00\x03", Missing::Nothing),
            (b"GET /", Missing::Nothing),
        ];
        for (wire, missing) in lacks {
            assert_eq!(super::missing(wire), *missing, "{wire:?}");
        }
    }

    #[test]
    fn a_buffer_is_used_again_and_given_back_when_it_is_empty() {
        let mut waiting = Waiting::default();
        waiting.push(b"hello");
        waiting.shrink(3);
        waiting.release();
        assert_eq!(waiting.get(), b"lo");
        // Moved to the front rather than into more memory.
        waiting.push(b"abc");
        assert_eq!((waiting.get(), waiting.buffer.len()), (&b"loabc"[..], 5));
        waiting.shrink(100);
        assert_eq!((waiting.get(), waiting.buffer.len()), (&b""[..], 5));
        waiting.release();
        assert_eq!(waiting.buffer.capacity(), 0);
    }
}
