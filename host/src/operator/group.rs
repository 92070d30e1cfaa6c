//! Operator: group numbers of rows by their key columns, in first-seen order.
//!
//! Takes key columns of one batch. Gives a dense group number per row and the first row of each
//! group. Never depends on hash order: the same rows give the same numbers on every machine.

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, GenericBinaryType, GenericStringType};
use arrow_array::{Array, ArrayRef, GenericByteArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

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
    if keys.len() == 1 && first.null_count() == 0 {
        match first.data_type() {
            DataType::Utf8 => {
                return Ok(group_bytes::<GenericStringType<i32>>(first.as_bytes()));
            }
            DataType::Binary => {
                return Ok(group_bytes::<GenericBinaryType<i32>>(first.as_bytes()));
            }
            _ => {}
        }
    }
    let keys = canonical_keys(keys);
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let encoded = converter.convert_columns(&keys)?;
    Ok(group_by(rows, |row| encoded.row(row).data()))
}

/// The common case without encoding: one column of texts or bytes, none null.
fn group_bytes<T: ByteArrayType<Offset = i32>>(keys: &GenericByteArray<T>) -> Groups {
    let (offsets, data) = (keys.value_offsets(), keys.value_data());
    group_by(keys.len(), |row| &data[offsets[row] as usize..offsets[row + 1] as usize])
}

/// Groups rows whose keys have equal bytes.
fn group_by<'a>(rows: usize, key_of: impl Fn(usize) -> &'a [u8]) -> Groups {
    // Keyed: crafted keys must not share a chain. Only equality reaches the output.
    let hasher = RandomState::new();
    let mut table: HashTable<(u64, u32)> = HashTable::with_capacity(rows.min(8192));
    let mut first_rows: Vec<u32> = Vec::new();
    let mut group_of_row = Vec::with_capacity(rows);
    for row in 0..rows {
        let key = key_of(row);
        let hash = hasher.hash_one(key);
        let same = |&(other, group): &(u64, u32)| {
            other == hash && key_of(first_rows[group as usize] as usize) == key
        };
        let group = match table.entry(hash, same, |&(hash, _)| hash) {
            Entry::Occupied(found) => found.get().1,
            Entry::Vacant(free) => {
                let group = first_rows.len() as u32;
                free.insert((hash, group));
                first_rows.push(row as u32);
                group
            }
        };
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
