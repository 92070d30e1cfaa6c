//! Driver: the versions of a job's plugins: which one a batch begins with, which one waits, and
//! which one the job goes back to.
//!
//! Takes prepared versions, and how batches went. Gives each batch its version when it begins.
//! Never changes the version of a batch that runs: one that is to have another is run again.

mod base;
mod shadowing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::history::{DatasetPartition, MadeAgain};
use super::job_version::{Counted, SharedVersion};
use super::planted::PlantedFault;
use super::running_batch::RunningBatch;
use super::running_batch::compared::{PoisonRows, WentOnOld};
use super::shadow::Shadow;
use super::status_board::StatusBoard;
use crate::model::id::StageId;
use crate::model::status::JobEvent;
use crate::model::time::BatchTime;
use crate::model::version::{CodeStatus, PluginVersion, Quarantined, SwapRules, VersionEvent};
use crate::sched::batch_run::ReadyTask;
use crate::version::added::most_added;
use crate::version::admission::{self, Refusal, Standing};
use crate::version::effort::Usual;
use crate::version::quarantine::Quarantine;
use crate::version::uses::with_one_past;
use crate::version::watch::{OnOld, Verdict, Watch, Went, judge};
pub use base::{GoneBack, Replaced, VersionBase};
use shadowing::Shadowing;

/// New versions, prepared, and who waits for the answer.
#[derive(Debug)]
pub struct SwapAsked {
    /// What is to run.
    pub version: SharedVersion,
    /// The version for which it was prepared.
    pub prepared_for: u64,
    /// The plugins that were asked for.
    pub plugins: BTreeMap<String, PluginVersion>,
    /// What it may do.
    pub rules: SwapRules,
    /// What windows read of earlier batches, made again by it.
    pub made_again: Vec<MadeAgain>,
    /// What runs it in the shadow first, where that is asked for.
    pub shadow: Option<Shadow>,
    /// Whether it is what the job ran before, so that there is nothing to go back to from it.
    pub is_back: bool,
    /// Who is told whether it waits for the next batch.
    pub answer: SyncSender<Result<(), Refusal>>,
}

/// What becomes of a batch whose tasks have ended.
#[derive(Debug)]
pub enum Judged {
    /// What it made counts.
    Counts,
    /// It is run again on the version that is current then.
    Again {
        /// Why.
        reason: String,
        /// Whether the job has gone back for it.
        gone_back: Option<GoneBack>,
    },
    /// It is run on the versions before as well, and judged once more.
    Compared(SharedVersion),
}

/// Somebody asks for the versions before.
#[derive(Debug)]
pub struct BackAsked {
    /// What windows read of earlier batches, made again by the version of that number.
    pub made_again: Option<(u64, Vec<MadeAgain>)>,
    /// Who is told whether that waits for the next batch.
    pub answer: SyncSender<Result<(), Refusal>>,
}

/// A change that waits for the next batch.
#[derive(Debug)]
enum Waiting {
    Swap {
        version: SharedVersion,
        rules: SwapRules,
    },
    /// Where windows lack batches the first one that begins waits for them.
    Back {
        version: SharedVersion,
        has_windows: bool,
    },
}

impl Waiting {
    fn version(&self) -> &SharedVersion {
        match self {
            Self::Swap { version, .. } | Self::Back { version, .. } => version,
        }
    }
}

/// The versions of one job. The loop's own.
#[derive(Debug)]
pub struct Versions {
    current: SharedVersion,
    previous: Option<Replaced>,
    waiting: Option<Waiting>,
    shadowing: Option<Shadowing>,
    watch: Option<Watch>,
    /// The last version that was watched when a swap or somebody's way back replaced it: batches
    /// may still run on it.
    left_behind: Option<u64>,
    /// What rows took on the current version, while nothing is watched.
    usual: Usual,
    quarantine: Quarantine,
    /// The batch for which the job went back last, and what was quarantined for it.
    blamed: Option<(BatchTime, Vec<Quarantined>)>,
    /// How often others have come by a swap, and by going back.
    swaps: u64,
    rollbacks: u64,
    base: Arc<VersionBase>,
    counted: Counted,
}

