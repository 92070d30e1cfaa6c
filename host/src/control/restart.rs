//! Control: what a job needs to run, after a restart, the versions that it ran last.
//!
//! Takes a job that starts, and swaps and rollbacks of one that runs. Gives components that are
//! kept in the data folder. Never starts a job with other versions than it ran last.

use std::sync::Arc;

use serde_json::Value;

use super::ControlError;
use super::hosted::Hosted;
use super::kept_versions::{Held, KeptVersions, quarantined, unshelved};
use super::swaps;
use super::version_follower::keep;
use super::views::SwapBody;
use crate::driver::error::DriverError;
use crate::driver::handle::JobHandle;
use crate::driver::plugins::{JobPlugins, component_of};
use crate::driver::swap::NewCode;
use crate::model::pipeline::{PluginCode, PluginDeclaration};
use crate::model::version::{CodeStatus, PluginVersions};
use crate::store::StoreError;
use crate::store::version_shelf::{ShelvedVersion, ShelvedVersions};

/// What helps where a job cannot go back for want of a component.
const SWAP_INSTEAD: &str = "swap in the version that is to run";

/// The start of a hosted job: its first, or one after a restart of the process.
pub(super) struct Restart<'a> {
    versions: &'a KeptVersions,
    held: Held,
    job: &'a str,
    submitted_ms: i64,
    /// What it ran last, if it ran.
    before: Option<ShelvedVersions>,
}

impl<'a> Restart<'a> {
    pub(super) fn of(versions: &'a Arc<KeptVersions>, job: &'a str, submitted_ms: i64) -> Self {
        let before = versions.of(job, submitted_ms);
        Self { held: versions.holding(), versions, job, submitted_ms, before }
    }

    /// Has each plugin come from the component that the job ran last, or else from a copy of the
    /// one that its file names, which is built if it is given as source.
    ///
    /// # Errors
    /// When one cannot be built or copied, or what was kept is not there any more.
    pub(super) fn find(
        &mut self,
        declared: &mut [PluginDeclaration],
        report: &dyn Fn(&str),
        located: &dyn Fn(DriverError) -> ControlError,
    ) -> Result<(), ControlError> {
        for plugin in declared {
            let before = self.before.as_ref().and_then(|before| before.plugins.get(&plugin.name));
            if let Some(line) = self.before.as_ref().and_then(|it| not_as_submitted(it, plugin)) {
                report(&line);
            }
            let component = match before {
                Some(version) => {
                    let path = self.versions.unaltered(&plugin.name, &version.digest);
                    path.map_err(anew)?
                }
                None => component_of(plugin, report).map_err(located)?,
            };
            // What is kept already is not written again.
            let kept = self.held.take_in(&component)?;
            plugin.code = PluginCode::Component(kept.unwrap_or(component));
        }
        Ok(())
    }

    /// Whether these are the versions that the job ran last.
    ///
    /// # Errors
    /// When a component was altered since it was found.
    pub(super) fn check(&self, plugins: &JobPlugins) -> Result<(), ControlError> {
        let Some(before) = &self.before else { return Ok(()) };
        for (name, digest, _) in plugins.loaded() {
            if let Some(expected) = before.plugins.get(name).filter(|it| it.digest != digest) {
                let path = self.versions.path_of(&expected.digest);
                let (plugin, expected) = (name.to_owned(), expected.digest.clone());
                let found = format!("holds one of digest {digest}");
                return Err(anew(StoreError::Component { path, plugin, expected, found }));
            }
        }
        Ok(())
    }

    /// The job runs: what it had gone back from is not to run again, and what it runs is kept.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn done(self, plugins: &JobPlugins, handle: &JobHandle) -> Result<(), ControlError> {
        match &self.before {
            Some(before) => handle.swaps().quarantine(quarantined(before)),
            None => self.versions.begin(self.job, self.submitted_ms, plugins)?,
        }
        Ok(())
    }
}

