use tidemill_sdk::prelude::*;

#[map_with_state]
fn running(n: i64, sum: &mut State<i64>, count: &mut State<i64>) -> i64 {
    sum.update(n);
    count.update(1);
    n
}

plugin!(running);

fn main() {}
