//! Operators that go wrong in the ways authors make them go wrong.

use tidemill_sdk::prelude::*;

/// Panics at the line `boom`.
#[map]
fn panic_at_boom(line: &str) -> &str {
    assert!(line != "boom", "this author never thought of boom");
    line
}

/// Never comes back from the line `spin`.
#[map]
fn spin(line: &str) -> &str {
    while line == "spin" {
        std::hint::black_box(line);
    }
    line
}

/// Takes all the memory it can get at the line `hoard`.
#[map]
fn hoard(line: &str) -> i64 {
    let mut hoarded: Vec<Vec<u8>> = Vec::new();
    while line == "hoard" {
        hoarded.push(std::hint::black_box(vec![1; 1 << 20]));
    }
    hoarded.len() as i64
}

/// Refuses lines that are no numbers.
#[map]
fn number(line: &str) -> Result<i64, Reject> {
    line.parse().map_err(|_| Reject::new("no-number", format!("`{line}` is no number")))
}

/// Thinks about every line for so many rounds.
#[map]
fn slow<'a>(line: &'a str, #[param(default = 20_000)] rounds: i64) -> &'a str {
    let mut sum = 0_i64;
    for round in 0..rounds {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(round));
    }
    if sum == 1 { "" } else { line }
}

/// Ten to the power of a line's length.
#[map]
fn power(line: &str) -> i64 {
    line.bytes().fold(1, |power, _| power * 10)
}

/// Runs out of its stack at the line `dive`, with no word of where.
#[filter]
fn dive(line: &str) -> bool {
    line != "dive" || descend(1) > 0
}

fn descend(depth: u64) -> u64 {
    if std::hint::black_box(depth) == 0 { 0 } else { 1 + descend(depth + 1) }
}

/// The line, with its length.
#[map(keys = 1)]
fn with_length(line: &str) -> (&str, i64) {
    (line, line.len() as i64)
}

/// The sum, but for any two values of which one is 13.
#[reduce]
fn add_but_13(left: i64, right: i64) -> i64 {
    if left == 13 || right == 13 {
        descend(1);
    }
    left + right
}

/// A line's first letter, with its length.
#[map(keys = 1)]
fn by_initial(line: &str) -> (&str, i64) {
    (line.get(..1).unwrap_or(line), line.len() as i64)
}

/// The sum, but never for any two values of which one is 13.
#[reduce]
fn add_or_spin_at_13(left: i64, right: i64) -> i64 {
    while left == 13 || right == 13 {
        std::hint::black_box((left, right));
    }
    left + right
}

/// The sum, but all the memory there is for any two values of which one is 13.
#[reduce]
fn add_or_hoard_at_13(left: i64, right: i64) -> i64 {
    let mut hoarded: Vec<Vec<u8>> = Vec::new();
    while left == 13 || right == 13 {
        hoarded.push(std::hint::black_box(vec![1; 1 << 20]));
    }
    left + right
}

/// The sum, but for two values that make 20.
#[reduce]
fn add_but_to_20(left: i64, right: i64) -> i64 {
    if left + right == 20 {
        descend(1);
    }
    left + right
}

/// The sum, but for any value of 13.
#[combine(merge = both)]
fn sum_but_13(so_far: Option<i64>, value: i64) -> i64 {
    if value == 13 {
        descend(1);
    }
    so_far.unwrap_or_default() + value
}

fn both(left: i64, right: i64) -> i64 {
    left + right
}

/// How often each line came, but for `dive`.
#[map_with_state]
fn times<'a>(#[key] line: &'a str, _length: i64, times: &mut State<i64>) -> (&'a str, i64) {
    if line == "dive" {
        descend(1);
    }
    let so_far = times.get().copied().unwrap_or_default() + 1;
    times.update(so_far);
    (line, so_far)
}

plugin!(
    panic_at_boom,
    spin,
    hoard,
    number,
    slow,
    power,
    dive,
    with_length,
    by_initial,
    add_but_13,
    add_or_spin_at_13,
    add_or_hoard_at_13,
    add_but_to_20,
    sum_but_13,
    times
);
