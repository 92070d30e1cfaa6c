//! Columns of numbers: values of one size, side by side.
//!
//! Takes and gives plain little-endian values. Never needs them aligned.

/// A scalar whose values are numbers of one size, or are wrapped around them.
macro_rules! number_column {
    ([$($generics:tt)*] $name:ty, $number:ty, $word:expr, $wrap:expr, $unwrap:expr) => {
        impl $($generics)* $crate::column::Scalar for $name {
            type Of<'a> = $name;
            type Reader<'a> = &'a [[u8; size_of::<$number>()]];
            type Builder = Vec<[u8; size_of::<$number>()]>;

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

            fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b> {
                reader
            }

            fn blank<'a>() -> Self::Of<'a> {
                $wrap(<$number>::default())
            }

            #[inline]
            fn append<'a>(
                builder: &mut Self::Builder,
                values: impl Iterator<Item = Self::Of<'a>> + Clone,
            ) {
                let unwrap: fn($name) -> $number = $unwrap;
                builder.extend(values.map(|value| unwrap(value).to_ne_bytes()));
            }

            fn reserve(builder: &mut Self::Builder, done: usize, total: usize) {
                $crate::column::reserve(builder, done, total);
            }

            fn finish(
                builder: Self::Builder,
                batch: &mut $crate::batch::Batch,
            ) -> Result<(), $crate::batch::Failure> {
                batch.buffers.push(builder.into_flattened());
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
