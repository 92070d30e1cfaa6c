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
    read_bytes_max: usize,
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
            read_bytes_max: generator.read_bytes_max(),
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

    /// Bytes that one read may append, at most.
    pub fn read_bytes_max(&self) -> usize {
        self.read_bytes_max
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
        self.taken(&mut open, Some(reserved), sealed);
        Ok(read)
    }

    /// Adds whole lines of one of several streams, and the beginning of a line behind them that was
    /// too long, and cuts off what is due. What was reserved and not needed is given back.
    pub fn add_of(
        &self,
        stream: u64,
        reserved: Option<Reservation>,
        lines: &[u8],
        lost: Option<&[u8]>,
    ) {
        let mut open = self.open();
        let sealed = open.generator.append_of(stream, lines, lost, self.clock.monotonic_us());
        self.taken(&mut open, reserved, sealed);
    }

    /// One of several streams is over: what comes of its number is another one.
    pub fn over_of(&self, stream: u64) {
        let mut open = self.open();
        let sealed = open.generator.over_of(stream);
        self.taken(&mut open, None, sealed);
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
        let sealed = open.generator.ended();
        self.deliver(&mut open, sealed);
    }

    /// The stream broke off: an unfinished line is dropped and told.
    pub fn broken(&self) {
        let mut open = self.open();
        let (bytes, sealed) = open.generator.broken();
        self.deliver(&mut open, sealed);
        drop(open);
        if bytes > 0 {
            self.tell(ReceiverEvent::PartialLineDropped { bytes });
        }
    }

    /// Tells the driver.
    pub fn tell(&self, event: ReceiverEvent) {
        (self.events)(self.source, event);
    }

    fn taken(&self, open: &mut Open, reserved: Option<Reservation>, sealed: Vec<Sealed>) {
        if let Some(reserved) = reserved {
            open.held.absorb(reserved);
        }
        self.deliver(open, sealed);
        if self.seal_wished.swap(false, Ordering::Relaxed) {
            self.seal_open(open);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::test_rig::{Rig, intake};
    use crate::model::policy::OnBadRow;
    use crate::sys::storage_memory::MemoryStorage;

    fn fill(intake: &Intake, bytes: &[u8]) {
        let reserved = intake.store.reserve_now(RECEIVE_BYTES).expect("there is room");
        let filled = intake.fill(reserved, |room| {
            room.extend_from_slice(bytes);
            Ok(bytes.len())
        });
        filled.expect("adding cannot fail");
    }

    #[test]
    fn a_seal_that_comes_while_reading_is_done_after_it() {
        let Rig { intake, events, .. } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        let reserved = intake.store.reserve_now(RECEIVE_BYTES).expect("there is room");
        let filled = intake.fill(reserved, |room| {
            room.extend_from_slice(b"line\n");
            assert!(!intake.try_seal(), "the receiver holds the block");
            intake.wish_seal();
            Ok(5)
        });
        filled.expect("adding cannot fail");
        assert!(matches!(events.try_recv(), Ok(ReceiverEvent::Stored(info)) if info.rows == 1));
        fill(&intake, b"line\n");
        assert!(events.try_recv().is_err(), "it was wished for once");
        assert!(intake.try_seal());
        assert!(matches!(events.try_recv(), Ok(ReceiverEvent::Stored(_))));
    }

    #[test]
    fn a_failed_read_changes_nothing() {
        let Rig { intake, events, store } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        let reserved = intake.store.reserve_now(RECEIVE_BYTES).expect("there is room");
        let failed = intake.fill(reserved, |_| Err(io::ErrorKind::WouldBlock.into()));
        assert_eq!(failed.expect_err("it failed").kind(), io::ErrorKind::WouldBlock);
        intake.seal();
        assert!(events.try_recv().is_err());
        assert_eq!(store.held(), 0, "everything was given back");
    }

    #[test]
    fn only_whole_lines_are_held_of_the_budget() {
        let Rig { intake, store, .. } = intake(&MemoryStorage::new(), OnBadRow::Skip);
        fill(&intake, b"unfinished");
        assert_eq!(store.held(), 0);
        fill(&intake, b"\nmore");
        assert_eq!(store.held(), "unfinished\n".len());
    }

    #[test]
    fn bad_rows_that_cannot_be_kept_fail_their_batch() {
        let storage = MemoryStorage::new();
        storage.put("/dead/other", b"");
        let on_bad_row = OnBadRow::DeadLetter("/dead/letters".into());
        let Rig { intake, events, store } = intake(&storage, on_bad_row);
        fill(&intake, b"\xff\n");
        intake.seal();
        assert!(matches!(events.try_recv(), Ok(ReceiverEvent::BadRows { count: 1, .. })));
        assert!(events.try_recv().is_err(), "kept aside, it leaves no block");

        storage.fail_after(1, io::ErrorKind::StorageFull);
        fill(&intake, b"\xff\nfine\n");
        intake.seal();
        let failure = "source `lines` cannot keep bad rows: cannot write `/dead/letters`: no \
                       space left on the disk";
        assert_eq!(store.failures(), [Some(failure.to_owned())]);
    }
}
