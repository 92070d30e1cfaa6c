//! Rig: what the benches of parts are given: operators, tasks, and the text as columns.
//!
//! Takes names of plugins and operators. Gives them ready to be called, as a task would find them.
//! Never builds or loads anything before it is asked for.

use std::sync::{Arc, LazyLock};

use anyhow::Context;
use arrow_array::{ArrayRef, RecordBatch};
use serde_json::Map;
use tidemill::api::native::NativePlugin;
use tidemill::driver::engine::Engine;
use tidemill::ingest::decoder::{Decoded, Decoder};
use tidemill::ingest::line_column::LineColumn;
use tidemill::limits::LINE_BYTES_DEFAULT;
use tidemill::model::column_type::ColumnType;
use tidemill::model::operator::{AppliedRows, Operator, SharedOperator, TaskFacts, TaskScope};
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::stage::ChainStep;
use tidemill::model::time::BatchTime;
use tidemill::operator::group::{Groups, group_rows};
use tidemill::wasm::host_state::SilentPort;
use tidemill::wasm::operator::GuestOperator;
use tidemill::wasm::plugin::Plugin;
use tidemill::wasm::plugin_limits::PluginLimits;
use tidemill_benches::plugin;
use tidemill_benches::text::Text;

/// The chain of the plugin `word_count`.
pub const CHAIN: [&str; 2] = ["split", "pair"];

/// The plugin `word_count`.
pub fn word_count() -> anyhow::Result<Arc<Plugin>> {
    load(&plugin::component("word_count")?)
}

/// A guest that only tests and benches run.
pub fn test_guest(guest: &str) -> anyhow::Result<Arc<Plugin>> {
    load(&plugin::test_guest(guest)?)
}

fn load(component: &std::path::Path) -> anyhow::Result<Arc<Plugin>> {
    static ENGINE: LazyLock<anyhow::Result<Arc<Engine>>> = LazyLock::new(|| plugin::engine(None));
    let engine = ENGINE.as_ref().map_err(|error| anyhow::anyhow!("no engine: {error:#}"))?;
    Ok(engine.sandbox.load_file(component, PluginLimits::default())?)
}

/// Operators of a plugin in one call.
pub fn guest(plugin: Arc<Plugin>, chain: &[&str]) -> anyhow::Result<SharedOperator> {
    let step = |name: &&str| ChainStep { operator: (*name).to_owned(), parameters: Map::default() };
    let chain = chain.iter().map(step).collect();
    Ok(Arc::new(GuestOperator::new(plugin, "bench", chain, Arc::new(SilentPort))?))
}

/// Operators of `word_count` in one call, linked into this process.
pub fn native(chain: &[&str]) -> anyhow::Result<SharedOperator> {
    Ok(NativePlugin::new(word_count::operators())?.chain(chain)?.operator)
}

/// The scope of a task with such an input; it has no instance yet.
pub fn task(input: &[RecordBatch]) -> TaskScope {
    let rows = input.iter().map(|slice| slice.num_rows() as u64).sum();
    let bytes = input.iter().map(|slice| slice.get_array_memory_size() as u64).sum();
    TaskScope::new(TaskFacts {
        batch_time: BatchTime(0),
        partition: 0,
        seed: 0,
        input_rows: rows,
        input_bytes: bytes,
    })
}

/// The rows of the operator's answer.
pub fn applied(
    operator: &dyn Operator,
    scope: &mut TaskScope,
    input: &RecordBatch,
) -> anyhow::Result<RecordBatch> {
    match operator.apply(scope, false, input)?.rows {
        AppliedRows::Batch(rows) => Ok(rows),
        AppliedRows::Selection(_) => anyhow::bail!("rows were expected, a selection came"),
    }
}

/// The rows that a stream of lines has.
pub fn line_schema() -> StreamSchema {
    StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)])
}

/// The rows that word counts have: a word and a number.
pub fn count_schema() -> StreamSchema {
    let columns = vec![Column::new("word", ColumnType::Utf8), Column::new("n", ColumnType::Int64)];
    StreamSchema::new(columns).with_keys(1)
}

/// The benches' text: the same in every run.
pub fn text() -> Text {
    Text::new(1)
}

/// The lines of the text, cut into slices as a receiver cuts them.
pub fn lines() -> Vec<RecordBatch> {
    let mut column = LineColumn::new(line_schema().to_arrow(), LINE_BYTES_DEFAULT);
    let mut decoded = Decoded::new(&OnBadRow::Fail);
    column.decode(text().bytes(), &mut decoded);
    column.finish(&mut decoded);
    decoded.slices
}

/// The words of the text, each with a one: what the chain makes of each slice of lines.
pub fn words() -> anyhow::Result<Vec<RecordBatch>> {
    let (chain, lines) = (native(&CHAIN)?, lines());
    lines.iter().map(|slice| applied(&*chain, &mut task(&lines), slice)).collect()
}

/// The key column of a slice of words.
pub fn keys(slice: &RecordBatch) -> &[ArrayRef] {
    &slice.columns()[..1]
}

/// The words of a slice by group.
pub fn grouped(slice: &RecordBatch) -> anyhow::Result<Groups> {
    group_rows(keys(slice), slice.num_rows()).context("words can be compared")
}
