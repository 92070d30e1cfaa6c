//! Rig: a hosted job that listens for lines of JSON, and what its sinks have published.
//!
//! Takes lines. Gives rows, each as often as it came out. Never waits without an end.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::set_up::http::Client;
use crate::set_up::patience::patiently;
use crate::swap::rig::version;

/// A job that stamps ids with version 1 of the guest, which behaves so, and counts them by key.
/// Rows that it cannot use go to `letters.jsonl` and `bad.jsonl`.
pub fn stamping(behaviour: &str, interval: &str) -> String {
    format!(
        "name = \"stamps\"\nbatch_interval = \"{interval}\"\npartitions = 2\n\
         on_failure = \"dead-letter\"\npoison_rows_max = 100\n\
         on_rejected = {{ dead_letter = \"letters.jsonl\" }}\n\
         [plugins.stamped]\ncomponent = \"{}\"\n\
         [sources.ids]\ntype = \"listen\"\naddress = \"127.0.0.1:0\"\nformat = \"json\"\n\
         schema = {{ id = \"int64\" }}\non_bad_row = {{ dead_letter = \"bad.jsonl\" }}\n\
         [streams.stamps]\nfrom = \"ids\"\nsteps = [{{ flat_map = \"stamped.stamp\" }}]\n\
         [streams.totals]\nfrom = \"ids\"\nsteps = [\n{{ map = \"stamped.key\" }},\n\
         {{ update_state_by_key = \"stamped.total\", name = \"totals\" }},\n]\n\
         [sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"stamps\"\n\
         [sinks.shown]\ntype = \"print\"\nfrom = \"totals\"\n",
        version(1, behaviour).display()
    )
}

/// Where a source of the job listens, once it has said so.
pub fn address(client: &Client, job: &str) -> String {
    patiently("where the source listens", || {
        let lines = client.get(&format!("/v1/jobs/{job}/logs")).json()["lines"].clone();
        let said = lines.as_array().expect("a list").iter();
        let mut said = said.filter_map(|line| line["text"].as_str()?.split_once("listens on "));
        said.next().map(|(_, address)| address.to_owned())
    })
}

/// Sends lines to a job. Dropping it closes the connection.
pub struct Sending(TcpStream);

impl Sending {
    /// Connects to the job.
    pub fn to(client: &Client, job: &str) -> Self {
        Self(TcpStream::connect(address(client, job)).expect("it listens"))
    }

    /// Sends ids, a line each.
    pub fn ids(&mut self, ids: std::ops::Range<i64>) {
        let text: String = ids.map(|id| format!("{}\n", json!({ "id": id }))).collect();
        self.text(&text);
    }

    /// Sends text as it is.
    pub fn text(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("it reads");
    }
}

/// How often each id has come out, by the version that stamped it.
pub fn stamps(folder: &Path) -> BTreeMap<(i64, i64), usize> {
    let mut stamps = BTreeMap::new();
    let Ok(batches) = std::fs::read_dir(folder.join("out")) else { return stamps };
    for batch in batches {
        let batch = batch.expect("it is there");
        if batch.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        for file in std::fs::read_dir(batch.path()).expect("a folder") {
            let text = std::fs::read_to_string(file.expect("there").path()).expect("it is text");
            for line in text.lines() {
                let row: Value = serde_json::from_str(line).expect("an object a line");
                let values: Vec<i64> = row
                    .as_object()
                    .expect("an object")
                    .values()
                    .map(|value| value.as_i64().expect("a number"))
                    .collect();
                *stamps.entry((values[0], values[1])).or_default() += 1;
            }
        }
    }
    stamps
}

/// Waits until so many rows have come out, and gives them.
pub fn stamps_of(folder: &Path, rows: usize) -> BTreeMap<(i64, i64), usize> {
    patiently("as many rows", || {
        let found = stamps(folder);
        (found.values().sum::<usize>() >= rows).then_some(found)
    })
}
