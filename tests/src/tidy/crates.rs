//! Tidy: the crates of the repository: who depends on whom, under which lints and profiles.
//!
//! Takes every `Cargo.toml`. Gives dependencies that the table does not allow, crates in which
//! documentation may be missing or unsafe code may be written, and workspaces whose numbers wrap.

use toml::Table;

use super::finding::{Finding, expect_none, expect_one};
use super::tree::{SourceFile, files};

/// Which of our own crates a crate may depend on.
const CRATES: &[(&str, &[&str])] = &[
    ("tidemill", &["tidemill-guest-build", "tidemill-sdk"]),
    ("tidemill-sdk", &["tidemill-sdk-macros"]),
    ("tidemill-sdk-macros", &[]),
    ("tidemill-guest-build", &[]),
    ("tidemill-tests", &["tidemill", "tidemill-sdk", "tidemill-guest-build"]),
    ("tidemill-benches", &["tidemill", "tidemill-sdk", "tidemill-guest-build"]),
];

/// What a guest's source may depend on.
const GUEST: &[&str] = &["tidemill-sdk"];

fn parsed(file: &SourceFile) -> Table {
    file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

fn package_name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

fn wrong_dependencies(file: &SourceFile) -> Vec<Finding> {
    let manifest = parsed(file);
    let Some(name) = package_name(&manifest) else { return Vec::new() };
    let allowed = CRATES.iter().find(|(known, _)| *known == name).map_or(GUEST, |(_, to)| *to);
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let named = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    let ours = named.flat_map(Table::keys).filter(|to| {
        to.starts_with("tidemill") && to.as_str() != name && !allowed.contains(&to.as_str())
    });
    let message = |to| format!("`{name}` depends on `{to}`; of ours it may use {allowed:?}");
    ours.map(|to| Finding::of(&file.path, message(to))).collect()
}

/// A crate takes the workspace's lints, or says the same in its first lines: the SDK is also built
/// alone, far from this workspace.
fn lax_lints(file: &SourceFile, all: &[SourceFile]) -> Vec<Finding> {
    let manifest = parsed(file);
    if package_name(&manifest).is_none() || is_guest(&file.path) {
        return Vec::new();
    }
    let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
    if inherited == Some(true) {
        return Vec::new();
    }
    let root = file.path.replace("Cargo.toml", "src/lib.rs");
    let text = all.iter().find(|other| other.path == root).map_or("", |other| &other.text);
    let denied: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#![deny(")?.strip_suffix(")]"))
        .flat_map(|list| list.split(", "))
        .collect();
    let missing = ["missing_docs", "unsafe_code"].into_iter().filter(|lint| !denied.contains(lint));
    let message = |lint| format!("does not deny `{lint}`, neither by `lints` nor in `{root}`");
    missing.map(|lint| Finding::of(&file.path, message(lint))).collect()
}

/// A release build wraps numbers in silence unless it is told otherwise.
fn wrapping(file: &SourceFile) -> Option<Finding> {
    let manifest = parsed(file);
    manifest.get("workspace")?;
    let release = manifest.get("profile").and_then(|profiles| profiles.get("release"));
    let checked = release.and_then(|release| release.get("overflow-checks")?.as_bool());
    let message = "`profile.release` needs `overflow-checks = true`";
    (checked != Some(true)).then(|| Finding::of(&file.path, message))
}

fn is_guest(path: &str) -> bool {
    path.starts_with("plugins/") || path.starts_with("tests/guests/")
}

fn manifests() -> impl Iterator<Item = &'static SourceFile> {
    files().iter().filter(|file| file.path.ends_with("Cargo.toml"))
}

#[test]
fn crates_depend_on_what_the_table_allows() {
    expect_none(manifests().flat_map(wrong_dependencies).collect());
}

#[test]
fn every_crate_denies_missing_docs_and_unsafe_code() {
    expect_none(manifests().flat_map(|file| lax_lints(file, files())).collect());
}

#[test]
fn workspace_denies_missing_docs_and_unsafe_code() {
    let root = manifests().find(|file| file.path == "Cargo.toml").expect("the root is there");
    let lints = parsed(root)["workspace"]["lints"]["rust"].clone();
    for lint in ["missing_docs", "unsafe_code"] {
        assert_eq!(lints[lint].as_str(), Some("deny"), "{lint}");
    }
}

#[test]
fn no_workspace_lets_numbers_wrap() {
    expect_none(manifests().filter_map(wrapping).collect());
}

#[test]
fn planted_manifests_are_found() {
    let text = "[package]\nname = \"tidemill-sdk\"\n[dependencies]\ntidemill = \"1\"\n";
    let planted = SourceFile::planted("guest-sdk/Cargo.toml", text);
    expect_one(&wrong_dependencies(&planted), 0, "`tidemill-sdk` depends on `tidemill`");
    let root = SourceFile::planted("guest-sdk/src/lib.rs", "#![deny(missing_docs)]\n");
    expect_one(&lax_lints(&planted, &[root]), 0, "`unsafe_code`");
    let text = "[workspace]\n[profile.release]\nopt-level = 3\n";
    let found = wrapping(&SourceFile::planted("plugins/Cargo.toml", text));
    expect_one(found.as_slice(), 0, "overflow-checks");
}
