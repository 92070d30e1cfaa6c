use tidemill_sdk::prelude::*;

#[combine(merge = add)]
fn mean(so_far: Option<(i64, i64)>, value: i64) -> (i64, i64) {
    let (count, sum) = so_far.unwrap_or_default();
    (count + 1, sum + value)
}

/// Takes values, not what was made of them.
fn add(left: i64, right: i64) -> i64 {
    left + right
}

plugin!(mean);

fn main() {}
