//! Columns of every type, with nulls and without, through operators made of closures.

use crate::rig::{Answer, batch_of, check};
use tidemill_sdk::batch::{Batch, BatchRef, Node};
use tidemill_sdk::closures::{filter, flat_map, map, reduce};
use tidemill_sdk::column::{Date, Decimal, List, Timestamp, Value};
use tidemill_sdk::context::Task;
use tidemill_sdk::native::{Step, Table};
use tidemill_sdk::operator::Phase;
use tidemill_sdk::output::Made;
use tidemill_sdk::row::{gather, read};

/// More than one run, and no whole number of bytes of bits.
const ROWS: usize = 300;

/// Rows go through a map, a flat map, a filter and a reduce unchanged, and the type has its word.
fn passes<V: Value>(word: &str, value_of: impl Fn(usize) -> V::Of<'static> + Copy) {
    let table = Table::new(
        "types",
        "0",
        "",
        vec![
            map::<V, V>("same", |_, value| value),
            flat_map::<V, V>("once", |value, emit| emit.push(value)),
            filter::<V>("all", |_| true),
            reduce::<V>("first", |_, first, _| first),
        ],
    );
    let field = &table.describe().operators[0].input.fields[0];
    let nullable = if V::NULLABLE { "?" } else { "" };
    assert_eq!(format!("{}{nullable}", field.data_type), word);
    for rows in [0, 1, 8, ROWS] {
        let values: Vec<_> = (0..rows).map(value_of).collect();
        for chain in [&["same"][..], &["once"], &["once", "all", "same"]] {
            check::<V, V>(&table, chain, &values, Answer::rows(&values));
        }
        let groups: Vec<u32> = (0..rows as u32).collect();
        let values = gather::<V>(rows, value_of).expect("rows fit");
        let mut buffers = Vec::new();
        let step = Step { operator: 3, parameters: b"" };
        let lent = values.lend(&mut buffers);
        let folded = table.fold(step, Task::default(), Phase::Values, lent, &groups, rows as u32);
        assert_eq!(folded.as_ref(), Ok(&values));
        assert_eq!(table.merge(step, Task::default(), lent, lent).as_ref(), Ok(&values));
    }
}

fn every_third_missing<T>(
    value_of: impl Fn(usize) -> T + Copy,
) -> impl Fn(usize) -> Option<T> + Copy {
    move |row| (row % 3 != 1).then(|| value_of(row))
}

#[test]
fn every_type_passes_with_and_without_nulls() {
    const WORDS: [&str; 4] = ["", "a", "longer than sixteen bytes", "grün"];
    let word = |row: usize| WORDS[row % 4];
    let bytes = |row: usize| WORDS[row % 4].as_bytes();
    let decimal = |row| Decimal::<18, 2>(row as i128 - 7);
    passes::<bool>("bool", |row| row % 5 == 0);
    passes::<Option<bool>>("bool?", every_third_missing(|row| row % 5 == 0));
    passes::<i32>("int32", |row| row as i32 - 5);
    passes::<Option<i32>>("int32?", every_third_missing(|row| row as i32));
    passes::<i64>("int64", |row| i64::MIN + row as i64);
    passes::<Option<i64>>("int64?", every_third_missing(|row| row as i64));
    passes::<u64>("uint64", |row| u64::MAX - row as u64);
    passes::<Option<u64>>("uint64?", every_third_missing(|row| row as u64));
    passes::<f64>("float64", |row| row as f64 / 3.0);
    passes::<Option<f64>>("float64?", every_third_missing(|row| row as f64));
    passes::<&str>("utf8", word);
    passes::<Option<&str>>("utf8?", every_third_missing(word));
    passes::<&[u8]>("binary", bytes);
    passes::<Option<&[u8]>>("binary?", every_third_missing(bytes));
    passes::<Timestamp>("timestamp", |row| Timestamp(row as i64));
    passes::<Option<Timestamp>>("timestamp?", every_third_missing(|row| Timestamp(row as i64)));
    passes::<Date>("date32", |row| Date(row as i32));
    passes::<Option<Date>>("date32?", every_third_missing(|row| Date(row as i32)));
    passes::<Decimal<18, 2>>("decimal128(18,2)", decimal);
    passes::<Option<Decimal<18, 2>>>("decimal128(18,2)?", every_third_missing(decimal));
}

