//! Config: a job file as it is written, key by key.
//!
//! Takes TOML through serde. Gives structs in which every value knows its place. Its comments are
//! the reference of the job file: the JSON Schema is made of them. Never decides what keys mean
//! together.

mod broadcast;
mod verb;

use std::ops::Range;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use super::bad_row::{OnBadRowText, OnJobFailure};
use super::constant::OneOrMore;
use super::format::FormatText;
use super::quantity::{HumanBytes, HumanDuration};
use super::value::{At, Named, OrWith, ParameterValue, Real, ShortOr, Vocabulary, Whole, Word};
use crate::model::policy::{CatchUp, OnFailure};
use crate::model::sink::FileFormat;
pub(super) use broadcast::{BroadcastJoinText, BroadcastText, BroadcastType};
pub(super) use verb::{
    AggregateWindowText, FoldsText, Is, RunningText, SampleText, SortText, TopText, WhereText,
};

/// A job: where records come from, what is done to them batch by batch, and where they go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobText {
    /// The job's name: letters, digits, `_` and `-`.
    pub(super) name: At<String>,
    /// Time between batches, such as "1s".
    pub(super) batch_interval: At<HumanDuration>,
    /// The longest a block stays open, at most "200ms". Default: what gives each core a block a
    /// batch.
    pub(super) block_interval: Option<At<HumanDuration>>,
    /// Batches that may run at once. Default: 1.
    pub(super) concurrent_jobs: Option<At<Whole>>,
    /// What becomes of the job when a batch failed. With "dead-letter", rows with which a call
    /// fails are left out and written down, and other failures stop the job. Default: "stop".
    pub(super) on_failure: Option<At<Word<OnJobFailure>>>,
    /// Rows that a batch may leave out by `on_failure = "dead-letter"`; with more it fails.
    /// Default: 16.
    pub(super) poison_rows_max: Option<At<Whole>>,
    /// What becomes of rows that operators refuse. Default: "fail".
    pub(super) on_rejected: Option<At<OnBadRowText>>,
    /// Attempts of a task before its batch fails. Default: 4.
    pub(super) max_failures: Option<At<Whole>>,
    /// Partitions of a shuffle that says nothing itself. Default: the number of cores.
    pub(super) partitions: Option<At<Whole>>,
    /// Memory for blocks; when it is full, sources are read no further. Default: "512MiB".
    pub(super) block_budget: Option<At<HumanBytes>>,
    /// Seed of the job's hashes and of its tasks' chance. Default: drawn at the first start.
    pub(super) seed: Option<At<Whole>>,
    /// How long a graceful stop may take once sources are read no further; then the rest is given
    /// up. Default: ten batch intervals, at least "10s".
    pub(super) graceful_stop_timeout: Option<At<HumanDuration>>,
    /// Batches that have ended and can still be asked for. Default: 1000.
    pub(super) retained_batches: Option<At<Whole>>,
    /// Batches whose inputs are retained, for `replay` and for trying a plugin's new version before
    /// it is swapped in. 0 retains none. Default: 3.
    pub(super) retained_inputs: Option<At<Whole>>,
    /// Memory for these, beside the block budget; a batch of more is not retained. Default:
    /// "16MiB".
    pub(super) retained_input_bytes: Option<At<HumanBytes>>,
    /// What becomes of batch times that were missed: "replay" makes a batch of each, "merge" one of
    /// all. Default: "replay".
    pub(super) catch_up: Option<At<Word<CatchUp>>>,
    /// Keeps sources to the rate at which batches are worked off.
    #[expect(dead_code, reason = "its table is read by itself; here it is for the schema")]
    pub(super) backpressure: Option<At<BackpressureText>>,
    /// The components whose operators the steps call.
    #[serde(default)]
    #[expect(dead_code, reason = "its tables are read one by one; here it is for the schema")]
    pub(super) plugins: Named<PluginText>,
    /// Where records come from. A source's name is also the name of its stream.
    #[serde(default)]
    #[expect(dead_code, reason = "its tables are read one by one; here it is for the schema")]
    pub(super) sources: Named<SourceText>,
    /// Rows that every task can read whole: operators that ask for them by name, and joins.
    #[serde(default)]
    #[expect(dead_code, reason = "its tables are read one by one; here it is for the schema")]
    pub(super) broadcasts: Named<BroadcastText>,
    /// What is done to records.
    #[serde(default)]
    #[expect(dead_code, reason = "its tables are read one by one; here it is for the schema")]
    pub(super) streams: Named<StreamText>,
    /// Where rows go, in the order in which they are run.
    #[serde(default)]
    #[expect(dead_code, reason = "its tables are read one by one; here it is for the schema")]
    pub(super) sinks: Named<SinkText>,
}

