//! Subject: Tidemill counting the words of a socket, as the benches measure it.
//!
//! Takes a port and a batch interval. Gives a line on standard output for each batch. Drains when
//! standard input ends, so that every line that was read is counted.
#![allow(clippy::disallowed_methods, reason = "benches live by the wall clock")]

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use clap::{Parser, ValueEnum};
use tidemill::api::context::StreamingContext;
use tidemill::api::dstream::{BoxError, DStream};
use tidemill::api::native::NativePlugin;
use tidemill::driver::engine::Engine;
use tidemill::model::description::OperatorKind;
use tidemill::model::operation::{Operation, StepDeclaration};
use tidemill::model::status::{BatchInfo, BatchOutcome, JobEvent};
use tidemill_benches::plugin;
use tidemill_benches::report::{BatchReport, say};

/// The program's allocator, as the program `tidemill` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of blocks that may be held unless set: a second at four million lines, three times.
const BUDGET_BYTES: usize = 1024 * 1024 * 1024;

/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Whether standard input has ended.
static INPUT_ENDED: AtomicBool = AtomicBool::new(false);

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operators {
    /// The plugin `word_count`, in its sandbox.
    Guest,
    /// The same operators, linked into this process.
    Native,
}

/// Counts the words of a socket.
#[derive(Debug, Parser)]
struct Args {
    /// Port of the feeder.
    port: u16,
    /// The batch interval.
    interval_ms: u64,
    /// Who counts.
    #[arg(long, value_enum, default_value_t = Operators::Guest)]
    operators: Operators,
    /// Executor threads; as many as cores unless set.
    #[arg(long)]
    executors: Option<usize>,
    /// Bytes of blocks that may be held.
    #[arg(long, default_value_t = BUDGET_BYTES)]
    budget: usize,
    /// Rounds of work on every line, by a guest, before its words are counted.
    #[arg(long)]
    slow: Option<i64>,
    /// The component, so that it need not be looked whether it is fresh.
    #[arg(long)]
    component: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    watch_input();
    let engine = plugin::engine(args.executors)?;
    let mut context = StreamingContext::new(&engine, Duration::from_millis(args.interval_ms));
    context.settings().block_budget_bytes = args.budget;
    let lines = context.socket_text_stream(&format!("127.0.0.1:{}", args.port));
    let lines = match args.slow {
        Some(rounds) => slowed(&engine, &lines, rounds)?,
        None => lines,
    };
    let words = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&words);
    count(&args, &engine, &lines)?.for_each_batch(move |_, partitions| -> Result<(), BoxError> {
        let sum = partitions.iter().flatten().map(sum_of_counts).sum();
        counted.store(sum, Ordering::Relaxed);
        Ok(())
    });
    let held = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&held);
    let listener = move |event: &JobEvent| {
        if let JobEvent::BatchEnded(batch) = event {
            let words = words.swap(0, Ordering::Relaxed);
            say(&report(batch, words, told.load(Ordering::Relaxed)));
        }
    };
    context.start_with(vec![Box::new(listener)])?;
    while !INPUT_ENDED.load(Ordering::Relaxed) {
        held.store(context.status()?.held_bytes.1 as u64, Ordering::Relaxed);
        std::thread::sleep(LOOK);
    }
    Ok(context.stop_gracefully()?)
}

fn watch_input() {
    std::thread::spawn(|| {
        let _ended = std::io::stdin().read_to_end(&mut Vec::new());
        INPUT_ENDED.store(true, Ordering::Relaxed);
    });
}

/// The lines after a plugin has worked so many rounds on each.
fn slowed(engine: &Engine, lines: &DStream, rounds: i64) -> anyhow::Result<DStream> {
    let slow = engine.load_plugin(plugin::test_guest("careless")?)?.operator("slow")?;
    let operation = Operation::Apply(OperatorKind::Map, slow);
    let params = [("rounds".to_owned(), rounds.into())].into_iter().collect();
    Ok(lines.step(StepDeclaration { params, ..StepDeclaration::new(operation) }))
}

fn count(args: &Args, engine: &Engine, lines: &DStream) -> anyhow::Result<DStream> {
    match args.operators {
        Operators::Guest => {
            let component = args.component.clone();
            let component = component.map_or_else(|| plugin::component("word_count"), Ok)?;
            let plugin = engine.load_plugin(component)?;
            let pairs = lines.flat_map(plugin.operator("split")?).map(plugin.operator("pair")?);
            Ok(pairs.reduce_by_key(plugin.operator("add")?))
        }
        Operators::Native => {
            let plugin = NativePlugin::new(word_count::operators())?;
            let pairs = lines.flat_map(plugin.chain(&["split", "pair"])?);
            Ok(pairs.reduce_by_key(plugin.operator("add")?))
        }
    }
}

fn sum_of_counts(slice: &RecordBatch) -> u64 {
    slice.column(1).as_primitive::<Int64Type>().values().iter().sum::<i64>().unsigned_abs()
}

fn report(batch: &BatchInfo, words: u64, held_bytes_max: u64) -> BatchReport {
    let millis = |delay: Duration| delay.as_secs_f64() * 1000.0;
    BatchReport {
        time_ms: batch.time.0,
        rows: batch.rows_in,
        total_ms: millis(batch.total_delay),
        scheduling_ms: millis(batch.scheduling_delay),
        cpu_ms: millis(batch.cpu),
        words,
        held_bytes_max,
        failure: match &batch.outcome {
            BatchOutcome::Completed => None,
            BatchOutcome::Failed { message } => Some(message.clone()),
        },
    }
}
