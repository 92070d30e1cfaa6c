//! Benches: sending lines over a connection, as fast as they are taken or at a rate.
//!
//! Takes a text and a rate. Gives lines, and how far it is behind. Never sends part of a line, and
//! never forgets what it owes: after a pause it sends faster until it has caught up.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::text::Text;

/// Lines written at once: what the kernel's buffers take without waiting.
const LINES_AT_ONCE: u64 = 2_000;
/// How often a rate is looked after.
const PACE: Duration = Duration::from_millis(1);

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Lines a second; `None`: as fast as they are taken.
    pub rate: Option<u64>,
    /// Lines in all; `None`: until it is stopped.
    pub lines: Option<u64>,
}

/// A feed on its way, for whoever watches it.
#[derive(Debug)]
pub struct Feed {
    order: Order,
    sent: AtomicU64,
    stop: AtomicBool,
    started: Instant,
}

impl Feed {
    /// A feed that begins now.
    pub fn new(order: Order) -> Self {
        let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { order, sent, stop, started: Instant::now() }
    }

    /// Sends until all is sent, it is stopped or the connection ends.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn run(&self, text: &Text, to: &mut impl Write) -> std::io::Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let sent = self.sent();
            let due = self.due().min(self.order.lines.unwrap_or(u64::MAX));
            if sent >= due {
                if self.order.lines.is_some_and(|lines| sent >= lines) {
                    break;
                }
                std::thread::sleep(PACE);
                continue;
            }
            let (bytes, lines) = text.run(sent, LINES_AT_ONCE.min(due - sent));
            to.write_all(bytes)?;
            self.sent.store(sent + lines, Ordering::Relaxed);
        }
        to.flush()
    }

    /// Has it end after the lines it is just sending.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Lines that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How far it is behind its rate.
    pub fn behind(&self) -> Duration {
        let Some(rate) = self.order.rate else { return Duration::ZERO };
        let sent = Duration::from_secs_f64(self.sent() as f64 / rate as f64);
        self.started.elapsed().saturating_sub(sent)
    }

    fn due(&self) -> u64 {
        let Some(rate) = self.order.rate else { return u64::MAX };
        (self.started.elapsed().as_secs_f64() * rate as f64) as u64
    }
}
