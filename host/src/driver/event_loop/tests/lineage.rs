//! Driver: what the loop of a job does when something that tasks have made is lost.
//!
//! Takes a job of two shuffles, and throws some of its work away. Gives the tasks that run again.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, sync_channel};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};

use super::*;
use crate::driver::plugins::JobPlugins;
use crate::exec::executor::TaskResult;
use crate::exec::task_error::TaskError;
use crate::model::id::StageId;
use crate::model::operation::{Operation, StepDeclaration};
use crate::model::pipeline::StreamDeclaration;
use crate::model::sink::{BatchFunction, SinkDeclaration};
use crate::model::source::{DatasetSource, GivenDataset};
use crate::model::status::{BatchInfo, BatchOutcome};
use crate::plan::{PlanDefaults, plan};
use crate::sched::batch_run::ReadyTask;

/// Only a test that fails waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Three partitions of two numbers.
#[derive(Debug)]
struct Numbers;

impl DatasetSource for Numbers {
    fn dataset(&self, _time: BatchTime) -> GivenDataset {
        let partition = |first: i64| {
            let column: ArrayRef = Arc::new(Int64Array::from(vec![first, first + 1]));
            let schema = schema().to_arrow();
            vec![RecordBatch::try_new(schema, vec![column]).expect("one column")]
        };
        GivenDataset::Partitions([0, 2, 4].map(partition).to_vec())
    }
}

/// One column of numbers.
pub(super) fn schema() -> StreamSchema {
    StreamSchema::new(vec![Column::new("n", ColumnType::Int64)])
}

/// Where the one sink's rows go.
struct Rows(SyncSender<Vec<i64>>);

impl BatchFunction for Rows {
    fn call(
        &self,
        _time: BatchTime,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let slices = partitions.iter().flatten();
        let rows = slices.flat_map(|s| s.column(0).as_primitive::<Int64Type>().values().to_vec());
        Ok(self.0.send(rows.collect())?)
    }
}

/// What a batch came to: the tasks that ran, by stage, its facts, and the rows that came out.
pub(super) struct Ran {
    pub(super) tasks: BTreeMap<usize, usize>,
    pub(super) info: BatchInfo,
    pub(super) rows: Vec<i64>,
}

/// Runs a batch of three map tasks, then two tasks, then two more, on one executor. `disturb` may
/// change a result before the loop hears it, and the batch afterwards.
fn run(disturb: impl FnMut(&mut TaskResult, &mut EventLoop)) -> Ran {
    run_steps(vec![repartition(), repartition()], disturb)
}

/// Spreads rows over two tasks.
pub(super) fn repartition() -> StepDeclaration {
    StepDeclaration::new(Operation::Repartition(2))
}

/// Runs a batch of three map tasks through these steps.
pub(super) fn run_steps(
    steps: Vec<StepDeclaration>,
    mut disturb: impl FnMut(&mut TaskResult, &mut EventLoop),
) -> Ran {
    let (sender, rows) = sync_channel(1);
    let pipeline = Pipeline {
        name: "job".to_owned(),
        settings: JobSettings { batch_interval: Duration::from_secs(1), ..Default::default() },
        plugins: Vec::new(),
        sources: vec![SourceDeclaration {
            name: "numbers".to_owned(),
            connector: SourceConnector::Datasets(Arc::new(Numbers)),
            format: Format::Lines,
            schema: schema(),
            on_bad_row: OnBadRow::Fail,
            line_bytes_max: 1024,
            rates: SourceRates::default(),
        }],
        broadcasts: Vec::new(),
        streams: vec![StreamDeclaration {
            name: "twice".to_owned(),
            from: "numbers".to_owned(),
            steps,
            persist: None,
        }],
        sinks: vec![SinkDeclaration {
            name: "out".to_owned(),
            from: "twice".to_owned(),
            connector: SinkConnector::ForEachBatch(Arc::new(Rows(sender))),
            on_failure: None,
        }],
    };
    let none = JobPlugins::default();
    let planned = plan(&pipeline, &none, PlanDefaults { partitions: 2 }).expect("it fits");
    let (mut event_loop, events) = loop_of(&MemoryStorage::new(), &pipeline, planned.plan, 1);
    let mut tasks = BTreeMap::new();
    event_loop.hear(Event::Tick(BatchTime(1_000)));
    event_loop.begin_batches();
    while !event_loop.running.is_empty() {
        let mut event = events.recv_timeout(PATIENCE).expect("something happens");
        if let Event::Task(result) = &mut event {
            *tasks.entry(result.key.stage.0).or_default() += 1;
            disturb(result, &mut event_loop);
        }
        event_loop.hear(event);
        event_loop.publish_in_order();
    }
    let info = event_loop.parts.board.completed_batches().pop().expect("it has ended");
    Ran { tasks, info, rows: rows.try_recv().unwrap_or_default() }
}

/// A task by its numbers.
pub(super) fn task(stage: usize, partition: usize) -> ReadyTask {
    ReadyTask { stage: StageId(stage), partition }
}

