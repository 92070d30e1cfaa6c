//! Set-up: looking again and again at what nobody tells, such as an answer over HTTP.
//!
//! Takes a look, and the words for what it looks for. Gives what it finds. Never burns a core
//! between two looks, and never looks without an end: a test that fails is to end.

use std::time::Duration;

use crossbeam_channel::{after, select, tick};

use crate::job_rig::PATIENCE;

/// Time between two looks: each costs the one who is looked at, which is to get on.
const PACE: Duration = Duration::from_millis(2);

/// Looks until something is found.
///
/// # Panics
/// When nothing is found for longer than a test waits.
#[track_caller]
pub fn patiently<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let (looks, over) = (tick(PACE), after(PATIENCE));
    loop {
        if let Some(found) = look() {
            return found;
        }
        select! {
            recv(looks) -> _ => {}
            recv(over) -> _ => panic!("it was waited {PATIENCE:?} in vain for: {what}"),
        }
    }
}
