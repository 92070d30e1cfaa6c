//! Store: the one thread that writes the batch log, many records in one commit.
//!
//! Takes orders from a bounded queue. Gives an answer to those who wait for what was written. Never
//! holds a job up, and never writes two records of one batch where the last one is enough.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::StoreError;
use super::batch_record::BatchRecord;
use super::database::{Store, guarded};
use super::log_tables::{BATCHES, BY_TIME, BYTES_KEY, BatchKey, TOTALS, parse};
use super::retention::Retention;
use crate::limits::{
    BATCH_LOG_GATHER, BATCH_LOG_GROUP_MAX, BATCH_LOG_PRUNED_MAX, BATCH_LOG_QUEUE_MAX,
    CONCURRENT_JOBS_MAX,
};
use crate::sys::clock::{Clock, SystemClock};

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Order {
    /// A run of a job begins: what an earlier one left unended is ended.
    Begin {
        /// The job.
        job: String,
        /// Its run.
        run_us: i64,
    },
    /// Write this.
    Put(Box<BatchRecord>),
    /// Answer when everything before is written, or say why it is not.
    Flush(SyncSender<Option<String>>),
    /// Write what there is, and end.
    End,
}

/// The writing thread. Dropping it writes what is queued and joins it.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Order>,
    health: Arc<Health>,
    thread: Option<JoinHandle<()>>,
}

/// What has become of the log.
#[derive(Debug, Default)]
struct Health {
    dropped: AtomicU64,
    /// Why nothing is written any more: the database takes nothing after a write has failed.
    failure: Mutex<Option<String>>,
}

impl Health {
    fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Writer {
    pub(super) fn start(
        store: Arc<Store>,
        retention: Retention,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let (queue, orders) = sync_channel(BATCH_LOG_QUEUE_MAX);
        let health = Arc::new(Health::default());
        let told = Arc::clone(&health);
        let run = move || Work { store, retention, clock, health: told }.run(&orders);
        let thread = std::thread::Builder::new().name("batch-log".to_owned()).spawn(run)?;
        Ok(Self { queue, health, thread: Some(thread) })
    }

    pub(super) fn queue(&self) -> SyncSender<Order> {
        self.queue.clone()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.health.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn flush(&self, path: &Path) -> Result<(), StoreError> {
        let (sender, answer) = sync_channel(1);
        let sent = self.queue.send(Order::Flush(sender));
        let answered = sent.ok().and_then(|()| answer.recv().ok());
        let reason = match answered {
            Some(None) => return Ok(()),
            Some(Some(reason)) => reason,
            None => "its writer has ended".to_owned(),
        };
        Err(StoreError::Closed { path: path.to_owned(), reason })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _sent = self.queue.send(Order::End);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Orders that are carried out in one commit.
#[derive(Debug, Default)]
struct Group {
    begun: Vec<(String, i64)>,
    records: BTreeMap<(String, i64, i64), Box<BatchRecord>>,
    flushes: Vec<SyncSender<Option<String>>>,
    orders: usize,
    end: bool,
}

impl Group {
    fn take(&mut self, order: Order) {
        self.orders += 1;
        match order {
            Order::Begin { job, run_us } => {
                // What the earlier run has told comes after this in the commit.
                let earlier = self.records.values_mut();
                let earlier = earlier.filter(|it| it.job == job && it.run_us != run_us);
                earlier.filter(|it| it.end.is_none()).for_each(|it| it.lose());
                self.begun.push((job, run_us));
            }
            Order::Put(record) => {
                let key = (record.job.clone(), record.time_ms, record.run_us);
                self.records.insert(key, record);
            }
            Order::Flush(answer) => self.flushes.push(answer),
            Order::End => self.end = true,
        }
    }

    /// Whether more may come into it: nobody waits for its end.
    fn is_open(&self) -> bool {
        self.flushes.is_empty() && !self.end && self.orders < BATCH_LOG_GROUP_MAX
    }
}

struct Work {
    store: Arc<Store>,
    retention: Retention,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
}

impl Work {
    fn run(&self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let mut group = Group::default();
            group.take(first);
            let gathering = SystemClock::new();
            while group.is_open() {
                let gathered = Duration::from_micros(gathering.monotonic_us());
                let left = BATCH_LOG_GATHER.saturating_sub(gathered);
                let Ok(order) = orders.recv_timeout(left) else { break };
                group.take(order);
            }
            self.carry_out(&group);
            let failure = self.health.failure();
            for answer in group.flushes {
                // Whoever asked may have gone.
                let _sent = answer.send(failure.clone());
            }
            if group.end {
                return;
            }
        }
    }

    fn carry_out(&self, group: &Group) {
        if group.begun.is_empty() && group.records.is_empty() {
            return;
        }
        let lost = group.records.len() as u64;
        if self.health.failure().is_some() {
            self.health.dropped.fetch_add(lost, Ordering::Relaxed);
            return;
        }
        if let Err(error) = guarded(&self.store.path, || self.commit(group)) {
            tracing::error!("the batch log is written no further: {error}");
            self.health.dropped.fetch_add(lost, Ordering::Relaxed);
            let mut failure = self.health.failure.lock().unwrap_or_else(PoisonError::into_inner);
            *failure = Some(error.to_string());
        }
    }

    fn commit(&self, group: &Group) -> Result<(), StoreError> {
        let failed = |error: redb::Error| self.store.failed(error);
        let mut writing =
            self.store.database.begin_write().map_err(|error| failed(error.into()))?;
        // After a kill the file is opened without a walk through all of it.
        writing.set_quick_repair(true);
        {
            let mut tables = Tables::open(&self.store, &writing)?;
            for (job, run_us) in &group.begun {
                tables.lose_earlier(job, *run_us)?;
            }
            for record in group.records.values() {
                tables.put(record)?;
            }
            tables.prune(self.retention, self.clock.now_ms())?;
            tables.close()?;
        }
        writing.commit().map_err(|error| failed(error.into()))
    }
}

/// The tables of one transaction.
struct Tables<'t> {
    store: &'t Store,
    batches: Table<'t, BatchKey<'static>, &'static [u8]>,
    by_time: Table<'t, (i64, &'static str, i64), u64>,
    totals: Table<'t, &'static str, u64>,
    bytes: u64,
}

impl<'t> Tables<'t> {
    fn open(store: &'t Store, writing: &'t WriteTransaction) -> Result<Self, StoreError> {
        let batches = writing.open_table(BATCHES).map_err(|error| store.failed(error))?;
        let by_time = writing.open_table(BY_TIME).map_err(|error| store.failed(error))?;
        let totals = writing.open_table(TOTALS).map_err(|error| store.failed(error))?;
        let known = totals.get(BYTES_KEY).map_err(|error| store.failed(error))?;
        let bytes = known.map_or(0, |bytes| bytes.value());
        Ok(Self { store, batches, by_time, totals, bytes })
    }

