//! Toolchain, step 3: the standard library for the sandbox, built once from Debian's source.
//!
//! Takes the folder with the unpacked compiler and its source. Gives libraries in the compiler's
//! own folder, so that from then on a plain `cargo build --target` works. Never asks a registry:
//! what the library depends on lies beside its source.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::Command;
use crate::debian::DebianError;
use crate::toolchain::TARGET;

/// Half a minute is usual on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);
/// An empty crate: building it builds the library under it.
const MANIFEST: &str = "[package]\nname = \"std-build\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                        [workspace]\n[profile.release]\npanic = \"abort\"\n";

/// Builds the library and puts it where the compiler looks for it.
pub fn build(home: &Path) -> Result<(), DebianError> {
    let library = source_folder(home)?;
    let folder = home.join("std-build");
    write(&folder.join("src/lib.rs"), "")?;
    write(&folder.join("Cargo.toml"), MANIFEST)?;
    let vendor = format!("source.vendor.directory=\"{}\"", library.join("vendor").display());
    Command::new("cargo")
        .args(["build", "--release", "--offline", "-Z", "build-std=std,panic_abort"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(folder.join("target"))
        .args(["--config", "source.crates-io.replace-with=\"vendor\"", "--config", &vendor])
        .env("RUSTFLAGS", "-Zforce-unstable-if-unmarked -Cembed-bitcode=yes")
        .env("RUSTC", home.join("bin/rustc"))
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(&folder)
        .limit(BUILD_LIMIT)
        .succeed()?;
    move_libraries(&folder.join("target").join(TARGET).join("release/deps"), home)?;
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

fn source_folder(home: &Path) -> Result<PathBuf, DebianError> {
    let sources = home.join("usr/src");
    fs::read_dir(&sources)
        .map_err(DebianError::io(&sources))?
        .flatten()
        .map(|entry| entry.path().join("library"))
        .find(|library| library.join("vendor").is_dir())
        .ok_or_else(|| DebianError::NoPackage("rust-web-src".to_owned()))
}

fn move_libraries(built: &Path, home: &Path) -> Result<(), DebianError> {
    let into = home.join("usr/lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&into).map_err(DebianError::io(&into))?;
    for entry in fs::read_dir(built).map_err(DebianError::io(built))?.flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && !text.starts_with("libstd_build-") {
            let to = into.join(&name);
            fs::copy(entry.path(), &to).map_err(DebianError::io(&to))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), DebianError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(DebianError::io(folder))?;
    fs::write(path, text).map_err(DebianError::io(path))
}
