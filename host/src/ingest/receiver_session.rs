//! Ingest: one start of a program's receiver, as its threads see it.
//!
//! Takes rows from any thread, which waits until they are stored. Gives them to the intake, and
//! the first word of an end to whoever runs the receiver. Never takes rows of a start that is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::intake::Intake;
use super::row_gatherer::row_bytes;
use super::{Acknowledgement, ReceiverEvent};
use crate::limits::BLOCK_BYTES_MAX;
use crate::model::receiver::{ReceiverEnd, ReceiverPort, StoreError};

/// How far a start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It receives.
    Running,
    /// It is to stop; what it still stores is received.
    Stopping,
    /// It is over.
    Closed,
}

/// One start of a receiver.
pub(super) struct Session {
    intake: Arc<Intake>,
    schema: SchemaRef,
    runtime: Handle,
    phase: watch::Sender<Phase>,
    /// The first word of an end.
    end: watch::Sender<Option<ReceiverEnd>>,
    stored: AtomicBool,
}

impl Session {
    pub(super) fn new(intake: Arc<Intake>, schema: SchemaRef, runtime: Handle) -> Arc<Self> {
        let (phase, end) = (watch::Sender::new(Phase::Running), watch::Sender::new(None));
        Arc::new(Self { intake, schema, runtime, phase, end, stored: AtomicBool::new(false) })
    }

    pub(super) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Turns to a later phase.
    pub(super) fn turn(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }

    /// Whether anything was stored.
    pub(super) fn has_stored(&self) -> bool {
        self.stored.load(Ordering::Relaxed)
    }

    /// Ends it by an error.
    pub(super) fn fail(&self, message: String) {
        self.end(ReceiverEnd { message, failed: true, delay: None });
    }

    /// Comes when somebody has ended it.
    pub(super) async fn ended(&self) -> ReceiverEnd {
        let mut end = self.end.subscribe();
        let end = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.expect("the sender is this session's own, and an end was waited for")
    }

    fn end(&self, end: ReceiverEnd) {
        self.end.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(end);
            is_first
        });
    }

    /// Has the calling thread wait for what stores rows, or until this start is over.
    fn wait_for(
        &self,
        storing: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        if Handle::try_current().is_ok() {
            return Err(StoreError::Asynchronous);
        }
        let mut phase = self.phase.subscribe();
        let stored = self.runtime.block_on(async {
            tokio::select! {
                biased;
                // An error says that the session is gone.
                _ = phase.wait_for(|phase| *phase == Phase::Closed) => Err(StoreError::Stopped),
                stored = storing => stored,
            }
        });
        if stored.is_ok() {
            self.stored.store(true, Ordering::Relaxed);
        }
        stored
    }

    async fn store(&self, rows: &RecordBatch) -> Result<(), StoreError> {
        self.intake.add_rows(rows).await.map_err(|_closed| StoreError::Stopped)
    }

    async fn store_block(&self, rows: &RecordBatch) -> Result<(), StoreError> {
        self.intake.add_block(rows).await.map_err(|_closed| StoreError::Stopped)?;
        // Events keep their order: when this one is heard, so was that of the block.
        let (acknowledgement, heard) = Acknowledgement::new();
        self.intake.tell(ReceiverEvent::Acknowledge(acknowledgement));
        if heard.came().await { Ok(()) } else { Err(StoreError::Stopped) }
    }
}

/// What a receiver's handles share. When the last of them is gone, nothing can come any more.
pub(super) struct SessionPort(Arc<Session>);

impl SessionPort {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self(session)
    }
}

impl std::fmt::Debug for SessionPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionPort")
    }
}

impl ReceiverPort for SessionPort {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn store(&self, rows: RecordBatch) -> Result<(), StoreError> {
        self.0.wait_for(self.0.store(&rows))
    }

    fn store_block(&self, rows: RecordBatch) -> Result<(), StoreError> {
        let bytes = row_bytes(&rows);
        if bytes > BLOCK_BYTES_MAX {
            return Err(StoreError::Block { bytes, bytes_max: BLOCK_BYTES_MAX });
        }
        self.0.wait_for(self.0.store_block(&rows))
    }

    fn report(&self, message: String) {
        self.0.intake.tell(ReceiverEvent::Told { message, warning: true });
    }

    fn end(&self, end: ReceiverEnd) {
        self.0.end(end);
    }

    fn is_stopped(&self) -> bool {
        *self.0.phase.borrow() != Phase::Running
    }
}

impl Drop for SessionPort {
    fn drop(&mut self) {
        let what = "the receiver ended by itself: `on_start` has returned and no handle is left";
        self.0.fail(what.to_owned());
    }
}
