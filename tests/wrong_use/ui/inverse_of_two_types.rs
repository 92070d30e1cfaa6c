use tidemill_sdk::prelude::*;

#[inverse]
fn subtract(sum: i64, left: f64) -> i64 {
    sum - left as i64
}

plugin!(subtract);

fn main() {}
