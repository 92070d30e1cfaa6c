use tidemill_sdk::prelude::*;

#[inverse(of = add)]
fn subtract(sum: i64, left: i64) -> i64 {
    sum - left
}

plugin!(subtract);

fn main() {}
