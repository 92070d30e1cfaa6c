//! Wide job: a job over the words of the text, for benches of whole batches.
//!
//! Takes steps. Gives the time of a batch, from its tick to its end. Never sleeps:
//! its clock is moved by hand.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use arrow_array::RecordBatch;
use tidemill::api::dstream::{BoxError, DStream};
use tidemill::api::given::Partitions;
use tidemill::api::native::{NativePlugin, inverse};
use tidemill::api::plugin::LoadedPlugin;
use tidemill::api::test_context::TestContext;
use tidemill::driver::engine::Engine;
use tidemill::model::operation::{NativeOperator, OperatorRef};
use tidemill::model::status::{BatchInfo, BatchOutcome};
use tidemill_benches::plugin;

use super::rig;
use super::shuffle;
use super::timings::Timings;

/// Partitions of the words.
const PARTITIONS: usize = 8;
/// How long the clock is moved for a batch.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A job that is being built, whose batches are all alike.
pub struct Job {
    /// Its context and engine.
    pub test: TestContext,
    /// Every word with a one.
    pub words: DStream,
    /// Each different word once, with its count.
    pub counts: DStream,
}

impl Job {
    /// No step stands yet.
    pub fn new() -> anyhow::Result<Self> {
        let test = TestContext::new(plugin::engine_config(None)?, INTERVAL)?;
        let words = test.context.constant(rig::count_schema(), parted(&rig::words()?)?);
        let counts = test.context.constant(rig::count_schema(), vec![vec![shuffle::counts()?]]);
        Ok(Self { test, words, counts })
    }

    /// An operator of the plugin `word_count`, in the sandbox.
    pub fn guest(&self, operator: &str) -> anyhow::Result<OperatorRef> {
        Ok(self.plugin(plugin::component("word_count")?)?.operator(operator)?)
    }

    /// A plugin that the job may call.
    pub fn plugin(&self, component: PathBuf) -> anyhow::Result<LoadedPlugin> {
        let engine: &Engine = &self.test.engine;
        Ok(engine.load_plugin(component)?)
    }

    /// Runs so many batches; gives the tasks of the last.
    pub fn run(&mut self, batches: usize) -> usize {
        let ran = self.test.run(batches).expect("the job runs");
        let complete = |batch: &BatchInfo| batch.outcome == BatchOutcome::Completed;
        assert!(ran.iter().all(complete), "a batch failed");
        ran.last().map_or(0, |batch| batch.tasks)
    }
}

/// Takes a number out of a sum, natively.
pub fn subtract() -> anyhow::Result<NativeOperator> {
    Ok(inverse::<i64, _>("subtract", |left, right, _| left - right)?)
}

/// Asks for all rows of a stream, and does nothing with them.
pub fn ignore(stream: &DStream) {
    stream.for_each_batch(|_, _| -> Result<(), BoxError> { Ok(()) });
}

/// An operator of `word_count`, linked into this process.
pub fn native(operator: &str) -> anyhow::Result<NativeOperator> {
    Ok(NativePlugin::new(word_count::operators())?.operator(operator)?)
}

/// Slices of the stream's own schema, spread over partitions.
fn parted(slices: &[RecordBatch]) -> anyhow::Result<Partitions> {
    let schema = rig::count_schema().to_arrow();
    let mut partitions = vec![Vec::new(); PARTITIONS];
    for (at, slice) in slices.iter().enumerate() {
        let slice = RecordBatch::try_new(schema.clone(), slice.columns().to_vec())?;
        partitions[at % PARTITIONS].push(slice);
    }
    Ok(partitions)
}

/// Times whole batches of the job that is built.
pub fn time(
    timings: &mut Timings<'_>,
    name: &str,
    build: impl FnOnce(&Job) -> anyhow::Result<DStream>,
) {
    timings.time(name, || {
        let mut job = Job::new()?;
        let stream = build(&job).with_context(|| format!("`{name}` cannot be built"))?;
        ignore(&stream);
        Ok(move || job.run(1))
    });
}
