//! Driver: a batch as a case of the test kit.
//!
//! Takes what a batch read and what came out. Gives a line of JSON that `tidemill test` takes.
//! Never gives more than a case may have.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use serde_json::Value;

use super::run::Output;
use crate::driver::retained::RetainedBatch;
use crate::limits::REPLAY_CASE_BYTES_MAX;
use crate::model::id::SourceId;
use crate::model::pipeline::Pipeline;
use crate::sink::json_lines::json_lines;

/// The case; none when it is too large.
pub(super) fn write(
    pipeline: &Pipeline,
    batch: &RetainedBatch,
    partition: Option<usize>,
    outputs: &[Output],
) -> Option<String> {
    let mut read: BTreeMap<&str, String> = BTreeMap::new();
    for (id, source) in (0..).map(SourceId).zip(&pipeline.sources) {
        let dataset = match batch.sources.get(&id) {
            None => "null".to_owned(),
            Some(partitions) => {
                let wanted = |number: usize| partition.is_none_or(|wanted| wanted == number);
                let wanted = partitions.iter().enumerate().filter(|(number, _)| wanted(*number));
                rows(wanted.flat_map(|(_, slices)| slices))
            }
        };
        read.insert(&source.name, dataset);
    }
    let mut made: BTreeMap<&str, String> = BTreeMap::new();
    for (number, sink) in pipeline.sinks.iter().enumerate() {
        let output = outputs.iter().find(|output| output.sink.is_some_and(|of| of.0 == number));
        // What state and windows make takes more than one batch.
        let any = || "\"any\"".to_owned();
        let dataset = output.map_or_else(any, |output| rows(output.partitions.iter().flatten()));
        made.insert(&sink.from, dataset);
    }
    let broadcasts = batch.broadcasts.all();
    let broadcasts: BTreeMap<&str, String> =
        broadcasts.map(|(name, version)| (name, rows([version.rows()].into_iter()))).collect();
    let most = batch.sources.values().map(Vec::len).max().unwrap_or(1).max(1);
    let partitions = if partition.is_some() { 1 } else { most };
    let name = Value::from(format!("batch {} of {}", batch.time.0, pipeline.name));
    let mut case = format!("{{\"name\":{name},\"partitions\":{partitions}");
    for (key, datasets) in [("in", &read), ("out", &made), ("broadcasts", &broadcasts)] {
        if datasets.is_empty() {
            continue;
        }
        let one = |(name, dataset): (&&str, &String)| format!("{}:[{dataset}]", Value::from(*name));
        let all: Vec<String> = datasets.iter().map(one).collect();
        case.push_str(&format!(",\"{key}\":{{{}}}", all.join(",")));
    }
    case.push_str("}\n");
    (case.len() <= REPLAY_CASE_BYTES_MAX).then_some(case)
}

/// Rows as a list of objects.
fn rows<'a>(slices: impl Iterator<Item = &'a RecordBatch>) -> String {
    let mut text = "[".to_owned();
    for slice in slices {
        // Past the bound nobody takes it: it need not be longer.
        if text.len() > REPLAY_CASE_BYTES_MAX {
            break;
        }
        for line in String::from_utf8_lossy(&json_lines(slice)).lines() {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(line);
        }
    }
    text.push(']');
    text
}
