//! Driver: starts a job: plan, bind, open, receive, tick. Read this first.
//!
//! Takes a declared job and its loaded plugins. Gives a running job. Nothing runs until everything
//! that can be wrong before the first batch has been looked at.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::broadcasts::JobBroadcasts;
use super::engine::{Engine, EngineConfig};
use super::error::{DriverError, JobFailure};
use super::event::Event;
use super::event_loop::EventLoop;
use super::handle::JobHandle;
use super::job_version::{Binder, Counted};
use super::listener_bus::ListenerBus;
use super::look::{JobLook, Looked};
use super::output_measure::Measure;
use super::pace::Pace;
use super::parts::JobParts;
use super::plugins::{GuestVoice, JobPlugins};
use super::publisher::{OpenSink, Publisher};
use super::receiver_board::ReceiverBoard;
use super::remembered::Remembered;
use super::replay::{ReplayControl, Replayer};
use super::retained::RetainedInputs;
use super::scribe::Scribe;
use super::sources::JobSources;
use super::states::JobStates;
use super::status_board::{Listener, StatusBoard};
use super::swap::{Staging, SwapControl};
use super::ticker::{BeforeTick, SharedSupervisor, Ticker};
use super::versions::{GoneBack, VersionBase, Versions};
use super::window_maker::WindowMaker;
use crate::batch::clock::BatchClock;
use crate::block::manager::BlockManager;
use crate::error::panic_message;
use crate::exec::stage::BadRows;
use crate::ingest::EventPort;
use crate::ingest::rate_limiter::RateLimiters;
use crate::ingest::receiver::{ReceiverPorts, ReceiverSettings};
use crate::ingest::supervisor::{Supervisor, is_received};
use crate::limits::{
    BATCHES_AHEAD_MAX, BLOCK_INTERVAL_MAX, CONVERSION_SHARE, KEPT_SHARE, RECONNECT_WAIT_FIRST,
    RECONNECT_WAIT_MAX,
};
use crate::model::id::{SinkId, SourceId, StageId};
use crate::model::partition_store::PartitionStore;
use crate::model::pipeline::{JobSettings, Pipeline};
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::stage::JobPlan;
use crate::model::time::interval_ms;
use crate::plan::{PlanDefaults, PlannedJob, plan};
use crate::sink::SharedWriter;
use crate::store::batch_log::JobLog;
use crate::sys::steady_clock::SteadyClock;
use crate::version::window_parents::looked_back_to;
use crate::wasm::host_state::GuestPort;

/// A job to start.
pub struct JobRequest {
    /// The job as declared.
    pub pipeline: Pipeline,
    /// Its plugins, loaded.
    pub plugins: JobPlugins,
    /// Who is told what happens.
    pub listeners: Vec<Listener>,
    /// Where `print` sinks print.
    pub output: SharedWriter,
    /// Where its batches are logged, if they are.
    pub log: Option<JobLog>,
}

/// Starts a job on the engine.
///
/// # Errors
/// When the job does not fit together, a source or sink cannot work, or the system gives no
/// threads. Nothing is left running then.
pub fn launch(engine: &Arc<Engine>, request: JobRequest) -> Result<JobHandle, DriverError> {
    launch_at(engine, request, Pace::Clock)
}

/// Starts a job on the engine whose batches are made at that pace.
///
/// # Errors
/// As [`launch`].
pub fn launch_at(
    engine: &Arc<Engine>,
    request: JobRequest,
    pace: Pace,
) -> Result<JobHandle, DriverError> {
    launch_telling(engine, request, pace, Arc::default())
}

