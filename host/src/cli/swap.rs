//! Cli: `swap`: has a running job run other versions of its plugins.
//!
//! Takes plugins and files. Gives what the new versions change, and what they made of the last
//! batches. Never loads a component itself: the server does.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Map, Value, json};
use tidemill::limits::JOB_LINE_BYTES_MAX;
use tidemill::model::text::{escape, grouped, number_of};
use tidemill::model::time::BatchTime;
use tidemill::model::version::PluginVersion;

use super::args::{OneJobArgs, SwapArgs};
use super::ask::{client_of, client_of_job};
use super::client::{Client, Refusal};
use super::exit::{self, ENDED, FAILED};
use super::{all_jobs, data, swap_wait};

/// Has a job, or all jobs of a version, run other versions of plugins, and shows what they change.
///
/// # Errors
/// When no server runs the job, or the swap is refused.
pub fn swap(args: &SwapArgs) -> anyhow::Result<u8> {
    let (job, plugins) = args.named().map_err(anyhow::Error::msg)?;
    let body = body(args, &plugins)?;
    if !args.all_jobs {
        let (client, job) = client_of_job(&args.job)?;
        return swap_one(&client, &job, &body, ("", args.wait)).or_else(|error| {
            if !is_of_a_batch(&error) {
                return Err(error);
            }
            exit::show(&error);
            Ok(FAILED)
        });
    }
    let (client, job) = match job {
        Some(_) => client_of_job(&args.job).map(|(client, job)| (client, Some(job)))?,
        None => (client_of(&data::of_server(args.job.data.data.as_deref())?)?, None),
    };
    let names: Vec<&str> = plugins.iter().map(|(name, _)| name.as_str()).collect();
    let mut code = ENDED;
    for job in all_jobs::chosen(&client, job.as_deref(), &names)? {
        match swap_one(&client, &job, &body, (&format!("{job}: "), args.wait)) {
            Ok(of_job) => code = of_job.max(code),
            Err(error) => {
                exit::print(&format!("{job}: refused: {error}\n"))?;
                code = FAILED;
            }
        }
    }
    Ok(code)
}

/// Whether a batch that was run again speaks against the new version: that is what `replay` ends
/// with the code of a failure for.
fn is_of_a_batch(error: &anyhow::Error) -> bool {
    let refusal = error.downcast_ref::<Refusal>();
    refusal.is_some_and(|refusal| refusal.code == "replay_refused")
}

/// What a server is asked for a swap with.
fn body(args: &SwapArgs, plugins: &[(String, PathBuf)]) -> anyhow::Result<Value> {
    let mut body = json!({
        "plugins": files(plugins)?,
        "allow": args.allow,
        "drop_state": args.drop_state,
        "restart_windows": args.restart_windows,
        "force": args.force,
        "slower_max": args.slower_max,
        "replay": !args.no_replay,
        "same": args.same,
        "shadow_batches": args.shadow,
    });
    if let Some(share) = args.shadow_share {
        body["shadow_share"] = share.into();
    }
    Ok(body)
}

/// Has one job swapped, and shows what that changes, each line behind the words `before`; waits
/// for what becomes of it, if that is asked for.
fn swap_one(
    client: &Client,
    job: &str,
    body: &Value,
    (before, waits): (&str, bool),
) -> anyhow::Result<u8> {
    let report = client.post(&format!("/v1/jobs/{job}/swap"), Some(body))?;
    let when = match report["shadow_batches"].as_u64().unwrap_or_default() {
        0 => "from the next batch on".to_owned(),
        batches => {
            let have = number_of(batches, "batch has", "batches have");
            format!("when {have} run in the shadow")
        }
    };
    for change in report["plugins"].as_array().context("the server names no plugins")? {
        let version = |key: &str| version_of(&change[key]);
        let size = |key: &str| grouped(change["bytes"][key].as_u64().unwrap_or_default());
        exit::print(&format!(
            "{before}{}: {} -> {}, {} -> {} bytes, {when}\n",
            change["plugin"].as_str().unwrap_or_default(),
            version("from"),
            version("to"),
            size("from"),
            size("to")
        ))?;
        lines(change["differences"].as_array(), |line| (line, "  ", ""))?;
    }
    let dropped = report["dropped_states"].as_array();
    lines(dropped, |state| (&state["step"], "step ", " begins anew"))?;
    let restarted = report["restarted_windows"].as_array();
    lines(restarted, |stream| (stream, "windows of ", " begin anew"))?;
    let made = report["recomputed_windows"].as_array();
    lines(made, |stream| (stream, "windows of ", " go on, with the new version's rows"))?;
    replayed(&report["replay"])?;
    if waits { swap_wait::wait(client, job, &report, before) } else { Ok(ENDED) }
}

