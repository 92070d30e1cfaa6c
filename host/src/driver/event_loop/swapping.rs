//! Driver: what the loop of a job does when versions of its plugins change.
//!
//! Takes prepared versions, and batches whose tasks have ended. Gives answers, and runs a batch
//! again where new versions failed it. Never publishes anything of a batch that is run again.

use std::sync::Arc;

use super::{EventLoop, Held};
use crate::driver::history::{BatchKeeps, MadeAgain};
use crate::driver::job_version::SharedVersion;
use crate::driver::running_batch::RunningBatch;
use crate::driver::shadow::ShadowRan;
use crate::driver::versions::{BackAsked, GoneBack, Judged, SwapAsked};
use crate::driver::window_maker::reads_what_changed;
use crate::model::stage::JobPlan;
use crate::model::time::BatchTime;
use crate::version::admission::Refusal;

impl EventLoop {
    pub(super) fn swap_asked(&mut self, mut asked: SwapAsked) {
        let is_ending = self.is_ending();
        let answer = self.parts.versions.ask(&mut asked, is_ending, &self.parts.board);
        let told = asked.answer.clone();
        let made_again = std::mem::take(&mut asked.made_again);
        match &answer {
            Ok(()) => self.history.add_made_again(made_again, &asked.version.codes),
            Err(_) => self.history.give_up_made_again(&made_again),
        }
        self.held = Held::No;
        // A version that is refused is gone before anybody hears of it.
        drop(asked);
        self.note_status();
        // Who does not wait for the answer may read it off the status.
        let _sent = told.send(answer);
    }

    pub(super) fn back_asked(&mut self, asked: BackAsked) {
        let is_ending = self.is_ending();
        let made_for = asked.made_again.as_ref().map(|(number, _)| *number);
        let answer = self.parts.versions.ask_back(is_ending, made_for, &self.parts.board);
        if let Some((number, made)) = asked.made_again {
            match &answer {
                Ok(Some(back)) if back.number == number => {
                    self.history.add_made_again(made, &back.codes);
                }
                _ => self.history.give_up_made_again(&made),
            }
        }
        // What holds batches back may be another's, who asks for a swap: it lets go by itself.
        self.note_status();
        let _sent = asked.answer.send(answer.map(drop));
    }

    /// Whether a batch may begin. A swap holds none back of a job that ends: it will be refused.
    pub(super) fn may_begin(&self) -> bool {
        let is_held = !self.is_ending() && !matches!(self.held, Held::No);
        // Until it is through it is not certain which version is current.
        let is_comparing = self.running.values().any(RunningBatch::is_comparison);
        !self.paused && !is_held && !is_comparing && self.failure.is_none()
    }

    /// Tells a swap that no batch runs, and that none will begin.
    pub(super) fn answer_hold(&mut self) {
        // It was prepared for versions that are gone: it need not wait for the windows to hear it.
        if self.awaits_windows.is_some()
            && let Held::Asked(answer) = &self.held
        {
            let _sent = answer.send(Err(Refusal::Changed));
            self.held = Held::No;
        }
        if !self.running.is_empty() && !self.is_ending() {
            return;
        }
        match std::mem::replace(&mut self.held, Held::No) {
            Held::Asked(answer) => {
                // Where nobody waits any more nothing is held back.
                self.held = if answer.send(Ok(())).is_ok() { Held::Told } else { Held::No };
            }
            other => self.held = other,
        }
    }

    /// A batch was run in the shadow.
    pub(super) fn shadowed(&mut self, ran: &ShadowRan) {
        let told = self.parts.versions.shadowed(ran, &self.parts.board);
        if let (Some(scribe), Some(told)) = (&mut self.parts.scribe, told) {
            scribe.shadowed(&told);
        }
        self.note_status();
    }

    fn is_ending(&self) -> bool {
        self.draining || self.failure.is_some()
    }

    /// Judges a batch that is through before anything of it counts. Gives whether it is run again,
    /// on the version that is current, or to compare versions.
    pub(super) fn runs_again(&mut self, run: u64) -> bool {
        if self.ends_comparison(run) {
            return true;
        }
        let Some(batch) = self.running.get(&run) else { return false };
        let bad = batch.version.number;
        let (time, judged) =
            (batch.batch.time, self.parts.versions.judge(batch, &self.parts.board));
        let (reason, gone_back) = match judged {
            Judged::Counts => return false,
            Judged::Compared(old) => return self.compare(run, old),
            Judged::Again { reason, gone_back } => (reason, gone_back),
        };
        self.revoke(bad);
        let version = Arc::clone(self.parts.versions.current());
        let begun = self.begin_anew(run, &version, |batch, plan, keeps, failures_max| {
            batch.run_again(plan, keeps, failures_max, Arc::clone(&version), reason)
        });
        if let (Some(scribe), Some(again)) = (&mut self.parts.scribe, self.running.get(&run)) {
            scribe.revised(run, again);
        }
        if !self.awaits_windows_of(run, time, gone_back) {
            self.submit_ready(run);
        }
        begun
    }

