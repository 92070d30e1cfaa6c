//! Cli: `submit`, `jobs`, `pause`, `resume`, `stop` and `logs`: what a running server is asked.
//!
//! Takes what was typed. Gives the server's answer in words. Never starts a server.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use serde_json::{Value, json};
use tidemill::limits::JOB_LINE_BYTES_MAX;
use tidemill::model::text::escape;
use tidemill::store::data_folder::DataFolder;

use super::all_jobs;
use super::args::{JobsArgs, OneJobArgs, StopArgs, SubmitArgs, SwapArgs};
use super::client::Client;
use super::data;
use super::exit::{self, ENDED, FAILED};
use super::run::read_job;
use super::status_line::{grouped, millis};

/// Has a server start a job.
///
/// # Errors
/// When the file is no job, no server runs, or it refuses the job.
pub fn submit(args: &SubmitArgs) -> anyhow::Result<u8> {
    // Mistakes are shown in the file, which the server has no terminal for.
    read_job(&args.job)?;
    let file = args.job.display();
    let text =
        std::fs::read_to_string(&args.job).with_context(|| format!("failed to read `{file}`"))?;
    let folder = args.job.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::path::absolute(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("failed to find the folder of `{file}`"))?;
    let folder = folder.to_str().context("the job's folder has a name that is no text")?;
    let client = client_of(&data::of_server(&args.data)?)?;
    let body = json!({ "text": text, "folder": folder, "file_name": file.to_string() });
    told(&client.post("/v1/jobs", Some(&body))?)
}

/// Shows the jobs of a server.
///
/// # Errors
/// When no server runs.
pub fn jobs(args: &JobsArgs) -> anyhow::Result<u8> {
    let answer = client_of(&data::of_server(&args.data)?)?.get("/v1/jobs")?;
    let jobs = answer["jobs"].as_array().context("the server names no jobs")?;
    if args.json {
        for job in jobs {
            exit::print(&format!("{job}\n"))?;
        }
        return Ok(ENDED);
    }
    for job in jobs {
        told(job)?;
    }
    Ok(ENDED)
}

/// Has a job end: at once, or when it has worked off what it received.
///
/// # Errors
/// When no server runs the job, or it has ended.
pub fn stop(args: &StopArgs) -> anyhow::Result<u8> {
    command(&args.job, if args.now { "stop" } else { "drain" })
}

/// Has a job do something, by the word of the path.
///
/// # Errors
/// As [`stop`].
pub fn command(args: &OneJobArgs, word: &str) -> anyhow::Result<u8> {
    let (client, job) = client_of_job(args)?;
    told(&client.post(&format!("/v1/jobs/{job}/{word}"), None)?)
}

/// Has a job, or all jobs of a version, run other versions of plugins, and shows what they change.
///
/// # Errors
/// When no server runs the job, or the swap is refused.
pub fn swap(args: &SwapArgs) -> anyhow::Result<u8> {
    let (job, plugins) = args.named().map_err(anyhow::Error::msg)?;
    let body = swap_body(args, &plugins)?;
    if !args.all_jobs {
        let (client, job) = client_of_job(&args.job)?;
        return swap_one(&client, &job, &body, "");
    }
    let (client, job) = match job {
        Some(_) => client_of_job(&args.job).map(|(client, job)| (client, Some(job)))?,
        None => (client_of(&data::of_server(&args.job.data)?)?, None),
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
fn swap_body(args: &SwapArgs, asked: &[(String, PathBuf)]) -> anyhow::Result<Value> {
    let mut plugins = serde_json::Map::new();
    for (plugin, file) in asked {
        let path = std::path::absolute(file)
            .with_context(|| format!("failed to find `{}`", file.display()))?;
        let path = path.to_str().with_context(|| format!("`{}` is no text", file.display()))?;
        if plugins.insert(plugin.clone(), path.into()).is_some() {
            anyhow::bail!("plugin `{plugin}` is given twice");
        }
    }
    Ok(json!({
        "plugins": plugins,
        "drop_state": args.drop_state,
        "restart_windows": args.restart_windows,
        "force": args.force,
        "slower_max": args.slower_max,
    }))
}

/// Has one job swapped, and shows what that changes, each line behind the words `before`.
fn swap_one(client: &Client, job: &str, body: &Value, before: &str) -> anyhow::Result<u8> {
    let report = client.post(&format!("/v1/jobs/{job}/swap"), Some(body))?;
    for change in report["plugins"].as_array().context("the server names no plugins")? {
        let version = |key: &str| {
            let word = |part: &str| change[key][part].as_str().unwrap_or_default();
            format!("{} ({})", word("version"), word("digest").get(..12).unwrap_or_default())
        };
        let size = |key: &str| grouped(change["bytes"][key].as_u64().unwrap_or_default());
        exit::print(&format!(
            "{before}{}: {} -> {}, {} -> {} bytes, from the next batch on\n",
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
    Ok(ENDED)
}

/// A line for each value: its text, between words before and after.
fn lines(
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

/// Shows the last lines that a job has said.
///
/// # Errors
/// When no server runs the job.
pub fn logs(args: &OneJobArgs) -> anyhow::Result<u8> {
    let (client, job) = client_of_job(args)?;
    let answer = client.get(&format!("/v1/jobs/{job}/logs"))?;
    for line in answer["lines"].as_array().context("the server gives no lines")? {
        let since = Duration::from_micros(line["at_us"].as_u64().unwrap_or_default());
        let time = humantime::format_rfc3339_millis(UNIX_EPOCH + since);
        let word = |key: &str| line[key].as_str().unwrap_or_default();
        let text = escape(word("text"), 4 * JOB_LINE_BYTES_MAX);
        exit::print(&format!("{time} [{}] {text}\n", word("level")))?;
    }
    Ok(ENDED)
}

fn client_of(folder: &DataFolder) -> anyhow::Result<Client> {
    Client::of(folder)?.with_context(|| {
        let path = folder.path().display();
        format!("no server runs with the data folder `{path}`: start one with `tidemill serve`")
    })
}

fn client_of_job(args: &OneJobArgs) -> anyhow::Result<(Client, String)> {
    let (folders, job) = data::of_job(args)?;
    for folder in &folders {
        if let Some(client) = Client::of(folder)? {
            return Ok((client, job));
        }
    }
    let paths: Vec<String> =
        folders.iter().map(|folder| format!("`{}`", folder.path().display())).collect();
    anyhow::bail!("nothing runs with the data folder {}", paths.join(" or "))
}

/// A job in a line.
fn told(job: &Value) -> anyhow::Result<u8> {
    let number = |key: &str| grouped(job[key].as_u64().unwrap_or_default());
    let mut line = format!(
        "{}: {}, {} batches, {} failed, {} rows",
        job["name"].as_str().unwrap_or_default(),
        job["state"].as_str().unwrap_or_default(),
        number("batches"),
        number("failed_batches"),
        number("rows_in"),
    );
    if let Some(total) = job["last_batch"]["total_delay_us"].as_u64() {
        line.push_str(&format!(", total delay {}", millis(Duration::from_micros(total))));
    }
    exit::print(&format!("{line}\n"))
}