/// Has a job go back to the versions before, and shows what that changes.
///
/// # Errors
/// When there is nothing to go back to, or no server runs the job.
pub fn roll_back(args: &OneJobArgs) -> anyhow::Result<u8> {
    let (client, job) = client_of_job(args)?;
    let standing = || client.get(&format!("/v1/jobs/{job}/plugins"));
    let before = standing()?;
    client.post(&format!("/v1/jobs/{job}/rollback"), None)?;
    let after = standing()?;
    let mut changes = Vec::new();
    for from in before["plugins"].as_array().into_iter().flatten() {
        let name = from["name"].as_str().unwrap_or_default();
        let plugins = after["plugins"].as_array().into_iter().flatten();
        let runs = plugins.into_iter().find(|plugin| plugin["name"] == name);
        // The next batch may have begun meanwhile.
        let to = after["waiting"].get(name).or(runs).unwrap_or(from);
        if to["digest"] != from["digest"] {
            let (from, to) = (version_of(from), version_of(to));
            changes.push(format!("{name}: {from} -> {to}, from the next batch on\n"));
        }
    }
    if changes.is_empty() {
        changes.push("what waited, or ran in the shadow, is given up: no version changes\n".into());
    }
    exit::print(&changes.concat())
}

/// A version, as a server tells it.
pub(super) fn version_of(version: &Value) -> PluginVersion {
    let word = |part: &str| escape(version[part].as_str().unwrap_or_default(), JOB_LINE_BYTES_MAX);
    PluginVersion { digest: word("digest"), version: word("version") }
}

/// Files by the names of their plugins, as a server finds them.
///
/// # Errors
/// When a plugin is given twice, or a path is no text.
pub(super) fn files(given: &[(String, PathBuf)]) -> anyhow::Result<Map<String, Value>> {
    let mut plugins = Map::new();
    for (plugin, file) in given {
        let path = std::path::absolute(file)
            .with_context(|| format!("failed to find `{}`", file.display()))?;
        let path = path.to_str().with_context(|| format!("`{}` is no text", file.display()))?;
        if plugins.insert(plugin.clone(), path.into()).is_some() {
            anyhow::bail!("plugin `{plugin}` is given twice");
        }
    }
    Ok(plugins)
}

/// What the new versions made of the last batches.
fn replayed(replay: &Value) -> anyhow::Result<()> {
    exit::print(&batches(&replay["batches"]))?;
    lines(replay["not_tried"].as_array(), |line| (line, "not run again: ", ""))?;
    lines(replay["left_out"].as_array(), |line| (line, "left out of it: ", ""))
}

/// Of the first batch that comes out otherwise the rows, of all others a line with how many: what
/// differs in one mostly differs in the next in the same way.
fn batches(of: &Value) -> String {
    let (mut text, mut is_shown) = (String::new(), false);
    for batch in of.as_array().into_iter().flatten() {
        let outputs = || batch["outputs"].as_array().into_iter().flatten();
        text.push_str(&run_again(batch));
        if !is_shown && outputs().any(|output| output["same"] == false) {
            is_shown = true;
            text.push('\n');
            text.extend(outputs().map(in_full));
        } else {
            text.extend(outputs().map(|output| format!("; {}", counts(output))));
            text.push('\n');
        }
    }
    text
}

