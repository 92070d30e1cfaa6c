//! Wasm: a loaded plugin: its code, its digest, and what it says of itself.
//!
//! Takes a compiled component. Gives what planning and calling need of it. Never holds anything
//! that lives: instances come and go with tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bindings;
use super::description::Missing;
use super::engine::EpochTicker;
use super::host_state::{Caller, SilentPort};
use super::inspect::ComponentFacts;
use super::instance::LiveInstance;
use super::plugin_code::PluginCode;
use super::plugin_limits::PluginLimits;
use super::trap::{self, Fault};
use super::{WasmError, description};
use crate::model::description::PluginDescription;

/// A loaded plugin.
pub struct Plugin {
    id: u64,
    digest: String,
    bytes: usize,
    imports: Vec<String>,
    description: Arc<PluginDescription>,
    limits: PluginLimits,
    code: PluginCode,
    /// Keeps the epoch ticking for as long as anyone can call.
    _ticker: Arc<EpochTicker>,
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
        ticker: Arc<EpochTicker>,
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
        let missing = Missing {
            folds: code.folds.is_none().then(|| bindings::interface("folds")),
            stateful: code.stateful.is_none().then(|| bindings::interface("stateful")),
        };
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            digest: origin.digest,
            bytes: origin.bytes,
            imports: origin.facts.imports,
            description: Arc::new(description::check(described, &missing)?),
            limits,
            code,
            _ticker: ticker,
        })
    }

    /// What it says of itself, checked.
    pub fn description(&self) -> &PluginDescription {
        &self.description
    }

    /// The same, shared.
    pub(super) fn described(&self) -> Arc<PluginDescription> {
        Arc::clone(&self.description)
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

    /// Whether it can keep states.
    pub fn has_stateful(&self) -> bool {
        self.code.stateful.is_some()
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