#[test]
fn columns_without_a_null_have_no_bitmap() {
    let batch = batch_of::<Option<i32>>(&[Some(1), Some(2)]);
    assert_eq!(batch.nodes, [Node { length: 2, nulls: 0 }]);
    assert_eq!(batch.buffers, [vec![], vec![1, 0, 0, 0, 2, 0, 0, 0]]);
}

#[test]
fn a_bitmap_begins_with_the_first_null() {
    let batch = batch_of::<Option<i32>>(&[Some(1), None, Some(2)]);
    assert_eq!(batch.nodes, [Node { length: 3, nulls: 1 }]);
    assert_eq!(batch.buffers, [vec![0b101], vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]]);
}

#[test]
fn a_null_after_many_runs_keeps_what_came_before() {
    let rows: Vec<Option<bool>> = (0..ROWS).map(|row| (row != 297).then_some(true)).collect();
    let batch = batch_of::<Option<bool>>(&rows);
    let mut buffers = Vec::new();
    assert_eq!(read::<Option<bool>>(batch.lend(&mut buffers)).as_ref(), Ok(&rows));
    assert_eq!(batch.buffers[0][37], 0b1101);
    assert_eq!(batch.buffers[0].len(), 38);
}

#[test]
fn text_is_offsets_and_bytes() {
    let batch = batch_of::<(&str, bool)>(&[("ab", true), ("", false), ("c", true)]);
    assert_eq!(batch.nodes, [Node { length: 3, nulls: 0 }; 2]);
    let offsets: Vec<u8> = [0_u32, 2, 2, 3].iter().flat_map(|end| end.to_ne_bytes()).collect();
    assert_eq!(batch.buffers, [vec![], offsets, b"abc".to_vec(), vec![], vec![0b101]]);
}

#[test]
fn lists_are_read_and_made() {
    let table = Table::new(
        "lists",
        "0",
        "",
        vec![
            map::<&str, Vec<&str>>("words", |_, line| line.split(' ').collect()),
            map::<List<&str>, i64>("count", |_, words| words.len() as i64),
            map::<&str, Vec<Option<i64>>>("numbers", |_, line| {
                line.split(' ').map(|word| word.parse().ok()).collect()
            }),
            map::<List<Option<i64>>, i64>("sum", |_, list| list.iter().flatten().sum()),
            map::<List<List<i64>>, i64>("deep", |_, lists| lists.iter().flatten().sum()),
            map::<&str, Made<(&str, Vec<String>)>>("both", |_, line| (line, vec![line.to_owned()])),
        ],
    );
    let words: Vec<_> = table.describe().operators.iter().map(crate::rig::in_words).collect();
    assert_eq!(words[0], "words: Map by Position (value: utf8) -> (value: list<utf8>)");
    assert_eq!(words[2], "numbers: Map by Position (value: utf8) -> (value: list<int64?>)");
    assert_eq!(words[4], "deep: Map by Position (value: list<list<int64>>) -> (value: int64)");
    check::<&str, i64>(&table, &["words", "count"], &["a b", "c"], Answer::rows(&[2, 1]));
    check::<&str, i64>(&table, &["numbers", "sum"], &["1 x 2", "y"], Answer::rows(&[3, 0]));
    let (ab, c) = (vec!["a", "b"], vec!["c"]);
    let lists = [List::from(&ab), List::from(&c)];
    check::<&str, List<&str>>(&table, &["words"], &["a b", "c"], Answer::rows(&lists));
    check::<List<&str>, i64>(&table, &["count"], &lists, Answer::rows(&[2, 1]));
    check::<&str, (&str, List<&str>)>(&table, &["both"], &["c"], Answer::rows(&[("c", lists[1])]));
}

