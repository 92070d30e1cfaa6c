//! Control: the versions that hosted jobs run, kept for the next process.
//!
//! Takes components that a start or a swap brings, and what jobs tell of their versions. Gives a
//! job that starts again the versions it ran last. Never keeps a component that no job needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lines::RecentLines;
use crate::driver::plugins::JobPlugins;
use crate::driver::status_board::Listener;
use crate::limits::QUARANTINED_MAX;
use crate::model::status::JobEvent;
use crate::model::version::{PluginVersion, PluginVersions, Quarantined, VersionEvent};
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
    /// Digests of swaps that wait for their batch, by job.
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

    /// Where the component of a digest is kept.
    pub(super) fn path_of(&self, digest: &str) -> PathBuf {
        self.shelf.components.path_of(digest)
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
        let begun = ShelvedVersions {
            job: job.to_owned(),
            submitted_ms,
            plugins: plugins.collect(),
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

    /// Hears what a job tells of its versions, and its lines hear all it tells: a swap is said when
    /// it is kept. What cannot be kept is said too.
    pub(super) fn listener(
        self: &Arc<Self>,
        (job, submitted_ms): (&str, i64),
        lines: &Arc<RecentLines>,
    ) -> Listener {
        let (kept, lines, job) = (Arc::clone(self), Arc::clone(lines), job.to_owned());
        let say = lines.listener();
        Box::new(move |event| {
            if let JobEvent::Versions(event) = event
                && let Err(error) = kept.hear(&job, submitted_ms, event)
            {
                lines.say("error", &format!("a restart would run other versions: {error}"));
            }
            say(event);
        })
    }

    fn hear(&self, job: &str, submitted_ms: i64, event: &VersionEvent) -> Result<(), StoreError> {
        let mut state = self.lock();
        let State { jobs, restored, waiting, .. } = &mut *state;
        // One that was submitted anew has nothing of what the job before it tells last.
        let versions = jobs.get_mut(job).filter(|it| it.submitted_ms == submitted_ms);
        let Some(versions) = versions else { return Ok(()) };
        if let Some(waiting) = waiting.get_mut(job) {
            take_one_each(waiting, settled_by(event));
        }
        if matches!(event, VersionEvent::Switched { .. } | VersionEvent::RolledBack { .. }) {
            restored.remove(job);
        }
        if changed_by(versions, event) {
            self.shelf.put(versions)?;
        }
        self.sweep(&state);
        Ok(())
    }

    /// What a job that was started again ran before its last swap: plugins that had other versions,
    /// with the files of those. None where the job itself knows the way back, or there is none.
    pub(super) fn before_restart(&self, job: &str) -> Option<Vec<(String, PathBuf)>> {
        let state = self.lock();
        let versions = state.jobs.get(job).filter(|_| state.restored.contains(job))?;
        let others = versions.previous.as_ref()?.iter().filter(|(plugin, version)| {
            versions.plugins.get(*plugin).map(|now| &now.digest) != Some(&version.digest)
        });
        let file = |(plugin, version): (&String, &ShelvedVersion)| {
            (plugin.clone(), self.path_of(&version.digest))
        };
        Some(others.map(file).collect())
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

    /// Keeps them for a swap that is about to be asked for, until the job tells what became of it.
    pub(super) fn wait_for(&self, job: &str) {
        let mut state = self.kept.lock();
        state.waiting.entry(job.to_owned()).or_default().extend(self.digests.iter().cloned());
    }

    /// The swap was refused: the job has nothing to tell of it.
    pub(super) fn refused(self, job: &str) {
        if let Some(waiting) = self.kept.lock().waiting.get_mut(job) {
            take_one_each(waiting, self.digests.iter().map(String::as_str));
        }
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

/// The digests of which an event says what became of them.
fn settled_by(event: &VersionEvent) -> Vec<&str> {
    let settled = match event {
        VersionEvent::Switched { plugins, .. }
        | VersionEvent::GivenUp { plugins }
        | VersionEvent::ShadowRefused { plugins, .. } => plugins.values(),
        _ => return Vec::new(),
    };
    settled.map(|version| version.digest.as_str()).collect()
}

/// What a job's versions are after an event. Gives whether they are others than before.
fn changed_by(versions: &mut ShelvedVersions, event: &VersionEvent) -> bool {
    match event {
        VersionEvent::Switched { plugins, back, .. } => {
            let before = replaced(versions, plugins);
            versions.previous = Some(before).filter(|_| !back);
            // One that runs was let in, by force.
            versions.quarantined.retain(|held| {
                versions.plugins.get(&held.plugin).map(|now| &now.digest)
                    != Some(&held.version.digest)
            });
            true
        }
        VersionEvent::RolledBack { time, plugins, quarantined, .. } => {
            replaced(versions, plugins);
            versions.previous = None;
            quarantine(versions, quarantined, Some(time.0));
            true
        }
        VersionEvent::ShadowRefused { quarantined, .. } => {
            quarantine(versions, quarantined, None);
            true
        }
        VersionEvent::Absolved { time } => {
            versions.quarantined.retain(|held| held.time_ms != Some(time.0));
            true
        }
        VersionEvent::GivenUp { .. }
        | VersionEvent::Proven { .. }
        | VersionEvent::ShadowBegun { .. }
        | VersionEvent::Shadowed(_)
        | VersionEvent::ShadowPassed(_) => false,
    }
}

/// Puts the versions of the plugins that steps call in the place of theirs. Gives all as they were.
fn replaced(versions: &mut ShelvedVersions, plugins: &PluginVersions) -> ShelvedPlugins {
    let before = versions.plugins.clone();
    let new = plugins.iter().map(|(plugin, version)| (plugin.clone(), shelved(version)));
    versions.plugins.extend(new);
    before
}

/// Holds each version once, with the last reason; the oldest goes where there is no room.
fn quarantine(versions: &mut ShelvedVersions, bad: &[Quarantined], time_ms: Option<i64>) {
    for Quarantined { plugin, version, reason } in bad {
        let (plugin, version, reason) = (plugin.clone(), shelved(version), reason.clone());
        let all = &mut versions.quarantined;
        all.retain(|held| held.plugin != plugin || held.version.digest != version.digest);
        all.push(ShelvedQuarantine { plugin, version, reason, time_ms });
    }
    let surplus = versions.quarantined.len().saturating_sub(QUARANTINED_MAX);
    versions.quarantined.drain(..surplus);
}

fn shelved(version: &PluginVersion) -> ShelvedVersion {
    ShelvedVersion { digest: version.digest.clone(), version: version.version.clone() }
}

/// What a job that starts again is not to run.
pub(super) fn quarantined(versions: &ShelvedVersions) -> Vec<Quarantined> {
    let held = |held: &ShelvedQuarantine| {
        let ShelvedVersion { digest, version } = held.version.clone();
        let (plugin, reason) = (held.plugin.clone(), held.reason.clone());
        Quarantined { plugin, version: PluginVersion { digest, version }, reason }
    };
    versions.quarantined.iter().map(held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::BatchTime;

    fn version(digest: &str) -> PluginVersion {
        PluginVersion { digest: digest.to_owned(), version: "1".to_owned() }
    }

    fn plugins(digest: &str) -> PluginVersions {
        Arc::new([("a".to_owned(), version(digest))].into())
    }

    fn begun() -> ShelvedVersions {
        // One plugin is called by no step: events do not name it.
        let both = [("a", "1"), ("idle", "9")];
        let both = both.map(|(name, digest)| (name.to_owned(), shelved(&version(digest))));
        let (job, plugins) = ("job".to_owned(), both.into());
        let quarantined = Vec::new();
        ShelvedVersions { job, submitted_ms: 0, plugins, previous: None, quarantined }
    }

    fn switched(digest: &str, back: bool) -> VersionEvent {
        VersionEvent::Switched { time: BatchTime(1), plugins: plugins(digest), back }
    }

    fn digests(plugins: &ShelvedPlugins) -> Vec<&str> {
        plugins.values().map(|version| version.digest.as_str()).collect()
    }

    #[test]
    fn what_ran_last_is_kept_with_what_ran_before() {
        let mut versions = begun();
        assert!(changed_by(&mut versions, &switched("2", false)));
        assert_eq!(digests(&versions.plugins), ["2", "9"]);
        assert_eq!(versions.previous.as_ref().map(digests), Some(vec!["1", "9"]));
        assert!(changed_by(&mut versions, &switched("1", true)));
        assert_eq!((digests(&versions.plugins), &versions.previous), (vec!["1", "9"], &None));
    }

    #[test]
    fn quarantine_is_kept_until_it_is_lifted() {
        let mut versions = begun();
        changed_by(&mut versions, &switched("2", false));
        let reason = "it trapped".to_owned();
        let bad = Quarantined { plugin: "a".to_owned(), version: version("2"), reason };
        let back = |time| VersionEvent::RolledBack {
            time: BatchTime(time),
            plugins: plugins("1"),
            reason: "it trapped".to_owned(),
            quarantined: vec![bad.clone()],
        };
        assert!(changed_by(&mut versions, &back(5)));
        assert_eq!((digests(&versions.plugins), &versions.previous), (vec!["1", "9"], &None));
        assert_eq!(quarantined(&versions), [bad.clone()]);
        changed_by(&mut versions, &VersionEvent::Absolved { time: BatchTime(4) });
        assert_eq!(quarantined(&versions), [bad.clone()], "another batch's");
        changed_by(&mut versions, &VersionEvent::Absolved { time: BatchTime(5) });
        assert_eq!(quarantined(&versions), []);
        changed_by(&mut versions, &back(6));
        changed_by(&mut versions, &switched("2", false));
        assert_eq!(quarantined(&versions), [], "it was forced in");
    }

    #[test]
    fn what_fails_in_the_shadow_is_quarantined_once_and_runs_on_no_batch() {
        let mut versions = begun();
        let bad = |reason: &str| {
            let (plugin, reason) = ("a".to_owned(), reason.to_owned());
            Quarantined { plugin, version: version("2"), reason }
        };
        for reason in ["it trapped", "it looped"] {
            let (plugins, quarantined) = (plugins("2"), vec![bad(reason)]);
            let reason = reason.to_owned();
            let refused = VersionEvent::ShadowRefused { plugins, reason, quarantined };
            assert!(changed_by(&mut versions, &refused));
        }
        changed_by(&mut versions, &VersionEvent::Absolved { time: BatchTime(1) });
        assert_eq!(quarantined(&versions), [bad("it looped")]);
        assert_eq!((digests(&versions.plugins), &versions.previous), (vec!["1", "9"], &None));
    }

    #[test]
    fn what_changes_nothing_is_not_written() {
        let mut versions = begun();
        let given_up = VersionEvent::GivenUp { plugins: plugins("2") };
        assert!(!changed_by(&mut versions, &given_up));
        assert!(!changed_by(&mut versions, &VersionEvent::Proven { time: BatchTime(1) }));
        assert_eq!(versions, begun());
    }
}
