//! Cli: how a running job is shown: live lines on a terminal, log lines elsewhere.
//!
//! Takes events of the job. Gives lines on standard error, and a writer for standard output that
//! does not tear the live lines. Never shows more than a line a second where nobody watches.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidemill::driver::error::{DriverError, JobFailure};
use tidemill::driver::status_board::{Listener, StatusBoard};
use tidemill::model::status::{BatchInfo, BatchOutcome, JobEvent};
use tidemill::model::telling::{Telling, failed};
use tidemill::model::time::BatchTime;

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
    failed: Mutex<Option<(BatchTime, String)>>,
    telling: Mutex<Telling>,
    quiet: bool,
}

impl Display {
    /// A live line if standard error is a terminal and nobody asked for plain lines.
    pub fn new(machine: Machine, plain: bool) -> Arc<Self> {
        Self::with_voice(machine, plain, false)
    }

    /// Tells what failed, and nothing else.
    pub fn quiet(machine: Machine) -> Arc<Self> {
        Self::with_voice(machine, true, true)
    }

    fn with_voice(machine: Machine, plain: bool, quiet: bool) -> Arc<Self> {
        let live = (!plain && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        let (last_logged_ms, failed) = (Mutex::new(None), Mutex::new(None));
        let (board, telling) = (OnceLock::new(), Mutex::default());
        Arc::new(Self { live, machine, board, last_logged_ms, failed, telling, quiet })
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

    /// One line on standard error, unless errors alone are told.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            self.warn(line);
        }
    }

    /// One line on standard error, whoever listens.
    pub fn warn(&self, line: &str) {
        match &self.live {
            Some(bar) => bar.suspend(|| exit::tell(line)),
            None => exit::tell(line),
        }
    }

    /// What begins a new line: the live line has no end.
    pub fn line_break(&self) -> &'static str {
        if self.live.is_some() { "\n" } else { "" }
    }

    /// Takes the live line away. A failure that ends the job is told by whoever waits for it, any
    /// other one here.
    pub fn end(&self, ended: Result<(), &DriverError>) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
        let last = self.lock_failed().take();
        let told = match ended {
            Err(DriverError::Failed(JobFailure::Batch { time, .. })) => Some(*time),
            _ => None,
        };
        if let Some((time, message)) = last.filter(|(time, _)| Some(*time) != told) {
            self.tell_failed(time, &message);
        }
    }

    fn tell_failed(&self, time: BatchTime, message: &str) {
        self.warn(&failed(time, message));
    }

    fn lock_failed(&self) -> MutexGuard<'_, Option<(BatchTime, String)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, event: &JobEvent) {
        match event {
            JobEvent::Started { .. } => {}
            JobEvent::BatchEnded(batch) => self.batch(batch),
            JobEvent::GuestLog { plugin, level, message } => {
                // Elsewhere the level stands beside the line.
                self.tell(*level == "error", &format!("{plugin} [{level}] {message}"));
            }
            JobEvent::Stopped => {
                let rest = self.lock_telling().rest();
                rest.iter().for_each(|told| self.tell(told.urgent, &told.text));
            }
            JobEvent::OutOfWindows { .. } => {
                let told = self.lock_telling().hear(event);
                told.iter().for_each(|told| self.say(&format!("warning: {}", told.text)));
            }
            other => {
                let told = self.lock_telling().hear(other);
                told.iter().for_each(|told| self.tell(told.urgent, &told.text));
            }
        }
    }

    fn lock_telling(&self) -> MutexGuard<'_, Telling> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, urgent: bool, line: &str) {
        if urgent { self.warn(line) } else { self.say(line) }
    }

    fn batch(&self, batch: &BatchInfo) {
        // Told when the job goes on: the last one may be why it ends.
        let before = self.lock_failed().take();
        if let Some((time, message)) = before {
            self.tell_failed(time, &message);
        }
        if let BatchOutcome::Failed { message } = &batch.outcome {
            *self.lock_failed() = Some((batch.time, message.clone()));
        }
        let rejected = self.lock_telling().batch(batch);
        rejected.iter().for_each(|told| self.tell(told.urgent, &told.text));
        let Some(board) = self.board.get().and_then(Weak::upgrade) else { return };
        let parts = || status_parts(batch, &board.snapshot(), self.machine);
        match &self.live {
            Some(bar) => bar.set_message(parts().join("\n")),
            None if !self.quiet && self.log_is_due(batch) => exit::tell(&parts().join(" | ")),
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
