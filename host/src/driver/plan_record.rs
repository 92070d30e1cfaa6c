//! Driver: what a batch is to be made of and by which code, as the batch log is told.
//!
//! Takes the plan, the plugins and a batch. Gives records. Never decides anything.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::plugins::JobPlugins;
use super::running_batch::RunningBatch;
use crate::model::stage::{FileRange, JobPlan, OperatorCall, PartitionInput, Stage};
use crate::store::batch_record::{BlockRecord, CallRecord, InputRecord, PluginRecord, RangeRecord};

/// The operators of plugins that a stage calls, as `plugin.operator`.
pub(super) fn operators_of(stage: &Stage) -> Vec<String> {
    stage.calls().into_iter().flat_map(operators_of_call).collect()
}

/// The operators of a plugin in one call, as `plugin.operator`.
pub(super) fn operators_of_call(call: &OperatorCall) -> Vec<String> {
    let OperatorCall::Guest { plugin, chain } = call else { return Vec::new() };
    chain.iter().map(|step| format!("{plugin}.{}", step.operator)).collect()
}

/// An operator with its parameters.
type Called<'a> = (&'a str, &'a Map<String, Value>);

/// The plugins of a job with what it calls of each.
pub(super) fn plugins_of(plan: &JobPlan, plugins: &JobPlugins) -> Vec<PluginRecord> {
    let mut calls: BTreeMap<&str, Vec<Called<'_>>> = BTreeMap::new();
    for call in plan.stages.iter().flat_map(Stage::calls) {
        let OperatorCall::Guest { plugin, chain } = call else { continue };
        let known = calls.entry(plugin).or_default();
        for step in chain {
            let call = (step.operator.as_str(), &step.parameters);
            if !known.contains(&call) {
                known.push(call);
            }
        }
    }
    let record = |(name, digest, version): (&str, &str, &str)| PluginRecord {
        name: name.to_owned(),
        digest: digest.to_owned(),
        version: version.to_owned(),
        calls: calls.get(name).into_iter().flatten().map(called).collect(),
    };
    plugins.loaded().map(record).collect()
}

fn called((operator, parameters): &(&str, &Map<String, Value>)) -> CallRecord {
    CallRecord { operator: (*operator).to_owned(), parameters: (*parameters).clone() }
}

/// What a batch reads, by source. Rows of files are not known before they are read.
pub(super) fn inputs_of(batch: &RunningBatch, sources: &[String]) -> Vec<InputRecord> {
    let mut inputs: BTreeMap<u32, InputRecord> = BTreeMap::new();
    for told in &batch.batch.submission.inputs {
        let source = sources.get(told.id.0 as usize).cloned().unwrap_or_default();
        let (blocks, files) = (Vec::new(), Vec::new());
        inputs.insert(told.id.0, InputRecord { source, rows: told.rows, bytes: 0, blocks, files });
    }
    for block in &batch.batch.blocks {
        if let Some(input) = inputs.get_mut(&block.id.source.0) {
            let (rows, bytes) = (block.rows, block.bytes as u64);
            input.bytes += bytes;
            input.blocks.push(BlockRecord { block: block.id.to_string(), rows, bytes });
        }
    }
    for partition in batch.batch.inputs.values().flatten() {
        if let PartitionInput::FileRange(range) = partition
            && let Some(input) = inputs.get_mut(&range.source.0)
        {
            input.bytes += range.end - range.start;
            add_range(&mut input.files, range);
        }
    }
    inputs.into_values().collect()
}

fn add_range(files: &mut Vec<RangeRecord>, range: &FileRange) {
    let path = range.path.display().to_string();
    match files.last_mut() {
        Some(last) if last.path == path && last.end == range.start => last.end = range.end,
        _ => files.push(RangeRecord { path, start: range.start, end: range.end }),
    }
}
