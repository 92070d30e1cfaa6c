//! Driver: the sources of one job: what has ended, what batches read, and how tasks read it.
//!
//! Takes events of receivers. Gives readers to tasks. Never decides which batch a block belongs
//! to: that is the tracker's.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::running_batch::BatchInputs;
use super::status_board::StatusBoard;
use crate::block::manager::BlockManager;
use crate::error::{Domain, Retry};
use crate::exec::attempt::TaskError;
use crate::exec::executor::ReadInput;
use crate::ingest::ReceiverEvent;
use crate::model::id::{SourceId, StageId};
use crate::model::pipeline::{SourceConnector, SourceDeclaration};
use crate::model::stage::{JobPlan, PartitionInput, StageInput};
use crate::model::status::JobEvent;
use crate::model::time::BatchTime;

/// The sources of one job.
#[derive(Debug)]
pub struct JobSources {
    declared: Vec<SourceDeclaration>,
    ended: BTreeSet<SourceId>,
    blocks: Arc<BlockManager>,
}

impl JobSources {
    /// The sources of a job that has read nothing.
    pub fn new(declared: Vec<SourceDeclaration>, blocks: Arc<BlockManager>) -> Self {
        Self { declared, ended: BTreeSet::new(), blocks }
    }

    /// The source's name.
    pub fn name(&self, source: SourceId) -> &str {
        self.declared.get(source.0 as usize).map_or("?", |declared| declared.name.as_str())
    }

    /// Whether no source has more to give.
    pub fn all_ended(&self) -> bool {
        !self.declared.is_empty() && self.ended.len() == self.declared.len()
    }

    /// Whether the stage reads files, whose rows are known only when they are read.
    pub fn is_file_stage(&self, plan: &JobPlan, stage: StageId) -> bool {
        let StageInput::Source(source) = plan.stages[stage.0].input else { return false };
        let declared = self.declared.get(source.0 as usize);
        declared.is_some_and(|s| matches!(s.connector, SourceConnector::Files { .. }))
    }

    /// Takes note of what happened at a receiver, and tells the listeners of it in words.
    pub fn heard(&mut self, source: SourceId, event: &ReceiverEvent, board: &StatusBoard) {
        let (message, warning) = match event {
            ReceiverEvent::Stored(_) => return,
            ReceiverEvent::Connected { peer } => (format!("connected to {peer}"), false),
            ReceiverEvent::BadRows { count, first } => {
                board.change(|status| status.bad_rows += count);
                (format!("{count} bad rows, the first: {first}"), true)
            }
            ReceiverEvent::PartialLineDropped { bytes } => {
                board.change(|status| status.bad_rows += 1);
                (format!("dropped {bytes} bytes of a line whose end never came"), true)
            }
            ReceiverEvent::Closed { message, retry_in } => {
                (format!("{message}; connecting again in {retry_in:.1?}"), false)
            }
            ReceiverEvent::Failed { message, retry_in } => {
                (format!("{message}; trying again in {retry_in:.1?}"), true)
            }
            ReceiverEvent::Ended => {
                self.ended.insert(source);
                ("ended".to_owned(), false)
            }
            ReceiverEvent::Broken { message } => {
                self.ended.insert(source);
                (message.clone(), true)
            }
        };
        board.tell(&JobEvent::Source { source: self.name(source).to_owned(), message, warning });
    }

    /// The files that a batch reads.
    pub fn select_files(&mut self, _time: BatchTime, _board: &StatusBoard) -> BatchInputs {
        BatchInputs::new()
    }

    /// What gives a task the rows of a partition, on the executor's thread.
    pub fn reader(&self, partition: &PartitionInput) -> ReadInput {
        match partition {
            PartitionInput::Block(id) => {
                let (blocks, id) = (Arc::clone(&self.blocks), *id);
                Box::new(move || {
                    let error = |message, domain| TaskError::Input {
                        input: id.to_string(),
                        message,
                        domain,
                        retry: Retry::Never,
                    };
                    let block = blocks.get(id).ok_or_else(|| {
                        error(
                            "the block was released before its batch".to_owned(),
                            Domain::Internal,
                        )
                    })?;
                    match &block.failure {
                        Some(reason) => Err(error(reason.clone(), Domain::User)),
                        None => Ok(block.slices.clone()),
                    }
                })
            }
            PartitionInput::FileRange { .. } => Box::new(|| Ok(Vec::new())),
        }
    }
}
