//! Operators of every kind, run natively through the table that the host calls in the sandbox.

#![allow(missing_docs, reason = "a test")]

#[path = "rig/rig.rs"]
mod rig;

use rig::{Answer, batch_of, in_words};
use tidemill_sdk::batch::Batch;
use tidemill_sdk::native::Step;
use tidemill_sdk::prelude::*;
use tidemill_sdk::row::Columns;

/// The words of a line.
///
/// Words are what stands between spaces.
#[flat_map]
fn split(line: &str) -> impl Iterator<Item = &str> {
    line.split_ascii_whitespace()
}

#[map(keys = 1)]
fn pair(word: &str) -> (&str, i64) {
    (word, 1)
}

#[reduce]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[filter]
fn long(word: &&str, #[param(default = 3)] least: i64) -> bool {
    word.len() as i64 >= least
}

#[filter]
fn known(word: &str) -> Result<bool, Reject> {
    match word {
        "?" => Err(Reject::new("odd", format!("`{word}` is no word"))),
        other => Ok(other != "the"),
    }
}

#[map]
fn number(text: &str) -> Result<i64, Reject> {
    text.parse().map_err(|_| Reject::new("number", format!("`{text}` is no number")))
}

#[map]
fn shout(word: &str, #[param(default = '!')] mark: char) -> String {
    format!("{}{mark}", word.to_uppercase())
}

#[map]
fn length(word: &str) -> (String, i64) {
    (word.to_owned(), word.len() as i64)
}

#[flat_map]
fn numbers(line: &str) -> Result<Vec<i64>, Reject> {
    line.split(',')
        .map(|text| text.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| Reject::new("number", line))
}

#[map]
fn or_zero(number: Option<i64>) -> i64 {
    number.unwrap_or_default()
}

#[map]
fn positive(number: i64) -> Option<i64> {
    (number > 0).then_some(number)
}

#[flat_map_values]
fn twice(number: i64) -> [i64; 2] {
    [number, number]
}

#[map_values]
fn negate(number: i64) -> i64 {
    -number
}

#[map]
fn swap(word: &str, count: i64) -> (i64, &str) {
    (count, word)
}

#[map]
fn describe_pair((word, count): (&str, i64)) -> String {
    format!("{word}={count}")
}

#[map_partitions(keys = 1)]
fn longest<'a>(words: impl Iterator<Item = &'a str>) -> Option<(&'a str, i64)> {
    words.map(|word| (word, word.len() as i64)).max_by_key(|(_, length)| *length)
}

#[map]
fn place(
    word: &str,
    #[param(default = "")] before: &str,
    #[param] after: String,
    context: &Context,
) -> String {
    context.counter("placed", 1);
    format!("{before}{word}{after}{}", context.partition())
}

#[derive(Debug, PartialEq, Row)]
struct Click<'a> {
    user: &'a str,
    at: Timestamp,
    price: Option<f64>,
}

#[derive(Debug, PartialEq, Row)]
struct Visit {
    who: String,
    r#type: i64,
}

#[map]
fn visit(click: Click) -> Visit {
    Visit { who: format!("<{}>", click.user), r#type: click.at.millis() }
}

#[filter]
fn priced(click: &Click) -> bool {
    click.price.is_some()
}

#[map]
fn dated<'a>(user: &'a str, millis: i64) -> Click<'a> {
    Click { user, at: Timestamp::from_millis(millis), price: None }
}

#[derive(Debug, PartialEq, Row)]
struct Totals {
    sum: i64,
    most: f64,
}

#[reduce]
fn total(a: Totals, b: Totals) -> Totals {
    Totals { sum: a.sum + b.sum, most: a.most.max(b.most) }
}

#[reduce]
fn both(a: (i64, Option<i64>), b: (i64, Option<i64>)) -> (i64, Option<i64>) {
    (a.0 + b.0, a.1.max(b.1))
}

#[reduce]
fn later<'a>(a: &'a str, b: &'a str) -> &'a str {
    a.max(b)
}

#[reduce]
fn least<'a>(a: &&'a str, b: &&'a str) -> &'a str {
    (*a).min(*b)
}

#[reduce]
fn join(a: &str, b: &str, #[param(default = '+')] between: char) -> String {
    format!("{a}{between}{b}")
}

#[map]
fn fragile(number: i64) -> i64 {
    assert!(number != 7, "seven is not for me");
    number
}

