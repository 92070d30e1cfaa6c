//! Driver: the plugins of a job: loaded, described to planning, bound into calls.
//!
//! Takes declarations and components. Gives operators that executors call. Never compiles on the
//! loop's thread: a job's plugins are loaded before it starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::error::DriverError;
use super::status_board::StatusBoard;
use crate::limits::{INSTANCE_MEMORY_BYTES_MAX, TASK_CPU_BASE};
use crate::model::description::PluginDescription;
use crate::model::operator::SharedOperator;
use crate::model::pipeline::{PluginCode, PluginDeclaration};
use crate::model::stage::{JobPlan, OperatorCall};
use crate::model::status::JobEvent;
use crate::model::version::{PluginVersion, PluginVersions};
use crate::operator::fold::CountRows;
use crate::operator::subtract::Subtract;
use crate::operator::verb;
use crate::plan::PluginCatalogue;
use crate::version::uses;
use crate::wasm::WasmError;
use crate::wasm::host_state::{GuestLogLevel, GuestPort};
use crate::wasm::operator::GuestOperator;
use crate::wasm::plugin::Plugin;
use crate::wasm::plugin_limits::PluginLimits;

/// The plugins of a job by the names it gives them.
#[derive(Debug, Clone, Default)]
pub struct JobPlugins {
    by_name: BTreeMap<String, Arc<Plugin>>,
}

impl PluginCatalogue for JobPlugins {
    fn describe(&self, plugin: &str) -> Option<&PluginDescription> {
        self.by_name.get(plugin).map(|plugin| plugin.description())
    }
}

impl JobPlugins {
    /// Plugins that are loaded already.
    pub fn new(by_name: BTreeMap<String, Arc<Plugin>>) -> Self {
        Self { by_name }
    }

    /// Loads every declared plugin, building those given as source. `report` hears what a build
    /// does.
    ///
    /// # Errors
    /// Names the first plugin that cannot be built or loaded.
    pub fn load(
        engine: &Engine,
        declared: &[PluginDeclaration],
        report: &dyn Fn(&str),
    ) -> Result<Self, DriverError> {
        let (loaded, errors) = Self::load_each(engine, declared, report);
        errors.into_iter().next().map_or(Ok(loaded), Err)
    }

    /// As [`Self::load`], going on with the next plugin when one cannot be built or loaded: gives
    /// those that can, and an error for each other one.
    pub fn load_each(
        engine: &Engine,
        declared: &[PluginDeclaration],
        report: &dyn Fn(&str),
    ) -> (Self, Vec<DriverError>) {
        let (mut by_name, mut errors) = (BTreeMap::new(), Vec::new());
        for plugin in declared {
            match load_declared(engine, plugin, report) {
                Ok(loaded) => drop(by_name.insert(plugin.name.clone(), loaded)),
                Err(error) => errors.push(error),
            }
        }
        (Self { by_name }, errors)
    }

    /// The plugins, each with its name in the job, its digest and its version.
    pub fn loaded(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.by_name.iter().map(|(name, plugin)| {
            (name.as_str(), plugin.digest(), plugin.description().version.as_str())
        })
    }

    /// The same plugins with others in the place of some.
    pub fn with(&self, others: &BTreeMap<String, Arc<Plugin>>) -> Self {
        let mut by_name = self.by_name.clone();
        by_name.extend(others.iter().map(|(name, plugin)| (name.clone(), Arc::clone(plugin))));
        Self { by_name }
    }

