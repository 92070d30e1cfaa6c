//! Tests: what Spark's block generator promises, of ours. Spark's tests of it have the same names.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{RecordBatch, StringArray};
use crossbeam_channel::{Receiver, unbounded};
use tidemill::block::manager::BlockManager;
use tidemill::ingest::ReceiverEvent;
use tidemill::ingest::block_generator::BlockGenerator;
use tidemill::ingest::dead_letter::DeadLetter;
use tidemill::ingest::intake::{Closed, Intake};
use tidemill::ingest::rate_limiter::RateLimiters;
use tidemill::ingest::receiver::ReceiverPorts;
use tidemill::model::block::BlockInfo;
use tidemill::model::id::SourceId;
use tidemill::model::policy::OnBadRow;
use tidemill::model::source::{SourceConnector, SourceDeclaration};
use tidemill::sys::clock::ManualClock;
use tidemill::sys::entropy::SeededEntropy;
use tidemill::sys::storage_memory::MemoryStorage;
use tokio::runtime::Runtime;

use crate::ingest_rig::{lines, texts};

const INTERVAL: Duration = Duration::from_millis(10);

struct Cutter {
    intake: Arc<Intake>,
    blocks: Arc<BlockManager>,
    events: Receiver<ReceiverEvent>,
    clock: ManualClock,
    storage: MemoryStorage,
    runtime: Runtime,
}

fn cutter(on_bad_row: OnBadRow) -> Cutter {
    let source = SourceDeclaration { on_bad_row, ..lines(SourceConnector::Stdin) };
    let (sender, events) = unbounded();
    let (clock, storage) = (ManualClock::at_ms(0), MemoryStorage::new());
    storage.put("/dead/folder", b"");
    let blocks = Arc::new(BlockManager::new(1 << 20));
    let ports = ReceiverPorts {
        store: blocks.clone(),
        events: Arc::new(move |_, event| drop(sender.send(event))),
        clock: Arc::new(clock.clone()),
        storage: Arc::new(storage.clone()),
        entropy: Arc::new(SeededEntropy::new(0)),
        limiters: RateLimiters::new(),
    };
    let generator = BlockGenerator::new(SourceId(0), &source, INTERVAL);
    let letters = DeadLetter::of_source(&source, &ports.storage).expect("it can be written");
    let intake = Arc::new(Intake::new(SourceId(0), generator, letters, &ports));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    Cutter { intake, blocks, events, clock, storage, runtime }
}

impl Cutter {
    /// Adds numbers as rows, so many at once.
    fn add(&self, numbers: std::ops::RangeInclusive<u32>, at_once: usize) -> Result<(), Closed> {
        let numbers: Vec<u32> = numbers.collect();
        for rows in numbers.chunks(at_once) {
            self.wait(self.intake.add_rows(&numbered(rows)))?;
        }
        Ok(())
    }

    fn wait<T>(&self, coming: impl Future<Output = T>) -> T {
        self.runtime.block_on(coming)
    }

    /// The rows of each block that was told since the last time.
    fn pushed(&self) -> Vec<Vec<String>> {
        let blocks = self.events.try_iter().filter_map(|event| match event {
            ReceiverEvent::Stored(info) => Some(self.rows(&info)),
            _ => None,
        });
        blocks.collect()
    }

    fn rows(&self, info: &BlockInfo) -> Vec<String> {
        let block = self.blocks.get(info.id).expect("it is kept");
        block.slices.iter().flat_map(texts).collect()
    }
}

fn numbered(numbers: &[u32]) -> RecordBatch {
    let texts = StringArray::from_iter_values(numbers.iter().map(u32::to_string));
    let schema = lines(SourceConnector::Stdin).schema.to_arrow();
    RecordBatch::try_new(schema, vec![Arc::new(texts)]).expect("lines are rows")
}

fn texts_of(numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// Cases G01 to G03: single rows, and rows that come together, are pushed at a tick, in order, and
/// those that come together in one block.
#[test]
fn block_generation_and_data_callbacks() {
    let cutter = cutter(OnBadRow::Skip);
    cutter.intake.seal();
    assert_eq!(cutter.pushed(), Vec::<Vec<String>>::new(), "nothing makes no block");
    cutter.add(1..=10, 1).expect("it is taken");
    assert_eq!(cutter.pushed(), Vec::<Vec<String>>::new(), "the block is open");
    cutter.intake.seal();
    assert_eq!(cutter.pushed(), [texts_of(1..=10)]);
    cutter.add(11..=20, 1).expect("it is taken");
    cutter.clock.advance(INTERVAL);
    cutter.add(21..=30, 10).expect("it is taken");
    assert_eq!(cutter.pushed(), [texts_of(11..=30)], "its interval is over");
}

/// Case G04.
#[test]
fn stop_ensures_correct_shutdown() {
    let cutter = cutter(OnBadRow::Skip);
    cutter.add(1..=3, 1).expect("it is taken");
    cutter.intake.close();
    assert_eq!(cutter.pushed(), [texts_of(1..=3)]);
    assert_eq!(cutter.add(4..=4, 1), Err(Closed));
    assert_eq!(cutter.wait(cutter.intake.add_block(&numbered(&[5]))), Err(Closed));
    cutter.intake.close();
    cutter.intake.seal();
    assert_eq!(cutter.pushed(), Vec::<Vec<String>>::new(), "what was refused is nowhere");
}

/// Case G05: what was added before the stop is pushed, all of it, and nothing after.
#[test]
fn stop_flushes_what_threads_have_added() {
    let Cutter { intake, blocks, events, .. } = cutter(OnBadRow::Skip);
    let adding = std::thread::spawn({
        let intake = Arc::clone(&intake);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("one");
            let mut taken = 0;
            while runtime.block_on(intake.add_rows(&numbered(&[taken]))).is_ok() {
                taken += 1;
                if taken == 1_000 {
                    intake.close();
                }
            }
            taken
        }
    });
    let taken = adding.join().expect("no panic");
    let rows = |event| match event {
        ReceiverEvent::Stored(info) => info.rows,
        _ => 0,
    };
    assert_eq!((taken, events.try_iter().map(rows).sum::<u64>()), (1_000, 1_000));
    assert_eq!(blocks.gauges().held_bytes, blocks.gauges().block_bytes, "no more is held");
}

/// Case G06: what cannot be kept is told by the batch it would have been in; a stop still works.
#[test]
fn a_push_that_fails_is_told_and_a_stop_works() {
    let cutter = cutter(OnBadRow::DeadLetter("/dead/letters".into()));
    cutter.storage.fail_after(0, std::io::ErrorKind::StorageFull);
    cutter.intake.add_bad(|| "no number".to_owned(), b"x");
    cutter.add(1..=2, 1).expect("it is taken");
    cutter.intake.seal();
    let stored = cutter.events.try_iter().find_map(|event| match event {
        ReceiverEvent::Stored(info) => Some(info),
        _ => None,
    });
    let block = cutter.blocks.get(stored.expect("the block is told").id).expect("it is kept");
    let failure = block.failure.as_deref().expect("its batch fails");
    assert!(failure.contains("cannot keep bad rows"), "{failure}");
    cutter.add(3..=3, 1).expect("the next block is open");
    cutter.intake.close();
    assert_eq!(cutter.pushed(), [texts_of(3..=3)]);
}
