//! Row numbers of answers: selections, origins, rejected rows, and how many rows there are.
//!
//! Takes a table of answers to a call with four rows. Gives each to the chain's rules. Never needs
//! wasm.

use tidemill::model::operator::AppliedRows;
use tidemill::wasm::exchange::{
    AnswerLimits, BatchShape, ChainRules, RawOutput, RawRejection, RowRule,
};

use super::{columns, n, raw};

/// Chains, by what they may give back.
#[derive(Debug, Clone, Copy)]
enum Chain {
    Filter,
    Map,
    /// A map, then a filter.
    MapFilter,
    FlatMap,
    /// A flat map, then a map.
    FlatMapMap,
}

impl Chain {
    fn rules(self) -> ChainRules {
        let (steps, rows) = match self {
            Self::Filter => (1, RowRule::AtMost),
            Self::Map => (1, RowRule::Exactly),
            Self::MapFilter => (2, RowRule::AtMost),
            Self::FlatMap => (1, RowRule::Any),
            Self::FlatMapMap => (2, RowRule::Any),
        };
        ChainRules {
            steps: ["p.first", "p.second"][..steps].iter().map(|&s| s.to_owned()).collect(),
            selects: matches!(self, Self::Filter),
            rows,
            rejects_repeatedly: matches!(self, Self::FlatMapMap),
        }
    }
}

/// An answer: rows of one `int64` column, selection, origin, rejected rows with their steps.
type Answer<'a> = (u32, Option<&'a [u32]>, Option<&'a [u32]>, &'a [(u32, u32)]);

fn output((rows, selection, origin, rejected): Answer<'_>, selects: bool) -> RawOutput {
    let batch = match (rows, selects) {
        (0, true) => raw(0, &[], vec![]),
        _ => raw(rows, &[(rows, 0)], vec![vec![], n(&vec![5; rows as usize])]),
    };
    let reject = |&(row, step): &(u32, u32)| {
        let (code, message) = ("bad\u{7}".to_owned(), "very\nbad".to_owned());
        RawRejection { row, step, code, message }
    };
    RawOutput {
        batch,
        selection: selection.map(<[u32]>::to_vec),
        origin: origin.map(<[u32]>::to_vec),
        rejected: rejected.iter().map(reject).collect(),
    }
}

fn check(name: &str, chain: Chain, want_origin: bool, answer: Answer<'_>, expected: &str) {
    let rules = chain.rules();
    let limits = AnswerLimits { bytes: 1000, rows: 100 };
    let shape = BatchShape::new(&columns("int64"));
    let output = output(answer, rules.selects);
    match rules.check(&shape, output, (4, want_origin), &limits) {
        Ok(applied) => {
            assert_eq!(expected, "", "`{name}` was taken");
            match applied.rows {
                AppliedRows::Batch(batch) => assert_eq!(batch.num_rows(), answer.0 as usize),
                AppliedRows::Selection(rows) => assert_eq!(Some(&rows[..]), answer.1),
            }
            assert_eq!(applied.rejected.len(), answer.3.len());
            assert!(applied.rejected.iter().all(|r| r.code == "bad\\u{7}"));
        }
        Err(error) => {
            assert_ne!(expected, "", "`{name}` was refused: {error}");
            assert!(error.to_string().contains(expected), "`{name}`: {error}");
        }
    }
}

#[test]
fn malformed_selections_are_refused() {
    use Chain::{Filter, FlatMap, Map, MapFilter};
    let none: &[(u32, u32)] = &[];
    let select = |rows| (0, Some(rows), None, none);
    for (name, chain, answer, expected) in [
        ("all rows", Filter, select(&[0, 1, 2, 3][..]), ""),
        ("no rows", Filter, select(&[]), ""),
        ("no selection", Filter, (0, None, None, none), "no selection"),
        ("rows beside a selection", Filter, (1, Some(&[0][..]), None, none), "has 1 row"),
        ("origin beside a selection", Filter, (0, Some(&[0]), Some(&[0][..]), none), "an origin"),
        ("row past the input", Filter, select(&[0, 4]), "row 4 at 1, the input has 4 rows"),
        ("only row past the input", Filter, select(&[u32::MAX]), "row 4294967295 at 0"),
        ("row twice", Filter, select(&[1, 1]), "row 1 at 1, after row 1"),
        ("rows fall", Filter, select(&[0, 3, 2]), "row 2 at 2, after row 3"),
        ("selection of a map", Map, (4, Some(&[0]), None, none), "only filters"),
        ("selection of a flat map", FlatMap, select(&[0]), "only filters"),
        ("selection of a mixed chain", MapFilter, select(&[0]), "only filters"),
        ("rejected and kept", Filter, (0, Some(&[0, 2]), None, &[(2, 0)][..]), "row 2 is both"),
        ("rejected and dropped", Filter, (0, Some(&[0, 2]), None, &[(1, 0)]), ""),
    ] {
        check(name, chain, false, answer, expected);
    }
}

