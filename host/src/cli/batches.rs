//! Cli: `batches`: what the batch log says of a job.
//!
//! Takes the job and how much is wanted. Gives a table, or JSON. Never writes to the log.

use std::time::Duration;

use tidemill::limits::JOB_LINE_BYTES_MAX;
use tidemill::model::text::{escape, grouped};
use tidemill::model::time::BatchTime;
use tidemill::model::version::PluginVersion;
use tidemill::store::batch_log::BatchQuery;
use tidemill::store::batch_record::BatchRecord;
use tidemill::store::data_folder::DataFolder;

use super::args::BatchesArgs;
use super::client::Client;
use super::data;
use super::exit::{self, ENDED};
use super::status_line::millis;

/// Shows the last batches of a job.
///
/// # Errors
/// When there is no log, it cannot be read, or it knows nothing of the job.
pub fn batches(args: &BatchesArgs) -> anyhow::Result<u8> {
    let (folders, job) = data::of_job(&args.job)?;
    let mut first = None;
    // A job that runs now is asked of its server, also where an earlier run has left a log.
    let is_served = |folder: &&DataFolder| matches!(Client::of(folder), Ok(Some(_)));
    let (served, left): (Vec<_>, Vec<_>) = folders.iter().partition(is_served);
    for folder in served.into_iter().chain(left) {
        match read(folder, &job, args.limit) {
            Ok(found) => return show(&found, args.json),
            // What the folder that comes first lacks is the error to tell.
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| anyhow::anyhow!("there is no data folder to look in")))
}

fn show(found: &[BatchRecord], as_json: bool) -> anyhow::Result<u8> {
    if !as_json {
        return exit::print(&table(found));
    }
    for record in found {
        exit::print(&format!("{}\n", serde_json::to_string(record)?))?;
    }
    Ok(ENDED)
}

/// From the process that writes the log, if one does.
fn read(folder: &DataFolder, job: &str, limit: u16) -> anyhow::Result<Vec<BatchRecord>> {
    if let Some(client) = Client::of(folder)? {
        let mut answer = client.get(&format!("/v1/jobs/{job}/batches?limit={limit}"))?;
        return Ok(serde_json::from_value(answer["batches"].take())?);
    }
    let log = folder.read_batch_log()?;
    let found = log.batches(job, BatchQuery { limit: usize::from(limit), before_ms: None })?;
    if found.is_empty() {
        let (folder, known) = (folder.path().display(), log.jobs()?.join("`, `"));
        anyhow::bail!("there is no batch of job `{job}` in `{folder}`, which knows `{known}`");
    }
    Ok(found)
}

/// A line a batch.
fn table(records: &[BatchRecord]) -> String {
    let head =
        ["BATCH", "OUTCOME", "ROWS IN", "ROWS OUT", "SCHEDULING", "PROCESSING", "TOTAL", "CODE"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(records.iter().map(line));
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Numbers end at the same column.
            let padded = if (2..7).contains(&column) {
                format!("{cell:>width$}  ")
            } else {
                format!("{cell:<width$}  ")
            };
            text.push_str(&padded);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        // The heads stand above the first batch.
        let record = place.checked_sub(1).and_then(|place| records.get(place));
        text.push_str(&record.and_then(run_again).unwrap_or_default());
    }
    text
}

/// Why a batch ran on the versions that it did, if there is anything to say, in a line below its
/// own.
fn run_again(record: &BatchRecord) -> Option<String> {
    let plan = record.plans.last()?;
    let reason = escape(plan.reason.as_deref()?, JOB_LINE_BYTES_MAX);
    Some(match plan.revision {
        1 => format!("  {reason}\n"),
        revision => format!("  run again, revision {revision}: {reason}\n"),
    })
}

fn line(record: &BatchRecord) -> [String; 8] {
    let end = record.end.as_ref();
    let rows_in =
        end.map_or_else(|| record.inputs.iter().map(|input| input.rows).sum(), |end| end.rows_in);
    let delay = |micros: Option<u64>| {
        micros.map_or_else(|| "-".to_owned(), |micros| millis(Duration::from_micros(micros)))
    };
    let plugins = record.plans.last().map(|plan| &plan.plugins[..]).unwrap_or_default();
    let code = plugins.iter().map(|plugin| {
        let (digest, version) = (plugin.digest.clone(), plugin.version.clone());
        format!("{} {}", plugin.name, PluginVersion { digest, version })
    });
    [
        BatchTime(record.time_ms).rfc3339(),
        record.outcome().to_owned(),
        grouped(rows_in),
        end.map_or_else(|| "-".to_owned(), |end| grouped(end.rows_out)),
        delay(end.map(|end| end.scheduling_delay_us)),
        delay(end.map(|end| end.processing_delay_us)),
        delay(end.map(|end| end.total_delay_us)),
        code.collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The story: a batch that was run again after a rollback looked like any other.
    #[test]
    fn batch_that_was_run_again_says_why_below_its_line() {
        let record = |plans: Value| -> BatchRecord {
            let record = json!({
                "job": "j", "seed": "0", "time_ms": 0, "run_us": 0, "submitted_us": 0,
                "started_us": 0, "inputs": [], "plans": plans,
            });
            serde_json::from_value(record).expect("it is a record")
        };
        let plan = |revision: u32, reason: Value| -> Value {
            json!({ "revision": revision, "reason": reason, "plugins": [] })
        };
        let first = plan(1, Value::Null);
        let again = [first.clone(), plan(2, json!("it trapped"))];
        let told = table(&[record(json!([first])), record(json!(again))]);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 4, "{told}");
        assert_eq!(lines[3], "  run again, revision 2: it trapped");
    }
}
