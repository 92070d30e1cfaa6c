//! Block: the received-block tracker, which knows what belongs to which batch.
//!
//! Takes reports of blocks, and batch times. Gives each batch all blocks reported before it was
//! due, and after it the blocks to release. Never holds a block's bytes.

use std::collections::{BTreeMap, VecDeque};

use crate::model::block::BlockInfo;
use crate::model::id::SourceId;
use crate::model::time::BatchTime;

/// The blocks of a batch, by source, each source's in the order in which it stored them.
pub type AllocatedBlocks = BTreeMap<SourceId, Vec<BlockInfo>>;

/// Facts about blocks: unallocated, then allocated to a batch, then cleaned.
#[derive(Debug, Default)]
pub struct Tracker {
    unallocated: BTreeMap<SourceId, VecDeque<BlockInfo>>,
    allocated: BTreeMap<BatchTime, AllocatedBlocks>,
    last_allocated: Option<BatchTime>,
}

impl Tracker {
    /// A tracker that knows of no block.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hears of a stored block.
    pub fn reported(&mut self, info: BlockInfo) {
        let queue = self.unallocated.entry(info.id.source).or_default();
        // A report that was overtaken finds its place; almost always that is the end.
        let place = queue.partition_point(|known| known.id.sequence < info.id.sequence);
        queue.insert(place, info);
    }

    /// Gives the batch every block that is unallocated, whatever its source. For a batch that is
    /// not later than the last allocated one nothing changes: it keeps what it was given.
    pub fn allocate(&mut self, time: BatchTime) -> AllocatedBlocks {
        if self.last_allocated.is_some_and(|last| time <= last) {
            return self.allocated.get(&time).cloned().unwrap_or_default();
        }
        let blocks: AllocatedBlocks = std::mem::take(&mut self.unallocated)
            .into_iter()
            .map(|(source, queue)| (source, Vec::from(queue)))
            .collect();
        self.last_allocated = Some(time);
        self.allocated.insert(time, blocks.clone());
        blocks
    }

    /// What was given to a batch that is not finished.
    pub fn allocated_to(&self, time: BatchTime) -> Option<&AllocatedBlocks> {
        self.allocated.get(&time)
    }

    /// Hears that nothing needs the batch's blocks any more. Gives them, to be released.
    pub fn finished(&mut self, time: BatchTime) -> Vec<BlockInfo> {
        self.allocated.remove(&time).into_iter().flatten().flat_map(|(_, blocks)| blocks).collect()
    }

    /// Whether blocks wait for a batch.
    pub fn has_unallocated(&self) -> bool {
        self.unallocated.values().any(|queue| !queue.is_empty())
    }

    /// Rows and bytes that wait for a batch.
    pub fn unallocated_size(&self) -> (u64, usize) {
        let waiting = self.unallocated.values().flatten();
        waiting.fold((0, 0), |(rows, bytes), info| (rows + info.rows, bytes + info.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::BlockId;

    fn info(source: u32, sequence: u64) -> BlockInfo {
        let id = BlockId { source: SourceId(source), sequence };
        BlockInfo { id, rows: 10, bytes: 100, bad_rows: 0 }
    }

    fn names(blocks: &AllocatedBlocks) -> Vec<String> {
        blocks.values().flatten().map(|info| info.id.to_string()).collect()
    }

    #[test]
    fn a_batch_gets_all_blocks_reported_before_it() {
        let mut tracker = Tracker::new();
        for (source, sequence) in [(1, 0), (0, 0), (0, 1), (1, 1)] {
            tracker.reported(info(source, sequence));
        }
        assert_eq!(tracker.unallocated_size(), (40, 400));
        let first = tracker.allocate(BatchTime(1));
        assert_eq!(names(&first), ["b-0-0", "b-0-1", "b-1-0", "b-1-1"]);
        assert!(!tracker.has_unallocated());
        assert!(tracker.allocate(BatchTime(2)).is_empty());
        assert_eq!(tracker.allocate(BatchTime(1)), first, "asking again changes nothing");
    }

    #[test]
    fn a_batch_once_allocated_gets_no_later_blocks() {
        let mut tracker = Tracker::new();
        tracker.allocate(BatchTime(2));
        tracker.reported(info(0, 0));
        assert!(tracker.allocate(BatchTime(2)).is_empty());
        assert!(tracker.allocate(BatchTime(1)).is_empty());
        assert!(tracker.has_unallocated());
        assert_eq!(names(&tracker.allocate(BatchTime(3))), ["b-0-0"]);
    }

    #[test]
    fn an_overtaken_report_finds_its_place() {
        let mut tracker = Tracker::new();
        for sequence in [0, 2, 1] {
            tracker.reported(info(0, sequence));
        }
        assert_eq!(names(&tracker.allocate(BatchTime(1))), ["b-0-0", "b-0-1", "b-0-2"]);
    }

    #[test]
    fn a_finished_batch_releases_its_own_blocks_only() {
        let mut tracker = Tracker::new();
        tracker.reported(info(0, 0));
        tracker.allocate(BatchTime(1));
        tracker.reported(info(0, 1));
        tracker.allocate(BatchTime(2));
        assert_eq!(tracker.finished(BatchTime(2)), [info(0, 1)]);
        assert_eq!(tracker.finished(BatchTime(2)), []);
        assert!(tracker.allocated_to(BatchTime(1)).is_some());
        assert_eq!(tracker.finished(BatchTime(1)), [info(0, 0)]);
    }

    #[test]
    fn a_hundred_thousand_blocks_are_tracked() {
        let mut tracker = Tracker::new();
        (0..100_000).for_each(|sequence| tracker.reported(info(0, sequence)));
        assert_eq!(tracker.allocate(BatchTime(1)).values().map(Vec::len).sum::<usize>(), 100_000);
    }
}
