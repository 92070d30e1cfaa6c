//! Cli: one case of a job, as it is written.
//!
//! Takes a line of JSON and the job. Gives datasets for its sources and what its streams are to
//! have. Never guesses: a source, stream or step that the job lacks is named.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail, ensure};
use arrow_array::RecordBatch;
use serde_json::{Map, Value};
use tidemill::api::given::Partitions;
use tidemill::ingest::decoder::{Decoded, Decoder};
use tidemill::ingest::json_columns::JsonColumns;
use tidemill::limits::LINE_BYTES_MAX;
use tidemill::model::finding::list_words;
use tidemill::model::pipeline::Pipeline;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::StreamSchema;
use tidemill::model::stage::{Gather, StageInput};
use tidemill::plan::PlannedJob;

use super::once;

/// Batches of a case at most.
const BATCHES_MAX: usize = 10_000;
/// What a case may say.
const KEYS: [&str; 10] =
    ["name", "in", "out", "cmp", "batches", "initial", "broadcasts", "partitions", "note", "src"];

/// A case.
pub(super) struct Case {
    /// Its name, or the number of its line.
    pub(super) name: String,
    /// The datasets of each source.
    pub(super) datasets: BTreeMap<String, Vec<Option<Partitions>>>,
    /// What stateful steps begin with.
    pub(super) states: BTreeMap<String, Vec<RecordBatch>>,
    /// The rows of broadcasts, batch by batch; the last ones stay.
    pub(super) broadcasts: BTreeMap<String, Vec<Vec<RecordBatch>>>,
    /// What streams are to have, batch by batch.
    pub(super) expected: BTreeMap<String, Vec<Expected>>,
    /// The columns of each of these, as far as planning knows them.
    pub(super) columns: BTreeMap<String, Vec<String>>,
    /// Whether the order of rows counts.
    pub(super) in_order: bool,
    /// Batches to run.
    pub(super) batches: usize,
}

/// What a stream is to have in a batch.
pub(super) enum Expected {
    /// These rows.
    Rows(Vec<Value>),
    /// No dataset.
    Missing,
    /// Anything.
    Any,
    /// The batch is to fail, with these words.
    Failure(String),
}

impl Case {
    /// Reads a case of the job.
    pub(super) fn read(
        text: &str,
        number: usize,
        job: &Pipeline,
        planned: &PlannedJob,
    ) -> anyhow::Result<Self> {
        let case = once::object(text)?;
        if let Some(unknown) = case.keys().find(|key| !KEYS.contains(&key.as_str())) {
            bail!("unknown key `{unknown}`, allowed are {}", list_words(KEYS));
        }
        let cut = whole(&case, "partitions", 1)?;
        let sources: BTreeMap<&str, &StreamSchema> =
            job.sources.iter().map(|source| (source.name.as_str(), &source.schema)).collect();
        let mut datasets = BTreeMap::new();
        for (name, batches) in by_name(&case, "in", sources.keys().copied())? {
            let schema = sources[name.as_str()];
            let dataset = |(batch, rows): (usize, &Value)| match rows {
                Value::Null => Ok(None),
                rows => partitions(rows, schema, cut)
                    .map(Some)
                    .with_context(|| format!("`in` of `{name}`, batch {}", batch + 1)),
            };
            let batches = batches.iter().enumerate().map(dataset);
            datasets.insert(name.clone(), batches.collect::<anyhow::Result<Vec<_>>>()?);
        }
        let states = states(&case, planned)?;
        let streams = job.streams.iter().map(|stream| stream.name.as_str());
        let snapshots = job.streams.iter().flat_map(|stream| &stream.steps);
        let snapshots = snapshots.filter_map(|step| step.operation.state()?.snapshots.as_deref());
        let names: Vec<&str> = streams.chain(snapshots).chain(sources.keys().copied()).collect();
        let mut expected = BTreeMap::new();
        for (name, batches) in by_name(&case, "out", names.iter().copied())? {
            let batches = batches.iter().map(expectation).collect::<anyhow::Result<Vec<_>>>()?;
            expected.insert(name, batches);
        }
        ensure!(!expected.is_empty(), "`out` is missing: the rows that streams are to have");
        let least = datasets.values().map(Vec::len).chain(expected.values().map(Vec::len)).max();
        Ok(Self {
            name: match case.get("name") {
                None => format!("line {number}"),
                Some(name) => name.as_str().context("`name` is no text")?.to_owned(),
            },
            batches: whole(&case, "batches", least.unwrap_or(0))?,
            in_order: match case.get("cmp").map(|cmp| cmp.as_str()) {
                None | Some(Some("set")) => false,
                Some(Some("list")) => true,
                _ => bail!("`cmp` is neither \"set\" nor \"list\""),
            },
            datasets,
            states,
            columns: expected
                .keys()
                .filter_map(|name| Some((name.clone(), columns(job, planned, name)?)))
                .collect(),
            broadcasts: broadcasts(&case, job)?,
            expected,
        })
    }
}

