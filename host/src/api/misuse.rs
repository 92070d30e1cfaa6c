//! Api: calls that do not fit a context or its streams.
//!
//! Takes nothing. Gives the words for them. A method that gives a stream cannot give an error as
//! well: the first wrong call is kept, and the context's next `start`, `await_termination` or
//! `stop` gives it.

/// A wrong call of a method that gives a stream or adds an output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// The context was started or stopped before.
    #[error(
        "{what} was added after the context was started or stopped: sources, steps and outputs are \
         added before the start"
    )]
    Closed {
        /// What was added, such as ``a step `map` ``.
        what: String,
    },
    /// A stream belongs to another context.
    #[error("a step `{step}` brings together streams of different contexts")]
    OtherContext {
        /// The step.
        step: &'static str,
    },
    /// Streams are needed.
    #[error("a step `{step}` was given no stream, it needs one at least")]
    NoStreams {
        /// The step.
        step: &'static str,
    },
}
