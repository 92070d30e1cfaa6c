//! Tidy: nothing half done is left behind.
//!
//! Takes code and comments. Gives stubs, tests that do not run, wishes without an issue, and marks
//! of an unfinished merge.

use super::finding::{Finding, expect_none, expect_one};
use super::scan::{line_of, words};
use super::tree::{SourceFile, files, rust_files};

/// Words of code, and why they are no good.
const STUBS: [(&str, &str); 5] = [
    ("todo!", "write it, or leave it out"),
    ("unimplemented!", "write it, or leave it out"),
    ("dbg!", "a library does not own the terminal"),
    ("#[ignore", "a test runs, or it is not there"),
    ("#[path", "a file lies where its module is"),
];

fn stubs(file: &SourceFile) -> Vec<Finding> {
    let code = file.scanned().code;
    let mut found = Vec::new();
    for (word, why) in STUBS {
        for at in words(&code, word) {
            let message = format!("found `{word}`: {why}");
            found.push(Finding::at(&file.path, line_of(&code, at), message));
        }
    }
    if file.text.lines().next() == Some(concat!("//! La", "ter.")) {
        found.push(Finding::at(&file.path, 1, "a header says what the file does today"));
    }
    found
}

/// A wish is kept where it is discussed: as `TODO(#12)`.
fn wishes(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
        for at in words(&file.text, word) {
            let number = file.text[at + word.len()..].strip_prefix("(#");
            let numbered =
                number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            if !numbered {
                let message = format!(
                    "`{word}` has no issue; write its number behind it, as `(#n)`, or mend it"
                );
                found.push(Finding::at(&file.path, line_of(&file.text, at), message));
            }
        }
    }
    found
}

fn merge_marks(file: &SourceFile) -> Vec<Finding> {
    let marks = ["<".repeat(7), ">".repeat(7)].map(|mark| format!("{mark} "));
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| marks.iter().any(|mark| line.starts_with(mark.as_str())))
        .map(|(index, line)| Finding::at(&file.path, index + 1, format!("a merge left `{line}`")))
        .collect()
}

#[test]
fn nothing_is_left_as_a_stub() {
    // The one shares a file with the tests of the border, and is a program of its own; the other
    // runs an example, which lies where people look for it.
    let apart = ["tests/src/compile_child.rs", "tests/src/receivers/acknowledged.rs"];
    let looked_at = rust_files().filter(|file| !apart.contains(&file.path.as_str()));
    expect_none(looked_at.flat_map(stubs).collect());
}

#[test]
fn every_wish_has_an_issue() {
    let texts = files().iter().filter(|file| file.path != "Cargo.lock");
    expect_none(texts.flat_map(wishes).collect());
}

#[test]
fn merges_are_finished() {
    expect_none(files().iter().flat_map(merge_marks).collect());
}

#[test]
fn planted_leftovers_are_found() {
    let planted = |text: &str| SourceFile::planted("a.rs", text);
    expect_one(&stubs(&planted("fn f() {\n    todo!()\n}")), 2, "`todo!`");
    expect_one(&stubs(&planted("#[ignore = \"slow\"]\nfn f() {}")), 1, "#[ignore");
    assert_eq!(stubs(&planted("// todo!()\nlet a = \"dbg!\";")), []);
    let wish = concat!("// TO", "DO: later\n// TO", "DO(#12): then\n");
    expect_one(&wishes(&planted(wish)), 1, "has no issue");
    expect_one(&merge_marks(&planted(&format!("a\n{} HEAD\n", "<".repeat(7)))), 2, "a merge left");
}