/// The columns of a source or stream.
fn columns(job: &Pipeline, planned: &PlannedJob, name: &str) -> Option<Vec<String>> {
    let source = job.sources.iter().find(|source| source.name == name).map(|source| &source.schema);
    let mut streams = planned.streams.iter().chain(&planned.unread);
    let stream = || streams.find(|stream| stream.name == name).map(|stream| stream.output());
    let columns = &source.or_else(stream)?.columns;
    Some(columns.iter().map(|column| column.name.clone()).collect())
}

/// The lists of batches under a key, by name; a bare list belongs to the only name there is.
fn by_name<'a>(
    case: &'a Map<String, Value>,
    key: &str,
    names: impl Iterator<Item = &'a str>,
) -> anyhow::Result<Vec<(String, &'a Vec<Value>)>> {
    let names: Vec<&str> = names.collect();
    let list = |name: &str, value: &'a Value| {
        let list = value.as_array().ok_or_else(|| anyhow!("`{key}` of `{name}` is no list"))?;
        Ok((name.to_owned(), list))
    };
    match case.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Object(lists)) => {
            let known = |name: &String| names.contains(&name.as_str());
            if let Some(unknown) = lists.keys().find(|name| !known(name)) {
                bail!("`{key}` names `{unknown}`, the job has {}", list_words(names.clone()));
            }
            lists.iter().map(|(name, value)| list(name, value)).collect()
        }
        Some(value) => match names.as_slice() {
            [only] => Ok(vec![list(only, value)?]),
            _ => bail!("`{key}` is an object by name; there are {}", list_words(names.clone())),
        },
    }
}

fn whole(case: &Map<String, Value>, key: &str, unless: usize) -> anyhow::Result<usize> {
    let Some(written) = case.get(key) else { return Ok(unless) };
    let number = written.as_u64().and_then(|number| usize::try_from(number).ok());
    let number = number.filter(|number| (1..=BATCHES_MAX).contains(number));
    number.with_context(|| format!("`{key}` is {written}, allowed are 1 to {BATCHES_MAX}"))
}

fn expectation(written: &Value) -> anyhow::Result<Expected> {
    Ok(match written {
        Value::Null => Expected::Missing,
        Value::Array(rows) => Expected::Rows(rows.clone()),
        Value::String(any) if any == "any" => Expected::Any,
        Value::Object(failure) if failure.len() == 1 => {
            let words = failure.get("error").and_then(Value::as_str);
            Expected::Failure(
                words.context("an object in `out` is `{\"error\": \"words\"}`")?.into(),
            )
        }
        other => bail!(
            "`out` has {other}, allowed are a list of rows, null for no dataset, \"any\", and \
             {{\"error\": \"words\"}}"
        ),
    })
}