    fn close(mut self) -> Result<(), StoreError> {
        let noted = self.totals.insert(BYTES_KEY, self.bytes);
        noted.map(drop).map_err(|error| self.store.failed(error))
    }

    fn put(&mut self, record: &BatchRecord) -> Result<(), StoreError> {
        let json = serde_json::to_vec(record).map_err(|error| StoreError::File {
            action: "write a record to",
            path: self.store.path.clone(),
            source: error.into(),
        })?;
        let (job, time_ms, run_us) = (record.job.as_str(), record.time_ms, record.run_us);
        let failed = |error: redb::StorageError| self.store.failed(error);
        let before = self.batches.insert((job, time_ms, run_us), json.as_slice());
        let before = before.map_err(failed)?.map_or(0, |json| json.value().len() as u64);
        let bytes = json.len() as u64;
        self.by_time.insert((time_ms, job, run_us), bytes).map_err(failed)?;
        self.bytes = self.bytes.saturating_sub(before) + bytes;
        Ok(())
    }

    /// Ends what earlier runs of a job left unended: at most the batches that may run at once.
    fn lose_earlier(&mut self, job: &str, run_us: i64) -> Result<(), StoreError> {
        let mut lost = Vec::new();
        {
            let failed = |error: redb::StorageError| self.store.failed(error);
            let range = (job, i64::MIN, i64::MIN)..=(job, i64::MAX, i64::MAX);
            let range = self.batches.range::<BatchKey<'_>>(range).map_err(failed)?;
            for entry in range.rev().take(CONCURRENT_JOBS_MAX) {
                let (_, json) = entry.map_err(failed)?;
                let record = parse(self.store, json.value())?;
                if record.end.is_none() && record.run_us != run_us {
                    lost.push(record);
                }
            }
        }
        for mut record in lost {
            record.lose();
            self.put(&record)?;
        }
        Ok(())
    }

    /// Removes the oldest, while there is too much or it is too old; the rest of it next time. The
    /// newest stays: one record may well have more bytes than all are to have.
    fn prune(&mut self, retention: Retention, now_ms: i64) -> Result<(), StoreError> {
        let age_ms = i64::try_from(retention.age_max.as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = now_ms.saturating_sub(age_ms);
        for _ in 0..BATCH_LOG_PRUNED_MAX {
            let failed = |error: redb::StorageError| self.store.failed(error);
            if self.by_time.len().map_err(failed)? <= 1 {
                break;
            }
            let first = {
                let entry = self.by_time.first().map_err(failed)?;
                entry.map(|(key, bytes)| {
                    let (time_ms, job, run_us) = key.value();
                    (time_ms, job.to_owned(), run_us, bytes.value())
                })
            };
            let Some((time_ms, job, run_us, bytes)) = first else { break };
            if time_ms >= oldest_ms && self.bytes <= retention.bytes_max {
                break;
            }
            self.by_time.remove((time_ms, job.as_str(), run_us)).map_err(failed)?;
            self.batches.remove((job.as_str(), time_ms, run_us)).map_err(failed)?;
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        Ok(())
    }
}
