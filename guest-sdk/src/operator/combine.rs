//! The step of `combine`: the values of a group into a result of another type.
//!
//! Takes value columns and the group of each row, or results that were made before. Gives one
//! result per group. Never relies on the order in which groups first occur.

use std::marker::PhantomData;

use super::reduce::same_rows;
use super::{FoldBody, Load, Phase};
use crate::batch::{Batch, BatchRef, Cursor, Failure};
use crate::call::Call;
use crate::context::Context;
use crate::parameter::Parameters;
use crate::position;
use crate::row::{Columns, gather};
use crate::state::Kept;

pub(super) struct CombineBody<In, C, P, F, M> {
    load: Load<P>,
    add: F,
    merge: M,
    types: PhantomData<fn(In) -> C>,
}

impl<In, C, P, F, M> CombineBody<In, C, P, F, M> {
    pub(super) fn new(load: Load<P>, add: F, merge: M) -> Self {
        Self { load, add, merge, types: PhantomData }
    }
}

/// Folds the rows of each group, in their order.
fn fold_groups<R: Columns, C: Kept>(
    values: BatchRef<'_>,
    group_of_row: &[u32],
    groups: u32,
    add: impl for<'a> Fn(Option<C>, R::Of<'a>) -> C,
) -> Result<Batch, Failure> {
    let rows = values.rows as usize;
    if group_of_row.len() != rows {
        let found = group_of_row.len();
        return Err(Failure::new(format!("{found} group numbers for {rows} rows")));
    }
    let reader = R::open(&mut Cursor::new(values), rows)?;
    let mut folded: Vec<Option<C>> = (0..groups).map(|_| None).collect();
    position::enter_step(0);
    for (row, group) in group_of_row.iter().enumerate() {
        let Some(so_far) = folded.get_mut(*group as usize) else {
            return Err(Failure::new(format!("group {group} of {groups}")));
        };
        position::at_row(row as u32);
        *so_far = Some(add(so_far.take(), R::get(reader, row)));
    }
    let folded: Option<Vec<C>> = folded.into_iter().collect();
    let folded = folded.ok_or_else(|| Failure::new("a group has no row"))?;
    gather::<C::View>(folded.len(), |group| folded[group].lend())
}

impl<In, C, P, F, M> FoldBody for CombineBody<In, C, P, F, M>
where
    In: Columns,
    C: Kept,
    P: 'static,
    F: for<'a> Fn(&P, &Context, Option<C>, In::Of<'a>) -> C + Send + Sync + 'static,
    M: Fn(C, C) -> C + Send + Sync + 'static,
{
    fn fold(
        &self,
        call: &Call,
        parameters: &Parameters,
        phase: Phase,
        values: BatchRef<'_>,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<Batch, Failure> {
        let parameters = (self.load)(parameters)?;
        match phase {
            Phase::Values => fold_groups::<In, C>(values, group_of_row, groups, |so_far, value| {
                (self.add)(&parameters, &call.context, so_far, value)
            }),
            Phase::Partials => {
                fold_groups::<C::View, C>(values, group_of_row, groups, |so_far, made| {
                    let made = C::keep(made);
                    match so_far {
                        Some(so_far) => (self.merge)(so_far, made),
                        None => made,
                    }
                })
            }
        }
    }

    fn merge(
        &self,
        _call: &Call,
        _parameters: &Parameters,
        left: BatchRef<'_>,
        right: BatchRef<'_>,
    ) -> Result<Batch, Failure> {
        let rows = same_rows(left, right)?;
        let left = C::View::open(&mut Cursor::new(left), rows)?;
        let right = C::View::open(&mut Cursor::new(right), rows)?;
        position::enter_step(0);
        let merged: Vec<C> = (0..rows)
            .map(|row| {
                position::at_row(row as u32);
                let left = C::keep(C::View::get(left, row));
                (self.merge)(left, C::keep(C::View::get(right, row)))
            })
            .collect();
        gather::<C::View>(rows, |row| merged[row].lend())
    }
}