impl Versions {
    /// Those of a job that begins.
    pub fn new(base: Arc<VersionBase>, counted: Counted) -> Self {
        Self {
            current: base.current(),
            previous: None,
            waiting: None,
            shadowing: None,
            watch: None,
            left_behind: None,
            usual: Usual::default(),
            quarantine: Quarantine::default(),
            blamed: None,
            swaps: 0,
            rollbacks: 0,
            base,
            counted,
        }
    }

    /// What batches that begin now run with.
    pub fn current(&self) -> &SharedVersion {
        &self.current
    }

    /// Lets prepared versions wait for the next batch.
    ///
    /// # Errors
    /// Says what is in the way. Nothing has changed then.
    pub fn ask(
        &mut self,
        asked: &mut SwapAsked,
        is_ending: bool,
        board: &StatusBoard,
    ) -> Result<(), Refusal> {
        let standing = Standing {
            is_ending,
            is_waiting: self.waiting.is_some(),
            is_shadowing: self.is_shadowing(),
            is_as_prepared: asked.prepared_for == self.current.number,
            current: &self.current.told,
            quarantine: &self.quarantine,
        };
        admission::may_wait(&asked.plugins, asked.rules.force, standing)?;
        for (plugin, version) in &asked.plugins {
            self.quarantine.lift(plugin, &version.digest);
        }
        let (version, rules) = (Arc::clone(&asked.version), asked.rules.clone());
        match asked.shadow.take() {
            Some(shadow) => self.begin_shadow((version, rules), shadow, board),
            // Its windows begin anew.
            None if asked.is_back => {
                self.waiting = Some(Waiting::Back { version, has_windows: true });
            }
            None => self.waiting = Some(Waiting::Swap { version, rules }),
        }
        Ok(())
    }

    /// Takes over what an earlier run of the job has quarantined.
    pub fn remember(&mut self, earlier: Vec<Quarantined>) {
        earlier.into_iter().for_each(|version| self.quarantine.put(version));
    }

    /// Lets the versions before wait for the next batch, and gives them; where others run in the
    /// shadow, or wait for it, those are given up instead. What windows read is made again for the
    /// version of that number.
    ///
    /// # Errors
    /// Says what is in the way.
    pub fn ask_back(
        &mut self,
        is_ending: bool,
        made_for: Option<u64>,
        board: &StatusBoard,
    ) -> Result<Option<SharedVersion>, Refusal> {
        if self.give_up(board) {
            return Ok(None);
        }
        let has_earlier = self.previous.is_some();
        admission::may_go_back(is_ending, self.waiting.is_some(), has_earlier)?;
        let earlier = self.previous.as_ref().map(|previous| Arc::clone(&previous.version));
        self.waiting = earlier.clone().map(|version| {
            let has_windows = made_for == Some(version.number);
            Waiting::Back { version, has_windows }
        });
        Ok(earlier)
    }

    /// Gives up what waits for the next batch or runs in the shadow, if anything does.
    pub fn give_up(&mut self, board: &StatusBoard) -> bool {
        self.give_up_shadow(board) || self.give_up_swap(board)
    }

    /// Gives up a swap that waits for the next batch. Gives whether there was one.
    fn give_up_swap(&mut self, board: &StatusBoard) -> bool {
        let is_swap = |waiting: &mut Waiting| matches!(waiting, Waiting::Swap { .. });
        let Some(given_up) = self.waiting.take_if(is_swap) else { return false };
        let plugins = Arc::clone(&given_up.version().told);
        self.tell(VersionEvent::GivenUp { plugins }, board);
        true
    }

    /// The version of a batch that begins: what waits is current from it on, however many batches
    /// wait behind it. Also gives that the job goes back with it, where what windows read is not
    /// made again.
    pub fn begin(
        &mut self,
        time: BatchTime,
        board: &StatusBoard,
    ) -> (SharedVersion, Option<GoneBack>) {
        let mut gone_back = None;
        if let Some(waiting) = self.waiting.take() {
            let usual = match self.watch.take() {
                Some(watch) => {
                    self.left_behind = Some(self.current.number);
                    watch.usual
                }
                None => std::mem::take(&mut self.usual),
            };
            let back = matches!(waiting, Waiting::Back { .. });
            match waiting {
                Waiting::Swap { version, rules } => {
                    self.swaps += 1;
                    let version = self.become_current(version);
                    self.previous = Some(Replaced { version, at: time });
                    let (batches_left, slower_max) = (rules.watched_batches, rules.slower_max);
                    let watch = Watch { batches_left, slower_max, usual };
                    self.watch = Some(watch).filter(|watch| watch.batches_left > 0);
                }
                Waiting::Back { version, has_windows } => {
                    self.rollbacks += 1;
                    let from = self.become_current(version);
                    let to = self.previous.take().filter(|_| !has_windows);
                    gone_back = to.map(|to| GoneBack { to, from });
                    self.usual = usual;
                }
            }
            self.base.note_previous(self.previous.as_ref());
            let plugins = Arc::clone(&self.current.told);
            self.tell(VersionEvent::Switched { time, plugins, back }, board);
        }
        (Arc::clone(&self.current), gone_back)
    }

