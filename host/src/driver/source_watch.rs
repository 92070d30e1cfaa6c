//! Driver: builds plugins of a running job again when their sources change, and swaps them in.
//!
//! Takes folders. Gives lines for people, and swaps. Folders are looked at, some times a second,
//! and files compared by size and time: that works on every file system and with every way in which
//! editors save, and a notice that the system has lost is no change that is missed. What does not
//! build, or is refused, leaves the job as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::engine::Engine;
use super::error::DriverError;
use super::plugins::build;
use super::swap::{NewCode, SwapControl, SwapError};
use crate::error::{Classify, Retry};
use crate::limits::{WATCH_DEPTH_MAX, WATCH_EVERY, WATCH_FILES_MAX};
use crate::model::pipeline::{Pipeline, PluginCode};
use crate::model::version::SwapRules;
use crate::sys::clock::{Clock, Wake};
use crate::sys::storage::Storage;
use crate::version::admission::Refusal;

/// A folder of what cargo makes.
const TARGET: &str = "target";

/// What somebody who watches is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchTold {
    /// What is being done.
    Line(String),
    /// What was not done, and why.
    Warning(String),
    /// What a compiler has said.
    Diagnostics(String),
}

/// Hears what is done.
pub type WatchReport = Box<dyn Fn(WatchTold) + Send>;

/// The files of a folder, with their bytes and times.
type Snapshot = BTreeMap<PathBuf, (u64, i64)>;

/// A plugin that is given as source.
#[derive(Debug)]
struct Watched {
    plugin: String,
    folder: PathBuf,
    /// What the last build was of; none: it is to be built again.
    built: Option<Snapshot>,
    /// What was there when it was looked at last: a folder that still changes is not built.
    seen: Snapshot,
}

/// Plugins whose sources are to be watched. Made before they are built first, so that no change
/// from then on is missed.
#[derive(Debug)]
pub struct WatchedSources {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    plugins: Vec<Watched>,
    ending: Arc<Ending>,
}

/// What a watch and whoever ends it know of each other.
#[derive(Debug, Default)]
struct Ending {
    stop: AtomicBool,
    /// A build is not waited for: it may take minutes, or be ended with its process.
    building: AtomicBool,
}

/// Watches until it is dropped.
#[derive(Debug)]
pub struct SourceWatch {
    ending: Arc<Ending>,
    wake: Wake,
    thread: Option<JoinHandle<()>>,
}

impl WatchedSources {
    /// The plugins of the job that are given as source; none if there are none.
    pub fn of(engine: &Engine, pipeline: &Pipeline) -> Option<Self> {
        let storage = Arc::clone(&engine.config.storage);
        let plugins = pipeline.plugins.iter().filter_map(|plugin| match &plugin.code {
            PluginCode::Component(_) => None,
            PluginCode::Source(folder) => {
                let seen = snapshot(&*storage, folder);
                let (plugin, folder) = (plugin.name.clone(), folder.clone());
                Some(Watched { plugin, folder, built: Some(seen.clone()), seen })
            }
        });
        let plugins: Vec<Watched> = plugins.collect();
        let clock = Arc::clone(&engine.config.clock);
        let ending = Arc::default();
        (!plugins.is_empty()).then_some(Self { storage, clock, plugins, ending })
    }

    /// The plugins' names.
    pub fn names(&self) -> Vec<&str> {
        self.plugins.iter().map(|watched| watched.plugin.as_str()).collect()
    }

