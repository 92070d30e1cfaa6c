//! Operator: group numbers of rows by their key columns, in first-seen order.
//!
//! Takes key columns of one batch. Gives a dense group number per row and the first row of each
//! group. Never depends on hash order: the same rows give the same numbers on every machine.

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ByteArrayType, Date32Type, GenericBinaryType, GenericStringType, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, GenericByteArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use hashbrown::HashTable;

use super::canonical::canonical_keys;

/// Rows by group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Groups {
    /// The group of each row.
    pub group_of_row: Vec<u32>,
    /// The first row of each group, which has the group's key. Rising.
    pub first_rows: Vec<u32>,
}

impl Groups {
    /// How many groups there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.first_rows.len()).expect("row numbers of a batch are of 32 bits")
    }
}

/// Groups the rows by key. With no key columns all rows are one group; no rows give no group.
///
/// # Errors
/// When a key column is of a type that cannot be compared, which planning refuses.
pub fn group_rows(keys: &[ArrayRef], rows: usize) -> Result<Groups, ArrowError> {
    let Some(first) = keys.first() else {
        let first_rows = if rows == 0 { Vec::new() } else { vec![0] };
        return Ok(Groups { group_of_row: vec![0; rows], first_rows });
    };
    if keys.len() == 1
        && first.null_count() == 0
        && let Some(groups) = group_column(first)
    {
        return Ok(groups);
    }
    let keys = canonical_keys(keys);
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let encoded = converter.convert_columns(&keys)?;
    Ok(group_by(rows, |row| Key::of_bytes(encoded.row(row).data())))
}

/// Row numbers sorted by group, stable, and where each group begins and the last one ends: a
/// counting sort.
pub fn rows_by_group(group_of_row: &[u32], groups: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; groups + 1];
    group_of_row.iter().for_each(|&group| starts[group as usize + 1] += 1);
    for group in 1..starts.len() {
        starts[group] += starts[group - 1];
    }
    let (mut next, mut order) = (starts.clone(), vec![0_u32; group_of_row.len()]);
    for (row, &group) in (0..).zip(group_of_row) {
        order[next[group as usize] as usize] = row;
        next[group as usize] += 1;
    }
    (order, starts)
}

/// The common cases without encoding: one column without nulls, of text, bytes or whole numbers.
fn group_column(keys: &ArrayRef) -> Option<Groups> {
    macro_rules! numbers {
        ($type:ty) => {{
            let values = keys.as_primitive::<$type>().values();
            group_by(values.len(), |row| Key::Short(values[row] as u128))
        }};
    }
    Some(match keys.data_type() {
        DataType::Utf8 => group_bytes::<GenericStringType<i32>>(keys.as_bytes()),
        DataType::Binary => group_bytes::<GenericBinaryType<i32>>(keys.as_bytes()),
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Date32 => numbers!(Date32Type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => numbers!(TimestampMicrosecondType),
        _ => return None,
    })
}

fn group_bytes<T: ByteArrayType<Offset = i32>>(keys: &GenericByteArray<T>) -> Groups {
    let (offsets, data) = (keys.value_offsets(), keys.value_data());
    group_by(keys.len(), |row| Key::at(data, offsets[row] as usize, offsets[row + 1] as usize))
}

/// A key as it is hashed and compared. Within one column equal values give equal keys.
#[derive(Clone, Copy)]
enum Key<'a> {
    /// A value that fits a register pair: no call, no look into memory.
    Short(u128),
    /// A longer one, as bytes.
    Long(&'a [u8]),
}

impl<'a> Key<'a> {
    /// Bytes of the longest short key; the byte above them holds the length.
    const SHORT_MAX: usize = size_of::<u128>() - 1;

    #[inline]
    fn at(data: &'a [u8], start: usize, end: usize) -> Self {
        let length = end - start;
        if length > Self::SHORT_MAX {
            return Self::Long(&data[start..end]);
        }
        let bytes = match data[start..].first_chunk() {
            Some(chunk) => u128::from_le_bytes(*chunk) & ((1 << (8 * length)) - 1),
            None => {
                let mut chunk = [0; size_of::<u128>()];
                chunk[..length].copy_from_slice(&data[start..end]);
                u128::from_le_bytes(chunk)
            }
        };
        Self::Short(bytes | (length as u128) << (8 * Self::SHORT_MAX))
    }

    #[inline]
    fn of_bytes(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0, bytes.len())
    }
}

/// Keys of one batch with their groups. Keyed hashes: crafted keys must not share a chain. Only
/// equality reaches the output.
struct Table {
    hasher: RandomState,
    short: HashTable<ShortEntry>,
    long: HashTable<(u64, u32)>,
}

/// A short key, in halves so that it takes 24 bytes and not 32, and its group.
type ShortEntry = ([u64; 2], u32);

fn halves(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}

