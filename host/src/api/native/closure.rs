//! Api: operators made of closures.
//!
//! Takes a name and a closure over rows, whose types are spelled with `'static` as the SDK spells
//! them: `map::<&'static str, i64, _>("length", |line, _| line.len() as i64)`. The last argument of
//! a closure that returns rows does nothing but name how long its input is lent. Gives an operator.
//! Its key columns, where it makes any, are said with [`NativeOperator::with_keys`].

use std::sync::Arc;

use tidemill_sdk::description::Kind;
use tidemill_sdk::native::Table;
use tidemill_sdk::operator::{Declaration, Emit, Lent, Operator};
use tidemill_sdk::output::Output;
use tidemill_sdk::row::Columns;

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
    only(Operator::reduce::<In, (), _>(
        Declaration::named(name),
        |_| Ok(()),
        move |(), _, lent, left, right| run(left, right, lent),
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
