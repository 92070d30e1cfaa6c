//! Tidy: each version of the treaty has its bindings, and each binding its version.
//!
//! Takes the folders of `wit/` and the host's bindings. Gives versions without bindings, bindings
//! without a version, and folders whose package says another one.

use super::finding::{Finding, expect_none, expect_one};
use super::tree::{SourceFile, files};

const BINDINGS: &str = "host/src/wasm/bindings/since_v";

fn folder_of(path: &str) -> Option<&str> {
    path.strip_prefix("wit/since-v").and_then(|rest| Some(rest.split_once('/')?.0))
}

fn unpaired(all: &[SourceFile]) -> Vec<Finding> {
    let mut found = Vec::new();
    let treaties = all.iter().filter(|file| file.path.ends_with(".wit"));
    for file in treaties.clone() {
        let Some(version) = folder_of(&file.path) else {
            found.push(Finding::of(&file.path, "lies outside of `wit/since-vX.Y.Z/`"));
            continue;
        };
        let bindings = format!("{BINDINGS}{}.rs", version.replace('.', "_"));
        if !all.iter().any(|other| other.path == bindings) {
            found.push(Finding::of(&file.path, format!("has no bindings in `{bindings}`")));
        }
        let package = file.text.lines().find_map(|line| line.strip_prefix("package "));
        if package.is_some_and(|package| !package.ends_with(&format!("@{version};"))) {
            let message = format!("its package is not of the folder's version {version}");
            found.push(Finding::of(&file.path, message));
        }
    }
    for file in all {
        let Some(rest) = file.path.strip_prefix(BINDINGS) else { continue };
        let version = rest.trim_end_matches(".rs").replace('_', ".");
        if !treaties.clone().any(|treaty| folder_of(&treaty.path) == Some(&version)) {
            found.push(Finding::of(&file.path, format!("there is no `wit/since-v{version}/`")));
        }
    }
    found
}

#[test]
fn treaty_and_bindings_are_pairs() {
    expect_none(unpaired(files()));
}

#[test]
fn planted_lonely_treaty_is_found() {
    let planted = SourceFile::planted;
    let treaty = planted("wit/since-v0.2.0/plugin.wit", "package tidemill:plugin@0.2.0;\n");
    let bindings = planted("host/src/wasm/bindings/since_v0_1_0.rs", "");
    let found = unpaired(&[treaty]);
    expect_one(&found, 0, "has no bindings");
    expect_one(&unpaired(&[bindings]), 0, "there is no `wit/since-v0.1.0/`");
}
