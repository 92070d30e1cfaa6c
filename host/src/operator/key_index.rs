//! Operator: where the rows of each key stand in a table that is looked up again and again.
//!
//! Takes key columns. Gives the rows of a key, in the order they stand in. Keys are compared as
//! groups are: -0.0 equals 0.0, all NaN are one, null is a key. Only equality leaves it.

use ahash::RandomState;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::ArrowError;
use arrow_select::take::take;
use hashbrown::HashTable;

use super::canonical::canonical_keys;
use super::group::{group_rows, rows_by_group};

/// The rows of a table by key.
#[derive(Debug)]
pub struct KeyIndex {
    converter: RowConverter,
    hasher: RandomState,
    groups: HashTable<(u64, u32)>,
    /// The key of each group.
    keys: Rows,
    /// Row numbers, those of a group together.
    order: Vec<u32>,
    /// Where each group begins in `order`, and where the last one ends.
    starts: Vec<u32>,
}

impl KeyIndex {
    /// An index over so many rows of these key columns.
    ///
    /// # Errors
    /// When a key column is of a type that cannot be compared, which planning refuses.
    pub fn new(keys: &[ArrayRef], rows: usize) -> Result<Self, ArrowError> {
        let grouped = group_rows(keys, rows)?;
        let groups = grouped.first_rows.len();
        let (order, starts) = rows_by_group(&grouped.group_of_row, groups);
        let first_rows = UInt32Array::from(grouped.first_rows);
        let firsts = keys.iter().map(|key| take(key, &first_rows, None));
        let firsts = firsts.collect::<Result<Vec<_>, _>>()?;
        let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let keys = converter.convert_columns(&canonical_keys(&firsts))?;
        let hasher = RandomState::new();
        let mut groups = HashTable::with_capacity(keys.num_rows());
        for (group, key) in (0..).zip(keys.iter()) {
            let hash = hasher.hash_one(key.data());
            // Groups differ in their keys, so none is there twice.
            groups.insert_unique(hash, (hash, group), |&(hash, _)| hash);
        }
        Ok(Self { converter, hasher, groups, keys, order, starts })
    }

    /// For each row of other key columns, of the same types, the rows that have its key. With
    /// `null_equal` off, none has that of a row in which a key is null.
    ///
    /// # Errors
    /// When the columns are of other types.
    pub fn partners(&self, keys: &[ArrayRef], null_equal: bool) -> Result<Vec<&[u32]>, ArrowError> {
        let asked = self.converter.convert_columns(&canonical_keys(keys))?;
        let partners = asked.iter().enumerate().map(|(row, key)| {
            if !null_equal && keys.iter().any(|column| column.is_null(row)) {
                return &[][..];
            }
            let hash = self.hasher.hash_one(key.data());
            let same = |&(other, group): &(u64, u32)| {
                other == hash && self.keys.row(group as usize).data() == key.data()
            };
            let Some(&(_, group)) = self.groups.find(hash, same) else { return &[][..] };
            let (from, to) = (self.starts[group as usize], self.starts[group as usize + 1]);
            &self.order[from as usize..to as usize]
        });
        Ok(partners.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn check(table: &[ArrayRef], asked: &[ArrayRef], null_equal: bool, expected: &[&[u32]]) {
        let index = KeyIndex::new(table, table[0].len()).expect("the keys are comparable");
        assert_eq!(index.partners(asked, null_equal).expect("the same types"), expected);
    }

    #[test]
    fn rows_of_a_key_are_found_in_their_order() {
        let table: ArrayRef = Arc::new(Int64Array::from(vec![7, 1, 7, 7]));
        let asked: ArrayRef = Arc::new(Int64Array::from(vec![2, 7, 1]));
        check(&[table], &[asked], true, &[&[], &[0, 2, 3], &[1]]);
    }

    #[test]
    fn null_is_a_key_only_if_it_is_asked_for() {
        let table: ArrayRef = Arc::new(StringArray::from(vec![None, Some("")]));
        let asked = Arc::clone(&table);
        check(&[Arc::clone(&table)], &[Arc::clone(&asked)], true, &[&[0], &[1]]);
        check(&[table], &[asked], false, &[&[], &[1]]);
    }

    #[test]
    fn keys_of_several_columns_are_compared_as_values() {
        let table: [ArrayRef; 2] = [
            Arc::new(Float64Array::from(vec![0.0, f64::NAN])),
            Arc::new(Int64Array::from(vec![1, 1])),
        ];
        let asked: [ArrayRef; 2] = [
            Arc::new(Float64Array::from(vec![-0.0, -f64::NAN, 0.0])),
            Arc::new(Int64Array::from(vec![1, 1, 2])),
        ];
        check(&table, &asked, true, &[&[0], &[1], &[]]);
    }

    #[test]
    fn an_empty_table_has_no_rows_of_any_key() {
        let table: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        let asked: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        check(&[table], &[asked], true, &[&[]]);
    }
}
