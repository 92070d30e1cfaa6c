//! Properties of the border: what is lowered lifts to itself, and no answer makes lifting panic.
//!
//! Takes schemas, rows, slices and mutations at random. Gives nothing but passed or failed. Never
//! needs wasm.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use proptest::prelude::*;
use proptest::sample::Index;
use tidemill::model::column_type::ColumnType;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::wasm::exchange::{AnswerLimits, BatchShape, RawBatch};

use super::arrays::array;

fn scalar_type() -> impl Strategy<Value = ColumnType> {
    prop_oneof![
        Just(ColumnType::Bool),
        Just(ColumnType::Int32),
        Just(ColumnType::Int64),
        Just(ColumnType::UInt64),
        Just(ColumnType::Float64),
        Just(ColumnType::Utf8),
        Just(ColumnType::Binary),
        Just(ColumnType::Date32),
        Just(ColumnType::Timestamp),
        (1_u8..=38).prop_map(|digits| ColumnType::Decimal128(digits, 0)),
    ]
}

fn column_type() -> impl Strategy<Value = ColumnType> {
    let list = |item: BoxedStrategy<ColumnType>| {
        (item, any::<bool>()).prop_map(|(item, nulls)| ColumnType::List(Box::new(item), nulls))
    };
    prop_oneof![
        3 => scalar_type(),
        1 => list(scalar_type().boxed()),
        1 => list(list(scalar_type().boxed()).boxed()),
    ]
}

/// Columns with their rows, longer than what is looked at.
fn batch() -> impl Strategy<Value = (Vec<Column>, RecordBatch)> {
    let column = (column_type(), any::<bool>());
    (prop::collection::vec(column, 1..4), 0_usize..40, any::<Index>(), any::<Index>())
        .prop_flat_map(|(types, rows, from, to)| {
            let columns: Vec<Column> = types
                .iter()
                .enumerate()
                .map(|(at, (data_type, nullable))| Column {
                    name: format!("c{at}"),
                    data_type: data_type.clone(),
                    nullable: *nullable,
                })
                .collect();
            let arrays: Vec<BoxedStrategy<ArrayRef>> =
                columns.iter().map(|c| array(&c.data_type, c.nullable, rows)).collect();
            let from = from.index(rows + 1);
            let length = to.index(rows - from + 1);
            (Just(columns), arrays.prop_map(move |arrays| sliced(arrays, from, length)))
        })
        .prop_map(|(columns, arrays)| {
            let schema = StreamSchema::new(columns.clone()).to_arrow();
            let rows = RecordBatchOptions::new().with_row_count(arrays.first().map(|a| a.len()));
            let batch = RecordBatch::try_new_with_options(schema, arrays, &rows);
            (columns, batch.expect("arrays of the schema"))
        })
}

fn sliced(arrays: Vec<ArrayRef>, from: usize, length: usize) -> Vec<ArrayRef> {
    arrays.into_iter().map(|array| array.slice(from, length)).collect()
}

