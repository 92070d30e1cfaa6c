//! Block: the block manager, which keeps the bytes of blocks under one budget.
//!
//! Takes blocks with what was held for them. Gives them to tasks until they are removed; their
//! bytes are free when the last task has let go. Never knows which batch a block belongs to.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::budget::BlockBudget;
use crate::model::block::Block;
use crate::model::block_store::{BlockStore, Reservation, ReservationFuture};
use crate::model::id::BlockId;

/// A block and the bytes held for it.
#[derive(Debug)]
pub struct HeldBlock {
    block: Block,
    _held: Reservation,
}

impl Deref for HeldBlock {
    type Target = Block;

    fn deref(&self) -> &Block {
        &self.block
    }
}

/// What the block manager holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockGauges {
    /// Blocks that can be read.
    pub blocks: usize,
    /// Bytes of those blocks.
    pub block_bytes: usize,
    /// Bytes held of the budget: blocks, what receivers have open, and whatever else was reserved.
    pub held_bytes: usize,
    /// The most bytes that were held at once.
    pub held_bytes_max: usize,
    /// The budget.
    pub budget_bytes: usize,
}

/// Keeps blocks.
#[derive(Debug)]
pub struct BlockManager {
    budget: Arc<BlockBudget>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: HashMap<BlockId, Arc<HeldBlock>>,
    bytes: usize,
}

impl BlockManager {
    /// Keeps blocks under a budget of so many bytes.
    pub fn new(budget_bytes: usize) -> Self {
        Self::under(BlockBudget::new(budget_bytes))
    }

    /// Keeps blocks under a budget that others share.
    pub fn under(budget: Arc<BlockBudget>) -> Self {
        Self { budget, kept: Mutex::default() }
    }

    /// The budget, for whatever else counts against it.
    pub fn budget(&self) -> &Arc<BlockBudget> {
        &self.budget
    }

    /// The block of that name, while it is kept.
    pub fn get(&self, id: BlockId) -> Option<Arc<HeldBlock>> {
        self.kept().blocks.get(&id).cloned()
    }

    /// Lets go of a block. Its bytes are free when nobody reads it any more.
    pub fn remove(&self, id: BlockId) -> bool {
        let mut kept = self.kept();
        let removed = kept.blocks.remove(&id);
        kept.bytes -= removed.as_ref().map_or(0, |block| block.info.bytes);
        drop(kept);
        removed.is_some()
    }

    /// What is held now.
    pub fn gauges(&self) -> BlockGauges {
        let kept = self.kept();
        BlockGauges {
            blocks: kept.blocks.len(),
            block_bytes: kept.bytes,
            held_bytes: self.budget.held(),
            held_bytes_max: self.budget.held_max(),
            budget_bytes: self.budget.capacity(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockStore for BlockManager {
    fn reserve_now(&self, bytes: usize) -> Option<Reservation> {
        self.budget.reserve_now(bytes)
    }

    fn reserve(&self, bytes: usize) -> ReservationFuture {
        self.budget.reserve(bytes)
    }

    fn put(&self, block: Block, held: Reservation) {
        let mut kept = self.kept();
        kept.bytes += block.info.bytes;
        let before = kept.blocks.insert(block.info.id, Arc::new(HeldBlock { block, _held: held }));
        kept.bytes -= before.map_or(0, |block| block.info.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::BlockInfo;
    use crate::model::id::SourceId;

    fn block(sequence: u64, bytes: usize) -> Block {
        let id = BlockId { source: SourceId(0), sequence };
        let info = BlockInfo { id, rows: 1, bytes, bad_rows: 0 };
        Block { info, slices: Vec::new(), failure: None }
    }

    #[test]
    fn bytes_are_free_when_the_last_reader_lets_go() {
        let manager = BlockManager::new(100);
        let held = manager.reserve_now(60).expect("there is room");
        manager.put(block(1, 60), held);
        let id = BlockId { source: SourceId(0), sequence: 1 };
        let reader = manager.get(id).expect("it is kept");
        assert_eq!(reader.info.rows, 1);
        assert_eq!((manager.gauges().blocks, manager.gauges().block_bytes), (1, 60));

        assert!(manager.remove(id));
        assert!(!manager.remove(id), "it is gone already");
        assert!(manager.get(id).is_none());
        assert_eq!((manager.gauges().block_bytes, manager.gauges().held_bytes), (0, 60));
        drop(reader);
        assert_eq!(manager.gauges().held_bytes, 0);
    }
}