/// Rates of sources. Spark's keys of the same names are under `spark.streaming.backpressure`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackpressureText {
    /// Whether rates follow how batches went. Default: false; the byte budget alone then slows
    /// sources that are too fast.
    pub(super) enabled: Option<At<bool>>,
    /// Rows a second of each source until its batches tell a better rate. Default: `max_rate`.
    pub(super) initial_rate: Option<At<Whole>>,
    /// Rows a second that a source may bring at most. Default: without end.
    pub(super) max_rate: Option<At<Whole>>,
    /// Rows a second below which no source is slowed. Default: 1.
    pub(super) min_rate: Option<At<Whole>>,
    /// Weight of the difference between the rate and how fast the last batch was. Default: 1.
    pub(super) proportional: Option<At<Real>>,
    /// Weight of the rows that waited. Default: 0.2.
    pub(super) integral: Option<At<Real>>,
    /// Weight of how that difference changes. Default: 0.
    pub(super) derivative: Option<At<Real>>,
}

/// A plugin: either `component` or `source`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginText {
    /// The component file, from the job file's folder.
    pub(super) component: Option<At<String>>,
    /// A folder of source code, built when the job starts.
    pub(super) source: Option<At<String>>,
    /// Memory of one instance, such as "64MiB". Default: the host's limit.
    pub(super) memory: Option<At<HumanBytes>>,
    /// CPU time a task is granted beside what its input earns, such as "2s".
    pub(super) cpu: Option<At<HumanDuration>>,
}

/// What a source reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceType {
    Socket,
    Listen,
    Files,
    Generate,
    Stdin,
}

impl Vocabulary for SourceType {
    const WHAT: &'static str = "source type";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("socket", Self::Socket),
        ("listen", Self::Listen),
        ("files", Self::Files),
        ("generate", Self::Generate),
        ("stdin", Self::Stdin),
    ];
}

impl Vocabulary for CatchUp {
    const WHAT: &'static str = "choice for `catch_up`";
    const WORDS: &'static [(&'static str, Self)] =
        &[("replay", Self::Replay), ("merge", Self::Merge)];
}

impl Vocabulary for OnFailure {
    const WHAT: &'static str = "choice for `on_failure`";
    const WORDS: &'static [(&'static str, Self)] = &[("stop", Self::Stop), ("skip", Self::Skip)];
}

