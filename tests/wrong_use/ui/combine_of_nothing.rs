use tidemill_sdk::prelude::*;

#[combine(merge = add)]
fn total(so_far: Option<i64>) -> i64 {
    so_far.unwrap_or_default()
}

fn add(left: i64, right: i64) -> i64 {
    left + right
}

plugin!(total);

fn main() {}
