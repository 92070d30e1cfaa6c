//! Cli: what becomes of a swap: whether batches run on the new versions, or the job went back.
//!
//! Takes the answer to a swap. Gives an exit code that scripts can trust. Never changes anything.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tidemill::limits::{JOB_LINE_BYTES_MAX, SWAP_WATCHED_BATCHES};
use tidemill::model::text::escape;

use super::client::Client;
use super::exit::{self, ENDED, FAILED};

/// How often the server is asked.
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// How a swap stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// No batch has run on the new versions yet.
    Waits,
    /// A batch counts that did.
    Runs,
    /// It is undone, or was never done.
    Undone(String),
}

/// Waits until a batch counts that ran on the new versions, or they are gone again.
///
/// # Errors
/// When the server does not answer any more.
#[expect(clippy::disallowed_methods, reason = "another process is asked, which calls nobody")]
pub fn wait(client: &Client, job: &str, report: &Value, before: &str) -> anyhow::Result<u8> {
    let changes = report["plugins"].as_array().context("the server names no plugins")?;
    let path = format!("/v1/jobs/{job}");
    let mut is_told = false;
    loop {
        // The job first: what has become of it since is seen in the versions.
        let told = client.get(&path)?;
        match standing(changes, &told, &client.get(&format!("{path}/plugins"))?) {
            Standing::Waits => {
                if told["state"] == "paused" && !std::mem::replace(&mut is_told, true) {
                    let words = "the job is paused: `tidemill resume` has it go on";
                    exit::print(&format!("{before}{words}\n"))?;
                }
                std::thread::sleep(ASKED_EVERY);
            }
            Standing::Runs => {
                exit::print(&format!("{before}batches run on it\n"))?;
                return Ok(ENDED);
            }
            Standing::Undone(reason) => {
                exit::print(&format!("{before}it does not run: {}\n", reason.trim_end()))?;
                return Ok(FAILED);
            }
        }
    }
}

fn standing(changes: &[Value], job: &Value, versions: &Value) -> Standing {
    let digest_of = |change: &Value| change["to"]["digest"].clone();
    for held in versions["quarantined"].as_array().into_iter().flatten() {
        let is_it = |change: &Value| {
            change["plugin"] == held["plugin"] && digest_of(change) == held["digest"]
        };
        if changes.iter().any(is_it) {
            let reason = held["reason"].as_str().unwrap_or_default();
            return Standing::Undone(escape(reason, 4 * JOB_LINE_BYTES_MAX));
        }
    }
    let runs = |change: &Value| {
        let plugins = versions["plugins"].as_array().into_iter().flatten();
        let mut named = plugins.filter(|plugin| plugin["name"] == change["plugin"]);
        named.any(|plugin| plugin["digest"] == digest_of(change))
    };
    let is_named = |change: &Value| change["plugin"].as_str().unwrap_or_default().to_owned();
    let waits = |change: &Value| {
        let plugin = is_named(change);
        versions["waiting"][&plugin]["digest"] == digest_of(change)
            || job["shadow"]["digests"][&plugin] == digest_of(change)
    };
    let has_run = versions["watched_batches"]
        .as_u64()
        .is_none_or(|left| left < u64::from(SWAP_WATCHED_BATCHES));
    if changes.iter().all(runs) && has_run {
        return Standing::Runs;
    }
    if job["failure"].is_string() || job["state"] == "stopped" {
        let failure = job["failure"].as_str().map(|reason| escape(reason, JOB_LINE_BYTES_MAX));
        return Standing::Undone(failure.unwrap_or_else(|| "the job has ended".to_owned()));
    }
    match changes.iter().all(runs) || changes.iter().any(waits) {
        true => Standing::Waits,
        false => Standing::Undone("the job was rolled back".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(job: Value, versions: Value) -> Standing {
        let changes = [json!({ "plugin": "log", "to": { "digest": "two" } })];
        standing(&changes, &job, &versions)
    }

    fn running(digest: &str, watched: Value) -> Value {
        json!({
            "plugins": [{ "name": "log", "digest": digest }], "waiting": null,
            "watched_batches": watched, "quarantined": [],
        })
    }

    #[test]
    fn a_swap_is_done_when_a_batch_counts_that_ran_on_it() {
        let job = || json!({ "state": "running", "failure": null, "shadow": null });
        let waiting = json!({ "log": { "digest": "two" } });
        let waits = json!({ "waiting": waiting, "plugins": [], "quarantined": [] });
        assert_eq!(of(job(), waits), Standing::Waits);
        let shadow = json!({ "state": "running", "shadow": { "digests": { "log": "two" } } });
        assert_eq!(of(shadow, running("one", Value::Null)), Standing::Waits);
        let none_yet = json!(SWAP_WATCHED_BATCHES);
        assert_eq!(of(job(), running("two", none_yet)), Standing::Waits, "none has ended");
        assert_eq!(of(job(), running("two", json!(99))), Standing::Runs);
        assert_eq!(of(job(), running("two", Value::Null)), Standing::Runs, "it is proven");
    }

    #[test]
    fn a_swap_is_undone_by_a_rollback_a_quarantine_and_an_end() {
        let job = json!({ "state": "running", "failure": null, "shadow": null });
        let undone = |words: &str| Standing::Undone(words.to_owned());
        let back = running("one", Value::Null);
        assert_eq!(of(job.clone(), back.clone()), undone("the job was rolled back"));
        let mut bad = back.clone();
        let held = json!({ "plugin": "log", "digest": "two", "reason": "it trapped" });
        bad["quarantined"] = json!([held]);
        assert_eq!(of(job, bad), undone("it trapped"));
        let ended = json!({ "state": "stopped", "failure": null });
        assert_eq!(of(ended, back.clone()), undone("the job has ended"));
        let failed = json!({ "state": "failed", "failure": "no room" });
        assert_eq!(of(failed, back), undone("no room"));
    }
}
