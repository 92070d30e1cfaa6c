//! Operator: which partition of a shuffle a row goes to.
//!
//! Takes key columns and a job's seed. Gives a partition number per row. Never changes between
//! versions or machines: the encoding and the hash are frozen, and the tests hold golden vectors.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take_record_batch;
use siphasher::sip::SipHasher13;

use super::canonical::canonical_keys;

/// The partition of each row by the frozen hash of its key: SipHash 1-3 under the job's seed of,
/// per key column, a byte 0 for null or 1, then the value: little-endian for numbers, and for text
/// and bytes their length as 8 bytes before them. With no key columns every row goes to 0.
///
/// # Errors
/// When a key column is of a type that has no frozen encoding, which planning refuses.
pub fn partition_of_rows(
    keys: &[ArrayRef],
    rows: usize,
    partitions: usize,
    seed: u64,
) -> Result<Vec<u32>, ArrowError> {
    if keys.is_empty() || partitions <= 1 {
        return Ok(vec![0; rows]);
    }
    let keys = canonical_keys(keys);
    let encoders = keys.iter().map(encoder).collect::<Result<Vec<_>, _>>()?;
    let (hasher, mut bytes) = (SipHasher13::new_with_keys(seed, 0), Vec::new());
    let partition_of = |row| {
        bytes.clear();
        encoders.iter().for_each(|encode| encode(row, &mut bytes));
        // Hashed in one piece: in three a word takes a third longer.
        (hasher.hash(&bytes) % partitions as u64) as u32
    };
    Ok((0..rows).map(partition_of).collect())
}

/// The partition of each row in turn, from a start drawn from the task's seed.
pub fn partition_in_turn(rows: usize, partitions: usize, seed: u64) -> Vec<u32> {
    let partitions = partitions.max(1) as u64;
    (0..rows as u64).map(|row| (seed.wrapping_add(row) % partitions) as u32).collect()
}

/// The rows of each partition, in their order.
///
/// # Errors
/// As Arrow's `take`, which does not fail on rows in range.
pub fn scatter(
    rows: &RecordBatch,
    partition_of_row: &[u32],
    partitions: usize,
) -> Result<Vec<RecordBatch>, ArrowError> {
    if partitions == 1 {
        return Ok(vec![rows.clone()]);
    }
    let mut rows_of = vec![Vec::new(); partitions];
    for (row, &partition) in partition_of_row.iter().enumerate() {
        rows_of[partition as usize].push(row as u32);
    }
    rows_of.into_iter().map(|taken| take_record_batch(rows, &UInt32Array::from(taken))).collect()
}

/// Writes the frozen encoding of one row's value.
type Encoder<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

fn encoder(key: &ArrayRef) -> Result<Encoder<'_>, ArrowError> {
    macro_rules! numbers {
        ($type:ty) => {{
            let values = key.as_primitive::<$type>().values();
            or_null(key, move |row, bytes| bytes.extend_from_slice(&values[row].to_le_bytes()))
        }};
    }
    Ok(match key.data_type() {
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Float64 => numbers!(Float64Type),
        DataType::Date32 => numbers!(Date32Type),
        DataType::Timestamp(_, _) => numbers!(TimestampMicrosecondType),
        DataType::Decimal128(_, _) => numbers!(Decimal128Type),
        DataType::Boolean => {
            let values = key.as_boolean();
            or_null(key, move |row, bytes| bytes.push(u8::from(values.value(row))))
        }
        DataType::Utf8 => {
            let values = key.as_string::<i32>();
            or_null(key, move |row, bytes| encode_bytes(values.value(row).as_bytes(), bytes))
        }
        DataType::Binary => {
            let values = key.as_binary::<i32>();
            or_null(key, move |row, bytes| encode_bytes(values.value(row), bytes))
        }
        other => {
            return Err(ArrowError::InvalidArgumentError(format!("`{other}` cannot be a key")));
        }
    })
}

fn or_null<'a>(key: &'a ArrayRef, encode: impl Fn(usize, &mut Vec<u8>) + 'a) -> Encoder<'a> {
    let nulls = key.nulls();
    Box::new(move |row, bytes| {
        let is_null = nulls.is_some_and(|nulls| nulls.is_null(row));
        bytes.push(u8::from(!is_null));
        if !is_null {
            encode(row, bytes);
        }
    })
}

fn encode_bytes(value: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    fn words() -> ArrayRef {
        Arc::new(StringArray::from(vec![Some("the"), Some("tide"), None, Some("the"), Some("")]))
    }

    /// A change of any of these numbers would send the keys of a running job elsewhere than its
    /// earlier batches did.
    #[test]
    fn golden_vectors_hold() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, -1, 0, 7]));
        let check = |keys: &[ArrayRef], seed, expected: [u32; 5]| {
            assert_eq!(partition_of_rows(keys, 5, 1000, seed).expect("hashable"), expected);
        };
        check(&[words()], 1, GOLDEN_WORDS);
        check(&[Arc::clone(&numbers)], 1, GOLDEN_NUMBERS);
        check(&[words(), numbers], 2, GOLDEN_BOTH);
    }

    const GOLDEN_WORDS: [u32; 5] = [37, 575, 483, 37, 428];
    const GOLDEN_NUMBERS: [u32; 5] = [428, 701, 917, 428, 734];
    const GOLDEN_BOTH: [u32; 5] = [785, 734, 595, 785, 729];

    #[test]
    fn scattered_rows_keep_their_order_and_none_is_lost() {
        let batch = RecordBatch::try_from_iter([(
            "n",
            Arc::new(Int64Array::from_iter_values(0..10)) as ArrayRef,
        )])
        .expect("one column");
        let parts = scatter(&batch, &partition_in_turn(10, 3, 1), 3).expect("in range");
        let rows: Vec<Vec<i64>> = parts
            .iter()
            .map(|part| part.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        assert_eq!(rows, [vec![2, 5, 8], vec![0, 3, 6, 9], vec![1, 4, 7]]);
    }
}