    /// Gives the version that was current.
    fn become_current(&mut self, version: SharedVersion) -> SharedVersion {
        *self.base.lock() = Arc::clone(&version);
        std::mem::replace(&mut self.current, version)
    }

    /// The version of a task: its batch's, unless a test has broken the boundary.
    pub fn of_task<'a>(&'a self, batch: &'a SharedVersion, task: ReadyTask) -> &'a SharedVersion {
        let is_broken = self.base.planted.is(PlantedFault::MixedVersions);
        match &self.previous {
            Some(previous) if is_broken && task.partition == 0 => &previous.version,
            _ => batch,
        }
    }

    /// Spoils what a batch is about to publish, if a test has planted that.
    pub fn spoil(&self, batch: &SharedVersion, datasets: &mut [Option<Vec<DatasetPartition>>]) {
        if batch.number > 0 {
            self.base.planted.spoil(datasets);
        }
    }

    /// Judges a batch whose tasks have ended, and goes back if need be.
    pub fn judge(&mut self, batch: &RunningBatch, board: &StatusBoard) -> Judged {
        let is_current = batch.version.number == self.current.number;
        let failure = batch.failure.as_deref().map(|reason| (reason, batch.blame));
        let (poison, on_old) = self.poison_of(batch);
        let went = Went {
            failure,
            effort: batch.effort(),
            poison,
            on_old,
            is_revoked: batch.is_revoked,
            is_left_behind: self.left_behind == Some(batch.version.number) && !is_current,
            is_again: batch.code.revision > 1,
            watch: self.watch.as_ref().filter(|_| is_current),
        };
        let time = batch.batch.time;
        match judge(&went) {
            Verdict::Counts => {
                if is_current {
                    self.usual.add(went.effort);
                }
                return Judged::Counts;
            }
            Verdict::CountsWatched => self.watched(time, board),
            Verdict::Fails => {}
            Verdict::FailsOnBoth => self.absolve(time, board),
            Verdict::RunAgain => {
                let failure = failure.filter(|_| !batch.is_revoked).map(|(reason, _)| reason);
                let why = "the job was rolled back while it ran";
                let reason = failure.unwrap_or(why).to_owned();
                return Judged::Again { reason, gone_back: None };
            }
            Verdict::GoBack { mut reason } => {
                if let (None, Some(first)) = (failure, &batch.refused.first) {
                    reason = format!("{reason}; {}, the first: {first}", batch.refused.counts);
                }
                if let Some(gone_back) = self.go_back(time, &reason, board) {
                    return Judged::Again { reason, gone_back: Some(gone_back) };
                }
            }
            Verdict::Compare => {
                if let Some(old) = &self.previous {
                    return Judged::Compared(Arc::clone(&old.version));
                }
            }
        }
        Judged::Counts
    }

