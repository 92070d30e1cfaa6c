use tidemill_sdk::prelude::*;

#[reduce]
fn add(total: i64) -> i64 {
    total
}

plugin!(add);

fn main() {}
