//! Lists the SDK's source files, so that the program carries them.
//!
//! Takes the folder beside this crate. Gives a Rust file with their names and bytes. Never builds
//! a plugin: building the host must not need a toolchain for the sandbox.

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
        println!("cargo::rerun-if-changed={}", sdk.join(part).display());
        collect(&sdk.join(part), &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&sdk).unwrap_or(&file).to_string_lossy().into_owned();
        let file = fs::canonicalize(&file)?;
        writeln!(list, "    ({name:?}, include_bytes!({file:?})),").map_err(io::Error::other)?;
    }
    list.push(']');
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("sdk_files.rs"), list)
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
