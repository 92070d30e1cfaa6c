//! The step of `map_with_state`: one call of the function for each value, in the order they came.
//!
//! Takes keys with values and states. Gives rows and changed states. Never calls the function for
//! a key without values, unless the key's time is up.

use std::marker::PhantomData;

use super::{Emit, Load, StatefulBody};
use crate::batch::{Cursor, Failure};
use crate::call::Call;
use crate::context::Context;
use crate::output::Output;
use crate::parameter::Parameters;
use crate::reject::Reject;
use crate::row::Columns;
use crate::sink::{ColumnSink, Sink};
use crate::state::{Kept, State};
use crate::stateful::{StatefulAnswer, StatefulInput, States};

pub(super) struct MapWithStateBody<Key, In, S, Out, P, F> {
    load: Load<P>,
    run: F,
    #[allow(clippy::type_complexity, reason = "names the types of a body, nothing else")]
    types: PhantomData<fn(Key, In, S) -> Out>,
}

impl<Key, In, S, Out, P, F> MapWithStateBody<Key, In, S, Out, P, F> {
    pub(super) fn new(load: Load<P>, run: F) -> Self {
        Self { load, run, types: PhantomData }
    }
}

impl<Key, In, S, Out, P, F> StatefulBody for MapWithStateBody<Key, In, S, Out, P, F>
where
    Key: Columns,
    In: Columns,
    S: Kept,
    Out: Output,
    P: 'static,
    F: for<'b, 'a, 's, 'e> Fn(
            &P,
            &Context,
            &'b Key::Of<'a>,
            Option<&'b In::Of<'a>>,
            &'s mut State<S>,
            &mut Emit<'e, 'a, Out>,
        ) -> Result<(), Reject>
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
        let values = In::open(&mut Cursor::new(input.values), input.values.rows as usize)?;
        let mut states = States::<S>::open(&input)?;
        let mut sink = ColumnSink::<Out::View>::new(call, false);
        let mut spare = Vec::new();
        let mut emit = Emit::<Out>::new(0, &mut spare, &mut sink);
        if input.timing_out {
            for key in 0..input.has_state.len() {
                let mut state = State::timing_out(states.take(key));
                let key = Key::get(keys, key);
                // There is no value that could be refused.
                let _refused =
                    (self.run)(&parameters, &call.context, &key, None, &mut state, &mut emit);
            }
        }
        for (row, key) in (0..).zip(input.key_of_row) {
            emit.at_row(row);
            let state = states.of(*key as usize);
            let (key, value) = (Key::get(keys, *key as usize), In::get(values, row as usize));
            let made = (self.run)(&parameters, &call.context, &key, Some(&value), state, &mut emit);
            if let Err(reject) = made {
                call.reject(0, row, reject);
            }
        }
        emit.finish();
        call.check()?;
        let built = Box::new(sink).finish()?;
        let (changes, states) = states.finish()?;
        Ok(StatefulAnswer { rows: built.batch, changes, states, rejected: Vec::new() })
    }
}
