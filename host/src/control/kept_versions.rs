//! Control: the versions that hosted jobs run, kept for the next process.
//!
//! Takes components that a start or a swap brings, and how the versions of jobs stand. Gives a job
//! that starts again the versions it ran last. Never keeps a component that no job needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::driver::plugins::JobPlugins;
use crate::driver::status_board::StatusBoard;
use crate::model::version::{CodeStatus, PluginVersion, PluginVersions, Quarantined};
use crate::store::StoreError;
use crate::store::component_folder::ComponentFolder;
use crate::store::version_shelf::{
    ShelvedPlugins, ShelvedQuarantine, ShelvedVersion, ShelvedVersions, VersionShelf,
};

/// The versions of all hosted jobs.
#[derive(Debug)]
pub struct KeptVersions {
    shelf: VersionShelf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<String, ShelvedVersions>,
    /// Jobs that were started again and have not been swapped since.
    restored: BTreeSet<String>,
    /// Digests that starts and swaps need that are under way, as often as they are needed.
    held: Vec<String>,
    /// Digests of swaps that wait for their batch, or run in the shadow, by job.
    waiting: BTreeMap<String, Vec<String>>,
}

impl KeptVersions {
    /// Those on the shelf.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(shelf: VersionShelf) -> Result<Arc<Self>, StoreError> {
        let jobs = shelf.all()?.into_iter().map(|job| (job.job.clone(), job)).collect();
        Ok(Arc::new(Self { shelf, state: Mutex::new(State { jobs, ..State::default() }) }))
    }

    /// Forgets jobs that are not to be started again.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn forget_others(&self, wanted: &BTreeSet<String>) -> Result<(), StoreError> {
        let mut state = self.lock();
        let gone: Vec<String> =
            state.jobs.keys().filter(|job| !wanted.contains(*job)).cloned().collect();
        for job in gone {
            self.shelf.remove(&job)?;
            state.jobs.remove(&job);
        }
        self.sweep(&state);
        Ok(())
    }

    /// What a job ran last that was submitted then, if it is known.
    pub(super) fn of(&self, job: &str, submitted_ms: i64) -> Option<ShelvedVersions> {
        let mut state = self.lock();
        let found = state.jobs.get(job).filter(|it| it.submitted_ms == submitted_ms).cloned()?;
        state.restored.insert(job.to_owned());
        Some(found)
    }

    /// Where the component of a digest is kept, whatever is there now.
    pub(super) fn path_of(&self, digest: &str) -> PathBuf {
        self.shelf.components.path_of(digest)
    }

    /// Where the component of a digest is kept.
    ///
    /// # Errors
    /// When it is gone, or another.
    pub(super) fn unaltered(&self, plugin: &str, digest: &str) -> Result<PathBuf, StoreError> {
        self.shelf.components.unaltered(plugin, digest)
    }

    /// Keeps components for as long as somebody holds them.
    pub(super) fn holding(self: &Arc<Self>) -> Held {
        Held { kept: Arc::clone(self), digests: Vec::new() }
    }

    /// Notes what a job that begins runs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn begin(
        &self,
        job: &str,
        submitted_ms: i64,
        plugins: &JobPlugins,
    ) -> Result<(), StoreError> {
        let plugins = plugins.loaded().map(|(name, digest, version)| {
            let (digest, version) = (digest.to_owned(), version.to_owned());
            (name.to_owned(), ShelvedVersion { digest, version })
        });
        let plugins: ShelvedPlugins = plugins.collect();
        let begun = ShelvedVersions {
            job: job.to_owned(),
            submitted_ms,
            submitted: plugins.clone(),
            plugins,
            previous: None,
            quarantined: Vec::new(),
        };
        let mut state = self.lock();
        self.shelf.put(&begun)?;
        state.restored.remove(job);
        state.waiting.remove(job);
        state.jobs.insert(job.to_owned(), begun);
        self.sweep(&state);
        Ok(())
    }

    /// Forgets a job that is not to be started again, if it is the one that was submitted then.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn forget(&self, job: &str, submitted_ms: i64) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.jobs.get(job).is_some_and(|it| it.submitted_ms == submitted_ms) {
            self.shelf.remove(job)?;
            state.jobs.remove(job);
            state.waiting.remove(job);
            self.sweep(&state);
        }
        Ok(())
    }

    /// Keeps the versions of a job as they stand now by its board.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn keep(
        &self,
        (job, submitted_ms): (&str, i64),
        board: &StatusBoard,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        // Behind the lock: what was read earlier is not to come later.
        let code = board.code();
        let State { jobs, restored, waiting, .. } = &mut *state;
        // One that was submitted anew has nothing of what the job before it ran last.
        let versions = jobs.get_mut(job).filter(|it| it.submitted_ms == submitted_ms);
        let Some(versions) = versions else { return Ok(()) };
        if code.changes() > 0 {
            restored.remove(job);
        }
        let now = standing(versions, &code, restored.contains(job));
        let waits = waiting_digests(&code);
        let is_waiting = waiting.get(job).map_or(&[][..], Vec::as_slice);
        let (changes, settles) = (now != *versions, waits != is_waiting);
        if settles {
            waiting.insert(job.to_owned(), waits);
        }
        if changes {
            *versions = now;
            self.shelf.put(versions)?;
        }
        // At most events, such as the end of each batch, nothing is left over.
        if changes || settles {
            self.sweep(&state);
        }
        Ok(())
    }

    /// What a job that was started again ran before its last swap: the plugins that had other
    /// versions. None where the job itself knows the way back, or there is none.
    pub(super) fn before_restart(&self, job: &str) -> Option<ShelvedPlugins> {
        let state = self.lock();
        let versions = state.jobs.get(job).filter(|_| state.restored.contains(job))?;
        let others = versions.previous.as_ref()?.iter().filter(|(plugin, version)| {
            versions.plugins.get(*plugin).map(|now| &now.digest) != Some(&version.digest)
        });
        let others: ShelvedPlugins =
            others.map(|(plugin, version)| (plugin.clone(), version.clone())).collect();
        (!others.is_empty()).then_some(others)
    }

    /// Removes components that nobody needs.
    fn sweep(&self, state: &State) {
        let State { jobs, held, waiting, .. } = state;
        let all = |versions: &'_ ShelvedVersions| -> Vec<String> {
            let previous = versions.previous.iter().flat_map(BTreeMap::values);
            versions.plugins.values().chain(previous).map(|it| it.digest.clone()).collect()
        };
        let of_jobs: Vec<String> = jobs.values().flat_map(all).collect();
        let needed = of_jobs.iter().chain(held).chain(waiting.values().flatten());
        self.shelf.components.keep_only(&needed.map(String::as_str).collect());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Components that are kept until this is dropped, or longer.
