//! The step of `reduce`: two values of a group in, one out.
//!
//! Takes value columns and the group of each row, or two batches row by row. Gives one row per
//! group, or per pair. Never relies on the order in which groups first occur.

use std::marker::PhantomData;

use super::{FoldBody, Lent, Load, Phase};
use crate::batch::{Batch, BatchRef, Cursor, Failure};
use crate::call::Call;
use crate::context::Context;
use crate::groups::Groups;
use crate::parameter::Parameters;
use crate::position;
use crate::row::{Columns, gather};

pub(super) struct ReduceBody<In, P, F> {
    load: Load<P>,
    run: F,
    types: PhantomData<fn(In)>,
}

impl<In, P, F> ReduceBody<In, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

/// How many rows there are on both sides.
pub(super) fn same_rows(left: BatchRef<'_>, right: BatchRef<'_>) -> Result<usize, Failure> {
    if left.rows != right.rows {
        let (left, right) = (left.rows, right.rows);
        return Err(Failure::new(format!("{left} rows to merge with {right}")));
    }
    Ok(left.rows as usize)
}

impl<In, P, F> FoldBody for ReduceBody<In, P, F>
where
    In: Columns,
    P: 'static,
    F: for<'a> Fn(&P, &Context, Lent<'a>, In::Of<'a>, In::Of<'a>) -> In::Of<'a>
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
        let reader = In::open(&mut Cursor::new(values), values.rows as usize)?;
        let mut folded: Vec<In::Of<'_>> = Vec::with_capacity(groups.min(values.rows) as usize);
        position::enter_step(0);
        let groups = Groups::each_row(group_of_row, values.rows, groups, |row, group| {
            let value = In::get(reader, row);
            match folded.get_mut(group) {
                Some(so_far) => {
                    position::at_row(row as u32);
                    *so_far = (self.run)(
                        &parameters,
                        &call.context,
                        Lent(PhantomData),
                        In::again(so_far),
                        value,
                    );
                }
                None => folded.push(value),
            }
        })?;
        gather::<In>(folded.len(), |group| In::again(&folded[groups.place(group)]))
    }

    fn merge(
        &self,
        call: &Call,
        parameters: &Parameters,
        left: BatchRef<'_>,
        right: BatchRef<'_>,
    ) -> Result<Batch, Failure> {
        let parameters = (self.load)(parameters)?;
        let rows = same_rows(left, right)?;
        let left = In::open(&mut Cursor::new(left), rows)?;
        let right = In::open(&mut Cursor::new(right), rows)?;
        position::enter_step(0);
        gather::<In>(rows, |row| {
            position::at_row(row as u32);
            (self.run)(
                &parameters,
                &call.context,
                Lent(PhantomData),
                In::get(left, row),
                In::get(right, row),
            )
        })
    }
}
