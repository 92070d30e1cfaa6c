//! Cli: `dead-letters`: what a job has taken out of its streams and kept.
//!
//! Takes the job and how much is wanted. Gives a paragraph a letter, or JSON; and what became of
//! letters that were fed back. Reads their files itself where nobody runs the job.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use tidemill::control::jobs::as_submitted;
use tidemill::control::looks::kept_letters;
use tidemill::limits::JOB_LINE_BYTES_MAX;
use tidemill::model::text::{escape, grouped};
use tidemill::model::time::BatchTime;

use super::args::look::LettersArgs;
use super::ask::{client_of_job, client_or, hinted};
use super::client::Client;
use super::data;
use super::exit::{self, ENDED, FAILED};
use super::run::read_job;

/// What can be done about a job that nobody runs.
const BY_FILE: &str = "its dead letters are in files that its job file names: give that file in \
                       the place of the name";

/// Shows letters, or feeds them back.
///
/// # Errors
/// When no server runs the job, a file cannot be read, or none can be fed back now.
pub fn letters(args: &LettersArgs) -> anyhow::Result<u8> {
    if args.retry {
        let (client, job) = client_or(&args.job, "letters go back to a job that runs: start it")?;
        let path = format!("/v1/jobs/{job}/dead-letters");
        let told = client.post(&format!("{path}/retry"), None)?;
        if args.json {
            exit::print(&format!("{told}\n"))?;
        } else {
            exit::print(&retried(&told))?;
        }
        let failed = told["refused"].as_u64().unwrap_or_default() > 0;
        return Ok(if failed { FAILED } else { ENDED });
    }
    let answer = match ask(args) {
        Ok(answer) => answer,
        Err(error) => kept(args)?.ok_or_else(|| hinted(error, BY_FILE))?,
    };
    let letters = answer["letters"].as_array().context("the server gives no letters")?;
    for letter in letters {
        let text = if args.json { format!("{letter}\n") } else { paragraph(letter) };
        exit::print(&text)?;
    }
    if !args.json {
        exit::print(&total(&answer, letters.len()))?;
    }
    Ok(ENDED)
}

/// From the process that runs the job.
fn ask(args: &LettersArgs) -> anyhow::Result<Value> {
    let (client, job) = client_of_job(&args.job)?;
    client.get(&format!("/v1/jobs/{job}/dead-letters?limit={}", args.limit))
}

/// From the files of a job that nobody runs: of the job file that is named, or of the one that was
/// submitted under that name.
fn kept(args: &LettersArgs) -> anyhow::Result<Option<Value>> {
    let limit = Some(i64::from(args.limit));
    let file = Path::new(&args.job.job);
    if file.is_file() {
        return Ok(Some(kept_letters(&read_job(file)?.pipeline, limit)?));
    }
    let (folders, name) = data::of_job(&args.job)?;
    for folder in folders {
        // A server that has the shelf has answered.
        if Client::of(&folder)?.is_some() {
            continue;
        }
        let Some(shelf) = folder.job_shelf_if_there()? else { continue };
        if let Some(job) = shelf.get(&name)? {
            return Ok(Some(kept_letters(&as_submitted(&job)?.pipeline, limit)?));
        }
    }
    Ok(None)
}

fn total(answer: &Value, shown: usize) -> String {
    let total = answer["total"].as_u64().unwrap_or_default();
    if answer["files"].as_array().is_some_and(Vec::is_empty) {
        return "the job keeps no dead letters: neither its sources nor its steps are told to\n"
            .to_owned();
    }
    let of = if total == 1 { "letter" } else { "letters" };
    match total == shown as u64 {
        true => format!("{} dead {of}\n", grouped(total)),
        false => format!("{} dead {of}, the newest {shown} are shown\n", grouped(total)),
    }
}

fn word(letter: &Value, key: &str) -> String {
    match &letter[key] {
        Value::String(text) => escape(text, JOB_LINE_BYTES_MAX),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Where it was taken out, why, and what it was.
fn paragraph(letter: &Value) -> String {
    let word = |key: &str| word(letter, key);
    let attempts = match letter["attempts"].as_u64().unwrap_or(1) {
        1 => String::new(),
        attempts => format!(", tried {attempts} times"),
    };
    let place = if letter["source"].is_string() {
        format!("source {}", word("source"))
    } else {
        let digest: String = word("plugin_digest").chars().take(12).collect();
        let by = if digest.is_empty() { digest } else { format!(" ({digest})") };
        format!(
            "batch {}, stream {}, partition {}, row {}, by {}{by}",
            letter["batch_time"].as_i64().map_or_else(String::new, |at| BatchTime(at).rfc3339()),
            word("stream"),
            word("partition"),
            word("row_of_slice"),
            word("operator"),
        )
    };
    let mut text = format!("{place}{attempts}\n  {}\n  {}\n", word("reason"), word("payload"));
    if letter["stays"].is_string() {
        text.push_str(&format!("  cannot be fed back: {}\n", word("stays")));
    }
    text
}

/// What became of letters, a line for each kind that there is.
fn retried(told: &Value) -> String {
    let count = |key: &str| told[key].as_u64().unwrap_or_default();
    let batch = match told["batch_time"].as_i64() {
        Some(time) => format!(" in batch {}", BatchTime(time).rfc3339()),
        None => String::new(),
    };
    let kinds = [
        (count("delivered"), format!("went through{batch}")),
        (count("refused"), "failed again, and have one attempt more".to_owned()),
        (count("not_run"), format!("stay: their step did not run{batch}")),
        (count("late"), format!("stay: those before them took too long{batch}")),
        (count("on_their_way"), "are on their way, in a batch that has not ended".to_owned()),
        (count("later"), "wait: ask again for them".to_owned()),
    ];
    let stay = told["stay"].as_array().into_iter().flatten().map(|kind| {
        let letters = kind["letters"].as_u64().unwrap_or_default();
        (letters, format!("stay, and cannot be fed back: {}", word(kind, "reason")))
    });
    let kinds = kinds.into_iter().chain(stay).filter(|(letters, _)| *letters > 0);
    let mut lines: Vec<String> =
        kinds.map(|(letters, what)| format!("{}: {what}\n", grouped(letters))).collect();
    if told["withdrawn"].is_string() {
        lines.push(format!(
            "the batch failed with them, and was run again without them; the next time {} go in \
             at most\n  {}\n",
            count("at_once"),
            word(told, "withdrawn"),
        ));
    }
    if lines.is_empty() { "there are no dead letters\n".to_owned() } else { lines.concat() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_became_of_letters_is_told_by_kind() {
        let told = json!({
            "batch_time": 7, "delivered": 1234, "refused": 0, "not_run": 0, "on_their_way": 0,
            "later": 5, "stay": [{ "reason": "its bytes are no text", "letters": 2 }],
        });
        let expected = "1,234: went through in batch 1970-01-01T00:00:00.007Z\n\
                        5: wait: ask again for them\n\
                        2: stay, and cannot be fed back: its bytes are no text\n";
        assert_eq!(retried(&told), expected);
        assert_eq!(retried(&json!({})), "there are no dead letters\n");
    }

    #[test]
    fn a_letter_cannot_forge_a_line() {
        let letter = json!({ "source": "in", "reason": "no\nfit", "payload": "a\u{1b}[2J" });
        let text = paragraph(&letter);
        assert_eq!(text, "source in\n  no\\u{a}fit\n  a\\u{1b}[2J\n");
    }
}
