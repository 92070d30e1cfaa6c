//! The step of `filter`: keeps rows or drops them.
//!
//! Takes runs of rows. Gives the kept ones. Never changes a row.

use std::any::TypeId;
use std::marker::PhantomData;

use super::{Emit, Load, RowsBody, StepCall};
use crate::batch::Failure;
use crate::call::Call;
use crate::context::Context;
use crate::erased::Run;
use crate::reject::Reject;
use crate::row::Columns;
use crate::sink::{Built, ColumnSink, Sink};
use crate::source::Source;

pub(super) struct FilterBody<In, P, F> {
    load: Load<P>,
    run: F,
    types: PhantomData<fn(In)>,
}

impl<In, P, F> FilterBody<In, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

struct FilterSink<'c, In: Columns, P, F> {
    call: &'c Call,
    step: u32,
    parameters: P,
    run: &'c F,
    next: Box<dyn Sink + 'c>,
    spare: Vec<In::Of<'static>>,
}

impl<In, P, F> Sink for FilterSink<'_, In, P, F>
where
    In: Columns,
    F: for<'b, 'a> Fn(&P, &Context, &'b In::Of<'a>) -> Result<bool, Reject>,
{
    fn push(&mut self, run: Run<'_, '_>, origins: &[u32]) {
        let Some(rows) = run.rows::<In>() else { return self.call.wrong_rows() };
        let mut emit = Emit::<In>::new(self.step, &mut self.spare, &mut *self.next);
        for (row, origin) in rows.iter().zip(origins) {
            emit.at_row(*origin);
            match (self.run)(&self.parameters, &self.call.context, row) {
                Ok(true) => emit.push(In::again(row)),
                Ok(false) => {}
                Err(reject) => self.call.reject(self.step, *origin, reject),
            }
        }
        self.spare = emit.finish();
    }

    fn finish(self: Box<Self>) -> Result<Built, Failure> {
        self.next.finish()
    }
}

impl<In, P, F> RowsBody for FilterBody<In, P, F>
where
    In: Columns,
    P: 'static,
    F: for<'b, 'a> Fn(&P, &Context, &'b In::Of<'a>) -> Result<bool, Reject> + Send + Sync + 'static,
{
    fn input(&self) -> TypeId {
        TypeId::of::<In>()
    }

    fn output(&self) -> TypeId {
        TypeId::of::<In>()
    }

    fn start<'c>(
        &'c self,
        call: &'c Call,
        step: StepCall<'c>,
        next: Box<dyn Sink + 'c>,
    ) -> Result<Box<dyn Sink + 'c>, Failure> {
        Ok(Box::new(FilterSink::<In, P, F> {
            call,
            step: step.index,
            parameters: (self.load)(step.parameters)?,
            run: &self.run,
            next,
            spare: Vec::new(),
        }))
    }

    fn run<'c>(
        &'c self,
        call: &'c Call,
        step: StepCall<'c>,
        source: Source<'c>,
        next: Box<dyn Sink + 'c>,
    ) -> Result<Built, Failure> {
        super::run_from_start::<In>(self, call, step, source, next)
    }

    fn gather<'c>(&'c self, call: &'c Call, want_origin: bool) -> Box<dyn Sink + 'c> {
        Box::new(ColumnSink::<In>::new(call, want_origin))
    }
}
