//! Where a call stands: the step and the input row that a panic is reported with.
//!
//! Takes a number per row. Gives the last ones. Never decides anything.

use std::cell::Cell;

/// The row number that means "no row".
const NO_ROW: u32 = u32::MAX;

thread_local! {
    static STEP: Cell<u32> = const { Cell::new(0) };
    static ROW: Cell<u32> = const { Cell::new(NO_ROW) };
}

/// A step begins or goes on; no row is known yet.
#[inline]
pub(crate) fn enter_step(step: u32) {
    STEP.set(step);
    ROW.set(NO_ROW);
}

/// The step looks at what came of that input row.
#[inline]
pub(crate) fn at_row(row: u32) {
    ROW.set(row);
}

/// The step and, where known, the row.
pub(crate) fn current() -> (u32, Option<u32>) {
    (STEP.get(), Some(ROW.get()).filter(|row| *row != NO_ROW))
}
