//! Store: a data folder: which files it has, and the secret that opens its server.
//!
//! Takes a path. Gives the log, the shelf of jobs, the token and the server's address. Never makes
//! a folder where only reading is asked for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;
use super::batch_log::{BatchLog, LogReader};
use super::job_shelf::JobShelf;
use super::private_file;
use super::retention::Retention;
use super::version_shelf::VersionShelf;
use crate::sys::clock::Clock;
use crate::sys::entropy::Entropy;

const BATCH_LOG: &str = "batches.redb";
const JOB_SHELF: &str = "jobs.redb";
const VERSION_SHELF: &str = "versions.redb";
const COMPONENTS: &str = "components";
const TOKEN: &str = "token";
const SERVER: &str = "server";

/// A data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// The folder at that path, whether it is there or not.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it, for this user alone, where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self) -> Result<(), StoreError> {
        private_file::create_folder(&self.path)
    }

    /// Opens the batch log, or begins it.
    ///
    /// # Errors
    /// As [`BatchLog::open`].
    pub fn batch_log(
        &self,
        retention: Retention,
        clock: Arc<dyn Clock>,
    ) -> Result<BatchLog, StoreError> {
        BatchLog::open(&self.path.join(BATCH_LOG), retention, clock)
    }

    /// The batch log of a folder in which nobody writes.
    ///
    /// # Errors
    /// When there is none, or as [`LogReader::open`].
    pub fn read_batch_log(&self) -> Result<LogReader, StoreError> {
        let path = self.path.join(BATCH_LOG);
        if !private_file::exists(&path) {
            return Err(StoreError::NoLog { path: self.path.clone() });
        }
        LogReader::open(&path)
    }

    /// Opens the shelf of hosted jobs, or begins it.
    ///
    /// # Errors
    /// As [`JobShelf::open`].
    pub fn job_shelf(&self) -> Result<JobShelf, StoreError> {
        JobShelf::open(&self.path.join(JOB_SHELF))
    }

    /// The shelf of hosted jobs of a folder in which nobody writes; `None` where there is none.
    ///
    /// # Errors
    /// As [`JobShelf::open`].
    pub fn job_shelf_if_there(&self) -> Result<Option<JobShelf>, StoreError> {
        let is_there = private_file::exists(&self.path.join(JOB_SHELF));
        is_there.then(|| self.job_shelf()).transpose()
    }

    /// Opens the shelf of the versions that hosted jobs run, or begins it.
    ///
    /// # Errors
    /// As [`VersionShelf::open`].
    pub fn version_shelf(&self) -> Result<VersionShelf, StoreError> {
        VersionShelf::open(&self.path.join(VERSION_SHELF), &self.path.join(COMPONENTS))
    }

    /// The token of the folder's server; `None` where no server has run.
    ///
    /// # Errors
    /// When others may read it, or it cannot be read.
    pub fn token(&self) -> Result<Option<Token>, StoreError> {
        Ok(private_file::read(&self.path.join(TOKEN))?.map(Token))
    }

    /// The token of the folder's server, drawn where there is none.
    ///
    /// # Errors
    /// As [`Self::token`], and when it cannot be written.
    pub fn token_or_new(&self, entropy: &dyn Entropy) -> Result<Token, StoreError> {
        if let Some(token) = self.token()?.filter(|token| !token.0.is_empty()) {
            return Ok(token);
        }
        let digits: String = (0..4).map(|_| format!("{:016x}", entropy.next_u64())).collect();
        private_file::write(&self.path.join(TOKEN), &format!("{digits}\n"), entropy)?;
        Ok(Token(digits))
    }

    /// Where the token is kept.
    pub fn token_path(&self) -> PathBuf {
        self.path.join(TOKEN)
    }

    /// Where a server of this folder listens; `None` where none has said so.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn server(&self) -> Result<Option<SocketAddr>, StoreError> {
        let found = private_file::read(&self.path.join(SERVER))?;
        Ok(found.and_then(|address| address.parse().ok()))
    }

    /// Says where the server of this folder listens, until the answer is dropped.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn announce(
        &self,
        address: SocketAddr,
        entropy: &dyn Entropy,
    ) -> Result<Announced, StoreError> {
        let path = self.path.join(SERVER);
        private_file::write(&path, &format!("{address}\n"), entropy)?;
        Ok(Announced { path })
    }
}

/// The word by which a server knows who may command it.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The word, to be sent.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether that is the word. Digests are compared, which takes as long wherever they differ.
    pub fn is(&self, presented: &[u8]) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(presented)
    }
}

/// A server's address, told as long as it is held.
#[derive(Debug)]
pub struct Announced {
    path: PathBuf,
}

impl Drop for Announced {
    fn drop(&mut self) {
        private_file::remove(&self.path);
    }
}
