//! Cli: SIGINT and SIGTERM.
//!
//! Takes a job's control. Gives it a drain at the first signal; at the second the program ends.

use std::sync::Arc;
use std::time::Duration;

use tidemill::driver::engine::Engine;
use tidemill::driver::handle::JobControl;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::display::Display;
use super::exit;

/// How long the last line may take.
const LAST_LINE_MAX: Duration = Duration::from_millis(200);
const ENDED_AT_ONCE: &str = "ended at once: what was received and not published is dropped";

/// Listens from now on.
///
/// # Errors
/// When the system lets nobody listen.
#[expect(clippy::disallowed_methods, reason = "at the second signal nothing is waited for")]
pub fn listen(engine: &Engine, control: JobControl, display: &Arc<Display>) -> std::io::Result<()> {
    let _runtime = engine.runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let display = Arc::clone(display);
    engine.runtime.spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        control.drain();
        let shown = Arc::clone(&display);
        // Beside the second signal: whoever reads the output may take nothing any more.
        tokio::task::spawn_blocking(move || shown.say("signal: a second one ends at once"));
        either(&mut interrupt, &mut terminate).await;
        // Nor is the last line waited for longer than a terminal needs.
        let (said, heard) = crossbeam_channel::bounded::<()>(0);
        tokio::task::spawn_blocking(move || {
            exit::tell(&format!("{}{ENDED_AT_ONCE}", display.line_break()));
            drop(said);
        });
        let _said = heard.recv_timeout(LAST_LINE_MAX);
        std::process::exit(i32::from(exit::KILLED));
    });
    Ok(())
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
