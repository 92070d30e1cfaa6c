//! Driver: the last batches of a job with all that running them again takes.
//!
//! Takes batches that have ended. Gives them by their times, and says since when none is missing.
//! Never holds more of them, nor more bytes, than the job's settings say; those without rows, which
//! windows want as well, stand beside the others and take no place of theirs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;

use super::job_version::SharedVersion;
use super::retaining::Retaining;
use crate::limits::{RETAINED_INPUT_BYTES_DEFAULT, RETAINED_INPUTS_DEFAULT, RETAINED_INPUTS_MAX};
use crate::model::broadcast::Broadcasts;
use crate::model::id::{SinkId, SourceId};
use crate::model::output_measure::OutputMeasure;
use crate::model::pipeline::JobSettings;
use crate::model::replay::RetainedSizes;
use crate::model::time::BatchTime;
use crate::version::admission::TooFew;

/// The datasets of sources, by partition.
pub type SourceDatasets = BTreeMap<SourceId, Vec<Vec<RecordBatch>>>;

/// A batch that can be run again.
#[derive(Debug)]
pub struct RetainedBatch {
    /// Its time.
    pub time: BatchTime,
    /// What its tasks read. A source that is missing had no dataset.
    pub sources: SourceDatasets,
    /// Rows of that.
    pub rows: u64,
    /// The memory that it holds.
    pub bytes: usize,
    /// The versions of broadcasts that it read.
    pub broadcasts: Broadcasts,
    /// What its tasks ran.
    pub version: SharedVersion,
    /// What its sinks were given, where that was measured.
    pub given: BTreeMap<SinkId, OutputMeasure>,
    /// CPU time of its tasks.
    pub cpu: Duration,
    /// Rows that were taken out because calls failed with them.
    pub poison: u64,
}

/// The batches of one job.
#[derive(Debug)]
pub struct RetainedInputs {
    batches_max: usize,
    bytes_max: usize,
    /// On how many of the batches new versions are tried.
    tried_max: usize,
    last: Mutex<Last>,
}

/// The batches of which none is missing, as windows see them.
#[derive(Debug, Default)]
pub struct Unbroken {
    /// The oldest first; `None`: it has failed, and left nothing.
    pub batches: BTreeMap<BatchTime, Option<Arc<RetainedBatch>>>,
    /// The newest batch before them that is missing, if there was one.
    pub after: Option<BatchTime>,
    /// The newest batch that is missing because rows were fed back to it, if there was one.
    pub fed: Option<BatchTime>,
    /// The newest batch that has ended.
    pub newest: Option<BatchTime>,
}

#[derive(Debug, Default)]
struct Last {
    batches: VecDeque<Arc<RetainedBatch>>,
    /// Batches that have failed.
    failed: VecDeque<BatchTime>,
    /// The newest that has ended.
    newest: Option<BatchTime>,
    /// The newest of those that are not there any more, or never were.
    missing: Option<BatchTime>,
    /// The newest that rows were fed back to.
    fed: Option<BatchTime>,
    /// The newest that was too large, with its bytes.
    too_large: Option<(BatchTime, usize)>,
    has_ended: bool,
}

impl RetainedInputs {
    /// Nothing yet, of as many batches and bytes as the settings say. Where they say nothing of
    /// batches, windows look back to so many before the newest.
    pub fn new(settings: &JobSettings, looked_back_to: usize) -> Self {
        let tried_max = settings.retained_inputs.unwrap_or(RETAINED_INPUTS_DEFAULT);
        let for_windows = looked_back_to.min(RETAINED_INPUTS_MAX).max(tried_max);
        Self {
            batches_max: settings.retained_inputs.unwrap_or(for_windows),
            bytes_max: settings.retained_input_bytes,
            tried_max,
            last: Mutex::default(),
        }
    }

    /// Nothing, for ever.
    pub fn none() -> Self {
        Self { batches_max: 0, bytes_max: 0, tried_max: 0, last: Mutex::default() }
    }

