//! Ingest: the receiver supervisor, which starts receivers, seals their blocks and stops them.
//!
//! Takes the sources of a job. Gives their blocks, by way of the ports. Never lets a receiver end
//! unnoticed.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use super::block_generator::BlockGenerator;
use super::dead_letter::DeadLetter;
use super::intake::Intake;
use super::receiver::{ReceiverPorts, ReceiverSettings, Stop};
use super::{IngestError, ReceiverEvent, connector};
use crate::limits::{RECEIVER_STOP_WAIT_MAX, SEAL_WAIT_MAX};
use crate::model::id::SourceId;
use crate::model::source::{SourceConnector, SourceDeclaration};
use crate::sys::clock::Clock;

/// The receivers of a job. Dropping it stops them without waiting.
pub struct Supervisor {
    intakes: Vec<Arc<Intake>>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    receivers: Vec<AbortHandle>,
    /// Disconnected when every receiver has ended.
    ended: Receiver<()>,
}

impl Supervisor {
    /// Starts a receiver for each source that needs one, on the runtime.
    ///
    /// # Errors
    /// Names the first source that cannot be read as it is declared; nothing is started then.
    pub fn start(
        sources: &[(SourceId, SourceDeclaration)],
        ports: &ReceiverPorts,
        settings: ReceiverSettings,
        runtime: &Handle,
    ) -> Result<Self, IngestError> {
        let mut ready = Vec::new();
        for (id, source) in sources.iter().filter(|(_, source)| is_received(source)) {
            check(source)?;
            let dead_letter = DeadLetter::of_source(source, &ports.storage)?;
            let generator = BlockGenerator::new(*id, source, settings.block_interval);
            let intake = Arc::new(Intake::new(*id, generator, dead_letter, ports));
            ready.push((source, intake, listen(source)?));
        }
        let (stop, stopped) = Stop::new();
        let (running, ended) = sync_channel(0);
        let (mut intakes, mut receivers) = (Vec::new(), Vec::new());
        for (source, intake, listener) in ready {
            let (source, ports, stopped) = (source.clone(), ports.clone(), stopped.clone());
            let received = Arc::clone(&intake);
            let receiver = connector::receive(source, received, ports, settings, listener, stopped);
            let receiver = runtime.spawn(receiver);
            receivers.push(receiver.abort_handle());
            runtime.spawn(watch_over(receiver, Arc::clone(&intake), running.clone()));
            intakes.push(intake);
        }
        Ok(Self { intakes, clock: Arc::clone(&ports.clock), stop, receivers, ended })
    }

    /// Cuts off what was received until now, so that it is stored and told before this returns.
    /// Waits for a receiver that is just adding to its block, but not long: one that takes longer
    /// seals by itself, too late for this tick. Gives how many did.
    pub fn seal(&self) -> usize {
        let mut open: Vec<&Arc<Intake>> = self.intakes.iter().collect();
        let until_us = self.clock.monotonic_us().saturating_add(micros(SEAL_WAIT_MAX));
        loop {
            open.retain(|intake| !intake.try_seal());
            if open.is_empty() || self.clock.monotonic_us() >= until_us {
                break;
            }
            std::thread::yield_now();
        }
        open.iter().for_each(|intake| intake.wish_seal());
        open.len()
    }

    /// Whether every receiver has ended.
    pub fn all_ended(&self) -> bool {
        self.receivers.iter().all(AbortHandle::is_finished)
    }

    /// Has the receivers stop reading and seal what they have, and waits for that. Everything
    /// received is stored and told when this returns. It must not be called on the runtime.
    pub fn stop(self) {
        // It fails only when no receiver listens any more.
        let _ = self.stop.send(true);
        self.intakes.iter().for_each(|intake| intake.hurry());
        // Nobody ever sends: the wait ends when all receivers have, or after its time.
        let _ = self.ended.recv_timeout(RECEIVER_STOP_WAIT_MAX);
        self.receivers.iter().for_each(AbortHandle::abort);
        self.intakes.iter().for_each(|intake| intake.close());
    }
}

/// Waits for a receiver's end and tells of one that panicked.
async fn watch_over(receiver: JoinHandle<()>, intake: Arc<Intake>, running: SyncSender<()>) {
    if let Err(error) = receiver.await
        && error.is_panic()
    {
        let message = "the receiver panicked, which is a bug of Tidemill".to_owned();
        intake.tell(ReceiverEvent::Broken { message });
    }
    drop(running);
}

/// Whether a source has a receiver. Files are planned for each batch; nobody waits for them to
/// arrive.
pub fn is_received(source: &SourceDeclaration) -> bool {
    !source.connector.is_there()
}

fn check(source: &SourceDeclaration) -> Result<(), IngestError> {
    source
        .check()
        .map_err(|problem| IngestError::Declaration { name: source.name.clone(), problem })
}

/// Lets others connect to a source that listens: whoever starts the job hears if nobody can.
fn listen(source: &SourceDeclaration) -> Result<Option<TcpListener>, IngestError> {
    let SourceConnector::Listen { address, .. } = &source.connector else { return Ok(None) };
    let bound = TcpListener::bind(address.as_str()).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map(Some).map_err(|error| {
        let (name, address) = (source.name.clone(), address.clone());
        IngestError::Listen { name, address, source: error }
    })
}

fn micros(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)
}