#[derive(Debug)]
pub(super) struct Held {
    kept: Arc<KeptVersions>,
    digests: Vec<String>,
}

impl Held {
    /// Takes in a component. Gives where it is kept; none where it cannot be read, which whoever
    /// loads the file tells.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn take_in(&mut self, file: &Path) -> Result<Option<PathBuf>, StoreError> {
        let Some((digest, bytes)) = ComponentFolder::read(file) else { return Ok(None) };
        // Before it is written: nobody is to sweep it away.
        self.kept.lock().held.push(digest.clone());
        self.digests.push(digest.clone());
        self.kept.shelf.components.keep(&digest, &bytes)?;
        Ok(Some(self.kept.path_of(&digest)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.kept.lock();
        take_one_each(&mut state.held, self.digests.iter().map(String::as_str));
        self.kept.sweep(&state);
    }
}

/// Takes each digest out once, where it is in: another swap may wait with the same.
fn take_one_each<'a>(from: &mut Vec<String>, digests: impl IntoIterator<Item = &'a str>) {
    for digest in digests {
        if let Some(at) = from.iter().position(|held| held == digest) {
            from.swap_remove(at);
        }
    }
}

/// The digests that a job is going to run, if nothing comes between.
fn waiting_digests(code: &CodeStatus) -> Vec<String> {
    let shadow = code.shadow.as_ref().map(|shadow| &shadow.plugins);
    let plugins = code.waiting.iter().chain(shadow).flat_map(|plugins| plugins.values());
    plugins.map(|version| version.digest.clone()).collect()
}

/// What is kept of a job whose versions stand so. A job that was started again and runs the
/// versions that it ran last knows no way back: the one that is kept stays.
fn standing(kept: &ShelvedVersions, code: &CodeStatus, is_restored: bool) -> ShelvedVersions {
    // Steps do not call all plugins: what is not told of stays.
    let all = |told: &PluginVersions| {
        let mut all = kept.plugins.clone();
        all.extend(told.iter().map(|(plugin, version)| (plugin.clone(), shelved(version))));
        all
    };
    let previous = match is_restored {
        true => kept.previous.clone(),
        false => code.previous.as_ref().map(all),
    };
    ShelvedVersions {
        job: kept.job.clone(),
        submitted_ms: kept.submitted_ms,
        submitted: kept.submitted.clone(),
        plugins: all(&code.plugins),
        previous,
        quarantined: quarantine(kept, code),
    }
}

/// What is quarantined. A version that was forced is let in when it runs, not while it waits: what
/// waits is gone with the process.
fn quarantine(kept: &ShelvedVersions, code: &CodeStatus) -> Vec<ShelvedQuarantine> {
    let waiting = waiting_digests(code);
    let held = |plugin: &str, digest: &str| {
        let mut all = code.quarantined.iter();
        all.any(|held| held.plugin == plugin && held.version.digest == digest)
    };
    let waits = kept.quarantined.iter().filter(|it| waiting.contains(&it.version.digest));
    let waits = waits.filter(|it| !held(&it.plugin, &it.version.digest)).cloned();
    let now = code.quarantined.iter().map(|Quarantined { plugin, version, reason }| {
        let (plugin, reason) = (plugin.clone(), reason.clone());
        ShelvedQuarantine { plugin, version: shelved(version), reason }
    });
    waits.chain(now).collect()
}

fn shelved(version: &PluginVersion) -> ShelvedVersion {
    ShelvedVersion { digest: version.digest.clone(), version: version.version.clone() }
}

/// A version that was kept.
pub(super) fn unshelved(version: &ShelvedVersion) -> PluginVersion {
    PluginVersion { digest: version.digest.clone(), version: version.version.clone() }
}

/// What a job that starts again is not to run.
pub(super) fn quarantined(versions: &ShelvedVersions) -> Vec<Quarantined> {
    let held = |held: &ShelvedQuarantine| {
        let (plugin, reason) = (held.plugin.clone(), held.reason.clone());
        Quarantined { plugin, version: unshelved(&held.version), reason }
    };
    versions.quarantined.iter().map(held).collect()
}

#[cfg(test)]
mod tests;
