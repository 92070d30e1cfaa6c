//! Config: from text to written tables, one at a time, so that each can tell its own mistakes.
//!
//! Takes the text of a job file. Gives the tables that could be read, and what is wrong with keys
//! and types. Never stops at a table that is wrong.

use std::any::TypeId;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::constant::is_bent;
use super::error::Complaint;
use super::schema::TableKeys;
use super::value::At;
use super::written::{
    BackpressureText, BroadcastText, JobText, PluginText, SinkText, SourceText, StepText,
    StreamText,
};
use crate::limits::{DECLARATIONS_MAX, STEPS_MAX};
use crate::model::finding::{Item, list_words, nearest};

/// A table that was read, and where it stands.
pub(super) type ReadTable<T> = (At<String>, At<T>);

/// A stream that was read, with the steps that were.
#[derive(Debug)]
pub(super) struct ReadStream {
    pub(super) from: At<String>,
    pub(super) persist: Option<At<String>>,
    /// Each with its number, from 1.
    pub(super) steps: Vec<(usize, At<StepText>)>,
}

/// All tables of a job file that could be read.
#[derive(Debug)]
pub(super) struct ReadJob {
    /// The keys before the first section, if they could be read.
    pub(super) job: Option<JobText>,
    /// The rates, if they could be read.
    pub(super) backpressure: Option<At<BackpressureText>>,
    pub(super) plugins: Vec<ReadTable<PluginText>>,
    pub(super) sources: Vec<ReadTable<SourceText>>,
    pub(super) broadcasts: Vec<ReadTable<BroadcastText>>,
    pub(super) streams: Vec<ReadTable<ReadStream>>,
    pub(super) sinks: Vec<ReadTable<SinkText>>,
    /// What is declared and could not be read.
    pub(super) lost: Vec<Item>,
    /// Whether a whole section could not be read, so that names in it are not known.
    pub(super) lacks_names: bool,
}

/// Reads what can be read; nothing when the text is no TOML.
pub(super) fn read(text: &str) -> (Option<ReadJob>, Vec<Complaint>) {
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => return (None, vec![syntax(text, &error)]),
    };
    let mut unfit = Vec::new();
    for value in document.get_ref().values() {
        find_unfit(value, &mut unfit);
    }
    if !unfit.is_empty() {
        return (None, unfit);
    }
    let mut reader = Reader::default();
    let mut root = document.into_inner();
    let plugins = reader.section(&mut root, "plugins");
    let sources = reader.section(&mut root, "sources");
    let broadcasts = reader.section(&mut root, "broadcasts");
    let streams = reader.section(&mut root, "streams");
    let sinks = reader.section(&mut root, "sinks");
    let backpressure = root.remove("backpressure");
    let backpressure = backpressure.and_then(|table| reader.table("`backpressure`", table));
    // A section under a name that nobody knows was meant to be one that somebody does.
    reader.lacks_names |= root.iter().any(|(key, value)| {
        matches!(value.get_ref(), DeValue::Table(_)) && key.get_ref() != "on_rejected"
    });
    let job = reader.table::<JobText>("job file", Spanned::new(0..0, DeValue::Table(root)));
    let job = ReadJob {
        job: job.map(|at| at.value),
        backpressure,
        plugins: reader.tables(("plugin", Item::Plugin), plugins),
        sources: reader.tables(("source", Item::Source), sources),
        broadcasts: reader.tables(("broadcast", Item::Broadcast), broadcasts),
        streams: reader.streams(streams),
        sinks: reader.tables(("sink", Item::Sink), sinks),
        lost: reader.lost,
        lacks_names: reader.lacks_names,
    };
    (Some(job), reader.complaints)
}

/// The tables of a section by name.
type Section<'t> = Vec<(At<String>, Spanned<DeValue<'t>>)>;

#[derive(Default)]
struct Reader {
    complaints: Vec<Complaint>,
    keys: HashMap<TypeId, Arc<TableKeys>>,
    lost: Vec<Item>,
    lacks_names: bool,
}

