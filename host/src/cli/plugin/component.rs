//! Cli: a plugin as it is named on the command line.
//!
//! Takes a component's file, or the folder it is built from. Gives a loaded plugin. Never trusts
//! it: it is compiled in a child and called in the sandbox, as in a job.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tidemill::wasm::compile::{Compiler, CompilerProgram};
use tidemill::wasm::plugin::Plugin;
use tidemill::wasm::plugin_limits::PluginLimits;
use tidemill::wasm::sandbox::{Sandbox, SandboxConfig};
use tidemill_guest_build::{Options, cache_folder};

use super::build::build_aloud;

/// A loaded plugin and where its component lies.
pub struct Loaded {
    /// The component's file.
    pub file: PathBuf,
    /// The plugin.
    pub plugin: Arc<Plugin>,
}

/// Builds the plugin if a folder is named, and loads it.
///
/// # Errors
/// When it does not build or load.
pub fn load(named: &Path) -> anyhow::Result<Loaded> {
    let file = if named.is_dir() {
        build_aloud(named, Options::default())?.component
    } else {
        named.to_owned()
    };
    let program = std::env::current_exe().context("failed to find this program's own file")?;
    let sandbox = Sandbox::new(SandboxConfig {
        executors: 1,
        artefact_dir: cache_folder().join("artefacts"),
        compiler: Compiler::Child(CompilerProgram::new(program)),
    })?;
    let plugin = sandbox
        .load_file(&file, PluginLimits::default())
        .with_context(|| format!("failed to load plugin `{}`", file.display()))?;
    Ok(Loaded { file, plugin })
}
