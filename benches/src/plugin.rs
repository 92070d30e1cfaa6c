//! Benches: engines and components, as every program here needs them.
//!
//! Takes names of plugins. Gives them built, and engines whose artefacts outlive a run, so that
//! only the first one compiles. Never builds what is fresh.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::wasm::compile::Compiler;
use tidemill_guest_build::{Options, build};

/// The component of a plugin of the project, in the folder `plugins`.
///
/// # Errors
/// When it does not build.
pub fn component(plugin: &str) -> anyhow::Result<PathBuf> {
    built(&Path::new("plugins").join(plugin))
}

/// The component of a guest that only tests and benches run.
///
/// # Errors
/// When it does not build.
pub fn test_guest(guest: &str) -> anyhow::Result<PathBuf> {
    built(&Path::new("tests/guests").join(guest))
}

fn built(folder: &Path) -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("benches lie in a root")?;
    let options = Options { report: &|line| eprintln!("{line}"), ..Options::default() };
    Ok(build(&root.join(folder), &options)?.component)
}

/// An engine with so many executors.
///
/// # Errors
/// When it does not start.
pub fn engine(executors: Option<usize>) -> anyhow::Result<Arc<Engine>> {
    Ok(Engine::start(engine_config(executors)?)?)
}

/// How an engine with so many executors is set up.
///
/// # Errors
/// When there is no place for its artefacts.
pub fn engine_config(executors: Option<usize>) -> anyhow::Result<EngineConfig> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("a program lies in a folder")?.join("bench-artefacts");
    std::fs::create_dir_all(&folder)?;
    let mut config = EngineConfig::new(folder, Compiler::InProcess);
    config.executors = executors.unwrap_or(config.executors);
    Ok(config)
}
