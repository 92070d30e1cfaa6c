use tidemill_sdk::prelude::*;

#[combine(merge = add)]
fn total(#[key] word: &str, so_far: Option<i64>, value: i64) -> i64 {
    so_far.unwrap_or_default() + value + word.len() as i64
}

fn add(left: i64, right: i64) -> i64 {
    left + right
}

plugin!(total);

fn main() {}
