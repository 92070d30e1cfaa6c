//! Reads a batch row by row into a chain of operators.
//!
//! Takes a batch and the first sink. Gives what the last one built. Never reads a column twice.

use crate::batch::{BatchRef, Cursor, Failure};
use crate::call::Call;
use crate::column::RUN;
use crate::erased::Run;
use crate::row::Columns;
use crate::sink::{Built, Sink};

/// Rows to read, and where each came from when they are no call's input themselves.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The rows.
    pub(crate) batch: BatchRef<'a>,
    /// The call's input row of each; `None`: they are the call's input.
    pub(crate) origins: Option<&'a [u32]>,
}

impl Source<'_> {
    /// The call's input row of each row from `start` on, as far as `numbers` reaches.
    pub(crate) fn origins_from<'n>(&'n self, start: usize, numbers: &'n mut [u32]) -> &'n [u32] {
        if let Some(origins) = self.origins {
            return origins.get(start..start + numbers.len()).unwrap_or_default();
        }
        for (number, row) in numbers.iter_mut().zip(start as u32..) {
            *number = row;
        }
        numbers
    }
}

/// Pushes all rows in runs.
pub(crate) fn push_rows<C: Columns>(
    call: &Call,
    source: Source<'_>,
    mut sink: Box<dyn Sink + '_>,
) -> Result<Built, Failure> {
    let total = source.batch.rows as usize;
    let reader = C::open(&mut Cursor::new(source.batch), total)?;
    let mut run = Vec::with_capacity(RUN);
    let mut numbers = [0; RUN];
    call.set_progress(0, total);
    for start in (0..total).step_by(RUN) {
        let end = total.min(start + RUN);
        run.clear();
        run.extend((start..end).map(|row| C::get(reader, row)));
        let origins = source.origins_from(start, &mut numbers[..end - start]);
        sink.push(Run::new::<C>(&run), origins);
        call.set_progress(end, total);
    }
    call.check()?;
    sink.finish()
}
