//! Cli: one case of a job, as it is written.
//!
//! Takes a line of JSON and the job. Gives datasets for its sources and what its streams are to
//! have. Never guesses: a source, stream or step that the job lacks is named.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail, ensure};
use arrow_array::RecordBatch;
use tidemill::api::given::Partitions;
use tidemill::driver::first_state;
use tidemill::model::finding::list_words;
use tidemill::model::pipeline::Pipeline;
use tidemill::model::schema::StreamSchema;
use tidemill::model::stage::{Gather, StageInput, StatePlan};
use tidemill::plan::PlannedJob;

use super::rows::slices;
use super::written::{Fields, Written, object};

/// Batches of a case at most.
const BATCHES_MAX: usize = 10_000;
/// What a case may say.
const KEYS: [&str; 10] =
    ["name", "in", "out", "cmp", "batches", "initial", "broadcasts", "partitions", "note", "src"];

/// A case.
pub(super) struct Case {
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    /// The number of its line.
    pub(super) line: usize,
    /// The datasets of each source.
    pub(super) datasets: BTreeMap<String, Vec<Option<Partitions>>>,
    /// What stateful steps begin with.
    pub(super) states: BTreeMap<String, Vec<RecordBatch>>,
    /// The rows of broadcasts, batch by batch; the last ones stay.
    pub(super) broadcasts: BTreeMap<String, Vec<Vec<RecordBatch>>>,
    /// What streams are to have, batch by batch.
    pub(super) expected: BTreeMap<String, Vec<Expected>>,
    /// The columns of each of these, as far as planning knows them.
    pub(super) schemas: BTreeMap<String, StreamSchema>,
    /// Whether the order of rows counts.
    pub(super) in_order: bool,
    /// Batches to run.
    pub(super) batches: usize,
}

/// What a stream is to have in a batch.
pub(super) enum Expected {
    /// These rows.
    Rows(Vec<Written>),
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
        let case = object(text)?;
        if let Some(unknown) = case.names().find(|key| !KEYS.contains(key)) {
            bail!("unknown key `{unknown}`, allowed are {}", list_words(KEYS));
        }
        let cut = whole(&case, "partitions", 1)?;
        let sources: BTreeMap<&str, &StreamSchema> =
            job.sources.iter().map(|source| (source.name.as_str(), &source.schema)).collect();
        let mut datasets = BTreeMap::new();
        for (name, batches) in by_name(&case, "in", sources.keys().copied())? {
            let schema = sources[name.as_str()];
            let dataset = |(batch, rows): (usize, &Written)| match rows {
                Written::Null => Ok(None),
                rows => partitions(rows, schema, cut)
                    .map(Some)
                    .with_context(|| format!("`in` of `{name}`, batch {}", batch + 1)),
            };
            let batches = batches.iter().enumerate().map(dataset);
            datasets.insert(name.clone(), batches.collect::<anyhow::Result<Vec<_>>>()?);
        }
        let states = states(&case, planned)?;
        let streams = job.streams.iter().map(|stream| stream.name.as_str());
        let snapshots = job.snapshots().map(|(_, name)| name.as_str());
        let names: Vec<&str> = streams.chain(snapshots).chain(sources.keys().copied()).collect();
        let mut expected = BTreeMap::new();
        for (name, batches) in by_name(&case, "out", names.iter().copied())? {
            let batches = batches.iter().map(expectation).collect::<anyhow::Result<Vec<_>>>()?;
            expected.insert(name, batches);
        }
        ensure!(!expected.is_empty(), "`out` is missing: the rows that streams are to have");
        let broadcasts = broadcasts(&case, job)?;
        let lists = lists("in", &datasets)
            .chain(lists("out", &expected))
            .chain(lists("broadcasts", &broadcasts));
        let batches = batches(&case, &lists.collect::<Vec<_>>())?;
        Ok(Self {
            name: match case.get("name") {
                None => None,
                Some(name) => Some(name.as_text().context("`name` is no text")?.to_owned()),
            },
            line: number,
            batches,
            in_order: match case.get("cmp").map(Written::as_text) {
                None | Some(Some("set")) => false,
                Some(Some("list")) => true,
                _ => bail!("`cmp` is neither \"set\" nor \"list\""),
            },
            datasets,
            states,
            schemas: expected
                .keys()
                .filter_map(|name| Some((name.clone(), schema(job, planned, name)?)))
                .collect(),
            broadcasts,
            expected,
        })
    }

    /// How messages call it.
    pub(super) fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("line {}", self.line))
    }

    /// Where it stands, behind its title; nothing where that is its title.
    pub(super) fn place(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |_| format!(" (line {})", self.line))
    }
}

/// The columns of a source or stream.
fn schema(job: &Pipeline, planned: &PlannedJob, name: &str) -> Option<StreamSchema> {
    let source = job.sources.iter().find(|source| source.name == name).map(|source| &source.schema);
    let mut streams = planned.streams.iter().chain(&planned.unread);
    let stream = || streams.find(|stream| stream.name == name).map(|stream| stream.output());
    source.or_else(stream).cloned()
}

