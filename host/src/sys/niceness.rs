//! Sys: work that stands back behind batches.
//!
//! Takes work that no batch waits for. Gives what it gives. Never holds work up where a core is
//! idle, nor for ever where none is.

use std::io;
use std::panic::resume_unwind;

use rustix::process::nice;

/// How far work that stands back does so: it has a tenth of a core where all are busy, and all of
/// one where one is idle.
const NICENESS: i32 = 10;

/// From here on this thread stands back, for good, and so do those that it starts. (Linux counts
/// niceness by thread.) A system that does not let it be so has it go on as it is.
pub fn stand_back() {
    let _now = nice(NICENESS);
}

/// Has a thread of that name do the work and stand back, and waits for it. A panic goes on here.
///
/// # Errors
/// When the system gives no thread.
pub fn standing_back<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn_scoped(scope, || {
            stand_back();
            work()
        })?;
        thread.join().or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    /// The thread that asks, and waits, is as it was.
    #[test]
    fn work_stands_back_and_its_caller_does_not() {
        let niceness = || getpriority_process(None).expect("there is one");
        let before = niceness();
        let found = standing_back("work", niceness).expect("there is a thread");
        assert_eq!((found, niceness()), ((before + NICENESS).min(19), before));
    }

    #[test]
    #[should_panic(expected = "as it was said")]
    fn panic_goes_on_where_the_work_was_asked_for() {
        let _never = standing_back("work", || panic!("as it was said"));
    }
}
