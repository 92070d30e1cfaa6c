//! Floor 4, batch: when a batch is due, and how fast the next ones may fill.
//!
//! Takes what time it is, and how batches went. Gives batch times and rates. Never asks for the
//! time itself.

pub mod clock;
pub mod rate;

use crate::error::{Classify, Domain, Retry};

/// Why no rates can be estimated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The estimator was given what it cannot work with.
    #[error("rates cannot be estimated: {0}")]
    Rates(String),
}

impl Classify for BatchError {
    fn domain(&self) -> Domain {
        Domain::User
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}
