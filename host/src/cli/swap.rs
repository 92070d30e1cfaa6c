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
use super::client::Client;
use super::exit::{self, ENDED, FAILED};
use super::{all_jobs, data};

/// Has a job, or all jobs of a version, run other versions of plugins, and shows what they change.
///
/// # Errors
/// When no server runs the job, or the swap is refused.
pub fn swap(args: &SwapArgs) -> anyhow::Result<u8> {
    let (job, plugins) = args.named().map_err(anyhow::Error::msg)?;
    let body = body(args, &plugins)?;
    if !args.all_jobs {
        let (client, job) = client_of_job(&args.job)?;
        return swap_one(&client, &job, &body, "");
    }
    let (client, job) = match job {
        Some(_) => client_of_job(&args.job).map(|(client, job)| (client, Some(job)))?,
        None => (client_of(&data::of_server(args.job.data.data.as_deref())?)?, None),
    };
    let names: Vec<&str> = plugins.iter().map(|(name, _)| name.as_str()).collect();
    let mut code = ENDED;
    for job in all_jobs::chosen(&client, job.as_deref(), &names)? {
        if let Err(error) = swap_one(&client, &job, &body, &format!("{job}: ")) {
            exit::print(&format!("{job}: refused: {error}\n"))?;
            code = FAILED;
        }
    }
    Ok(code)
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

/// Has one job swapped, and shows what that changes, each line behind the words `before`.
fn swap_one(client: &Client, job: &str, body: &Value, before: &str) -> anyhow::Result<u8> {
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
    Ok(ENDED)
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
fn version_of(version: &Value) -> PluginVersion {
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
    for batch in replay["batches"].as_array().into_iter().flatten() {
        let number = |key: &str, part: &str| batch[key][part].as_u64().unwrap_or_default();
        exit::print(&format!(
            "batch {} run again: {} rows, cpu {} -> {} us\n",
            BatchTime(batch["time_ms"].as_i64().unwrap_or_default()).rfc3339(),
            grouped(batch["rows"].as_u64().unwrap_or_default()),
            grouped(number("cpu_us", "from")),
            grouped(number("cpu_us", "to"))
        ))?;
        for output in batch["outputs"].as_array().into_iter().flatten() {
            compared(output)?;
        }
    }
    lines(replay["not_tried"].as_array(), |line| (line, "not run again: ", ""))?;
    lines(replay["left_out"].as_array(), |line| (line, "left out of it: ", ""))
}

/// An output of two runs: how large it is, and the rows that only one has.
pub(super) fn compared(output: &Value) -> anyhow::Result<()> {
    let name = escape(output["output"].as_str().unwrap_or_default(), JOB_LINE_BYTES_MAX);
    let size = |side: &str, part: &str| output[side][part].as_u64().unwrap_or_default();
    if output["same"] == true {
        let (rows, bytes) = (size("to", "rows"), size("to", "bytes"));
        let rows = number_of(rows, "row", "rows");
        let bytes = number_of(bytes, "byte", "bytes");
        return exit::print(&format!("  {name}: identical, {rows}, {bytes}\n")).map(drop);
    }
    exit::print(&format!(
        "  {name}: {} -> {}, {} -> {}, {} gone, {} come\n",
        grouped(size("from", "rows")),
        number_of(size("to", "rows"), "row", "rows"),
        grouped(size("from", "bytes")),
        number_of(size("to", "bytes"), "byte", "bytes"),
        number_of(output["rows_gone"].as_u64().unwrap_or_default(), "row", "rows"),
        number_of(output["rows_come"].as_u64().unwrap_or_default(), "row", "rows")
    ))?;
    lines(output["lines"].as_array(), |line| (line, "    ", ""))
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
