//! Malformed answers: lists, and lists of lists.
//!
//! Takes nothing. Gives cases. Never checks them.
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use super::{Case, e, n, o, t};

/// Lists.
pub(super) fn lists() -> Vec<Case> {
    vec![
        case(
            "list without offsets",
            "list<int64>",
            1,
            &[(1, 0), (0, 0)],
            vec![e(), e(), e(), e()],
            "`a` has 0 bytes of offsets, expected 8",
        ),
        case(
            "list offsets begin late",
            "list<int64>",
            1,
            &[(1, 0), (2, 0)],
            vec![e(), o(&[1, 2]), e(), n(&[1, 2])],
            "`a` begins at offset 1",
        ),
        case(
            "list offsets fall",
            "list<int64>",
            2,
            &[(2, 0), (1, 0)],
            vec![e(), o(&[0, 2, 1]), e(), n(&[1])],
            "`a`, row 1: offset 1 follows offset 2",
        ),
        case(
            "list offsets negative",
            "list<int64>",
            1,
            &[(1, 0), (0, 0)],
            vec![e(), o(&[0, -2]), e(), e()],
            "row 0: offset -2 follows offset 0",
        ),
        case(
            "list past its items",
            "list<int64>",
            1,
            &[(1, 0), (2, 0)],
            vec![e(), o(&[0, 3]), e(), n(&[1, 2])],
            "`a[]` has length 2, expected 3",
        ),
        case(
            "items past their list",
            "list<int64>",
            1,
            &[(1, 0), (2, 0)],
            vec![e(), o(&[0, 1]), e(), n(&[1, 2])],
            "`a[]` has length 2, expected 1",
        ),
        case(
            "items for no row",
            "list<int64>",
            0,
            &[(0, 0), (1, 0)],
            vec![e(), o(&[0]), e(), n(&[1])],
            "`a[]` has length 1, expected 0",
        ),
        case(
            "items for no offsets",
            "list<int64>",
            0,
            &[(0, 0), (1, 0)],
            vec![e(), e(), e(), n(&[1])],
            "`a[]` has length 1, expected 0",
        ),
        case(
            "item values too short",
            "list<int64>",
            1,
            &[(1, 0), (2, 0)],
            vec![e(), o(&[0, 2]), e(), n(&[1])],
            "`a[]` has 8 bytes of values, expected 16",
        ),
        case(
            "greatest list offset",
            "list<bool>",
            1,
            &[(1, 0), (i32::MAX.unsigned_abs(), 0)],
            vec![e(), o(&[0, i32::MAX]), e(), vec![1]],
            "`a[]` has 1 byte of values, expected 268435456",
        ),
        case(
            "more null items than items",
            "list<int64?>",
            1,
            &[(1, 0), (1, 2)],
            vec![e(), o(&[0, 1]), vec![0], n(&[1])],
            "`a[]` counts 2 nulls among 1",
        ),
        case(
            "null list in a required column",
            "list<int64>",
            1,
            &[(1, 1), (0, 0)],
            vec![vec![0], o(&[0, 0]), e(), e()],
            "`a` is required and has 1 null",
        ),
        case(
            "list of text with a bad byte",
            "list<utf8>",
            1,
            &[(1, 0), (2, 0)],
            vec![e(), o(&[0, 2]), e(), o(&[0, 1, 2]), vec![b'a', 0xff]],
            "`a[]`, row 1: the text is not valid",
        ),
        case(
            "list of text with falling offsets",
            "list<utf8>",
            1,
            &[(1, 0), (2, 0)],
            vec![e(), o(&[0, 2]), e(), o(&[0, 1, 0]), t("a")],
            "`a[]`, row 1: offset 0 follows offset 1",
        ),
        case(
            "list of decimals with too many digits",
            "list<decimal128(1,0)>",
            1,
            &[(1, 0), (1, 0)],
            vec![e(), o(&[0, 1]), e(), n(&[10, 0])],
            "`a[]`, row 0: the number has more than 1 digits",
        ),
    ]
}

/// Lists of lists.
pub(super) fn nested() -> Vec<Case> {
    vec![
        case(
            "list of lists without inner node",
            "list<list<int64>>",
            0,
            &[(0, 0), (0, 0)],
            vec![e(), e(), e(), e(), e(), e()],
            "2 nodes, expected 3",
        ),
        case(
            "list of lists without inner offsets",
            "list<list<int64>>",
            1,
            &[(1, 0), (1, 0), (0, 0)],
            vec![e(), o(&[0, 1]), e(), e(), e(), e()],
            "`a[]` has 0 bytes of offsets, expected 8",
        ),
        case(
            "inner lists fewer than outer",
            "list<list<int64>>",
            1,
            &[(1, 0), (1, 0), (0, 0)],
            vec![e(), o(&[0, 2]), e(), o(&[0, 0]), e(), e()],
            "`a[]` has length 1, expected 2",
        ),
        case(
            "inner items fewer than inner lists",
            "list<list<int64>>",
            1,
            &[(1, 0), (1, 0), (1, 0)],
            vec![e(), o(&[0, 1]), e(), o(&[0, 2]), e(), n(&[1])],
            "`a[][]` has length 1, expected 2",
        ),
        case(
            "inner offsets fall",
            "list<list<int64>>",
            1,
            &[(1, 0), (2, 0), (1, 0)],
            vec![e(), o(&[0, 2]), e(), o(&[0, 2, 1]), e(), n(&[1])],
            "`a[]`, row 1: offset 1 follows offset 2",
        ),
        case(
            "inner null where lists are required",
            "list<list<int64>>",
            1,
            &[(1, 0), (1, 1), (0, 0)],
            vec![e(), o(&[0, 1]), vec![0], o(&[0, 0]), e(), e()],
            "`a[]` is required and has 1 null",
        ),
        case(
            "innermost null where items are required",
            "list<list<int64>?>",
            1,
            &[(1, 0), (1, 0), (1, 1)],
            vec![e(), o(&[0, 1]), e(), o(&[0, 1]), vec![0], n(&[0])],
            "`a[][]` is required and has 1 null",
        ),
        case(
            "innermost text with a bad byte",
            "list<list<utf8>>",
            1,
            &[(1, 0), (1, 0), (1, 0)],
            vec![e(), o(&[0, 1]), e(), o(&[0, 1]), e(), o(&[0, 1]), vec![0xff]],
            "`a[][]`, row 0: the text is not valid",
        ),
        case(
            "innermost last offset past its data",
            "list<list<binary>>",
            1,
            &[(1, 0), (1, 0), (1, 0)],
            vec![e(), o(&[0, 1]), e(), o(&[0, 1]), e(), o(&[0, 9]), t("a")],
            "`a[][]` ends at offset 9, its data has 1",
        ),
        case(
            "column after a list",
            "list<int64> int64",
            1,
            &[(1, 0), (0, 0), (1, 0)],
            vec![e(), o(&[0, 0]), e(), e(), e(), e()],
            "`b` has 0 bytes of values, expected 8",
        ),
    ]
}

fn case(
    name: &'static str,
    columns: &'static str,
    rows: u32,
    nodes: &[(u32, u32)],
    buffers: Vec<Vec<u8>>,
    expected: &'static str,
) -> Case {
    Case { name, columns, rows, nodes: nodes.to_vec(), buffers, expected }
}
