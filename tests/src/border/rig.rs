//! Rig: one sandbox for all tests, the guests in it, and tasks that call them.
//!
//! Takes names of guests and operators. Gives calls through the real border. Never keeps a scope
//! from one task to the next.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use serde_json::{Map, Value};
use tidemill::model::operator::{TaskFacts, TaskScope};
use tidemill::model::stage::ChainStep;
use tidemill::model::time::BatchTime;
use tidemill::wasm::compile::Compiler;
use tidemill::wasm::host_state::{GuestLogLevel, GuestPort, SilentPort};
use tidemill::wasm::operator::GuestOperator;
use tidemill::wasm::plugin::Plugin;
use tidemill::wasm::plugin_limits::PluginLimits;
use tidemill::wasm::sandbox::{Sandbox, SandboxConfig};

/// One sandbox, as one process has one.
pub fn sandbox() -> Arc<Sandbox> {
    static SANDBOX: OnceLock<(Arc<Sandbox>, tempfile::TempDir)> = OnceLock::new();
    let (sandbox, _) = SANDBOX.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let artefact_dir = folder.path().join("artefacts");
        let config = SandboxConfig { executors: 8, artefact_dir, compiler: Compiler::InProcess };
        (Sandbox::new(config).expect("a sandbox"), folder)
    });
    Arc::clone(sandbox)
}

/// The component of a test guest, built if need be.
pub fn built(guest: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("guests").join(guest);
    let options = tidemill_guest_build::Options::default();
    let built = tidemill_guest_build::build(&folder, &options);
    built.unwrap_or_else(|error| panic!("guest `{guest}` does not build: {error}")).component
}

/// The guest that does what a plugin should not, with these limits.
pub fn unruly_within(limits: PluginLimits) -> Arc<Plugin> {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    let component = COMPONENT.get_or_init(|| built("unruly"));
    sandbox().load_file(component, limits).expect("the guest loads")
}

/// The guest that does what a plugin should not.
pub fn unruly() -> Arc<Plugin> {
    static PLUGIN: OnceLock<Arc<Plugin>> = OnceLock::new();
    Arc::clone(PLUGIN.get_or_init(|| unruly_within(PluginLimits::default())))
}

/// A step without parameters.
pub fn step(operator: &str) -> ChainStep {
    ChainStep { operator: operator.to_owned(), parameters: Map::new() }
}

/// A step with one parameter.
pub fn step_with(operator: &str, parameter: &str, value: i64) -> ChainStep {
    let parameters = Map::from_iter([(parameter.to_owned(), Value::from(value))]);
    ChainStep { operator: operator.to_owned(), parameters }
}

/// The chain of a plugin that the job calls `p`, its words going nowhere.
pub fn operator(plugin: &Arc<Plugin>, chain: Vec<ChainStep>) -> GuestOperator {
    operator_heard(plugin, chain, Arc::new(SilentPort))
}

/// The chain of a plugin that the job calls `p`, its words going to the port.
pub fn operator_heard(
    plugin: &Arc<Plugin>,
    chain: Vec<ChainStep>,
    port: Arc<dyn GuestPort>,
) -> GuestOperator {
    GuestOperator::new(Arc::clone(plugin), "p", chain, port).expect("the chain is allowed")
}

/// The scope of a task with little input.
pub fn task() -> TaskScope {
    TaskScope::new(TaskFacts {
        batch_time: BatchTime(1_000),
        partition: 3,
        seed: 7,
        input_rows: 0,
        input_bytes: 0,
    })
}

/// A batch of one required column called `value`.
pub fn batch_of(array: ArrayRef) -> RecordBatch {
    let field = Field::new("value", array.data_type().clone(), false);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).expect("a batch")
}

/// A batch of one column of text.
pub fn texts(values: &[&str]) -> RecordBatch {
    batch_of(Arc::new(StringArray::from(values.to_vec())))
}

/// Keeps what guests say.
#[derive(Debug, Default)]
pub struct Heard {
    /// Log lines with their plugin.
    pub lines: Mutex<Vec<(String, GuestLogLevel, String)>>,
}

impl GuestPort for Heard {
    fn log(&self, plugin: &str, level: GuestLogLevel, message: &str) {
        let line = (plugin.to_owned(), level, message.to_owned());
        self.lines.lock().expect("no test panics here").push(line);
    }
}
