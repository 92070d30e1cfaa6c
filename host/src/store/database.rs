//! Store: a database file: opened, known by its kind and format, and guarded against strangers.
//!
//! Takes a path and what the file is to be. Gives the database. Never lets a file that is not ours
//! be written, and never panics over one that was altered.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    BackendError, Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError,
    TableDefinition, TableError,
};

use super::StoreError;
use crate::error::panic_message;

/// What a database file is and in which format, in its own words.
const FORMAT: TableDefinition<&str, &str> = TableDefinition::new("format");
const KIND_KEY: &str = "kind";
const VERSION_KEY: &str = "version";

/// What a database file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// In words.
    pub(super) name: &'static str,
    /// The one format that this program reads and writes.
    pub(super) version: &'static str,
    /// Whether a commit waits for the disk.
    pub(super) syncs: Syncs,
    /// Memory for pages that are read again.
    pub(super) cache_bytes: usize,
}

/// When commits wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syncs {
    /// At each: they survive a loss of power.
    Always,
    /// Never. The system has every commit, in order, so that they survive a kill of this process
    /// at any moment. After a loss of power the file may be damaged, which is found when it is
    /// opened.
    Never,
}

/// An open database.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) path: PathBuf,
    pub(super) database: Database,
}

impl Store {
    /// Opens the file, or begins it.
    pub(super) fn open(path: &Path, kind: Kind) -> Result<Self, StoreError> {
        guarded(path, || Self::open_unguarded(path, kind))
    }

    fn open_unguarded(path: &Path, kind: Kind) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { action: "open", path: path.to_owned(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let foreign = || StoreError::Foreign { path: path.to_owned(), expected: kind.name };
        let backend = FileBackend::new(file).map_err(|error| open_error(path, error, foreign()))?;
        let backend = MaybeSynced { inner: backend, syncs: kind.syncs };
        let database = Builder::new()
            .set_cache_size(kind.cache_bytes)
            .set_check_integrity_on_open(true)
            .create_with_backend(backend)
            .map_err(|error| open_error(path, error, foreign()))?;
        let store = Self { path: path.to_owned(), database };
        store.check(kind)?;
        Ok(store)
    }

    /// A file without tables is new; any other says what it is.
    fn check(&self, kind: Kind) -> Result<(), StoreError> {
        let reading = self.database.begin_read().map_err(|error| self.failed(error))?;
        let mut tables = reading.list_tables().map_err(|error| self.failed(error))?;
        if tables.next().is_none() {
            drop(tables);
            return self.begin(kind);
        }
        let foreign = || StoreError::Foreign { path: self.path.clone(), expected: kind.name };
        let table = match reading.open_table(FORMAT) {
            Ok(table) => table,
            Err(TableError::Storage(error)) => return Err(self.failed(error)),
            Err(_) => return Err(foreign()),
        };
        let word = |key| -> Result<Option<String>, StoreError> {
            let found =
                redb::ReadableTable::get(&table, key).map_err(|error| self.failed(error))?;
            Ok(found.map(|word| word.value().to_owned()))
        };
        if word(KIND_KEY)?.as_deref() != Some(kind.name) {
            return Err(foreign());
        }
        let found = word(VERSION_KEY)?.unwrap_or_default();
        if found != kind.version {
            let (path, allowed) = (self.path.clone(), kind.version);
            return Err(StoreError::Version { path, found, allowed });
        }
        Ok(())
    }

    fn begin(&self, kind: Kind) -> Result<(), StoreError> {
        let writing = self.database.begin_write().map_err(|error| self.failed(error))?;
        {
            let mut table = writing.open_table(FORMAT).map_err(|error| self.failed(error))?;
            table.insert(KIND_KEY, kind.name).map_err(|error| self.failed(error))?;
            table.insert(VERSION_KEY, kind.version).map_err(|error| self.failed(error))?;
        }
        writing.commit().map_err(|error| self.failed(error))
    }

    /// The room's error for one of the database's.
    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        failed(&self.path, error)
    }
}

/// The room's error for one of the database's.
pub(super) fn failed(path: &Path, error: impl Into<redb::Error>) -> StoreError {
    let path = path.to_owned();
    match error.into() {
        redb::Error::Io(source) => StoreError::File { action: "use", path, source },
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { path },
        other => StoreError::Damaged { path, reason: other.to_string() },
    }
}

fn open_error(path: &Path, error: DatabaseError, foreign: StoreError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::InUse { path: path.to_owned() }
        }
        // It has not the mark that every database begins with.
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == ErrorKind::InvalidData =>
        {
            foreign
        }
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == ErrorKind::UnexpectedEof =>
        {
            StoreError::Damaged { path: path.to_owned(), reason: "it ends too early".to_owned() }
        }
        DatabaseError::UpgradeRequired(found) => StoreError::Damaged {
            path: path.to_owned(),
            reason: format!("its database format {found} is too old"),
        },
        error => failed(path, error),
    }
}

/// Does something with a file that may have been altered: the database trusts what it reads, and
/// a panic of it is told as damage.
pub(super) fn guarded<T>(
    path: &Path,
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(StoreError::Damaged { path: path.to_owned(), reason: panic_message(&*panic) })
    })
}

/// A file whose commits wait for the disk, or do not.
#[derive(Debug)]
struct MaybeSynced {
    inner: FileBackend,
    syncs: Syncs,
}

impl StorageBackend for MaybeSynced {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.syncs {
            Syncs::Always => self.inner.sync_data(),
            Syncs::Never => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
