//! What operators tell the host: log lines and counters.
//!
//! Takes lines and counts. Gives them to the host in a plugin; natively to standard error and to
//! the thread that asks. Never fails an operator.

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// Worth knowing when looking for a fault.
    Debug,
}

/// Writes a formatted line to the job's log: `log!("{n} fields")`, or with a [`Level`] before it:
/// `log!(Warn, "{n} fields")`. Without one it is `Info`.
#[macro_export]
macro_rules! log {
    (Error, $($message:tt)+) => { $crate::log!(@ Error, $($message)+) };
    (Warn, $($message:tt)+) => { $crate::log!(@ Warn, $($message)+) };
    (Info, $($message:tt)+) => { $crate::log!(@ Info, $($message)+) };
    (Debug, $($message:tt)+) => { $crate::log!(@ Debug, $($message)+) };
    (@ $level:ident, $($message:tt)+) => {
        $crate::host::log($crate::host::Level::$level, &::std::format!($($message)+))
    };
    ($level:ident, $($message:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "`", ::core::stringify!($level), "` is no level of `log!`: write Error, Warn, Info or ",
            "Debug, or leave it out, which is Info"
        ))
    };
    ($($message:tt)+) => { $crate::log!(@ Info, $($message)+) };
}

#[cfg(target_family = "wasm")]
mod sandboxed {
    use super::Level;
    use crate::bindings::tidemill::plugin::host;

    /// Writes a line to the job's log.
    pub fn log(level: Level, message: &str) {
        let level = match level {
            Level::Error => host::Level::Error,
            Level::Warn => host::Level::Warn,
            Level::Info => host::Level::Info,
            Level::Debug => host::Level::Debug,
        };
        host::log(level, message);
    }

    /// Adds to a counter of the job: see [`Context::counter`](crate::context::Context::counter).
    pub fn counter(name: &str, delta: u64) {
        host::counter(name, delta);
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::Level;

    /// Counters that a thread keeps; further names are dropped, as a host does.
    const COUNTERS_MAX: usize = 256;

    thread_local! {
        static COUNTED: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Writes a line to standard error.
    pub fn log(level: Level, message: &str) {
        eprintln!("{level:?}: {message}");
    }

    /// Adds to a counter of this thread.
    pub fn counter(name: &str, delta: u64) {
        COUNTED.with_borrow_mut(|counted| {
            if let Some(count) = counted.get_mut(name) {
                *count = count.saturating_add(delta);
            } else if counted.len() < COUNTERS_MAX {
                counted.insert(name.to_owned(), delta);
            }
        });
    }

    /// Takes everything that operators counted on this thread so far.
    pub fn take_counted() -> BTreeMap<String, u64> {
        COUNTED.take()
    }

    /// Takes what operators counted under that name on this thread so far.
    pub fn counted(name: &str) -> u64 {
        COUNTED.with_borrow_mut(|counted| counted.remove(name).unwrap_or_default())
    }
}

#[cfg(not(target_family = "wasm"))]
pub use native::{counted, counter, log, take_counted};
#[cfg(target_family = "wasm")]
pub use sandboxed::{counter, log};

#[cfg(test)]
mod tests {
    #[test]
    fn log_lines_have_a_level_or_none() {
        let fields = 3;
        log!("no field");
        log!("{fields} fields");
        log!("{} fields of {}", fields, 4);
        log!(Error, "no field");
        log!(Warn, "{fields} fields");
        log!(Debug, "{} fields of {}", fields, 4);
    }
}
