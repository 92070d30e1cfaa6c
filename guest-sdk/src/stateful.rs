//! Calls of stateful operators: keys with their values and states in, rows and changes out.
//!
//! Takes batches as the host lends them. Gives what becomes of each state. Never mixes up keys:
//! their order is the host's.

use crate::batch::{Batch, BatchRef, Cursor, Failure};
use crate::description::Field;
use crate::reject::Rejection;
use crate::row::{Columns, gather};
use crate::state::{Kept, State};

/// Keys of one partition with what came for them.
#[derive(Debug, Clone, Copy)]
pub struct StatefulInput<'a> {
    /// The keys, a row each; no two are equal.
    pub keys: BatchRef<'a>,
    /// The values, in the order they came.
    pub values: BatchRef<'a>,
    /// The key of each value.
    pub key_of_row: &'a [u32],
    /// Whether each key has a state.
    pub has_state: &'a [bool],
    /// A row for each key that has a state, in the keys' order.
    pub states: BatchRef<'a>,
    /// Whether the keys' time is up: there are no values then, and the states go.
    pub timing_out: bool,
}

impl StatefulInput<'_> {
    /// Whether the numbers agree, so that nobody has to doubt them later.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let (keys, values) = (self.has_state.len(), self.key_of_row.len());
        let states = self.has_state.iter().filter(|has| **has).count();
        for (what, found, expected) in [
            ("keys", self.keys.rows as usize, keys),
            ("values", self.values.rows as usize, values),
            ("states", self.states.rows as usize, states),
        ] {
            if found != expected {
                return Err(Failure::new(format!("{found} {what}, expected {expected}")));
            }
        }
        match self.key_of_row.iter().find(|key| **key as usize >= keys) {
            Some(key) => Err(Failure::new(format!("a value of key {key}, there are {keys}"))),
            None => Ok(()),
        }
    }
}

/// What becomes of a key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is, or stays missing.
    Keep,
    /// A new one stands in its place.
    Update,
    /// There is none any more.
    Remove,
}

/// What a stateful operator made of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatefulAnswer {
    /// Rows.
    pub rows: Batch,
    /// What becomes of each key's state.
    pub changes: Vec<Change>,
    /// The new states, in the keys' order.
    pub states: Batch,
    /// Values that were refused.
    pub rejected: Vec<Rejection>,
}

/// The states of a call's keys, read when they are first asked for.
pub(crate) struct States<'a, S: Kept> {
    reader: <S::View as Columns>::Reader<'a>,
    /// The row of each key's state.
    places: Vec<Option<usize>>,
    touched: Vec<Option<State<S>>>,
}

impl<'a, S: Kept> States<'a, S> {
    pub(crate) fn open(input: &StatefulInput<'a>) -> Result<Self, Failure> {
        let rows = input.states.rows as usize;
        let reader = <S::View as Columns>::open(&mut Cursor::new(input.states), rows)?;
        let mut next = 0..rows;
        let places: Vec<_> =
            input.has_state.iter().map(|has| if *has { next.next() } else { None }).collect();
        let touched = places.iter().map(|_| None).collect();
        Ok(Self { reader, places, touched })
    }

    fn read(&self, key: usize) -> Option<S> {
        let place = self.places.get(key).copied().flatten();
        place.map(|row| S::keep(<S::View as Columns>::get(self.reader, row)))
    }

    /// The state of a key before this batch, once for each key.
    pub(crate) fn take(&self, key: usize) -> Option<S> {
        self.read(key)
    }

    /// The state of a key as the calls before left it.
    pub(crate) fn of(&mut self, key: usize) -> &mut State<S> {
        let read = match &self.touched[key] {
            Some(_) => None,
            None => Some(State::for_test(self.read(key))),
        };
        let state =
            self.touched[key].get_or_insert_with(|| read.unwrap_or_else(|| State::for_test(None)));
        state.begin_call();
        state
    }

    /// Puts what a function made of a state in its place.
    pub(crate) fn set(&mut self, key: usize, kept: Option<S>) {
        let mut state = State::for_test(None);
        match kept {
            Some(kept) => state.update(kept),
            None => state.remove(),
        }
        self.touched[key] = Some(state);
    }

    /// What becomes of each, and the new ones.
    pub(crate) fn finish(self) -> Result<(Vec<Change>, Batch), Failure> {
        let mut new: Vec<&S> = Vec::new();
        let changes = self.touched.iter().zip(&self.places).map(|(state, before)| {
            let changed = state.as_ref().filter(|state| state.was_changed());
            match (changed.map(State::get), before) {
                (Some(Some(kept)), _) => {
                    new.push(kept);
                    Change::Update
                }
                (Some(None), Some(_)) => Change::Remove,
                (Some(None), None) | (None, _) => Change::Keep,
            }
        });
        let changes = changes.collect();
        let states = gather::<S::View>(new.len(), |row| new[row].lend())?;
        Ok((changes, states))
    }
}

/// The key of an operator that asks for none.
#[derive(Debug, Clone, Copy)]
pub struct NoKey;

impl Columns for NoKey {
    type Of<'a> = Self;
    type Reader<'a> = ();
    type Builder = ();
    const BY_NAME: bool = false;

    fn fields() -> Vec<Field> {
        Vec::new()
    }

    fn open<'a>(_cursor: &mut Cursor<'a>, _rows: usize) -> Result<(), Failure> {
        Ok(())
    }

    fn get<'a>((): (), _row: usize) -> Self::Of<'a> {
        Self
    }

    fn again<'a>(_row: &Self::Of<'a>) -> Self::Of<'a> {
        Self
    }

    fn append<'a>((): &mut (), _rows: &[Self]) {}

    fn reserve((): &mut (), _done: usize, _total: usize) {}

    fn finish((): (), _rows: u32, _batch: &mut Batch) -> Result<(), Failure> {
        Ok(())
    }
}
