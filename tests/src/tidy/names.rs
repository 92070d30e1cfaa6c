//! Tidy: names say what a thing is.
//!
//! Takes the names of files and of what they define. Gives names with a word that could stand for
//! anything, and tests whose name is no sentence.

use super::finding::{Finding, expect_none, expect_one};
use super::scan::{is_word, line_of, words};
use super::tree::{SourceFile, rust_files};

/// Words that name nothing, and what to do about them.
const EMPTY_WORDS: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "misc", "stuff"];
/// What defines a name.
const DEFINING: [&str; 8] = ["fn", "struct", "enum", "trait", "mod", "type", "const", "static"];
/// The least a sentence has.
const TEST_WORDS_MIN: usize = 3;

/// The words of a name, in small letters.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = '_';
    for letter in name.chars() {
        let begins = letter.is_uppercase() && !before.is_uppercase();
        if !letter.is_alphanumeric() || begins {
            parts.push(String::new());
        }
        if letter.is_alphanumeric() {
            parts.last_mut().expect("there is one").extend(letter.to_lowercase());
        }
        before = letter;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn empty_word(name: &str) -> Option<String> {
    parts(name).into_iter().find(|part| EMPTY_WORDS.contains(&part.as_str()))
}

/// Every name a file defines, with its place.
fn defined(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for word in DEFINING {
        for at in words(code, word) {
            let rest = code[at + word.len()..].trim_start();
            let end = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
            found.push((at, rest[..end].to_owned()));
        }
    }
    found
}

fn empty_names(file: &SourceFile) -> Vec<Finding> {
    let message = |name: &str, word| format!("`{name}` says `{word}`: name what it does instead");
    let stem = file.path.trim_end_matches(".rs");
    let of_path = empty_word(stem).map(|word| Finding::of(&file.path, message(stem, word)));
    let code = file.scanned().code;
    let of_code = defined(&code).into_iter().filter_map(|(at, name)| {
        let word = empty_word(&name)?;
        Some(Finding::at(&file.path, line_of(&code, at), message(&name, word)))
    });
    of_path.into_iter().chain(of_code).collect()
}

fn tests_without_a_sentence(file: &SourceFile) -> Vec<Finding> {
    let code = file.scanned().code;
    let mut found = Vec::new();
    for (at, mark) in code.match_indices("#[test]") {
        let rest = &code[at + mark.len()..];
        let Some(name) = defined(rest).into_iter().filter(|(_, name)| !name.is_empty()).min()
        else {
            continue;
        };
        let (_, name) = name;
        let parts = parts(&name);
        if parts.len() < TEST_WORDS_MIN || parts[0] == "test" {
            let message = format!(
                "the test `{name}` is no sentence; say what holds, in {TEST_WORDS_MIN} words or more"
            );
            found.push(Finding::at(&file.path, line_of(&code, at), message));
        }
    }
    found
}

#[test]
fn names_say_what_a_thing_is() {
    expect_none(rust_files().flat_map(empty_names).collect());
}

#[test]
fn names_of_tests_are_sentences() {
    expect_none(rust_files().flat_map(tests_without_a_sentence).collect());
}

#[test]
fn planted_empty_names_are_found() {
    let planted = |path, text| SourceFile::planted(path, text);
    expect_one(&empty_names(&planted("host/src/plan/utils.rs", "")), 0, "`utils`");
    expect_one(&empty_names(&planted("a.rs", "\nstruct PlanHelper;")), 2, "`helper`");
    expect_one(&empty_names(&planted("a.rs", "fn common_part() {}")), 1, "`common`");
    assert_eq!(empty_names(&planted("a.rs", "fn utility() { common() }")), []);
}

#[test]
fn planted_short_test_name_is_found() {
    let planted = |text| tests_without_a_sentence(&SourceFile::planted("a.rs", text));
    expect_one(&planted("#[test]\nfn it_works() {}"), 1, "`it_works`");
    expect_one(&planted("#[test]\nfn test_late_tick_is_replayed() {}"), 1, "no sentence");
    assert_eq!(planted("#[test]\nfn late_tick_is_replayed() {}"), []);
}
