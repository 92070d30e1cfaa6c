//! Model: broadcasts: rows that every task of a job can read whole.
//!
//! Takes rows, version by version. Gives the tasks of a batch one version of each, and what was
//! made of it once for all of them. Never changes a version.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;

use super::schema::StreamSchema;
use super::source::SourceDeclaration;
use crate::limits::{BROADCAST_BYTES_MAX, BROADCAST_ROWS_MAX};

/// A broadcast as declared.
#[derive(Debug, Clone)]
pub struct BroadcastDeclaration {
    /// Its name, unique among the job's broadcasts.
    pub name: String,
    /// Its columns.
    pub schema: StreamSchema,
    /// Where its rows come from.
    pub origin: BroadcastOrigin,
}

/// Where the rows of a broadcast come from.
#[derive(Debug, Clone)]
pub enum BroadcastOrigin {
    /// A file.
    File(BroadcastFile),
    /// A program.
    Value(BroadcastValue),
}

/// A file that holds the rows of a broadcast.
#[derive(Debug, Clone)]
pub struct BroadcastFile {
    /// The file.
    pub path: PathBuf,
    /// How its records are read, as a source of files would read them.
    pub records: SourceDeclaration,
    /// When it is read again.
    pub reload: Reload,
}

/// When a file is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reload {
    /// Never: what it held when the job started stays.
    #[default]
    Never,
    /// At the first tick at which it is another: of other length or time of change.
    OnChange,
    /// At the first tick after so much time.
    Every(Duration),
}

/// Why rows cannot be a broadcast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    /// They have other columns.
    #[error("the rows of broadcast `{name}` are ({found}), expected are ({expected})")]
    Columns {
        /// The broadcast.
        name: String,
        /// Their columns.
        found: String,
        /// Those of the broadcast.
        expected: StreamSchema,
    },
    /// They take more memory than a broadcast may, or are more.
    #[error(
        "broadcast `{name}` has {rows} rows of {bytes} bytes, allowed are {BROADCAST_ROWS_MAX} \
         rows of {BROADCAST_BYTES_MAX} bytes"
    )]
    TooLarge {
        /// The broadcast.
        name: String,
        /// Their number.
        rows: usize,
        /// The bytes of their columns.
        bytes: usize,
    },
    /// They have been given before under that name.
    #[error("a broadcast is called `{name}` already")]
    Taken {
        /// The broadcast.
        name: String,
    },
    /// The context has been started or stopped.
    #[error("broadcast `{name}` is made before the context is started; later it is updated")]
    TooLate {
        /// The broadcast.
        name: String,
    },
}

/// One version of a broadcast's rows.
#[derive(Debug)]
pub struct BroadcastVersion {
    schema: StreamSchema,
    rows: RecordBatch,
    derived: Mutex<BTreeMap<String, Arc<Slot>>>,
    guest_reads: AtomicU64,
}

/// What is made of a version once; whoever comes second waits for the first.
type Slot = Mutex<Option<Arc<dyn Any + Send + Sync>>>;

impl BroadcastVersion {
    /// A version of these rows.
    ///
    /// # Errors
    /// When they do not fit the columns, or are more than a broadcast may be.
    pub fn new(
        name: &str,
        schema: &StreamSchema,
        slices: &[RecordBatch],
    ) -> Result<Self, BroadcastError> {
        let name = || name.to_owned();
        let arrow = schema.to_arrow();
        let bytes = slices.iter().map(RecordBatch::get_array_memory_size).sum();
        let rows = slices.iter().map(RecordBatch::num_rows).sum();
        if bytes > BROADCAST_BYTES_MAX || rows > BROADCAST_ROWS_MAX {
            return Err(BroadcastError::TooLarge { name: name(), rows, bytes });
        }
        let own = |slice: &RecordBatch| {
            RecordBatch::try_new(Arc::clone(&arrow), slice.columns().to_vec())
                .map_err(|error| error.to_string())
        };
        let rows = slices.iter().map(own).collect::<Result<Vec<_>, _>>().and_then(|slices| {
            arrow_select::concat::concat_batches(&arrow, &slices).map_err(|error| error.to_string())
        });
        let rows = rows.map_err(|_| BroadcastError::Columns {
            name: name(),
            found: slices.first().map(columns_of).unwrap_or_default(),
            expected: schema.clone(),
        })?;
        Ok(Self {
            schema: schema.clone(),
            rows,
            derived: Mutex::default(),
            guest_reads: AtomicU64::new(0),
        })
    }

    /// Its columns.
    pub fn schema(&self) -> &StreamSchema {
        &self.schema
    }

    /// Its rows.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// What `make` makes of it, made once under the key and shared from then on.
    ///
    /// # Errors
    /// Those of `make`; the next one tries again.
    pub fn derived<T: Send + Sync + 'static, E>(
        &self,
        key: &str,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let slot = {
            let mut all = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(key.to_owned()).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let there = slot.as_ref().and_then(|made| Arc::clone(made).downcast::<T>().ok());
        if let Some(made) = there {
            return Ok(made);
        }
        let made = Arc::new(make()?);
        *slot = Some(Arc::clone(&made) as _);
        Ok(made)
    }

    /// Counts that an instance of a plugin was given a copy.
    pub fn note_guest_read(&self) {
        self.guest_reads.fetch_add(1, Ordering::Relaxed);
    }

    /// How many copies of it instances of plugins were given.
    pub fn guest_reads(&self) -> u64 {
        self.guest_reads.load(Ordering::Relaxed)
    }
}

fn columns_of(rows: &RecordBatch) -> String {
    let schema = rows.schema();
    let field = |field: &std::sync::Arc<arrow_schema::Field>| {
        let data_type = super::column_type::ColumnType::from_arrow(field.data_type());
        let word = data_type.map_or_else(|| field.data_type().to_string(), |t| t.to_string());
        format!("{}: {word}{}", field.name(), if field.is_nullable() { "?" } else { "" })
    };
    schema.fields().iter().map(field).collect::<Vec<_>>().join(", ")
}

/// A broadcast whose version is replaced while a job runs. Clones are the same broadcast.
#[derive(Debug, Clone)]
pub struct BroadcastValue(Arc<Mutex<Arc<BroadcastVersion>>>);

impl BroadcastValue {
    /// A broadcast that begins with this version.
    pub fn new(version: BroadcastVersion) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(version))))
    }

    /// The version that the next batch to begin reads.
    pub fn current(&self) -> Arc<BroadcastVersion> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces it. Batches that run go on with the one they began with.
    pub fn replace(&self, version: BroadcastVersion) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(version);
    }
}

/// The versions that a batch reads in all its tasks, by name.
#[derive(Debug, Clone, Default)]
pub struct Broadcasts(Arc<BTreeMap<String, Arc<BroadcastVersion>>>);

impl Broadcasts {
    /// These versions.
    pub fn new(versions: BTreeMap<String, Arc<BroadcastVersion>>) -> Self {
        Self(Arc::new(versions))
    }

    /// The version of the broadcast of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<BroadcastVersion>> {
        self.0.get(name)
    }

    /// All of them, each with its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Arc<BroadcastVersion>)> {
        self.0.iter().map(|(name, version)| (name.as_str(), version))
    }
}
