//! Store: the tables of the batch log.
//!
//! Takes nothing. Gives their names and types, and records out of their bytes.

use redb::TableDefinition;

use super::StoreError;
use super::batch_record::BatchRecord;
use super::database::Store;

/// A job's name, a batch's time and the start of the job's run.
pub(super) type BatchKey<'a> = (&'a str, i64, i64);

/// Records in JSON.
pub(super) const BATCHES: TableDefinition<BatchKey<'static>, &[u8]> =
    TableDefinition::new("batches");
/// The same by time, to be pruned in this order, each with its bytes.
pub(super) const BY_TIME: TableDefinition<(i64, &str, i64), u64> = TableDefinition::new("by-time");
/// Sums over all records.
pub(super) const TOTALS: TableDefinition<&str, u64> = TableDefinition::new("totals");
/// The bytes of all records.
pub(super) const BYTES_KEY: &str = "bytes";

pub(super) fn parse(store: &Store, json: &[u8]) -> Result<BatchRecord, StoreError> {
    serde_json::from_slice(json).map_err(|error| StoreError::Damaged {
        path: store.path.clone(),
        reason: format!("a record cannot be read: {error}"),
    })
}
