//! Api: actions: what makes a dataset be computed.
//!
//! Takes a dataset. Gives rows to the program, or to files. What an action does not need is not
//! given: the rows of a task are cut down before they leave it.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::partition_function::{Failure, step};
use super::rows::{first_rows, joined};
use super::run::Part;
use super::{Dataset, DatasetError};
use crate::api::verbs::order;
use crate::limits::{RESULT_BYTES_DEFAULT, TAKE_GROWTH};
use crate::model::operation::verb::{RowOrder, Verb};
use crate::model::operation::{Operation, OperatorRef, StepDeclaration};
use crate::model::sink::{FileForm, FileFormat, SinkConnector};

impl Dataset {
    /// The number of rows.
    ///
    /// # Errors
    /// When a task failed.
    pub fn count(&self) -> Result<u64, DatasetError> {
        let count = StepDeclaration::new(Operation::Count);
        let rows = self.collect_part(Some(count), &Part::default())?;
        let counts = rows.iter().flatten().map(|slice| {
            let counts = slice.column(0).as_primitive::<Int64Type>().values();
            counts.iter().map(|count| u64::try_from(*count).unwrap_or(0)).sum::<u64>()
        });
        Ok(counts.sum())
    }

    /// All rows, in the order of partitions. At most
    /// [`crate::limits::RESULT_BYTES_DEFAULT`] bytes of them.
    ///
    /// # Errors
    /// When there are more, or a task failed.
    pub fn collect(&self) -> Result<Vec<RecordBatch>, DatasetError> {
        self.collect_within(RESULT_BYTES_DEFAULT)
    }

    /// All rows, in the order of partitions, of at most so many bytes.
    ///
    /// # Errors
    /// When there are more, or a task failed.
    pub fn collect_within(&self, bytes_max: usize) -> Result<Vec<RecordBatch>, DatasetError> {
        let part = Part { partitions: None, bytes_max: Some(bytes_max) };
        Ok(self.collect_part(None, &part)?.into_iter().flatten().collect())
    }

    /// The first rows, in the order of partitions. Partitions that are made one by one are tried
    /// as Spark does: the first alone, then four times as many each time, until there are enough
    /// rows. Behind a shuffle all of them are made.
    ///
    /// # Errors
    /// When a task failed.
    pub fn take(&self, rows: usize) -> Result<Vec<RecordBatch>, DatasetError> {
        if rows == 0 {
            return Ok(Vec::new());
        }
        let (schema, narrow) = (self.schema()?, self.is_narrow()?);
        let (mut taken, mut left) = (Vec::new(), rows);
        let (mut from, mut count) = (0, 1);
        loop {
            let partitions = narrow.then(|| from..from + count);
            let part =
                Part { partitions: partitions.clone(), bytes_max: Some(RESULT_BYTES_DEFAULT) };
            let limit =
                move |_, slice: &RecordBatch| Ok(slice.slice(0, slice.num_rows().min(left)));
            let made =
                self.collect_part(Some(step("take", &schema, schema.clone(), limit)), &part)?;
            let all = made.len();
            let wanted = partitions.unwrap_or(0..all);
            let found = made.into_iter().take(wanted.end).skip(wanted.start).flatten();
            let found = first_rows(found, left);
            left -= found.iter().map(RecordBatch::num_rows).sum::<usize>();
            taken.extend(found);
            if left == 0 || wanted.end >= all {
                return Ok(taken);
            }
            (from, count) = (wanted.end, count.saturating_mul(TAKE_GROWTH));
        }
    }

    /// The first row.
    ///
    /// # Errors
    /// When there is none, or a task failed.
    pub fn first(&self) -> Result<RecordBatch, DatasetError> {
        let first = self.take(1)?.into_iter().next();
        first.ok_or(DatasetError::Empty { action: "first" })
    }

    /// The greatest rows by these columns, the greatest first, or the least where a `-` stands
    /// before the name. Equal ones come in the order of partitions, nulls last.
    ///
    /// # Errors
    /// When there is no such column, it has no order, or a task failed.
    pub fn top(&self, rows: usize, by: &[&str]) -> Result<Option<RecordBatch>, DatasetError> {
        self.in_order(rows, order(by, true))
    }

    /// The least rows by these columns, the least first, or the greatest where a `-` stands before
    /// the name. Equal ones come in the order of partitions, nulls last.
    ///
    /// # Errors
    /// As [`Self::top`].
    pub fn take_ordered(
        &self,
        rows: usize,
        by: &[&str],
    ) -> Result<Option<RecordBatch>, DatasetError> {
        self.in_order(rows, order(by, false))
    }

    fn in_order(&self, rows: usize, by: RowOrder) -> Result<Option<RecordBatch>, DatasetError> {
        if rows == 0 {
            return Ok(None);
        }
        let top = StepDeclaration::new(Operation::Verb(Verb::Top(rows, by)));
        let part = Part { partitions: None, bytes_max: Some(RESULT_BYTES_DEFAULT) };
        let found: Vec<_> = self.collect_part(Some(top), &part)?.into_iter().flatten().collect();
        Ok(joined(&found)?)
    }

    /// Folds all rows to one.
    ///
    /// # Errors
    /// When there is none, or a task failed.
    pub fn reduce(&self, operator: impl Into<OperatorRef>) -> Result<RecordBatch, DatasetError> {
        let fold = StepDeclaration::new(Operation::Reduce(operator.into()));
        let part = Part { partitions: None, bytes_max: Some(RESULT_BYTES_DEFAULT) };
        let rows = self.collect_part(Some(fold), &part)?.into_iter().flatten().next();
        rows.ok_or(DatasetError::Empty { action: "reduce" })
    }

    /// Writes all rows as JSON lines, a file for each partition, into a folder whose name begins
    /// with `prefix`. Gives its name. It appears whole or not at all.
    ///
    /// # Errors
    /// When it is there already, cannot be written, or a task failed.
    pub fn save(&self, prefix: impl Into<PathBuf>) -> Result<PathBuf, DatasetError> {
        self.save_as(FileFormat::Json, prefix)
    }

    /// As [`Self::save`], in another format.
    ///
    /// # Errors
    /// As [`Self::save`], and when the rows cannot be written so.
    pub fn save_as(
        &self,
        format: FileFormat,
        prefix: impl Into<PathBuf>,
    ) -> Result<PathBuf, DatasetError> {
        let prefix = prefix.into();
        let mut folder = prefix.clone().into_os_string();
        folder.push(format!("-{}", self.of.0.time.0));
        let form = FileForm { format, ..FileForm::default() };
        let files = SinkConnector::Files { prefix, empty_batches: true, form };
        self.run(None, files, &Part::default())?;
        Ok(folder.into())
    }

    /// Calls the function with each partition and its number, on the executors. It is called again
    /// when its task is tried again.
    ///
    /// # Errors
    /// When the function or a task failed.
    pub fn for_each_partition<F>(&self, function: F) -> Result<(), DatasetError>
    where
        F: Fn(usize, &RecordBatch) -> Result<(), Failure> + Send + Sync + 'static,
    {
        let schema = self.schema()?;
        let call = move |partition, rows: &RecordBatch| {
            function(partition, rows)?;
            Ok(rows.slice(0, 0))
        };
        let last = step("for_each_partition", &schema, schema.clone(), call);
        self.collect_part(Some(last), &Part::default()).map(drop)
    }
}
