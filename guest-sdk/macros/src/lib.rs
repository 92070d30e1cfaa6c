//! The attributes of `tidemill-sdk`: from a plain function or struct to what the host is told.
//!
//! Takes the author's items. Gives them back unchanged, with an operator or row beside them. Never
//! lets a wrong use through to errors about generated code where it can say what is wrong.

#![deny(missing_docs, unsafe_code)]

mod arguments;
mod call;
mod kind;
mod operator;
mod row;
mod signature;
mod stateful;
mod types;

use proc_macro::TokenStream;

use kind::Kind;
use operator::expand;

/// One row in, one row out. `keys = n` makes the first columns of the result the key.
#[proc_macro_attribute]
pub fn map(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::Map, arguments.into(), function.into()).into()
}

/// One row in, any number of rows out: an iterator, a `Vec` or an `Option`. `keys = n` makes the
/// first columns of the result the key.
#[proc_macro_attribute]
pub fn flat_map(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::FlatMap, arguments.into(), function.into()).into()
}

/// Keeps a row or drops it.
#[proc_macro_attribute]
pub fn filter(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::Filter, arguments.into(), function.into()).into()
}

/// A whole partition in, as an `impl Iterator<Item = ..>`, any number of rows out. `keys = n`
/// makes the first columns of the result the key.
#[proc_macro_attribute]
pub fn map_partitions(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::MapPartitions, arguments.into(), function.into()).into()
}

/// One value in, one value out; the host keeps the key.
#[proc_macro_attribute]
pub fn map_values(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::MapValues, arguments.into(), function.into()).into()
}

/// One value in, any number of values out; the host keeps the key.
#[proc_macro_attribute]
pub fn flat_map_values(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::FlatMapValues, arguments.into(), function.into()).into()
}

/// Two values of a key in, one out, all of one type. It must not matter how values are paired.
#[proc_macro_attribute]
pub fn reduce(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::Reduce, arguments.into(), function.into()).into()
}

/// Values into a result of another type: `so_far: Option<R>` and a value in, `R` out.
/// `merge = function` names the function that makes one result of two.
#[proc_macro_attribute]
pub fn combine(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::Combine, arguments.into(), function.into()).into()
}

/// A result and a value that was folded into it in, the result without that value out: what a
/// `#[reduce]` does, backwards.
#[proc_macro_attribute]
pub fn inverse(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::Inverse, arguments.into(), function.into()).into()
}

/// The values of a key in a batch, as an `impl Iterator<Item = ..>`, and its state, as an
/// `Option<S>`, in; its new state out, or `None` for none. Arguments with `#[key]` take the key.
/// `state_version = n` is raised when old states mean something else.
#[proc_macro_attribute]
pub fn update_state_by_key(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::UpdateState, arguments.into(), function.into()).into()
}

/// A value and its key's state, as a `&mut State<S>`, in; a row, an `Option`, a `Vec` or an
/// iterator of rows out. Arguments with `#[key]` take the key. A function that takes its values as
/// one `Option<..>` is also called, with `None`, when a key's time is up. `keys = n` makes the
/// first columns of the result the key, `state_version = n` is raised when old states mean
/// something else.
#[proc_macro_attribute]
pub fn map_with_state(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand(Kind::MapWithState, arguments.into(), function.into()).into()
}

/// Makes a struct with named fields a row: each field a column, found by its name.
#[proc_macro_derive(Row)]
pub fn row(item: TokenStream) -> TokenStream {
    row::expand(item.into()).into()
}
