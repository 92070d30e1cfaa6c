//! Tests of ingest: a supervisor with ports that a test can look into.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use crossbeam_channel::{Receiver, unbounded};
use tidemill::block::manager::BlockManager;
use tidemill::ingest::ReceiverEvent;
use tidemill::ingest::rate_limiter::limiters;
use tidemill::ingest::receiver::{ReceiverPorts, ReceiverSettings};
use tidemill::ingest::supervisor::Supervisor;
use tidemill::model::backpressure::{Backpressure, SourceRates};
use tidemill::model::block::BlockInfo;
use tidemill::model::column_type::ColumnType;
use tidemill::model::id::SourceId;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::source::{Format, SourceConnector, SourceDeclaration};
use tidemill::sys::clock::{Clock, ManualClock};
use tidemill::sys::entropy::SeededEntropy;
use tidemill::sys::storage_memory::MemoryStorage;
use tokio::runtime::Runtime;

/// Longer than anything here takes: a lost event shows as a failure, not as a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One receiver and what it does.
pub struct Rig {
    pub manager: Arc<BlockManager>,
    pub supervisor: Supervisor,
    pub storage: MemoryStorage,
    pub clock: ManualClock,
    pub events: Receiver<(SourceId, ReceiverEvent)>,
    // Last, so that receivers are told to stop before their runtime goes.
    pub runtime: Runtime,
}

/// A source of lines.
pub fn lines(connector: SourceConnector) -> SourceDeclaration {
    SourceDeclaration {
        name: "lines".to_owned(),
        connector,
        format: Format::Lines,
        schema: StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]),
        on_bad_row: OnBadRow::Skip,
        line_bytes_max: 1024,
        rates: SourceRates::default(),
    }
}

/// A source of lines from an address.
pub fn socket(address: impl ToString) -> SourceDeclaration {
    lines(SourceConnector::Socket { address: address.to_string() })
}

impl Rig {
    /// Starts the source's receiver. Blocks are cut after so long, by the rig's clock: with no
    /// time at all, whatever is read becomes a block at once.
    pub fn start(source: SourceDeclaration, budget: usize, block_interval: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let manager = Arc::new(BlockManager::new(budget));
        let clock = ManualClock::at_ms(1_000);
        let storage = MemoryStorage::new();
        storage.put("/dead/folder", b"");
        let (sender, events) = unbounded();
        let port: Arc<dyn Clock> = Arc::new(clock.clone());
        let (one, unset) = (std::slice::from_ref(&source), Backpressure::default());
        let limiters = limiters(one, &unset, Duration::from_secs(1), &port);
        let ports = ReceiverPorts {
            store: manager.clone(),
            events: Arc::new(move |source, event| drop(sender.send((source, event)))),
            clock: port,
            storage: Arc::new(storage.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
            limiters: limiters.expect("its rates are rates"),
        };
        let settings = ReceiverSettings {
            block_interval,
            reconnect_first: Duration::from_millis(1),
            reconnect_max: Duration::from_millis(10),
            seed: 42,
        };
        let sources = [(SourceId(0), source)];
        let supervisor = Supervisor::start(&sources, &ports, settings, runtime.handle());
        let supervisor = supervisor.expect("the source is declared well");
        Self { manager, supervisor, storage, clock, events, runtime }
    }

    /// The next event.
    pub fn event(&self) -> ReceiverEvent {
        self.events.recv_timeout(PATIENCE).expect("an event comes").1
    }

    /// Passes over events until one is wanted.
    pub fn event_where(&self, wanted: impl Fn(&ReceiverEvent) -> bool) -> ReceiverEvent {
        std::iter::repeat_with(|| self.event()).find(wanted).expect("it repeats for ever")
    }

    /// The lines of the next so many rows, and how many came after them in the same block.
    pub fn rows(&self, rows: usize) -> Vec<String> {
        let mut got = Vec::new();
        while got.len() < rows {
            if let ReceiverEvent::Stored(info) = self.event() {
                got.extend(self.take(&info));
            }
        }
        got
    }

    /// The lines of a block, which is released.
    pub fn take(&self, info: &BlockInfo) -> Vec<String> {
        let block = self.manager.get(info.id).expect("a stored block is kept");
        assert_eq!(block.info, *info);
        self.manager.remove(info.id);
        block.slices.iter().flat_map(texts).collect()
    }
}

/// The texts of a slice's first column.
pub fn texts(slice: &RecordBatch) -> Vec<String> {
    let column = slice.column(0).as_string::<i32>();
    column.iter().map(|text| text.expect("no line is null").to_owned()).collect()
}

/// How often each line occurs.
pub fn counted(lines: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    lines.into_iter().for_each(|line| *counts.entry(line).or_default() += 1);
    counts
}

/// Whether a slice is in the one form that crosses the border: first offset 0, exact lengths.
pub fn is_canonical(slice: &RecordBatch) -> bool {
    slice.columns().iter().all(|column| {
        let data = column.to_data();
        data.offset() == 0 && data.nulls().is_none_or(|nulls| nulls.offset() == 0)
    })
}
