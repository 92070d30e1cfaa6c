use tidemill_sdk::prelude::*;

#[reduce]
fn add(total: i64, value: f64) -> i64 {
    total + value as i64
}

plugin!(add);

fn main() {}