    /// What retains the inputs of a batch that begins, if any are, or if they are wanted once.
    pub fn begin(&self, wanted_once: bool) -> Option<Arc<Retaining>> {
        let retains = self.batches_max > 0 && self.bytes_max > 0;
        let once = wanted_once.then_some(RETAINED_INPUT_BYTES_DEFAULT);
        retains.then_some(self.bytes_max).or(once).map(Retaining::up_to)
    }

    /// Retains a batch, and lets go of the oldest.
    pub fn put(&self, batch: Arc<RetainedBatch>) {
        let mut last = self.last();
        last.newest = Some(batch.time);
        last.batches.push_back(batch);
        let mut gone = Vec::new();
        // Each kind has its own places, so that idle times do not drive out the batches with rows.
        for idle in [false, true] {
            let is_one = |batch: &Arc<RetainedBatch>| (batch.rows == 0) == idle;
            while last.batches.iter().filter(|batch| is_one(batch)).count() > self.batches_max {
                let oldest = last.batches.iter().position(is_one);
                gone.extend(oldest.and_then(|oldest| last.batches.remove(oldest)));
            }
        }
        while bytes_of(&last.batches) > self.bytes_max {
            gone.extend(last.batches.pop_front());
        }
        last.missing = last.missing.max(gone.iter().map(|batch| batch.time).max());
        drop(last);
        // Large ones take their time to go: nobody waits for that.
        drop(gone);
    }

    /// Notes a batch that was too large.
    pub fn left_out(&self, time: BatchTime, bytes: usize) {
        self.last().too_large = Some((time, bytes));
        self.missing(time);
    }

    /// Notes a batch that rows were fed back to, which nobody could read again.
    pub fn fed(&self, time: BatchTime) {
        self.last().fed = Some(time);
        self.missing(time);
    }

    /// Notes a batch that cannot be run again.
    pub fn missing(&self, time: BatchTime) {
        let mut last = self.last();
        (last.newest, last.missing) = (Some(time), last.missing.max(Some(time)));
    }

    /// Notes a batch that has failed.
    pub fn failed(&self, time: BatchTime) {
        let mut last = self.last();
        last.newest = Some(time);
        last.failed.push_back(time);
        while last.failed.len() > self.batches_max {
            last.missing = last.missing.max(last.failed.pop_front());
        }
    }

    /// The newest batches of which none is missing.
    pub fn unbroken(&self) -> Unbroken {
        let last = self.last();
        let failed = last.failed.iter().map(|time| (*time, None));
        let all = last.batches.iter().map(|batch| (batch.time, Some(Arc::clone(batch))));
        let unbroken = failed.chain(all).filter(|(time, _)| last.missing < Some(*time));
        Unbroken {
            batches: unbroken.collect(),
            after: last.missing,
            fed: last.fed,
            newest: last.newest,
        }
    }

    /// Lets go of all of them: the job has ended, and who holds its handle may do so for long.
    pub fn clear(&self) {
        let ended = Last { has_ended: true, ..Last::default() };
        let gone = std::mem::replace(&mut *self.last(), ended);
        drop(gone);
    }

    /// Whether the job has ended.
    pub fn has_ended(&self) -> bool {
        self.last().has_ended
    }

    /// The batches with rows, the oldest first.
    pub fn batches(&self) -> Vec<Arc<RetainedBatch>> {
        self.last().batches.iter().filter(|batch| batch.rows > 0).cloned().collect()
    }

    /// The newest batches with rows on which new versions are tried, the oldest first.
    pub fn to_try(&self) -> Vec<Arc<RetainedBatch>> {
        let mut batches = self.batches();
        batches.split_off(batches.len().saturating_sub(self.tried_max))
    }

