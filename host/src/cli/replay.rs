//! Cli: `replay`: runs one of a job's last batches again, outside the job.
//!
//! Takes a batch's time, and other versions of plugins. Gives what came out against what did in the
//! job. Never touches the job: the server runs the batch beside it.

use anyhow::Context;
use serde_json::{Value, json};
use tidemill::limits::JOB_LINE_BYTES_MAX;
use tidemill::model::text::{escape, grouped, number_of};
use tidemill::model::time::BatchTime;

use super::args::ReplayArgs;
use super::ask::client_or;
use super::exit::{self, ENDED, FAILED};
use super::swap::{compared, files, lines};

/// Runs a batch again. The exit code is that of a failure when it fails, or when the same versions
/// give something else.
///
/// # Errors
/// When no server runs the job, or the batch's inputs are not retained.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<u8> {
    let (client, job) =
        client_or(&args.job, "what its batches read is kept by its process and ends with it")?;
    let body = json!({
        "batch_ms": args.batch,
        "plugins": files(&args.plugins)?,
        "partition": args.partition,
        "case": args.input_out.is_some(),
    });
    let report = client.post(&format!("/v1/jobs/{job}/replay"), Some(&body))?;
    if let Some(file) = &args.input_out {
        let case = report["case"].as_str().context("the server gives no case")?;
        std::fs::write(file, case)
            .with_context(|| format!("failed to write `{}`", file.display()))?;
    }
    let failed = report["failure"].is_string();
    let other = outputs(&report).any(|output| output["same"] == false);
    if args.json {
        exit::print(&format!("{report}\n"))?;
    } else {
        show(&report, !args.plugins.is_empty())?;
    }
    Ok(if failed || (other && args.plugins.is_empty()) { FAILED } else { ENDED })
}

fn outputs(report: &Value) -> impl Iterator<Item = &Value> {
    report["outputs"].as_array().into_iter().flatten()
}

fn show(report: &Value, is_other: bool) -> anyhow::Result<()> {
    exit::print(&format!(
        "batch {}: {}, {} us of cpu time, {} rejected\n",
        BatchTime(report["time_ms"].as_i64().unwrap_or_default()).rfc3339(),
        number_of(report["rows"].as_u64().unwrap_or_default(), "row", "rows"),
        grouped(report["cpu_us"].as_u64().unwrap_or_default()),
        number_of(report["rejected_rows"].as_u64().unwrap_or_default(), "row", "rows")
    ))?;
    if let Some(failure) = report["failure"].as_str() {
        exit::print(&format!("it failed: {}\n", escape(failure, JOB_LINE_BYTES_MAX)))?;
    }
    for output in outputs(report) {
        told(output, is_other)?;
    }
    lines(report["left_out"].as_array(), |line| (line, "left out: ", ""))
}

fn told(output: &Value, is_other: bool) -> anyhow::Result<()> {
    if is_other && output["compared"].is_object() {
        return compared(&output["compared"]);
    }
    let name = escape(output["output"].as_str().unwrap_or_default(), JOB_LINE_BYTES_MAX);
    let given = |part: &str| output["given"][part].as_u64().unwrap_or_default();
    let rows = number_of(given("rows"), "row", "rows");
    let rows = format!("{rows}, {}", number_of(given("bytes"), "byte", "bytes"));
    let with = match (output["recorded"].is_object(), &output["same"]) {
        (true, Value::Bool(true)) => "identical to what the sink was given",
        (true, _) if output["compared"]["same"] == true => {
            "not what the sink was given, which two runs agree on now"
        }
        (true, _) => "not what the sink was given; two runs now differ",
        (false, Value::Bool(true)) => {
            "two runs are identical; what the sink was given is not known"
        }
        (false, Value::Bool(false)) => "two runs differ",
        (false, _) => "nothing to compare it with",
    };
    exit::print(&format!("  {name}: {rows}: {with}\n"))?;
    lines(output["compared"]["lines"].as_array(), |line| (line, "    ", ""))
}
