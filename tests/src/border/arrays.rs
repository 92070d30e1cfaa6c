//! Arrays of any type at random.
//!
//! Takes a column type and a number of rows. Gives arrays, nulls among them where they may be.
//! Never gives text that is none.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{ArrayRef, ListArray, PrimitiveArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use proptest::prelude::*;
use tidemill::model::column_type::ColumnType;

/// Arrays of the type with so many rows.
pub fn array(data_type: &ColumnType, nullable: bool, rows: usize) -> BoxedStrategy<ArrayRef> {
    match data_type {
        ColumnType::Bool => built(any::<bool>(), nullable, rows, |values| {
            let mut builder = BooleanBuilder::new();
            values.into_iter().for_each(|value| builder.append_option(value));
            Arc::new(builder.finish())
        }),
        ColumnType::Int32 => numbers::<Int32Type>(any::<i32>(), data_type, nullable, rows),
        ColumnType::Int64 => numbers::<Int64Type>(any::<i64>(), data_type, nullable, rows),
        ColumnType::UInt64 => numbers::<UInt64Type>(any::<u64>(), data_type, nullable, rows),
        // Any bits but those of NaN: two of these are never equal.
        ColumnType::Float64 => {
            let floats = proptest::num::f64::NORMAL | proptest::num::f64::ZERO;
            numbers::<Float64Type>(floats, data_type, nullable, rows)
        }
        ColumnType::Date32 => numbers::<Date32Type>(any::<i32>(), data_type, nullable, rows),
        ColumnType::Timestamp => {
            numbers::<TimestampMicrosecondType>(any::<i64>(), data_type, nullable, rows)
        }
        ColumnType::Decimal128(digits, _) => {
            let most = 10_i128.pow(u32::from(*digits)) - 1;
            numbers::<Decimal128Type>(-most..=most, data_type, nullable, rows)
        }
        ColumnType::Utf8 => built("[a-c€🦀]{0,5}", nullable, rows, |values| {
            let mut builder = StringBuilder::new();
            values.into_iter().for_each(|value| builder.append_option(value));
            Arc::new(builder.finish())
        }),
        ColumnType::Binary => {
            let bytes = prop::collection::vec(any::<u8>(), 0..5);
            built(bytes, nullable, rows, |values| {
                let mut builder = BinaryBuilder::new();
                values.into_iter().for_each(|value| builder.append_option(value));
                Arc::new(builder.finish())
            })
        }
        ColumnType::List(item, item_nullable) => {
            lists(data_type, (item, *item_nullable), nullable, rows)
        }
    }
}

fn built<T: std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
    nullable: bool,
    rows: usize,
    build: impl Fn(Vec<Option<T>>) -> ArrayRef + 'static,
) -> BoxedStrategy<ArrayRef> {
    let value = if nullable {
        prop::option::weighted(0.7, value).boxed()
    } else {
        value.prop_map(Some).boxed()
    };
    prop::collection::vec(value, rows).prop_map(build).boxed()
}

fn numbers<T: ArrowPrimitiveType>(
    value: impl Strategy<Value = T::Native> + 'static,
    data_type: &ColumnType,
    nullable: bool,
    rows: usize,
) -> BoxedStrategy<ArrayRef> {
    let arrow = data_type.to_arrow();
    built(value, nullable, rows, move |values| {
        let mut builder = PrimitiveBuilder::<T>::new();
        values.into_iter().for_each(|value| builder.append_option(value));
        let array: PrimitiveArray<T> = builder.finish().with_data_type(arrow.clone());
        Arc::new(array)
    })
}

fn lists(
    data_type: &ColumnType,
    (item, item_nullable): (&ColumnType, bool),
    nullable: bool,
    rows: usize,
) -> BoxedStrategy<ArrayRef> {
    let DataType::List(field) = data_type.to_arrow() else {
        unreachable!("a list is a list in Arrow")
    };
    let item = item.clone();
    let lengths = prop::collection::vec(0_usize..4, rows);
    let valid = if nullable { prop::bool::weighted(0.7).boxed() } else { Just(true).boxed() };
    let valid = prop::collection::vec(valid, rows);
    (lengths, valid)
        .prop_flat_map(move |(lengths, valid)| {
            let items = array(&item, item_nullable, lengths.iter().sum());
            (Just(lengths), Just(valid), items)
        })
        .prop_map(move |(lengths, valid, items)| {
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = nullable.then(|| NullBuffer::from(valid));
            let list = ListArray::try_new(Arc::clone(&field), offsets, items, nulls);
            Arc::new(list.expect("lengths add up")) as ArrayRef
        })
        .boxed()
}
