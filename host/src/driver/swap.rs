//! Driver: the outside's way to other versions of a running job's plugins.
//!
//! Takes components. Gives a report of what they change, once the job's loop has let them wait for
//! the next batch. Everything slow happens here, on the thread of whoever asks; nothing of a swap
//! that is refused is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, TryLockError};

use super::error::DriverError;
use super::event::Event;
use super::history::MadeAgain;
use super::job_version::{Binder, SharedVersion};
use super::new_code::load_new;
use super::planted::PlantedFault;
use super::plugins::{JobPlugins, version_of};
use super::replay::{GateError, Replayer};
use super::shadow::Shadow;
use super::status_board::StatusBoard;
use super::versions::{BackAsked, SwapAsked, VersionBase};
use super::window_maker::{ToMake, WindowMaker, parents_to_make};
use crate::error::{Classify, Domain, Retry};
use crate::model::stage::JobPlan;
use crate::model::version::{
    LostState, PluginChange, PluginVersion, Quarantined, SwapReport, SwapRules,
};
use crate::plan::plan;
use crate::sys::niceness::standing_back;
use crate::version::admission::{Refusal, may_name, may_run};
use crate::version::changes::{Facts, differences};
use crate::version::fit::{DroppedState, dropped_states, same_shape};
use crate::version::grants::may_import;
use crate::version::quarantine::Quarantine;
use crate::version::uses::{made_with, windows_over};
use crate::wasm::plugin::Plugin;

pub use super::new_code::NewCode;

/// Why a swap or a rollback was not let in.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// The job as it stands, or as it would be, does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A new version cannot be loaded, or its operators do not fit the job's streams.
    #[error(transparent)]
    Unfit(#[from] DriverError),
    /// The job has ended.
    #[error("the job has ended: its plugins keep their versions")]
    Ended,
}

impl From<GateError> for SwapError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Refused(refusal) => Self::Refused(refusal),
            GateError::Unfit(error) => Self::Unfit(error),
        }
    }
}

impl SwapError {
    /// Whether the job knows no versions to go back to.
    pub fn is_without_earlier(&self) -> bool {
        matches!(self, Self::Refused(Refusal::NoEarlier))
    }

    /// Whether a batch that was run on the new version speaks against it, not the way it is asked
    /// for.
    pub fn is_of_a_batch(&self) -> bool {
        use Refusal::{Differs, Replay, WindowReplay};
        matches!(self, Self::Refused(Replay { .. } | WindowReplay { .. } | Differs { .. }))
    }
}

impl Classify for SwapError {
    fn domain(&self) -> Domain {
        match self {
            Self::Refused(refusal) => refusal.domain(),
            Self::Unfit(error) => error.domain(),
            Self::Ended => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Refused(refusal) => refusal.retry(),
            Self::Unfit(error) => error.retry(),
            Self::Ended => Retry::Never,
        }
    }
}

/// Swaps plugins of a running job. It does not keep the job alive.
#[derive(Clone)]
pub struct SwapControl(Arc<Staging>);

/// Where swaps of one job are prepared, one at a time.
pub(super) struct Staging {
    pub(super) binder: Binder,
    pub(super) base: Arc<VersionBase>,
    pub(super) replayer: Arc<Replayer>,
    pub(super) maker: Arc<WindowMaker>,
    pub(super) board: Arc<StatusBoard>,
    pub(super) events: Sender<Event>,
    pub(super) one: Mutex<()>,
}

impl std::fmt::Debug for SwapControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SwapControl({})", self.0.replayer.pipeline.name)
    }
}

impl SwapControl {
    pub(super) fn new(staging: Staging) -> Self {
        Self(Arc::new(staging))
    }

    /// Prepares new versions of plugins, checks them against every step of the job that calls them,
    /// and has all of them wait for the next batch that begins to run. Takes as long as loading
    /// does; batches go on meanwhile. Where windows read what a plugin has made of earlier batches,
    /// that is made again, and none begins for the time that the last of it takes.
    ///
    /// # Errors
    /// Names what is in the way. The job is as it was then.
    pub fn swap(
        &self,
        plugins: &[(String, NewCode)],
        rules: SwapRules,
    ) -> Result<SwapReport, SwapError> {
        self.swap_by(plugins, false, |_| rules)
    }

