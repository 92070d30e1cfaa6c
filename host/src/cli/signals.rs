//! Cli: SIGINT and SIGTERM.
//!
//! Takes a job's control. Gives it a drain at the first signal; at the second the program ends.

use tidemill::driver::engine::Engine;
use tidemill::driver::handle::JobControl;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit;

/// Listens from now on.
///
/// # Errors
/// When the system lets nobody listen.
#[expect(clippy::disallowed_methods, reason = "at the second signal nothing is waited for")]
pub fn listen(engine: &Engine, control: JobControl) -> std::io::Result<()> {
    let _runtime = engine.runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    engine.runtime.spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        eprintln!("draining: what was received is worked off; a second signal ends at once");
        control.drain();
        either(&mut interrupt, &mut terminate).await;
        eprintln!("ended at once: what was received and not published is dropped");
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
