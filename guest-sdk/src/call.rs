//! One call of a chain: what all its operators share.
//!
//! Takes the task. Gives context and progress, and collects refused rows. Never outlives the call.

use std::cell::{Cell, RefCell};

use crate::batch::Failure;
use crate::context::{Context, Task};
use crate::reject::{Reject, Rejection};

/// What all operators of one call share.
#[derive(Debug)]
pub struct Call {
    /// What operators may know.
    pub(crate) context: Context,
    rejected: RefCell<Vec<Rejection>>,
    progress: Cell<(usize, usize)>,
    failure: RefCell<Option<Failure>>,
}

impl Call {
    pub(crate) fn new(task: Task) -> Self {
        Self {
            context: Context::new(task),
            rejected: RefCell::default(),
            progress: Cell::default(),
            failure: RefCell::default(),
        }
    }

    /// A step refused a row.
    #[cold]
    pub(crate) fn reject(&self, step: u32, row: u32, reject: Reject) {
        let Reject { code, message } = reject;
        self.rejected.borrow_mut().push(Rejection { row, step, code, message });
    }

    /// How many of how many input rows the operators have seen.
    pub(crate) fn progress(&self) -> (usize, usize) {
        self.progress.get()
    }

    pub(crate) fn set_progress(&self, done: usize, total: usize) {
        self.progress.set((done, total));
    }

    /// A sink was given rows of a type it was not made for, which chains are made never to do.
    #[cold]
    pub(crate) fn wrong_rows(&self) {
        let failure = Failure::new("operators of a chain do not fit; this is a fault of the SDK");
        self.failure.borrow_mut().get_or_insert(failure);
    }

    /// # Errors
    /// The first failure that a sink met, if any.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }

    pub(crate) fn into_rejected(self) -> Vec<Rejection> {
        self.rejected.into_inner()
    }
}
