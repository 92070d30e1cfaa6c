//! Cli: SIGINT and SIGTERM.
//!
//! Takes signals from the program's first moment on, and its job when there is one. Gives the job a
//! drain at the first signal; at the second, or without a job, the program ends. Never leaves
//! behind what was started to build a plugin.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidemill::driver::handle::JobControl;
use tidemill_guest_build::end_programs;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::display::Display;
use super::exit;

/// How long the last line may take.
const LAST_LINE_MAX: Duration = Duration::from_millis(200);
const ENDED: &str = "ended by a signal";
const SECOND_ENDS: &str = "signal: a second one ends at once";
const ENDED_AT_ONCE: &str = "ended at once: what was received and not published is dropped";

/// What signals are for.
#[derive(Debug)]
pub struct Signals {
    job: Arc<OnceLock<Job>>,
}

/// What a signal ends.
enum Job {
    One { control: JobControl, display: Arc<Display> },
    Many { end: Box<dyn Fn() + Send + Sync> },
}

impl Job {
    /// Has it end when it has worked off what was received.
    fn drain(&self) {
        match self {
            Self::One { control, .. } => control.drain(),
            Self::Many { end } => end(),
        }
    }

    /// Where it is shown, if it is.
    fn display(&self) -> Option<Arc<Display>> {
        match self {
            Self::One { display, .. } => Some(Arc::clone(display)),
            Self::Many { .. } => None,
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Signals {
    /// From now on the first signal drains the job.
    pub fn drain(&self, control: JobControl, display: &Arc<Display>) {
        // A program runs one job: there is no other yet.
        let _set = self.job.set(Job::One { control, display: Arc::clone(display) });
    }

    /// From now on the first signal calls this.
    pub fn end(&self, end: impl Fn() + Send + Sync + 'static) {
        let _set = self.job.set(Job::Many { end: Box::new(end) });
    }
}

/// Listens from now on.
///
/// # Errors
/// When the system lets nobody listen.
pub fn listen() -> std::io::Result<Signals> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let job = Arc::new(OnceLock::new());
    let signals = Signals { job: Arc::clone(&job) };
    let inside = runtime.enter();
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    drop(inside);
    let listener = std::thread::Builder::new().name("signals".to_owned());
    listener.spawn(move || runtime.block_on(obey(interrupt, terminate, &job)))?;
    Ok(signals)
}

async fn obey(mut interrupt: Signal, mut terminate: Signal, job: &OnceLock<Job>) {
    either(&mut interrupt, &mut terminate).await;
    let Some(job) = job.get() else {
        end_programs();
        leave(|| exit::tell(ENDED));
    };
    job.drain();
    let display = job.display();
    // Beside the second signal: whoever reads the output may take nothing any more.
    tokio::task::spawn_blocking(move || match display {
        Some(display) => display.say(SECOND_ENDS),
        None => exit::tell(SECOND_ENDS),
    });
    either(&mut interrupt, &mut terminate).await;
    let line_break = job.display().map_or("", |display| display.line_break());
    leave(move || exit::tell(&format!("{line_break}{ENDED_AT_ONCE}")));
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Ends the program, its last words said or not: they are not waited for longer than a terminal
/// needs.
#[expect(clippy::disallowed_methods, reason = "nothing is waited for any more")]
fn leave(say: impl FnOnce() + Send + 'static) -> ! {
    let (said, heard) = std::sync::mpsc::sync_channel::<()>(0);
    tokio::task::spawn_blocking(move || {
        say();
        drop(said);
    });
    let _said = heard.recv_timeout(LAST_LINE_MAX);
    std::process::exit(i32::from(exit::KILLED))
}
