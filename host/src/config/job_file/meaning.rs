//! Config: what the written tables mean together.
//!
//! Takes the tables that could be read. Gives a pipeline and the place of each of its items, or
//! what contradicts itself. Never resolves a name: that is the pipeline's own check.

mod backpressure;
mod broadcast;
mod format;
mod job;
mod plugin;
mod sink;
mod source;
mod step;
mod verb;

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Places;
use super::error::Complaint;
use super::quantity::{HumanBytes, HumanDuration};
use super::reading::ReadJob;
use super::value::{At, ShortOr, Whole};
use super::written::StepText;
use crate::limits::NAME_BYTES_MAX;
use crate::model::finding::{Item, Part};
use crate::model::pipeline::{Pipeline, StreamDeclaration};
use crate::model::storage_level::{StorageLevel, StorageLevelError};

/// The job that the tables declare, as far as they could be read, and what they do not.
pub(super) fn of(
    read: &ReadJob,
    folder: &Path,
    complaints: &mut Vec<Complaint>,
) -> (Pipeline, Places, Vec<Item>) {
    let job_name = read.job.as_ref().map_or("job", |job| job.name.value.as_str());
    let (places, lost) = (Places::default(), read.lost.clone());
    let mut meaning = Meaning { folder, job_name, complaints, places, lost };
    let pipeline = meaning.pipeline(read);
    (pipeline, meaning.places, meaning.lost)
}

/// What meaning is made with, and what it leaves behind.
struct Meaning<'a> {
    folder: &'a Path,
    job_name: &'a str,
    complaints: &'a mut Vec<Complaint>,
    places: Places,
    /// What could not be read, or means nothing.
    lost: Vec<Item>,
}

