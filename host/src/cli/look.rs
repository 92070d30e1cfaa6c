//! Cli: `tap` and `state`: rows of a running job, and what its steps keep.
//!
//! Takes the job and a name. Gives rows as `print` shows them, or JSON lines.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use serde_json::Value;
use serde_json::value::RawValue;
use tidemill::limits::CONTROL_RESPONSE_BYTES_MAX;
use tidemill::model::text::{escape, number_of};

use super::args::look::{StateArgs, TapArgs};
use super::ask::client_or;
use super::exit::{self, ENDED};

/// What `print` draws around a batch's time.
const DASHES: &str = "-------------------------------------------";

/// Shows rows of the next batches.
///
/// # Errors
/// When no server runs the job, or it has nothing of that name.
pub fn tap(args: &TapArgs) -> anyhow::Result<u8> {
    let (client, job) = client_or(&args.job, "rows are seen while it runs: start it")?;
    let path = format!("/v1/jobs/{job}/tap");
    let Some(of) = &args.of else {
        let answer = client.get(&path)?;
        return names(answer["places"].as_array(), |name| name.as_str().map(str::to_owned));
    };
    let (of, wait) = (in_query(of), args.wait.as_millis());
    let asked = format!("{path}?of={of}&limit={}&wait_ms={wait}", args.limit);
    let seen = if args.json {
        let answer = raw(&client.get_text(&asked)?)?;
        let batches: Vec<Raw> = serde_json::from_str(
            answer.get("batches").context("the server gives no batches")?.get(),
        )?;
        batches.iter().try_for_each(json_lines)?;
        batches.len()
    } else {
        let answer = client.get(&asked)?;
        let batches = answer["batches"].as_array().context("the server gives no batches")?;
        batches.iter().try_for_each(printed)?;
        batches.len()
    };
    if seen == 0 {
        let waited = humantime::format_duration(args.wait);
        exit::tell(&format!("no rows came within {waited}"));
    }
    Ok(ENDED)
}

/// Shows what a step keeps.
///
/// # Errors
/// When no server runs the job, no step of that name keeps anything, or the key is none of its.
pub fn state(args: &StateArgs) -> anyhow::Result<u8> {
    let (client, job) = client_or(
        &args.job,
        "what its steps keep ends with its process: it is seen while the job runs",
    )?;
    let path = format!("/v1/jobs/{job}/state");
    let Some(step) = &args.step else {
        let answer = client.get(&path)?;
        if answer["steps"].as_array().is_some_and(Vec::is_empty) {
            exit::tell("no step of the job keeps anything for keys");
        }
        return names(answer["steps"].as_array(), |step| {
            Some(format!("{}: {}", step["step"].as_str()?, sizes(step)))
        });
    };
    let mut asked = format!("{path}?step={}&limit={}", in_query(step), args.limit);
    if let Some(key) = &args.key {
        asked.push_str(&format!("&key={}", in_query(key)));
    }
    if let Some(after) = &args.after {
        asked.push_str(&format!("&after={}", in_query(after)));
    }
    let text = client.get_text(&asked)?;
    let answer: Value = serde_json::from_str(&text).context("the server answers in no JSON")?;
    let shown = answer["shown"].as_array().context("the server gives no rows")?;
    if args.json {
        json_lines(&raw(&text)?)?;
    } else {
        let word = |key: &str| escape(answer[key].as_str().unwrap_or_default(), 4096);
        let version = answer["state_version"].as_u64().unwrap_or_default();
        exit::print(&format!(
            "step {}: {}, state version {version}, {}\n",
            word("step"),
            sizes(&answer),
            word("schema")
        ))?;
        rows(shown)?;
    }
    if shown.is_empty() && args.key.is_some() {
        exit::tell("nothing is kept for that key");
    }
    if let Some(next) = answer["next"].as_str() {
        exit::tell(&format!("the keys that follow: --after {}", escape(next, 80)));
    }
    Ok(ENDED)
}

fn sizes(of: &Value) -> String {
    let count = |key: &str| of[key].as_u64().unwrap_or_default();
    let keys = number_of(count("keys"), "key", "keys");
    format!("{keys}, {}", number_of(count("bytes"), "byte", "bytes"))
}

fn names(all: Option<&Vec<Value>>, name: impl Fn(&Value) -> Option<String>) -> anyhow::Result<u8> {
    for value in all.context("the server gives no names")? {
        let name = name(value).unwrap_or_default();
        exit::print(&format!("{}\n", escape(&name, 4096)))?;
    }
    Ok(ENDED)
}

fn printed(batch: &Value) -> anyhow::Result<()> {
    let time = batch["time_ms"].as_i64().unwrap_or_default();
    exit::print(&format!("{DASHES}\nTime: {time} ms\n{DASHES}\n"))?;
    rows(batch["shown"].as_array().context("the server gives no rows")?)?;
    exit::print(if batch["more"] == true { "...\n\n" } else { "\n" })?;
    Ok(())
}

fn rows(shown: &[Value]) -> anyhow::Result<()> {
    for row in shown {
        // The server has escaped it; whoever answers in its place may not have.
        let row = escape(row.as_str().unwrap_or_default(), CONTROL_RESPONSE_BYTES_MAX);
        exit::print(&format!("{row}\n"))?;
    }
    Ok(())
}

/// An object whose values are as they were written.
type Raw = BTreeMap<String, Box<RawValue>>;

fn raw(text: &str) -> anyhow::Result<Raw> {
    serde_json::from_str(text).context("the server answers in no JSON")
}

fn json_lines(of: &Raw) -> anyhow::Result<()> {
    let rows = of.get("rows").context("the server gives no rows")?;
    let rows: Vec<Box<RawValue>> = serde_json::from_str(rows.get())?;
    rows.iter().try_for_each(|row| exit::print(&format!("{row}\n")).map(drop))
}

/// A text as it may stand in a query.
fn in_query(text: &str) -> String {
    let mut query = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                query.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(query, "%{byte:02x}")),
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_stand_in_a_query_is_escaped() {
        assert_eq!(in_query("words.split"), "words.split");
        assert_eq!(in_query("[\"a b\",&é]"), "%5b%22a%20b%22%2c%26%c3%a9%5d");
    }
}
