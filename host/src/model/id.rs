//! Model: numbers that name things, each of its own type.
//!
//! Takes and gives small integers. Never lets one kind stand for another.

/// The number of a source, in the order of the job's declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A block: its source, and its place in the order in which that source stored blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId {
    /// The source it came from.
    pub source: SourceId,
    /// Its place among the source's blocks, from 0.
    pub sequence: u64,
}

impl std::fmt::Display for BlockId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b-{}-{}", self.source.0, self.sequence)
    }
}

/// The number of a stage in its job's plan; parents have lower numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(pub usize);

/// The number of a sink, in the order of the job's declaration: outputs run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SinkId(pub usize);
