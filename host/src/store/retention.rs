//! Store: how much of the batch log is kept.
//!
//! Takes nothing. Gives bounds, by age and by bytes.

use std::time::Duration;

use crate::limits::{BATCH_LOG_AGE_MAX, BATCH_LOG_BYTES_MAX};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The oldest batch, by its time.
    pub age_max: Duration,
    /// The bytes of all records.
    pub bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_max: BATCH_LOG_AGE_MAX, bytes_max: BATCH_LOG_BYTES_MAX }
    }
}
