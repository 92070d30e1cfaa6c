//! Rows that an operator refuses.
//!
//! Takes a code and a message of the author's. Gives them to the host with row and step. Never
//! fails the call: what becomes of refused rows is the job's decision.

use std::fmt;

/// Why an operator refuses a row: return it as the error of a `Result`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// A stable word, for counting and for rules.
    pub code: String,
    /// A sentence, for people.
    pub message: String,
}

impl Reject {
    /// Refuses a row for the reason.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Reject {}

/// One refused row of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its index in the call's input.
    pub row: u32,
    /// The step of the chain that refused it.
    pub step: u32,
    /// A stable word.
    pub code: String,
    /// A sentence.
    pub message: String,
}
