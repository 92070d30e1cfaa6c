//! Answers that look malformed and are right.
//!
//! Takes nothing. Gives cases. Never checks them.
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use super::{Case, e, n, o, t};

/// Answers that look odd and are right.
pub(super) fn right() -> Vec<Case> {
    vec![
        case("no rows", "int64", 0, &[(0, 0)], vec![e(), e()], ""),
        case("no rows of text without offsets", "utf8", 0, &[(0, 0)], vec![e(), e(), e()], ""),
        case("no rows of text with one offset", "utf8", 0, &[(0, 0)], vec![e(), o(&[0]), e()], ""),
        case("empty texts", "utf8", 2, &[(2, 0)], vec![e(), o(&[0, 0, 0]), e()], ""),
        case("empty bytes", "binary", 1, &[(1, 0)], vec![e(), o(&[0, 0]), e()], ""),
        case(
            "no rows of lists",
            "list<utf8>",
            0,
            &[(0, 0), (0, 0)],
            vec![e(), e(), e(), e(), e()],
            "",
        ),
        case(
            "empty lists",
            "list<int64>",
            2,
            &[(2, 0), (0, 0)],
            vec![e(), o(&[0, 0, 0]), e(), e()],
            "",
        ),
        case(
            "empty lists of text",
            "list<utf8>",
            1,
            &[(1, 0), (0, 0)],
            vec![e(), o(&[0, 0]), e(), o(&[0]), e()],
            "",
        ),
        case(
            "empty lists of lists",
            "list<list<int64>>",
            1,
            &[(1, 0), (1, 0), (0, 0)],
            vec![e(), o(&[0, 1]), e(), o(&[0, 0]), e(), e()],
            "",
        ),
        case("nothing but nulls", "int64?", 2, &[(2, 2)], vec![vec![0], n(&[7, 7])], ""),
        case(
            "null text over bytes",
            "utf8?",
            2,
            &[(2, 1)],
            vec![vec![0b10], o(&[0, 1, 2]), t("ab")],
            "",
        ),
        case(
            "null list over items",
            "list<int64>?",
            1,
            &[(1, 1), (1, 0)],
            vec![vec![0], o(&[0, 1]), e(), n(&[1])],
            "",
        ),
        case(
            "set bits beyond the rows of a bitmap",
            "int64?",
            3,
            &[(3, 1)],
            vec![vec![0b1111_1011], n(&[1, 2, 3])],
            "",
        ),
        case("set bits beyond the rows of bools", "bool", 3, &[(3, 0)], vec![e(), vec![0xff]], ""),
        case(
            "no nulls where they are allowed",
            "utf8?",
            1,
            &[(1, 0)],
            vec![e(), o(&[0, 1]), t("a")],
            "",
        ),
        case(
            "text of four bytes a character",
            "utf8",
            2,
            &[(2, 0)],
            vec![e(), o(&[0, 4, 8]), t("🦀🦀")],
            "",
        ),
        case(
            "bytes that are no text",
            "binary",
            1,
            &[(1, 0)],
            vec![e(), o(&[0, 2]), vec![0xff, 0xfe]],
            "",
        ),
        case(
            "decimal of all its digits",
            "decimal128(3,1)",
            2,
            &[(2, 0)],
            vec![e(), n(&[999, 0, -999, -1])],
            "",
        ),
        case(
            "null decimal of more digits",
            "decimal128(1,0)?",
            1,
            &[(1, 1)],
            vec![vec![0], n(&[1000, 0])],
            "",
        ),
        case("eight bools", "bool", 8, &[(8, 0)], vec![e(), vec![0xa5]], ""),
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
