//! Control: batches that are run again, as they are asked for over HTTP and answered.
//!
//! Takes a body. Gives what the driver reports as an answer. Never runs a batch itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::ControlError;
use super::views::ReplayBody;
use crate::driver::replay::{ReplayAsked, ReplayControl};
use crate::driver::swap::NewCode;
use crate::model::output_measure::OutputMeasure;
use crate::model::replay::{ComparedBatch, ComparedOutput, GateReport};
use crate::model::replayed::{ReplayReport, ReplayedOutput};
use crate::model::time::BatchTime;
use crate::model::version::{PluginVersion, PluginVersions};

/// Has a batch of a job run again; takes as long as that does.
///
/// # Errors
/// When its inputs are not retained, or other versions do not fit the job.
pub(super) fn replay(replays: &ReplayControl, body: ReplayBody) -> Result<Value, ControlError> {
    let ReplayBody { batch_ms, plugins, partition, case } = body;
    are_absolute(&plugins)?;
    let code = |(name, path)| (name, NewCode::Component(path));
    let plugins = plugins.into_iter().map(code).collect();
    let asked = ReplayAsked { time: batch_ms.map(BatchTime), plugins, partition, case };
    let report = replays.replay(&asked).map_err(ControlError::Replay)?;
    Ok(answer(&report))
}

/// Refuses paths that mean something else on the server than where they were written.
pub(super) fn are_absolute(plugins: &BTreeMap<String, PathBuf>) -> Result<(), ControlError> {
    match plugins.values().find(|path| !path.is_absolute()) {
        None => Ok(()),
        Some(relative) => {
            let message = format!("`{}` is no absolute path", relative.display());
            Err(ControlError::BadRequest { message })
        }
    }
}

/// What new versions did with the last batches.
pub(super) fn gate(report: &GateReport) -> Value {
    let batch = |batch: &ComparedBatch| {
        let outputs: Vec<Value> = batch.outputs.iter().map(compared).collect();
        json!({
            "time_ms": batch.time.0,
            "rows": batch.rows,
            "cpu_us": { "from": micros(batch.cpu.0), "to": micros(batch.cpu.1) },
            "rejected_rows": { "from": batch.rejected.0, "to": batch.rejected.1 },
            "outputs": outputs,
        })
    };
    let batches: Vec<Value> = report.batches.iter().map(batch).collect();
    json!({ "batches": batches, "left_out": report.left_out, "not_tried": report.not_tried })
}

fn compared(output: &ComparedOutput) -> Value {
    json!({
        "output": output.name,
        "same": output.is_same(),
        "from": measure(&output.before),
        "to": measure(&output.after),
        "rows_gone": output.gone,
        "rows_come": output.come,
        "lines": output.lines,
    })
}

fn measure(OutputMeasure { rows, bytes, hash }: &OutputMeasure) -> Value {
    json!({ "rows": rows, "bytes": bytes, "hash": hash })
}

fn answer(report: &ReplayReport) -> Value {
    let output = |output: &ReplayedOutput| {
        json!({
            "output": output.name,
            "same": output.is_same(),
            "given": measure(&output.measure),
            "recorded": output.recorded.as_ref().map(measure),
            "compared": output.compared.as_ref().map(compared),
        })
    };
    let outputs: Vec<Value> = report.outputs.iter().map(output).collect();
    json!({
        "time_ms": report.time.0,
        "rows": report.rows,
        "recorded_plugins": versions(&report.recorded),
        "plugins": versions(&report.plugins),
        "cpu_us": micros(report.cpu),
        "rejected_rows": report.rejected,
        "outputs": outputs,
        "left_out": report.left_out,
        "failure": report.failure,
        "case": report.case,
    })
}

fn versions(plugins: &PluginVersions) -> Value {
    let one = |(name, version): (&String, &PluginVersion)| {
        (name.clone(), json!({ "digest": version.digest, "version": version.version }))
    };
    Value::Object(plugins.iter().map(one).collect())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
