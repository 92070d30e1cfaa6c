//! Exec: a program's function over the datasets of a batch.
//!
//! Takes the function and the datasets. Gives the partitions of the dataset it makes, cut into
//! slices. Never lets a panic of it pass, nor columns that were not declared.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;

use super::attempt::cut;
use super::task_error::TaskError;
use crate::error::panic_message;
use crate::model::schema::StreamSchema;
use crate::model::time::BatchTime;
use crate::model::transform::{BatchDataset, DatasetFunction};

/// Calls the function once.
///
/// # Errors
/// When it fails or panics, gives no dataset, or one of other columns than `schema`.
pub fn transform(
    function: &dyn DatasetFunction,
    schema: &StreamSchema,
    time: BatchTime,
    datasets: &[BatchDataset],
) -> Result<Vec<Vec<RecordBatch>>, TaskError> {
    let wrong = |what, message| TaskError::Transform { what, message };
    // What the function leaves behind when it panics is its own; nothing here saw half of it.
    let called = catch_unwind(AssertUnwindSafe(|| function.call(time, datasets)));
    let given = match called {
        Ok(Ok(given)) => given,
        Ok(Err(error)) => return Err(wrong("failed", error.to_string())),
        Err(panic) => return Err(wrong("panicked", panic_message(&*panic))),
    };
    let partitions = given.ok_or_else(|| {
        wrong("gave", "no dataset, expected one (an empty one would do)".to_owned())
    })?;
    let declared = schema.to_arrow();
    let fits = |slice: &&RecordBatch| slice.schema().fields() == declared.fields();
    if let Some(stranger) = partitions.iter().flatten().find(|slice| !fits(slice)) {
        let message = format!(
            "rows of columns {:?}, declared are {:?}",
            stranger.schema().fields(),
            declared.fields()
        );
        return Err(wrong("gave", message));
    }
    Ok(partitions.into_iter().map(|slices| slices.into_iter().flat_map(cut).collect()).collect())
}
