//! Api: broadcasts of a program: rows that all tasks can read whole, replaced while the job runs.
//!
//! Takes rows. Gives a handle, by which they are replaced between two batches. Never changes what
//! a batch that runs has begun with.

use std::sync::PoisonError;

use arrow_array::RecordBatch;

use super::context::StreamingContext;
use super::dataset::DatasetContext;
use super::dstream::Lineage;
use super::graph::Graph;
use crate::model::broadcast::{
    BroadcastDeclaration, BroadcastError, BroadcastFile, BroadcastOrigin, BroadcastValue,
    BroadcastVersion,
};
use crate::model::join::JoinKind;
use crate::model::operation::verb::{BroadcastJoin, Verb};
use crate::model::operation::{Operation, StepDeclaration};
use crate::model::schema::StreamSchema;

/// A broadcast of a program. Clones are the same broadcast.
#[derive(Debug, Clone)]
pub struct Broadcast {
    name: String,
    schema: StreamSchema,
    value: BroadcastValue,
}

impl Broadcast {
    fn new(name: &str, schema: StreamSchema, rows: &[RecordBatch]) -> Result<Self, BroadcastError> {
        let value = BroadcastValue::new(BroadcastVersion::new(name, &schema, rows)?);
        Ok(Self { name: name.to_owned(), schema, value })
    }

    fn declaration(&self) -> BroadcastDeclaration {
        BroadcastDeclaration {
            name: self.name.clone(),
            schema: self.schema.clone(),
            origin: BroadcastOrigin::Value(self.value.clone()),
        }
    }

    /// Its name, under which operators read it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Replaces its rows. The next batch to begin reads them; one that runs goes on with those it
    /// began with, in all its tasks and retries.
    ///
    /// # Errors
    /// When they have other columns, or are more than a broadcast may be. The rows it had stay.
    pub fn update(&self, rows: &[RecordBatch]) -> Result<(), BroadcastError> {
        self.value.replace(BroadcastVersion::new(&self.name, &self.schema, rows)?);
        Ok(())
    }

    /// How many copies of its present rows instances of plugins were given.
    pub fn guest_reads(&self) -> u64 {
        self.value.current().guest_reads()
    }
}

impl StreamingContext {
    /// Rows that the tasks of all batches can read whole: by operators that ask for them by that
    /// name, and by [`Lineage::broadcast_join`].
    ///
    /// # Errors
    /// When the rows have other columns or are too many, the name is taken, or the context was
    /// started.
    pub fn broadcast(
        &self,
        name: &str,
        schema: StreamSchema,
        rows: &[RecordBatch],
    ) -> Result<Broadcast, BroadcastError> {
        self.lock().broadcast(name, schema, rows)
    }

    /// The same of a file, which is read when the context starts and when it says.
    ///
    /// # Errors
    /// When the name is taken, or the context was started.
    pub fn broadcast_file(&self, name: &str, file: BroadcastFile) -> Result<(), BroadcastError> {
        self.lock().add_broadcast(BroadcastDeclaration {
            name: name.to_owned(),
            schema: file.records.schema.clone(),
            origin: BroadcastOrigin::File(file),
        })
    }
}

impl DatasetContext {
    /// Rows that the tasks of all actions can read whole, as those of a
    /// [`StreamingContext::broadcast`].
    ///
    /// # Errors
    /// When the rows have other columns or are too many, or the name is taken.
    pub fn broadcast(
        &self,
        name: &str,
        schema: StreamSchema,
        rows: &[RecordBatch],
    ) -> Result<Broadcast, BroadcastError> {
        let mut graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        graph.broadcast(name, schema, rows)
    }
}

impl<Of: Clone> Lineage<Of> {
    /// Each row with each row of the broadcast of that name that has equal values in the columns
    /// `on`: an inner join, a left outer join or an anti join. Nothing is shuffled, and the rows
    /// need no key. Null is equal to null. The broadcast's other
    /// columns come out with `right_` before their names.
    pub fn broadcast_join(&self, broadcast: &str, on: &[&str], kind: JoinKind) -> Self {
        let on = on.iter().map(|&column| column.to_owned()).collect();
        let (with, prefix) = (broadcast.to_owned(), Some("right_".to_owned()));
        self.broadcast_join_with(BroadcastJoin { with, on, kind, null_equal: true, prefix })
    }

    /// The same, with all that a job file may say of it.
    pub fn broadcast_join_with(&self, join: BroadcastJoin) -> Self {
        self.step(StepDeclaration::new(Operation::Verb(Verb::BroadcastJoin(join))))
    }
}

impl Graph {
    fn broadcast(
        &mut self,
        name: &str,
        schema: StreamSchema,
        rows: &[RecordBatch],
    ) -> Result<Broadcast, BroadcastError> {
        let broadcast = Broadcast::new(name, schema, rows)?;
        self.add_broadcast(broadcast.declaration())?;
        Ok(broadcast)
    }

    fn add_broadcast(&mut self, declared: BroadcastDeclaration) -> Result<(), BroadcastError> {
        let name = || declared.name.clone();
        if self.is_closed() {
            return Err(BroadcastError::TooLate { name: name() });
        }
        if self.broadcasts.iter().any(|other| other.name == declared.name) {
            return Err(BroadcastError::Taken { name: name() });
        }
        self.broadcasts.push(declared);
        Ok(())
    }
}