    /// As [`Self::swap`], to versions that an earlier run of the job had: they may import what they
    /// did then, what does not fit them begins anew, no batch is replayed, and there is nothing to
    /// go back to afterwards, as for any rollback.
    ///
    /// # Errors
    /// As [`Self::swap`].
    pub fn swap_back(&self, plugins: &[(String, NewCode)]) -> Result<SwapReport, SwapError> {
        self.swap_by(plugins, true, |loaded| {
            let allow = loaded.values().flat_map(|plugin| plugin.imports().to_vec()).collect();
            let (drop_state, restart_windows, replay) = (true, true, false);
            SwapRules { allow, drop_state, restart_windows, replay, ..SwapRules::default() }
        })
    }

    fn swap_by(
        &self,
        plugins: &[(String, NewCode)],
        is_back: bool,
        rules: impl FnOnce(&BTreeMap<String, Arc<Plugin>>) -> SwapRules + Send,
    ) -> Result<SwapReport, SwapError> {
        let swap = || self.swap_here(plugins, is_back, rules);
        standing_back("swap", swap)
            .map_err(|source| DriverError::System { what: "a thread for a swap", source })?
    }

    fn swap_here(
        &self,
        plugins: &[(String, NewCode)],
        is_back: bool,
        rules: impl FnOnce(&BTreeMap<String, Arc<Plugin>>) -> SwapRules,
    ) -> Result<SwapReport, SwapError> {
        let staging = &*self.0;
        let _one = match staging.one.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Refusal::Preparing.into()),
        };
        let base = staging.base.current();
        let names: Vec<&str> = plugins.iter().map(|(name, _)| name.as_str()).collect();
        may_name(&names, &base.told)?;
        let replayer = &*staging.replayer;
        let loaded = load_new(&replayer.engine, &replayer.pipeline, plugins)?;
        let rules = rules(&loaded);
        staging.none_is_quarantined(&loaded, &rules)?;
        let (version, mut report) = staging.prepare(&base, &loaded, &rules)?;
        if rules.replay {
            report.replay = Some(staging.replayer.gate(&base, &version, rules.same)?);
        }
        let shadow = staging.shadow(&version, &rules)?;
        let (made_again, _hold) = match rules.restart_windows {
            true => (Vec::new(), None),
            false => staging.windows(ToMake::for_swap(&version, names_of(&loaded)))?,
        };
        report.recomputed_windows = streams_of(&version.plan, &made_again);
        let asked = report.plugins.iter();
        let plugins = asked.map(|change| (change.plugin.clone(), change.to.clone())).collect();
        staging.ask(|answer| {
            let prepared_for = base.number;
            Event::Swap(SwapAsked {
                version,
                prepared_for,
                plugins,
                rules,
                made_again,
                shadow,
                is_back,
                answer,
            })
        })?;
        Ok(report)
    }

    /// Has the versions that the last swap replaced wait for the next batch that begins to run.
    /// Where windows read what the new ones have made of batches since, that is made again of
    /// retained inputs, as for a swap; where it cannot be, windows lack those batches. A swap that
    /// waits, or is in the shadow, is given up instead.
    ///
    /// # Errors
    /// When there is nothing to go back to, or the job ends.
    pub fn roll_back(&self) -> Result<(), SwapError> {
        standing_back("rollback", || self.roll_back_here())
            .map_err(|source| DriverError::System { what: "a thread for a rollback", source })?
    }

    fn roll_back_here(&self) -> Result<(), SwapError> {
        let staging = &*self.0;
        // First, so that it does not begin to run while windows are made.
        let (answer, answered) = sync_channel(1);
        staging.events.send(Event::GiveUp(answer)).map_err(|_| SwapError::Ended)?;
        if answered.recv().map_err(|_| SwapError::Ended)? {
            return Ok(());
        }
        // A swap that is being prepared keeps nobody from going back. What cannot be made here is
        // left to the loop, whose first batch waits for it or says what its windows lack.
        let one = staging.one.try_lock();
        let made = staging.base.previous().filter(|_| one.is_ok()).and_then(|back| {
            let to_make = ToMake::to_go_back(&back, &staging.base.current());
            Some((back.version.number, staging.windows(to_make).ok()?))
        });
        let (made_again, _hold) = match made {
            Some((number, (made, hold))) => (Some((number, made)), hold),
            None => (None, None),
        };
        staging.ask(|answer| Event::RollBack(BackAsked { made_again, answer }))
    }

    /// Has the job not run again what an earlier run of it has quarantined. When it returns the
    /// status says so, and what is asked for later finds it so.
    pub fn quarantine(&self, earlier: Vec<Quarantined>) {
        let (answer, heard) = sync_channel(1);
        // A job that has ended runs nothing at all, and answers nobody.
        let _sent = self.0.events.send(Event::Quarantined(earlier, answer));
        let _heard = heard.recv();
    }

    /// Plants a fault: for tests that show that they would notice.
    #[doc(hidden)]
    pub fn plant(&self, fault: PlantedFault) {
        self.0.base.planted.plant(fault);
    }
}