/// A source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceText {
    /// `socket` connects to an address and reads lines; `listen` lets others connect and reads the
    /// lines of each; `files` reads new files of a folder, also those that gzip has packed (`.gz`);
    /// `generate` makes text; `stdin` reads standard input to its end.
    #[serde(rename = "type")]
    pub(super) kind: At<Word<SourceType>>,
    /// For `socket`: `host:port`. For `listen`: the same, port 0 being any that is free.
    pub(super) address: Option<At<String>>,
    /// For `listen`: connections at once; further ones wait. Default: 256.
    pub(super) connections_max: Option<At<Whole>>,
    /// For `files`: the folder.
    pub(super) path: Option<At<String>>,
    /// For `files`: reads what is there and ends. Default: false.
    pub(super) bounded: Option<At<bool>>,
    /// For `generate`: lines a second. Default: 1000.
    pub(super) lines_per_second: Option<At<Whole>>,
    /// For `generate`: words a line. Default: 10.
    pub(super) words_per_line: Option<At<Whole>>,
    /// For `generate`: different words. Default: 5000.
    pub(super) vocabulary: Option<At<Whole>>,
    /// For `generate`: lines in all. Default: without end.
    pub(super) lines: Option<At<Whole>>,
    /// `lines`: each line is a row of one column `line`. `json`: each line is an object of the
    /// columns of `schema`. `csv`: each line is a row of fields, by position, or as in
    /// `{ type = "csv", header = true, delimiter = ";" }`. For `files` also
    /// `{ type = "binary", record_bytes = 16 }`: so many bytes each are a row of one column
    /// `record`. For `socket` also `frames`: four bytes of length, the highest first, then so many
    /// bytes, which are a row of one column `frame`. Default: "lines".
    pub(super) format: Option<At<FormatText>>,
    /// For `json` and `csv`: the columns and their types, such as
    /// `{ user = "utf8", age = "int64?" }`; `?` marks a column that rows may lack.
    pub(super) schema: Option<At<Named<At<String>>>>,
    /// What becomes of a record that does not fit. Default: "fail".
    pub(super) on_bad_row: Option<At<OnBadRowText>>,
    /// The longest line; a longer one is a bad row. Default: "1MiB".
    pub(super) line_bytes_max: Option<At<HumanBytes>>,
    /// Rows a second that it may bring at most. Default: as `backpressure` says.
    pub(super) max_rate: Option<At<Whole>>,
    /// Bytes a second that it may bring at most, such as "10MiB". Default: without end.
    pub(super) max_bytes_rate: Option<At<HumanBytes>>,
}

/// A stream: a chain of steps.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamText {
    /// The source or stream it starts from.
    pub(super) from: At<String>,
    /// At which level its datasets are kept while windows reach back to them, its own or those of
    /// streams that start from it: "MEMORY_ONLY", "MEMORY_ONLY_SER", "MEMORY_AND_DISK",
    /// "MEMORY_AND_DISK_SER" or "DISK_ONLY". What memory has no room for goes to disk at each of
    /// them. Default: "MEMORY_ONLY_SER".
    pub(super) persist: Option<At<String>>,
    /// What is done, in order.
    #[serde(default)]
    #[expect(dead_code, reason = "its tables are read one by one; here it is for the schema")]
    pub(super) steps: Vec<StepText>,
}

