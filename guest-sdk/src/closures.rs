//! Operators made of closures, for programs that have no attributes at hand.
//!
//! Takes a name and a closure. Gives an operator that chains like any other. Never reads
//! parameters: a closure has captured what it needs.

use crate::description::Kind;
use crate::operator::{Declaration, Emit, Lent, Operator};
use crate::output::Output;
use crate::row::Columns;

/// One row in, one row out: `map::<&str, (&str, i64)>("pair", |_, word| (word, 1))`.
pub fn map<In: Columns, Out: Output>(
    name: &'static str,
    run: impl for<'a> Fn(Lent<'a>, In::Of<'a>) -> Out::Held<'a> + Send + Sync + 'static,
) -> Operator {
    let declared = Declaration::named(name);
    Operator::map::<In, Out, (), _>(
        Kind::Map,
        declared,
        |_| Ok(()),
        move |(), _, lent, row| run(lent, In::again(row)),
    )
}

/// One row in, any number out, each given to [`Emit::push`].
pub fn flat_map<In: Columns, Out: Output>(
    name: &'static str,
    run: impl for<'a, 'e> Fn(In::Of<'a>, &mut Emit<'e, 'a, Out>) + Send + Sync + 'static,
) -> Operator {
    let declared = Declaration::named(name);
    Operator::flat_map::<In, Out, (), _>(
        Kind::FlatMap,
        declared,
        |_| Ok(()),
        move |(), _, row, emit| {
            run(In::again(row), emit);
            Ok(())
        },
    )
}

/// Keeps a row or drops it.
pub fn filter<In: Columns>(
    name: &'static str,
    run: impl for<'b, 'a> Fn(&'b In::Of<'a>) -> bool + Send + Sync + 'static,
) -> Operator {
    let declared = Declaration::named(name);
    Operator::filter::<In, (), _>(declared, |_| Ok(()), move |(), _, row| Ok(run(row)))
}

/// Two values of a key in, one out.
pub fn reduce<In: Columns>(
    name: &'static str,
    run: impl for<'a> Fn(Lent<'a>, In::Of<'a>, In::Of<'a>) -> In::Of<'a> + Send + Sync + 'static,
) -> Operator {
    let declared = Declaration::named(name);
    Operator::reduce::<In, (), _>(
        Kind::Reduce,
        declared,
        |_| Ok(()),
        move |(), _, lent, left, right| run(lent, left, right),
    )
}
