//! Cli: the engine as this program sets it up.
//!
//! Takes what was typed. Gives an engine that compiles plugins in a child of this program.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::wasm::compile::{Compiler, CompilerProgram};

/// Starts the engine.
///
/// # Errors
/// When this program cannot find itself, or the system gives no threads or folder.
pub fn start_engine(
    executors: Option<u16>,
    artefacts: Option<PathBuf>,
) -> anyhow::Result<Arc<Engine>> {
    Ok(Engine::start(engine_config(executors, artefacts)?)?)
}

/// How the engine is set up.
///
/// # Errors
/// When this program cannot find itself.
pub fn engine_config(
    executors: Option<u16>,
    artefacts: Option<PathBuf>,
) -> anyhow::Result<EngineConfig> {
    let program = std::env::current_exe().context("failed to find this program's own file")?;
    let artefacts =
        artefacts.unwrap_or_else(|| tidemill_guest_build::cache_folder().join("artefacts"));
    let compiler = Compiler::Child(CompilerProgram::new(program));
    let mut config = EngineConfig::new(artefacts, compiler);
    if let Some(executors) = executors {
        config.executors = usize::from(executors);
    }
    Ok(config)
}
