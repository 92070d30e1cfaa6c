//! The attributes of `tidemill-sdk`: from a plain function or struct to what the host is told.
//!
//! Takes the author's items. Gives them back unchanged, with an operator or row beside them. Never
//! lets a wrong use through to errors about generated code where it can say what is wrong.

#![deny(missing_docs, unsafe_code)]

mod operator;
mod row;
mod signature;
mod types;

use proc_macro::TokenStream;

use operator::{Kind, expand};

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

/// Makes a struct with named fields a row: each field a column, found by its name.
#[proc_macro_derive(Row)]
pub fn row(item: TokenStream) -> TokenStream {
    row::expand(item.into()).into()
}
