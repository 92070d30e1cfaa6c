use tidemill_sdk::prelude::*;

#[combine(merge = add)]
fn total(so_far: i64, value: i64) -> i64 {
    so_far + value
}

fn add(left: i64, right: i64) -> i64 {
    left + right
}

plugin!(total);

fn main() {}
