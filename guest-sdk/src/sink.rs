//! Where runs of rows are pushed to: the next operator, columns, or a selection.
//!
//! Takes runs of rows with the input row of each. Gives a batch when the last has come. Never
//! holds rows between two pushes.

use crate::batch::{Batch, Failure, row_number};
use crate::call::Call;
use crate::erased::Run;
use crate::row::Columns;

/// What a chain has made.
#[derive(Debug, Default)]
pub struct Built {
    /// The rows, gathered.
    pub batch: Batch,
    /// The input row of each output row, where it was asked for.
    pub origins: Vec<u32>,
}

/// Takes runs of rows.
pub trait Sink {
    /// Takes a run; `origins` holds the input row of each.
    fn push(&mut self, run: Run<'_, '_>, origins: &[u32]);

    /// The last run has come.
    ///
    /// # Errors
    /// When the rows do not fit a batch.
    fn finish(self: Box<Self>) -> Result<Built, Failure>;
}

/// Gathers rows into columns.
pub(crate) struct ColumnSink<'c, C: Columns> {
    call: &'c Call,
    columns: C::Builder,
    rows: usize,
    origins: Option<Vec<u32>>,
    reserved: bool,
}

impl<'c, C: Columns> ColumnSink<'c, C> {
    pub(crate) fn new(call: &'c Call, want_origin: bool) -> Self {
        let origins = want_origin.then(Vec::new);
        Self { call, columns: C::Builder::default(), rows: 0, origins, reserved: false }
    }

    /// Once the first input rows have shown how many rows come of one, makes room for all.
    fn reserve(&mut self) {
        let (done, total) = self.call.progress();
        if done > 0 {
            self.reserved = true;
            C::reserve(&mut self.columns, done, total);
        }
    }
}

impl<C: Columns> Sink for ColumnSink<'_, C> {
    fn push(&mut self, run: Run<'_, '_>, origins: &[u32]) {
        let Some(rows) = run.rows::<C>() else { return self.call.wrong_rows() };
        if !self.reserved {
            self.reserve();
        }
        C::append(&mut self.columns, rows);
        self.rows += rows.len();
        if let Some(kept) = &mut self.origins {
            kept.extend_from_slice(origins);
        }
    }

    fn finish(self: Box<Self>) -> Result<Built, Failure> {
        let rows = row_number(self.rows)?;
        let mut batch = Batch { rows, ..Batch::default() };
        C::finish(self.columns, rows, &mut batch)?;
        Ok(Built { batch, origins: self.origins.unwrap_or_default() })
    }
}

/// Keeps no rows, only which input rows they came from.
#[derive(Default)]
pub(crate) struct SelectionSink {
    selected: Vec<u32>,
}

impl Sink for SelectionSink {
    fn push(&mut self, _run: Run<'_, '_>, origins: &[u32]) {
        self.selected.extend_from_slice(origins);
    }

    fn finish(self: Box<Self>) -> Result<Built, Failure> {
        Ok(Built { batch: Batch::default(), origins: self.selected })
    }
}