    /// What keeps the batches to which windows look back from being retained.
    pub fn too_few_for(&self, needed: usize) -> TooFew {
        match self.batches_max < needed {
            true => TooFew::Batches(self.batches_max),
            false => TooFew::Bytes(self.bytes_max),
        }
    }

    /// How much is retained.
    pub fn sizes(&self) -> RetainedSizes {
        let last = self.last();
        RetainedSizes {
            batches: last.batches.iter().filter(|batch| batch.rows > 0).count(),
            bytes: bytes_of(&last.batches),
            too_large: last.too_large,
        }
    }

    /// Why there are none, or not as many as are asked for.
    pub fn told(&self) -> Option<String> {
        let sizes = self.sizes();
        if self.has_ended() {
            return Some("the job has ended".to_owned());
        }
        if self.batches_max == 0 || self.bytes_max == 0 {
            return Some(
                "no inputs are retained: `retained_inputs` says of how many batches they are"
                    .to_owned(),
            );
        }
        if let Some((time, bytes)) = sizes.too_large {
            return Some(format!(
                "batch {} is not retained: its inputs hold {bytes} bytes, `retained_input_bytes` \
                 allows {}",
                time.of_day(),
                self.bytes_max
            ));
        }
        (sizes.batches == 0).then(|| "no batch with rows has succeeded yet".to_owned())
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of batches with the versions of broadcasts that the newest does not read: those are held
/// for them alone.
fn bytes_of(batches: &VecDeque<Arc<RetainedBatch>>) -> usize {
    let Some(newest) = batches.back() else { return 0 };
    let mut seen: Vec<_> = newest.broadcasts.all().map(|(_, version)| version).collect();
    let mut bytes = 0;
    for batch in batches {
        bytes += batch.bytes;
        for (_, version) in batch.broadcasts.all() {
            if !seen.iter().any(|known| Arc::ptr_eq(known, version)) {
                bytes += version.rows().get_array_memory_size();
                seen.push(version);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::job_version::JobVersion;
    use crate::model::broadcast::BroadcastVersion;
    use crate::model::schema::StreamSchema;
    use crate::model::stage::JobPlan;

    fn retained(batches: usize, bytes: usize) -> RetainedInputs {
        let settings = JobSettings {
            retained_inputs: Some(batches),
            retained_input_bytes: bytes,
            ..JobSettings::default()
        };
        RetainedInputs::new(&settings, 100)
    }

    fn batch(second: i64, bytes: usize, broadcasts: Broadcasts) -> Arc<RetainedBatch> {
        let plan = JobPlan { stages: Vec::new(), sinks: Vec::new() };
        Arc::new(RetainedBatch {
            time: BatchTime(second * 1000),
            sources: SourceDatasets::new(),
            rows: 1,
            bytes,
            broadcasts,
            version: JobVersion::without_plugins(plan, Vec::new()),
            given: BTreeMap::new(),
            cpu: Duration::ZERO,
            poison: 0,
        })
    }

    fn seconds(retained: &RetainedInputs) -> Vec<i64> {
        retained.batches().iter().map(|batch| batch.time.0 / 1000).collect()
    }

    #[test]
    fn oldest_goes_when_batches_or_bytes_are_too_many() {
        let retained = retained(3, 100);
        for second in 1..=4 {
            retained.put(batch(second, 20, Broadcasts::default()));
        }
        assert_eq!(seconds(&retained), [2, 3, 4]);
        retained.put(batch(5, 70, Broadcasts::default()));
        assert_eq!(seconds(&retained), [4, 5], "20 and 70 are within 100");
        assert_eq!(retained.sizes().bytes, 90);
        retained.clear();
        assert_eq!((retained.sizes().batches, retained.sizes().bytes), (0, 0));
        assert_eq!(retained.told().as_deref(), Some("the job has ended"));
    }

    /// The story: windows of more than three batches could not be swapped unless somebody had set
    /// `retained_inputs`, which was told at the swap.
    #[test]
    fn as_many_are_retained_as_windows_look_back_to_and_fewer_are_tried() {
        let retained = RetainedInputs::new(&JobSettings::default(), 5);
        for second in 1..=7 {
            retained.put(batch(second, 20, Broadcasts::default()));
        }
        assert_eq!(seconds(&retained), [3, 4, 5, 6, 7]);
        let tried: Vec<i64> = retained.to_try().iter().map(|batch| batch.time.0 / 1000).collect();
        assert_eq!(tried, [5, 6, 7]);
        assert_eq!(retained.too_few_for(5), TooFew::Bytes(RETAINED_INPUT_BYTES_DEFAULT));
        assert_eq!(retained.too_few_for(6), TooFew::Batches(5));
        let none = RetainedInputs::new(&JobSettings::default(), 0);
        for second in 1..=4 {
            none.put(batch(second, 20, Broadcasts::default()));
        }
        assert_eq!(seconds(&none), [2, 3, 4]);
    }

    /// Windows see batches without rows and those that failed: a swap makes them again.
    #[test]
    fn batches_without_rows_take_no_places_and_what_is_missing_breaks_the_row() {
        let retained = retained(2, 100);
        let idle = |second| {
            let batch = batch(second, 0, Broadcasts::default());
            Arc::new(RetainedBatch { rows: 0, ..Arc::into_inner(batch).expect("nobody else's") })
        };
        let unbroken = |retained: &RetainedInputs| -> Vec<i64> {
            retained.unbroken().batches.keys().map(|time| time.0 / 1000).collect()
        };
        retained.put(batch(1, 20, Broadcasts::default()));
        retained.put(idle(2));
        retained.failed(BatchTime(3000));
        retained.put(idle(4));
        assert_eq!((unbroken(&retained), seconds(&retained)), (vec![1, 2, 3, 4], vec![1]));
        retained.put(idle(5));
        assert_eq!((unbroken(&retained), seconds(&retained)), (vec![3, 4, 5], vec![1]));
        retained.missing(BatchTime(6000));
        retained.put(batch(7, 20, Broadcasts::default()));
        assert_eq!((unbroken(&retained), seconds(&retained)), (vec![7], vec![1, 7]));
        assert_eq!(retained.unbroken().newest, Some(BatchTime(7000)));
        assert_eq!(retained.unbroken().after, Some(BatchTime(6000)));
        assert_eq!(retained.unbroken().fed, None);
        retained.fed(BatchTime(8000));
        let told = retained.unbroken();
        assert_eq!((told.after, told.fed), (Some(BatchTime(8000)), Some(BatchTime(8000))));
    }

    #[test]
    fn replaced_versions_of_broadcasts_count_with_the_batches_that_hold_them() {
        let retained = retained(3, 100);
        let version = || {
            let version = BroadcastVersion::new("b", &StreamSchema::default(), &[]);
            Arc::new(version.expect("no rows are no harm"))
        };
        let reads = |version: &Arc<BroadcastVersion>| {
            Broadcasts::new(BTreeMap::from([("b".to_owned(), Arc::clone(version))]))
        };
        let (old, new) = (version(), version());
        let held = old.rows().get_array_memory_size();
        retained.put(batch(1, 10, reads(&old)));
        assert_eq!(retained.sizes().bytes, 10, "the job holds it itself");
        retained.put(batch(2, 10, reads(&new)));
        assert_eq!(retained.sizes().bytes, 20 + held);
    }

    #[test]
    fn what_is_missing_is_told() {
        let told = |retained: &RetainedInputs| retained.told().unwrap_or_default();
        assert!(told(&RetainedInputs::none()).contains("`retained_inputs`"));
        let retained = retained(1, 100);
        assert!(told(&retained).contains("no batch with rows"));
        retained.left_out(BatchTime(1000), 101);
        assert!(told(&retained).contains("hold 101 bytes"), "{}", told(&retained));
    }
}