    /// Watches on a thread of its own, for the job that these swaps are of.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut self,
        swaps: SwapControl,
        report: WatchReport,
    ) -> Result<SourceWatch, DriverError> {
        let (ending, wake) = (Arc::clone(&self.ending), Wake::default());
        let woken = wake.clone();
        let watch = move || {
            loop {
                let until = self.clock.monotonic_us() + WATCH_EVERY.as_micros() as u64;
                self.clock.wait_until_us(until, &woken);
                if self.ending.stop.load(Ordering::SeqCst) {
                    return;
                }
                let changed = self.changed();
                if !changed.is_empty() && self.swap_in(&changed, &swaps, &*report).is_none() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("source-watch".to_owned()).spawn(watch);
        let what = "the watch over sources";
        let thread = thread.map_err(|source| DriverError::System { what, source })?;
        Ok(SourceWatch { ending, wake, thread: Some(thread) })
    }

    /// The plugins whose files are others than those they were built of, and stand still.
    fn changed(&mut self) -> Vec<usize> {
        let mut changed = Vec::new();
        for (index, watched) in self.plugins.iter_mut().enumerate() {
            let now = snapshot(&*self.storage, &watched.folder);
            let stands = now == watched.seen;
            watched.seen = now;
            if stands && watched.built.as_ref() != Some(&watched.seen) {
                changed.push(index);
            }
        }
        changed
    }

    /// Builds what has changed and swaps all of it in at once. None when the job has ended.
    fn swap_in(
        &mut self,
        changed: &[usize],
        swaps: &SwapControl,
        report: &dyn Fn(WatchTold),
    ) -> Option<()> {
        let mut built = Vec::new();
        for index in changed {
            let watched = &mut self.plugins[*index];
            // Taken before the build: a change meanwhile is built once more afterwards.
            watched.built = Some(watched.seen.clone());
            let said = |line: &str| report(WatchTold::Line(line.to_owned()));
            // Before it is asked whether to stop: who stops it then knows of the build.
            self.ending.building.store(true, Ordering::SeqCst);
            if self.ending.stop.load(Ordering::SeqCst) {
                return None;
            }
            let component = build(&watched.plugin, &watched.folder, &said);
            self.ending.building.store(false, Ordering::SeqCst);
            match component {
                Ok(component) => built.push((watched.plugin.clone(), component)),
                Err(error) => {
                    if let DriverError::Build { source, .. } = &error {
                        let said = source.diagnostics().unwrap_or_default();
                        report(WatchTold::Diagnostics(said.to_owned()));
                    }
                    report(WatchTold::Warning(format!("{error}; the job goes on as it is")));
                    // Several that were saved together switch together, or not at all.
                    return Some(());
                }
            }
        }
        self.swap(built, swaps, report)
    }

    fn swap(
        &mut self,
        mut built: Vec<(String, PathBuf)>,
        swaps: &SwapControl,
        report: &dyn Fn(WatchTold),
    ) -> Option<()> {
        loop {
            let code =
                |(name, path): &(String, PathBuf)| (name.clone(), NewCode::Component(path.clone()));
            let plugins: Vec<_> = built.iter().map(code).collect();
            match swaps.swap(&plugins, SwapRules::default()) {
                Ok(swapped) => {
                    for change in swapped.plugins {
                        let lines = change.differences.iter().map(|line| format!("\n  {line}"));
                        let (name, to) = (&change.plugin, &change.to);
                        let told = format!(
                            "plugin `{name}` is swapped to {to}{}",
                            lines.collect::<String>()
                        );
                        report(WatchTold::Line(told));
                    }
                    return Some(());
                }
                // Saved, but not changed: the others may be.
                Err(SwapError::Refused(Refusal::Same { plugin, .. })) => {
                    built.retain(|(name, _)| *name != plugin);
                    if built.is_empty() {
                        return Some(());
                    }
                }
                Err(SwapError::Ended) => return None,
                Err(error) if error.retry() == Retry::Backoff => {
                    let names: Vec<&String> = built.iter().map(|(name, _)| name).collect();
                    let again = |watched: &&mut Watched| names.contains(&&watched.plugin);
                    self.plugins.iter_mut().filter(again).for_each(|watched| watched.built = None);
                    return Some(());
                }
                Err(error) => {
                    report(WatchTold::Warning(format!("the swap is refused: {error}")));
                    return Some(());
                }
            }
        }
    }
}

impl Drop for SourceWatch {
    fn drop(&mut self) {
        self.ending.stop.store(true, Ordering::SeqCst);
        self.wake.ring();
        let is_building = self.ending.building.load(Ordering::SeqCst);
        if let Some(thread) = self.thread.take().filter(|_| !is_building) {
            let _ended = thread.join();
        }
    }
}

/// The files of a folder and those below it, but for what cargo makes and what is hidden.
fn snapshot(storage: &dyn Storage, folder: &Path) -> Snapshot {
    let (mut files, mut folders) = (Snapshot::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        // A folder that is gone has no files: its plugin does not build, which is told.
        let Ok(listing) = storage.list(&folder) else { continue };
        for file in listing.files.into_iter().filter(|file| !is_hidden(&file.path)) {
            if files.len() < WATCH_FILES_MAX {
                files.insert(file.path, (file.bytes, file.modified_ms));
            }
        }
        let below = listing.folders.into_iter().filter(|below| {
            depth < WATCH_DEPTH_MAX && !is_hidden(below) && !below.ends_with(TARGET)
        });
        folders.extend(below.map(|below| (below, depth + 1)));
    }
    files
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::ManualClock;
    use crate::sys::storage_memory::MemoryStorage;

    fn watched(storage: &MemoryStorage) -> WatchedSources {
        let folder = PathBuf::from("/p");
        let seen = snapshot(storage, &folder);
        let plugin = "p".to_owned();
        WatchedSources {
            storage: Arc::new(storage.clone()),
            clock: Arc::new(ManualClock::at_ms(0)),
            plugins: vec![Watched { plugin, folder, built: Some(seen.clone()), seen }],
            ending: Arc::default(),
        }
    }

    #[test]
    fn a_change_is_built_when_the_folder_stands_still() {
        let storage = MemoryStorage::new();
        storage.put("/p/src/lib.rs", b"one");
        let mut sources = watched(&storage);
        assert_eq!(sources.changed(), [0_usize; 0]);
        storage.put("/p/src/lib.rs", b"three");
        assert_eq!(sources.changed(), [0_usize; 0], "it may still be written");
        assert_eq!(sources.changed(), [0]);
        sources.plugins[0].built = Some(sources.plugins[0].seen.clone());
        assert_eq!(sources.changed(), [0_usize; 0]);
    }

    /// A change while cargo reads the files is in the component or is not: it is built once more.
    #[test]
    fn a_change_during_a_build_is_built_once_more() {
        let storage = MemoryStorage::new();
        storage.put("/p/src/lib.rs", b"one");
        let mut sources = watched(&storage);
        storage.put("/p/src/lib.rs", b"three");
        sources.changed();
        assert_eq!(sources.changed(), [0]);
        sources.plugins[0].built = Some(sources.plugins[0].seen.clone());
        storage.put("/p/src/lib.rs", b"seventeen");
        sources.changed();
        assert_eq!(sources.changed(), [0]);
    }

    #[test]
    fn what_cargo_makes_and_what_is_hidden_is_no_source() {
        let storage = MemoryStorage::new();
        storage.put("/p/Cargo.toml", b"x");
        let before = snapshot(&storage, Path::new("/p"));
        storage.put("/p/target/out", b"x");
        storage.put("/p/.git/index", b"x");
        storage.put("/p/src/.lib.rs.swp", b"x");
        assert_eq!(snapshot(&storage, Path::new("/p")), before);
        storage.put("/p/src/deep/mod.rs", b"x");
        assert_ne!(snapshot(&storage, Path::new("/p")), before);
    }
}