fn run_again(batch: &Value) -> String {
    let number = |part: &str| grouped(batch["cpu_us"][part].as_u64().unwrap_or_default());
    let time = BatchTime(batch["time_ms"].as_i64().unwrap_or_default()).rfc3339();
    let rows = number_of(batch["rows"].as_u64().unwrap_or_default(), "row", "rows");
    format!("batch {time} run again: {rows}, cpu {} -> {} us", number("from"), number("to"))
}

/// An output of two runs: how large it is, and the rows that only one has.
pub(super) fn compared(output: &Value) -> anyhow::Result<()> {
    exit::print(&in_full(output)).map(drop)
}

fn in_full(output: &Value) -> String {
    let mut text = format!("  {}\n", counts(output));
    for line in output["lines"].as_array().into_iter().flatten() {
        let line = escape(line.as_str().unwrap_or_default(), JOB_LINE_BYTES_MAX);
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// An output of two runs without its rows.
fn counts(output: &Value) -> String {
    let name = escape(output["output"].as_str().unwrap_or_default(), JOB_LINE_BYTES_MAX);
    let size = |side: &str, part: &str| output[side][part].as_u64().unwrap_or_default();
    let (rows, bytes) = (size("to", "rows"), size("to", "bytes"));
    let (rows, bytes) = (number_of(rows, "row", "rows"), number_of(bytes, "byte", "bytes"));
    if output["same"] == true {
        return format!("{name}: identical, {rows}, {bytes}");
    }
    format!(
        "{name}: {} -> {rows}, {} -> {bytes}, {} gone, {} come",
        grouped(size("from", "rows")),
        grouped(size("from", "bytes")),
        number_of(output["rows_gone"].as_u64().unwrap_or_default(), "row", "rows"),
        number_of(output["rows_come"].as_u64().unwrap_or_default(), "row", "rows")
    )
}

/// A line for each value: its text, between words before and after.
pub(super) fn lines(
    values: Option<&Vec<Value>>,
    line: impl Fn(&Value) -> (&Value, &'static str, &'static str),
) -> anyhow::Result<()> {
    for value in values.into_iter().flatten() {
        let (text, before, after) = line(value);
        let text = escape(text.as_str().unwrap_or_default(), JOB_LINE_BYTES_MAX);
        exit::print(&format!("{before}{text}{after}\n"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(time_ms: i64, lines: &[&str]) -> Value {
        let measure = json!({ "rows": 2, "bytes": 30 });
        let output = json!({
            "output": "sink `out`", "same": lines.is_empty(), "from": measure, "to": measure,
            "rows_gone": lines.len() / 2, "rows_come": lines.len() / 2, "lines": lines,
        });
        let cpu = json!({ "from": 10, "to": 1200 });
        json!({ "time_ms": time_ms, "rows": 1, "cpu_us": cpu, "outputs": [output] })
    }

    /// The story: a swap that changes each row printed ten lines for each of nine batches, and
    /// what the swap itself would do was far above them.
    #[test]
    fn rows_of_the_first_batch_that_differs_are_shown_and_of_others_their_counts() {
        let changed = ["- (200,2)", "+ (2,2)"];
        let told = json!([batch(1000, &[]), batch(2000, &changed), batch(3000, &changed)]);
        let [first, second, third] =
            [1, 2, 3].map(|second| BatchTime(second * 1000).rfc3339().to_string());
        let differs = "sink `out`: 2 -> 2 rows, 30 -> 30 bytes, 1 row gone, 1 row come";
        let expected = format!(
            "batch {first} run again: 1 row, cpu 10 -> 1,200 us; sink `out`: identical, 2 rows, \
             30 bytes\n\
             batch {second} run again: 1 row, cpu 10 -> 1,200 us\n  {differs}\n    - (200,2)\n    \
             + (2,2)\n\
             batch {third} run again: 1 row, cpu 10 -> 1,200 us; {differs}\n"
        );
        assert_eq!(batches(&told), expected);
    }
}
