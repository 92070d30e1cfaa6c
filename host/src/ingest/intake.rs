//! Ingest: where a receiver and whoever seals its blocks meet.
//!
//! Takes bytes or rows from a receiver, and wishes to seal from any thread. Gives blocks to the
//! store and events to the driver, both in the order of the stream. Never waits for the budget or
//! the source's rate while it holds the open block.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use arrow_array::RecordBatch;

use super::block_generator::{BlockGenerator, Sealed};
use super::dead_letter::DeadLetter;
use super::held_back::{HeldBack, passing};
use super::rate_limiter::{Allowance, RateLimiter};
use super::receiver::{ReceiverPorts, pause};
use super::row_gatherer::row_bytes;
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
    limiter: Option<Arc<RateLimiter>>,
    open: Mutex<Open>,
    /// Somebody wished to seal while the receiver held the block: it seals for them.
    seal_wished: AtomicBool,
    /// The job takes no more input: what was read is not held back any longer.
    hurried: AtomicBool,
}

struct Open {
    generator: BlockGenerator,
    held: Reservation,
    /// What was read and may not come yet.
    held_back: HeldBack,
    /// Nobody seals any more.
    closed: bool,
}

/// The intake takes nothing any more: what was to be added is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

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
            limiter: ports.limiters.get(&source).cloned(),
            open: Mutex::new(Open {
                generator,
                held,
                held_back: HeldBack::default(),
                closed: false,
            }),
            seal_wished: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
        }
    }

    /// Waits until all that was read has come into blocks, as fast as the source's rate allows. A
    /// receiver waits for it before it waits for its source.
    pub async fn pace(&self) {
        let Some(limiter) = &self.limiter else { return };
        while !self.pass(limiter) {
            pause(limiter.wait()).await;
        }
    }

    /// Waits until the budget has room for one read, and what was read before has passed.
    pub async fn reserve(&self) -> Reservation {
        self.pace().await;
        self.reserve_bytes(RECEIVE_BYTES).await
    }

    async fn reserve_bytes(&self, bytes: usize) -> Reservation {
        match self.store.reserve_now(bytes) {
            Some(reservation) => reservation,
            None => self.store.reserve(bytes).await,
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
        if let Some(limiter) = &self.limiter
            && !(open.held_back.is_empty() && limiter.is_open())
        {
            let read = read(open.held_back.room())?;
            open.held.absorb(reserved);
            self.pass_open(&mut open, limiter);
            return Ok(read);
        }
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

    /// The same, as fast as the source's rate allows.
    pub async fn add_paced(
        &self,
        stream: u64,
        reserved: Option<Reservation>,
        lines: &[u8],
        lost: Option<&[u8]>,
    ) {
        let mut left = lines;
        while let Some(limiter) = &self.limiter
            && !(left.is_empty() || limiter.is_open() || self.hurried.load(Ordering::Relaxed))
        {
            let added = self.add_allowed(stream, left, limiter);
            left = &left[added..];
            if added == 0 {
                pause(limiter.wait()).await;
            }
        }
        self.add_of(stream, reserved, left, lost);
    }

    /// Adds the lines that are allowed now. Gives their bytes.
    fn add_allowed(&self, stream: u64, lines: &[u8], limiter: &RateLimiter) -> usize {
        // One after the other: connections share what is allowed.
        let mut open = self.open();
        let (end, rows) = passing(lines, limiter.allowance());
        if end > 0 {
            limiter.spend(rows, end);
            let now_us = self.clock.monotonic_us();
            let sealed = open.generator.append_of(stream, &lines[..end], None, now_us);
            self.taken(&mut open, None, sealed);
        }
        end
    }

    /// One of several streams is over: what comes of its number is another one.
    pub fn over_of(&self, stream: u64) {
        let mut open = self.open();
        let sealed = open.generator.over_of(stream);
        self.taken(&mut open, None, sealed);
    }

    /// Adds rows of the source's schema, as fast as its rate and the budget allow.
    ///
    /// # Errors
    /// When nothing is taken any more; some of the rows may have been.
    pub async fn add_rows(&self, rows: &RecordBatch) -> Result<(), Closed> {
        let mut at = 0;
        while at < rows.num_rows() {
            let count = self.allowed(rows.num_rows() - at).await;
            let part = rows.slice(at, count);
            let bytes = row_bytes(&part);
            self.spend(0, bytes);
            let reserved = self.reserve_bytes(bytes).await;
            self.place(reserved, |generator, now_us| generator.add_rows(&part, now_us))?;
            at += count;
        }
        Ok(())
    }

    /// Makes one block of rows of the source's schema. It is kept and told when this comes. A block
    /// comes whole: it waits until a row may come, and those behind it wait for its rows.
    ///
    /// # Errors
    /// When nothing is taken any more; none of the rows is then.
    pub async fn add_block(&self, rows: &RecordBatch) -> Result<(), Closed> {
        // It counts the first row.
        self.allowed(1).await;
        let bytes = row_bytes(rows);
        self.spend(rows.num_rows().saturating_sub(1) as u64, bytes);
        let reserved = self.reserve_bytes(bytes).await;
        self.place(reserved, |generator, _| generator.block_of(rows))
    }

    /// Adds a record that does not fit.
    pub fn add_bad(&self, reason: impl FnOnce() -> String, beginning: &[u8]) {
        self.open().generator.add_bad(reason, beginning);
    }

    /// Waits until rows may come. Gives how many may, at most so many.
    async fn allowed(&self, rows_max: usize) -> usize {
        let Some(limiter) = &self.limiter else { return rows_max };
        while !self.hurried.load(Ordering::Relaxed) {
            match limiter.take(rows_max) {
                0 => pause(limiter.wait()).await,
                rows => return rows,
            }
        }
        rows_max
    }

    fn spend(&self, rows: u64, bytes: usize) {
        if let Some(limiter) = &self.limiter {
            limiter.spend(rows, bytes);
        }
    }

    fn place(
        &self,
        reserved: Reservation,
        add: impl FnOnce(&mut BlockGenerator, u64) -> Vec<Sealed>,
    ) -> Result<(), Closed> {
        let mut open = self.open();
        if open.closed {
            return Err(Closed);
        }
        let sealed = add(&mut open.generator, self.clock.monotonic_us());
        open.held.absorb(reserved);
        self.deliver(&mut open, sealed);
        self.seal_if_wished(&mut open);
        Ok(())
    }

    /// Lets what was held back pass, as far as it may. Gives whether all of it has.
    fn pass(&self, limiter: &RateLimiter) -> bool {
        let mut open = self.open();
        self.pass_open(&mut open, limiter);
        open.held_back.is_empty()
    }

    fn pass_open(&self, open: &mut Open, limiter: &RateLimiter) {
        let hurried = self.hurried.load(Ordering::Relaxed);
        let allowed = if hurried { Allowance::UNLIMITED } else { limiter.allowance() };
        self.pass_allowed(open, allowed);
    }

    fn pass_allowed(&self, open: &mut Open, allowed: Allowance) {
        let (bytes, rows) = open.held_back.pass(allowed);
        if bytes.is_empty() {
            return;
        }
        self.spend(rows, bytes.len());
        let room = open.generator.room();
        let before = room.len();
        room.extend_from_slice(bytes);
        let sealed = open.generator.appended(before, self.clock.monotonic_us());
        self.deliver(open, sealed);
        self.seal_if_wished(open);
    }

    /// Holds nothing back any longer: the job takes no more input.
    pub fn hurry(&self) {
        self.hurried.store(true, Ordering::Relaxed);
        self.pass_allowed(&mut self.open(), Allowance::UNLIMITED);
    }

    /// Cuts off everything, and takes nothing any more.
    pub fn close(&self) {
        self.hurry();
        let mut open = self.open();
        open.closed = true;
        self.seal_open(&mut open);
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
        self.pass_allowed(&mut open, Allowance::UNLIMITED);
        let sealed = open.generator.ended();
        self.deliver(&mut open, sealed);
    }

    /// The stream broke off: an unfinished line is dropped and told.
    pub fn broken(&self) {
        let mut open = self.open();
        self.pass_allowed(&mut open, Allowance::UNLIMITED);
        let (bytes, sealed) = open.generator.broken();
        self.deliver(&mut open, sealed);
        drop(open);
        self.dropped(bytes);
    }

    /// A record whose end never came was dropped, before it came here.
    pub fn dropped(&self, bytes: usize) {
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
        self.seal_if_wished(open);
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
        open.held.settle(open.generator.held_bytes() + open.held_back.len());
    }

    fn seal_if_wished(&self, open: &mut Open) {
        if self.seal_wished.swap(false, Ordering::Relaxed) {
            self.seal_open(open);
        }
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
