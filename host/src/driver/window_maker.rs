//! Driver: what windows read of earlier batches is made again when other versions come to run.
//!
//! Takes a version, and which of its plugins are others. Gives the datasets that its windows lack.
//! Who swaps waits for them; for a job that has gone back they are made on a thread, and its first
//! batch waits for them.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::event::Event;
use super::history::MadeAgain;
use super::job_version::SharedVersion;
use super::replay::{GateError, Replayer, WindowsMade};
use super::versions::{GoneBack, Replaced, changed};
use crate::error::panic_message;
use crate::model::partition_store::PartitionStore;
use crate::model::stage::JobPlan;
use crate::model::time::BatchTime;
use crate::version::admission::Refusal;
use crate::version::uses::windows_over;
use crate::version::window_parents::WindowParents;

/// Makes what windows of one job read.
pub(super) struct WindowMaker {
    pub(super) replayer: Arc<Replayer>,
    pub(super) store: Arc<dyn PartitionStore>,
}

/// What is to be made.
pub(super) struct ToMake {
    version: SharedVersion,
    /// Its plugins that are others than those that have run.
    plugins: BTreeSet<String>,
    /// The job still has what the version has made of batches before this one.
    made_before: Option<BatchTime>,
    /// A batch waits for it.
    is_awaited: bool,
}

impl ToMake {
    /// For a version that has run no batch.
    pub fn for_swap(version: &SharedVersion, plugins: BTreeSet<String>) -> Self {
        Self { version: Arc::clone(version), plugins, made_before: None, is_awaited: false }
    }

    /// For a version that has run until others came.
    pub fn to_go_back(to: &Replaced, from: &SharedVersion) -> Self {
        Self {
            version: Arc::clone(&to.version),
            plugins: others(to, from),
            made_before: Some(to.at),
            is_awaited: false,
        }
    }
}

fn others(to: &Replaced, from: &SharedVersion) -> BTreeSet<String> {
    changed(&to.version, from).map(|(plugin, _)| plugin.clone()).collect()
}

/// Whether windows read what was made with plugins that are others now.
pub(super) fn reads_what_changed(GoneBack { to, from }: &GoneBack) -> bool {
    let plugins = others(to, from);
    !windows_over(&to.version.plan, |plugin| plugins.contains(plugin)).is_empty()
}

/// What windows read of the plugins that are others, if it can be made again of batches' inputs.
pub(super) fn parents_to_make(
    plan: &JobPlan,
    plugins: &BTreeSet<String>,
) -> Result<WindowParents, Refusal> {
    let is_other = |plugin: &str| plugins.contains(plugin);
    WindowParents::of(plan, is_other).map_err(|reason| {
        let streams = windows_over(plan, is_other);
        Refusal::Window { plugins: plugins.clone(), streams, reason }
    })
}

impl WindowMaker {
    /// Begins, if windows read anything of these plugins. Nothing is made yet.
    ///
    /// # Errors
    /// When something else than inputs of batches goes into it.
    pub fn begin(&self, to_make: ToMake) -> Result<Option<WindowsMade<'_>>, GateError> {
        let ToMake { version, plugins, made_before, is_awaited } = to_make;
        let parents = parents_to_make(&version.plan, &plugins).map_err(GateError::Refused)?;
        if parents.reach.is_empty() {
            return Ok(None);
        }
        let unheard = self.replayer.unheard_as(&version).map_err(GateError::Unfit)?;
        let store = Arc::clone(&self.store);
        Ok(Some(self.replayer.windows(parents, unheard, store, (made_before, is_awaited))))
    }

    /// Has it made on a thread for a job that has gone back, whose loop hears of it in any case.
    pub fn start(self: &Arc<Self>, gone_back: GoneBack, events: &Sender<Event>) {
        let (maker, told) = (Arc::clone(self), events.clone());
        // A job that has ended hears nothing, and need not.
        let tell = |events: &Sender<Event>, made| drop(events.send(Event::WindowsMade(made)));
        let make = move || {
            let made = catch_unwind(AssertUnwindSafe(|| maker.all(&gone_back)));
            tell(&told, made.unwrap_or_else(|panic| Err(panic_message(&*panic))));
        };
        if let Err(error) = std::thread::Builder::new().name("windows".to_owned()).spawn(make) {
            tell(events, Err(format!("the system gives no thread: {error}")));
        }
    }

    fn all(&self, GoneBack { to, from }: &GoneBack) -> Result<Vec<MadeAgain>, String> {
        let to_make = ToMake { is_awaited: true, ..ToMake::to_go_back(to, from) };
        let begun = self.begin(to_make).map_err(|error| match error {
            GateError::Refused(refusal) => refusal.of_windows(),
            GateError::Unfit(error) => error.to_string(),
        });
        let Some(mut made) = begun? else { return Ok(Vec::new()) };
        made.go_on().map_err(|refusal| refusal.of_windows())?;
        Ok(made.taken())
    }
}
