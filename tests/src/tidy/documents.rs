//! Tidy: what is written about the house is true of it.
//!
//! Takes README, ARCHITECTURE and the other documents. Gives rooms that the map leaves out, paths
//! and documents that are not there, commands that are not run, and keys that are not explained.

use std::collections::BTreeSet;

use serde_json::Value;

use super::finding::{Finding, expect_none, expect_one};
use super::scan::line_of;
use super::tree::{SourceFile, files, text_of};

/// The two commands a newcomer needs; the second is what `.ci/run` calls.
const DEMO: &str = "cargo run --release -- demo";
const TESTS: &str = "cargo test --workspace";

/// Beginnings by which a word in backticks is a path of the repository.
const FOLDERS: [&str; 8] =
    ["host/", "guest-sdk/", "guest-build/", "plugins/", "tests/", "benches/", "wit/", ".ci/"];

fn is_document(file: &SourceFile) -> bool {
    file.path.ends_with(".md")
}

/// Words in backticks, with their places.
fn quoted(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = line.split('`').skip(1).step_by(2);
        found.extend(words.map(|word| (number + 1, word)));
    }
    found
}

fn missing_paths(file: &SourceFile, all: &[SourceFile]) -> Vec<Finding> {
    let is_path = |word: &&(usize, &str)| {
        let path = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
        FOLDERS.iter().any(|folder| word.1.starts_with(folder)) && word.1.chars().all(path)
    };
    let exists = |path: &str| {
        let path = path.trim_end_matches('/');
        all.iter().any(|other| {
            other.path.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'))
        })
    };
    let words = quoted(&file.text);
    let missing = words.iter().filter(is_path).filter(|(_, path)| !exists(path));
    missing
        .map(|(line, path)| Finding::at(&file.path, *line, format!("there is no `{path}`")))
        .collect()
}

/// Documents that a comment or another document names, and that a reader would look for in vain.
fn missing_documents(file: &SourceFile, all: &[SourceFile]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, ending) in file.text.match_indices(concat!(".", "md")) {
        let before = &file.text[..at];
        let part = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
        let start = before.rfind(|c| !part(c)).map_or(0, |i| i + 1);
        let name = file.text[start..at + ending.len()].trim_start_matches("../");
        let goes_on = file.text[at + ending.len()..].starts_with(|c: char| c.is_alphanumeric());
        let known =
            |other: &SourceFile| other.path == name || other.path.ends_with(&format!("/{name}"));
        if name.len() > ending.len() && !goes_on && !all.iter().any(known) {
            let message = format!("there is no `{name}`");
            found.push(Finding::at(&file.path, line_of(&file.text, at), message));
        }
    }
    found
}

/// Rooms of the library that the map does not show.
fn rooms_off_the_map(library: &str, map: &str) -> Vec<Finding> {
    let rooms = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let off = rooms.filter(|room| !map.contains(&format!("### `{room}`")));
    off.map(|room| Finding::of("ARCHITECTURE.md", format!("has no `### `{room}``"))).collect()
}

/// Lines of command blocks that begin with cargo.
fn cargo_commands(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("cargo ")).collect()
}

/// Every key of the job file's JSON Schema.
fn keys_of_job_files() -> BTreeSet<String> {
    fn walk(value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    keys.extend(properties.keys().cloned());
                }
                object.values().for_each(|value| walk(value, keys));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, keys)),
            _ => {}
        }
    }
    let mut keys = BTreeSet::new();
    let schema = tidemill::config::job_file::json_schema();
    walk(&serde_json::to_value(schema).expect("a schema is JSON"), &mut keys);
    keys
}

#[test]
fn every_room_is_on_the_map() {
    expect_none(rooms_off_the_map(text_of("host/src/lib.rs"), text_of("ARCHITECTURE.md")));
}

#[test]
fn paths_in_documents_exist() {
    let documents = files().iter().filter(|file| is_document(file));
    expect_none(documents.flat_map(|file| missing_paths(file, files())).collect());
}

#[test]
fn documents_that_are_named_exist() {
    let written = |file: &&SourceFile| {
        !file.is_generated() && !file.path.starts_with("tests/src/tidy") && file.path != "LICENSE"
    };
    let sources = files().iter().filter(written);
    expect_none(sources.flat_map(|file| missing_documents(file, files())).collect());
}

#[test]
fn readme_has_two_commands_of_cargo() {
    assert_eq!(cargo_commands(text_of("README.md")), [DEMO, TESTS]);
}

#[test]
fn ci_runs_the_test_command_of_the_readme() {
    let script = text_of(".ci/run");
    assert!(script.lines().any(|line| line.trim() == TESTS), "`.ci/run` has no line `{TESTS}`");
}

#[test]
fn readme_explains_every_key_of_a_job_file() {
    let text = text_of("README.md");
    let explained: BTreeSet<&str> = quoted(text).into_iter().map(|(_, word)| word).collect();
    let keys = keys_of_job_files();
    let missing: Vec<_> = keys.iter().filter(|key| !explained.contains(key.as_str())).collect();
    assert!(keys.contains("batch_interval") && keys.contains("flat_map"), "{keys:?}");
    assert!(missing.is_empty(), "README.md does not explain {missing:?}");
}

/// What Spark's calls become, beside what is no word of this kind.
fn words_for_spark(readme: &str) -> Vec<&str> {
    let table = readme.split("| Spark Streaming | Tidemill |").nth(1).unwrap_or_default();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let ours = rows.filter_map(|row| row.rsplit('|').nth(1)).flat_map(quoted);
    let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    ours.map(|(_, word)| word).filter(is_name).collect()
}

/// A reader who comes from Spark looks for these words in job files and in the API.
#[test]
fn what_calls_of_spark_become_is_there() {
    let keys = keys_of_job_files();
    let api = files().iter().filter(|file| file.path.starts_with("host/src/api/"));
    let api: String = api.map(|file| file.text.as_str()).collect();
    let is_there = |word: &str| {
        let kinds = ["print", "files", "socket"].contains(&word);
        let methods = [format!("pub fn {word}("), format!("pub fn {word}<")];
        kinds || keys.contains(word) || methods.iter().any(|method| api.contains(method))
    };
    let words = words_for_spark(text_of("README.md"));
    assert!(words.contains(&"map_with_state") && words.contains(&"for_each_batch"), "{words:?}");
    let missing: Vec<_> = words.into_iter().filter(|word| !is_there(word)).collect();
    assert!(missing.is_empty(), "there is no {missing:?}");
}

#[test]
fn planted_untruths_are_found() {
    let planted = SourceFile::planted;
    let all = [planted("host/src/lib.rs", "")];
    let readme = planted("README.md", "see\n`host/src/gone.rs` and `host/src`");
    expect_one(&missing_paths(&readme, &all), 2, "`host/src/gone.rs`");
    let comment = planted("a.rs", concat!("// as in `GONE.", "md`"));
    expect_one(&missing_documents(&comment, &all), 1, "GONE");
    let found = rooms_off_the_map("pub mod a;\npub mod b;\n", "### `a`\n");
    expect_one(&found, 0, "`b`");
    assert_eq!(cargo_commands("cargo build\n  cargo test\n"), ["cargo build"]);
}