#[test]
fn nothing_is_made_twice_where_nothing_is_lost() {
    let ran = run(|_, _| ());
    assert_eq!(ran.tasks, BTreeMap::from([(0, 3), (1, 2), (2, 2)]));
    assert_eq!((ran.info.recomputed, ran.info.outcome), (0, BatchOutcome::Completed));
    assert_eq!(ran.rows.len(), 6);
}

/// The story: a map output was lost, and with it the batch.
#[test]
fn only_lost_map_outputs_and_what_they_need_are_made_again() {
    let mut heard = 0;
    let ran = run(|result, event_loop| {
        heard += usize::from(result.key.stage == StageId(1));
        if heard == 2 && result.key.stage == StageId(1) {
            // What the first task of the stage wrote was kept; the second is about to be heard of.
            let batch = event_loop.running.get_mut(&result.key.run).expect("it runs");
            batch.data.lose(task(1, 1 - result.key.partition));
            batch.data.lose(task(0, 1));
        }
    });
    assert_eq!(ran.tasks, BTreeMap::from([(0, 3 + 1), (1, 2 + 1), (2, 2)]));
    assert_eq!((ran.info.recomputed, &ran.info.outcome), (2, &BatchOutcome::Completed));
    let undisturbed = run(|_, _| ());
    assert_eq!(ran.rows, undisturbed.rows, "they are the same as ever");
    assert_eq!(ran.info.shuffled, undisturbed.info.shuffled, "carried once");
}

#[test]
fn what_nobody_reads_any_more_is_not_made_again() {
    let ran = run(|result, event_loop| {
        if result.key.stage == StageId(2) {
            let batch = event_loop.running.get_mut(&result.key.run).expect("it runs");
            (0..3).for_each(|partition| batch.data.lose(task(0, partition)));
        }
    });
    assert_eq!(ran.tasks, BTreeMap::from([(0, 3), (1, 2), (2, 2)]));
    assert_eq!(ran.info.recomputed, 0);
}

#[test]
fn a_lost_partition_of_an_output_is_made_again_before_it_is_published() {
    let mut heard = 0;
    let ran = run(|result, event_loop| {
        heard += usize::from(result.key.stage == StageId(2));
        if heard == 2 && result.key.stage == StageId(2) {
            let batch = event_loop.running.get_mut(&result.key.run).expect("it runs");
            batch.data.lose(task(2, 1 - result.key.partition));
        }
    });
    assert_eq!(ran.tasks, BTreeMap::from([(0, 3), (1, 2), (2, 2 + 1)]));
    assert_eq!(ran.rows, run(|_, _| ()).rows, "none is missing");
}

/// The story: an output's partition that was lost and made again weighed twice, and a result that
/// was just small enough was refused.
#[test]
fn a_result_that_is_made_again_weighs_once() {
    let six_numbers = 6 * size_of::<i64>();
    let weighed = |bytes_max| {
        let mut heard = 0;
        run(move |result, event_loop| {
            let key = result.key;
            let (Ok(made), StageId(2)) = (&result.outcome, key.stage) else { return };
            heard += 1;
            let plan = Arc::clone(&event_loop.parts.plan);
            let batch = event_loop.running.get_mut(&key.run).expect("it runs");
            batch.weigh(&plan, task(2, key.partition), &made.output, Some(bytes_max));
            if heard == 2 {
                batch.data.lose(task(2, 1 - key.partition));
            }
        })
    };
    let ran = weighed(six_numbers);
    assert_eq!((ran.info.recomputed, ran.info.outcome), (1, BatchOutcome::Completed));
    let BatchOutcome::Failed { message } = weighed(six_numbers - 1).info.outcome else {
        panic!("a byte too many")
    };
    assert!(message.contains("the result has 48 bytes and more, allowed are 47"), "{message}");
}

/// As when a file that a reader needs has gone.
fn found_lost(stage: usize, partition: usize) -> TaskError {
    TaskError::Lost { stage: StageId(stage), partition }
}

#[test]
fn a_reader_that_finds_its_input_lost_waits_for_it() {
    let mut once = true;
    let ran = run(|result, _| {
        if result.key.stage == StageId(2) && std::mem::take(&mut once) {
            result.outcome = Err(found_lost(1, 0));
        }
    });
    assert_eq!(ran.tasks, BTreeMap::from([(0, 3), (1, 2 + 1), (2, 2 + 1)]));
    assert_eq!((ran.info.recomputed, ran.info.retries), (1, 0), "it is no failure of the reader");
    assert_eq!(ran.rows, run(|_, _| ()).rows);
}

#[test]
fn a_stage_that_is_lost_again_and_again_fails_its_batch() {
    let ran = run(|result, _| {
        if result.key.stage == StageId(2) && result.key.partition == 0 {
            result.outcome = Err(found_lost(1, 0));
        }
    });
    let BatchOutcome::Failed { message } = ran.info.outcome else { panic!("{:?}", ran.info) };
    let expected = "what stage 1 of stream `twice` had made was lost";
    assert!(message.contains(expected), "{message}");
}