/// A step: exactly one operation, in short form or as a table with `with`, and what stands beside
/// it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_operation)]
pub(super) struct StepText {
    /// Each row becomes one row, by an operator such as "words.pair".
    pub(super) map: Option<At<OrWith<String>>>,
    /// Each row becomes any number of rows.
    pub(super) flat_map: Option<At<OrWith<String>>>,
    /// Keeps rows or drops them.
    pub(super) filter: Option<At<OrWith<String>>>,
    /// A whole partition becomes any number of rows.
    pub(super) map_partitions: Option<At<OrWith<String>>>,
    /// Each value becomes one value; the key stays.
    pub(super) map_values: Option<At<OrWith<String>>>,
    /// Each value becomes any number of values; the key stays.
    pub(super) flat_map_values: Option<At<OrWith<String>>>,
    /// Folds the values of each key, by an operator or by "sum", "count", "min" or "max".
    pub(super) reduce_by_key: Option<At<OrWith<String>>>,
    /// Folds all rows of a batch to one.
    pub(super) reduce: Option<At<OrWith<String>>>,
    /// Gathers the values of each key into lists: `true`.
    pub(super) group_by_key: Option<At<bool>>,
    /// The number of rows: `true`.
    pub(super) count: Option<At<bool>>,
    /// How often each row occurs: `true`.
    pub(super) count_by_value: Option<At<bool>>,
    /// Appends other streams of equal columns.
    pub(super) union: Option<At<OrWith<OneOrMore>>>,
    /// Each row with each of the other stream that has an equal key, in the same batch. `as = {
    /// right = "pay_" }` beside it stands before the names of the other's value columns.
    pub(super) join: Option<At<ShortOr<String, JoinText>>>,
    /// So, and rows of this stream without a partner.
    pub(super) left_outer_join: Option<At<ShortOr<String, JoinText>>>,
    /// So, and rows of the other stream without a partner.
    pub(super) right_outer_join: Option<At<ShortOr<String, JoinText>>>,
    /// So, and rows of either without a partner.
    pub(super) full_outer_join: Option<At<ShortOr<String, JoinText>>>,
    /// The rows whose key the other stream lacks.
    pub(super) anti_join: Option<At<ShortOr<String, JoinText>>>,
    /// A row for each key of either stream, the values of each in lists.
    pub(super) cogroup: Option<At<ShortOr<String, JoinText>>>,
    /// Spreads rows over so many partitions.
    pub(super) repartition: Option<At<OrWith<Whole>>>,
    /// Makes these columns the key, moving them to the front.
    pub(super) key_by: Option<At<OrWith<OneOrMore>>>,
    /// Keeps these columns, in this order.
    pub(super) select: Option<At<OrWith<OneOrMore>>>,
    /// The rows of all batches of a window.
    pub(super) window: Option<At<WindowText>>,
    /// Folds all rows of a window to one.
    pub(super) reduce_by_window: Option<At<FoldWindowText>>,
    /// The number of rows of a window.
    pub(super) count_by_window: Option<At<WindowText>>,
    /// How often each row occurs in a window.
    pub(super) count_by_value_and_window: Option<At<WindowText>>,
    /// Folds the values that each key has in a window.
    pub(super) reduce_by_key_and_window: Option<At<FoldWindowText>>,
    /// Gathers the values that each key has in a window into lists.
    pub(super) group_by_key_and_window: Option<At<WindowText>>,
    /// Folds the values of each key to a result of another type, by a `combine` operator.
    pub(super) combine_by_key: Option<At<OrWith<String>>>,
    /// Keeps something for each key, made anew in every batch: by an operator, or by a fold such as
    /// "sum" that goes on from batch to batch.
    pub(super) update_state_by_key: Option<At<ShortOr<String, StateText>>>,
    /// Keeps something for each key, looked up and changed value by value.
    pub(super) map_with_state: Option<At<ShortOr<String, StateText>>>,
    /// Folds several columns at once, of each key, or of the batch where there is no key:
    /// `{ amt = "sum", n = "count", low = { fold = "min", of = "amt" } }`.
    pub(super) aggregate: Option<At<FoldsText>>,
    /// The same of each key in a window.
    pub(super) aggregate_by_key_and_window: Option<At<AggregateWindowText>>,
    /// Gives columns new names: `{ old = "new" }`.
    pub(super) rename: Option<At<Named<String>>>,
    /// Keeps rows by one of their columns: `{ column = "amt", is = ">", to = 100 }`. A null is
    /// nothing but null: comparing it is false.
    #[serde(rename = "where")]
    pub(super) condition: Option<At<WhereText>>,
    /// Keeps one of each different row, the first: `true`.
    pub(super) distinct: Option<At<bool>>,
    /// Brings the rows of a batch in order, in one partition: `["-amt", "id"]`. A `-` turns a
    /// column's order round; nulls come last.
    pub(super) sort_by: Option<At<ShortOr<OneOrMore, SortText>>>,
    /// Keeps the first rows of a batch in an order: `{ n = 10, by = "amt" }`.
    pub(super) top: Option<At<TopText>>,
    /// Keeps each row by chance, such as `0.1` of them.
    pub(super) sample: Option<At<ShortOr<Real, SampleText>>>,
    /// Makes one row of each partition, its columns in lists: `true`.
    pub(super) glom: Option<At<bool>>,
    /// Brings the rows of each key together, in so many partitions.
    pub(super) partition_by: Option<At<OrWith<Whole>>>,
    /// Each row with each of a broadcast that has equal columns, without a shuffle:
    /// `{ with = "customers", on = ["customer"] }`. `as = { right = "customer_" }` beside it stands
    /// before the names of the broadcast's other columns.
    pub(super) broadcast_join: Option<At<BroadcastJoinText>>,
    /// A name of the step's own, for messages. What a stateful step keeps belongs to it.
    pub(super) name: Option<At<String>>,
    /// Parameters of the operator.
    pub(super) params: Option<At<Named<ParameterValue>>>,
    /// New names for the columns the step makes, all of them. Of a join: what stands before those
    /// of the other stream.
    #[serde(rename = "as")]
    pub(super) names: Option<At<ShortOr<OneOrMore, AsText>>>,
    /// The columns the operator is given, in its order.
    pub(super) columns: Option<At<OneOrMore>>,
    /// The operator gives new columns only; the others stay. Default: false.
    pub(super) append: Option<At<bool>>,
    /// Partitions of the step's shuffle.
    pub(super) partitions: Option<At<Whole>>,
    /// For `aggregate`: `true` has it go on from batch to batch, what was folded so far being kept
    /// for each key under the step's `name`. Or a table of what it begins with and gives.
    pub(super) running: Option<At<ShortOr<bool, RunningText>>>,
}

