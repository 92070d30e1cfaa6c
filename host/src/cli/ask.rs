//! Cli: `submit`, `pause`, `resume`, `stop` and `logs`: what a running server is asked.
//!
//! Takes what was typed. Gives the server's answer in words. Never starts a server.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use serde_json::{Value, json};
use tidemill::limits::{JOB_FILE_BYTES_MAX, JOB_LINE_BYTES_MAX};
use tidemill::model::text::{escape, grouped, number_of};
use tidemill::store::data_folder::DataFolder;

use super::args::{OneJobArgs, StopArgs, SubmitArgs};
use super::client::{Client, Refusal};
use super::data;
use super::exit::{self, ENDED};
use super::run::read_job;
use super::status_line::millis;
use super::whole_file;

/// Has a server start a job.
///
/// # Errors
/// When the file is no job, no server runs, or it refuses the job.
pub fn submit(args: &SubmitArgs) -> anyhow::Result<u8> {
    // Mistakes are shown in the file, which the server has no terminal for.
    read_job(&args.job)?;
    let file = args.job.display();
    let text = whole_file::read(&args.job, "a job file", JOB_FILE_BYTES_MAX)?;
    let text = String::from_utf8(text).with_context(|| format!("`{file}` is no text"))?;
    let folder = args.job.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::path::absolute(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("failed to find the folder of `{file}`"))?;
    let folder = folder.to_str().context("the job's folder has a name that is no text")?;
    let client = client_of(&data::of_server(args.data.data.as_deref())?)?;
    let body = json!({ "text": text, "folder": folder, "file_name": file.to_string() });
    told(&client.post("/v1/jobs", Some(&body))?)
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

/// Has a server forget a job that does not run.
///
/// # Errors
/// When no server knows the job, or it runs.
pub fn remove(args: &OneJobArgs) -> anyhow::Result<u8> {
    let (client, job) = client_of_job(args)?;
    client.delete(&format!("/v1/jobs/{job}"))?;
    exit::print(&format!(
        "job `{job}` is removed: its file, the versions of its plugins, its last lines; its \
         batches stay in the batch log as long as any, and nobody touches its outputs and dead \
         letters\n"
    ))
}

/// Shows the last lines that a job has said.
///
/// # Errors
/// When no server runs the job.
pub fn logs(args: &OneJobArgs) -> anyhow::Result<u8> {
    let (client, job) = client_or(
        args,
        "the lines of a job are kept by its process and end with it, its batches stay: see \
         `tidemill batches`",
    )?;
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

/// The server that has a data folder.
///
/// # Errors
/// When none has.
pub fn client_of(folder: &DataFolder) -> anyhow::Result<Client> {
    Client::of(folder)?.with_context(|| {
        let path = folder.path().display();
        format!("no server runs with the data folder `{path}`: start one with `tidemill serve`")
    })
}

/// The server that runs a job, and the job's name.
///
/// # Errors
/// When none does.
pub fn client_of_job(args: &OneJobArgs) -> anyhow::Result<(Client, String)> {
    let (folders, job) = data::of_job(args)?;
    for folder in &folders {
        if let Some(client) = Client::of(folder)? {
            return Ok((client, job));
        }
    }
    let folders = folders.iter().map(|folder| format!("`{}`", folder.path().display())).collect();
    Err(NotRunning { job, folders }.into())
}

/// No process has a data folder in which a job is looked for.
#[derive(Debug, thiserror::Error)]
#[error("job `{job}` does not run: nothing runs with the data folder {}", .folders.join(" or "))]
struct NotRunning {
    job: String,
    folders: Vec<String>,
}

/// As [`client_of_job`], where the error says what can be done about a job that nobody runs.
///
/// # Errors
/// As [`client_of_job`].
pub fn client_or(args: &OneJobArgs, hint: &str) -> anyhow::Result<(Client, String)> {
    client_of_job(args).map_err(|error| hinted(error, hint))
}

/// The same error; one of a job that nobody runs says what can be done about that.
pub fn hinted(error: anyhow::Error, hint: &str) -> anyhow::Error {
    let refusal = error.downcast_ref::<Refusal>();
    let is_unknown = refusal.is_some_and(|refusal| refusal.code == "unknown_job");
    match error.is::<NotRunning>() || is_unknown {
        true => anyhow::anyhow!("{error}; {hint}"),
        false => error,
    }
}

/// A job in a line.
pub(super) fn told(job: &Value) -> anyhow::Result<u8> {
    let number = |key: &str| job[key].as_u64().unwrap_or_default();
    let mut line = format!(
        "{}: {}, {}, {} failed, {}",
        job["name"].as_str().unwrap_or_default(),
        job["state"].as_str().unwrap_or_default(),
        number_of(number("batches"), "batch", "batches"),
        grouped(number("failed_batches")),
        number_of(number("rows_in"), "row", "rows"),
    );
    if let Some(total) = job["last_batch"]["total_delay_us"].as_u64() {
        line.push_str(&format!(", total delay {}", millis(Duration::from_micros(total))));
    }
    if let Some(failure) = job["failure"].as_str() {
        line.push_str(&format!("\n  {}", escape(failure, JOB_LINE_BYTES_MAX)));
    }
    exit::print(&format!("{line}\n"))
}
