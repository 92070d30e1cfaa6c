//! The step of `map` and `map_values`: one row in, one row out.
//!
//! Takes runs of rows. Gives runs as long, less what was refused. Never keeps a row.

use std::any::TypeId;
use std::marker::PhantomData;

use super::{Lent, Load, RowsBody, StepCall};
use crate::batch::Failure;
use crate::call::Call;
use crate::context::Context;
use crate::erased::Run;
use crate::output::Output;
use crate::position;
use crate::reject::Reject;
use crate::row::Columns;
use crate::sink::{Built, ColumnSink, Sink};
use crate::source::Source;

/// A function of rows, whether it may refuse some or not.
pub(super) trait MapRows<In: Columns, Out: Output, P>: Send + Sync + 'static {
    /// Maps rows up to the first that is refused.
    fn map_rows<'a>(
        &self,
        parameters: &P,
        context: &Context,
        rows: &[In::Of<'a>],
        origins: &[u32],
        made: &mut Vec<Out::Held<'a>>,
    ) -> Option<Reject>;
}

/// A function that takes every row. A run is made in one go, its length known beforehand: that
/// alone is worth a tenth of the time of a word count.
pub(super) struct Always<F>(pub(super) F);

impl<In, Out, P, F> MapRows<In, Out, P> for Always<F>
where
    In: Columns,
    Out: Output,
    F: for<'b, 'a> Fn(&P, &Context, Lent<'a>, &'b In::Of<'a>) -> Out::Held<'a>
        + Send
        + Sync
        + 'static,
{
    #[inline]
    fn map_rows<'a>(
        &self,
        parameters: &P,
        context: &Context,
        rows: &[In::Of<'a>],
        origins: &[u32],
        made: &mut Vec<Out::Held<'a>>,
    ) -> Option<Reject> {
        made.extend(rows.iter().zip(origins).map(|(row, origin)| {
            position::at_row(*origin);
            (self.0)(parameters, context, Lent(PhantomData), row)
        }));
        None
    }
}

/// A function that may refuse rows.
pub(super) struct Sometimes<F>(pub(super) F);

impl<In, Out, P, F> MapRows<In, Out, P> for Sometimes<F>
where
    In: Columns,
    Out: Output,
    F: for<'b, 'a> Fn(&P, &Context, Lent<'a>, &'b In::Of<'a>) -> Result<Out::Held<'a>, Reject>
        + Send
        + Sync
        + 'static,
{
    #[inline]
    fn map_rows<'a>(
        &self,
        parameters: &P,
        context: &Context,
        rows: &[In::Of<'a>],
        origins: &[u32],
        made: &mut Vec<Out::Held<'a>>,
    ) -> Option<Reject> {
        for (row, origin) in rows.iter().zip(origins) {
            position::at_row(*origin);
            match (self.0)(parameters, context, Lent(PhantomData), row) {
                Ok(row) => made.push(row),
                Err(reject) => return Some(reject),
            }
        }
        None
    }
}

pub(super) struct MapBody<In, Out, P, F> {
    load: Load<P>,
    run: F,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out, P, F> MapBody<In, Out, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

struct MapSink<'c, In: Columns, Out: Output, P, F> {
    call: &'c Call,
    step: u32,
    parameters: P,
    run: &'c F,
    next: Box<dyn Sink + 'c>,
    spare: Vec<Out::Held<'static>>,
    types: PhantomData<fn(In)>,
}

/// The same allocation for rows of another lifetime: compiled to nothing.
pub(super) fn emptied<A, B>(mut rows: Vec<A>) -> Vec<B> {
    rows.clear();
    rows.into_iter().map(|_| unreachable!("the rows were cleared")).collect()
}

impl<In: Columns, Out: Output, P, F: MapRows<In, Out, P>> MapSink<'_, In, Out, P, F> {
    #[inline]
    fn map_rows<'a>(
        &self,
        rows: &[In::Of<'a>],
        origins: &[u32],
        made: &mut Vec<Out::Held<'a>>,
    ) -> Option<Reject> {
        self.run.map_rows(&self.parameters, &self.call.context, rows, origins, made)
    }
}

impl<In: Columns, Out: Output, P, F: MapRows<In, Out, P>> Sink for MapSink<'_, In, Out, P, F> {
    fn push(&mut self, run: Run<'_, '_>, origins: &[u32]) {
        let Some(rows) = run.rows::<In>() else { return self.call.wrong_rows() };
        let mut made = emptied(std::mem::take(&mut self.spare));
        made.reserve(rows.len());
        position::enter_step(self.step);
        let (mut start, mut kept) = (0, Vec::new());
        while let Some(reject) = self.map_rows(&rows[start..], &origins[start..], &mut made) {
            let refused = start + made.len() - kept.len();
            kept.extend_from_slice(&origins[start..refused]);
            self.call.reject(self.step, origins[refused], reject);
            start = refused + 1;
        }
        if start == 0 {
            Out::push(&made, origins, &mut *self.next);
        } else {
            kept.extend_from_slice(&origins[start..]);
            Out::push(&made, &kept, &mut *self.next);
        }
        self.spare = emptied(made);
    }

    fn finish(self: Box<Self>) -> Result<Built, Failure> {
        self.next.finish()
    }
}

impl<In: Columns, Out: Output, P: 'static, F: MapRows<In, Out, P>> RowsBody
    for MapBody<In, Out, P, F>
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
        Ok(Box::new(MapSink::<In, Out, P, F> {
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