#[test]
fn malformed_origins_are_refused() {
    use Chain::{FlatMap, Map, MapFilter};
    let none: &[(u32, u32)] = &[];
    let from = |rows: u32, origin| (rows, None, Some(origin), none);
    for (name, chain, answer, expected) in [
        ("each row", Map, from(4, &[0, 1, 2, 3][..]), ""),
        ("some rows", MapFilter, from(2, &[1, 3]), ""),
        ("rows of one row", FlatMap, from(3, &[0, 0, 2]), ""),
        ("no origin", Map, (4, None, None, none), "no origin"),
        ("origin too short", Map, from(4, &[0, 1, 2]), "`origin` has 3 rows, the answer has 4"),
        ("origin too long", FlatMap, from(1, &[0, 1]), "`origin` has 2 rows, the answer has 1"),
        ("origin past the input", FlatMap, from(2, &[0, 4]), "row 4 at 1, the input has 4"),
        ("origin falls", FlatMap, from(2, &[2, 1]), "row 1 at 1, after row 2"),
        ("origin repeats in a map", Map, from(4, &[0, 1, 1, 2]), "row 1 at 2, after row 1"),
        ("origin repeats in a filter", MapFilter, from(2, &[1, 1]), "row 1 at 1, after row 1"),
        ("origin was rejected", Map, (3, None, Some(&[0, 1, 2][..]), &[(1, 0)]), "row 1 is both"),
    ] {
        check(name, chain, true, answer, expected);
    }
    check("unasked", Map, false, from(4, &[0, 1, 2, 3]), "not asked for");
}

#[test]
fn malformed_row_counts_and_rejections_are_refused() {
    use Chain::{FlatMap, FlatMapMap, Map, MapFilter};
    let rows = |rows, rejected| (rows, None, None, rejected);
    for (name, chain, answer, expected) in [
        ("one row a row", Map, rows(4, &[][..]), ""),
        ("fewer rows for rejected ones", Map, rows(2, &[(3, 0), (0, 0)]), ""),
        ("fewer rows of a filter", MapFilter, rows(0, &[]), ""),
        ("more rows of a flat map", FlatMap, rows(9, &[]), ""),
        ("row lost by a map", Map, rows(3, &[]), "has 3 rows, expected exactly 4"),
        ("row made by a map", Map, rows(5, &[]), "has 5 rows, expected exactly 4"),
        ("rejected row given back", Map, rows(4, &[(0, 0)]), "has 4 rows, expected exactly 3"),
        ("row made by a filter", MapFilter, rows(5, &[]), "has 5 rows, expected at most 4"),
        ("row rejected past the input", Map, rows(3, &[(4, 0)]), "row 4 at 0, the input has 4"),
        ("row rejected twice", Map, rows(3, &[(1, 0), (1, 0)]), "row 1 is rejected twice"),
        ("row rejected by two steps", MapFilter, rows(3, &[(1, 1), (1, 0)]), "rejected twice"),
        ("rows of one row rejected", FlatMapMap, rows(3, &[(1, 1), (1, 1)]), ""),
        ("row of a flat map twice", FlatMap, rows(3, &[(1, 0), (1, 0)]), "rejected twice"),
        ("step past the chain", Map, rows(3, &[(1, 1)]), "by step 1, the chain has 1"),
        ("step past all chains", FlatMapMap, rows(3, &[(1, u32::MAX)]), "the chain has 2"),
    ] {
        check(name, chain, false, answer, expected);
    }
}

#[test]
fn row_lists_count_as_bytes_of_the_answer() {
    let selection: Vec<u32> = (0..300).collect();
    let answer = (0, Some(&selection[..]), None, &[][..]);
    check("a long selection", Chain::Filter, false, answer, "1200 bytes, limit is 1000");
}

#[test]
fn rejected_rows_are_bounded() {
    let rejected = vec![(0, 0); tidemill::limits::REJECTED_ROWS_MAX + 1];
    let rules = Chain::FlatMapMap.rules();
    let shape = BatchShape::new(&columns("int64"));
    let output = output((0, None, None, &rejected), false);
    let error = rules.check(&shape, output, (4, false), &AnswerLimits::default());
    let words = error.expect_err("too many").to_string();
    assert_eq!(words, "the answer rejects 65537 rows, limit is 65536");
}
