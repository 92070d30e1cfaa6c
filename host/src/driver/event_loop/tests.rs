//! Driver: what the loop of a job does with ticks.
//!
//! Takes events, as the loop would hear them. Gives the batches that wait. No thread runs the loop.

mod counted;
mod held;
mod lineage;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, sync_channel};
use std::time::Duration;

use super::*;
use crate::batch::clock::BatchClock;
use crate::block::manager::BlockManager;
use crate::block::store::KeptPartitions;
use crate::driver::broadcasts::JobBroadcasts;
use crate::driver::engine::EngineConfig;
use crate::driver::job_version::{Counted, JobVersion};
use crate::driver::pace::Pace;
use crate::driver::publisher::{OpenSink, Publisher};
use crate::driver::receiver_board::ReceiverBoard;
use crate::driver::retained::RetainedInputs;
use crate::driver::sources::JobSources;
use crate::driver::status_board::StatusBoard;
use crate::driver::ticker::Ticker;
use crate::driver::versions::{VersionBase, Versions};
use crate::exec::executor::Executors;
use crate::exec::stage::{BadRows, BoundStage};
use crate::model::backpressure::SourceRates;
use crate::model::column_type::ColumnType;
use crate::model::id::{BlockId, SinkId};
use crate::model::pipeline::{JobSettings, Pipeline};
use crate::model::schema::{Column, StreamSchema};
use crate::model::sink::SinkConnector;
use crate::model::source::{Format, SourceConnector, SourceDeclaration};
use crate::model::stage::{JobPlan, OperatorCall, PartitionInput, Stage};
use crate::model::status::JobState;
use crate::sink::batch_function::BatchFunctionSink;
use crate::sys::clock::ManualClock;
use crate::sys::steady_clock::SteadyClock;
use crate::sys::storage_memory::MemoryStorage;
use crate::wasm::compile::Compiler;

const BUDGET: usize = 100;

/// The loop of a job that watches the folder `/in` from time 0 on, with a batch a second.
fn watching(storage: &MemoryStorage) -> EventLoop {
    let source = SourceDeclaration {
        name: "lines".to_owned(),
        connector: SourceConnector::Files { path: PathBuf::from("/in"), bounded: false },
        format: Format::Lines,
        schema: StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]),
        on_bad_row: OnBadRow::Fail,
        line_bytes_max: 1024,
        rates: SourceRates::default(),
    };
    let pipeline = Pipeline {
        name: "job".to_owned(),
        settings: JobSettings { batch_interval: Duration::from_secs(1), ..Default::default() },
        plugins: Vec::new(),
        sources: vec![source],
        broadcasts: Vec::new(),
        streams: Vec::new(),
        sinks: Vec::new(),
    };
    let plan = JobPlan { stages: Vec::new(), sinks: Vec::new() };
    loop_of(storage, &pipeline, plan, 0).0
}

/// The loop of a planned job on so many executors, and the events that it is to be given. It has
/// no thread of its own, and the clock stands.
fn loop_of(
    storage: &MemoryStorage,
    pipeline: &Pipeline,
    plan: JobPlan,
    executors: usize,
) -> (EventLoop, Receiver<Event>) {
    let manual = Arc::new(ManualClock::at_ms(0));
    let clock = Arc::new(SteadyClock::over(manual.clone()));
    let config = EngineConfig {
        storage: Arc::new(storage.clone()),
        clock: manual.clone(),
        ..EngineConfig::new(PathBuf::new(), Compiler::InProcess)
    };
    let blocks = Arc::new(BlockManager::new(BUDGET));
    let board = Arc::new(StatusBoard::new(Arc::default(), 10));
    let (sender, events) = channel();
    let sources = JobSources::open(&config, pipeline, Arc::clone(&blocks), sender.clone());
    let batches = BatchClock::start(0, pipeline.settings.batch_interval);
    let idle = (Arc::default(), Box::new(|_| ()) as _);
    let ticker = Ticker::start(batches, Arc::clone(&clock), idle, sender.clone());
    let broadcasts = JobBroadcasts::open(&[], Arc::new(storage.clone()), 0, &board);
    let open = |(id, _): &(SinkId, _)| OpenSink {
        id: *id,
        name: pipeline.sinks[id.0].name.clone(),
        on_failure: OnFailure::Stop,
        sink: match &pipeline.sinks[id.0].connector {
            SinkConnector::ForEachBatch(function) => {
                Box::new(BatchFunctionSink::new("out".to_owned(), Arc::clone(function)))
            }
            other => unreachable!("these tests have no sink {other:?}"),
        },
        measure: None,
    };
    let sinks = plan.sinks.iter().map(open).collect();
    let publisher = Publisher::start(sinks, Arc::clone(&board), Arc::clone(&clock), sender.clone());
    let stages = plan.stages.iter().map(bound).collect();
    let version = JobVersion::without_plugins(plan.clone(), stages);
    let parts = JobParts {
        scribe: None,
        broadcasts: Arc::new(broadcasts.expect("there is none")),
        ticker: ticker.expect("there are threads"),
        publisher: publisher.expect("there are threads"),
        versions: Versions::new(Arc::new(VersionBase::new(version)), Counted::default()),
        plan: Arc::new(plan),
        settings: pipeline.settings.clone(),
        seed: 0,
        pace: Pace::Clock,
        sources: sources.expect("the folder is there"),
        receivers: ReceiverBoard::default(),
        retained: Arc::new(RetainedInputs::none()),
        store: Arc::new(KeptPartitions::new(
            Arc::clone(blocks.budget()),
            BUDGET,
            Arc::new(storage.clone()),
            Path::new("/spill"),
        )),
        blocks,
        executors: Arc::new(Executors::start(executors).expect("there are threads")),
        answer: Arc::new(move |result| drop(sender.send(Event::Task(result)))),
        make_windows: Arc::new(|_| ()),
        board,
        storage: config.storage,
        clock,
    };
    // Past all ticks of a test: files have the system's time.
    manual.advance(Duration::from_secs(1_000_000));
    (EventLoop::new(parts), events)
}

