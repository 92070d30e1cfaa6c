//! Rows: what an operator takes, read from and gathered into columns.
//!
//! Takes the columns of a batch. Gives rows that borrow from them, and columns again. Never keeps
//! a row.

use crate::batch::{Batch, BatchRef, Cursor, Failure, row_number};
use crate::column::{RUN, Value};
use crate::description::Field;
use crate::erased::Family;

/// The columns of a row: a single value, a tuple of values, or a struct with `#[derive(Row)]`.
///
/// It is implemented for the spelling of the type with `'static`, such as `(&'static str, i64)`,
/// and [`Columns::Of`] is the same type with another lifetime.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no row",
    label = "not a row",
    note = "a row is a column type, a tuple of up to 12 column types, or a struct with \
            `#[derive(Row)]`; in tuples that hold a `String` or `Vec<u8>` spell those types out",
    note = "column types are bool, i32, i64, u64, f64, &str, &[u8], Timestamp, Date, \
            Decimal<P, S>, List<T>, and Option<..> of these"
)]
pub trait Columns: 'static {
    /// A row that borrows from a batch.
    type Of<'a>;
    /// Where rows are read from.
    type Reader<'a>: Copy;
    /// Where rows are gathered.
    type Builder: Default;
    /// Whether columns are found by name; by position otherwise.
    const BY_NAME: bool;

    /// The columns, in order.
    fn fields() -> Vec<Field>;
    /// Takes the nodes and buffers of the columns.
    ///
    /// # Errors
    /// When something is missing or too short, or null where that is not allowed.
    fn open<'a>(cursor: &mut Cursor<'a>, rows: usize) -> Result<Self::Reader<'a>, Failure>;
    /// The row of that number.
    fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a>;
    /// The same row once more.
    fn again<'a>(row: &Self::Of<'a>) -> Self::Of<'a>;
    /// Gathers a run of rows.
    fn append<'a>(builder: &mut Self::Builder, rows: &[Self::Of<'a>]);
    /// Makes room, after `done` of `total` input rows were seen.
    fn reserve(builder: &mut Self::Builder, done: usize, total: usize);
    /// Gives the nodes and buffers of the columns.
    ///
    /// # Errors
    /// When the values are more than a column may hold.
    fn finish(builder: Self::Builder, rows: u32, batch: &mut Batch) -> Result<(), Failure>;
}

impl<C: Columns> Family for C {
    type Of<'a> = C::Of<'a>;
}

/// Gathers rows into a batch.
///
/// # Errors
/// When they are more than a batch may hold.
pub fn gather<'a, C: Columns>(
    rows: usize,
    row_of: impl Fn(usize) -> C::Of<'a>,
) -> Result<Batch, Failure> {
    let mut columns = C::Builder::default();
    let mut run = Vec::with_capacity(RUN);
    for start in (0..rows).step_by(RUN) {
        run.clear();
        run.extend((start..rows.min(start + RUN)).map(&row_of));
        C::append(&mut columns, &run);
        if start == 0 {
            C::reserve(&mut columns, run.len(), rows);
        }
    }
    let rows = row_number(rows)?;
    let mut batch = Batch { rows, ..Batch::default() };
    C::finish(columns, rows, &mut batch)?;
    Ok(batch)
}

/// The rows of a batch, one by one.
///
/// # Errors
/// When the batch has not the columns of the row.
pub fn read<'a, C: Columns>(batch: BatchRef<'a>) -> Result<Vec<C::Of<'a>>, Failure> {
    let rows = batch.rows as usize;
    let reader = C::open(&mut Cursor::new(batch), rows)?;
    Ok((0..rows).map(|row| C::get(reader, row)).collect())
}

impl<V: Value> Columns for V {
    type Of<'a> = V::Of<'a>;
    type Reader<'a> = V::Reader<'a>;
    type Builder = V::Builder;
    const BY_NAME: bool = false;

    fn fields() -> Vec<Field> {
        vec![Field::of::<V>("value")]
    }

    fn open<'a>(cursor: &mut Cursor<'a>, rows: usize) -> Result<Self::Reader<'a>, Failure> {
        V::open(cursor, rows)
    }

    #[inline]
    fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a> {
        V::get(reader, row)
    }

    #[inline]
    fn again<'a>(row: &Self::Of<'a>) -> Self::Of<'a> {
        *row
    }

    #[inline]
    fn append<'a>(builder: &mut V::Builder, rows: &[Self::Of<'a>]) {
        V::append(builder, rows.iter().copied());
    }

    fn reserve(builder: &mut V::Builder, done: usize, total: usize) {
        V::reserve(builder, done, total);
    }

    fn finish(builder: V::Builder, rows: u32, batch: &mut Batch) -> Result<(), Failure> {
        V::finish(builder, rows, batch)
    }
}

macro_rules! tuple_row {
    ($($value:ident $place:tt $name:literal),*) => {
        impl<$($value: Value),*> Columns for ($($value,)*) {
            type Of<'a> = ($($value::Of<'a>,)*);
            type Reader<'a> = ($($value::Reader<'a>,)*);
            type Builder = ($($value::Builder,)*);
            const BY_NAME: bool = false;

            fn fields() -> Vec<Field> {
                vec![$(Field::of::<$value>($name)),*]
            }

            fn open<'a>(cursor: &mut Cursor<'a>, rows: usize) -> Result<Self::Reader<'a>, Failure> {
                Ok(($($value::open(cursor, rows)?,)*))
            }

            #[inline]
            fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a> {
                ($($value::get(reader.$place, row),)*)
            }

            #[inline]
            fn again<'a>(row: &Self::Of<'a>) -> Self::Of<'a> {
                *row
            }

            #[inline]
            fn append<'a>(builder: &mut Self::Builder, rows: &[Self::Of<'a>]) {
                $($value::append(&mut builder.$place, rows.iter().map(|row| row.$place));)*
            }

            fn reserve(builder: &mut Self::Builder, done: usize, total: usize) {
                $($value::reserve(&mut builder.$place, done, total);)*
            }

            fn finish(
                builder: Self::Builder,
                rows: u32,
                batch: &mut Batch,
            ) -> Result<(), Failure> {
                $($value::finish(builder.$place, rows, batch)?;)*
                Ok(())
            }
        }
    };
}

tuple_row!(A 0 "_1");
tuple_row!(A 0 "_1", B 1 "_2");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5", F 5 "_6");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5", F 5 "_6", G 6 "_7");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5", F 5 "_6", G 6 "_7", H 7 "_8");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5", F 5 "_6", G 6 "_7", H 7 "_8",
    I 8 "_9");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5", F 5 "_6", G 6 "_7", H 7 "_8",
    I 8 "_9", J 9 "_10");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5", F 5 "_6", G 6 "_7", H 7 "_8",
    I 8 "_9", J 9 "_10", K 10 "_11");
tuple_row!(A 0 "_1", B 1 "_2", C 2 "_3", D 3 "_4", E 4 "_5", F 5 "_6", G 6 "_7", H 7 "_8",
    I 8 "_9", J 9 "_10", K 10 "_11", L 11 "_12");
