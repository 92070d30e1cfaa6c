//! The functions that the cases of Spark's own suites are about.

use tidemill_sdk::prelude::*;

/// The number as text.
#[map]
fn text(n: i64) -> String {
    n.to_string()
}

/// The number, and twice the number.
#[flat_map]
fn with_double(n: i64) -> [i64; 2] {
    [n, 2 * n]
}

/// Whether the number is even.
#[filter]
fn even(n: i64) -> bool {
    n % 2 == 0
}

/// The sum of a partition.
#[map_partitions]
fn sum_of_partition(numbers: impl Iterator<Item = i64>) -> Option<i64> {
    Some(numbers.sum())
}

/// The number and four.
#[map]
fn plus_four(n: i64) -> i64 {
    n + 4
}

/// The value and ten.
#[map_values]
fn plus_ten(n: i64) -> i64 {
    n + 10
}

/// The word with a one.
#[map(keys = 1)]
fn one_each(word: &str) -> (&str, i64) {
    (word, 1)
}

/// The word with an `x`.
#[map(keys = 1)]
fn x_each(word: &str) -> (&str, &'static str) {
    (word, "x")
}

/// The sum.
#[reduce]
fn add(left: i64, right: i64) -> i64 {
    left + right
}

/// The sum without what has left it.
#[inverse]
fn subtract(sum: i64, left: i64) -> i64 {
    sum - left
}

/// Whether anything is left.
#[filter]
fn any_left(_word: &str, n: i64) -> bool {
    n != 0
}

/// The number, unless it is one.
#[map]
fn fails_on_one(n: i64) -> i64 {
    assert!(n != 1, "there is a one");
    n
}

/// How often values came, and their sum.
#[combine(merge = merge_means)]
fn mean(so_far: Option<(i64, i64)>, value: i64) -> (i64, i64) {
    let (count, sum) = so_far.unwrap_or_default();
    (count + 1, sum + value)
}

fn merge_means(left: (i64, i64), right: (i64, i64)) -> (i64, i64) {
    (left.0 + right.0, left.1 + right.1)
}

/// What was counted so far, and the values.
#[update_state_by_key]
fn count(values: impl Iterator<Item = i64>, so_far: Option<i64>) -> Option<i64> {
    Some(values.sum::<i64>() + so_far.unwrap_or_default())
}

/// All values that ever came.
#[update_state_by_key]
fn append(values: impl Iterator<Item = i64>, so_far: Option<Vec<i64>>) -> Option<Vec<i64>> {
    let mut all = so_far.unwrap_or_default();
    all.extend(values);
    Some(all)
}

/// The sum so far, which is kept.
#[map_with_state]
fn running_sum(n: i64, sum: &mut State<i64>) -> i64 {
    sum.update(n + sum.get().unwrap_or(&0));
    *sum.get().unwrap_or(&0)
}

/// The word with its sum so far.
#[map_with_state(keys = 1)]
fn running_sum_of_word<'a>(#[key] word: &'a str, n: i64, sum: &mut State<i64>) -> (&'a str, i64) {
    (word, running_sum(n, sum))
}

/// Keeps what it does not know, forgets and tells what it knows.
#[map_with_state]
fn toggle<'a>(#[key] word: &'a str, n: i64, kept: &mut State<i64>) -> Option<&'a str> {
    if kept.exists() {
        kept.remove();
        return Some(word);
    }
    kept.update(n);
    None
}

/// The word with its sum so far, and at last with what its sum was when its time was up.
#[map_with_state]
fn sum_until_idle<'a>(
    #[key] word: &'a str,
    n: Option<i64>,
    sum: &mut State<i64>,
) -> (&'a str, i64, bool) {
    if let Some(n) = n {
        running_sum(n, sum);
    }
    (word, sum.get().copied().unwrap_or_default(), sum.is_timing_out())
}

/// Does with the state as it is told: 1 counts on, from nought; 2 takes it away; 0 leaves it. Tells
/// of each call: the word, the order if one came, and what was kept before it.
#[map_with_state(state_version = 2)]
fn steered<'a>(
    #[key] word: &'a str,
    order: Option<i64>,
    kept: &mut State<i64>,
) -> (&'a str, Option<i64>, Option<i64>) {
    let before = kept.get().copied();
    match order {
        Some(1) => kept.update(before.map_or(0, |count| count + 1)),
        Some(2) => kept.remove(),
        _ => {}
    }
    (word, order, before)
}

/// Counts lines, and panics at the line `boom`.
#[filter]
fn counted(line: &str, context: &Context) -> bool {
    context.counter("lines", 1);
    assert!(line != "boom", "this author never thought of boom");
    true
}

plugin!(
    text,
    with_double,
    even,
    sum_of_partition,
    plus_four,
    plus_ten,
    one_each,
    x_each,
    add,
    subtract,
    any_left,
    fails_on_one,
    mean,
    count,
    append,
    running_sum,
    running_sum_of_word,
    toggle,
    sum_until_idle,
    steered,
    counted
);
