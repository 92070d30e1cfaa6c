//! Wide: a batch through each operation that brings rows together.
//!
//! Takes the words of the text, each with a one, in eight partitions. Gives the time of a whole
//! batch, from its tick to its end: native against the guest where an operator is called, and what
//! the host does by itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use arrow_array::RecordBatch;
use criterion::{Criterion, Throughput};
use tidemill::api::dstream::{BoxError, DStream};
use tidemill::api::given::Partitions;
use tidemill::api::native::{NativePlugin, inverse};
use tidemill::api::plugin::LoadedPlugin;
use tidemill::api::test_context::TestContext;
use tidemill::driver::engine::Engine;
use tidemill::model::operation::aggregate::{AggregateFold, Aggregated};
use tidemill::model::operation::{BuiltInFold, NativeOperator, OperatorRef};
use tidemill::model::status::{BatchInfo, BatchOutcome};
use tidemill_benches::figures::{print_table, row};
use tidemill_benches::plugin;

use super::rig;
use super::shuffle;
use super::timings::Timings;

/// Partitions of the words.
const PARTITIONS: usize = 8;
/// How long the clock is moved for a batch.
const INTERVAL: Duration = Duration::from_secs(1);
/// How far windows reach back.
const WINDOW: Duration = Duration::from_secs(10);
/// Batches in windows whose lengths are compared.
const LENGTHS: [u32; 2] = [6, 60];

/// A fold, and what takes it back if the machine does not know it by itself.
type Folded = fn(&Job) -> anyhow::Result<(OperatorRef, Option<OperatorRef>)>;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let rows = rig::text().lines() as u64 * tidemill_benches::text::WORDS_PER_LINE;
    let work = || Throughput::Elements(rows);
    folds(Timings::of_long(criterion, "wide, folds", work()));
    windows(Timings::of_long(criterion, "wide, windows of ten batches", work()));
    rows_together(Timings::of_long(criterion, "wide, rows together", work()));
    lengths(criterion);
    shuffled();
}

/// What a batch of a window costs by the window's length: of counts, so that the window itself is
/// most of the work.
fn lengths(criterion: &mut Criterion) {
    let operators: [(&str, Folded); 3] = [
        ("built in", |_| Ok((BuiltInFold::Sum.into(), None))),
        ("inverse, native", |_| Ok((native("add")?.into(), Some(subtract()?.into())))),
        ("inverse, guest", |job| {
            let plugin = job.plugin(plugin::test_guest("spark_cases")?)?;
            Ok((plugin.operator("add")?, Some(plugin.operator("subtract")?)))
        }),
    ];
    for (name, folded) in operators {
        let mut timings = Timings::of_short(criterion, &format!("wide, length of window, {name}"));
        for length in LENGTHS {
            let window = INTERVAL * length;
            timings.time(&format!("{length} batches"), || {
                let mut job = Job::new()?;
                let counts = &job.counts;
                let stream = match folded(&job)? {
                    (fold, None) => counts.reduce_by_key_and_window(fold, window, INTERVAL),
                    (fold, Some(inverse)) => counts.reduce_by_key_and_window_with_inverse(
                        fold, inverse, None, window, INTERVAL,
                    ),
                };
                ignore(&stream);
                // A window that is still filling up takes nothing away.
                job.run(LENGTHS[1] as usize);
                Ok(move || job.run(1))
            });
        }
        timings.end();
    }
}

/// Prints what a batch carries through its shuffle, by the batch's own record.
fn shuffled() {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if asked.is_some_and(|asked| !"wide, shuffled".contains(&asked)) {
        return;
    }
    let carried = |build: fn(&Job) -> DStream| {
        let mut job = Job::new().expect("a job is built");
        ignore(&build(&job));
        job.test.run(1).expect("the job runs").remove(0).shuffled
    };
    let reduced = carried(|job| job.words.reduce_by_key(BuiltInFold::Sum));
    let gathered = carried(|job| job.words.group_by_key());
    let mut table = vec![row(["wide, shuffled", "rows", "bytes", "x bytes"])];
    for (name, (rows, bytes)) in [("reduce_by_key", reduced), ("group_by_key", gathered)] {
        let ratio = format!("{:.2}", bytes as f64 / reduced.1 as f64);
        table.push(row([name, &rows.to_string(), &bytes.to_string(), &ratio]));
    }
    print_table(&table);
}