/// One change to an answer.
#[derive(Debug, Clone)]
enum Mutation {
    Rows(u32),
    Node(Index, bool, u32),
    Byte(Index, Index, u8),
    Number(Index, Index, i32),
    Cut(Index, Index),
    Grow(Index, usize),
    DropBuffer(Index),
    DropNode(Index),
    Swap(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let near = prop_oneof![0_u32..50, any::<u32>()];
    let offset = prop_oneof![-3_i32..50, any::<i32>()];
    let at = any::<Index>;
    prop_oneof![
        near.clone().prop_map(Mutation::Rows),
        (at(), any::<bool>(), near).prop_map(|(i, l, n)| Mutation::Node(i, l, n)),
        (at(), at(), any::<u8>()).prop_map(|(i, j, b)| Mutation::Byte(i, j, b)),
        (at(), at(), offset).prop_map(|(i, j, n)| Mutation::Number(i, j, n)),
        (at(), at()).prop_map(|(i, j)| Mutation::Cut(i, j)),
        (at(), 1_usize..20).prop_map(|(i, n)| Mutation::Grow(i, n)),
        at().prop_map(Mutation::DropBuffer),
        at().prop_map(Mutation::DropNode),
        (at(), at()).prop_map(|(i, j)| Mutation::Swap(i, j)),
    ]
}

fn mutate(answer: &mut RawBatch, mutation: &Mutation) {
    let RawBatch { rows, nodes, buffers } = answer;
    let buffer = |at: &Index, buffers: &mut Vec<Vec<u8>>| match buffers.len() {
        0 => None,
        length => Some(at.index(length)),
    };
    match mutation {
        Mutation::Rows(number) => *rows = *number,
        Mutation::Node(at, length, number) if !nodes.is_empty() => {
            let at = at.index(nodes.len());
            let node = &mut nodes[at];
            *(if *length { &mut node.length } else { &mut node.nulls }) = *number;
        }
        Mutation::DropNode(at) if !nodes.is_empty() => drop(nodes.remove(at.index(nodes.len()))),
        Mutation::Node(..) | Mutation::DropNode(_) => {}
        Mutation::Byte(at, byte, value) => {
            if let Some(buffer) = buffer(at, buffers).map(|at| &mut buffers[at])
                && !buffer.is_empty()
            {
                let byte = byte.index(buffer.len());
                buffer[byte] = *value;
            }
        }
        Mutation::Number(at, number, value) => {
            if let Some(buffer) = buffer(at, buffers).map(|at| &mut buffers[at])
                && buffer.len() >= 4
            {
                let start = number.index(buffer.len() / 4) * 4;
                buffer[start..start + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        Mutation::Cut(at, length) => {
            if let Some(at) = buffer(at, buffers) {
                let length = length.index(buffers[at].len() + 1);
                buffers[at].truncate(length);
            }
        }
        Mutation::Grow(at, bytes) => {
            if let Some(at) = buffer(at, buffers) {
                buffers[at].extend(vec![1; *bytes]);
            }
        }
        Mutation::DropBuffer(at) => {
            if let Some(at) = buffer(at, buffers) {
                drop(buffers.remove(at));
            }
        }
        Mutation::Swap(one, other) => {
            if let (Some(one), Some(other)) = (buffer(one, buffers), buffer(other, buffers)) {
                buffers.swap(one, other);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_lowered_lifts_to_itself((columns, batch) in batch()) {
        let shape = BatchShape::new(&columns);
        let lowered = shape.lower(&batch).expect("the batch is of these columns");
        let lifted = shape.lift(lowered.to_raw(), &AnswerLimits::default());
        let lifted = lifted.expect("canonical form is right");
        prop_assert_eq!(&lifted, &batch);
        // Canonical form is one form: lowering it again changes no byte.
        let again = shape.lower(&lifted).expect("it still is").to_raw();
        prop_assert_eq!(again, lowered.to_raw());
    }

    #[test]
    fn mutated_answers_are_refused_or_valid(
        (columns, batch) in batch(),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let shape = BatchShape::new(&columns);
        let mut answer = shape.lower(&batch).expect("the batch is of these columns").to_raw();
        mutations.iter().for_each(|mutation| mutate(&mut answer, mutation));
        let rows = answer.rows as usize;
        if let Ok(lifted) = shape.lift(answer, &AnswerLimits::default()) {
            prop_assert_eq!(lifted.num_rows(), rows);
            prop_assert_eq!(&lifted.schema(), shape.schema());
            for column in lifted.columns() {
                column.to_data().validate_full().expect("what is taken is valid");
            }
            let schema: &Schema = shape.schema();
            let again = RecordBatch::try_new(Arc::new(schema.clone()), lifted.columns().to_vec());
            again.expect("a batch of the schema");
        }
    }
}
