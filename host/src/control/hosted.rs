//! Control: one job of this process, with what is shown of it and what commands it.
//!
//! Takes a job that was launched. Gives views of it. Never keeps it alive: who launched it does.

use std::sync::Arc;
use std::time::Duration;

use super::ControlError;
use super::lines::RecentLines;
use super::views::{JobView, LastBatchView, PluginView, ShadowView};
use crate::driver::handle::{JobControl, JobHandle};
use crate::driver::look::JobLook;
use crate::driver::planted::PlantedFault;
use crate::driver::plugins::JobPlugins;
use crate::driver::replay::ReplayControl;
use crate::driver::status_board::StatusBoard;
use crate::driver::swap::SwapControl;
use crate::model::status::{BatchOutcome, JobState};
use crate::model::version::{CodeStatus, PluginVersion, ShadowStatus};

/// What is known of a job beside its board.
#[derive(Debug, Clone)]
pub struct JobFacts {
    /// Its name.
    pub name: String,
    /// Time between its batches.
    pub batch_interval: Duration,
    /// When its run began, in microseconds since the epoch.
    pub run_us: i64,
    /// When it was submitted, in milliseconds since the epoch; when it was run, if it was not.
    pub submitted_ms: i64,
    /// Its plugins.
    pub plugins: Vec<PluginView>,
}

impl JobFacts {
    /// The facts of a job that begins its run now.
    pub fn new(name: &str, batch_interval: Duration, run_us: i64, plugins: &JobPlugins) -> Self {
        let plugin = |(name, digest, version): (&str, &str, &str)| PluginView {
            name: name.to_owned(),
            digest: digest.to_owned(),
            version: version.to_owned(),
        };
        let plugins = plugins.loaded().map(plugin).collect();
        let (name, submitted_ms) = (name.to_owned(), run_us / 1000);
        Self { name, batch_interval, run_us, submitted_ms, plugins }
    }
}

/// A job of this process.
#[derive(Debug)]
pub struct Hosted {
    facts: JobFacts,
    control: JobControl,
    swaps: SwapControl,
    look: JobLook,
    replays: ReplayControl,
    board: Arc<StatusBoard>,
    lines: Arc<RecentLines>,
}

impl Hosted {
    /// A launched job.
    pub fn new(facts: JobFacts, job: &JobHandle, lines: Arc<RecentLines>) -> Self {
        let (control, swaps, look) = (job.control(), job.swaps().clone(), job.look().clone());
        let (board, replays) = (Arc::clone(job.board()), job.replays().clone());
        Self { facts, control, swaps, look, replays, board, lines }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// Its plugins, as batches that begin now run with them.
    pub fn plugins(&self) -> Vec<PluginView> {
        let current = self.board.code().plugins;
        let plugin = |plugin: &PluginView| match current.get(&plugin.name) {
            Some(PluginVersion { digest, version }) => PluginView {
                name: plugin.name.clone(),
                digest: digest.clone(),
                version: version.clone(),
            },
            // No step calls it.
            None => plugin.clone(),
        };
        self.facts.plugins.iter().map(plugin).collect()
    }

    /// When it was submitted.
    pub(super) fn submitted_ms(&self) -> i64 {
        self.facts.submitted_ms
    }

    /// How their versions stand.
    pub(super) fn code(&self) -> CodeStatus {
        self.board.code()
    }

    /// What it says how it stands on.
    pub(super) fn board(&self) -> &StatusBoard {
        &self.board
    }

    /// What swaps them.
    pub(super) fn swaps(&self) -> &SwapControl {
        &self.swaps
    }

    /// What looks into it.
    pub(super) fn look(&self) -> &JobLook {
        &self.look
    }

    /// What runs its last batches again.
    pub(super) fn replays(&self) -> &ReplayControl {
        &self.replays
    }

    /// Plants a fault: for tests that show that they would notice.
    #[doc(hidden)]
    pub fn plant(&self, fault: PlantedFault) {
        self.swaps.plant(fault);
    }

    /// Its last lines.
    pub fn lines(&self) -> &Arc<RecentLines> {
        &self.lines
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.board.snapshot().state.is_running()
    }

    /// How it stands.
    pub fn view(&self) -> JobView {
        let status = self.board.snapshot();
        let last = status.last_batch.as_ref().map(|batch| LastBatchView {
            time_ms: batch.time.0,
            rows_in: batch.rows_in,
            failed: batch.outcome != BatchOutcome::Completed,
            scheduling_delay_us: micros(batch.scheduling_delay),
            processing_delay_us: micros(batch.processing_delay),
            total_delay_us: micros(batch.total_delay),
        });
        JobView {
            name: self.facts.name.clone(),
            state: status.state.word(),
            failure: self.board.failure(),
            batch_interval_us: micros(self.facts.batch_interval),
            run_us: self.facts.run_us,
            batches: status.batches,
            failed_batches: status.failed_batches,
            rows_in: status.rows_in,
            rejected_rows: status.rejected_rows,
            bad_rows: status.bad_rows,
            queued_batches: status.queued_batches,
            backlog_rows: status.backlog_rows,
            held_bytes: status.held_bytes.0,
            counters: status.counters.iter().map(|(name, sum)| (name.to_owned(), sum)).collect(),
            plugins: self.plugins(),
            swaps: status.code.swaps,
            rollbacks: status.code.rollbacks,
            quarantined: status.code.quarantined.len(),
            last_batch: last,
            // It ends with the job.
            shadow: status.code.shadow.as_ref().filter(|_| status.state.is_running()).map(shadow),
            retained_inputs: status.retained.batches,
            retained_input_bytes: status.retained.bytes,
        }
    }

    /// Commands it.
    ///
    /// # Errors
    /// When it has ended, or cannot do that any more.
    pub fn command(&self, asked: Asked) -> Result<(), ControlError> {
        let name = || self.facts.name.clone();
        let state = self.board.snapshot().state;
        if !state.is_running() {
            return Err(ControlError::JobEnded { name: name() });
        }
        match asked {
            Asked::Pause if state == JobState::Draining => {
                return Err(ControlError::Draining { name: name(), state: state.word() });
            }
            Asked::Pause => self.control.pause(),
            Asked::Resume => self.control.resume(),
            Asked::Drain => self.control.drain(),
            Asked::Stop => self.control.stop(),
        }
        // So that the answer shows what was asked for, not how the job stood before. An end at
        // once may take a while: nobody waits for that here.
        if asked != Asked::Stop {
            self.control.heard();
        }
        Ok(())
    }
}

/// What a job may be asked for in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Begin no more batches.
    Pause,
    /// Go on.
    Resume,
    /// Take no more input, work off what was received, end.
    Drain,
    /// End at once.
    Stop,
}

impl Asked {
    /// All, by the word of their path.
    pub const ALL: [(&'static str, Self); 4] = [
        ("pause", Self::Pause),
        ("resume", Self::Resume),
        ("drain", Self::Drain),
        ("stop", Self::Stop),
    ];

    /// Whether the job is to end, and stay ended.
    pub fn ends(self) -> bool {
        matches!(self, Self::Drain | Self::Stop)
    }
}

fn shadow(status: &ShadowStatus) -> ShadowView {
    let digest =
        |(name, version): (&String, &PluginVersion)| (name.clone(), version.digest.clone());
    ShadowView {
        digests: status.plugins.iter().map(digest).collect(),
        batches: status.batches,
        ran: status.ran,
        differing: status.differing,
        batches_left_out: status.batches_left_out,
        partitions_left_out: status.partitions_left_out,
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
