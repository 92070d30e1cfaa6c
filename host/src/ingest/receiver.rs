//! Ingest: what every receiver is given, and how it hears that it must stop.
//!
//! Takes a source's declaration. Gives the future that receives it. Never occupies a core: a
//! receiver only runs while its source has something for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::generate_receiver::{Rate, Text};
use super::reconnect::Reconnect;
use super::{EventPort, generate_receiver, socket_receiver, stdin_receiver};
use crate::ingest::intake::Intake;
use crate::model::block_store::BlockStore;
use crate::model::pipeline::{SourceConnector, SourceDeclaration};
use crate::sys::clock::Clock;
use crate::sys::entropy::Entropy;
use crate::sys::storage::Storage;

/// What receivers are given by the driver.
#[derive(Clone)]
pub struct ReceiverPorts {
    /// Where blocks go, and the budget.
    pub store: Arc<dyn BlockStore>,
    /// Where events go.
    pub events: EventPort,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Files, for bad rows.
    pub storage: Arc<dyn Storage>,
    /// Chance, for the waits between attempts to connect.
    pub entropy: Arc<dyn Entropy>,
}

/// How receivers work.
#[derive(Debug, Clone, Copy)]
pub struct ReceiverSettings {
    /// The longest a block stays open.
    pub block_interval: Duration,
    /// The first wait before connecting again.
    pub reconnect_first: Duration,
    /// The longest wait before connecting again.
    pub reconnect_max: Duration,
    /// Seed of generated text.
    pub seed: u64,
}

/// Tells a receiver to stop; also when whoever could tell is gone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop, and the end that says so.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Comes when it is time to stop.
    pub async fn asked(&mut self) {
        // An error says that the sender is gone, which means the same.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Waits, unless it is time to stop. Gives whether it is not.
    pub async fn sleep(&mut self, wait: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.asked() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// Receives a source until it ends or is stopped. Files are no receiver's work: they are planned.
pub(super) fn run(
    source: SourceDeclaration,
    intake: Arc<Intake>,
    ports: ReceiverPorts,
    settings: ReceiverSettings,
    stop: Stop,
) -> impl Future<Output = ()> + Send + 'static {
    // The receiver has started now, however late its future is polled for the first time.
    let started_us = ports.clock.monotonic_us();
    async move {
        match &source.connector {
            SourceConnector::Socket { address } => {
                let (first, longest) = (settings.reconnect_first, settings.reconnect_max);
                let reconnect = Reconnect::new(first, longest, ports.entropy);
                socket_receiver::run(address, &intake, reconnect, stop).await;
            }
            SourceConnector::Generate { lines_per_second, words_per_line, vocabulary, lines } => {
                let text = Text::new(settings.seed, *words_per_line, *vocabulary);
                let rate = Rate { lines_per_second: *lines_per_second, lines: *lines, started_us };
                generate_receiver::run(text, rate, &intake, &*ports.clock, stop).await;
            }
            SourceConnector::Stdin => stdin_receiver::run(std::io::stdin(), &intake, stop).await,
            SourceConnector::Files { .. } => {}
        }
    }
}
