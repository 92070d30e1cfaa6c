//! Floor 5, wasm: the sandbox and the border, and the only room that says `wasmtime`.
//!
//! ```text
//! bytes -> inspect -> compile in a child -> sealed artefact -> plugin -> instance per task
//! rows  -> exchange (lower) -> guest -> exchange (lift, everything checked) -> rows
//! ```
//!
//! Takes components of strangers, and rows for them. Gives operators that look like any other.
//! Never lets a guest's word, number or failure out unchecked; knows no batch, job or shuffle.

mod artefact;
mod bindings;
pub mod compile;
mod cpu_time;
pub mod description;
mod engine;
pub mod exchange;
mod guest_broadcasts;
mod host_func;
pub mod host_state;
pub mod inspect;
mod instance;
pub mod operator;
pub mod plugin;
mod plugin_code;
pub mod plugin_limits;
pub mod sandbox;
mod store_limits;
mod trap;

use std::path::PathBuf;

use crate::error::{Classify, Domain, Retry};
use crate::limits;
use crate::model::parameter::ParameterError;
use crate::model::text;

/// A plugin that is not loaded, or a call that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// The sandbox itself does not start.
    #[error("failed to start the sandbox: {reason}")]
    Engine {
        /// Why, escaped.
        reason: String,
    },
    /// The artefact folder cannot be used.
    #[error(transparent)]
    Artefacts(#[from] artefact::ArtefactError),
    /// The component's file cannot be read.
    #[error("failed to read component `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The bytes are no component of ours.
    #[error(transparent)]
    Component(#[from] inspect::ComponentError),
    /// The component does not compile, or not within the limits.
    #[error(transparent)]
    Compile(#[from] compile::CompileError),
    /// Its interfaces have the right names, but other functions or types.
    #[error("the component does not fit `tidemill:plugin@{}`: {reason}", bindings::VERSION)]
    Interface {
        /// What does not fit, escaped.
        reason: String,
    },
    /// It asks for more than the pool of instances has room for.
    #[error("the component does not fit the sandbox: {reason}")]
    Unfit {
        /// What is too large, escaped.
        reason: String,
    },
    /// It failed to describe itself.
    #[error("the plugin failed to describe itself ({code}): {message}")]
    Describe {
        /// As in `OperatorError`.
        code: &'static str,
        /// What happened.
        message: String,
    },
    /// Its description contradicts itself or the rules.
    #[error("the plugin's description is wrong: {0}")]
    Description(#[from] description::DescriptionError),
    /// A job names an operator that the plugin does not have.
    #[error("plugin `{plugin}` has no operator `{found}`; it has {allowed}")]
    UnknownOperator {
        /// The plugin's name in the job.
        plugin: String,
        /// The operator.
        found: String,
        /// Those it has.
        allowed: String,
    },
    /// Operators that cannot be run in one call.
    #[error("`{chain}` cannot be one call: {reason}")]
    Chain {
        /// The operators.
        chain: String,
        /// Why.
        reason: String,
    },
    /// Parameters that do not fit their declaration.
    #[error("operator `{operator}`: {source}")]
    Parameters {
        /// The operator.
        operator: String,
        /// What does not fit.
        source: ParameterError,
    },
}

impl WasmError {
    #[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
    fn engine(error: wasmtime::Error) -> Self {
        Self::Engine { reason: escaped_words(&error) }
    }
}

/// What wasmtime says, with its contexts, fit for a terminal.
fn escaped_words(error: &wasmtime::Error) -> String {
    let words = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    text::escape(&words, limits::GUEST_TEXT_BYTES_MAX)
}

impl Classify for WasmError {
    fn domain(&self) -> Domain {
        match self {
            Self::Engine { .. } | Self::Artefacts(_) => Domain::External,
            Self::Compile(compile::CompileError::Program { .. }) => Domain::External,
            Self::Describe { .. }
            | Self::Description(_)
            | Self::Interface { .. }
            | Self::Unfit { .. }
            | Self::Component(_)
            | Self::Compile(_) => Domain::Plugin,
            Self::File { .. }
            | Self::UnknownOperator { .. }
            | Self::Chain { .. }
            | Self::Parameters { .. } => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        match self.domain() {
            Domain::External => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}