/// As [`launch_at`], with listeners that are there already.
///
/// # Errors
/// As [`launch`].
pub fn launch_telling(
    engine: &Arc<Engine>,
    request: JobRequest,
    pace: Pace,
    bus: Arc<ListenerBus>,
) -> Result<JobHandle, DriverError> {
    let JobRequest { pipeline, plugins, listeners, output, log } = request;
    for listener in listeners {
        bus.add(listener).map_err(system("a listener"))?;
    }
    let clock = Arc::new(SteadyClock::over(Arc::clone(&engine.config.clock)));
    let settings = pipeline.settings.clone();
    let planned = plan(&pipeline, &plugins, defaults(engine))?;
    let seed = settings.seed.unwrap_or_else(|| engine.config.entropy.next_u64());
    let board = Arc::new(StatusBoard::new(bus, settings.retained_batches));
    let binder = binder(&settings, seed, &board);
    let states = JobStates::open(&planned.plan, seed, &*engine.config.storage)?;
    let storage = Arc::clone(&engine.config.storage);
    let broadcasts =
        Arc::new(JobBroadcasts::open(&pipeline.broadcasts, storage, clock.now_ms(), &board)?);
    let sinks = open_sinks(&engine.config, &pipeline, &planned, &output, log.is_some())?;
    let first_after_ms = first_after_ms(clock.now_ms(), &sinks, &pace, &settings)?;
    let plan = Arc::new(planned.plan);
    let base = VersionBase::first(&binder, &plan, plugins, states)?;
    if let OnBadRow::DeadLetter(path) = &settings.on_rejected {
        engine.config.storage.append(path).map_err(DriverError::DeadLetter)?;
    }
    let blocks = Arc::new(BlockManager::new(receivers_share(settings.block_budget_bytes)));

    // Receivers find room however much windows keep: what is more goes to disk.
    let kept_max = blocks.budget().capacity() / KEPT_SHARE;
    let store = engine.partition_store_under(Arc::clone(blocks.budget()), kept_max);
    let store: Arc<dyn PartitionStore> = Arc::new(store);

    // Unbounded by itself: blocks by the byte budget, tasks by the running batches, ticks by time.
    let (sender, events) = channel();
    let sources = JobSources::open(&engine.config, &pipeline, Arc::clone(&blocks), sender.clone())?;
    let started = (seed, sources.limiters());
    let receivers = start_receivers(engine, &pipeline, &settings, started, &blocks, &sender)?;
    let batches = BatchClock::start(first_after_ms, settings.batch_interval);
    let batches = batches.catching_up(settings.catch_up);
    let before = refresh(&broadcasts, &board);
    let ticker = Ticker::start(batches, Arc::clone(&clock), (receivers, before), sender.clone())
        .map_err(system("the batch clock"))?;
    let publisher = Publisher::start(sinks, Arc::clone(&board), Arc::clone(&clock), sender.clone())
        .map_err(system("the publisher"))?;
    let answers = sender.clone();
    let scribe = log.map(|log| Scribe::new(log, &plan, source_names(&pipeline), seed));
    let ways = ways_in(engine, &pipeline, (&plan, planned.datasets), (&base, seed), &sender);
    let replayer = replayer(engine, &pipeline, &plan, &binder, &pace);
    let maker = WindowMaker { replayer: Arc::clone(&replayer), store: Arc::clone(&store) };
    let maker = Arc::new(maker);
    let event_loop = EventLoop::new(JobParts {
        ticker,
        publisher,
        plan,
        versions: Versions::new(Arc::clone(&base), binder.counted.clone()),
        broadcasts,
        settings,
        seed,
        pace,
        sources,
        receivers: receiver_board(&pipeline),
        store,
        make_windows: on_threads(&maker, &sender),
        retained: Arc::clone(&replayer.retained),
        blocks,
        executors: Arc::clone(&engine.executors),
        // An answer to a job that has ended is nobody's.
        answer: Arc::new(move |result| drop(answers.send(Event::Task(result)))),
        board: Arc::clone(&board),
        scribe,
        storage: Arc::clone(&engine.config.storage),
        clock,
    });
    let thread = spawn(&pipeline.name, event_loop, events, &board)?;
    let asked = controls((binder, base), (maker, replayer), &board, &sender);
    Ok(JobHandle::new(Arc::clone(engine), sender, board, ways, asked, thread))
}

/// The ways of others to other versions of a job's plugins.
fn controls(
    (binder, base): (Binder, Arc<VersionBase>),
    (maker, replayer): (Arc<WindowMaker>, Arc<Replayer>),
    board: &Arc<StatusBoard>,
    events: &Sender<Event>,
) -> (SwapControl, ReplayControl) {
    let replays = ReplayControl::new(Arc::clone(&replayer));
    let (board, events, one) = (Arc::clone(board), events.clone(), Mutex::default());
    (SwapControl::new(Staging { binder, base, replayer, maker, board, events, one }), replays)
}

