//! Tests: real text over a socket that breaks, against a count made in plain Rust.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tidemill::api::context::StreamingContext;

use crate::job_rig::{Collected, Feeder, engine, plugin, reset};

/// This repository's own prose, and the licence texts that a Debian system ships, where it is one.
fn prose() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = ["README.md", "ARCHITECTURE.md", "STYLE.md", "LICENSE"].map(|name| root.join(name));
    let licences = std::fs::read_dir("/usr/share/common-licenses");
    let licences = licences.into_iter().flatten().flatten().map(|entry| entry.path());
    let texts =
        own.into_iter().chain(licences).filter_map(|path| std::fs::read_to_string(path).ok());
    let mut prose = String::new();
    for text in texts {
        prose.push_str(&text);
        if !prose.ends_with('\n') {
            prose.push('\n');
        }
    }
    assert!(prose.len() > 20_000, "at least the project's own texts are there");
    prose
}

fn counted_plainly(text: &str) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for word in text.split_ascii_whitespace() {
        *counts.entry(word.to_owned()).or_insert(0) += 1;
    }
    counts
}

/// The byte after the first line end at or after `at`.
fn line_end(text: &str, at: usize) -> usize {
    text.as_bytes()[at..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |n| at + n + 1)
}

/// A running word count over what a test's feeder sends.
struct WordCount {
    context: StreamingContext,
    collected: Collected,
    feeder: Feeder,
}

impl WordCount {
    fn start() -> Self {
        let component = plugin("word_count");
        let operator = |name| component.operator(name).expect("the plugin has it");
        let feeder = Feeder::new();
        let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
        let lines = context.socket_text_stream(&feeder.address());
        let pairs = lines.flat_map(operator("split")).map(operator("pair"));
        let collected = Collected::of(&pairs.reduce_by_key(operator("add")));
        context.start().expect("the job starts");
        Self { context, collected, feeder }
    }

    fn counts_of(&self, words: i64) -> BTreeMap<String, i64> {
        self.collected.counts_until(|counts| counts.values().sum::<i64>() >= words)
    }

    fn end(self) {
        self.context.stop_gracefully().expect("the job drains");
    }
}

#[test]
fn a_connection_closed_after_full_lines_loses_nothing() {
    let text = prose();
    let expected = counted_plainly(&text);
    let (first, second) = (line_end(&text, text.len() / 3), line_end(&text, text.len() / 2));
    let job = WordCount::start();
    let counts = std::thread::scope(|scope| {
        scope.spawn(|| {
            job.feeder.send(&text[..first]);
            job.feeder.send(&text[first..second]);
            job.feeder.send(&text[second..]);
        });
        job.counts_of(expected.values().sum())
    });
    assert_eq!(counts, expected);
    job.end();
}

/// A peer that ends in the middle of a line has sent a last line without an end; one that resets
/// the connection has not: nobody knows what the rest of that line would have been.
#[test]
fn a_line_cut_by_the_end_counts_and_one_cut_by_a_reset_does_not() {
    let text = prose();
    let cut = format!("{text}this line was cut by its end");
    let expected = counted_plainly(&cut);
    let job = WordCount::start();
    let counts = std::thread::scope(|scope| {
        scope.spawn(|| job.feeder.send(&cut));
        job.counts_of(expected.values().sum())
    });
    assert_eq!(counts, expected);

    let mut stream = job.feeder.accept();
    stream.write_all(b"whole lines count\n").expect("the source reads");
    // They are counted before the reset: what lies unread in the system is lost with it.
    assert_eq!(job.counts_of(3), counted_plainly("whole lines count"));
    stream.write_all(b"cut by a res").expect("the source reads");
    reset(stream);
    std::thread::scope(|scope| {
        scope.spawn(|| job.feeder.send("what comes after\n"));
        assert_eq!(job.counts_of(3), counted_plainly("what comes after"));
    });
    job.end();
}
