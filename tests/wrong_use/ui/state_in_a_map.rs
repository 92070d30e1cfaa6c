use tidemill_sdk::prelude::*;

#[map]
fn running(n: i64, sum: &mut State<i64>) -> i64 {
    sum.update(n);
    n
}

plugin!(running);

fn main() {}