fn on_threads(
    maker: &Arc<WindowMaker>,
    events: &Sender<Event>,
) -> Arc<dyn Fn(GoneBack) + Send + Sync> {
    let (maker, events) = (Arc::clone(maker), events.clone());
    Arc::new(move |gone_back| maker.start(gone_back, &events))
}

/// The ways of others to what a job remembers, keeps and makes.
fn ways_in(
    engine: &Engine,
    pipeline: &Pipeline,
    (plan, datasets): (&Arc<JobPlan>, BTreeMap<String, StageId>),
    (base, seed): (&Arc<VersionBase>, u64),
    events: &Sender<Event>,
) -> (Remembered, JobLook) {
    let look = JobLook::new(Looked {
        pipeline: pipeline.clone(),
        base: Arc::clone(base),
        seed,
        storage: Arc::clone(&engine.config.storage),
        datasets: datasets.clone(),
        events: events.clone(),
    });
    (Remembered::new(events.clone(), Arc::clone(plan), datasets), look)
}

fn spawn(
    job: &str,
    event_loop: EventLoop,
    events: Receiver<Event>,
    board: &Arc<StatusBoard>,
) -> Result<JoinHandle<()>, DriverError> {
    let board = Arc::clone(board);
    std::thread::Builder::new()
        .name(format!("job-{job}"))
        .spawn(move || run_to_its_end(event_loop, &events, &board))
        .map_err(system("the job's loop"))
}

fn binder(settings: &JobSettings, seed: u64, board: &Arc<StatusBoard>) -> Binder {
    let port: Arc<dyn GuestPort> = Arc::new(GuestVoice(Arc::clone(board)));
    let bad_rows = BadRows {
        keep: matches!(settings.on_rejected, OnBadRow::DeadLetter(_)),
        poison_max: settings.poison_rows_max,
    };
    Binder { seed, bad_rows, port, counted: Counted::default() }
}

/// What runs batches again. The only batch of a job is not: nobody could ask for it in time.
fn replayer(
    engine: &Arc<Engine>,
    pipeline: &Pipeline,
    plan: &JobPlan,
    binder: &Binder,
    pace: &Pace,
) -> Arc<Replayer> {
    let (settings, defaults) = (&pipeline.settings, defaults(engine));
    let looked_back_to = looked_back_to(plan, settings.batch_interval);
    let retained = match pace {
        Pace::Once(_) => RetainedInputs::none(),
        Pace::Clock | Pace::AtOnce => RetainedInputs::new(settings, looked_back_to),
    };
    Replayer::new(engine, pipeline, defaults, (binder.seed, binder.bad_rows), retained)
}

fn defaults(engine: &Engine) -> PlanDefaults {
    PlanDefaults { partitions: engine.executors.count() }
}

