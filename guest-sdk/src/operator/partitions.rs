//! The step of `map_partitions`: all rows of a partition in, any number out.
//!
//! Takes a whole batch. Gives runs of what came of it. Never starts before all rows are there.

use std::any::TypeId;
use std::marker::PhantomData;

use super::{Emit, Load, RowsBody, StepCall};
use crate::batch::{Cursor, Failure};
use crate::call::Call;
use crate::context::Context;
use crate::output::Output;
use crate::position;
use crate::row::Columns;
use crate::sink::{Built, ColumnSink, Sink};
use crate::source::Source;

/// All rows of a partition, in order.
pub struct Rows<'a, In: Columns> {
    reader: In::Reader<'a>,
    rows: std::ops::Range<usize>,
    origins: Option<&'a [u32]>,
}

impl<'a, In: Columns> Iterator for Rows<'a, In> {
    type Item = In::Of<'a>;

    #[inline]
    fn next(&mut self) -> Option<In::Of<'a>> {
        let row = self.rows.next()?;
        let origin = self.origins.and_then(|all| all.get(row).copied());
        position::at_row(origin.unwrap_or(row as u32));
        Some(In::get(self.reader, row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<In: Columns> ExactSizeIterator for Rows<'_, In> {}

pub(super) struct PartitionsBody<In, Out, P, F> {
    load: Load<P>,
    run: F,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out, P, F> PartitionsBody<In, Out, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

impl<In, Out, P, F> RowsBody for PartitionsBody<In, Out, P, F>
where
    In: Columns,
    Out: Output,
    P: 'static,
    F: for<'a, 'e> Fn(&P, &Context, Rows<'a, In>, &mut Emit<'e, 'a, Out>) + Send + Sync + 'static,
{
    fn input(&self) -> TypeId {
        TypeId::of::<In>()
    }

    fn output(&self) -> TypeId {
        TypeId::of::<Out::View>()
    }

    fn start<'c>(
        &'c self,
        _call: &'c Call,
        _step: StepCall<'c>,
        _next: Box<dyn Sink + 'c>,
    ) -> Result<Box<dyn Sink + 'c>, Failure> {
        Err(Failure::new("`map_partitions` takes no runs of rows"))
    }

    fn takes_runs(&self) -> bool {
        false
    }

    fn run<'c>(
        &'c self,
        call: &'c Call,
        step: StepCall<'c>,
        source: Source<'c>,
        mut next: Box<dyn Sink + 'c>,
    ) -> Result<Built, Failure> {
        let parameters = (self.load)(step.parameters)?;
        let total = source.batch.rows as usize;
        let reader = In::open(&mut Cursor::new(source.batch), total)?;
        let rows = Rows { reader, rows: 0..total, origins: source.origins };
        let mut spare = Vec::new();
        let mut emit = Emit::<Out>::new(step.index, &mut spare, &mut *next);
        (self.run)(&parameters, &call.context, rows, &mut emit);
        emit.finish();
        call.check()?;
        next.finish()
    }

    fn gather<'c>(&'c self, call: &'c Call, want_origin: bool) -> Box<dyn Sink + 'c> {
        Box::new(ColumnSink::<Out::View>::new(call, want_origin))
    }
}
