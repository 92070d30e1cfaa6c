//! Columns of numbers: values of one size, side by side.
//!
//! Takes and gives plain little-endian values. Never needs them aligned.

use super::RUN;

/// Gathers numbers over the stack, so that a buffer grows once per run.
#[inline]
pub(crate) fn append_numbers<N: bytemuck::Pod>(
    buffer: &mut Vec<u8>,
    values: impl Iterator<Item = N>,
) {
    let mut stack = [N::zeroed(); RUN];
    let mut filled = 0;
    for value in values {
        if filled == RUN {
            buffer.extend_from_slice(bytemuck::cast_slice(&stack));
            filled = 0;
        }
        stack[filled] = value;
        filled += 1;
    }
    buffer.extend_from_slice(bytemuck::cast_slice(&stack[..filled]));
}

/// A scalar whose values are numbers of one size, or are wrapped around them.
macro_rules! number_column {
    ([$($generics:tt)*] $name:ty, $number:ty, $word:expr, $wrap:expr, $unwrap:expr) => {
        impl $($generics)* $crate::column::Scalar for $name {
            type Of<'a> = $name;
            type Reader<'a> = &'a [[u8; size_of::<$number>()]];
            type Builder = Vec<u8>;

            fn data_type() -> String {
                $word
            }

            fn open<'a>(
                cursor: &mut $crate::batch::Cursor<'a>,
                length: usize,
            ) -> Result<Self::Reader<'a>, $crate::batch::Failure> {
                cursor.values(length)
            }

            #[inline]
            fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a> {
                $wrap(<$number>::from_ne_bytes(reader[row]))
            }

            fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b> {
                value
            }

            fn blank<'a>() -> Self::Of<'a> {
                $wrap(<$number>::default())
            }

            #[inline]
            fn append<'a>(
                builder: &mut Vec<u8>,
                values: impl Iterator<Item = Self::Of<'a>> + Clone,
            ) {
                $crate::column::number::append_numbers(builder, values.map($unwrap));
            }

            fn reserve(builder: &mut Vec<u8>, done: usize, total: usize) {
                $crate::column::reserve_bytes(builder, done, total);
            }

            fn finish(
                builder: Vec<u8>,
                batch: &mut $crate::batch::Batch,
            ) -> Result<(), $crate::batch::Failure> {
                batch.buffers.push(builder);
                Ok(())
            }
        }
    };
}
pub(crate) use number_column;

macro_rules! plain_number {
    ($($number:ty => $word:literal),* $(,)?) => {
        $(number_column!([] $number, $number, $word.to_owned(), std::convert::identity,
            std::convert::identity);)*
    };
}
plain_number!(i32 => "int32", i64 => "int64", u64 => "uint64", f64 => "float64");