impl Staging {
    /// Before anything is tried: what it did then it does again, and the answer is one whenever it
    /// is asked for.
    fn none_is_quarantined(
        &self,
        loaded: &BTreeMap<String, Arc<Plugin>>,
        rules: &SwapRules,
    ) -> Result<(), Refusal> {
        let quarantine: Quarantine = self.board.code().quarantined.into_iter().collect();
        let mut all = loaded.iter();
        all.try_for_each(|(plugin, new)| {
            may_run(&quarantine, (plugin, &version_of(new)), rules.force)
        })
    }

    /// Plans the job anew with the new versions, holds the plan against the one that runs, and
    /// binds it.
    fn prepare(
        &self,
        base: &SharedVersion,
        loaded: &BTreeMap<String, Arc<Plugin>>,
        rules: &SwapRules,
    ) -> Result<(SharedVersion, SwapReport), SwapError> {
        let changes = changes(&base.plugins, loaded, rules)?;
        let Replayer { pipeline, defaults, .. } = &*self.replayer;
        let plugins = base.plugins.with(loaded);
        let planned = plan(pipeline, &plugins, *defaults).map_err(DriverError::from)?;
        let new = planned.plan;
        let kept = base.states.sizes();
        let keys_of =
            |step: &str| kept.iter().find(|state| state.name == step).map_or(0, |state| state.keys);
        let dropped = dropped_states(&base.plan, &new, keys_of);
        if !dropped.is_empty() && !rules.drop_state {
            return Err(Refusal::State(dropped).into());
        }
        same_shape(&base.plan, &new).map_err(Refusal::from)?;
        let restarted_windows = restarted_windows(&new, loaded, rules)?;
        let steps: Vec<String> = dropped.iter().map(|state| state.step.clone()).collect();
        let lost = |state: DroppedState| LostState { name: state.step, keys: state.keys };
        let dropped_states = dropped.into_iter().map(lost).collect();
        let report = SwapReport {
            plugins: changes,
            dropped_states,
            restarted_windows,
            recomputed_windows: Vec::new(),
            replay: None,
            shadow_batches: rules.shadow_batches,
        };
        let states = base.states.without(&new, &steps);
        let number = self.base.next_number();
        let codes = made_with(&new).into_iter().zip(&base.codes).map(|(made_with, code)| {
            let is_new = made_with.iter().any(|plugin| loaded.contains_key(*plugin));
            if is_new { number } else { *code }
        });
        let codes = codes.collect();
        let version = self.binder.bind((number, codes), Arc::new(new), plugins, states)?;
        Ok((version, report))
    }

    /// What runs live batches on new versions before those count, where that is asked for.
    fn shadow(
        &self,
        version: &SharedVersion,
        rules: &SwapRules,
    ) -> Result<Option<Shadow>, DriverError> {
        if rules.shadow_batches == 0 {
            return Ok(None);
        }
        let unheard = self.replayer.unheard_as(version)?;
        let share = rules.shadow_share.clamp(0.0, 1.0);
        let cpu_max = self.replayer.pipeline.settings.batch_interval.mul_f64(share);
        let (replayer, events) = (Arc::clone(&self.replayer), self.events.clone());
        // A job that has ended hears nothing, and need not.
        let tell = Box::new(move |ran| drop(events.send(Event::Shadowed(ran))));
        Shadow::start(replayer, unheard, version.number, cpu_max, tell)
            .map(Some)
            .map_err(|source| DriverError::System { what: "a shadow", source })
    }