    /// Has what windows read made again for the first batch of a job that has gone back, where any
    /// lack it. Nothing else runs or begins meanwhile: batches whose windows look back run one
    /// after the other.
    pub(super) fn awaits_windows_of(
        &mut self,
        run: u64,
        time: BatchTime,
        gone_back: Option<GoneBack>,
    ) -> bool {
        let Some(gone) = gone_back.filter(|gone| lacks_windows(gone, time)) else { return false };
        self.awaits_windows = Some(run);
        (self.parts.make_windows)(gone);
        true
    }

    /// The first batch of a job that has gone back runs, with the windows of the old version.
    pub(super) fn windows_made(&mut self, made: Result<Vec<MadeAgain>, String>) {
        let awaits = self.awaits_windows.take();
        let Some((run, batch)) = awaits.and_then(|run| Some((run, self.running.get_mut(&run)?)))
        else {
            return;
        };
        match made {
            Ok(made) => self.history.add_made_again(made, &batch.version.codes),
            Err(reason) => {
                let short = format!("its windows lack the batches since the swap: {reason}");
                let told = batch.code.reason.take().map(|told| format!("{told}; {short}"));
                batch.code.reason = Some(told.unwrap_or(short));
                if let Some(scribe) = &mut self.parts.scribe {
                    scribe.explained(run, batch);
                }
                let time = batch.batch.time;
                self.parts.versions.windows_are_short(time, reason, &self.parts.board);
            }
        }
        self.submit_ready(run);
    }

    /// Puts in the place of a batch what `anew` makes of it, which keeps nothing of what it has
    /// made and sees the datasets of that version. Its tasks are to be submitted.
    pub(super) fn begin_anew(
        &mut self,
        run: u64,
        version: &SharedVersion,
        anew: impl FnOnce(RunningBatch, &JobPlan, BatchKeeps, u32) -> RunningBatch,
    ) -> bool {
        let Some(batch) = self.running.remove(&run) else { return false };
        self.history.give_up(&batch.keeps);
        let keeps = self.history.begin(&self.parts.plan);
        self.history.seen_by(&version.codes);
        // No task of it is left that could answer: the new run has its number.
        let mut again = anew(batch, &self.parts.plan, keeps, self.parts.settings.max_failures);
        again.retaining = self.retaining();
        self.running.insert(run, again);
        true
    }

    /// Runs a batch that is through on the versions before as well; what it has made stands aside.
    fn compare(&mut self, run: u64, old: SharedVersion) -> bool {
        let Some(batch) = self.running.remove(&run) else { return false };
        let keeps = self.history.begin(&self.parts.plan);
        self.history.seen_by(&old.codes);
        let failures_max = self.parts.settings.max_failures;
        let comparison = batch.compare(&self.parts.plan, keeps, failures_max, old);
        self.running.insert(run, comparison);
        self.submit_ready(run);
        true
    }

    /// Puts the batch that stood aside in the place of its comparison, which is through.
    fn ends_comparison(&mut self, run: u64) -> bool {
        let Some(batch) = self.running.remove(&run) else { return false };
        let (batch, is_compared) = match batch.compared() {
            Ok((batch, keeps)) => {
                self.history.give_up(&keeps);
                self.history.seen_by(&batch.version.codes);
                (batch, true)
            }
            Err(batch) => (*batch, false),
        };
        self.running.insert(run, batch);
        is_compared
    }

    /// Younger batches that run on the version from which the job went back are run again too.
    fn revoke(&mut self, bad: u64) {
        if bad == self.parts.versions.current().number {
            return;
        }
        self.running.values_mut().for_each(|batch| batch.revoke(bad));
    }
}

/// Whether windows of the versions to which the job has gone back for a batch lack batches before
/// it: those that ran on the versions from which it went back.
fn lacks_windows(gone: &GoneBack, time: BatchTime) -> bool {
    gone.to.at < time && reads_what_changed(gone)
}
