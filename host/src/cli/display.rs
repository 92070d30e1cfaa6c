//! Cli: how a running job is shown: live lines on a terminal, log lines elsewhere.
//!
//! Takes events of the job. Gives lines on standard error, and a writer for standard output that
//! does not tear the live lines. Never shows more than a line a second where nobody watches.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidemill::driver::status_board::{Listener, StatusBoard};
use tidemill::model::status::{BatchInfo, BatchOutcome, JobEvent};

use super::exit;
use super::status_line::{Machine, status_parts};

/// How often a log line tells how a job stands, where there is no live line.
const LOG_EVERY_MS: i64 = 10_000;

/// Shows one job.
#[derive(Debug)]
pub struct Display {
    live: Option<ProgressBar>,
    machine: Machine,
    board: OnceLock<Weak<StatusBoard>>,
    last_logged_ms: Mutex<Option<i64>>,
}

impl Display {
    /// A live line if standard error is a terminal and nobody asked for plain lines.
    pub fn new(machine: Machine, plain: bool) -> Arc<Self> {
        let live = (!plain && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        let last_logged_ms = Mutex::new(None);
        Arc::new(Self { live, machine, board: OnceLock::new(), last_logged_ms })
    }

    /// What the job is to tell.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let display = Arc::clone(self);
        Box::new(move |event| display.hear(event))
    }

    /// Where the job's standing can be read, once it has started.
    pub fn watch(&self, board: &Arc<StatusBoard>) {
        // Set once: a display shows one job.
        let _set = self.board.set(Arc::downgrade(board));
    }

    /// Standard output, written around the live line.
    pub fn output(self: &Arc<Self>) -> Arc<Mutex<dyn Write + Send>> {
        Arc::new(Mutex::new(Around { display: Arc::clone(self) }))
    }

    /// One line on standard error.
    pub fn say(&self, line: &str) {
        match &self.live {
            Some(bar) => bar.suspend(|| exit::tell(line)),
            None => exit::tell(line),
        }
    }

    /// What begins a new line: the live line has no end.
    pub fn line_break(&self) -> &'static str {
        if self.live.is_some() { "\n" } else { "" }
    }

    /// Takes the live line away.
    pub fn end(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }

    fn hear(&self, event: &JobEvent) {
        match event {
            JobEvent::Started | JobEvent::BatchStarted(_) | JobEvent::Stopped => {}
            JobEvent::Draining => self.say("draining: what was received is worked off"),
            JobEvent::BatchEnded(batch) => self.batch(batch),
            JobEvent::SinkFailed { time, message, .. } => {
                self.say(&format!("batch {time} is not published everywhere: {message}"));
            }
            JobEvent::Source { source, message, .. } => {
                self.say(&format!("source `{source}`: {message}"));
            }
            JobEvent::GuestLog { plugin, level, message } => {
                self.say(&format!("{plugin} [{level}] {message}"));
            }
        }
    }

    fn batch(&self, batch: &BatchInfo) {
        if let BatchOutcome::Failed { message } = &batch.outcome {
            self.say(&format!("batch {} failed: {message}", batch.time));
        }
        if batch.rejected > 0 {
            self.say(&format!("batch {}: operators rejected {} rows", batch.time, batch.rejected));
        }
        let Some(board) = self.board.get().and_then(Weak::upgrade) else { return };
        let parts = || status_parts(batch, &board.snapshot(), self.machine);
        match &self.live {
            Some(bar) => bar.set_message(parts().join("\n")),
            None if self.log_is_due(batch) => exit::tell(&parts().join(" | ")),
            None => {}
        }
    }

    fn log_is_due(&self, batch: &BatchInfo) -> bool {
        let mut last = self.last_logged_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| batch.time.0 - last >= LOG_EVERY_MS);
        if due {
            *last = Some(batch.time.0);
        }
        due
    }
}

/// Standard output between two states of the live line.
struct Around {
    display: Arc<Display>,
}

impl Write for Around {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.display.live {
            Some(bar) => bar.suspend(|| io::stdout().write(bytes)),
            None => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// How long it took, for people.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