/// What stateful steps begin with, whose columns planning has found.
fn states(
    case: &Map<String, Value>,
    planned: &PlannedJob,
) -> anyhow::Result<BTreeMap<String, Vec<RecordBatch>>> {
    let keyed = planned.plan.stages.iter().filter_map(|stage| match &stage.input {
        StageInput::Keyed(keyed) => Some(&keyed.gather),
        _ => None,
    });
    let kept: BTreeMap<&str, &StreamSchema> = keyed
        .filter_map(|gather| match gather {
            Gather::State(state) => Some((state.name.as_str(), &state.output)),
            _ => None,
        })
        .collect();
    let mut states = BTreeMap::new();
    for (name, rows) in by_name(case, "initial", kept.keys().copied())? {
        let rows = rows_of(rows, kept[name.as_str()]);
        states.insert(name.clone(), rows.with_context(|| format!("`initial` of `{name}`"))?);
    }
    Ok(states)
}

/// The rows of broadcasts: a list of rows for each batch, the last one staying.
fn broadcasts(
    case: &Map<String, Value>,
    job: &Pipeline,
) -> anyhow::Result<BTreeMap<String, Vec<Vec<RecordBatch>>>> {
    let declared: BTreeMap<&str, &StreamSchema> =
        job.broadcasts.iter().map(|one| (one.name.as_str(), &one.schema)).collect();
    let mut broadcasts = BTreeMap::new();
    for (name, written) in by_name(case, "broadcasts", declared.keys().copied())? {
        let schema = declared[name.as_str()];
        let batch = |(batch, rows): (usize, &Value)| {
            let place = || format!("`broadcasts` of `{name}`, batch {}", batch + 1);
            let rows = rows.as_array().context("it is a list of rows").with_context(place)?;
            rows_of(rows, schema).with_context(place)
        };
        let versions = written.iter().enumerate().map(batch).collect::<anyhow::Result<_>>()?;
        broadcasts.insert(name.clone(), versions);
    }
    Ok(broadcasts)
}

/// Rows cut into so many partitions of like length.
fn partitions(rows: &Value, schema: &StreamSchema, cut: usize) -> anyhow::Result<Partitions> {
    let rows = rows.as_array().context("a batch is a list of rows, or null for no dataset")?;
    let at = |index: usize| index * rows.len() / cut;
    (0..cut).map(|index| rows_of(&rows[at(index)..at(index + 1)], schema)).collect()
}

/// Rows as slices: each a value of the only column, a list by position, or an object by name.
fn rows_of(rows: &[Value], schema: &StreamSchema) -> anyhow::Result<Vec<RecordBatch>> {
    let mut text = Vec::new();
    for (number, row) in (1..).zip(rows) {
        let row = object(row, schema).with_context(|| format!("row {number}"))?;
        text.extend_from_slice(Value::Object(row).to_string().as_bytes());
        text.push(b'\n');
    }
    let mut decoded = Decoded::new(&OnBadRow::Fail);
    let mut columns = JsonColumns::new(schema.clone(), LINE_BYTES_MAX);
    columns.decode(&text, &mut decoded);
    columns.finish(&mut decoded);
    match decoded.bad.first {
        Some(first) => bail!("{first}"),
        None => Ok(decoded.slices),
    }
}

fn object(row: &Value, schema: &StreamSchema) -> anyhow::Result<Map<String, Value>> {
    let names = || schema.columns.iter().map(|column| column.name.clone());
    match row {
        Value::Object(row) => {
            // In a file that somebody else writes it may be meant; in a case it is a slip.
            match row.keys().find(|name| !names().any(|known| known == **name)) {
                Some(unknown) => bail!("no column is called `{unknown}`, there are ({schema})"),
                None => Ok(row.clone()),
            }
        }
        Value::Array(cells) if cells.len() == schema.columns.len() => {
            Ok(names().zip(cells.iter().cloned()).collect())
        }
        Value::Array(cells) if schema.columns.len() != 1 => {
            bail!("{} values for the columns ({schema})", cells.len())
        }
        cell if schema.columns.len() == 1 => Ok(names().zip([cell.clone()]).collect()),
        other => bail!("{other} is no row of ({schema})"),
    }
}