    /// The plugin of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.by_name.get(name)
    }

    /// The versions of the plugins that a plan calls.
    pub fn versions(&self, plan: &JobPlan) -> PluginVersions {
        let called = uses::called(plan);
        let called = self.by_name.iter().filter(|(name, _)| called.contains(name.as_str()));
        Arc::new(called.map(|(name, plugin)| (name.clone(), version_of(plugin))).collect())
    }

    /// The operator a call stands for.
    ///
    /// # Errors
    /// When the plugin lacks an operator that planning found: a bug of the host.
    pub fn bind(
        &self,
        call: &OperatorCall,
        port: &Arc<dyn GuestPort>,
    ) -> Result<SharedOperator, DriverError> {
        Ok(match call {
            OperatorCall::BuiltIn(fold) => Arc::new(*fold),
            OperatorCall::CountRows => Arc::new(CountRows),
            OperatorCall::Subtract => Arc::new(Subtract),
            OperatorCall::Verb(call) => verb::bind(call),
            OperatorCall::Native(operator) => Arc::clone(operator),
            OperatorCall::Guest { plugin, chain } => {
                let Some(loaded) = self.by_name.get(plugin) else {
                    unreachable!("planning found plugin `{plugin}` in this very catalogue")
                };
                let operator =
                    GuestOperator::new(Arc::clone(loaded), plugin, chain.clone(), Arc::clone(port))
                        .map_err(plugin_error(plugin))?;
                Arc::new(operator)
            }
        })
    }
}

fn load_declared(
    engine: &Engine,
    plugin: &PluginDeclaration,
    report: &dyn Fn(&str),
) -> Result<Arc<Plugin>, DriverError> {
    let component = component_of(plugin, report)?;
    load_component(engine, &plugin.name, &component, plugin.memory_bytes, plugin.cpu_base)
}

/// The component of a plugin, built if it is given as source.
///
/// # Errors
/// When it cannot be built.
pub fn component_of(
    plugin: &PluginDeclaration,
    report: &dyn Fn(&str),
) -> Result<PathBuf, DriverError> {
    match &plugin.code {
        PluginCode::Component(path) => Ok(path.clone()),
        PluginCode::Source(folder) => build(&plugin.name, folder, report),
    }
}

/// Which version a plugin is.
pub fn version_of(plugin: &Plugin) -> PluginVersion {
    let (digest, version) = (plugin.digest().to_owned(), plugin.description().version.clone());
    PluginVersion { digest, version }
}

/// Loads one component file under a job's name for it.
///
/// # Errors
/// When there is no such file, it is no plugin for this host, or it cannot be compiled.
pub fn load_component(
    engine: &Engine,
    name: &str,
    path: &Path,
    memory_bytes: Option<usize>,
    cpu_base: Option<Duration>,
) -> Result<Arc<Plugin>, DriverError> {
    let limits = PluginLimits {
        memory_bytes: memory_bytes.unwrap_or(INSTANCE_MEMORY_BYTES_MAX),
        cpu_base: cpu_base.unwrap_or(TASK_CPU_BASE),
        ..PluginLimits::default()
    };
    engine.sandbox.load_file(path, limits).map_err(plugin_error(name))
}

fn plugin_error(name: &str) -> impl FnOnce(WasmError) -> DriverError {
    let plugin = name.to_owned();
    move |source| DriverError::Plugin { plugin, source }
}

/// Builds a plugin that is given as source.
///
/// # Errors
/// When it cannot be built.
pub(super) fn build(
    name: &str,
    folder: &Path,
    report: &dyn Fn(&str),
) -> Result<PathBuf, DriverError> {
    use tidemill_guest_build::{Options, build};
    let options = Options { report, warnings: report, ..Options::default() };
    let built = build(folder, &options)
        .map_err(|source| DriverError::Build { plugin: name.to_owned(), source })?;
    Ok(built.component)
}

/// Takes log lines of guests to the job's listeners.
#[derive(Debug)]
pub struct GuestVoice(pub Arc<StatusBoard>);

impl GuestPort for GuestVoice {
    fn log(&self, plugin: &str, level: GuestLogLevel, message: &str) {
        self.0.tell(&JobEvent::GuestLog {
            plugin: plugin.to_owned(),
            level: level.word(),
            message: message.to_owned(),
        });
    }
}