fn whole(halves: [u64; 2]) -> u128 {
    u128::from(halves[1]) << 64 | u128::from(halves[0])
}

impl Table {
    /// Keys that there is room for from the start: all slots of a table that stays in a core's
    /// cache, of which a seventh part more would double.
    const FIRST_KEYS: usize = 7 << 10;

    fn for_rows(rows: usize) -> Self {
        let short = HashTable::with_capacity(rows.min(Self::FIRST_KEYS));
        Self { hasher: RandomState::new(), short, long: HashTable::new() }
    }

    /// The group of the key, a new one if it is the first of it.
    #[inline]
    fn group_of<'a>(&mut self, key: Key<'a>, known: impl Fn(u32) -> Key<'a>, new: u32) -> u32 {
        let Self { hasher, short, long } = self;
        match key {
            Key::Short(key) => {
                let hash_of = |key: [u64; 2]| hasher.hash_one(whole(key));
                let key = halves(key);
                let hash = hash_of(key);
                let same = |other: &ShortEntry| other.0 == key;
                // Most keys are known, and looking up costs less than `entry`, which makes room.
                match short.find(hash, same) {
                    Some(&(_, group)) => group,
                    None => {
                        short.insert_unique(hash, (key, new), |&(key, _)| hash_of(key));
                        new
                    }
                }
            }
            Key::Long(key) => {
                let hash = hasher.hash_one(key);
                let same = |&(other, group): &(u64, u32)| {
                    other == hash && matches!(known(group), Key::Long(known) if known == key)
                };
                long.entry(hash, same, |&(hash, _)| hash).or_insert((hash, new)).get().1
            }
        }
    }
}

/// Groups rows of equal keys.
fn group_by<'a>(rows: usize, key_of: impl Fn(usize) -> Key<'a>) -> Groups {
    let mut table = Table::for_rows(rows);
    let mut first_rows: Vec<u32> = Vec::new();
    let mut group_of_row = Vec::with_capacity(rows);
    for row in 0..rows {
        let new = first_rows.len() as u32;
        let known = |group: u32| key_of(first_rows[group as usize] as usize);
        let group = table.group_of(key_of(row), known, new);
        if group == new {
            first_rows.push(row as u32);
        }
        group_of_row.push(group);
    }
    Groups { group_of_row, first_rows }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn check(keys: &[ArrayRef], group_of_row: &[u32], first_rows: &[u32]) {
        let rows = keys.first().map_or(0, |key| key.len());
        let groups = group_rows(keys, rows).expect("the keys are comparable");
        assert_eq!(groups.group_of_row, group_of_row);
        assert_eq!(groups.first_rows, first_rows);
    }

    #[test]
    fn groups_are_numbered_as_first_seen() {
        let words: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b", "", "a", ""]));
        check(&[words], &[0, 1, 0, 2, 1, 2], &[0, 1, 3]);
    }

    #[test]
    fn keys_differ_by_length_and_by_their_last_byte() {
        let long = "x".repeat(15);
        let texts = ["", "\0", "\0\0", &long, &(long.clone() + "x"), &(long.clone() + "y")];
        let twice: Vec<&str> = texts.into_iter().chain(texts).collect();
        let words: ArrayRef = Arc::new(StringArray::from(twice));
        check(&[words], &[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5], &[0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn whole_numbers_are_keys_as_they_are() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![-1, 1, -1, i64::MIN, 0, 1]));
        check(&[numbers], &[0, 1, 0, 2, 3, 1], &[0, 1, 3, 4]);
    }

    #[test]
    fn null_keys_form_one_group_apart_from_empty_text() {
        let words: ArrayRef = Arc::new(StringArray::from(vec![None, Some(""), None, Some("a")]));
        check(&[words], &[0, 1, 0, 2], &[0, 1, 3]);
    }

    #[test]
    fn zeros_are_equal_and_so_are_nans() {
        let other_nan = f64::from_bits(f64::NAN.to_bits() ^ (1 << 63) ^ 1);
        let floats: ArrayRef =
            Arc::new(Float64Array::from(vec![0.0, f64::NAN, -0.0, other_nan, 1.0]));
        check(&[floats], &[0, 1, 0, 1, 2], &[0, 1, 4]);
    }

    #[test]
    fn several_columns_are_one_key() {
        let left: ArrayRef = Arc::new(StringArray::from(vec!["a", "a", "a"]));
        let right: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1]));
        check(&[left, right], &[0, 1, 0], &[0, 1]);
    }

    #[test]
    fn without_key_columns_all_rows_are_one_group() {
        let groups = group_rows(&[], 3).expect("no key is comparable");
        assert_eq!((groups.group_of_row, groups.first_rows), (vec![0, 0, 0], vec![0]));
        assert_eq!(group_rows(&[], 0).expect("no rows").count(), 0);
    }
}
