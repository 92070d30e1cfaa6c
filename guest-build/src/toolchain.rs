//! Finds a Rust that compiles for the sandbox, in a fixed order; what is fetched or made is told.
//!
//! Takes the folder of a plugin, whose `rust-toolchain.toml` counts, and switches. Gives the
//! environment that cargo needs. Never installs anything outside rustup's and our own folders, and
//! never needs root.
//!
//! 1. The active Rust has the target already.
//! 2. `rustup target add`, under a time limit: it may be refused or hang.
//! 3. Debian's newer Rust, unpacked into a cache folder, the standard library built once.
//! 4. A message with the one command to run by hand.

mod debian_rust;
mod standard_library;
pub mod switches;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::command::Command;
use crate::lock::FolderLock;
use crate::toolchain::switches::Switches;

/// What guests are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A Rust that compiles for the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler, where it is not the one on the search path.
    pub rustc: Option<PathBuf>,
    /// The linker for the sandbox, where it is not the compiler's own.
    pub linker: Option<PathBuf>,
    /// What the compiler says of itself; part of a component's cache key.
    pub identity: String,
}

/// Why there is no Rust for the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// There is no rustc to ask.
    #[error("`rustc` was not found: install Rust from https://rustup.rs, then try again")]
    NoRust,
    /// Every step was tried or left out.
    #[error(
        "no Rust here compiles for {TARGET} ({}); run `rustup target add {TARGET}` by hand, then \
         try again",
        .tried.join("; ")
    )]
    Nothing {
        /// One sentence per step, saying why it did not help.
        tried: Vec<String>,
    },
}

impl Toolchain {
    /// Hands the toolchain to a command that runs cargo or rustc.
    pub fn apply(&self, mut command: Command) -> Command {
        if let Some(rustc) = &self.rustc {
            command = command.env("RUSTC", rustc);
        }
        if let Some(linker) = &self.linker {
            command = command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }
}

/// Finds or makes a toolchain for the plugin in `folder`.
///
/// # Errors
/// When no step helps; the message names each, and the command to run by hand.
pub fn find_toolchain(
    folder: &Path,
    switches: &Switches,
    report: &dyn Fn(&str),
) -> Result<Toolchain, ToolchainError> {
    if switches.program("rustc").is_none() {
        return Err(ToolchainError::NoRust);
    }
    if let Some(found) = find_present(folder, switches) {
        return Ok(found);
    }
    let home = switches.home();
    let nothing = |tried| Err(ToolchainError::Nothing { tried });
    let lock = match FolderLock::take(&home, report) {
        Ok(lock) => lock,
        Err(error) => return nothing(vec![format!("`{}`: {error}", home.display())]),
    };
    // Whoever held the lock may have made what is wanted.
    let found = find_present(folder, switches);
    let made = found.map_or_else(|| make(folder, switches, report), Ok);
    drop(lock);
    made.or_else(nothing)
}

/// Looks for what needs no making: step 1, and what step 3 has left behind earlier. Says nothing:
/// nothing is done.
fn find_present(folder: &Path, switches: &Switches) -> Option<Toolchain> {
    let active = switches.active.then(|| active(folder, switches)).flatten();
    active.or_else(|| debian_rust::ready(&switches.home()).filter(|_| switches.debian))
}

/// Steps 2 and 3, under the lock of the folder that step 3 fills.
fn make(
    folder: &Path,
    switches: &Switches,
    report: &dyn Fn(&str),
) -> Result<Toolchain, Vec<String>> {
    let active_reason = if switches.active { "lacks it" } else { "was left out" };
    let mut tried = vec![format!("the active Rust {active_reason}")];
    match add_by_rustup(folder, switches, report) {
        Ok(added) => return Ok(added),
        Err(reason) => tried.push(reason),
    }
    if !switches.debian {
        tried.push("Debian's packages were left out".to_owned());
        return Err(tried);
    }
    debian_rust::set_up(&switches.home(), report).map_err(|error| {
        tried.push(format!("Debian's packages did not help: {error}"));
        tried
    })
}

/// Whether the compiler has a standard library for the sandbox.
fn has_target(rustc: &OsStr, folder: &Path) -> bool {
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .succeed();
    let Ok(answer) = asked else { return false };
    let Ok(files) = std::fs::read_dir(answer.stdout.trim()) else { return false };
    files.flatten().any(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    })
}

fn active(folder: &Path, switches: &Switches) -> Option<Toolchain> {
    let rustc = switches.program("rustc")?;
    has_target(rustc.as_ref(), folder).then_some(())?;
    Some(Toolchain { rustc: None, linker: None, identity: identity(rustc.as_ref(), folder)? })
}

fn identity(rustc: &OsStr, folder: &Path) -> Option<String> {
    Some(Command::new(rustc).arg("-vV").current_dir(folder).succeed().ok()?.stdout)
}

fn add_by_rustup(
    folder: &Path,
    switches: &Switches,
    report: &dyn Fn(&str),
) -> Result<Toolchain, String> {
    if !switches.rustup || !switches.active {
        return Err("rustup was left out".to_owned());
    }
    let rustup = switches.program("rustup").ok_or("there is no rustup")?;
    let seconds = switches.rustup_limit.as_secs();
    report(&format!("running `rustup target add {TARGET}`, for at most {seconds} s"));
    let added = Command::new(rustup)
        .args(["target", "add", TARGET])
        .current_dir(folder)
        .limit(switches.rustup_limit)
        .succeed();
    if let Err(error) = added {
        report("rustup could not add the target");
        return Err(error.to_string());
    }
    match active(folder, switches) {
        Some(toolchain) => {
            report(&format!("rustup added {TARGET}"));
            Ok(toolchain)
        }
        None => Err("rustup added it to another Rust than the active one".to_owned()),
    }
}
