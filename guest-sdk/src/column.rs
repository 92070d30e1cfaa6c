//! Column types: how values of one are read from a batch, and gathered into another.
//!
//! Takes buffers of the border's layout. Gives values that borrow from them, and buffers of the
//! same layout in canonical form. Never looks at more than one column.

mod boolean;
mod list;
mod nullable;
mod number;
mod text;
mod time;

pub use boolean::Bits;
pub use list::{Items, List, ListBuilder, ListIter, ListReader};
pub use nullable::NullableBuilder;
pub use text::TextBuilder;
pub use time::{Date, Decimal, Timestamp};

use crate::batch::{Batch, Cursor, Failure, Node};

/// Rows that are pushed from operator to operator at a time: enough to hide what a push costs, few
/// enough for the nearest cache.
pub const RUN: usize = 128;

/// A column type of the border whose values are never null.
///
/// It is implemented for the spelling of the type with `'static`, such as `&'static str`, and
/// [`Scalar::Of`] is the same type with another lifetime.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no column type",
    label = "not a column type",
    note = "columns are bool, i32, i64, u64, f64, &str, &[u8], Timestamp, Date, Decimal<P, S>, \
            List<T>, and Option<..> of these; results may also be String and Vec<u8>"
)]
pub trait Scalar: 'static {
    /// A value that borrows from a batch.
    type Of<'a>: Copy;
    /// Where values are read from.
    type Reader<'a>: Copy;
    /// Where values are gathered.
    type Builder: Default;

    /// The word of the type grammar.
    fn data_type() -> String;
    /// Takes the own buffers of an array of that length, after its bitmap.
    ///
    /// # Errors
    /// When a buffer is missing or too short.
    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure>;
    /// The value of a row.
    fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a>;
    /// The same value, lent for a shorter time.
    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b>;
    /// The same reader, lent for a shorter time.
    fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b>;
    /// What stands in the place of a null.
    fn blank<'a>() -> Self::Of<'a>;
    /// Gathers the values of a run.
    fn append<'a>(builder: &mut Self::Builder, values: impl Iterator<Item = Self::Of<'a>> + Clone);
    /// Makes room, after `done` of `total` input rows were seen.
    fn reserve(builder: &mut Self::Builder, done: usize, total: usize);
    /// Gives the array's own buffers, after its bitmap.
    ///
    /// # Errors
    /// When the values are more than a column may hold.
    fn finish(builder: Self::Builder, batch: &mut Batch) -> Result<(), Failure>;
}

/// A column type of the border, nullable or not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no column type",
    label = "not a column type",
    note = "columns are bool, i32, i64, u64, f64, &str, &[u8], Timestamp, Date, Decimal<P, S>, \
            List<T>, and Option<..> of these; results may also be String and Vec<u8>"
)]
pub trait Value: 'static {
    /// A value that borrows from a batch.
    type Of<'a>: Copy;
    /// Where values are read from.
    type Reader<'a>: Copy;
    /// Where values are gathered.
    type Builder: Default;
    /// Whether a value may be missing.
    const NULLABLE: bool;

    /// The word of the type grammar.
    fn data_type() -> String;
    /// Takes the node and buffers of an array of that length.
    ///
    /// # Errors
    /// When something is missing or too short, or null where that is not allowed.
    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure>;
    /// The value of a row.
    fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a>;
    /// The same value, lent for a shorter time.
    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b>;
    /// The same reader, lent for a shorter time.
    fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b>;
    /// Gathers the values of a run.
    fn append<'a>(builder: &mut Self::Builder, values: impl Iterator<Item = Self::Of<'a>> + Clone);
    /// Makes room, after `done` of `total` input rows were seen.
    fn reserve(builder: &mut Self::Builder, done: usize, total: usize);
    /// Gives the array's node and buffers.
    ///
    /// # Errors
    /// When the values are more than a column may hold.
    fn finish(builder: Self::Builder, rows: u32, batch: &mut Batch) -> Result<(), Failure>;
}

impl<S: Scalar> Value for S {
    type Of<'a> = S::Of<'a>;
    type Reader<'a> = S::Reader<'a>;
    type Builder = S::Builder;
    const NULLABLE: bool = false;

    fn data_type() -> String {
        S::data_type()
    }

    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure> {
        let array = cursor.array(length)?;
        if array.has_nulls {
            let word = S::data_type();
            return Err(Failure::new(format!(
                "a column of type `{word}` has nulls; take it as `Option`"
            )));
        }
        S::open(cursor, length)
    }

    #[inline]
    fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a> {
        S::get(reader, row)
    }

    #[inline]
    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b> {
        S::shorten(value)
    }

    fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b> {
        S::lend(reader)
    }

    #[inline]
    fn append<'a>(builder: &mut S::Builder, values: impl Iterator<Item = Self::Of<'a>> + Clone) {
        S::append(builder, values);
    }

    fn reserve(builder: &mut S::Builder, done: usize, total: usize) {
        S::reserve(builder, done, total);
    }

    fn finish(builder: S::Builder, rows: u32, batch: &mut Batch) -> Result<(), Failure> {
        batch.nodes.push(Node { length: rows, nulls: 0 });
        batch.buffers.push(Vec::new());
        S::finish(builder, batch)
    }
}

/// Makes room for what the rows seen so far let expect of the rest, and a little more.
pub(crate) fn reserve<T>(buffer: &mut Vec<T>, done: usize, total: usize) {
    let expected = buffer.len() / done.max(1) * total.saturating_sub(done);
    buffer.reserve(expected + expected / 16);
}
