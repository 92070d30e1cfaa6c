//! An operator of every kind, each as plain as it can be.

use tidemill_sdk::prelude::*;

/// Twice the number.
#[map]
fn double(n: i64) -> i64 {
    2 * n
}

/// Whether the number is even.
#[filter]
fn even(n: i64) -> bool {
    n % 2 == 0
}

/// The numbers from 1 to this one.
#[flat_map]
fn up_to(n: i64) -> impl Iterator<Item = i64> {
    1..=n
}

/// Nothing of anything.
#[filter]
fn none(_n: i64) -> bool {
    false
}

/// The rest of the number by a divisor, as its key.
#[map(keys = 1)]
fn by_rest(n: i64, #[param(default = 2)] divisor: i64) -> (i64, i64) {
    (n % divisor, n)
}

/// The number with the other sign; its key stays.
#[map_values]
fn negate(n: i64) -> i64 {
    -n
}

/// The number as often as it says; its key stays.
#[flat_map_values]
fn repeat(n: i64) -> impl Iterator<Item = i64> {
    (0..n).map(move |_| n)
}

/// The sum.
#[reduce]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// How many rows a partition has, and their sum.
#[map_partitions]
fn size(rows: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    Some(rows.fold((0, 0), |(count, sum), n| (count + 1, sum + n)))
}

/// How many lines a partition has, and their bytes.
#[map_partitions]
fn bytes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<(i64, i64)> {
    Some(lines.fold((0, 0), |(count, sum), line| (count + 1, sum + line.len() as i64)))
}

/// The length of a word.
#[map]
fn length(word: &str) -> i64 {
    word.len() as i64
}

/// A number, or nothing of nothing.
#[map]
fn or_zero(n: Option<i64>) -> i64 {
    n.unwrap_or_default()
}

/// A user of a row of any number of columns.
#[derive(Debug, PartialEq, Row)]
struct User<'a> {
    user: &'a str,
}

/// The user alone, found by name.
#[map]
fn user(row: User) -> &str {
    row.user
}

/// The number, which must be above nothing.
#[map]
fn positive(n: i64) -> Result<i64, Reject> {
    if n > 0 { Ok(n) } else { Err(Reject::new("not-positive", format!("{n} is not above 0"))) }
}

/// The word of a line that has the number of its partition.
#[map]
fn own_word(line: &str, context: Context) -> &str {
    line.split(' ').nth(context.partition() as usize).unwrap_or_default()
}

plugin!(
    double, even, up_to, none, by_rest, negate, repeat, add, size, bytes, length, or_zero, user,
    positive, own_word
);