/// A job cannot start for want of a component.
fn anew(gone: StoreError) -> ControlError {
    let instead = "submit the job anew, which runs the component that its job file names";
    ControlError::Component { gone, instead }
}

/// The versions that a rollback brings a job back to; they are on disk alone where the job was
/// started again since its last swap.
pub(super) fn previous(
    kept: Option<&Arc<KeptVersions>>,
    job: &str,
    code: &CodeStatus,
) -> Option<PluginVersions> {
    if code.changes() > 0 {
        return code.previous.clone();
    }
    let before = kept?.before_restart(job)?;
    let mut all = (*code.plugins).clone();
    all.extend(before.iter().map(|(plugin, version)| (plugin.clone(), unshelved(version))));
    Some(Arc::new(all))
}

/// What is told where a job goes on with another version than it was submitted with.
fn not_as_submitted(before: &ShelvedVersions, plugin: &PluginDeclaration) -> Option<String> {
    let [now, first] = [&before.plugins, &before.submitted].map(|it| it.get(&plugin.name));
    let (now, first) = now.zip(first).filter(|(now, first)| now.digest != first.digest)?;
    let [now, first] = [now, first].map(unshelved);
    Some(format!(
        "plugin `{}` goes on with version {now}, as before the restart: it was swapped in, the job \
         was submitted with {first}",
        plugin.name
    ))
}

/// Swaps plugins of a job; the components are kept, where the job is kept.
///
/// # Errors
/// Says what is in the way. Nothing of them is left then.
pub(super) fn swap(
    kept: Option<&Arc<KeptVersions>>,
    hosted: &Hosted,
    mut asked: SwapBody,
) -> Result<Value, ControlError> {
    let mut held = kept.map(KeptVersions::holding);
    if let Some(held) = &mut held {
        for path in asked.plugins.values_mut().filter(|path| path.is_absolute()) {
            if let Some(copy) = held.take_in(path)? {
                *path = copy;
            }
        }
    }
    let report = swaps::swap(hosted.swaps(), asked);
    // While they are held: from here on they are kept as the job says that it needs them.
    keep_up(kept, hosted);
    drop(held);
    report
}

/// Keeps how the versions of a job stand, where they are kept.
pub(super) fn keep_up(kept: Option<&Arc<KeptVersions>>, hosted: &Hosted) {
    if let Some(kept) = kept {
        let job = (hosted.name(), hosted.submitted_ms());
        keep(kept, job, hosted.board(), hosted.lines());
    }
}

/// Has a job go back to the versions before its last swap. One that was started again since then
/// has nothing of them in memory: it is swapped to them, and its steps and windows begin anew, as
/// everything did at its start.
///
/// # Errors
/// Says what is in the way.
pub(super) fn roll_back(
    kept: Option<&Arc<KeptVersions>>,
    hosted: &Hosted,
) -> Result<(), ControlError> {
    let refused = match hosted.swaps().roll_back() {
        Err(error) if error.is_without_earlier() => error,
        other => return other.map_err(ControlError::Swap),
    };
    // Since its last event it may have been swapped and brought back: then there is no way.
    keep_up(kept, hosted);
    let before = kept.and_then(|kept| Some((kept, kept.before_restart(hosted.name())?)));
    let Some((kept, before)) = before else {
        return Err(ControlError::Swap(refused));
    };
    let code = |(plugin, version): (String, ShelvedVersion)| -> Result<_, ControlError> {
        let path = kept.unaltered(&plugin, &version.digest);
        let gone = |gone| ControlError::Component { gone, instead: SWAP_INSTEAD };
        Ok((plugin, NewCode::Component(path.map_err(gone)?)))
    };
    let plugins = before.into_iter().map(code).collect::<Result<Vec<_>, _>>()?;
    let report = hosted.swaps().swap_back(&plugins).map_err(ControlError::Swap)?;
    if !report.restarted_windows.is_empty() {
        let streams = report.restarted_windows.join("`, `");
        let line = format!("after the rollback windows of `{streams}` begin anew");
        hosted.lines().say("warn", &line);
    }
    Ok(())
}
