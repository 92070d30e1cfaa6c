//! Tests: batch times that were missed, in a running job with a window.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Array, RecordBatch, StringArray};
use crossbeam_channel::{Receiver, unbounded};
use tidemill::api::context::StreamingContext;
use tidemill::api::given::DatasetQueue;
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::model::column_type::ColumnType;
use tidemill::model::policy::CatchUp;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::sys::clock::ManualClock;

use crate::conformance::rig::config;
use crate::ingest_rig::texts;
use crate::job_rig::PATIENCE;

const SECOND: Duration = Duration::from_secs(1);

/// The windows of a job, by the second of their batch.
struct Windows {
    context: StreamingContext,
    clock: ManualClock,
    windows: Receiver<(i64, Vec<String>)>,
}

impl Windows {
    /// Windows of three seconds over datasets of one word each, with a batch a second from second
    /// 1,000 on.
    fn over(words: &[&str], catch_up: CatchUp) -> Self {
        let clock = ManualClock::at_ms(1_000_000);
        let config = EngineConfig { clock: Arc::new(clock.clone()), ..config() };
        let engine = Engine::start(config).expect("an engine starts");
        let mut context = StreamingContext::new(&engine, SECOND);
        context.settings().catch_up = catch_up;
        let schema = StreamSchema::new(vec![Column::new("word", ColumnType::Utf8)]);
        let queue = DatasetQueue::default();
        for word in words {
            let column: Arc<dyn Array> = Arc::new(StringArray::from(vec![*word]));
            let rows = RecordBatch::try_new(schema.to_arrow(), vec![column]).expect("a word");
            queue.push(vec![vec![rows]]);
        }
        let words = context.queue_stream(schema, &queue, true, Vec::new());
        let (sender, windows) = unbounded();
        words.window(3 * SECOND, SECOND).for_each_batch(move |time, partitions| {
            let words = partitions.iter().flatten().flat_map(texts).collect();
            Ok(sender.send((time.0 / 1_000 - 1_000, words))?)
        });
        context.start().expect("the job starts");
        Self { context, clock, windows }
    }

    /// The windows up to that second, once the clock has been moved on by so many.
    fn after(&self, seconds: u32, last: i64) -> BTreeMap<i64, Vec<String>> {
        self.clock.advance(seconds * SECOND);
        let mut windows = BTreeMap::new();
        while !windows.contains_key(&last) {
            let (second, words) = self.windows.recv_timeout(PATIENCE).expect("a batch comes");
            windows.insert(second, words);
        }
        windows
    }
}

fn window(second: i64, words: &[&str]) -> (i64, Vec<String>) {
    (second, words.iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn batches_that_are_merged_away_are_no_datasets_to_windows() {
    let job = Windows::over(&["a", "b", "c"], CatchUp::Merge);
    assert_eq!(job.after(1, 1), BTreeMap::from([window(1, &["a"])]));
    assert_eq!(job.after(2, 3), BTreeMap::from([window(3, &["a", "b"])]));
    assert_eq!(job.after(1, 4), BTreeMap::from([window(4, &["b", "c"])]));
    job.context.stop_gracefully().expect("the job drains");
}

#[test]
fn batches_that_are_replayed_are_datasets_each() {
    let job = Windows::over(&["a", "b", "c"], CatchUp::Replay);
    assert_eq!(job.after(1, 1), BTreeMap::from([window(1, &["a"])]));
    let expected = [window(2, &["a", "b"]), window(3, &["a", "b", "c"])];
    assert_eq!(job.after(2, 3), BTreeMap::from(expected));
    job.context.stop_gracefully().expect("the job drains");
}
