//! The step of `flat_map` and `flat_map_values`: one row in, any number out.
//!
//! Takes runs of rows. Gives runs of what came of them. Never keeps a row.

use std::any::TypeId;
use std::marker::PhantomData;

use super::{Emit, Load, RowsBody, StepCall};
use crate::batch::Failure;
use crate::call::Call;
use crate::context::Context;
use crate::erased::Run;
use crate::output::Output;
use crate::reject::Reject;
use crate::row::Columns;
use crate::sink::{Built, ColumnSink, Sink};
use crate::source::Source;

pub(super) struct FlatMapBody<In, Out, P, F> {
    load: Load<P>,
    run: F,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out, P, F> FlatMapBody<In, Out, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

struct FlatMapSink<'c, In: Columns, Out: Output, P, F> {
    call: &'c Call,
    step: u32,
    parameters: P,
    run: &'c F,
    next: Box<dyn Sink + 'c>,
    spare: Vec<Out::Held<'static>>,
    types: PhantomData<fn(In)>,
}

impl<In, Out, P, F> Sink for FlatMapSink<'_, In, Out, P, F>
where
    In: Columns,
    Out: Output,
    F: for<'b, 'a, 'e> Fn(
        &P,
        &Context,
        &'b In::Of<'a>,
        &mut Emit<'e, 'a, Out>,
    ) -> Result<(), Reject>,
{
    fn push(&mut self, run: Run<'_, '_>, origins: &[u32]) {
        let Some(rows) = run.rows::<In>() else { return self.call.wrong_rows() };
        let mut emit = Emit::new(self.step, &mut self.spare, &mut *self.next);
        for (row, origin) in rows.iter().zip(origins) {
            emit.at_row(*origin);
            let done = (self.run)(&self.parameters, &self.call.context, row, &mut emit);
            if let Err(reject) = done {
                self.call.reject(self.step, *origin, reject);
            }
        }
        self.spare = emit.finish();
    }

    fn finish(self: Box<Self>) -> Result<Built, Failure> {
        self.next.finish()
    }
}

impl<In, Out, P, F> RowsBody for FlatMapBody<In, Out, P, F>
where
    In: Columns,
    Out: Output,
    P: 'static,
    F: for<'b, 'a, 'e> Fn(
            &P,
            &Context,
            &'b In::Of<'a>,
            &mut Emit<'e, 'a, Out>,
        ) -> Result<(), Reject>
        + Send
        + Sync
        + 'static,
{
    fn input(&self) -> TypeId {
        TypeId::of::<In>()
    }

    fn output(&self) -> TypeId {
        TypeId::of::<Out::View>()
    }

    fn start<'c>(
        &'c self,
        call: &'c Call,
        step: StepCall<'c>,
        next: Box<dyn Sink + 'c>,
    ) -> Result<Box<dyn Sink + 'c>, Failure> {
        Ok(Box::new(FlatMapSink::<In, Out, P, F> {
            call,
            step: step.index,
            parameters: (self.load)(step.parameters)?,
            run: &self.run,
            next,
            spare: Vec::new(),
            types: PhantomData,
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
        Box::new(ColumnSink::<Out::View>::new(call, want_origin))
    }
}
