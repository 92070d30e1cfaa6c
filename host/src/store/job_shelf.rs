//! Store: the jobs that a server hosts, with their files, for its next start.
//!
//! Takes a job as it was submitted. Gives all of them. Each change survives a loss of power.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::database::{Kind, Syncs};
use super::json_table::JsonTable;
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
    jobs: JsonTable,
    /// An end reads before it writes: no job is to be put in between.
    one: Mutex<()>,
}

impl JobShelf {
    /// Opens the shelf in that file, or begins it.
    ///
    /// # Errors
    /// When another process has it, it is no shelf of this format, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { jobs: JsonTable::open(path, KIND, JOBS)?, one: Mutex::default() })
    }

    /// Keeps a job, in place of an earlier one of its name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, job: &ShelvedJob) -> Result<(), StoreError> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        self.jobs.put(&job.name, job)
    }

    /// Notes that a job is not to be started again, if it is the one that was submitted then.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn end(&self, name: &str, submitted_ms: i64) -> Result<(), StoreError> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        match self.get(name)?.filter(|job| job.submitted_ms == submitted_ms && job.wanted) {
            Some(job) => self.jobs.put(&job.name, &ShelvedJob { wanted: false, ..job.clone() }),
            None => Ok(()),
        }
    }

    /// Forgets a job. Gives it, if it was there.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn remove(&self, name: &str) -> Result<Option<ShelvedJob>, StoreError> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.get(name)?;
        if found.is_some() {
            self.jobs.remove(name)?;
        }
        Ok(found)
    }

    /// The job of a name, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<ShelvedJob>, StoreError> {
        Ok(self.all()?.into_iter().find(|job| job.name == name))
    }

    /// All jobs, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(&self) -> Result<Vec<ShelvedJob>, StoreError> {
        self.jobs.all()
    }
}
