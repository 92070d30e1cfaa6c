//! Store: which versions of plugins each hosted job ran last, what it may go back to, and what it
//! is not to run again.
//!
//! Takes the versions of a job. Gives those of all. Each change survives a loss of power.

use std::collections::BTreeMap;
use std::path::Path;

use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::component_folder::ComponentFolder;
use super::database::{Kind, Syncs};
use super::json_table::JsonTable;
use crate::limits::JOB_SHELF_CACHE_BYTES;

/// Versions by job, in JSON.
const VERSIONS: TableDefinition<&str, &[u8]> = TableDefinition::new("versions");

/// Version 1 of the format: the table above, and a file for each component beside it.
const KIND: Kind = Kind {
    name: "list of versions of hosted jobs",
    version: "1",
    syncs: Syncs::Always,
    cache_bytes: JOB_SHELF_CACHE_BYTES,
};

/// A version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelvedVersion {
    /// The blake3 digest of its component.
    pub digest: String,
    /// What its author calls it.
    pub version: String,
}

/// Versions by the plugins' names in the job.
pub type ShelvedPlugins = BTreeMap<String, ShelvedVersion>;

/// A version that a job is not to run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelvedQuarantine {
    /// The plugin's name in the job.
    pub plugin: String,
    /// The version.
    pub version: ShelvedVersion,
    /// What it did.
    pub reason: String,
}

/// The versions of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelvedVersions {
    /// The job.
    pub job: String,
    /// When the job was submitted whose versions they are: another job of its name has others.
    pub submitted_ms: i64,
    /// What it ran when it was submitted; nothing in what earlier releases wrote.
    #[serde(default)]
    pub submitted: ShelvedPlugins,
    /// What it ran last.
    pub plugins: ShelvedPlugins,
    /// What a rollback goes back to.
    pub previous: Option<ShelvedPlugins>,
    /// What is not to run again, the oldest first.
    pub quarantined: Vec<ShelvedQuarantine>,
}

/// The shelf, with the components of what is on it.
#[derive(Debug)]
pub struct VersionShelf {
    versions: JsonTable,
    /// The components.
    pub components: ComponentFolder,
}

impl VersionShelf {
    /// Opens the shelf in that file with the components in that folder, or begins them.
    ///
    /// # Errors
    /// When another process has it, it is no shelf of this format, or it is damaged.
    pub(super) fn open(path: &Path, components: &Path) -> Result<Self, StoreError> {
        let versions = JsonTable::open(path, KIND, VERSIONS)?;
        Ok(Self { versions, components: ComponentFolder::open(components.to_owned())? })
    }

    /// Keeps the versions of a job, in place of earlier ones.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put(&self, versions: &ShelvedVersions) -> Result<(), StoreError> {
        self.versions.put(&versions.job, versions)
    }

    /// Forgets the versions of a job.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn remove(&self, job: &str) -> Result<(), StoreError> {
        self.versions.remove(job)
    }

    /// The versions of all jobs.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(&self) -> Result<Vec<ShelvedVersions>, StoreError> {
        self.versions.all()
    }
}
