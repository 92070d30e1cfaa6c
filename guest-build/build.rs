//! Lists the SDK's source files, so that the program carries them.
//!
//! Takes the folder beside this crate. Gives a Rust file with their names and bytes. Never builds
//! a plugin: building the host must not need a toolchain for the sandbox.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What of the SDK's folder a plugin needs; its own tests and build output stay behind.
const PARTS: [&str; 6] =
    ["Cargo.toml", "README.md", "build.rs", "src", "macros/Cargo.toml", "macros/src"];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let sdk = here.join("../guest-sdk");
    let mut files = Vec::new();
    for part in PARTS {
        let path = sdk.join(part);
        // Cargo takes a file that is not there for one that has changed, every time.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        collect(&path, &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&sdk).unwrap_or(&file).to_string_lossy().into_owned();
        let file = fs::canonicalize(&file)?;
        writeln!(list, "    ({name:?}, include_bytes!({file:?})),").map_err(io::Error::other)?;
    }
    list.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("sdk_files.rs"), list)?;
    let lock = here.join("../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    fs::write(out.join("Cargo.lock"), sdk_lock(&fs::read_to_string(lock)?))
}

/// The part of the workspace's lock that the SDK needs: a new plugin starts with the versions its
/// SDK was tested with, and without asking a registry for newer ones.
fn sdk_lock(whole: &str) -> String {
    let packages: Vec<&str> = whole.split("[[package]]\n").skip(1).collect();
    let mut wanted = vec!["tidemill-sdk".to_owned()];
    let mut kept = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        // A name stands alone when one version is locked, with its version when several are.
        let (name, version) = name.split_once(' ').unwrap_or((&name, ""));
        let found = packages.iter().find(|text| {
            text.starts_with(&format!("name = \"{name}\"\n"))
                && (version.is_empty() || text.contains(&format!("\nversion = \"{version}\"\n")))
        });
        let Some(text) = found else { continue };
        if kept.insert(format!("{name} {version}"), *text).is_none() {
            let dependencies = text.lines().filter_map(|line| line.strip_prefix(" \""));
            wanted.extend(dependencies.filter_map(|line| Some(line.split_once('"')?.0.to_owned())));
        }
    }
    let mut lock = String::from("version = 4\n");
    for text in kept.values() {
        lock.push_str("\n[[package]]\n");
        lock.push_str(text.trim_end());
        lock.push('\n');
    }
    lock
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.is_file() {
        files.push(path.to_owned());
    }
    Ok(())
}