/// What is done before each tick.
fn refresh(broadcasts: &Arc<JobBroadcasts>, board: &Arc<StatusBoard>) -> BeforeTick {
    let (broadcasts, board) = (Arc::clone(broadcasts), Arc::clone(board));
    Box::new(move |time| broadcasts.refresh(time, &board))
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> DriverError {
    move |source| DriverError::System { what, source }
}

fn source_names(pipeline: &Pipeline) -> Vec<String> {
    pipeline.sources.iter().map(|source| source.name.clone()).collect()
}

fn receiver_board(pipeline: &Pipeline) -> ReceiverBoard {
    let sources = (0..).map(SourceId).zip(&pipeline.sources);
    let received = sources.filter(|(_, source)| is_received(source));
    ReceiverBoard::new(received.map(|(id, source)| (id, source.name.clone())))
}

/// The rows that the first sink of a job would be given.
///
/// # Errors
/// When the job does not fit together.
pub fn result_schema(
    engine: &Engine,
    pipeline: &Pipeline,
    plugins: &JobPlugins,
) -> Result<StreamSchema, DriverError> {
    let JobPlan { stages, sinks } = plan(pipeline, plugins, defaults(engine))?.plan;
    let first = sinks.first().and_then(|(_, stage)| stages.get(stage.0));
    Ok(first.map(|stage| stage.output_schema().clone()).unwrap_or_default())
}

fn open_sinks(
    engine: &EngineConfig,
    pipeline: &Pipeline,
    planned: &PlannedJob,
    output: &SharedWriter,
    measured: bool,
) -> Result<Vec<OpenSink>, DriverError> {
    let open = |(sink, _): &(SinkId, StageId)| {
        let (declared, schema) = (&pipeline.sinks[sink.0], &planned.sinks[sink.0]);
        let (output, storage) = (Arc::clone(output), Arc::clone(&engine.storage));
        Ok(OpenSink {
            id: *sink,
            name: declared.name.clone(),
            on_failure: declared.on_failure.unwrap_or(pipeline.settings.on_failure),
            sink: crate::sink::open(declared, schema, output, storage, &*engine.entropy)?,
            measure: measured.then(|| Measure::of_columns(&schema.columns)),
        })
    };
    planned.plan.sinks.iter().map(open).collect()
}

/// What the first batch time is to be after: now, or what an earlier run has left. Its last batches
/// may lie ahead of it, since a run that ends does not wait for their times.
fn first_after_ms(
    now_ms: i64,
    sinks: &[OpenSink],
    pace: &Pace,
    settings: &JobSettings,
) -> Result<i64, DriverError> {
    // One that waits for its times would wait as long as folders say that somebody else has named.
    let ahead = interval_ms(settings.batch_interval.saturating_mul(BATCHES_AHEAD_MAX));
    let mut after_ms = now_ms;
    for sink in sinks {
        let newest = sink.sink.newest()?.map_or(now_ms, |newest| newest.0);
        if pace.is_at_once() || newest.saturating_sub(now_ms) <= ahead {
            after_ms = after_ms.max(newest);
        }
    }
    Ok(after_ms)
}

fn start_receivers(
    engine: &Engine,
    pipeline: &Pipeline,
    settings: &JobSettings,
    (seed, limiters): (u64, RateLimiters),
    blocks: &Arc<BlockManager>,
    events: &Sender<Event>,
) -> Result<SharedSupervisor, DriverError> {
    let told = events.clone();
    let tell: EventPort = Arc::new(move |source, event| {
        // A job that has ended hears nothing, and need not.
        let _sent = told.send(Event::Receiver(source, event));
    });
    let ports = ReceiverPorts {
        store: Arc::clone(blocks) as _,
        events: tell,
        storage: Arc::clone(&engine.config.storage),
        clock: Arc::clone(&engine.config.clock),
        entropy: Arc::clone(&engine.config.entropy),
        limiters,
    };
    let receiver_settings = ReceiverSettings {
        block_interval: block_interval(settings, engine.executors.count()),
        reconnect_first: RECONNECT_WAIT_FIRST,
        reconnect_max: RECONNECT_WAIT_MAX,
        seed,
    };
    let sources: Vec<_> = (0..).map(SourceId).zip(pipeline.sources.iter().cloned()).collect();
    let handle = engine.runtime.handle();
    let supervisor = Supervisor::start(&sources, &ports, receiver_settings, handle)?;
    Ok(Arc::new(Mutex::new(Some(supervisor))))
}

/// Whatever becomes of the loop, those who wait for the job's end hear of it.
fn run_to_its_end(event_loop: EventLoop, events: &Receiver<Event>, board: &StatusBoard) {
    let ran = catch_unwind(AssertUnwindSafe(|| event_loop.run(events)));
    if let Err(panic) = ran {
        board.end(Some(JobFailure::Panicked(panic_message(&*panic))));
    }
}

/// The bytes at which receivers stop reading. Rows of short lines take more room than the bytes
/// they were read as; the rest of the budget is for that.
fn receivers_share(budget_bytes: usize) -> usize {
    budget_bytes - budget_bytes / CONVERSION_SHARE
}

/// A block per slot and batch, so that no core stands idle, but none longer open than the limit.
fn block_interval(settings: &JobSettings, slots: usize) -> Duration {
    let slots = u32::try_from(slots).unwrap_or(u32::MAX).max(1);
    let by_slot = settings.batch_interval / slots;
    settings.block_interval.unwrap_or_else(|| by_slot.min(BLOCK_INTERVAL_MAX))
}
