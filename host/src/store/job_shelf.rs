//! Store: the jobs that a server hosts, with their files, for its next start.
//!
//! Takes a job as it was submitted. Gives all of them. Each change survives a loss of power.

use std::path::Path;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::database::{Kind, Store, Syncs, guarded};
use crate::limits::JOB_SHELF_CACHE_BYTES;

/// Jobs by name, in JSON.
const JOBS: TableDefinition<&str, &[u8]> = TableDefinition::new("jobs");

/// Version 1 of the format: the table above.
const KIND: Kind = Kind {
    name: "list of hosted jobs",
    version: "1",
    syncs: Syncs::Always,
    cache_bytes: JOB_SHELF_CACHE_BYTES,
};

/// A job as it was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelvedJob {
    /// Its name.
    pub name: String,
    /// How messages call its file.
    pub file_name: String,
    /// The folder that paths in it are taken from.
    pub folder: String,
    /// The text of the file.
    pub text: String,
    /// When it was submitted, in milliseconds since the epoch.
    pub submitted_ms: i64,
    /// Whether a server that starts is to start it: until it has ended, or was stopped.
    pub wanted: bool,
}

/// The shelf.
#[derive(Debug)]
pub struct JobShelf {
    store: Store,
}

impl JobShelf {
    /// Opens the shelf in that file, or begins it.
    ///
    /// # Errors
    /// When another process has it, it is no shelf of this format, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: Store::open(path, KIND)? })
    }

    /// Keeps a job, in place of an earlier one of its name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, job: &ShelvedJob) -> Result<(), StoreError> {
        guarded(&self.store.path, || {
            let failed = |error: redb::Error| self.store.failed(error);
            let json = serde_json::to_vec(job).map_err(|error| StoreError::File {
                action: "write a job to",
                path: self.store.path.clone(),
                source: error.into(),
            })?;
            let database = &self.store.database;
            let mut writing = database.begin_write().map_err(|error| failed(error.into()))?;
            writing.set_quick_repair(true);
            {
                let mut jobs = writing.open_table(JOBS).map_err(|error| failed(error.into()))?;
                let put = jobs.insert(job.name.as_str(), json.as_slice());
                put.map_err(|error| failed(error.into()))?;
            }
            writing.commit().map_err(|error| failed(error.into()))
        })
    }

    /// Notes that a job is not to be started again.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn end(&self, name: &str) -> Result<(), StoreError> {
        match self.all()?.into_iter().find(|job| job.name == name && job.wanted) {
            Some(job) => self.put(&ShelvedJob { wanted: false, ..job }),
            None => Ok(()),
        }
    }

    /// All jobs, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(&self) -> Result<Vec<ShelvedJob>, StoreError> {
        guarded(&self.store.path, || {
            let failed = |error: redb::Error| self.store.failed(error);
            let reading = self.store.database.begin_read().map_err(|error| failed(error.into()))?;
            let table = match reading.open_table(JOBS) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                opened => opened.map_err(|error| failed(error.into()))?,
            };
            let mut jobs = Vec::new();
            for entry in table.iter().map_err(|error| failed(error.into()))? {
                let (_, json) = entry.map_err(|error| failed(error.into()))?;
                let job = serde_json::from_slice(json.value());
                jobs.push(job.map_err(|error| StoreError::Damaged {
                    path: self.store.path.clone(),
                    reason: format!("a job cannot be read: {error}"),
                })?);
            }
            Ok(jobs)
        })
    }
}
