use tidemill_sdk::prelude::*;

#[map_with_state]
fn remember(n: i64, sum: &mut State<i64>) {
    sum.update(n);
}

plugin!(remember);

fn main() {}
