//! Driver: rows of dead letters on their way through a batch.
//!
//! Takes letters with the places their rows go in at. Gives each task of the batch its own. Never
//! has one letter on two ways at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use super::letters::LetterId;
use super::look_error::LookError;
use crate::exec::fed_back::FedRow;
use crate::model::id::{SourceId, StageId};
use crate::model::stage::{JobPlan, PartitionInput, StageInput};
use crate::model::time::BatchTime;

/// Letters that are on their way, of one job.
pub type OnTheirWay = Arc<Mutex<BTreeSet<(PathBuf, u64)>>>;

/// Letters on their way, until this is dropped.
#[derive(Debug)]
pub struct Flight {
    letters: Vec<LetterId>,
    all: OnTheirWay,
}

impl Flight {
    /// None of them was on its way before.
    pub fn of(letters: Vec<LetterId>, all: &OnTheirWay) -> Self {
        let ids = letters.iter().map(|id| (id.path.clone(), id.byte));
        all.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        Self { letters, all: Arc::clone(all) }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for id in &self.letters {
            all.remove(&(id.path.clone(), id.byte));
        }
    }
}

/// Which tasks have a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FedTo {
    /// One more partition of a source, in all stages that read it, or in that one, which has the
    /// source's partitions before any others.
    Source(SourceId, Option<StageId>),
    /// A partition of a stage.
    Partition(StageId, usize),
}

/// What became of letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FedOutcome {
    /// The batch.
    pub time: BatchTime,
    /// Letters whose rows went through.
    pub delivered: usize,
    /// Letters of whose rows some were refused once more: those are letters again.
    pub refused: usize,
    /// Letters whose step did not run in that batch: they stay as they are.
    pub not_run: usize,
    /// Letters that the batch had no time for: they stay as they are.
    pub late: usize,
    /// Why the batch was run again without any of them, if it was: it had failed with them.
    pub withdrawn: Option<String>,
}

impl FedOutcome {
    /// Nothing yet, in the batch of a time.
    pub fn of(time: BatchTime) -> Self {
        Self { time, delivered: 0, refused: 0, not_run: 0, late: 0, withdrawn: None }
    }
}

/// Rows that are to be fed into the next batch.
#[derive(Debug)]
pub struct FeedAsked {
    /// The rows.
    pub rows: Vec<(FedTo, FedRow)>,
    /// Their letters.
    pub flight: Flight,
    /// Who is told what became of them.
    pub answer: SyncSender<Result<FedOutcome, LookError>>,
}

/// Rows of letters in one batch.
#[derive(Debug)]
pub struct FedLetters {
    rows: BTreeMap<(StageId, usize), Vec<FedRow>>,
    /// The partition of each source that is there for them alone.
    added: BTreeMap<SourceId, usize>,
    flight: Flight,
    answer: SyncSender<Result<FedOutcome, LookError>>,
}

impl FedLetters {
    /// Gives the rows to a batch of these inputs that waits to run, unless one of their sources has
    /// no dataset in it: they wait for a later one then.
    ///
    /// # Errors
    /// The same rows.
    pub fn join(
        asked: FeedAsked,
        inputs: &mut BTreeMap<SourceId, Vec<PartitionInput>>,
        plan: &JobPlan,
    ) -> Result<Self, FeedAsked> {
        let sources = asked.rows.iter().filter_map(|(to, _)| match to {
            FedTo::Source(source, _) => Some(*source),
            FedTo::Partition(..) => None,
        });
        let sources: BTreeSet<SourceId> = sources.collect();
        if sources.iter().any(|id| !inputs.contains_key(id)) {
            return Err(asked);
        }
        let FeedAsked { rows: all, flight, answer } = asked;
        let mut added = BTreeMap::new();
        for source in sources {
            let partitions = inputs.entry(source).or_default();
            added.insert(source, partitions.len());
            // Only what is fed back is in it.
            partitions.push(PartitionInput::Rows { source, slices: Vec::new() });
        }
        let mut rows: BTreeMap<(StageId, usize), Vec<FedRow>> = BTreeMap::new();
        for (to, row) in all {
            match to {
                FedTo::Partition(stage, partition) => {
                    rows.entry((stage, partition)).or_default().push(row);
                }
                FedTo::Source(source, Some(stage)) => {
                    rows.entry((stage, added[&source])).or_default().push(row);
                }
                FedTo::Source(source, None) => {
                    for stage in readers(plan, source) {
                        rows.entry((stage, added[&source])).or_default().push(row.clone());
                    }
                }
            }
        }
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        rows.values().flatten().for_each(|row| *places.entry(row.letter).or_default() += 1);
        rows.values_mut().flatten().for_each(|row| row.only = places[&row.letter] == 1);
        Ok(Self { rows, added, flight, answer })
    }

    /// Takes out of the inputs what was put there for the rows.
    pub fn leave(&self, inputs: &mut BTreeMap<SourceId, Vec<PartitionInput>>) {
        for (source, at) in &self.added {
            if let Some(partitions) = inputs.get_mut(source) {
                partitions.truncate(*at);
            }
        }
    }

    /// The rows of a task.
    pub fn of_task(&self, stage: StageId, partition: usize) -> Vec<FedRow> {
        self.rows.get(&(stage, partition)).cloned().unwrap_or_default()
    }

    /// The letters, each at its number.
    pub fn letters(&self) -> &[LetterId] {
        &self.flight.letters
    }

    /// The letters that have a row in such a stage.
    pub fn letters_in(&self, is_in: impl Fn(StageId) -> bool) -> BTreeSet<usize> {
        let rows = self.rows.iter().filter(|((stage, _), _)| is_in(*stage));
        rows.flat_map(|(_, rows)| rows.iter().map(|row| row.letter)).collect()
    }

    /// Tells what became of them. They are on their way no more when it is heard.
    pub fn tell(self: Arc<Self>, outcome: Result<FedOutcome, LookError>) {
        let answer = self.answer.clone();
        drop(self);
        // There is room for the one answer; whoever asked may have left.
        let _sent = answer.try_send(outcome);
    }
}

/// The stages that read a source.
fn readers(plan: &JobPlan, source: SourceId) -> impl Iterator<Item = StageId> {
    let reads = move |input: &StageInput| matches!(input, StageInput::Source(of) if *of == source);
    plan.stages.iter().filter(move |stage| reads(&stage.input)).map(|stage| stage.id)
}
