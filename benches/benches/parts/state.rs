//! State: what a batch costs by the keys that it touches, beside all that are kept.
//!
//! Takes batches that touch ten thousand keys, in turn others. Gives the time of a whole batch with
//! as many keys kept as are touched, which is the yardstick, and with a hundred times as many.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use criterion::{Criterion, Throughput};
use tidemill::api::dstream::{BoxError, DStream};
use tidemill::api::given::{DatasetQueue, Partitions};
use tidemill::api::native::NativePlugin;
use tidemill::api::stateful::StateSpec;
use tidemill::api::test_context::TestContext;
use tidemill::model::operation::OperatorRef;
use tidemill::model::status::BatchOutcome;
use tidemill_benches::plugin;

use super::rig;
use super::timings::Timings;

/// Keys that a batch touches, each with one row.
const TOUCHED: usize = 10_000;
/// Keys kept, where they are many.
const MANY: usize = 100 * TOUCHED;
/// How long the clock is moved for a batch.
const INTERVAL: Duration = Duration::from_secs(1);

/// Puts the step on the stream; the operator runs natively or in the sandbox.
type Step = fn(&DStream, OperatorRef, Vec<RecordBatch>) -> DStream;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    compare(criterion, "map_with_state", "running_sum_of_word", |words, operator, initial| {
        let spec = StateSpec::of(operator).initial_state(initial);
        (*words.map_with_state("sums", spec)).clone()
    });
    compare(criterion, "update_state_by_key, changed only", "count", |words, operator, initial| {
        let spec = StateSpec::of(operator).initial_state(initial).changed_only();
        words.update_state_by_key("sums", spec)
    });
    compare(criterion, "update_state_by_key, all keys", "count", |words, operator, initial| {
        words.update_state_by_key("sums", StateSpec::of(operator).initial_state(initial))
    });
}

fn compare(criterion: &mut Criterion, name: &str, operator: &str, step: Step) {
    for native in [true, false] {
        let kind = if native { "native" } else { "guest" };
        let title = format!("state, {name}, {kind}");
        let mut timings = Timings::of_long(criterion, &title, Throughput::Elements(TOUCHED as u64));
        for kept in [TOUCHED, MANY] {
            timings.time(&format!("{kept} keys"), || batches(kept, native, operator, step));
        }
        timings.end();
    }
}

/// A job whose every run is one batch that touches the next [`TOUCHED`] of the keys kept.
fn batches(
    kept: usize,
    native: bool,
    operator: &str,
    step: Step,
) -> anyhow::Result<impl FnMut() -> usize> {
    let mut test = TestContext::new(plugin::engine_config(None)?, INTERVAL)?;
    let operator: OperatorRef = if native {
        NativePlugin::new(spark_cases::operators())?.operator(operator)?.into()
    } else {
        test.engine.load_plugin(plugin::test_guest("spark_cases")?)?.operator(operator)?
    };
    let queue = DatasetQueue::default();
    let words = test.context.queue_stream(rig::count_schema(), &queue, true, Vec::new());
    let sums = step(&words, operator, vec![rows(0, 1, kept)?]);
    sums.for_each_batch(|_, _| -> Result<(), BoxError> { Ok(()) });
    // The keys of a batch lie as far apart as they can.
    let turns = kept / TOUCHED;
    let datasets = (0..turns).map(|turn| Ok(vec![vec![rows(turn, turns, TOUCHED)?]]));
    let datasets = datasets.collect::<anyhow::Result<Vec<Partitions>>>()?;
    let mut turn = 0;
    Ok(move || {
        queue.push(datasets[turn % turns].clone());
        turn += 1;
        let batch = test.run(1).expect("the job runs").remove(0);
        assert_eq!((batch.outcome, batch.rows_in), (BatchOutcome::Completed, TOUCHED as u64));
        batch.tasks
    })
}

/// So many keys from one on, each so many after the one before, with a one.
fn rows(first: usize, stride: usize, count: usize) -> anyhow::Result<RecordBatch> {
    let keys = (0..count).map(|at| format!("key {:07}", first + at * stride));
    let keys = Arc::new(StringArray::from_iter_values(keys));
    let ones = Arc::new(Int64Array::from(vec![1; count]));
    Ok(RecordBatch::try_new(rig::count_schema().to_arrow(), vec![keys, ones])?)
}
