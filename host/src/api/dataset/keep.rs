//! Api: datasets that are kept between actions.
//!
//! Takes the level at which a dataset is to be kept. Gives its partitions to later actions while
//! all of them are there; where some are missing, the whole is made again from its source.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;

use super::partition_function::step;
use super::{Dataset, DatasetError, Machine};
use crate::limits::LINE_BYTES_DEFAULT;
use crate::model::backpressure::SourceRates;
use crate::model::operation::StepDeclaration;
use crate::model::partition_store::{DatasetId, PartitionKey, StoredPartition, StoredSizes};
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::source::{
    DatasetSource, Format, GivenDataset, SourceConnector, SourceDeclaration,
};
use crate::model::storage_level::StorageLevel;
use crate::model::time::BatchTime;

/// A dataset that is to be kept.
#[derive(Debug)]
pub(super) struct KeptDataset {
    id: DatasetId,
    level: StorageLevel,
    /// Its rows and how many partitions it has, once an action has made all of them.
    known: Option<(StreamSchema, usize)>,
    schema: StreamSchema,
    made: Arc<Mutex<Made>>,
}

/// Partitions that actions have made.
#[derive(Debug, Default)]
struct Made {
    different: BTreeSet<usize>,
    all: u64,
}

/// What is kept of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetStorage {
    /// Its level.
    pub level: StorageLevel,
    /// Partitions that it has; `None` until an action has made all of them.
    pub partitions: Option<usize>,
    /// Those that are kept, and their bytes.
    pub kept: StoredSizes,
    /// How often a partition was made: more than it has once kept ones were missing.
    pub partitions_made: u64,
}

impl Dataset {
    /// Keeps the partitions of this dataset when an action makes them, so that later ones read them
    /// instead. What does not fit is dropped and made again, or goes to disk, as the level says.
    ///
    /// # Errors
    /// When it is kept at another level already.
    pub fn persist(&self, level: StorageLevel) -> Result<&Self, DatasetError> {
        let machine = &self.of.0;
        let mut kept = machine.kept();
        let dataset = kept.entry(self.node).or_insert_with(|| KeptDataset {
            id: machine.store.new_dataset(),
            level,
            known: None,
            schema: StreamSchema::default(),
            made: Arc::default(),
        });
        match dataset.level == level {
            true => Ok(self),
            false => Err(DatasetError::Level { found: dataset.level, asked: level }),
        }
    }

    /// Lets go of what is kept. Actions that are reading it go on.
    pub fn unpersist(&self) {
        let machine = &self.of.0;
        if let Some(dataset) = machine.kept().remove(&self.node) {
            machine.store.remove(dataset.id);
        }
    }

    /// What is kept of it; `None` when it is not to be kept.
    pub fn storage(&self) -> Option<DatasetStorage> {
        let machine = &self.of.0;
        machine.kept().get(&self.node).map(|dataset| DatasetStorage {
            level: dataset.level,
            partitions: dataset.known.as_ref().map(|(_, partitions)| *partitions),
            kept: machine.store.sizes(dataset.id),
            partitions_made: lock(&dataset.made).all,
        })
    }
}

impl Machine {
    pub(super) fn is_to_keep(&self, node: usize) -> bool {
        self.kept().contains_key(&node)
    }

    /// The step that keeps the partitions of a node, those in the range where there is one.
    pub(super) fn keep_step(
        &self,
        node: usize,
        schema: &StreamSchema,
        only: Option<Range<usize>>,
    ) -> Option<StepDeclaration> {
        let mut kept = self.kept();
        let dataset = kept.get_mut(&node)?;
        dataset.schema = schema.clone();
        let (id, level) = (dataset.id, dataset.level);
        let (store, made) = (Arc::clone(&self.store), Arc::clone(&dataset.made));
        let keep = move |partition: usize, rows: &RecordBatch| {
            if only.as_ref().is_none_or(|only| only.contains(&partition)) {
                let key = PartitionKey { dataset: id, partition };
                store.put(key, level, vec![rows.clone()])?;
                let mut made = lock(&made);
                made.different.insert(partition);
                made.all += 1;
            }
            Ok(rows.clone())
        };
        Some(step("persist", schema, schema.clone(), keep))
    }

    /// Hears that an action has made all partitions of these nodes.
    pub(super) fn have_kept(&self, nodes: &[usize]) {
        let mut kept = self.kept();
        for node in nodes {
            if let Some(dataset) = kept.get_mut(node) {
                let partitions = lock(&dataset.made).different.len();
                dataset.known = Some((dataset.schema.clone(), partitions));
            }
        }
    }

    /// The source that gives a node's kept partitions, when all of them are there. What it gives
    /// stays readable even when the store lets go of it.
    pub(super) fn stored(&self, node: usize) -> Option<SourceDeclaration> {
        let kept = self.kept();
        let dataset = kept.get(&node)?;
        let (schema, partitions) = dataset.known.clone()?;
        let id = dataset.id;
        let partition = |partition| self.store.get(PartitionKey { dataset: id, partition });
        let partitions: Option<Vec<_>> = (0..partitions).map(partition).collect();
        Some(SourceDeclaration {
            name: format!("kept-{node}"),
            connector: SourceConnector::Datasets(Arc::new(StoredSource(partitions?))),
            format: Format::Lines,
            schema,
            on_bad_row: OnBadRow::default(),
            line_bytes_max: LINE_BYTES_DEFAULT,
            rates: SourceRates::default(),
        })
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, std::collections::BTreeMap<usize, KeptDataset>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(made: &Mutex<Made>) -> MutexGuard<'_, Made> {
    made.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kept partitions as a source.
#[derive(Debug)]
struct StoredSource(Vec<Arc<dyn StoredPartition>>);

impl DatasetSource for StoredSource {
    fn dataset(&self, _time: BatchTime) -> GivenDataset {
        GivenDataset::Stored(self.0.clone())
    }
}
