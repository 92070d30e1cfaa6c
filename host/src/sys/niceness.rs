//! Sys: work that stands back behind batches.
//!
//! Takes work that no batch waits for. Gives what it gives. Never holds work up where a core is
//! idle, nor for ever where none is.

use std::io;
use std::panic::resume_unwind;

use rustix::process::{getpriority_process, setpriority_process};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::limits::NICENESS_BEHIND_BATCHES;

/// From here on this thread stands back, for good, and so do those that it starts, also as
/// processes. (Linux counts niceness by thread.) One that stands back already, or farther, stays
/// where it is. A system that does not let it be so has it go on as it is.
pub fn stand_back() {
    if getpriority_process(None).is_ok_and(|now| now < NICENESS_BEHIND_BATCHES) {
        let _set = setpriority_process(None, NICENESS_BEHIND_BATCHES);
    }
}

/// From here on this thread, and those that it starts, runs only where nobody else wants the core,
/// for good: a system lets nobody come back from there who may not do anything. Whoever wakes goes
/// first at once; one that stood back would have to be waited for till its slice ends, which is as
/// long as a short batch takes. A system that does not let it be so has it go on as it is.
///
/// Holds nothing that batches wait for: with no core idle it may not run at all.
pub fn stand_aside() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let _set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
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
    use super::*;

    /// The thread that asks, and waits, is as it was.
    #[test]
    fn work_stands_back_and_its_caller_does_not() {
        let niceness = || getpriority_process(None).expect("there is one");
        let before = niceness();
        let found = standing_back("work", niceness).expect("there is a thread");
        assert_eq!((found, niceness()), (before.max(NICENESS_BEHIND_BATCHES), before));
    }

    /// Whoever comes from there may not come back: it is a thread of its own.
    #[test]
    fn who_stands_aside_runs_where_nobody_else_does() {
        let policy = std::thread::spawn(|| {
            stand_aside();
            thread_priority::thread_schedule_policy()
        });
        let policy = policy.join().expect("it does not panic").expect("there is one");
        assert_eq!(policy, ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle));
    }

    /// The story: a swap's thread stands back, and the compiler that it starts did so once more: it
    /// had a seventieth of a busy core, and the time that it is given is for a tenth.
    #[test]
    fn who_stands_back_twice_does_so_once() {
        let found = standing_back("work", || {
            stand_back();
            getpriority_process(None).expect("there is one")
        });
        let before = getpriority_process(None).expect("there is one");
        assert_eq!(found.expect("there is a thread"), before.max(NICENESS_BEHIND_BATCHES));
    }

    #[test]
    #[should_panic(expected = "as it was said")]
    fn panic_goes_on_where_the_work_was_asked_for() {
        let _never = standing_back("work", || panic!("as it was said"));
    }
}
