//! Tidy: every plugin and every guest is run by some test.
//!
//! Takes the folders of `plugins/` and `tests/guests/`, and the strings of the tests. Gives pieces
//! that no test names.

use std::collections::BTreeSet;

use super::finding::{Finding, expect_none, expect_one};
use super::scan::words;
use super::tree::{SourceFile, files};

const FOLDERS: [&str; 2] = ["plugins/", "tests/guests/"];

/// The names of all pieces: folders with a source in them.
fn pieces(all: &[SourceFile]) -> BTreeSet<(&'static str, &str)> {
    let mut found = BTreeSet::new();
    for file in all {
        for folder in FOLDERS {
            let name =
                file.path.strip_prefix(folder).and_then(|rest| Some(rest.split_once('/')?.0));
            if let Some(name) = name.filter(|name| !name.starts_with('.')) {
                found.insert((folder, name));
            }
        }
    }
    found
}

fn untested(all: &[SourceFile]) -> Vec<Finding> {
    let is_test = |file: &&SourceFile| {
        file.is_rust()
            && (file.path.starts_with("tests/src/") || file.path.starts_with("benches/"))
            && !file.path.starts_with("tests/src/tidy")
    };
    let texts: Vec<String> =
        all.iter().filter(is_test).map(|file| file.scanned().with_strings).collect();
    let named = |name: &str| texts.iter().any(|text| words(text, name).next().is_some());
    let lonely = pieces(all).into_iter().filter(|(_, name)| !named(name));
    lonely
        .map(|(folder, name)| Finding::of(&format!("{folder}{name}"), "no test names it"))
        .collect()
}

#[test]
fn every_plugin_and_guest_has_a_test() {
    expect_none(untested(files()));
}

#[test]
fn planted_lonely_guest_is_found() {
    let planted = [
        SourceFile::planted("tests/guests/loop_forever/src/lib.rs", ""),
        SourceFile::planted("tests/guests/trap/src/lib.rs", ""),
        SourceFile::planted("tests/src/guests.rs", "// loop_forever\nrun(\"trap\");"),
    ];
    expect_one(&untested(&planted), 0, "no test names it");
}
