//! Ingest: where a receiver and whoever seals its blocks meet.
//!
//! Takes bytes from a receiver, and wishes to seal from any thread. Gives blocks to the store and
//! events to the driver, both in the order of the stream. Never waits for the budget while it
//! holds the open block.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::block_generator::{BlockGenerator, Sealed};
use super::dead_letter::DeadLetter;
use super::receiver::ReceiverPorts;
use super::{EventPort, ReceiverEvent};
use crate::limits::RECEIVE_BYTES;
use crate::model::block_store::{BlockStore, Reservation};
use crate::model::id::SourceId;
use crate::sys::clock::Clock;

/// The open block of a receiver.
pub struct Intake {
    source: SourceId,
    store: Arc<dyn BlockStore>,
    events: EventPort,
    clock: Arc<dyn Clock>,
    dead_letter: Option<DeadLetter>,
    open: Mutex<Open>,
    /// Somebody wished to seal while the receiver held the block: it seals for them.
    seal_wished: AtomicBool,
}

struct Open {
    generator: BlockGenerator,
    held: Reservation,
}

impl Intake {
    /// The intake of a source's generator.
    pub fn new(
        source: SourceId,
        generator: BlockGenerator,
        dead_letter: Option<DeadLetter>,
        ports: &ReceiverPorts,
    ) -> Self {
        let held = ports.store.reserve_now(0).expect("nothing at all can always be held");
        Self {
            source,
            store: Arc::clone(&ports.store),
            events: Arc::clone(&ports.events),
            clock: Arc::clone(&ports.clock),
            dead_letter,
            open: Mutex::new(Open { generator, held }),
            seal_wished: AtomicBool::new(false),
        }
    }

    /// Waits until the budget has room for one read.
    pub async fn reserve(&self) -> Reservation {
        match self.store.reserve_now(RECEIVE_BYTES) {
            Some(reservation) => reservation,
            None => self.store.reserve(RECEIVE_BYTES).await,
        }
    }

    /// Lets `read` append to the open block's bytes, and cuts off what is due. What was reserved
    /// and not read is given back.
    ///
    /// # Errors
    /// Gives what `read` gave; the open block is as it was then.
    pub fn fill(
        &self,
        reserved: Reservation,
        read: impl FnOnce(&mut Vec<u8>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut open = self.open();
        let room = open.generator.room();
        let before = room.len();
        let read = read(room)?;
        let sealed = open.generator.appended(before, self.clock.monotonic_us());
        open.held.absorb(reserved);
        self.deliver(&mut open, sealed);
        if self.seal_wished.swap(false, Ordering::Relaxed) {
            self.seal_open(&mut open);
        }
        Ok(read)
    }

    /// Cuts off everything that is whole.
    pub fn seal(&self) {
        self.seal_open(&mut self.open());
    }

    /// Cuts off everything that is whole, unless the receiver is just adding to it.
    pub fn try_seal(&self) -> bool {
        let mut open = match self.open.try_lock() {
            Ok(open) => open,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.seal_open(&mut open);
        true
    }

    /// Has the receiver seal when it is done with what it is adding.
    pub fn wish_seal(&self) {
        self.seal_wished.store(true, Ordering::Relaxed);
    }

    /// The stream ended as it should: its last line may lack an end.
    pub fn ended(&self) {
        let mut open = self.open();
        open.generator.ended();
        self.deliver(&mut open, Vec::new());
    }

    /// The stream broke off: an unfinished line is dropped and told.
    pub fn broken(&self) {
        let bytes = self.open().generator.broken();
        if bytes > 0 {
            self.tell(ReceiverEvent::PartialLineDropped { bytes });
        }
    }

    /// Tells the driver.
    pub fn tell(&self, event: ReceiverEvent) {
        (self.events)(self.source, event);
    }

    fn seal_open(&self, open: &mut Open) {
        let sealed = open.generator.seal();
        self.deliver(open, sealed);
    }

    fn deliver(&self, open: &mut Open, sealed: Vec<Sealed>) {
        for Sealed { mut block, bad } in sealed {
            if let Some(first) = bad.first {
                self.tell(ReceiverEvent::BadRows { count: bad.count, first });
            }
            if let Some(dead_letter) = &self.dead_letter
                && let Err(error) = dead_letter.write(&bad.rows)
            {
                // Rows that can neither be used nor kept must not go unnoticed.
                block.failure = Some(error.to_string());
            }
            if !block.slices.is_empty() || block.failure.is_some() {
                let info = block.info.clone();
                self.store.put(block, open.held.split(info.bytes));
                self.tell(ReceiverEvent::Stored(info));
            }
        }
        open.held.settle(open.generator.held_bytes());
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
