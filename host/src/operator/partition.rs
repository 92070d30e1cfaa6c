//! Operator: which partition of a shuffle a row goes to.
//!
//! Takes key columns and a job's seed. Gives a partition number per row. Never changes between
//! versions or machines: the encoding and the hash are frozen, and the tests hold golden vectors.

use std::hash::Hasher;

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
    let mut hashers = vec![SipHasher13::new_with_keys(seed, 0); rows];
    for key in canonical_keys(keys) {
        hash_column(&key, &mut hashers)?;
    }
    Ok(hashers.iter().map(|hasher| (hasher.finish() % partitions as u64) as u32).collect())
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

fn hash_column(key: &ArrayRef, hashers: &mut [SipHasher13]) -> Result<(), ArrowError> {
    macro_rules! numbers {
        ($type:ty) => {{
            let values = key.as_primitive::<$type>();
            hash_rows(key, hashers, |row, hasher| hasher.write(&values.value(row).to_le_bytes()));
        }};
    }
    match key.data_type() {
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Float64 => numbers!(Float64Type),
        DataType::Date32 => numbers!(Date32Type),
        DataType::Timestamp(_, _) => numbers!(TimestampMicrosecondType),
        DataType::Decimal128(_, _) => numbers!(Decimal128Type),
        DataType::Boolean => {
            let values = key.as_boolean();
            hash_rows(key, hashers, |row, hasher| hasher.write(&[u8::from(values.value(row))]));
        }
        DataType::Utf8 => {
            let values = key.as_string::<i32>();
            hash_rows(key, hashers, |row, hasher| hash_bytes(values.value(row).as_bytes(), hasher));
        }
        DataType::Binary => {
            let values = key.as_binary::<i32>();
            hash_rows(key, hashers, |row, hasher| hash_bytes(values.value(row), hasher));
        }
        other => {
            return Err(ArrowError::InvalidArgumentError(format!("`{other}` cannot be a key")));
        }
    }
    Ok(())
}

fn hash_rows(
    key: &ArrayRef,
    hashers: &mut [SipHasher13],
    mut write: impl FnMut(usize, &mut SipHasher13),
) {
    for (row, hasher) in hashers.iter_mut().enumerate() {
        if key.is_null(row) {
            hasher.write(&[0]);
        } else {
            hasher.write(&[1]);
            write(row, hasher);
        }
    }
}

fn hash_bytes(bytes: &[u8], hasher: &mut SipHasher13) {
    hasher.write(&(bytes.len() as u64).to_le_bytes());
    hasher.write(bytes);
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