fn bound(stage: &Stage) -> Arc<BoundStage> {
    let native = |call: &_| -> Result<_, std::convert::Infallible> {
        let OperatorCall::Native(operator) = call else {
            unreachable!("these tests call no operator {call:?}")
        };
        Ok(Arc::clone(operator))
    };
    let bound = BoundStage::bind(stage, 0, BadRows::default(), None, &native);
    Arc::new(bound.expect("nothing can fail"))
}

fn tick(event_loop: &mut EventLoop, second: usize) {
    let second = i64::try_from(second).expect("it is small");
    event_loop.hear(Event::Tick(BatchTime(second * 1_000)));
}

/// Ranges of files that the youngest waiting batch is given.
fn ranges(event_loop: &EventLoop) -> usize {
    let batch = event_loop.queue.back().expect("a batch waits");
    batch.inputs.values().map(Vec::len).sum()
}

/// The story: a slow job's queue was full for longer than files are remembered. Nobody looked at
/// the folder meanwhile, and what was put there was never read.
#[test]
fn files_that_come_while_the_queue_is_full_are_read() {
    let storage = MemoryStorage::new();
    storage.put("/in/old", b"x\n");
    let mut event_loop = watching(&storage);
    (1..=BATCH_QUEUE_MAX).for_each(|second| tick(&mut event_loop, second));
    storage.set_now_ms(BATCH_QUEUE_MAX as i64 * 1_000 + 500);
    storage.put("/in/new", b"x\n");
    let later = BATCH_QUEUE_MAX + 500;
    (BATCH_QUEUE_MAX + 1..later).for_each(|second| tick(&mut event_loop, second));
    assert_eq!(event_loop.queue.len(), BATCH_QUEUE_MAX);
    event_loop.queue.pop_front();
    tick(&mut event_loop, later);
    assert_eq!(ranges(&event_loop), 1);
    event_loop.queue.pop_front();
    tick(&mut event_loop, later + 1);
    assert_eq!(ranges(&event_loop), 0, "it is read once");
}

/// Case V01 of Spark's suites, the other way round. The story: blocks that were lost were left out
/// with a warning, and their batch was taken for complete with less data.
#[test]
fn a_block_that_is_lost_fails_its_batch_and_is_named() {
    let storage = MemoryStorage::new();
    storage.put("/in/old", b"x\n");
    let event_loop = watching(&storage);
    let lost = BlockId { source: SourceId(0), sequence: 7 };
    let read = event_loop.parts.sources.reader(&PartitionInput::Block(lost));
    let error = read().expect_err("there is no such block").to_string();
    assert_eq!(error, "failed to read `b-0-7`: the block was released before its batch");
}

/// While a job is paused no batch is made or begun, and files do not grow too old meanwhile.
#[test]
fn a_pause_holds_batches_back_and_loses_nothing() {
    let storage = MemoryStorage::new();
    storage.put("/in/old", b"x\n");
    let mut event_loop = watching(&storage);
    tick(&mut event_loop, 1);
    assert_eq!(event_loop.queue.len(), 1, "nobody has begun it");
    event_loop.hear(Event::Command(Command::Pause));
    event_loop.begin_batches();
    storage.set_now_ms(1_500);
    storage.put("/in/new", b"x\n");
    (2..500).for_each(|second| tick(&mut event_loop, second));
    assert_eq!((event_loop.queue.len(), event_loop.running.len()), (1, 0));
    assert_eq!(event_loop.parts.board.snapshot().state, JobState::Paused);
    event_loop.hear(Event::Command(Command::Resume));
    assert_eq!(event_loop.parts.board.snapshot().state, JobState::Running);
    tick(&mut event_loop, 500);
    assert_eq!((event_loop.queue.len(), ranges(&event_loop)), (2, 1));
    event_loop.begin_batches();
    assert_eq!((event_loop.queue.len(), event_loop.running.len()), (1, 1));
}

#[test]
fn a_stop_ends_a_pause_and_a_pause_holds_no_stop_up() {
    let storage = MemoryStorage::new();
    storage.put("/in/old", b"x\n");
    let mut event_loop = watching(&storage);
    event_loop.hear(Event::Command(Command::Pause));
    event_loop.hear(Event::Command(Command::Drain));
    assert_eq!(event_loop.parts.board.snapshot().state, JobState::Draining);
    event_loop.hear(Event::Command(Command::Pause));
    assert!(!event_loop.paused);
}
