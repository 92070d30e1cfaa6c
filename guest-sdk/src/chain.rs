//! Chains: operators chosen at run time, run in one pass where their rows fit.
//!
//! Takes operators and a batch. Gives what the last one made. Two operators fuse when one takes
//! exactly the rows the other gives; otherwise columns are gathered between them. Never reorders
//! rows.

use crate::batch::Failure;
use crate::call::Call;
use crate::checked::Checked;
use crate::operator::{RowsBody, StepCall};
use crate::sink::{Built, SelectionSink, Sink};
use crate::source::Source;

/// One operator of a chain with its parameters.
#[derive(Clone, Copy)]
pub(crate) struct ChainStep<'c> {
    pub(crate) body: &'c dyn RowsBody,
    pub(crate) step: StepCall<'c>,
}

/// What a chain gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The rows.
    Rows,
    /// The rows, and the input row of each.
    RowsWithOrigin,
    /// Only the input row of each: every step is a filter.
    Selection,
}

/// Runs the chain.
pub(crate) fn run_chain(
    call: &Call,
    chain: &[ChainStep<'_>],
    wanted: Wanted,
    source: Source<'_>,
) -> Result<Built, Failure> {
    let mut segments = chain
        .chunk_by(|one, next| next.body.takes_runs() && one.body.output() == next.body.input());
    let Some(segment) = segments.next() else {
        return Err(Failure::new("the chain has no step"));
    };
    let rest = &chain[segment.len()..];
    if rest.is_empty() {
        return run_segment(call, segment, wanted, source);
    }
    let between = run_segment(call, segment, Wanted::RowsWithOrigin, source)?;
    let mut buffers = Vec::new();
    let batch = between.batch.lend(&mut buffers).with_checked_text(Checked::by_gathering());
    run_chain(call, rest, wanted, Source { batch, origins: Some(&between.origins) })
}

/// Runs operators that fuse: sinks are made from the last to the first, then rows are pushed.
fn run_segment(
    call: &Call,
    segment: &[ChainStep<'_>],
    wanted: Wanted,
    source: Source<'_>,
) -> Result<Built, Failure> {
    let [first, rest @ ..] = segment else {
        return Err(Failure::new("the chain has no step"));
    };
    let last = rest.last().unwrap_or(first);
    let mut sink: Box<dyn Sink + '_> = match wanted {
        Wanted::Rows => last.body.gather(call, false),
        Wanted::RowsWithOrigin => last.body.gather(call, true),
        Wanted::Selection => Box::new(SelectionSink::default()),
    };
    for step in rest.iter().rev() {
        sink = step.body.start(call, step.step, sink)?;
    }
    first.body.run(call, first.step, source, sink)
}
