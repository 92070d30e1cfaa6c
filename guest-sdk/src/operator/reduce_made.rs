//! The step of a `reduce` that makes values of its own, such as text from two texts.
//!
//! Takes value columns and the group of each row, or two batches row by row. Gives one row per
//! group, or per pair. Never copies the value of a group that has only one.

use std::marker::PhantomData;

use super::{FoldBody, Load, Phase};
use crate::batch::{Batch, BatchRef, Cursor, Failure};
use crate::call::Call;
use crate::column::Value;
use crate::context::Context;
use crate::groups::Groups;
use crate::output::Owned;
use crate::parameter::Parameters;
use crate::position;
use crate::row::gather;

pub(super) struct ReduceMadeBody<Out, P, F> {
    load: Load<P>,
    run: F,
    types: PhantomData<fn() -> Out>,
}

impl<Out, P, F> ReduceMadeBody<Out, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

/// The value of a group so far.
enum SoFar<Out> {
    /// That of the row.
    Row(usize),
    /// What was made of several.
    Made(Out),
}

impl<Out: Owned> SoFar<Out> {
    fn lend<'s>(
        &'s self,
        value_of: impl Fn(usize) -> <Out::View as Value>::Of<'s>,
    ) -> <Out::View as Value>::Of<'s> {
        match self {
            Self::Row(row) => value_of(*row),
            Self::Made(made) => made.lend(),
        }
    }
}

impl<Out, P, F> FoldBody for ReduceMadeBody<Out, P, F>
where
    Out: Owned,
    P: 'static,
    F: for<'a> Fn(&P, &Context, <Out::View as Value>::Of<'a>, <Out::View as Value>::Of<'a>) -> Out
        + Send
        + Sync
        + 'static,
{
    fn fold(
        &self,
        call: &Call,
        parameters: &Parameters,
        _phase: Phase,
        values: BatchRef<'_>,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<Batch, Failure> {
        let parameters = (self.load)(parameters)?;
        let mut folded: Vec<SoFar<Out>> = Vec::with_capacity(groups.min(values.rows) as usize);
        let reader = <Out::View as Value>::open(&mut Cursor::new(values), values.rows as usize)?;
        let value_of = |row| <Out::View as Value>::get(reader, row);
        position::enter_step(0);
        let groups =
            Groups::each_row(group_of_row, values.rows, groups, |row, group| {
                match folded.get_mut(group) {
                    Some(so_far) => {
                        position::at_row(row as u32);
                        let made = (self.run)(
                            &parameters,
                            &call.context,
                            so_far.lend(|row| Out::View::shorten(value_of(row))),
                            Out::View::shorten(value_of(row)),
                        );
                        *so_far = SoFar::Made(made);
                    }
                    None => folded.push(SoFar::Row(row)),
                }
            })?;
        gather::<Out::View>(folded.len(), |group| {
            folded[groups.place(group)].lend(|row| Out::View::shorten(value_of(row)))
        })
    }

    fn merge(
        &self,
        call: &Call,
        parameters: &Parameters,
        left: BatchRef<'_>,
        right: BatchRef<'_>,
    ) -> Result<Batch, Failure> {
        let parameters = (self.load)(parameters)?;
        let rows = super::reduce::same_rows(left, right)?;
        let left = <Out::View as Value>::open(&mut Cursor::new(left), rows)?;
        let right = <Out::View as Value>::open(&mut Cursor::new(right), rows)?;
        position::enter_step(0);
        let merge = |row| {
            position::at_row(row as u32);
            let left = <Out::View as Value>::get(left, row);
            let right = <Out::View as Value>::get(right, row);
            (self.run)(&parameters, &call.context, left, right)
        };
        let merged: Vec<Out> = (0..rows).map(merge).collect();
        gather::<Out::View>(rows, |row| merged[row].lend())
    }
}