    /// Makes again what windows read of earlier batches: of those that have ended while batches go
    /// on, then of the last while none begins.
    fn windows(&self, to_make: ToMake) -> Result<(Vec<MadeAgain>, Option<Hold<'_>>), SwapError> {
        let Some(mut made) = self.maker.begin(to_make)? else { return Ok((Vec::new(), None)) };
        made.go_on()?;
        // What has ended meanwhile: the shorter batches are held back the better.
        made.go_on()?;
        let (answer, answered) = sync_channel(1);
        self.events.send(Event::Hold(answer)).map_err(|_| SwapError::Ended)?;
        let hold = Hold(&self.events);
        answered.recv().map_err(|_| SwapError::Ended)??;
        made.go_on()?;
        Ok((made.taken(), Some(hold)))
    }

    /// Hands something in, and waits until the loop has decided.
    fn ask(
        &self,
        event: impl FnOnce(SyncSender<Result<(), Refusal>>) -> Event,
    ) -> Result<(), SwapError> {
        let (answer, answered) = sync_channel(1);
        self.events.send(event(answer)).map_err(|_| SwapError::Ended)?;
        Ok(answered.recv().map_err(|_| SwapError::Ended)??)
    }
}

/// The streams whose windows begin anew, where that is asked for; where it is not, what they read
/// must be such that it can be made again before the next batch.
fn restarted_windows(
    plan: &JobPlan,
    loaded: &BTreeMap<String, Arc<Plugin>>,
    rules: &SwapRules,
) -> Result<Vec<String>, Refusal> {
    let plugins = names_of(loaded);
    let streams = windows_over(plan, |plugin| plugins.contains(plugin));
    if streams.is_empty() || rules.restart_windows {
        return Ok(streams);
    }
    if rules.shadow_batches > 0 {
        let reason = "a version that runs in the shadow first is swapped in later".to_owned();
        return Err(Refusal::Window { plugins, streams, reason });
    }
    parents_to_make(plan, &plugins).map(|_| Vec::new())
}

fn names_of(loaded: &BTreeMap<String, Arc<Plugin>>) -> BTreeSet<String> {
    loaded.keys().cloned().collect()
}

fn streams_of(plan: &JobPlan, made: &[MadeAgain]) -> Vec<String> {
    let streams = made.iter().map(|made| plan.stages[made.stage.0].stream.clone());
    streams.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Lets batches begin again when it goes, whatever has become of the swap.
struct Hold<'a>(&'a Sender<Event>);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // A job that has ended holds nothing.
        let _sent = self.0.send(Event::Release);
    }
}

/// What the new versions change, if they may import what they do.
fn changes(
    running: &JobPlugins,
    loaded: &BTreeMap<String, Arc<Plugin>>,
    rules: &SwapRules,
) -> Result<Vec<PluginChange>, Refusal> {
    let mut changes = Vec::new();
    for (name, new) in loaded {
        let Some(old) = running.get(name) else { continue };
        let granted = may_import(name, old.imports(), new.imports(), &rules.allow)?;
        changes.push(PluginChange { granted, ..change(name, old, new) });
    }
    Ok(changes)
}

fn change(name: &str, old: &Plugin, new: &Plugin) -> PluginChange {
    let facts =
        |plugin: &'_ Plugin| -> (PluginVersion, usize) { (version_of(plugin), plugin.bytes_len()) };
    let ((from, bytes_before), (to, bytes_after)) = (facts(old), facts(new));
    let before = Facts { description: old.description(), imports: old.imports() };
    let after = Facts { description: new.description(), imports: new.imports() };
    PluginChange {
        plugin: name.to_owned(),
        from,
        to,
        bytes: (bytes_before, bytes_after),
        differences: differences(before, after),
        granted: Vec::new(),
    }
}
