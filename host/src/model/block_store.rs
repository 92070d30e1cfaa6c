//! Model: the port through which receivers hold bytes of the budget and hand blocks over.
//!
//! Takes bytes to hold and sealed blocks. Gives reservations, which give their bytes back when
//! they are dropped. Never knows how the budget is kept: the block room implements it, the ingest
//! room uses it, and the two do not meet.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use super::block::Block;

/// Who keeps count of the bytes behind reservations.
pub trait ByteBudget: Send + Sync + Debug {
    /// Counts further bytes at once, past the budget where need be: whoever waits for room then
    /// waits longer.
    fn charge(&self, bytes: usize);

    /// Takes bytes out of the count.
    fn give_back(&self, bytes: usize);
}

/// Bytes of a budget that are held until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<dyn ByteBudget>,
    bytes: usize,
}

impl Reservation {
    /// Holds bytes that the budget has counted already.
    pub fn of_counted(budget: Arc<dyn ByteBudget>, bytes: usize) -> Self {
        Self { budget, bytes }
    }

    /// The bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds exactly so many bytes from now on. More are counted at once, without waiting.
    pub fn settle(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.charge(bytes - self.bytes);
        } else if bytes < self.bytes {
            self.budget.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
    }

    /// Adds what another reservation of the same budget holds.
    pub fn absorb(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Parts with exactly so many bytes. What this one lacks is counted at once.
    pub fn split(&mut self, bytes: usize) -> Self {
        if bytes > self.bytes {
            self.settle(bytes);
        }
        self.bytes -= bytes;
        Self { budget: Arc::clone(&self.budget), bytes }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.bytes);
        }
    }
}

/// A reservation on its way. It may be dropped before it is there; nothing is held then.
pub type ReservationFuture = Pin<Box<dyn Future<Output = Reservation> + Send>>;

/// Where receivers put blocks.
pub trait BlockStore: Send + Sync {
    /// Holds so many bytes if there is room for them now. None at all can always be held.
    fn reserve_now(&self, bytes: usize) -> Option<Reservation>;

    /// Holds so many bytes as soon as there is room, first come first served. A wish larger than
    /// the whole budget is granted when nothing else is held.
    fn reserve(&self, bytes: usize) -> ReservationFuture;

    /// Keeps a block, and what was held for it until the block is dropped.
    fn put(&self, block: Block, held: Reservation);
}
