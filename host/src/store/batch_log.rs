//! Store: the batch log of a data folder: a record of every batch of every job, pruned.
//!
//! Takes records from jobs, which never wait for it. Gives them to whoever asks, newest last. Never
//! keeps more than it may, by age and by bytes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use redb::{ReadOnlyTable, ReadableDatabase, TableError};

use super::StoreError;
use super::batch_record::BatchRecord;
use super::database::{Kind, Store, Syncs, guarded};
use super::log_tables::{BATCHES, BatchKey, parse};
use super::retention::Retention;
use super::writer::{Order, Writer};
use crate::limits::{BATCH_LOG_CACHE_BYTES, BATCHES_ASKED_MAX};
use crate::sys::clock::Clock;

/// Version 1 of the format: the three tables of `log_tables`, records in JSON.
const KIND: Kind = Kind {
    name: "batch log",
    version: "1",
    // Jobs without durability do not wait for a disk, and this is what is told of them.
    syncs: Syncs::Never,
    cache_bytes: BATCH_LOG_CACHE_BYTES,
};

/// Which batches of a job are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchQuery {
    /// At most so many, the newest.
    pub limit: usize,
    /// Only those before this time.
    pub before_ms: Option<i64>,
}

/// The batch log of a folder in which nobody writes.
#[derive(Debug)]
pub struct LogReader {
    store: Arc<Store>,
}

impl LogReader {
    /// Opens the log in that file. Nobody else may have it meanwhile.
    ///
    /// # Errors
    /// When another process has it, it is no batch log of this format, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: Arc::new(Store::open(path, KIND)?) })
    }

    /// Batches of a job, the oldest of them first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn batches(&self, job: &str, query: BatchQuery) -> Result<Vec<BatchRecord>, StoreError> {
        self.read(|store, table| {
            let before = query.before_ms.unwrap_or(i64::MAX);
            let range = (job, i64::MIN, i64::MIN)..(job, before, i64::MIN);
            let range = table.range::<BatchKey<'_>>(range).map_err(|error| store.failed(error))?;
            let mut found = Vec::new();
            for entry in range.rev().take(query.limit.min(BATCHES_ASKED_MAX)) {
                let (_, json) = entry.map_err(|error| store.failed(error))?;
                found.push(parse(store, json.value())?);
            }
            found.reverse();
            Ok(found)
        })
    }

    /// The jobs of which there are batches.
    ///
    /// # Errors
    /// As [`Self::batches`].
    pub fn jobs(&self) -> Result<Vec<String>, StoreError> {
        self.read(|store, table| {
            let (mut jobs, mut from) = (Vec::new(), String::new());
            loop {
                let range = (from.as_str(), i64::MIN, i64::MIN)..;
                let range = table.range::<BatchKey<'_>>(range);
                let mut range = range.map_err(|error| store.failed(error))?;
                let Some(entry) = range.next() else { return Ok(jobs) };
                let (key, _) = entry.map_err(|error| store.failed(error))?;
                let job = key.value().0.to_owned();
                // The least name after it.
                from = format!("{job}\0");
                jobs.push(job);
            }
        })
    }

    /// Reads the batches, of which there are none before the first is written.
    fn read<T: Default>(
        &self,
        look: impl FnOnce(&Store, &Batches) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let store = &*self.store;
        guarded(&store.path, || {
            let reading = store.database.begin_read().map_err(|error| store.failed(error))?;
            match reading.open_table(BATCHES) {
                Err(TableError::TableDoesNotExist(_)) => Ok(T::default()),
                opened => look(store, &opened.map_err(|error| store.failed(error))?),
            }
        })
    }
}

/// The table of batches, to be read.
type Batches = ReadOnlyTable<BatchKey<'static>, &'static [u8]>;

/// The batch log, open in this process and locked against others.
#[derive(Debug)]
pub struct BatchLog {
    writer: Writer,
    reader: LogReader,
    dropped: Arc<AtomicU64>,
}

impl BatchLog {
    /// Opens the log in that file, or begins it.
    ///
    /// # Errors
    /// As [`LogReader::open`], and when the system gives no thread.
    pub fn open(
        path: &Path,
        retention: Retention,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let reader = LogReader::open(path)?;
        let writer = Writer::start(Arc::clone(&reader.store), retention, clock);
        let failed = |source| {
            let action = "start the writer of";
            StoreError::File { action, path: path.to_owned(), source }
        };
        Ok(Self { writer: writer.map_err(failed)?, reader, dropped: Arc::default() })
    }

    /// Where a run of the job writes. What an earlier run of it left unended is ended.
    pub fn job(&self, job: &str, run_us: i64) -> JobLog {
        let queue = self.writer.queue();
        let log = JobLog { queue, dropped: Arc::clone(&self.dropped), run_us, job: job.to_owned() };
        log.send(Order::Begin { job: job.to_owned(), run_us });
        log
    }

    /// Batches of a job, the oldest of them first: all that was handed in before the call.
    ///
    /// # Errors
    /// When the file cannot be read, or is written no further.
    pub fn batches(&self, job: &str, query: BatchQuery) -> Result<Vec<BatchRecord>, StoreError> {
        self.flush()?;
        self.reader.batches(job, query)
    }

    /// The jobs of which there are batches.
    ///
    /// # Errors
    /// As [`Self::batches`].
    pub fn jobs(&self) -> Result<Vec<String>, StoreError> {
        self.flush()?;
        self.reader.jobs()
    }

    /// Records that were not written, because the disk was too slow or has failed.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed) + self.writer.dropped()
    }

    /// Returns when everything handed in before is written.
    ///
    /// # Errors
    /// When it is not.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.writer.flush(&self.reader.store.path)
    }
}

/// Where one run of a job writes its batches.
#[derive(Debug, Clone)]
pub struct JobLog {
    queue: SyncSender<Order>,
    dropped: Arc<AtomicU64>,
    job: String,
    run_us: i64,
}

impl JobLog {
    /// The job.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// When its run began, in microseconds since the epoch.
    pub fn run_us(&self) -> i64 {
        self.run_us
    }

    /// Writes a record, in place of an earlier one of the same batch. Nobody waits: what the queue
    /// has no room for is dropped and counted.
    pub fn put(&self, record: BatchRecord) {
        self.send(Order::Put(Box::new(record)));
    }

    fn send(&self, order: Order) {
        if self.queue.try_send(order).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
