//! The step of `update_state_by_key`: one call of the function for each key, with all its values.
//!
//! Takes keys with values and states. Gives the new states. Never makes rows: the host shows the
//! states.

use std::marker::PhantomData;

use super::{Load, StatefulBody};
use crate::batch::{Batch, Cursor, Failure};
use crate::call::Call;
use crate::context::Context;
use crate::parameter::Parameters;
use crate::position;
use crate::row::Columns;
use crate::state::Kept;
use crate::stateful::{StatefulAnswer, StatefulInput, States};

/// The values of one key, in the order they came.
pub struct Values<'a, In: Columns> {
    reader: In::Reader<'a>,
    rows: std::slice::Iter<'a, u32>,
}

impl<'a, In: Columns> Iterator for Values<'a, In> {
    type Item = In::Of<'a>;

    #[inline]
    fn next(&mut self) -> Option<In::Of<'a>> {
        let row = *self.rows.next()?;
        position::at_row(row);
        Some(In::get(self.reader, row as usize))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<In: Columns> ExactSizeIterator for Values<'_, In> {}

pub(super) struct UpdateStateBody<Key, In, S, P, F> {
    load: Load<P>,
    run: F,
    types: PhantomData<fn(Key, In) -> S>,
}

impl<Key, In, S, P, F> UpdateStateBody<Key, In, S, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

impl<Key, In, S, P, F> StatefulBody for UpdateStateBody<Key, In, S, P, F>
where
    Key: Columns,
    In: Columns,
    S: Kept,
    P: 'static,
    F: for<'b, 'a> Fn(&P, &Context, &'b Key::Of<'a>, Values<'a, In>, Option<S>) -> Option<S>
        + Send
        + Sync
        + 'static,
{
    fn update(
        &self,
        call: &Call,
        parameters: &Parameters,
        input: StatefulInput<'_>,
    ) -> Result<StatefulAnswer, Failure> {
        let parameters = (self.load)(parameters)?;
        let keys = Key::open(&mut Cursor::new(input.keys), input.keys.rows as usize)?;
        let reader = In::open(&mut Cursor::new(input.values), input.values.rows as usize)?;
        let mut states = States::<S>::open(&input)?;
        let (rows, ends) = rows_by_key(input.key_of_row, input.has_state.len());
        position::enter_step(0);
        let mut start = 0;
        for (number, end) in ends.into_iter().enumerate() {
            let values = Values { reader, rows: rows[start..end].iter() };
            start = end;
            let key = Key::get(keys, number);
            let before = states.take(number);
            let after = (self.run)(&parameters, &call.context, &key, values, before);
            states.set(number, after);
        }
        let (changes, states) = states.finish()?;
        Ok(StatefulAnswer { rows: Batch::default(), changes, states, rejected: Vec::new() })
    }
}

/// The rows of each key one after the other, and where each key's end.
fn rows_by_key(key_of_row: &[u32], keys: usize) -> (Vec<u32>, Vec<usize>) {
    let mut ends = vec![0_usize; keys];
    key_of_row.iter().for_each(|key| ends[*key as usize] += 1);
    let mut so_far = 0;
    let mut next = Vec::with_capacity(keys);
    for end in &mut ends {
        next.push(so_far);
        so_far += *end;
        *end = so_far;
    }
    let mut rows = vec![0; key_of_row.len()];
    for (row, key) in (0..).zip(key_of_row) {
        rows[next[*key as usize]] = row;
        next[*key as usize] += 1;
    }
    (rows, ends)
}