/// The other stream of a join.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "the name of a stream, or a table with it as `with`")]
pub(super) struct JoinText {
    /// Its name.
    pub(super) with: At<String>,
    /// Whether null keys are equal, as in Spark, or match nothing, as in SQL. Default: true.
    pub(super) null_equal: Option<At<bool>>,
}

/// What stands before names after a join.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a list of names, or of a join `{ right = \"...\" }`")]
pub(super) struct AsText {
    /// Before those of the other stream's value columns.
    pub(super) right: At<String>,
}

/// A window: `{ length = "60s", slide = "10s" }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table such as `{ length = \"60s\", slide = \"10s\" }`")]
pub(super) struct WindowText {
    /// How far it reaches back: a multiple of the time between batches before it.
    pub(super) length: At<HumanDuration>,
    /// Time between windows, such a multiple too. Default: one window each batch.
    pub(super) slide: Option<At<HumanDuration>>,
}

/// A stateful step: the operator, or a table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an operator, or a table with it as `with`")]
pub(super) struct StateText {
    /// The operator; `update_state_by_key` takes a fold, too.
    pub(super) with: String,
    /// A file of JSON lines with the keys and what is kept for each at the beginning.
    pub(super) initial: Option<At<String>>,
    /// For `map_with_state`: how long nothing may come for a key before it goes. Default: for ever.
    pub(super) timeout: Option<At<HumanDuration>>,
    /// For `update_state_by_key`: only keys that have values are called for and come out. Default:
    /// false.
    #[serde(default)]
    pub(super) changed_only: bool,
    /// For `map_with_state`: the name of a stream of all keys with what is kept after each batch.
    pub(super) snapshots: Option<At<String>>,
}

impl From<String> for StateText {
    fn from(with: String) -> Self {
        Self { with, initial: None, timeout: None, changed_only: false, snapshots: None }
    }
}

/// A fold over a window.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table such as `{ with = \"sum\", length = \"60s\" }`")]
pub(super) struct FoldWindowText {
    /// The operator, or "sum", "count", "min" or "max".
    pub(super) with: At<String>,
    /// How far the window reaches back: a multiple of the time between batches before it.
    pub(super) length: At<HumanDuration>,
    /// Time between windows, such a multiple too. Default: one window each batch.
    pub(super) slide: Option<At<HumanDuration>>,
    /// The operator that takes out again what was folded in: then a window is made of the one
    /// before, at a cost that does not grow with its length. "sum" and "count" of whole numbers
    /// and decimals bring their own.
    pub(super) inverse: Option<At<String>>,
    /// Keeps results or hides them. Without it, a key whose values have all left stays, as
    /// `inverse` leaves it.
    pub(super) filter: Option<At<String>>,
}

/// The operation keys of a step, in the order of the reference.
pub(super) const OPERATIONS: &[&str] = &[
    "map",
    "flat_map",
    "filter",
    "map_partitions",
    "map_values",
    "flat_map_values",
    "reduce_by_key",
    "reduce",
    "group_by_key",
    "count",
    "count_by_value",
    "union",
    "join",
    "left_outer_join",
    "right_outer_join",
    "full_outer_join",
    "anti_join",
    "cogroup",
    "repartition",
    "key_by",
    "select",
    "window",
    "reduce_by_window",
    "count_by_window",
    "count_by_value_and_window",
    "reduce_by_key_and_window",
    "group_by_key_and_window",
    "combine_by_key",
    "update_state_by_key",
    "map_with_state",
    "aggregate",
    "aggregate_by_key_and_window",
    "rename",
    "where",
    "distinct",
    "sort_by",
    "top",
    "sample",
    "glom",
    "partition_by",
    "broadcast_join",
];