#[test]
fn lists_of_lists_are_read_from_their_offsets() {
    let table = Table::new(
        "lists",
        "0",
        "",
        vec![map::<List<List<i64>>, i64>("deep", |_, lists| {
            lists.iter().map(|list| list.iter().sum::<i64>() * 10).sum()
        })],
    );
    let offsets = |ends: &[u32]| ends.iter().flat_map(|end| end.to_ne_bytes()).collect::<Vec<_>>();
    let (outer, inner) = (offsets(&[0, 2, 2, 3]), offsets(&[0, 1, 3, 4]));
    let items: Vec<u8> = [1_i64, 2, 3, 4].iter().flat_map(|item| item.to_ne_bytes()).collect();
    let nodes = [3, 3, 4].map(|length| Node { length, nulls: 0 });
    let buffers: [&[u8]; 6] = [&[], &outer, &[], &inner, &[], &items];
    let input = BatchRef::new(3, &nodes, &buffers);
    let step = Step { operator: 0, parameters: b"" };
    let applied = table.apply(&[step], Task::default(), false, input).expect("it runs");
    assert_eq!(applied.batch, batch_of::<i64>(&[60, 0, 40]));
}

#[test]
fn malformed_batches_fail_and_do_not_panic() {
    let table = Table::new("same", "0", "", vec![map::<&str, &str>("same", |_, text| text)]);
    let offsets = |ends: &[u32]| ends.iter().flat_map(|end| end.to_ne_bytes()).collect::<Vec<_>>();
    let check = |rows, nodes: &[Node], buffers: &[&[u8]], expected: &str| {
        let input = BatchRef::new(rows, nodes, buffers);
        let step = Step { operator: 0, parameters: b"" };
        let failure = table.apply(&[step], Task::default(), false, input).expect_err(expected);
        assert_eq!(failure.message, expected);
    };
    let node = [Node { length: 1, nulls: 0 }];
    let one = offsets(&[0, 1]);
    check(1, &[], &[], "the batch has too few columns");
    check(2, &node, &[&[], &one, b"a"], "a column has 1 rows, expected 2");
    check(1, &node, &[], "the batch has too few buffers");
    check(1, &node, &[&[], &one[..4], b"a"], "a buffer of the batch is 4 bytes, expected 8");
    check(1, &node, &[&[], &one], "the batch has too few buffers");
    let not_utf8 = "a text column is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0";
    check(1, &node, &[&[], &one, &[0xff]], not_utf8);
    let falling = offsets(&[7, 3]);
    let buffers: [&[u8]; 3] = [&[], &falling, b"a"];
    let input = BatchRef::new(1, &node, &buffers);
    let step = Step { operator: 0, parameters: b"" };
    let applied =
        table.apply(&[step], Task::default(), false, input).expect("offsets are the host's");
    assert_eq!(applied.batch, batch_of::<&str>(&[""]));
}

#[test]
fn numbers_need_no_alignment() {
    let table = Table::new("same", "0", "", vec![map::<i64, i64>("same", |_, number| number)]);
    let bytes: Vec<u8> = [&[0][..], &7_i64.to_ne_bytes(), &8_i64.to_ne_bytes()].concat();
    let nodes = [Node { length: 2, nulls: 0 }];
    let buffers: [&[u8]; 2] = [&[], &bytes[1..]];
    let input = BatchRef::new(2, &nodes, &buffers);
    let step = Step { operator: 0, parameters: b"" };
    let applied = table.apply(&[step], Task::default(), false, input).expect("it runs");
    let expected: Batch = batch_of::<i64>(&[7, 8]);
    assert_eq!(applied.batch, expected);
}

#[test]
fn decimals_are_written_with_their_point() {
    assert_eq!(Decimal::<5, 2>(-105).to_string(), "-1.05");
    assert_eq!(Decimal::<5, 0>(42).to_string(), "42");
    assert_eq!(Timestamp(-1).date(), Date(-1));
    assert_eq!(Timestamp(-1).millis(), -1);
}