impl Reader {
    /// Takes a section's tables out of the root, leaving it empty there.
    fn section<'t>(&mut self, root: &mut DeTable<'t>, name: &str) -> Section<'t> {
        let Some(value) = root.remove(name) else { return Vec::new() };
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            let message = format!("`{name}` is no table, expected `[{name}.<name>]`");
            self.complaints.push(Complaint::new(span, message));
            self.lacks_names = true;
            return Vec::new();
        };
        if table.len() > DECLARATIONS_MAX {
            let found = format!("{} {name} are too many", table.len());
            let message = format!("{found}, allowed are {DECLARATIONS_MAX}");
            self.complaints.push(Complaint::new(span, message));
            self.lacks_names = true;
            return Vec::new();
        }
        let named = table.into_iter().map(|(key, value)| {
            let span = key.span();
            (At { value: key.into_inner().into_owned(), span }, value)
        });
        named.collect()
    }

    fn tables<T>(
        &mut self,
        (what, item): (&str, fn(String) -> Item),
        section: Section<'_>,
    ) -> Vec<ReadTable<T>>
    where
        T: DeserializeOwned + JsonSchema + 'static,
    {
        let mut tables = Vec::with_capacity(section.len());
        for (name, value) in section {
            match self.table(&format!("{what} `{}`", name.value), value) {
                Some(table) => tables.push((name, table)),
                None => self.lost.push(item(name.value)),
            }
        }
        tables
    }

    fn streams(&mut self, section: Section<'_>) -> Vec<ReadTable<ReadStream>> {
        let mut streams = Vec::new();
        for (name, mut value) in section {
            let what = format!("stream `{}`", name.value);
            let steps = take_steps(&mut value);
            let steps = steps.map_or(Vec::new(), |steps| self.steps(&what, steps));
            let Some(At { value: stream, span }) = self.table::<StreamText>(&what, value) else {
                self.lost.push(Item::Stream(name.value));
                continue;
            };
            let StreamText { from, persist, .. } = stream;
            streams.push((name, At { value: ReadStream { from, persist, steps }, span }));
        }
        streams
    }

    fn steps(&mut self, what: &str, steps: Spanned<DeArray<'_>>) -> Vec<(usize, At<StepText>)> {
        let span = steps.span();
        let steps = steps.into_inner();
        if steps.len() > STEPS_MAX {
            let message =
                format!("{what} has {} steps, at most {STEPS_MAX} are allowed", steps.len());
            self.complaints.push(Complaint::new(span, message));
            return Vec::new();
        }
        let mut read = Vec::with_capacity(steps.len());
        for (number, step) in (1..).zip(steps) {
            let before = self.complaints.len();
            let snapshots = snapshots_of(&step);
            let step = self.table::<StepText>(&format!("{what}, step {number}"), step);
            // A mistyped operation was told already: do not say that it is missing too.
            let is_told = self.complaints.len() > before;
            match step.filter(|step| !is_told || has_operation(&step.value)) {
                Some(step) => read.push((number, step)),
                None => self.lost.extend(snapshots),
            }
        }
        read
    }

    /// Reads one table: unknown keys, missing keys, the same of tables in it, then types.
    fn table<T>(&mut self, what: &str, value: Spanned<DeValue<'_>>) -> Option<At<T>>
    where
        T: DeserializeOwned + JsonSchema + 'static,
    {
        let span = value.span();
        let mut value = value.into_inner();
        let DeValue::Table(table) = &mut value else {
            let message = format!("{what} is no table");
            self.complaints.push(Complaint::new(span, message));
            return None;
        };
        let keys = self.keys.entry(TypeId::of::<T>());
        let keys = Arc::clone(keys.or_insert_with(|| Arc::new(TableKeys::of::<T>())));
        let complete = self.check_keys(what, &span, table, &keys);
        let (read, mistyped) = deserialize::<T>(&span, table);
        self.complaints.extend(mistyped);
        Some(At { value: read.filter(|_| complete)?, span })
    }

    /// Tells of keys that are unknown, which it takes out, and of those that are missing. Gives
    /// whether none is. A table in it that lacks a key is told of and taken out.
    fn check_keys(
        &mut self,
        what: &str,
        span: &Range<usize>,
        table: &mut DeTable<'_>,
        keys: &TableKeys,
    ) -> bool {
        let unknown = |key: &str| !keys.known.iter().any(|known| known == key);
        let mut unread = Vec::new();
        for (key, _) in table.iter().filter(|(key, _)| unknown(key.get_ref())) {
            self.complaints.push(unknown_key(key.get_ref(), key.span(), keys, table));
            unread.push(key.get_ref().to_string());
        }
        for key in &unread {
            table.remove(key.as_str());
        }
        let mut complete = true;
        for key in keys.required.iter().filter(|key| !table.contains_key(key.as_str())) {
            complete = false;
            // A mistyped key was told already: do not say that it is missing too.
            let is_meant = |found: &String| meant(found, keys) == Some(key.as_str());
            let is_only = keys.known.len() == 1 && !unread.is_empty();
            if !is_only && !unread.iter().any(is_meant) {
                let message = format!("{what} has no `{key}`, which is required");
                self.complaints.push(Complaint::new(span.clone(), message));
            }
        }
        for (key, inner) in &keys.inner {
            let Some(value) = table.get_mut(key.as_str()) else { continue };
            let span = value.span();
            let DeValue::Table(value) = value.get_mut() else { continue };
            if !self.check_keys(&format!("`{key}`"), &span, value, inner) {
                table.remove(key.as_str());
            }
        }
        complete
    }
}

