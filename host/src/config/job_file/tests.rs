//! Config: what is said about every kind of mistake, and what good files mean.
//!
//! Takes one good job and changes of it. Gives the exact words with line and column. Never reads a
//! file.

mod broadcasts;
mod formats;
mod good;
mod keys;
mod names;
mod states;
mod values;

use std::path::Path;

use super::JobFile;

/// A job that is right; checks change one piece of it.
const GOOD: &str = r#"name = "job"
batch_interval = "1s"
[plugins.words]
component = "words.wasm"
[sources.lines]
type = "socket"
address = "127.0.0.1:9999"
[streams.counts]
from = "lines"
steps = [
  { flat_map = "words.split", as = ["word"] },
]
[sinks.console]
type = "print"
from = "counts"
"#;
const INTERVAL: &str = r#"batch_interval = "1s""#;
const ADDRESS: &str = r#"address = "127.0.0.1:9999""#;
const SPLIT: &str = r#"flat_map = "words.split""#;
const STEP: &str = r#"flat_map = "words.split", as = ["word"]"#;

fn parse(text: &str) -> Result<JobFile, String> {
    JobFile::parse("job.toml", text, Path::new("folder")).map_err(|errors| errors.to_string())
}

/// Replaces a piece of the good job and compares what is said, without the file's name.
fn check(piece: &str, replacement: &str, expected: &str) {
    assert!(GOOD.contains(piece), "`{piece}` is not in the good job");
    let found = parse(&GOOD.replacen(piece, replacement, 1)).map(|_| "fine".to_owned());
    let found = found.unwrap_or_else(|errors| errors).replace("job.toml:", "");
    assert_eq!(found, expected, "\n--- found ---\n{found}\n-------------");
}

/// Adds to a piece of the good job and compares what is said.
fn check_after(piece: &str, addition: &str, expected: &str) {
    check(piece, &format!("{piece}{addition}"), expected);
}
