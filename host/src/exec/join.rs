//! Exec: two streams by key: joins of all kinds, and cogroup.
//!
//! Takes the rows that two streams have in one partition. Gives rows in the order of the first
//! stream, then those of the second that found no partner. Never makes more rows than are allowed:
//! they are counted before the first is made.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::{concat, concat_batches};
use arrow_select::interleave::interleave;
use arrow_select::take::take;

use super::attempt::cut;
use super::gather::rows_by_group;
use super::stage::BoundJoin;
use super::task_error::TaskError;
use crate::limits::{JOIN_ROWS_MAX, SLICE_ROWS_MAX};
use crate::model::join::JoinKind;
use crate::operator::group::{Groups, group_rows};

/// A row that comes out: the row of each stream it is made of.
type Pair = (Option<u32>, Option<u32>);

/// Both sides, and which of their rows have equal keys.
struct Sides {
    left: RecordBatch,
    right: RecordBatch,
    keys: Vec<ArrayRef>,
    groups: Groups,
}

impl BoundJoin {
    /// The rows of a partition: `[left, right]`.
    ///
    /// # Errors
    /// When there would be too many, or columns do not fit together.
    pub fn run(&self, input: &[Vec<RecordBatch>]) -> Result<Vec<RecordBatch>, TaskError> {
        let [left, right] = input else {
            let message = "a join reads two streams".to_owned();
            return Err(ArrowError::ComputeError(message).into());
        };
        let left = concat_batches(&self.left, left)?;
        let right = concat_batches(&self.right, right)?;
        let pairs = left.columns()[..self.keys].iter().zip(&right.columns()[..self.keys]);
        let keys =
            pairs.map(|(left, right)| concat(&[left, right])).collect::<Result<Vec<_>, _>>()?;
        let groups = group_rows(&keys, left.num_rows() + right.num_rows())?;
        let sides = Sides { left, right, keys, groups };
        if self.kind == JoinKind::Cogroup {
            return Ok(cut(self.cogroup(&sides)?));
        }
        let pairs = self.pairs(&sides)?;
        pairs.chunks(SLICE_ROWS_MAX).map(|pairs| Ok(self.rows(&sides, pairs)?)).collect()
    }

    fn pairs(&self, sides: &Sides) -> Result<Vec<Pair>, TaskError> {
        let (left, right) = (sides.left.num_rows(), sides.right.num_rows());
        let (of_left, of_right) = sides.groups.group_of_row.split_at(left);
        let (order, starts) = rows_by_group(of_right, sides.groups.first_rows.len())?;
        let matches = |row: usize, side: usize| {
            self.null_equal || sides.keys.iter().all(|key| key.is_valid(side + row))
        };
        let partners = |row: usize| {
            let group = of_left[row] as usize;
            let range = starts[group] as usize..starts[group + 1] as usize;
            if matches(row, 0) { &order.values()[range] } else { &[][..] }
        };
        if self.kind == JoinKind::Anti {
            let alone = (0..left).filter(|&row| partners(row).is_empty());
            return Ok(alone.map(|row| (Some(row as u32), None)).collect());
        }
        let found: u64 = (0..left).map(|row| partners(row).len().max(1) as u64).sum();
        if found > JOIN_ROWS_MAX {
            return Err(TaskError::JoinTooLarge { left, right, found });
        }
        let (mut pairs, mut matched) = (Vec::new(), vec![false; right]);
        for row in 0..left {
            let partners = partners(row);
            for &partner in partners {
                matched[partner as usize] = true;
                pairs.push((Some(row as u32), Some(partner)));
            }
            if partners.is_empty() && self.kind.keeps_left() {
                pairs.push((Some(row as u32), None));
            }
        }
        if self.kind.keeps_right() {
            let alone = (0..right as u32).filter(|&row| !matched[row as usize]);
            pairs.extend(alone.map(|row| (None, Some(row))));
        }
        Ok(pairs)
    }

    fn rows(&self, sides: &Sides, pairs: &[Pair]) -> Result<RecordBatch, ArrowError> {
        let lefts: UInt32Array = pairs.iter().map(|pair| pair.0).collect();
        let rights: UInt32Array = pairs.iter().map(|pair| pair.1).collect();
        let from: Vec<(usize, usize)> = pairs
            .iter()
            .map(|(left, right)| match left {
                Some(left) => (0, *left as usize),
                None => (1, right.unwrap_or_default() as usize),
            })
            .collect();
        let (left, right) = (sides.left.columns(), sides.right.columns());
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (left, right) in left[..self.keys].iter().zip(&right[..self.keys]) {
            columns.push(interleave(&[left, right], &from)?);
        }
        for column in &left[self.keys..] {
            columns.push(take(column, &lefts, None)?);
        }
        if self.kind != JoinKind::Anti {
            for column in &right[self.keys..] {
                columns.push(take(column, &rights, None)?);
            }
        }
        let there = |rows: &UInt32Array| -> ArrayRef {
            Arc::new((0..rows.len()).map(|row| Some(rows.is_valid(row))).collect::<BooleanArray>())
        };
        if self.kind.keeps_right() {
            columns.push(there(&lefts));
        }
        if self.kind.keeps_left() && self.kind != JoinKind::Anti {
            columns.push(there(&rights));
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    fn cogroup(&self, sides: &Sides) -> Result<RecordBatch, TaskError> {
        let (of_left, of_right) = sides.groups.group_of_row.split_at(sides.left.num_rows());
        let groups = sides.groups.first_rows.len();
        let firsts = UInt32Array::from(sides.groups.first_rows.clone());
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for key in &sides.keys {
            columns.push(take(key, &firsts, None)?);
        }
        let mut fields = self.schema.fields()[self.keys..].iter();
        for (side, of_side) in [(&sides.left, of_left), (&sides.right, of_right)] {
            let (order, starts) = rows_by_group(of_side, groups)?;
            for (column, field) in side.columns()[self.keys..].iter().zip(&mut fields) {
                let DataType::List(item) = field.data_type() else {
                    let message = format!("column `{}` is planned as no list", field.name());
                    return Err(ArrowError::SchemaError(message).into());
                };
                let values = take(column, &order, None)?;
                let list = ListArray::try_new(Arc::clone(item), starts.clone(), values, None)?;
                columns.push(Arc::new(list));
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}
