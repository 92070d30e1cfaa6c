//! Wasm: the sandbox: one engine, its pool of instances, and the way from bytes to a plugin.
//!
//! Takes components. Gives plugins: inspected, compiled aside, sealed, described. Never runs a
//! guest's code before all of that but the last.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::artefact::{ArtefactName, ArtefactStore};
use super::compile::{self, Compiler};
use super::engine::{self, EpochTicker};
use super::host_state::HostState;
use super::plugin::{Origin, Plugin};
use super::plugin_code::PluginCode;
use super::plugin_limits::PluginLimits;
use super::{WasmError, escaped_words, host_func, inspect};
use crate::limits;

/// What a sandbox needs to know.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Threads that call guests: the pool has room for so many tasks.
    pub executors: u32,
    /// Where compiled artefacts are kept, for this user alone.
    pub artefact_dir: PathBuf,
    /// Where components are compiled.
    pub compiler: Compiler,
}

/// One engine with its pool; usually one in a process.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<HostState>,
    artefacts: ArtefactStore,
    compiler: Compiler,
    ticker: Arc<EpochTicker>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sandbox({:?}, {:?})", self.artefacts, self.compiler)
    }
}

impl Sandbox {
    /// A sandbox for so many executors.
    ///
    /// # Errors
    /// When address space, thread or folder are not to be had.
    pub fn new(config: SandboxConfig) -> Result<Arc<Self>, WasmError> {
        let SandboxConfig { executors, artefact_dir, compiler } = config;
        let engine = engine::runner(executors).map_err(WasmError::engine)?;
        let linker = host_func::linker(&engine).map_err(WasmError::engine)?;
        let artefacts = ArtefactStore::open(&artefact_dir)?;
        let ticker = EpochTicker::start(&engine)
            .map_err(|error| WasmError::Engine { reason: error.to_string() })?;
        Ok(Arc::new(Self { engine, linker, artefacts, compiler, ticker: Arc::new(ticker) }))
    }

    /// Loads a component.
    ///
    /// # Errors
    /// Says what is wrong with it, from its first byte to its description.
    pub fn load(&self, bytes: &[u8], limits: PluginLimits) -> Result<Arc<Plugin>, WasmError> {
        let facts = inspect::inspect(bytes)?;
        let digest = blake3::hash(bytes).to_hex().to_string();
        let component = self.component(&digest, bytes)?;
        let code = self
            .linker
            .instantiate_pre(&component)
            .and_then(|pre| PluginCode::new(pre, &facts))
            .map_err(|error| WasmError::Interface { reason: escaped_words(&error) })?;
        let origin = Origin { digest, bytes: bytes.len(), facts };
        Plugin::describe(Arc::clone(&self.ticker), code, origin, limits).map(Arc::new)
    }

    /// Loads the component in a file.
    ///
    /// # Errors
    /// As [`Sandbox::load`], and when there is no such file.
    pub fn load_file(&self, path: &Path, limits: PluginLimits) -> Result<Arc<Plugin>, WasmError> {
        self.load(&read(path)?, limits)
    }

    /// The component from its sealed artefact, or compiled.
    fn component(&self, digest: &str, bytes: &[u8]) -> Result<Component, WasmError> {
        let name = ArtefactName::new(digest, &self.engine);
        if let Some(component) = self.artefacts.load(&self.engine, &name) {
            return Ok(component);
        }
        let code = compile::compile(&self.compiler, &self.engine, bytes)?;
        tracing::debug!(digest, "component compiled");
        self.artefacts
            .keep(&self.engine, &name, &code)
            .map_err(|error| WasmError::Unfit { reason: escaped_words(&error) })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, WasmError> {
    let unreadable = |reason: String| {
        let path = path.to_owned();
        move || WasmError::File { path, reason }
    };
    let facts = std::fs::metadata(path).map_err(|error| unreadable(error.to_string())())?;
    if facts.is_dir() {
        let reason = "it is a folder, expected a component file: `tidemill plugin build` makes one \
                      of a plugin's source";
        return Err(unreadable(reason.to_owned())());
    }
    if !facts.is_file() {
        return Err(unreadable("it is no file".to_owned())());
    }
    let (found, allowed) = (facts.len(), limits::COMPONENT_BYTES_MAX);
    if found > allowed as u64 {
        return Err(unreadable(format!("it is {found} bytes, limit is {allowed}"))());
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let read = File::open(path)
        .and_then(|file| file.take(allowed as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(error.to_string())())?;
    if read > allowed {
        return Err(unreadable(format!("it is more than {allowed} bytes, which is the limit"))());
    }
    Ok(bytes)
}
