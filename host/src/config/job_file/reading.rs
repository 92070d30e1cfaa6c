//! Config: from text to written tables, one at a time, so that each can tell its own mistakes.
//!
//! Takes the text of a job file. Gives the tables that could be read, and what is wrong with keys
//! and types. Never stops at a table that is wrong.

use std::any::TypeId;
use std::collections::HashMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::error::Complaint;
use super::schema::TableKeys;
use super::value::At;
use super::written::{JobText, PluginText, SinkText, SourceText, StepText, StreamText};
use crate::limits::{DECLARATIONS_MAX, FINDINGS_MAX, STEPS_MAX};
use crate::model::finding::{list_words, nearest};

/// A table that was read, and where it stands.
pub(super) type ReadTable<T> = (At<String>, At<T>);

/// A stream that was read, with the steps that were.
#[derive(Debug)]
pub(super) struct ReadStream {
    pub(super) from: At<String>,
    pub(super) steps: Vec<At<StepText>>,
}

/// All tables of a job file that could be read.
#[derive(Debug)]
pub(super) struct ReadJob {
    /// The keys before the first section, if they could be read.
    pub(super) job: Option<JobText>,
    pub(super) plugins: Vec<ReadTable<PluginText>>,
    pub(super) sources: Vec<ReadTable<SourceText>>,
    pub(super) streams: Vec<ReadTable<ReadStream>>,
    pub(super) sinks: Vec<ReadTable<SinkText>>,
}

/// Reads what can be read; nothing when the text is no TOML.
pub(super) fn read(text: &str) -> (Option<ReadJob>, Vec<Complaint>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let complaints = errors.iter().take(FINDINGS_MAX);
        let complaints = complaints
            .map(|error| Complaint::new(error.span().unwrap_or(0..0), error.message().to_owned()));
        return (None, complaints.collect());
    }
    let mut reader = Reader::default();
    let mut root = document.into_inner();
    let plugins = reader.section(&mut root, "plugins");
    let sources = reader.section(&mut root, "sources");
    let streams = reader.section(&mut root, "streams");
    let sinks = reader.section(&mut root, "sinks");
    let job = reader.table::<JobText>("job file", Spanned::new(0..0, DeValue::Table(root)));
    let job = ReadJob {
        job: job.map(|at| at.value),
        plugins: reader.tables("plugin", plugins),
        sources: reader.tables("source", sources),
        streams: reader.streams(streams),
        sinks: reader.tables("sink", sinks),
    };
    (Some(job), reader.complaints)
}

/// The tables of a section by name.
type Section<'t> = Vec<(At<String>, Spanned<DeValue<'t>>)>;

#[derive(Default)]
struct Reader {
    complaints: Vec<Complaint>,
    keys: HashMap<TypeId, TableKeys>,
}

