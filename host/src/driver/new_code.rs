//! Driver: where another version of a plugin comes from.
//!
//! Takes a component file or a loaded plugin. Gives it loaded, with the limits that the job has for
//! the plugin. Never looks whether it fits the job.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::error::DriverError;
use super::plugins::load_component;
use crate::model::pipeline::{Pipeline, PluginDeclaration};
use crate::wasm::plugin::Plugin;

/// Where the new version of a plugin comes from.
#[derive(Debug, Clone)]
pub enum NewCode {
    /// A component file. It is loaded with the limits that the job has for the plugin.
    Component(PathBuf),
    /// A plugin that is loaded.
    Loaded(Arc<Plugin>),
}

/// Loads what is given for plugins of a job, by their names in it.
///
/// # Errors
/// Names the first that cannot be loaded.
pub(super) fn load_new(
    engine: &Engine,
    pipeline: &Pipeline,
    new: &[(String, NewCode)],
) -> Result<BTreeMap<String, Arc<Plugin>>, DriverError> {
    let load = |(name, code): &(String, NewCode)| {
        let loaded = match code {
            NewCode::Loaded(plugin) => Arc::clone(plugin),
            NewCode::Component(path) => {
                let declared = pipeline.plugins.iter().find(|plugin| plugin.name == *name);
                let memory = declared.and_then(|plugin: &PluginDeclaration| plugin.memory_bytes);
                let cpu: Option<Duration> = declared.and_then(|plugin| plugin.cpu_base);
                load_component(engine, name, path, memory, cpu)?
            }
        };
        Ok((name.clone(), loaded))
    };
    new.iter().map(load).collect()
}
