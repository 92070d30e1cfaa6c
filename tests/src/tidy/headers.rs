//! Tidy: every file says first what it is for.
//!
//! Takes the comment at the top of each file. Gives files without one, and headers of the host that
//! do not name their room or what goes in and out.

use super::finding::{Finding, expect_none, expect_one};
use super::tree::{SourceFile, rust_files};

/// The lines of the header, without their marks.
fn header(text: &str) -> Vec<&str> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect()
}

fn opening_is_no_sentence(file: &SourceFile) -> Option<Finding> {
    let header = header(&file.text);
    let first: Vec<&str> = header.iter().copied().take_while(|line| !line.is_empty()).collect();
    match first.last() {
        None => {
            let message = "begins with no `//!`; say in one sentence what the file is for";
            Some(Finding::at(&file.path, 1, message))
        }
        Some(last) if !last.ends_with('.') => {
            let message = format!("its first paragraph ends in `{last}`; end it with a period");
            Some(Finding::at(&file.path, first.len(), message))
        }
        Some(_) => None,
    }
}

/// Files of the host: `Floor n, room:` on a door, `Room:` behind it; then what goes in and out.
fn host_header(file: &SourceFile) -> Vec<Finding> {
    let Some(inside) = file.path.strip_prefix("host/src/") else { return Vec::new() };
    if matches!(inside, "lib.rs" | "main.rs") {
        return Vec::new();
    }
    let header = header(&file.text);
    let opening = header.first().copied().unwrap_or_default();
    let room = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let mut found = Vec::new();
    let named = match inside.contains('/') {
        true => opening.to_lowercase().starts_with(&format!("{room}: ")),
        false => {
            opening.starts_with("Floor ")
                && opening
                    .split(", ")
                    .nth(1)
                    .is_some_and(|rest| rest.starts_with(&format!("{room}: ")))
        }
    };
    if !named {
        let message = format!(
            "opens with `{opening}`; allowed is `Room: ...` of `{room}`, or \
                               `Floor n, room: ...` on its door"
        );
        found.push(Finding::at(&file.path, 1, message));
    }
    let says = |words: [&str; 2]| header.iter().any(|line| words.iter().any(|w| line.contains(w)));
    for (words, what) in [(["Takes", "takes"], "takes"), (["Gives", "gives"], "gives")] {
        if !says(words) {
            let message = format!("its header does not say what it {what}");
            found.push(Finding::at(&file.path, 1, message));
        }
    }
    found
}

#[test]
fn every_file_opens_with_a_sentence() {
    expect_none(rust_files().filter_map(opening_is_no_sentence).collect());
}

#[test]
fn files_of_the_host_name_their_room_and_their_doors() {
    expect_none(rust_files().flat_map(host_header).collect());
}

#[test]
fn planted_headers_are_found() {
    let planted = |path, text| SourceFile::planted(path, text);
    let none = opening_is_no_sentence(&planted("a.rs", "use b;"));
    expect_one(&Vec::from_iter(none), 1, "begins with no");
    let open = opening_is_no_sentence(&planted("a.rs", "//! What\n//! it is\n//!\n//! Later."));
    expect_one(&Vec::from_iter(open), 2, "`it is`");
    let text = "//! Plan: a plan.\n//!\n//! Takes a pipeline. Never gives up.\n";
    assert_eq!(host_header(&planted("host/src/plan/a.rs", text)), []);
    expect_one(&host_header(&planted("host/src/wasm/a.rs", text)), 1, "of `wasm`");
    expect_one(&host_header(&planted("host/src/plan.rs", text)), 1, "on its door");
    let text = "//! Plan: a plan.\n//!\n//! Takes a pipeline.\n";
    expect_one(&host_header(&planted("host/src/plan/a.rs", text)), 1, "what it gives");
}