/// Reads a table's values. A value of the wrong type is told and left out, so that the others can
/// tell theirs; nothing is read when a required one is then missing.
fn deserialize<T: DeserializeOwned>(
    span: &Range<usize>,
    table: &mut DeTable<'_>,
) -> (Option<T>, Vec<Complaint>) {
    let mut complaints = Vec::new();
    loop {
        let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
        let error = match T::deserialize(toml::de::ValueDeserializer::from(value)) {
            Ok(read) => return (Some(read), complaints),
            Err(error) => error,
        };
        let at = error.span().unwrap_or(span.clone());
        let holds = |value: &Spanned<DeValue<'_>>| {
            let span = value.span();
            span.start <= at.start && at.end <= span.end
        };
        let key = table.iter().find(|(_, value)| holds(value)).map(|(key, _)| key.to_string());
        // Missing keys were told in our own words, and are no value's fault.
        let Some(key) = key else { return (None, complaints) };
        complaints.push(Complaint::new(at, plain(error.message())));
        table.remove(key.as_str());
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> Complaint {
    let span = error.span().unwrap_or(0..0);
    let message = match (error.message(), text.get(span.clone())) {
        ("duplicate key", Some(key)) => format!("`{key}` stands twice, allowed is once"),
        (message, _) => message.to_owned(),
    };
    Complaint::new(span, message)
}

/// No key takes a date, and none a number that is bent by being read. Nesting is bounded by the
/// parser.
fn find_unfit(value: &Spanned<DeValue<'_>>, unfit: &mut Vec<Complaint>) {
    match value.get_ref() {
        DeValue::Float(number) if is_bent(number.as_str()) => {
            let message = format!(
                "`{number}` has more digits than a number of a job file keeps; for a decimal, \
                 write it as text"
            );
            unfit.push(Complaint::new(value.span(), message));
        }
        DeValue::Datetime(date) => {
            let message = format!("found the date `{date}`, which no key takes; write it as text");
            unfit.push(Complaint::new(value.span(), message));
        }
        DeValue::Array(values) => values.iter().for_each(|value| find_unfit(value, unfit)),
        DeValue::Table(table) => table.values().for_each(|value| find_unfit(value, unfit)),
        _ => {}
    }
}

fn has_operation(step: &StepText) -> bool {
    step.operation_spans().iter().any(Option::is_some)
}

/// Takes the steps out of a stream's table, if they are a list; else they stay for the type error.
fn take_steps<'t>(stream: &mut Spanned<DeValue<'t>>) -> Option<Spanned<DeArray<'t>>> {
    let DeValue::Table(table) = stream.get_mut() else { return None };
    let steps = table.get_mut("steps")?;
    let span = steps.span();
    match steps.get_mut() {
        DeValue::Array(array) => Some(Spanned::new(span, std::mem::replace(array, DeArray::new()))),
        _ => None,
    }
}

/// The stream of what a stateful step keeps, as it is written.
fn snapshots_of(step: &Spanned<DeValue<'_>>) -> Option<Item> {
    let state = step.get_ref().as_table()?.get("map_with_state")?.get_ref().as_table()?;
    let name = state.get("snapshots")?.get_ref().as_str()?;
    Some(Item::Stream(name.to_owned()))
}

/// The key that a mistyped one was meant to be.
fn meant<'k>(found: &str, keys: &'k TableKeys) -> Option<&'k str> {
    nearest(found, keys.known.iter().map(String::as_str))
}

/// A key that belongs into a table beside it is told where it belongs.
fn unknown_key(
    found: &str,
    span: Range<usize>,
    keys: &TableKeys,
    table: &DeTable<'_>,
) -> Complaint {
    let complaint = Complaint::new(span, format!("unknown key `{found}`"));
    let knows = |inner: &TableKeys| inner.known.iter().any(|key| key == found);
    let beside = keys.inner.iter().filter(|(key, _)| table.contains_key(key.as_str()));
    if let Some((key, inner)) = beside.clone().find(|(_, inner)| knows(inner)) {
        let others = inner.required.iter().map(String::as_str).filter(|key| *key != found);
        let all = others.chain([found]).map(|key| format!("{key} = ...")).collect::<Vec<_>>();
        let instead = format!("`{key} = {{ {} }}`", all.join(", "));
        return complaint.with_help(format!("it stands in the table of `{key}`: {instead}"));
    }
    match meant(found, keys) {
        Some(word) => complaint.with_help(format!("did you mean `{word}`?")),
        None => {
            let allowed = list_words(keys.known.iter().map(String::as_str));
            complaint.with_help(format!("allowed are {allowed}"))
        }
    }
}

/// Serde's words in the house's: what was found, then what is allowed.
fn plain(message: &str) -> String {
    let replaced = [
        ("invalid type: ", "found "),
        ("invalid value: ", "found "),
        ("found map", "found a table"),
        ("found sequence", "found a list"),
        ("expected a sequence", "expected a list"),
        ("expected a boolean", "expected `true` or `false`"),
        ("expected a string", "expected a text"),
        ("found string", "found the text"),
        ("unknown field", "unknown key"),
        ("missing field", "missing key"),
    ];
    replaced.iter().fold(message.to_owned(), |text, (from, to)| text.replacen(from, to, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job_file::written::OPERATIONS;

    #[test]
    fn every_operation_is_a_key_of_a_step() {
        let keys = TableKeys::of::<StepText>();
        assert_eq!(&keys.known[..OPERATIONS.len()], OPERATIONS);
        assert_eq!(keys.required, Vec::<String>::new());
    }
}