impl Reader {
    /// Takes a section's tables out of the root, leaving it empty there.
    fn section<'t>(&mut self, root: &mut DeTable<'t>, name: &str) -> Section<'t> {
        let Some(value) = root.remove(name) else { return Vec::new() };
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            let message = format!("`{name}` is no table, expected `[{name}.<name>]`");
            self.complaints.push(Complaint::new(span, message));
            return Vec::new();
        };
        if table.len() > DECLARATIONS_MAX {
            let found = format!("{} {name} are too many", table.len());
            let message = format!("{found}, allowed are {DECLARATIONS_MAX}");
            self.complaints.push(Complaint::new(span, message));
            return Vec::new();
        }
        let named = table.into_iter().map(|(key, value)| {
            let span = key.span();
            (At { value: key.into_inner().into_owned(), span }, value)
        });
        named.collect()
    }

    fn tables<T>(&mut self, what: &str, section: Section<'_>) -> Vec<ReadTable<T>>
    where
        T: DeserializeOwned + JsonSchema + 'static,
    {
        let tables = section.into_iter().filter_map(|(name, value)| {
            let table = self.table(&format!("{what} `{}`", name.value), value)?;
            Some((name, table))
        });
        tables.collect()
    }

    fn streams(&mut self, section: Section<'_>) -> Vec<ReadTable<ReadStream>> {
        let mut streams = Vec::new();
        for (name, mut value) in section {
            let what = format!("stream `{}`", name.value);
            let steps = take_steps(&mut value);
            let steps = steps.map_or(Vec::new(), |steps| self.steps(&what, steps));
            let Some(At { value: stream, span }) = self.table::<StreamText>(&what, value) else {
                continue;
            };
            streams.push((name, At { value: ReadStream { from: stream.from, steps }, span }));
        }
        streams
    }

    fn steps(&mut self, what: &str, steps: Spanned<DeArray<'_>>) -> Vec<At<StepText>> {
        let span = steps.span();
        let steps = steps.into_inner();
        if steps.len() > STEPS_MAX {
            let message =
                format!("{what} has {} steps, at most {STEPS_MAX} are allowed", steps.len());
            self.complaints.push(Complaint::new(span, message));
            return Vec::new();
        }
        let mut read = Vec::with_capacity(steps.len());
        for (index, step) in steps.into_iter().enumerate() {
            let before = self.complaints.len();
            let Some(step) = self.table::<StepText>(&format!("{what}, step {}", index + 1), step)
            else {
                continue;
            };
            // A mistyped operation was told already: do not say that it is missing too.
            if self.complaints.len() == before || has_operation(&step.value) {
                read.push(step);
            }
        }
        read
    }

    /// Reads one table: unknown keys, missing keys, then types.
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
        let keys = self.keys.entry(TypeId::of::<T>()).or_insert_with(TableKeys::of::<T>);
        let unknown = |key: &str| !keys.known.iter().any(|known| known == key);
        let mut unread = Vec::new();
        for (key, _) in table.iter().filter(|(key, _)| unknown(key.get_ref())) {
            self.complaints.push(unknown_key(key.get_ref(), key.span(), keys));
            unread.push(key.get_ref().to_string());
        }
        for key in &unread {
            table.remove(key.as_str());
        }
        let mut complete = true;
        for key in keys.required.iter().filter(|key| !table.contains_key(key.as_str())) {
            let message = format!("{what} has no `{key}`, which is required");
            self.complaints.push(Complaint::new(span.clone(), message));
            complete = false;
        }
        let deserializer = toml::de::ValueDeserializer::from(Spanned::new(span.clone(), value));
        match T::deserialize(deserializer) {
            Ok(value) => Some(At { value, span }),
            // What is missing was told in our own words.
            Err(error) if !complete && error.message().starts_with("missing field") => None,
            Err(error) => {
                let at = error.span().unwrap_or(span);
                self.complaints.push(Complaint::new(at, plain(error.message())));
                None
            }
        }
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

fn unknown_key(found: &str, span: Range<usize>, keys: &TableKeys) -> Complaint {
    let known = || keys.known.iter().map(String::as_str);
    let complaint = Complaint::new(span, format!("unknown key `{found}`"));
    match nearest(found, known()) {
        Some(word) => complaint.with_help(format!("did you mean `{word}`?")),
        None => complaint.with_help(format!("allowed are {}", list_words(known()))),
    }
}

/// Serde's words in the house's: what was found, then what is allowed.
fn plain(message: &str) -> String {
    if message.contains("$__toml_private") {
        return "a date stands where none is expected; dates are written as text".to_owned();
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(prefix) {
            return format!("found {}", rest.replace("expected struct", "expected a table of"));
        }
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job_file::written::OPERATIONS;

    #[test]
    fn every_operation_is_a_key_of_a_step() {
        let keys = TableKeys::of::<StepText>();
        assert_eq!(keys.known[..OPERATIONS.len()], OPERATIONS);
        assert_eq!(keys.required, Vec::<String>::new());
    }
}
