//! Tidy: what may lie in the repository at all.
//!
//! Takes the names and bytes of its files. Gives what was built, what belongs to one machine only,
//! and sources that no crate compiles.

use super::finding::{Finding, expect_none, expect_one};
use super::scan::{line_of, words};
use super::tree::{SourceFile, files};

/// How built files are named.
const BUILT: [&str; 9] =
    [".wasm", ".cwasm", ".so", ".a", ".o", ".rlib", ".rmeta", ".dylib", ".exe"];
/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/fa", "rm/"),
    concat!("/wt", "/"),
];
/// Whom an address may name: a reader follows it, no program does.
const HOSTS: [&str; 9] = [
    "github.com",
    "rustup.rs",
    "www.apache.org",
    "json-schema.org",
    "doc.rust-lang.org",
    "spark.apache.org",
    "maven.apache.org",
    "component-model.bytecodealliance.org",
    "127.0.0.1",
];
/// Where every crate comes from.
const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn built(file: &SourceFile) -> Option<Finding> {
    let named = BUILT.iter().any(|ending| file.path.ends_with(ending));
    let binary = file.bytes.contains(&0) || std::str::from_utf8(&file.bytes).is_err();
    let in_target = file.path.split('/').any(|part| part == "target");
    let message = "is no text; what is built is built from source, each time";
    (named || binary || in_target).then(|| Finding::of(&file.path, message))
}

fn machine_paths(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for beginning in MACHINE_PATHS {
        for (at, _) in file.text.match_indices(beginning) {
            let before = file.text[..at].chars().next_back();
            // A folder of that name further down some path is another matter.
            if before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '}')) {
                let message = format!("names `{beginning}`, which exists on one machine only");
                found.push(Finding::at(&file.path, line_of(&file.text, at), message));
            }
        }
    }
    found
}

fn foreign_hosts(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for scheme in ["https://", "http://"] {
        for (at, _) in file.text.match_indices(scheme) {
            let rest = &file.text[at + scheme.len()..];
            let named = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
            let end = rest.find(|c| !named(c)).unwrap_or(rest.len());
            let host = rest[..end].trim_end_matches('.');
            if !host.is_empty() && !HOSTS.contains(&host) {
                let message = format!("names the host `{host}`; allowed are {HOSTS:?}");
                found.push(Finding::at(&file.path, line_of(&file.text, at), message));
            }
        }
    }
    found
}

fn foreign_sources(lock: &SourceFile) -> Vec<Finding> {
    let sources = lock.text.lines().enumerate().filter_map(|(index, line)| {
        let source = line.strip_prefix("source = \"")?.trim_end_matches('"');
        (source != INDEX).then_some((index + 1, source))
    });
    let message = |source| format!("comes from `{source}`; allowed is `{INDEX}`");
    sources.map(|(line, source)| Finding::at(&lock.path, line, message(source))).collect()
}

/// The files that could declare the module of a file.
fn parents(path: &str) -> Option<([String; 3], &str)> {
    let (folder, name) = path.strip_suffix(".rs")?.rsplit_once('/')?;
    let is_root = matches!(name, "lib" | "main" | "build");
    let inside = folder.ends_with("/src") || folder.contains("/src/");
    let apart = folder.ends_with("/bin");
    (inside && !is_root && !apart)
        .then(|| (["lib.rs", "main.rs"].map(|root| format!("{folder}/{root}")), name))
        .map(|([lib, main], name)| ([format!("{folder}.rs"), lib, main], name))
}

fn dead_files(all: &[SourceFile]) -> Vec<Finding> {
    let declared = |file: &SourceFile, name: &str| {
        let code = file.scanned().code;
        words(&code, "mod").any(|at| {
            let rest = code[at + 3..].trim_start().strip_prefix(name);
            rest.is_some_and(|rest| rest.trim_start().starts_with(';'))
        })
    };
    let rust = all.iter().filter(|file| file.is_rust());
    let dead = rust.filter(|file| {
        parents(&file.path).is_some_and(|(parents, name)| {
            let mut parents = all.iter().filter(|other| parents.contains(&other.path));
            !parents.any(|parent| declared(parent, name))
        })
    });
    dead.map(|file| Finding::of(&file.path, "no `mod` line names it: declare or delete it"))
        .collect()
}

fn mod_files(file: &SourceFile) -> Option<Finding> {
    let is_mod = file.path.ends_with("/mod.rs");
    is_mod.then(|| Finding::of(&file.path, "write `room.rs` beside `room/`, not `mod.rs`"))
}

#[test]
fn nothing_built_is_kept() {
    expect_none(files().iter().filter_map(built).collect());
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    expect_none(files().iter().flat_map(machine_paths).collect());
}

#[test]
fn addresses_name_known_hosts_only() {
    let texts = files().iter().filter(|file| !file.path.ends_with("Cargo.lock"));
    expect_none(texts.flat_map(foreign_hosts).collect());
}

#[test]
fn every_crate_comes_from_the_one_index() {
    let locks = files().iter().filter(|file| file.path.ends_with("Cargo.lock"));
    expect_none(locks.flat_map(foreign_sources).collect());
}

#[test]
fn every_source_is_compiled() {
    // A test target of its own, because it starts itself as the compiling child.
    let program = "tests/src/compile_child.rs";
    expect_none(dead_files(files()).into_iter().filter(|found| found.path != program).collect());
}

#[test]
fn rooms_lie_beside_their_folders() {
    expect_none(files().iter().filter_map(mod_files).collect());
}

#[test]
fn planted_files_are_found() {
    let planted = SourceFile::planted;
    expect_one(&Vec::from_iter(built(&planted("a/words.wasm", ""))), 0, "no text");
    expect_one(&Vec::from_iter(built(&planted("a/b", "\0"))), 0, "no text");
    expect_one(&Vec::from_iter(mod_files(&planted("host/src/a/mod.rs", ""))), 0, "not `mod.rs`");
    let dead = [
        planted("a/src/lib.rs", "mod b;"),
        planted("a/src/b.rs", "// mod c;"),
        planted("a/src/b/c.rs", ""),
    ];
    expect_one(&dead_files(&dead), 0, "no `mod` line");
}

#[test]
fn planted_traces_of_a_machine_are_found() {
    let text = format!("a\nlet b = \"{}someone/c\";", MACHINE_PATHS[2]);
    expect_one(&machine_paths(&SourceFile::planted("a.rs", &text)), 2, "one machine only");
    let text = format!("{}example.test/a", concat!("htt", "ps://"));
    expect_one(&foreign_hosts(&SourceFile::planted("a.md", &text)), 1, "`example.test`");
    let lock = "[[package]]\nsource = \"registry+sparse\"\n";
    expect_one(&foreign_sources(&SourceFile::planted("Cargo.lock", lock)), 2, "registry+sparse");
}
