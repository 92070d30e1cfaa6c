//! Api: operators made of closures.
//!
//! Takes a name and a closure over rows, whose types are spelled with `'static` as the SDK spells
//! them: `map::<&'static str, i64, _>("length", |line, _| line.len() as i64)`. The last argument of
//! a closure that returns rows does nothing but name how long its input is lent. Gives an operator.
//! Its key columns, where it makes any, are said with [`NativeOperator::with_keys`].

use std::sync::Arc;

use tidemill_sdk::context::Context;
use tidemill_sdk::description::Kind;
use tidemill_sdk::native::Table;
use tidemill_sdk::operator::{Declaration, Emit, Lent, Operator, Values};
use tidemill_sdk::output::Output;
use tidemill_sdk::row::Columns;
use tidemill_sdk::state::{Kept, State};

use super::{NativeError, NativePlugin, TableRef};
use crate::model::operation::NativeOperator;

/// One row out for each row in.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn map<In, Out, F>(name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    Out: Output,
    F: for<'a> Fn(In::Of<'a>, Lent<'a>) -> Out::Held<'a> + Send + Sync + 'static,
{
    map_of::<In, Out, F>(Kind::Map, name, run)
}

/// One value out for each value in; keys stay.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn map_values<In, Out, F>(name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    Out: Output,
    F: for<'a> Fn(In::Of<'a>, Lent<'a>) -> Out::Held<'a> + Send + Sync + 'static,
{
    map_of::<In, Out, F>(Kind::MapValues, name, run)
}

/// Any number of rows out for each row in: the closure pushes them.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn flat_map<In, Out, F>(name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    Out: Output,
    F: for<'e, 'a> Fn(In::Of<'a>, &mut Emit<'e, 'a, Out>) + Send + Sync + 'static,
{
    flat_map_of::<In, Out, F>(Kind::FlatMap, name, run)
}

/// Any number of values out for each value in: the closure pushes them; keys stay.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn flat_map_values<In, Out, F>(
    name: &'static str,
    run: F,
) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    Out: Output,
    F: for<'e, 'a> Fn(In::Of<'a>, &mut Emit<'e, 'a, Out>) + Send + Sync + 'static,
{
    flat_map_of::<In, Out, F>(Kind::FlatMapValues, name, run)
}

/// Keeps the rows that the closure says yes to.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn filter<In, F>(name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    F: for<'a> Fn(In::Of<'a>) -> bool + Send + Sync + 'static,
{
    only(Operator::filter::<In, (), _>(
        Declaration::named(name),
        |_| Ok(()),
        move |(), _, row| Ok(run(In::again(row))),
    ))
}

/// Folds two values of a key to one. It must be associative and commutative.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn reduce<In, F>(name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    F: for<'a> Fn(In::Of<'a>, In::Of<'a>, Lent<'a>) -> In::Of<'a> + Send + Sync + 'static,
{
    fold_of::<In, F>(Kind::Reduce, name, run)
}

/// Takes a value out of what it was folded into.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn inverse<In, F>(name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    F: for<'a> Fn(In::Of<'a>, In::Of<'a>, Lent<'a>) -> In::Of<'a> + Send + Sync + 'static,
{
    fold_of::<In, F>(Kind::Inverse, name, run)
}

fn fold_of<In, F>(kind: Kind, name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    F: for<'a> Fn(In::Of<'a>, In::Of<'a>, Lent<'a>) -> In::Of<'a> + Send + Sync + 'static,
{
    only(Operator::reduce::<In, (), _>(
        kind,
        Declaration::named(name),
        |_| Ok(()),
        move |(), _, lent, left, right| run(left, right, lent),
    ))
}

/// Values of a key into a result of another type: `add` takes a value into what was made so far,
/// `merge` makes one result of two.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn combine<In, C, F, M>(
    name: &'static str,
    add: F,
    merge: M,
) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    C: Kept,
    F: for<'a> Fn(Option<C>, In::Of<'a>) -> C + Send + Sync + 'static,
    M: Fn(C, C) -> C + Send + Sync + 'static,
{
    only(Operator::combine::<In, C, (), _, _>(
        Declaration::named(name),
        |_| Ok(()),
        move |(), _, so_far, value| add(so_far, value),
        merge,
    ))
}

/// The values of a key and its state in, its new state out: called in every batch for every key
/// that has values or a state. The first type is that of the key, `NoKey` where it is not needed.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn update_state<Key, In, S, F>(
    name: &'static str,
    run: F,
) -> Result<NativeOperator, NativeError>
where
    Key: Columns,
    In: Columns,
    S: Kept,
    F: for<'b, 'a> Fn(&'b Key::Of<'a>, Values<'a, In>, Option<S>) -> Option<S>
        + Send
        + Sync
        + 'static,
{
    only(Operator::update_state::<Key, In, S, (), _>(
        Declaration::named(name),
        |_| Ok(()),
        move |(), _, key, values, state| run(key, values, state),
    ))
}

/// A value and its key's state in, any number of rows out: the closure pushes them. It is called
/// once more, without a value, when a key's time is up.
///
/// # Errors
/// When a column is of a type that streams do not have.
pub fn map_with_state<Key, In, S, Out, F>(
    name: &'static str,
    run: F,
) -> Result<NativeOperator, NativeError>
where
    Key: Columns,
    In: Columns,
    S: Kept,
    Out: Output,
    F: for<'b, 'a, 's, 'e> Fn(
            &Context,
            &'b Key::Of<'a>,
            Option<In::Of<'a>>,
            &'s mut State<S>,
            &mut Emit<'e, 'a, Out>,
        ) + Send
        + Sync
        + 'static,
{
    only(Operator::map_with_state::<Key, In, S, Out, (), _>(
        Declaration::named(name),
        |_| Ok(()),
        move |(), context, key, value, state, emit| {
            run(context, key, value.map(In::again), state, emit);
            Ok(())
        },
    ))
}

fn map_of<In, Out, F>(kind: Kind, name: &'static str, run: F) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    Out: Output,
    F: for<'a> Fn(In::Of<'a>, Lent<'a>) -> Out::Held<'a> + Send + Sync + 'static,
{
    only(Operator::map::<In, Out, (), _>(
        kind,
        Declaration::named(name),
        |_| Ok(()),
        move |(), _, lent, row| run(In::again(row), lent),
    ))
}

fn flat_map_of<In, Out, F>(
    kind: Kind,
    name: &'static str,
    run: F,
) -> Result<NativeOperator, NativeError>
where
    In: Columns,
    Out: Output,
    F: for<'e, 'a> Fn(In::Of<'a>, &mut Emit<'e, 'a, Out>) + Send + Sync + 'static,
{
    only(Operator::flat_map::<In, Out, (), _>(
        kind,
        Declaration::named(name),
        |_| Ok(()),
        move |(), _, row, emit| {
            run(In::again(row), emit);
            Ok(())
        },
    ))
}

fn only(operator: Operator) -> Result<NativeOperator, NativeError> {
    let table = Table::new("program", "", "", vec![operator]);
    let name = table.describe().operators.first().map(|operator| operator.name.clone());
    let plugin = NativePlugin::of(TableRef::Shared(Arc::new(table)))?;
    plugin.operator(&name.unwrap_or_default())
}

impl NativeOperator {
    /// The same operator, the first so many columns of whose output are the key.
    #[must_use]
    pub fn with_keys(mut self, keys: usize) -> Self {
        // Planning refuses more keys than columns.
        self.description.output.keys = keys;
        self
    }
}
