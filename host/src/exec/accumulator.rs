//! Exec: sums that a program's functions add to while a task runs.
//!
//! Takes additions. Gives those of a task to whoever settles them, once its batch has succeeded.
//! Never changes a sum within a task: the attempt may fail, or be one of several.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::NAME_BYTES_MAX;
use crate::model::text::escape;

thread_local! {
    /// What the task that runs on this thread has added; `None`: none runs.
    static TASK: RefCell<Option<Additions>> = const { RefCell::new(None) };
}

/// A sum of a program, such as Spark's `LongAccumulator`, for numbers that only grow. Clones are
/// the same sum.
///
/// What functions of the program add within a task counts when the task's batch has succeeded, and
/// once, however often the task was tried or what it made was lost: so sums agree with what outputs
/// were given. A batch that failed adds nothing. What is added elsewhere, as by an output's
/// function, counts at once.
#[derive(Debug, Clone)]
pub struct Accumulator {
    sum: Arc<Sum>,
}

#[derive(Debug)]
struct Sum {
    name: String,
    value: AtomicU64,
}

impl Accumulator {
    /// A sum of 0. Of a name that is too long its beginning is shown.
    pub fn new(name: &str) -> Self {
        let name = escape(name, NAME_BYTES_MAX);
        Self { sum: Arc::new(Sum { name, value: AtomicU64::new(0) }) }
    }

    /// Its name, as a job's counters show it.
    pub fn name(&self) -> &str {
        &self.sum.name
    }

    /// What was added so far, in batches that have succeeded or outside of tasks.
    pub fn value(&self) -> u64 {
        self.sum.value.load(Ordering::Acquire)
    }

    /// Adds to it. A sum stops at the greatest number there is.
    pub fn add(&self, number: u64) {
        let outside = TASK.with_borrow_mut(|task| match task {
            Some(additions) => {
                additions.add(self, number);
                false
            }
            None => true,
        });
        if outside {
            self.settle(number);
        }
    }

    fn settle(&self, number: u64) {
        let add = |value: u64| Some(value.saturating_add(number));
        // It cannot fail: there is always a next value.
        let _before = self.sum.value.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
    }
}

/// What a task, or the tasks of a batch, have added and nobody has settled yet.
#[derive(Debug, Default)]
pub struct Additions(Vec<(Accumulator, u64)>);

impl Additions {
    fn add(&mut self, accumulator: &Accumulator, number: u64) {
        let same = |(known, _): &&mut (Accumulator, u64)| Arc::ptr_eq(&known.sum, &accumulator.sum);
        match self.0.iter_mut().find(same) {
            Some((_, sum)) => *sum = sum.saturating_add(number),
            None => self.0.push((accumulator.clone(), number)),
        }
    }

    /// Takes the additions of another task over.
    pub fn absorb(&mut self, other: Self) {
        other.0.iter().for_each(|(accumulator, number)| self.add(accumulator, *number));
    }

    /// Names with what was added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(accumulator, number)| (accumulator.name(), *number))
    }

    /// Adds everything to its sums.
    pub fn settle(self) {
        self.0.iter().for_each(|(accumulator, number)| accumulator.settle(*number));
    }
}

/// Runs a task, which must not unwind, and gives what it added.
pub(super) fn in_task<T>(run: impl FnOnce() -> T) -> (T, Additions) {
    TASK.set(Some(Additions::default()));
    let ran = run();
    (ran, TASK.take().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_adds_counts_when_it_is_settled() {
        let (rows, bytes) = (Accumulator::new("rows"), Accumulator::new("bytes"));
        rows.add(1);
        assert_eq!(rows.value(), 1, "no task runs");
        let task = || {
            rows.add(2);
            rows.clone().add(3);
            bytes.add(u64::MAX);
            rows.value()
        };
        let (seen, mut first) = in_task(task);
        assert_eq!((seen, rows.value()), (1, 1));
        let (_, again) = in_task(task);
        drop(again);
        first.absorb(in_task(|| bytes.add(1)).1);
        assert_eq!(first.iter().collect::<Vec<_>>(), [("rows", 5), ("bytes", u64::MAX)]);
        first.settle();
        assert_eq!((rows.value(), bytes.value()), (6, u64::MAX));
        bytes.add(1);
        assert_eq!(bytes.value(), u64::MAX);
    }
}
