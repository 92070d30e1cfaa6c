//! Wasm: the code of a plugin, ready to make instances of.
//!
//! Takes a component bound to its imports. Gives the places of what it exports, looked up once.
//! Never makes an instance itself.

use wasmtime::component::InstancePre;

use super::bindings::latest::exports::tidemill::plugin::{folds, operators, stateful};
use super::host_state::HostState;
use super::inspect::ComponentFacts;

/// The code of a plugin, bound to its imports, with the places of what it exports.
pub(super) struct PluginCode {
    pub(super) pre: InstancePre<HostState>,
    pub(super) operators: operators::GuestIndices,
    pub(super) folds: Option<folds::GuestIndices>,
    pub(super) stateful: Option<stateful::GuestIndices>,
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
        let stateful = if facts.exports_interface("stateful") {
            Some(stateful::GuestIndices::new(&pre)?)
        } else {
            None
        };
        Ok(Self { pre, operators, folds, stateful })
    }
}
