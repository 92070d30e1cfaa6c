//! Driver: two outputs of one batch, row by row.
//!
//! Takes the partitions of both. Gives their measures and the first rows that only one of them has.
//! Never holds a row as text longer than it takes to tell whether it is shown.

use std::collections::BTreeMap;
use std::hash::Hasher;

use arrow_array::RecordBatch;
use siphasher::sip::SipHasher13;

use crate::driver::output_measure::Measure;
use crate::limits::{REPLAY_ROW_BYTES_MAX, REPLAY_ROWS_COMPARED_MAX, REPLAY_ROWS_SHOWN_MAX};
use crate::model::output_measure::OutputMeasure;
use crate::model::replay::ComparedOutput;
use crate::model::schema::StreamSchema;
use crate::sink::json_lines::json_lines;

/// The partitions of an output.
pub(super) type Partitions = [Vec<RecordBatch>];

/// Rows, bytes and hash of an output. Rows that are not of the columns have none, which is told.
pub(super) fn measure(columns: &StreamSchema, partitions: &Partitions) -> OutputMeasure {
    let measured = Measure::of_columns(&columns.columns).of(partitions);
    let rows = || partitions.iter().flatten().map(|slice| slice.num_rows() as u64).sum();
    measured.unwrap_or_else(|| OutputMeasure { rows: rows(), bytes: 0, hash: String::new() })
}

/// Compares an output of two runs.
pub(super) fn compare(
    name: String,
    columns: &StreamSchema,
    before: &Partitions,
    after: &Partitions,
) -> ComparedOutput {
    let measures = (measure(columns, before), measure(columns, after));
    let mut compared = ComparedOutput {
        name,
        before: measures.0,
        after: measures.1,
        gone: 0,
        come: 0,
        lines: Vec::new(),
    };
    if !compared.is_same() {
        differ(&mut compared, before, after);
    }
    compared
}

/// Finds the rows that only one has; how often a row comes counts, its place does not.
fn differ(compared: &mut ComparedOutput, before: &Partitions, after: &Partitions) {
    let mut surplus = BTreeMap::<u64, i64>::new();
    each_row(before, |row| *surplus.entry(hash(row)).or_default() += 1);
    each_row(after, |row| *surplus.entry(hash(row)).or_default() -= 1);
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let mut pick = |of: &Partitions, sign: i64, lines: &mut Vec<String>| {
        let mut found = 0;
        each_row(of, |row| {
            let Some(left) = surplus.get_mut(&hash(row)).filter(|left| **left * sign > 0) else {
                return;
            };
            *left -= sign;
            found += 1;
            if lines.len() < REPLAY_ROWS_SHOWN_MAX {
                lines.push(shown(row));
            }
        });
        found
    };
    compared.gone = pick(before, 1, &mut gone);
    compared.come = pick(after, -1, &mut come);
    let pairs = gone.len().max(come.len());
    let of = |sign: char, lines: &[String], at: usize| {
        lines.get(at).map(|line| format!("{sign} {line}"))
    };
    let lines = (0..pairs).flat_map(|at| [of('-', &gone, at), of('+', &come, at)]);
    compared.lines = lines.flatten().take(REPLAY_ROWS_SHOWN_MAX).collect();
    if compared.gone + compared.come == 0 {
        let order = "the same rows in another order, or cut into other slices or partitions";
        compared.lines.push(order.to_owned());
    }
    if compared.before.rows.max(compared.after.rows) > REPLAY_ROWS_COMPARED_MAX as u64 {
        let first = format!("only the first {REPLAY_ROWS_COMPARED_MAX} rows are compared");
        compared.lines.push(first);
    }
}

/// The rows as JSON, as many as are compared.
fn each_row(of: &Partitions, mut row: impl FnMut(&[u8])) {
    let mut left = REPLAY_ROWS_COMPARED_MAX;
    for slice in of.iter().flatten() {
        if left == 0 {
            return;
        }
        let slice = slice.slice(0, slice.num_rows().min(left));
        left -= slice.num_rows();
        let lines = json_lines(&slice);
        lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(&mut row);
    }
}

fn hash(row: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(row);
    hasher.finish()
}

fn shown(row: &[u8]) -> String {
    let cut = &row[..row.len().min(REPLAY_ROW_BYTES_MAX)];
    let text = String::from_utf8_lossy(cut);
    if cut.len() < row.len() { format!("{text}...") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::schema::Column;

    fn slice(numbers: Vec<i64>) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(numbers));
        RecordBatch::try_from_iter([("n", column)]).expect("one column")
    }

    fn compared(before: &[Vec<i64>], after: &[Vec<i64>]) -> ComparedOutput {
        let columns = StreamSchema::new(vec![Column::new("n", ColumnType::Int64)]);
        let of = |partitions: &[Vec<i64>]| -> Vec<Vec<RecordBatch>> {
            partitions.iter().map(|numbers| vec![slice(numbers.clone())]).collect()
        };
        compare("out".to_owned(), &columns, &of(before), &of(after))
    }

    #[test]
    fn rows_that_only_one_has_are_shown_in_pairs() {
        let found = compared(&[vec![1, 2, 2], vec![3]], &[vec![1, 2], vec![4, 5]]);
        assert_eq!((found.gone, found.come, found.is_same()), (2, 2, false));
        let expected = ["- {\"n\":2}", "+ {\"n\":4}", "- {\"n\":3}", "+ {\"n\":5}"];
        assert_eq!(found.lines, expected);
    }

    #[test]
    fn equal_outputs_have_no_lines_and_other_orders_say_so() {
        let same = compared(&[vec![1, 2]], &[vec![1, 2]]);
        assert!(same.is_same() && same.lines.is_empty(), "{same:?}");
        for other in
            [compared(&[vec![1, 2]], &[vec![2, 1]]), compared(&[vec![1], vec![2]], &[vec![1, 2]])]
        {
            assert_eq!((other.gone, other.come, other.is_same()), (0, 0, false));
            assert!(other.lines[0].starts_with("the same rows in another order"), "{other:?}");
        }
    }

    #[test]
    fn a_long_difference_is_counted_and_cut() {
        let found = compared(&[vec![]], &[(0..1000).collect()]);
        assert_eq!((found.come, found.lines.len()), (1000, REPLAY_ROWS_SHOWN_MAX));
    }
}
