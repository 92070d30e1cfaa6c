use tidemill_sdk::prelude::*;

#[combine(merge = "add")]
fn total(so_far: Option<i64>, value: i64) -> i64 {
    so_far.unwrap_or_default() + value
}

plugin!(total);

fn main() {}
