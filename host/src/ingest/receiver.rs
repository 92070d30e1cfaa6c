//! Ingest: what every receiver is given, and how it hears that it must stop.
//!
//! Takes ports of the driver. Gives them to receivers as one value. Never knows which receivers
//! there are.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::EventPort;
use super::rate_limiter::RateLimiters;
use crate::model::block_store::BlockStore;
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
    /// What keeps sources to their rates.
    pub limiters: RateLimiters,
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

/// Waits for so long by the system's time, after which whoever waits for their own looks at it.
pub(super) async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// What comes within that time, if it does.
pub(super) async fn within<T>(wait: Duration, coming: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(wait, coming).await.ok()
}
