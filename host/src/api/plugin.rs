//! Api: a loaded plugin and its operators, as programs name them.
//!
//! Takes a component. Gives operators for the steps of streams. Never runs guest code itself.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::driver::engine::Engine;
use crate::driver::error::DriverError;
use crate::driver::plugins::load_component;
use crate::driver::swap::NewCode;
use crate::model::description::PluginDescription;
use crate::model::operation::OperatorRef;
use crate::wasm::plugin::Plugin;

/// A loaded plugin.
#[derive(Debug, Clone)]
pub struct LoadedPlugin {
    name: String,
    plugin: Arc<Plugin>,
}

/// An operator that a plugin does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` has no operator `{found}`; it has {}", .allowed.join(", "))]
pub struct UnknownOperator {
    /// The plugin.
    pub plugin: String,
    /// The name that was asked for.
    pub found: String,
    /// The operators it has.
    pub allowed: Vec<String>,
}

impl Engine {
    /// Loads a component from a file.
    ///
    /// # Errors
    /// When there is no such file, it is no plugin for this host, or it cannot be compiled.
    pub fn load_plugin(&self, path: impl AsRef<Path>) -> Result<LoadedPlugin, DriverError> {
        let path = path.as_ref();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| "plugin".to_owned());
        let plugin = load_component(self, &name, path, None, None)?;
        let name = self.name_loaded(&plugin);
        Ok(LoadedPlugin { name, plugin })
    }

    /// A name for jobs: the plugin's own, with a number where another plugin has it already.
    fn name_loaded(&self, plugin: &Arc<Plugin>) -> String {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let own = &plugin.description().name;
        let mut name = own.clone();
        for number in 2_u64.. {
            match loaded.get(&name) {
                Some(other) if other.digest() != plugin.digest() => {
                    name = format!("{own}-{number}")
                }
                _ => break,
            }
        }
        loaded.insert(name.clone(), Arc::clone(plugin));
        name
    }
}

impl LoadedPlugin {
    /// Its name in jobs of its engine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same plugin as the new version of one of a running job.
    pub fn as_new_code(&self) -> NewCode {
        NewCode::Loaded(Arc::clone(&self.plugin))
    }

    /// What the plugin says of itself.
    pub fn description(&self) -> &PluginDescription {
        self.plugin.description()
    }

    /// The operator of that name, for a step.
    ///
    /// # Errors
    /// When the plugin has none of that name.
    pub fn operator(&self, name: &str) -> Result<OperatorRef, UnknownOperator> {
        let description = self.description();
        if description.operator(name).is_none() {
            let allowed = description.operators.iter().map(|o| o.name.clone()).collect();
            let plugin = self.name.clone();
            return Err(UnknownOperator { plugin, found: name.to_owned(), allowed });
        }
        Ok(OperatorRef::Guest { plugin: self.name.clone(), operator: name.to_owned() })
    }
}
