//! Ingest: what its tests share: a source of lines, and ports that can be looked into.
//!
//! Takes how a source treats bad rows. Gives declarations and ports. Never part of a program.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::ReceiverEvent;
use super::block_generator::BlockGenerator;
use super::dead_letter::DeadLetter;
use super::intake::Intake;
use super::rate_limiter::RateLimiters;
use super::receiver::ReceiverPorts;
use crate::model::backpressure::SourceRates;
use crate::model::block::Block;
use crate::model::block_store::{BlockStore, ByteBudget, Reservation, ReservationFuture};
use crate::model::column_type::ColumnType;
use crate::model::id::SourceId;
use crate::model::policy::OnBadRow;
use crate::model::schema::{Column, StreamSchema};
use crate::model::source::{Format, SourceConnector, SourceDeclaration};
use crate::sys::clock::ManualClock;
use crate::sys::entropy::SeededEntropy;
use crate::sys::storage_memory::MemoryStorage;

/// A source called `lines`.
pub fn lines_source(connector: SourceConnector, on_bad_row: OnBadRow) -> SourceDeclaration {
    SourceDeclaration {
        name: "lines".to_owned(),
        connector,
        format: Format::Lines,
        schema: StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]),
        on_bad_row,
        line_bytes_max: 1024,
        rates: SourceRates::default(),
    }
}

/// A store without bounds that counts what is held.
#[derive(Debug, Default)]
pub struct OpenStore {
    held: Arc<Held>,
    blocks: Mutex<Vec<(Block, Reservation)>>,
}

#[derive(Debug, Default)]
struct Held(AtomicUsize);

impl ByteBudget for Held {
    fn charge(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl OpenStore {
    /// Bytes held.
    pub fn held(&self) -> usize {
        self.held.0.load(Ordering::Relaxed)
    }

    /// The failures of the blocks that were put.
    pub fn failures(&self) -> Vec<Option<String>> {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().map(|(block, _)| block.failure.clone()).collect()
    }
}

impl BlockStore for OpenStore {
    fn reserve_now(&self, bytes: usize) -> Option<Reservation> {
        self.held.charge(bytes);
        Some(Reservation::of_counted(self.held.clone(), bytes))
    }

    fn reserve(&self, bytes: usize) -> ReservationFuture {
        let reservation = self.reserve_now(bytes).expect("there is always room");
        Box::pin(std::future::ready(reservation))
    }

    fn put(&self, block: Block, held: Reservation) {
        assert_eq!(block.info.bytes, held.bytes());
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).push((block, held));
    }
}

/// An intake, and what can be seen of it.
pub struct Rig {
    pub intake: Intake,
    pub events: Receiver<ReceiverEvent>,
    pub store: Arc<OpenStore>,
}

/// An intake whose blocks are cut only when that is asked for.
pub fn intake(storage: &MemoryStorage, on_bad_row: OnBadRow) -> Rig {
    let source = lines_source(SourceConnector::Stdin, on_bad_row);
    let store = Arc::new(OpenStore::default());
    let (sender, events) = channel();
    let ports = ReceiverPorts {
        store: store.clone(),
        events: Arc::new(move |_, event| drop(sender.send(event))),
        clock: Arc::new(ManualClock::at_ms(0)),
        storage: Arc::new(storage.clone()),
        entropy: Arc::new(SeededEntropy::new(0)),
        limiters: RateLimiters::new(),
    };
    let generator = BlockGenerator::new(SourceId(0), &source, Duration::from_secs(3600));
    let dead_letter = DeadLetter::of_source(&source, &ports.storage).expect("it can be written");
    let intake = Intake::new(SourceId(0), generator, dead_letter, &ports);
    Rig { intake, events, store }
}