fn folds(mut timings: Timings<'_>) {
    time(&mut timings, "reduce_by_key, built in", |job| {
        Ok(job.words.reduce_by_key(BuiltInFold::Sum))
    });
    time(&mut timings, "reduce_by_key, native", |job| Ok(job.words.reduce_by_key(native("add")?)));
    time(&mut timings, "reduce_by_key, guest", |job| {
        Ok(job.words.reduce_by_key(job.guest("add")?))
    });
    time(&mut timings, "aggregate", |job| {
        let mean = Aggregated::new("mean", AggregateFold::Average).of("n");
        let most = Aggregated::new("most", BuiltInFold::Max).of("n");
        Ok(job.words.aggregate([Aggregated::new("n", BuiltInFold::Sum), most, mean]))
    });
    time(&mut timings, "group_by_key", |job| Ok(job.words.group_by_key()));
    time(&mut timings, "count_by_value", |job| Ok(job.words.count_by_value()));
    timings.end();
}

fn windows(mut timings: Timings<'_>) {
    time(&mut timings, "plain, native", |job| {
        Ok(job.words.reduce_by_key_and_window(native("add")?, WINDOW, INTERVAL))
    });
    time(&mut timings, "plain, guest", |job| {
        Ok(job.words.reduce_by_key_and_window(job.guest("add")?, WINDOW, INTERVAL))
    });
    time(&mut timings, "inverse, built in", |job| {
        Ok(job.words.reduce_by_key_and_window(BuiltInFold::Sum, WINDOW, INTERVAL))
    });
    time(&mut timings, "inverse, native", |job| {
        let (add, subtract, filter) = (native("add")?, subtract()?, None);
        let words = &job.words;
        Ok(words.reduce_by_key_and_window_with_inverse(add, subtract, filter, WINDOW, INTERVAL))
    });
    timings.end();
}

fn rows_together(mut timings: Timings<'_>) {
    time(&mut timings, "distinct", |job| Ok(job.words.distinct()));
    time(&mut timings, "sort_by", |job| Ok(job.words.sort_by(&["word"])));
    time(&mut timings, "top", |job| Ok(job.words.top(10, &["word"])));
    time(&mut timings, "join", |job| Ok(job.words.join(&job.counts)));
    time(&mut timings, "cogroup", |job| Ok(job.words.cogroup(&job.counts)));
    timings.end();
}

/// A job that is being built, whose batches are all alike.
struct Job {
    test: TestContext,
    /// Every word with a one.
    words: DStream,
    /// Each different word once, with its count.
    counts: DStream,
}

impl Job {
    fn new() -> anyhow::Result<Self> {
        let test = TestContext::new(plugin::engine_config(None)?, INTERVAL)?;
        let words = test.context.constant(rig::count_schema(), parted(&rig::words()?)?);
        let counts = test.context.constant(rig::count_schema(), vec![vec![shuffle::counts()?]]);
        Ok(Self { test, words, counts })
    }

    fn guest(&self, operator: &str) -> anyhow::Result<OperatorRef> {
        Ok(self.plugin(plugin::component("word_count")?)?.operator(operator)?)
    }

    fn plugin(&self, component: PathBuf) -> anyhow::Result<LoadedPlugin> {
        let engine: &Engine = &self.test.engine;
        Ok(engine.load_plugin(component)?)
    }

    /// Runs so many batches; gives the tasks of the last.
    fn run(&mut self, batches: usize) -> usize {
        let ran = self.test.run(batches).expect("the job runs");
        let complete = |batch: &BatchInfo| batch.outcome == BatchOutcome::Completed;
        assert!(ran.iter().all(complete), "a batch failed");
        ran.last().map_or(0, |batch| batch.tasks)
    }
}

fn subtract() -> anyhow::Result<NativeOperator> {
    Ok(inverse::<i64, _>("subtract", |left, right, _| left - right)?)
}

fn ignore(stream: &DStream) {
    stream.for_each_batch(|_, _| -> Result<(), BoxError> { Ok(()) });
}

fn native(operator: &str) -> anyhow::Result<NativeOperator> {
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
fn time(
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
