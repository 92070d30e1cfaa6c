//! Floor 1, error: whose fault a failure is, and whether trying again can help.
//!
//! Takes any room's error through [`Classify`]. Gives the two answers the scheduler reads. Never
//! names a room's own error type.

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domain {
    /// The job file, an argument or the data it names is wrong.
    User,
    /// A plugin trapped, went past a limit, or gave back something malformed.
    Plugin,
    /// The world outside: a network peer, a disk.
    External,
    /// A bug of Tidemill.
    Internal,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same input gives the same failure.
    Never,
    /// The cause may pass: wait and try again.
    Backoff,
    /// The input was lost: make it again, then try again.
    Recompute,
}

/// What the scheduler reads of an error.
pub trait Classify: std::error::Error + Send + Sync + 'static {
    /// Whose fault it is.
    fn domain(&self) -> Domain;
    /// Whether trying again can help.
    fn retry(&self) -> Retry;
}

/// The words of a panic, as far as it had some.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    words.unwrap_or_else(|| "it said nothing".to_owned())
}
