//! Wasm: a loaded plugin: its code, its digest, and what it says of itself.
//!
//! Takes a compiled component. Gives what planning and calling need of it. Never holds anything
//! that lives: instances come and go with tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::component::InstancePre;

use super::bindings;
use super::bindings::latest::exports::tidemill::plugin::{folds, operators};
use super::exchange::AnswerLimits;
use super::host_state::{Caller, HostState, SilentPort};
use super::inspect::ComponentFacts;
use super::instance::LiveInstance;
use super::sandbox::Sandbox;
use super::trap::{self, Fault};
use super::{WasmError, description};
use crate::limits;
use crate::model::description::PluginDescription;

/// What the instances of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginLimits {
    /// Linear memory, all memories of an instance together.
    pub memory_bytes: usize,
    /// CPU time of a task, and of `describe`.
    pub cpu_base: Duration,
    /// CPU time granted beyond that for each row of a task's input.
    pub cpu_per_row: Duration,
    /// CPU time granted beyond that for each byte of a task's input.
    pub cpu_per_byte: Duration,
    /// What one call may give back.
    pub answer: AnswerLimits,
    /// Bytes of log of a task.
    pub log_bytes: usize,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            memory_bytes: limits::INSTANCE_MEMORY_BYTES_MAX,
            cpu_base: limits::TASK_CPU_BASE,
            cpu_per_row: limits::TASK_CPU_PER_ROW,
            cpu_per_byte: limits::TASK_CPU_PER_BYTE,
            answer: AnswerLimits::default(),
            log_bytes: limits::TASK_LOG_BYTES_MAX,
        }
    }
}

/// The code of a plugin, bound to its imports, with the places of what it exports.
pub(super) struct PluginCode {
    pub(super) pre: InstancePre<HostState>,
    pub(super) operators: operators::GuestIndices,
    pub(super) folds: Option<folds::GuestIndices>,
}

impl PluginCode {
    pub(super) fn new(
        pre: InstancePre<HostState>,
        facts: &ComponentFacts,
    ) -> wasmtime::Result<Self> {
        let operators = operators::GuestIndices::new(&pre)?;
        let folds = if facts.exports_interface("folds") {
            Some(folds::GuestIndices::new(&pre)?)
        } else {
            None
        };
        Ok(Self { pre, operators, folds })
    }
}

/// A loaded plugin.
pub struct Plugin {
    id: u64,
    digest: String,
    bytes: usize,
    imports: Vec<String>,
    description: PluginDescription,
    limits: PluginLimits,
    code: PluginCode,
    /// Keeps the epoch ticking for as long as anyone can call.
    _sandbox: Arc<Sandbox>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({} {})", self.description.name, self.digest)
    }
}

/// What is known of a component beside its code.
pub(super) struct Origin {
    pub(super) digest: String,
    pub(super) bytes: usize,
    pub(super) facts: ComponentFacts,
}

impl Plugin {
    /// Asks the plugin what it is, on an instance of its own, and checks the answer.
    pub(super) fn describe(
        sandbox: Arc<Sandbox>,
        code: PluginCode,
        origin: Origin,
        limits: PluginLimits,
    ) -> Result<Self, WasmError> {
        let caller = Caller { plugin: Arc::from("describe"), port: Arc::new(SilentPort) };
        let described = LiveInstance::for_description(&code, &limits, caller)
            .and_then(|mut instance| instance.call(|guest, store| guest.call_describe(store)))
            .map_err(|Fault { code, message, .. }| match code {
                trap::INTERFACE => WasmError::Interface { reason: message },
                _ => WasmError::Describe { code, message },
            })?;
        let missing_folds = code.folds.is_none().then(|| bindings::interface("folds"));
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            digest: origin.digest,
            bytes: origin.bytes,
            imports: origin.facts.imports,
            description: description::check(described, missing_folds)?,
            limits,
            code,
            _sandbox: sandbox,
        })
    }

    /// What it says of itself, checked.
    pub fn description(&self) -> &PluginDescription {
        &self.description
    }

    /// The blake3 digest of its component, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The bytes of its component.
    pub fn bytes_len(&self) -> usize {
        self.bytes
    }

    /// The interfaces it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Whether it can fold.
    pub fn has_folds(&self) -> bool {
        self.code.folds.is_some()
    }

    /// What its instances may use.
    pub fn limits(&self) -> &PluginLimits {
        &self.limits
    }

    /// A number that no other loaded plugin of this process has.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn code(&self) -> &PluginCode {
        &self.code
    }
}
