use tidemill_sdk::prelude::*;

#[map_with_state]
fn running(#[key] user: usize, n: i64, sum: &mut State<i64>) -> i64 {
    sum.update(n + user as i64);
    n
}

plugin!(running);

fn main() {}