plugin!(
    split,
    pair,
    add,
    long,
    known,
    number,
    shout,
    length,
    numbers,
    or_zero,
    positive,
    twice,
    negate,
    swap,
    describe_pair,
    longest,
    place,
    visit,
    priced,
    dated,
    total,
    both,
    later,
    fragile,
    least,
    join,
);

fn check<In: Columns, Out: Columns>(steps: &[&str], input: &[In::Of<'_>], expected: Answer<Out>) {
    rig::check::<In, Out>(operators(), steps, input, expected);
}

fn check_fold<C: Columns>(
    name: &str,
    values: &[C::Of<'_>],
    groups: &[u32],
    count: u32,
    expected: Result<&[C::Of<'_>], &str>,
) {
    rig::check_fold::<C>(operators(), name, values, (groups, count), expected);
}

#[test]
fn words_are_split_and_paired_in_one_pass() {
    check::<&str, (&str, i64)>(
        &["split", "pair"],
        &["a  bc", "", "d"],
        Answer::rows(&[("a", 1), ("bc", 1), ("d", 1)]).from(&[0, 0, 2]),
    );
}

#[test]
fn rows_beyond_one_run_keep_their_order_and_origin() {
    let lines: Vec<String> = (0..1000).map(|n| "x ".repeat(n % 7)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let origins: Vec<u32> =
        (0..1000).flat_map(|n| std::iter::repeat_n(n, n as usize % 7)).collect();
    let rows = vec![("x", 1); origins.len()];
    check::<&str, (&str, i64)>(&["split", "pair"], &lines, Answer::rows(&rows).from(&origins));
}

#[test]
fn no_rows_in_give_no_rows_out() {
    check::<&str, (&str, i64)>(&["split", "pair"], &[], Answer::rows(&[]));
    check::<&str, &str>(&["long"], &[], Answer::selection(&[]));
}

#[test]
fn filters_alone_give_a_selection() {
    check::<&str, &str>(&["long"], &["ab", "abc", "", "abcd"], Answer::selection(&[1, 3]));
    check::<&str, &str>(
        &["long {\"least\": 2}", "known"],
        &["ab", "the", "a", "x y"],
        Answer::selection(&[0, 3]),
    );
}

#[test]
fn filters_beside_other_steps_pass_rows_on() {
    check::<&str, (&str, i64)>(
        &["split", "long", "pair"],
        &["a bcd", "efg h"],
        Answer::rows(&[("bcd", 1), ("efg", 1)]).from(&[0, 1]),
    );
}

#[test]
fn refused_rows_are_named_with_row_and_step() {
    check::<&str, i64>(
        &["number"],
        &["1", "x", "2", "y", "z", "3"],
        Answer::rows(&[1, 2, 3]).from(&[0, 2, 5]).refusing(&[
            (1, 0, "number: `x` is no number"),
            (3, 0, "number: `y` is no number"),
            (4, 0, "number: `z` is no number"),
        ]),
    );
    check::<&str, i64>(
        &["split", "number"],
        &["1 a", "2", "b"],
        Answer::rows(&[1, 2])
            .from(&[0, 1])
            .refusing(&[(0, 1, "number: `a` is no number"), (2, 1, "number: `b` is no number")]),
    );
    check::<&str, &str>(
        &["known"],
        &["?", "the", "a"],
        Answer::selection(&[2]).refusing(&[(0, 0, "odd: `?` is no word")]),
    );
    check::<&str, i64>(
        &["numbers"],
        &["1, 2", "3, x", "4"],
        Answer::rows(&[1, 2, 4]).from(&[0, 0, 2]).refusing(&[(1, 0, "number: 3, x")]),
    );
}

#[test]
fn owned_results_are_seen_by_the_next_step() {
    check::<&str, &str>(&["shout"], &["ab", ""], Answer::rows(&["AB!", "!"]));
    check::<&str, (&str, i64)>(
        &["shout {\"mark\": \"?\"}", "pair"],
        &["a"],
        Answer::rows(&[("A?", 1)]),
    );
    check::<&str, (i64, &str)>(
        &["split", "length", "swap"],
        &["a bb"],
        Answer::rows(&[(1, "a"), (2, "bb")]).from(&[0, 0]),
    );
}

#[test]
fn steps_whose_rows_differ_meet_in_columns() {
    check::<&str, i64>(
        &["number", "or_zero"],
        &["4", "x", "5"],
        Answer::rows(&[4, 5]).from(&[0, 2]).refusing(&[(1, 0, "number: `x` is no number")]),
    );
    check::<i64, i64>(&["positive", "or_zero"], &[3, -1], Answer::rows(&[3, 0]));
    check::<(&str, i64), &str>(&["describe_pair"], &[("a", 2)], Answer::rows(&["a=2"]));
    check::<&str, i64>(
        &["split", "number", "or_zero", "negate", "twice"],
        &["1 2"],
        Answer::rows(&[-1, -1, -2, -2]).from(&[0; 4]),
    );
}

#[test]
fn structs_are_rows() {
    check::<(&str, Timestamp, Option<f64>), (&str, i64)>(
        &["visit"],
        &[("ann", Timestamp(5_000_000), None)],
        Answer::rows(&[("<ann>", 5_000)]),
    );
    check::<(&str, Timestamp, Option<f64>), i64>(
        &["priced"],
        &[("ann", Timestamp(1), None), ("bob", Timestamp(2), Some(0.5))],
        Answer::selection(&[1]),
    );
    check::<(&str, i64), (&str, i64)>(
        &["dated", "visit"],
        &[("ann", 7)],
        Answer::rows(&[("<ann>", 7)]),
    );
}

#[test]
fn partitions_are_seen_whole() {
    check::<&str, (&str, i64)>(
        &["longest"],
        &["a", "ccc", "bb"],
        Answer::rows(&[("ccc", 3)]).without_origin(),
    );
    check::<&str, (&str, i64)>(&["longest"], &[], Answer::rows(&[]).without_origin());
    check::<&str, (&str, i64)>(
        &["split", "longest"],
        &["a"],
        Answer::failure("`map_partitions` runs alone, and its rows have no origin"),
    );
}

#[test]
fn parameters_and_context_are_handed_over() {
    check::<&str, &str>(
        &[r#"place {"after": ">", "before": "<"}"#],
        &["x"],
        Answer::rows(&["<x>0"]),
    );
    assert!(tidemill_sdk::host::counted("placed") > 0);
    check::<&str, &str>(
        &["place"],
        &["x"],
        Answer::failure("parameter `after` (utf8) is required and not set"),
    );
    check::<&str, &str>(
        &[r#"long {"least": "3"}"#],
        &["x"],
        Answer::failure("parameter `least` is `\"3\"`, expected int64"),
    );
    check::<&str, &str>(
        &[r#"shout {"mark": "ab"}"#],
        &["x"],
        Answer::failure("parameter `mark` is `\"ab\"`, expected utf8"),
    );
}

#[test]
fn a_panic_fails_the_call_with_its_row() {
    check::<&str, i64>(
        &["numbers", "fragile"],
        &["1,2", "3", "4,7,5"],
        Answer::failure("step 1 panicked: seven is not for me (row 2)"),
    );
}

#[test]
fn wrong_calls_fail_and_do_not_panic() {
    check::<i64, i64>(
        &["add"],
        &[1],
        Answer::failure("`apply` was called on operator `add`, which is a Reduce"),
    );
    check::<i64, &str>(&["split"], &[1, 2], Answer::failure("the batch has too few buffers"));
    check::<Option<i64>, i64>(
        &["negate"],
        &[None],
        Answer::failure("a column of type `int64` has nulls; take it as `Option`"),
    );
    check::<i64, &str>(&[], &[1], Answer::failure("the chain has no step"));
}

#[test]
fn values_fold_to_one_row_per_group() {
    check_fold::<i64>("add", &[1, 2, 3, 4], &[0, 1, 0, 1], 2, Ok(&[4, 6]));
    check_fold::<i64>("add", &[1, 2, 3], &[2, 0, 1], 3, Ok(&[2, 3, 1]));
    check_fold::<i64>("add", &[], &[], 0, Ok(&[]));
    check_fold::<&str>("later", &["b", "a", "c"], &[0, 0, 1], 2, Ok(&["b", "c"]));
    check_fold::<(i64, Option<i64>)>(
        "both",
        &[(1, None), (2, Some(4)), (5, None)],
        &[0, 0, 1],
        2,
        Ok(&[(3, Some(4)), (5, None)]),
    );
    check_fold::<&str>("least", &["b", "a", "c"], &[0, 0, 1], 2, Ok(&["a", "c"]));
    check_fold::<&str>("join", &["b", "a", "c", "d"], &[1, 0, 1, 1], 2, Ok(&["a", "b+c+d"]));
    check_fold::<(i64, f64)>("total", &[(1, 0.5), (2, 0.25)], &[0, 0], 1, Ok(&[(3, 0.5)]));
}

#[test]
fn partial_results_merge_row_by_row() {
    let merge = |name, left: Batch, right: Batch| {
        let (mut left_buffers, mut right_buffers) = (Vec::new(), Vec::new());
        let step = Step { operator: rig::number_of(operators(), name), parameters: b"{}" };
        let (left, right) = (left.lend(&mut left_buffers), right.lend(&mut right_buffers));
        operators().merge(step, Task::default(), left, right)
    };
    let (left, right) = (batch_of::<i64>(&[1, 2]), batch_of::<i64>(&[10, 20]));
    assert_eq!(merge("add", left.clone(), right), Ok(batch_of::<i64>(&[11, 22])));
    let texts = (batch_of::<&str>(&["a", ""]), batch_of::<&str>(&["b", "c"]));
    assert_eq!(merge("join", texts.0, texts.1), Ok(batch_of::<&str>(&["a+b", "+c"])));
    let failure = merge("add", left, batch_of::<i64>(&[1])).expect_err("two rows and one");
    assert_eq!(failure.message, "2 rows to merge with 1");
}

#[test]
fn wrong_groups_fail_the_fold() {
    check_fold::<i64>("add", &[1], &[1], 1, Err("group 1 of 1"));
    check_fold::<i64>("add", &[1], &[0], 2, Err("group 1 of 2 has no row"));
    check_fold::<i64>("add", &[1, 2], &[0], 1, Err("1 group numbers for 2 rows"));
    check_fold::<i64>(
        "negate",
        &[1],
        &[0],
        1,
        Err("`fold` was called on operator `negate`, which is a MapValues"),
    );
}

#[test]
fn many_groups_in_any_order_fold_alike() {
    let rows = 5_000;
    let values: Vec<i64> = (0..rows).collect();
    let groups: Vec<u32> = (0..rows).map(|row| (row * 7 % 1_000) as u32).collect();
    let sum = |group: i64| (0..rows).filter(|row| row * 7 % 1_000 == group).sum();
    let sums: Vec<i64> = (0..1_000).map(sum).collect();
    check_fold::<i64>("add", &values, &groups, 1_000, Ok(&sums));
}

#[test]
fn the_description_says_what_attributes_and_docs_said() {
    let described = operators().describe();
    let said: Vec<String> = described.operators.iter().map(in_words).collect();
    let said = |name: &str| {
        said.iter().find(|words| words.starts_with(&format!("{name}:"))).expect("described")
    };
    assert_eq!(described.name, "tidemill-sdk");
    assert!(described.chains);
    for words in [
        "split: FlatMap by Position (line: utf8) -> (value: utf8)",
        "pair: Map by Position (word: utf8) -> (_1: utf8 | _2: int64)",
        "add: Reduce by Position (value: int64) -> (value: int64)",
        "long: Filter by Position (word: utf8) -> (word: utf8) least: int64 = 3",
        "shout: Map by Position (word: utf8) -> (value: utf8) mark: utf8 = \"!\"",
        "swap: Map by Position (word: utf8, count: int64) -> (_1: int64, _2: utf8)",
        "describe_pair: Map by Position (_1: utf8, _2: int64) -> (value: utf8)",
        "positive: Map by Position (number: int64) -> (value: int64?)",
        "visit: Map by Name (user: utf8, at: timestamp, price: float64?) -> (who: utf8, type: int64)",
        "total: Reduce by Position (sum: int64, most: float64) -> (sum: int64, most: float64)",
        "longest: MapPartitions by Position (words: utf8) -> (_1: utf8 | _2: int64)",
        "place: Map by Position (word: utf8) -> (value: utf8) before: utf8 = \"\" after: utf8",
    ] {
        let name = words.split(':').next().unwrap_or_default();
        assert_eq!(said(name), words);
    }
    assert_eq!(
        described.operators[0].doc,
        "The words of a line.\n\nWords are what stands between spaces."
    );
}

#[test]
fn operators_stay_plain_functions() {
    let context = Context::for_test(Task { partition: 3, ..Task::default() });
    assert_eq!(place("x", "<", ">".to_owned(), &context), "<x>3");
    assert_eq!(longest(["a", "bb"].into_iter()), Some(("bb", 2)));
    assert!(number("x").is_err());
}
