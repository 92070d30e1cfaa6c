//! Exec: rows of a task that somebody looks at.
//!
//! Takes slices as the task makes them. Gives copies of the first of them, bounded in rows and
//! bytes. Costs a task that nobody looks at nothing.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;

use super::task_error::TaskError;
use crate::limits::TAP_BYTES_MAX;

/// Where in a stage somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapPlace {
    /// Before the first step, behind what gathers the rows of the stage.
    Gathered,
    /// Behind the step of that number.
    After(usize),
}

/// Somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapWish {
    /// Who, among all that look at the job.
    pub number: u64,
    /// Where.
    pub place: TapPlace,
    /// Rows that are wanted.
    pub rows: usize,
}

/// What a task shows.
#[derive(Debug, Default)]
pub struct Tapped {
    wishes: Arc<[TapWish]>,
    shown: Vec<Shown>,
}

/// What a task shows somebody.
#[derive(Debug)]
pub struct Shown {
    /// Who looks.
    pub number: u64,
    /// Copies of rows: what they were cut off is not held for them.
    pub slices: Vec<RecordBatch>,
    /// Whether there were more rows than that.
    pub more: bool,
    rows: usize,
    bytes: usize,
}

impl Tapped {
    /// Nothing yet.
    pub fn of(wishes: Arc<[TapWish]>) -> Self {
        let shown = wishes.iter().map(|wish| Shown {
            number: wish.number,
            slices: Vec::new(),
            more: false,
            rows: 0,
            bytes: 0,
        });
        Self { shown: shown.collect(), wishes }
    }

    /// The task has made a slice there.
    ///
    /// # Errors
    /// When the rows cannot be copied.
    pub fn see(&mut self, place: TapPlace, slice: &RecordBatch) -> Result<(), TaskError> {
        for (wish, shown) in self.wishes.iter().zip(&mut self.shown) {
            if wish.place != place || slice.num_rows() == 0 {
                continue;
            }
            let wanted = wish.rows.saturating_sub(shown.rows).min(slice.num_rows());
            shown.more |= wanted < slice.num_rows();
            if wanted == 0 || shown.bytes >= TAP_BYTES_MAX {
                shown.more = true;
                continue;
            }
            let first = u32::try_from(wanted).unwrap_or(u32::MAX);
            let copied = take_record_batch(slice, &(0..first).collect::<UInt32Array>())?;
            shown.rows += wanted;
            shown.bytes += copied.get_array_memory_size();
            shown.slices.push(copied);
        }
        Ok(())
    }

    /// The task has made slices there.
    ///
    /// # Errors
    /// As [`Self::see`].
    pub fn see_all(&mut self, place: TapPlace, slices: &[RecordBatch]) -> Result<(), TaskError> {
        if self.wishes.is_empty() {
            return Ok(());
        }
        slices.iter().try_for_each(|slice| self.see(place, slice))
    }

    /// What everybody has seen.
    pub fn into_shown(self) -> Vec<Shown> {
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    fn slice(rows: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        RecordBatch::try_from_iter([("n", column)]).expect("one column")
    }

    fn shown(rows: usize, slices: &[RecordBatch]) -> Shown {
        let wish = TapWish { number: 7, place: TapPlace::After(1), rows };
        let mut tapped = Tapped::of([wish].into());
        tapped.see_all(TapPlace::Gathered, slices).expect("they can be copied");
        tapped.see_all(TapPlace::After(1), slices).expect("they can be copied");
        tapped.into_shown().remove(0)
    }

    #[test]
    fn the_first_rows_of_the_place_are_shown() {
        let seen = shown(4, &[slice(3), slice(0), slice(3)]);
        let rows: Vec<usize> = seen.slices.iter().map(RecordBatch::num_rows).collect();
        assert_eq!((seen.number, rows, seen.more), (7, vec![3, 1], true));
        let seen = shown(6, &[slice(3), slice(3)]);
        assert_eq!((seen.slices.len(), seen.more), (2, false));
    }

    #[test]
    fn bytes_are_bounded_and_what_is_shown_holds_nothing_else() {
        let many = i64::try_from(TAP_BYTES_MAX).expect("it is small");
        let seen = shown(usize::MAX, &[slice(many), slice(1)]);
        assert_eq!((seen.slices.len(), seen.more), (1, true));
        let few = shown(1, &[slice(many)]);
        assert!(few.slices[0].get_array_memory_size() < 1024);
    }
}
