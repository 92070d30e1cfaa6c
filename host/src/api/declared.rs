//! Api: what method calls have built, as a job of its engine.
//!
//! Takes a lowered graph. Gives the pipeline that a job file would have declared, and the plugins
//! that the engine has loaded. Never starts it.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::graph::Lowered;
use crate::driver::engine::Engine;
use crate::driver::plugins::JobPlugins;
use crate::model::pipeline::{JobSettings, Pipeline, PluginCode, PluginDeclaration};

/// A job with all plugins that the engine has loaded.
pub(super) fn declare(
    engine: &Engine,
    name: &str,
    settings: JobSettings,
    lowered: Lowered,
) -> (Pipeline, JobPlugins) {
    let plugins = engine.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let pipeline = Pipeline {
        name: name.to_owned(),
        settings,
        plugins: plugins.keys().map(|name| declaration(name)).collect(),
        sources: lowered.sources,
        broadcasts: lowered.broadcasts,
        streams: lowered.streams,
        sinks: lowered.sinks,
    };
    (pipeline, JobPlugins::new(plugins))
}

/// A program's plugins are loaded before they are declared: nobody asks again where from.
fn declaration(name: &str) -> PluginDeclaration {
    PluginDeclaration {
        name: name.to_owned(),
        code: PluginCode::Component(PathBuf::from(name)),
        memory_bytes: None,
        cpu_base: None,
    }
}