impl StepText {
    /// Where each operation key's value is written, in the order of [`OPERATIONS`].
    pub(super) fn operation_spans(&self) -> Vec<Option<Range<usize>>> {
        fn span<T>(at: &Option<At<T>>) -> Option<Range<usize>> {
            at.as_ref().map(|at| at.span.clone())
        }
        vec![
            span(&self.map),
            span(&self.flat_map),
            span(&self.filter),
            span(&self.map_partitions),
            span(&self.map_values),
            span(&self.flat_map_values),
            span(&self.reduce_by_key),
            span(&self.reduce),
            span(&self.group_by_key),
            span(&self.count),
            span(&self.count_by_value),
            span(&self.union),
            span(&self.join),
            span(&self.left_outer_join),
            span(&self.right_outer_join),
            span(&self.full_outer_join),
            span(&self.anti_join),
            span(&self.cogroup),
            span(&self.repartition),
            span(&self.key_by),
            span(&self.select),
            span(&self.window),
            span(&self.reduce_by_window),
            span(&self.count_by_window),
            span(&self.count_by_value_and_window),
            span(&self.reduce_by_key_and_window),
            span(&self.group_by_key_and_window),
            span(&self.combine_by_key),
            span(&self.update_state_by_key),
            span(&self.map_with_state),
            span(&self.aggregate),
            span(&self.aggregate_by_key_and_window),
            span(&self.rename),
            span(&self.condition),
            span(&self.distinct),
            span(&self.sort_by),
            span(&self.top),
            span(&self.sample),
            span(&self.glom),
            span(&self.partition_by),
            span(&self.broadcast_join),
        ]
    }
}

/// Tells editors that exactly one operation stands in a step.
fn one_operation(schema: &mut Schema) {
    let each = OPERATIONS.iter().map(|key| serde_json::json!({ "required": [key] }));
    schema.insert("oneOf".to_owned(), each.collect());
}

/// Where a sink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SinkType {
    Print,
    Files,
}

impl Vocabulary for SinkType {
    const WHAT: &'static str = "sink type";
    const WORDS: &'static [(&'static str, Self)] =
        &[("print", Self::Print), ("files", Self::Files)];
}

impl Vocabulary for FileFormat {
    const WHAT: &'static str = "format of files";
    const WORDS: &'static [(&'static str, Self)] =
        &[("json", Self::Json), ("csv", Self::Csv), ("text", Self::Text), ("arrow", Self::Arrow)];
}

/// How files are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
}

impl Vocabulary for Packing {
    const WHAT: &'static str = "way to pack files";
    const WORDS: &'static [(&'static str, Self)] = &[("gzip", Self::Gzip)];
}

/// A sink.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SinkText {
    /// `print` shows the first rows of each batch; `files` writes files, a folder a batch.
    #[serde(rename = "type")]
    pub(super) kind: At<Word<SinkType>>,
    /// The stream or source it is given.
    pub(super) from: At<String>,
    /// For `print`: rows at most. Default: 10.
    pub(super) rows: Option<At<Whole>>,
    /// For `files`: the folder in which each batch gets a folder of its own.
    pub(super) path: Option<At<String>>,
    /// For `files`: how a batch's folder begins, before `-` and its time. Default: the sink's name.
    pub(super) prefix: Option<At<String>>,
    /// For `files`: whether an empty batch makes a folder. Default: false.
    pub(super) empty_batches: Option<At<bool>>,
    /// For `files`: `json` has an object a line; `csv` has a line of names, then a line a row;
    /// `text` has rows as `print` shows them; `arrow` has Arrow's own files. Default: "json".
    pub(super) format: Option<At<Word<FileFormat>>>,
    /// For `files` but `arrow`, whose files are packed anyway: packs each. Default: not packed.
    pub(super) compress: Option<At<Word<Packing>>>,
    /// For `files`: how a batch's folder ends, behind its time and a dot. Default: it has no end.
    pub(super) suffix: Option<At<String>>,
    /// What becomes of the job when the sink failed. Default: as the job says.
    pub(super) on_failure: Option<At<Word<OnFailure>>>,
}
