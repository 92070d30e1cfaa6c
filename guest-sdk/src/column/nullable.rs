//! Columns in which a row may lack its value.
//!
//! Takes a bitmap, or none. Gives one only once a null has occurred. Never reads a null's value.

use super::boolean::{Bits, bit};
use super::{Scalar, Value};
use crate::batch::{Batch, Cursor, Failure, Node};

/// Values, and a bitmap once a null has occurred.
pub struct NullableBuilder<S: Scalar> {
    values: S::Builder,
    rows: usize,
    nulls: u32,
    validity: Option<Bits>,
}

impl<S: Scalar> Default for NullableBuilder<S> {
    fn default() -> Self {
        Self { values: S::Builder::default(), rows: 0, nulls: 0, validity: None }
    }
}

impl<S: Scalar> Value for Option<S> {
    type Of<'a> = Option<S::Of<'a>>;
    type Reader<'a> = (Option<&'a [u8]>, S::Reader<'a>);
    type Builder = NullableBuilder<S>;
    const NULLABLE: bool = true;

    fn data_type() -> String {
        S::data_type()
    }

    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure> {
        let array = cursor.array(length)?;
        let validity = array.has_nulls.then_some(array.validity);
        Ok((validity, S::open(cursor, length)?))
    }

    #[inline]
    fn get<'a>((validity, values): Self::Reader<'a>, row: usize) -> Self::Of<'a> {
        match validity {
            Some(bits) if !bit(bits, row) => None,
            _ => Some(S::get(values, row)),
        }
    }

    #[inline]
    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b> {
        value.map(S::shorten)
    }

    fn lend<'b, 'a: 'b>((validity, values): Self::Reader<'a>) -> Self::Reader<'b> {
        (validity, S::lend(values))
    }

    fn append<'a>(builder: &mut Self::Builder, values: impl Iterator<Item = Self::Of<'a>> + Clone) {
        let (mut rows, mut nulls) = (0, 0);
        for value in values.clone() {
            rows += 1;
            nulls += u32::from(value.is_none());
        }
        if nulls > 0 && builder.validity.is_none() {
            builder.validity = Some(Bits::ones(builder.rows));
        }
        if let Some(bits) = &mut builder.validity {
            bits.extend(values.clone().map(|value| value.is_some()));
        }
        builder.rows += rows;
        builder.nulls += nulls;
        S::append(&mut builder.values, values.map(|value| value.unwrap_or_else(S::blank)));
    }

    fn reserve(builder: &mut Self::Builder, done: usize, total: usize) {
        if let Some(bits) = &mut builder.validity {
            bits.reserve(done, total);
        }
        S::reserve(&mut builder.values, done, total);
    }

    fn finish(builder: Self::Builder, rows: u32, batch: &mut Batch) -> Result<(), Failure> {
        batch.nodes.push(Node { length: rows, nulls: builder.nulls });
        batch.buffers.push(builder.validity.map(Bits::into_bytes).unwrap_or_default());
        S::finish(builder.values, batch)
    }
}
