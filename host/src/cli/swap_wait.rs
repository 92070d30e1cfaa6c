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
    /// It is not there any more, and the job's log has the reason.
    Gone,
}

/// What the job's log says where the shadow has refused a swap and nothing is quarantined for it.
const IN_THE_SHADOW: &str = " is refused in the shadow: ";
const ROLLED_BACK: &str = "the job was rolled back";
/// How often the job's log is asked why.
const ASKED_FOR_WHY: usize = 20;

/// Waits until a batch counts that ran on the new versions, or they are gone again.
///
/// # Errors
/// When the server does not answer any more.
pub fn wait(client: &Client, job: &str, report: &Value, before: &str) -> anyhow::Result<u8> {
    let changes = report["plugins"].as_array().context("the server names no plugins")?;
    let path = format!("/v1/jobs/{job}");
    let logs = format!("{path}/logs");
    let begun =
        client.get(&logs)?["lines"].as_array().and_then(|lines| lines.last()?["number"].as_u64());
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
                stand_by();
            }
            Standing::Runs => {
                exit::print(&format!("{before}batches run on it\n"))?;
                return Ok(ENDED);
            }
            Standing::Undone(reason) => return undone(before, &reason),
            Standing::Gone => {
                let lines = format!("{logs}?after={}", begun.unwrap_or_default());
                let why = || client.get(&lines).map(|lines| why_gone(&lines));
                return undone(before, &heard(why)?);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "another process is asked, which calls nobody")]
fn stand_by() {
    std::thread::sleep(ASKED_EVERY);
}

fn undone(before: &str, reason: &str) -> anyhow::Result<u8> {
    exit::print(&format!("{before}it does not run: {}\n", reason.trim_end()))?;
    Ok(FAILED)
}

/// The reason when it can be heard: a job's versions are seen a moment before its log tells why.
fn heard(why: impl Fn() -> anyhow::Result<Option<String>>) -> anyhow::Result<String> {
    for _ in 0..ASKED_FOR_WHY {
        if let Some(reason) = why()? {
            return Ok(reason);
        }
        stand_by();
    }
    Ok(ROLLED_BACK.to_owned())
}

/// Why a swap is gone that nothing is quarantined for, of what the job has said since.
fn why_gone(lines: &Value) -> Option<String> {
    let lines = || lines["lines"].as_array().into_iter().flatten();
    let texts = || lines().filter_map(|line| line["text"].as_str());
    let refused = texts().filter_map(|text| text.split_once(IN_THE_SHADOW)).next_back();
    let reason = refused.map(|(_, reason)| escape(reason, 4 * JOB_LINE_BYTES_MAX));
    let is_back = || texts().any(|text| text.contains("rolled back"));
    reason.or_else(|| is_back().then(|| ROLLED_BACK.to_owned()))
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
        false => Standing::Gone,
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

    /// The story: a refusal of the shadow for other rows was told as a rollback.
    #[test]
    fn why_a_swap_is_gone_is_taken_from_the_log() {
        let line = |text: &str| json!({ "number": 1, "text": text });
        let refused = line("the swap to log two is refused in the shadow: it gave other rows");
        let swapped = line("swapped: from batch 7 on with log one");
        let lines = json!({ "lines": [swapped, refused] });
        assert_eq!(why_gone(&lines).as_deref(), Some("it gave other rows"));
        assert_eq!(why_gone(&json!({ "lines": [] })), None, "it is not told yet");
        let back = json!({ "lines": [line("rolled back: from batch 7 on with log one")] });
        assert_eq!(why_gone(&back).as_deref(), Some(ROLLED_BACK));
    }

    #[test]
    fn a_swap_is_undone_by_a_rollback_a_quarantine_and_an_end() {
        let job = json!({ "state": "running", "failure": null, "shadow": null });
        let undone = |words: &str| Standing::Undone(words.to_owned());
        let back = running("one", Value::Null);
        assert_eq!(of(job.clone(), back.clone()), Standing::Gone);
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