/// The lists of batches under a key, by name; a bare list belongs to the only name there is.
fn by_name<'a>(
    case: &'a Fields,
    key: &str,
    names: impl Iterator<Item = &'a str>,
) -> anyhow::Result<Vec<(String, &'a Vec<Written>)>> {
    let names: Vec<&str> = names.collect();
    let list = |name: &str, value: &'a Written| {
        let list = value.as_list().ok_or_else(|| anyhow!("`{key}` of `{name}` is no list"))?;
        Ok((name.to_owned(), list))
    };
    match case.get(key) {
        None => Ok(Vec::new()),
        Some(Written::Object(lists)) => {
            if let Some(unknown) = lists.names().find(|name| !names.contains(name)) {
                bail!("`{key}` names `{unknown}`, the job has {}", list_words(names.clone()));
            }
            lists.0.iter().map(|(name, value)| list(name, value)).collect()
        }
        Some(value) => match names.as_slice() {
            [only] => Ok(vec![list(only, value)?]),
            _ => bail!("`{key}` is an object by name; there are {}", list_words(names.clone())),
        },
    }
}

/// How many batches each list of a key has, by the name that it stands under.
fn lists<'a, T>(
    key: &'a str,
    by_name: &'a BTreeMap<String, Vec<T>>,
) -> impl Iterator<Item = (&'a str, &'a str, usize)> {
    by_name.iter().map(move |(name, batches)| (key, name.as_str(), batches.len()))
}

/// Batches to run, which no list goes beyond: what is written is read, and what is expected looked
/// at.
fn batches(case: &Fields, lists: &[(&str, &str, usize)]) -> anyhow::Result<usize> {
    if let Some((key, name, _)) =
        lists.iter().find(|(key, _, batches)| *key == "out" && *batches == 0)
    {
        bail!("`{key}` of `{name}` has no batch, expected is one at least, which may be \"any\"");
    }
    let longest = lists.iter().map(|(.., batches)| *batches).max().unwrap_or(0);
    let run = whole(case, "batches", longest)?;
    match lists.iter().find(|(.., batches)| *batches > run) {
        Some((key, name, found)) => bail!(
            "`{key}` of `{name}` has {found} batches, allowed are as many as `batches` has run: \
             {run}"
        ),
        None => Ok(run),
    }
}

fn whole(case: &Fields, key: &str, unless: usize) -> anyhow::Result<usize> {
    let Some(written) = case.get(key) else { return Ok(unless) };
    let number = match written {
        Written::Number(digits) => digits.parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| (1..=BATCHES_MAX).contains(number));
    number.with_context(|| format!("`{key}` is {written}, allowed are 1 to {BATCHES_MAX}"))
}

fn expectation(written: &Written) -> anyhow::Result<Expected> {
    Ok(match written {
        Written::Null => Expected::Missing,
        Written::List(rows) => Expected::Rows(rows.clone()),
        Written::Text(any) if any == "any" => Expected::Any,
        Written::Object(failure) if failure.0.len() == 1 => {
            let words = failure.get("error").and_then(Written::as_text);
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
    case: &Fields,
    planned: &PlannedJob,
) -> anyhow::Result<BTreeMap<String, Vec<RecordBatch>>> {
    let keyed = planned.plan.stages.iter().filter_map(|stage| match &stage.input {
        StageInput::Keyed(keyed) => Some(&keyed.gather),
        _ => None,
    });
    let kept: BTreeMap<&str, &StatePlan> = keyed
        .filter_map(|gather| match gather {
            Gather::State(state) => Some((state.name.as_str(), state)),
            _ => None,
        })
        .collect();
    let mut states = BTreeMap::new();
    for (name, rows) in by_name(case, "initial", kept.keys().copied())? {
        let state = kept[name.as_str()];
        let rows = slices(rows, &state.output).and_then(|rows| {
            first_state::check(state, &rows).map_err(anyhow::Error::msg)?;
            Ok(rows)
        });
        states.insert(name.clone(), rows.with_context(|| format!("`initial` of `{name}`"))?);
    }
    Ok(states)
}

/// The rows of broadcasts: a list of rows for each batch, the last one staying.
fn broadcasts(
    case: &Fields,
    job: &Pipeline,
) -> anyhow::Result<BTreeMap<String, Vec<Vec<RecordBatch>>>> {
    let declared: BTreeMap<&str, &StreamSchema> =
        job.broadcasts.iter().map(|one| (one.name.as_str(), &one.schema)).collect();
    let mut broadcasts = BTreeMap::new();
    for (name, written) in by_name(case, "broadcasts", declared.keys().copied())? {
        let schema = declared[name.as_str()];
        let batch = |(batch, rows): (usize, &Written)| {
            let place = || format!("`broadcasts` of `{name}`, batch {}", batch + 1);
            let rows = rows.as_list().context("it is a list of rows").with_context(place)?;
            slices(rows, schema).with_context(place)
        };
        let versions = written.iter().enumerate().map(batch).collect::<anyhow::Result<_>>()?;
        broadcasts.insert(name.clone(), versions);
    }
    Ok(broadcasts)
}

/// Rows cut into so many partitions of like length.
fn partitions(rows: &Written, schema: &StreamSchema, cut: usize) -> anyhow::Result<Partitions> {
    let rows = rows.as_list().context("a batch is a list of rows, or null for no dataset")?;
    let at = |index: usize| index * rows.len() / cut;
    (0..cut).map(|index| slices(&rows[at(index)..at(index + 1)], schema)).collect()
}