impl Meaning<'_> {
    fn pipeline(&mut self, read: &ReadJob) -> Pipeline {
        let settings = read.job.as_ref().map(|job| self.settings(job, read.backpressure.as_ref()));
        let mut plugins = Vec::new();
        for (name, table) in &read.plugins {
            let item = Item::Plugin(name.value.clone());
            self.declared(name, item.clone());
            let plugin = self.plugin(name, table);
            plugins.extend(self.or_lost(plugin, item));
        }
        let mut sources = Vec::new();
        for (name, table) in &read.sources {
            let item = Item::Source(name.value.clone());
            self.declared(name, item.clone());
            self.note_path(item.clone(), span_of(&table.value.path));
            self.places.note(item.clone(), Part::Type, table.value.kind.span.clone());
            let source = self.source(name, table);
            sources.extend(self.or_lost(source, item));
        }
        let mut broadcasts = Vec::new();
        for (name, table) in &read.broadcasts {
            self.declared(name, Item::Broadcast(name.value.clone()));
            broadcasts.extend(self.broadcast(name, table));
        }
        let mut streams = Vec::new();
        for (name, table) in &read.streams {
            let item = Item::Stream(name.value.clone());
            self.declared(name, item.clone());
            self.places.note(item, Part::From, table.value.from.span.clone());
            let mut steps = Vec::new();
            for (number, step) in &table.value.steps {
                // Steps are found by where they stand among those that mean something.
                let meant = self.step(&name.value, (*number, steps.len()), step);
                if meant.is_none() {
                    self.lost.extend(snapshots_of(&step.value));
                }
                steps.extend(meant);
            }
            let persist = table.value.persist.as_ref().and_then(|level| self.level(level));
            let (name, from) = (name.value.clone(), table.value.from.value.clone());
            streams.push(StreamDeclaration { name, from, persist, steps });
        }
        let mut sinks = Vec::new();
        for (name, table) in &read.sinks {
            let item = Item::Sink(name.value.clone());
            self.declared(name, item.clone());
            self.note_path(item.clone(), span_of(&table.value.path));
            self.places.note(item, Part::From, table.value.from.span.clone());
            let sink = self.sink(name, table);
            sinks.extend(self.or_lost(sink, Item::Sink(name.value.clone())));
        }
        let (name, settings) = (self.job_name.to_owned(), settings.unwrap_or_default());
        Pipeline { name, settings, plugins, sources, broadcasts, streams, sinks }
    }

    fn or_lost<T>(&mut self, declared: Option<T>, item: Item) -> Option<T> {
        if declared.is_none() {
            self.lost.push(item);
        }
        declared
    }

    /// Notes where an item stands and checks its name.
    fn declared(&mut self, name: &At<String>, item: Item) {
        self.places.note(item, Part::Whole, name.span.clone());
        self.check_name(name);
    }

    fn note_path(&mut self, item: Item, written: Option<&Range<usize>>) {
        if let Some(span) = written {
            self.places.note(item, Part::Path, span.clone());
        }
    }

    /// Names go into file names, metrics and `plugin.operator`: a small set of characters.
    fn check_name(&mut self, name: &At<String>) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let fits = !name.value.is_empty()
            && name.value.len() <= NAME_BYTES_MAX
            && name.value.bytes().all(allowed);
        if !fits {
            let found: String = name.value.chars().take(NAME_BYTES_MAX).collect();
            let allowed = format!("1 to {NAME_BYTES_MAX} letters, digits, `_` and `-`");
            self.complain(&name.span, format!("`{found}` is no name, allowed are {allowed}"));
        }
    }

    fn complain(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.complaints.push(Complaint::new(span.clone(), message));
    }

    fn level(&mut self, written: &At<String>) -> Option<StorageLevel> {
        let level = written.value.parse();
        level
            .map_err(|error: StorageLevelError| self.complain(&written.span, error.to_string()))
            .ok()
    }

    /// A path from the job file's folder.
    fn path(&mut self, written: &At<String>) -> Option<PathBuf> {
        if written.value.is_empty() || written.value.contains('\0') {
            self.complain(&written.span, format!("{:?} is no path", written.value));
            return None;
        }
        Some(self.folder.join(&written.value))
    }

    /// Column names a person wrote.
    fn check_columns(&mut self, names: &At<Vec<String>>) {
        for name in &names.value {
            let control = name.contains(char::is_control);
            if name.is_empty() || name.len() > NAME_BYTES_MAX || control {
                let found: String = name.chars().take(NAME_BYTES_MAX).collect();
                self.complain(&names.span, format!("{found:?} is no column name"));
            }
        }
    }

    /// A number within its range, or the default where none is written.
    fn number<T>(
        &mut self,
        key: &str,
        at: Option<&At<Whole>>,
        range: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: Copy + PartialOrd + TryFrom<i64> + std::fmt::Display,
    {
        let at = at?;
        let found = T::try_from(at.value.0).ok().filter(|found| range.contains(found));
        if found.is_none() {
            let allowed = format!("allowed are {} to {}", range.start(), range.end());
            self.complain(&at.span, format!("`{key}` is {}, {allowed}", at.value.0));
        }
        found
    }

    fn bytes(
        &mut self,
        key: &str,
        at: Option<&At<HumanBytes>>,
        range: RangeInclusive<usize>,
    ) -> Option<usize> {
        let at = at?;
        let found = usize::try_from(at.value.0).ok().filter(|found| range.contains(found));
        if found.is_none() {
            let shown = |bytes: &usize| HumanBytes(u64::try_from(*bytes).unwrap_or(u64::MAX));
            let allowed = format!("{} to {}", shown(range.start()), shown(range.end()));
            self.complain(&at.span, format!("`{key}` is {}, allowed are {allowed}", at.value));
        }
        found
    }

    /// A duration within its range, in whole milliseconds: the grain of batch times.
    fn duration(
        &mut self,
        key: &str,
        at: Option<&At<HumanDuration>>,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let at = at?;
        let found = at.value.0;
        let whole = found.subsec_nanos().is_multiple_of(1_000_000);
        if whole && range.contains(&found) {
            return Some(found);
        }
        let shown = humantime::format_duration;
        let allowed = format!("{} to {}", shown(*range.start()), shown(*range.end()));
        let message = format!("`{key}` is {}, allowed are {allowed}", shown(found));
        let grain = if whole { "" } else { " in whole milliseconds" };
        self.complain(&at.span, format!("{message}{grain}"));
        None
    }

    /// Complains of keys that belong to another type of source or sink.
    fn misplaced(&mut self, what: &str, keys: &[(&str, Option<&Range<usize>>)]) {
        for (key, span) in keys {
            if let Some(span) = span {
                self.complain(span, format!("`{key}` does not belong to {what}"));
            }
        }
    }
}

/// The stream of what a stateful step keeps.
fn snapshots_of(step: &StepText) -> Option<Item> {
    let ShortOr::Table(state) = &step.map_with_state.as_ref()?.value else { return None };
    state.snapshots.as_ref().map(|name| Item::Stream(name.value.clone()))
}

/// Where an optional value is written.
fn span_of<T>(at: &Option<At<T>>) -> Option<&Range<usize>> {
    at.as_ref().map(|at| &at.span)
}
