//! Hand-made answers, malformed in one way each, and right ones that look odd.
//!
//! Takes a table. Gives each answer to lifting and compares the error's words. Never needs wasm:
//! lifting works on plain numbers and bytes.

mod batches;
mod lists;
mod numbers;
mod outputs;
mod right;
mod texts;

use tidemill::model::schema::Column;
use tidemill::wasm::exchange::{AnswerLimits, BatchShape, RawBatch, RawNode};

/// One answer and what is said of it.
struct Case {
    name: &'static str,
    /// Types in the grammar, separated by spaces, nullable with a `?` behind.
    columns: &'static str,
    rows: u32,
    nodes: Vec<(u32, u32)>,
    buffers: Vec<Vec<u8>>,
    /// A part of the error's words; empty for a right answer.
    expected: &'static str,
}

/// Columns `a`, `b` and so on.
fn columns(types: &str) -> Vec<Column> {
    types
        .split_whitespace()
        .zip('a'..)
        .map(|(word, name)| {
            let (word, nullable) = word.strip_suffix('?').map_or((word, false), |w| (w, true));
            let data_type = word.parse().expect("a word of the grammar");
            Column { name: name.to_string(), data_type, nullable }
        })
        .collect()
}

fn raw(rows: u32, nodes: &[(u32, u32)], buffers: Vec<Vec<u8>>) -> RawBatch {
    let nodes = nodes.iter().map(|&(length, nulls)| RawNode { length, nulls }).collect();
    RawBatch { rows, nodes, buffers }
}

fn check(case: Case) {
    let Case { name, columns: types, rows, nodes, buffers, expected } = case;
    let shape = BatchShape::new(&columns(types));
    let limits = AnswerLimits { bytes: 4096, rows: 100 };
    match shape.lift(raw(rows, &nodes, buffers), &limits) {
        Ok(batch) => {
            assert_eq!(expected, "", "`{name}` was taken");
            assert_eq!(batch.num_rows(), rows as usize, "`{name}`");
            for column in batch.columns() {
                column.to_data().validate_full().expect(name);
            }
        }
        Err(error) => {
            assert_ne!(expected, "", "`{name}` was refused: {error}");
            assert!(error.to_string().contains(expected), "`{name}`: {error}");
        }
    }
}

/// Offsets, or other numbers of 32 bits.
fn o(numbers: &[i32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Numbers of 64 bits.
fn n(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Bytes of text.
fn t(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// No bytes.
fn e() -> Vec<u8> {
    Vec::new()
}

#[test]
fn malformed_batches_are_named_by_column_and_row() {
    let cases: Vec<Case> = batches::counts()
        .into_iter()
        .chain(batches::bitmaps())
        .chain(numbers::numbers())
        .chain(texts::texts())
        .chain(lists::lists())
        .chain(lists::nested())
        .collect();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    cases.into_iter().for_each(check);
}

#[test]
fn right_answers_that_look_odd_are_taken() {
    right::right().into_iter().for_each(check);
}
