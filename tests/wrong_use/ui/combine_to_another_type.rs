use tidemill_sdk::prelude::*;

#[combine(merge = add)]
fn mean(so_far: Option<(i64, i64)>, value: i64) -> i64 {
    so_far.unwrap_or_default().1 + value
}

fn add(left: i64, right: i64) -> i64 {
    left + right
}

plugin!(mean);

fn main() {}