    /// The rows without which a batch went, and went on the versions before: of stages alone that
    /// have the same past on both, and of no batch that letters were fed back to, with which
    /// something has failed before. Where both are known, those of the stage that tells most.
    fn poison_of(&self, batch: &RunningBatch) -> (u64, Option<OnOld>) {
        // Most batches have none, and need no look at the plan.
        let is_to_look = !batch.poison.is_empty() && batch.batch.fed.is_none();
        let Some(Replaced { version: old, .. }) = self.previous.as_ref().filter(|_| is_to_look)
        else {
            return (0, None);
        };
        let new = &batch.version;
        let is_same_state = |stage| match (old.states.of(stage), new.states.of(stage)) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            _ => true,
        };
        let comparable = with_one_past(
            &new.plan,
            |stage| old.codes[stage] == new.codes[stage],
            |stage| is_same_state(StageId(stage)),
        );
        let of = |rows: &PoisonRows, stage: usize| match rows.get(&StageId(stage)) {
            Some(rows) if comparable[stage] => *rows,
            _ => 0,
        };
        let on_new = |stage| of(&batch.poison, stage);
        match &batch.on_old {
            Some(WentOnOld::Without(rows)) => {
                let (on_new, on_old) = most_added(&new.plan, on_new, |stage| of(rows, stage));
                (on_new, Some(OnOld::Poison(on_old)))
            }
            failed => {
                let all = (0..comparable.len()).map(on_new).sum();
                (all, failed.as_ref().map(|_| OnOld::Failed))
            }
        }
    }

    fn watched(&mut self, time: BatchTime, board: &StatusBoard) {
        let Some(watch) = &mut self.watch else { return };
        watch.batches_left = watch.batches_left.saturating_sub(1);
        if watch.batches_left == 0 {
            self.watch = None;
            self.tell(VersionEvent::Proven { time }, board);
        }
    }

    /// The old version is current at once: the batch that failed is the first to run on it again.
    fn go_back(&mut self, time: BatchTime, reason: &str, board: &StatusBoard) -> Option<GoneBack> {
        let to = self.previous.take()?;
        self.base.note_previous(None);
        let from = self.become_current(Arc::clone(&to.version));
        self.rollbacks += 1;
        if let Some(watch) = self.watch.take() {
            self.usual = watch.usual;
        }
        let quarantined: Vec<Quarantined> = changed(&from, &to.version)
            .map(|(plugin, version)| Quarantined {
                plugin: plugin.clone(),
                version: version.clone(),
                reason: format!("batch {}: {reason}", time.of_day()),
            })
            .collect();
        quarantined.iter().for_each(|version| self.quarantine.put(version.clone()));
        self.blamed = Some((time, quarantined.clone()));
        // What waits was bound with the bad versions of the other plugins, and so was a shadow.
        self.give_up_shadow(board);
        self.give_up_swap(board);
        self.waiting = None;
        let plugins = Arc::clone(&self.current.told);
        let reason = reason.to_owned();
        self.tell(VersionEvent::RolledBack { time, plugins, reason, quarantined }, board);
        Some(GoneBack { to, from })
    }

    /// What the batch was quarantined for was not the new version's fault.
    fn absolve(&mut self, time: BatchTime, board: &StatusBoard) {
        let Some((_, blamed)) = self.blamed.take_if(|(batch, _)| *batch == time) else { return };
        for Quarantined { plugin, version, .. } in &blamed {
            self.quarantine.lift(plugin, &version.digest);
        }
        self.tell(VersionEvent::Absolved { time }, board);
    }

    /// Windows of the versions to which the job has gone back lack batches.
    pub fn windows_are_short(&self, time: BatchTime, reason: String, board: &StatusBoard) {
        self.tell(VersionEvent::ShortWindows { time, reason }, board);
    }

    /// Notes how they stand, then tells what has happened. Invariant: whoever hears it, or anything
    /// that is told later, finds it on the board, also where this event is dropped on its way.
    fn tell(&self, event: VersionEvent, board: &StatusBoard) {
        let code = self.status();
        board.change(|status| status.code = code);
        if !self.base.planted.is(PlantedFault::UntoldVersions) {
            board.tell(&JobEvent::Versions(event));
        }
    }

    /// How they stand.
    pub fn status(&self) -> CodeStatus {
        let told = |version: &SharedVersion| Arc::clone(&version.told);
        CodeStatus {
            plugins: told(&self.current),
            previous: self.previous.as_ref().map(|previous| told(&previous.version)),
            waiting: self.waiting.as_ref().map(|waiting| told(waiting.version())),
            shadow: self.shadowing.as_ref().map(Shadowing::status),
            watched_batches: self.watch.as_ref().map(|watch| watch.batches_left),
            quarantined: self.quarantine.all(),
            swaps: self.swaps,
            rollbacks: self.rollbacks,
            held: self.counted.count(),
        }
    }
}

/// The plugins of one version that are others in a second one.
pub(super) fn changed<'a>(
    one: &'a SharedVersion,
    other: &'a SharedVersion,
) -> impl Iterator<Item = (&'a String, &'a PluginVersion)> {
    one.told.iter().filter(|(plugin, version)| other.told.get(*plugin) != Some(version))
}
