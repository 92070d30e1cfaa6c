use tidemill_sdk::prelude::*;

#[map_with_state]
fn running(#[key] word: &str, sum: &mut State<i64>) -> i64 {
    sum.update(word.len() as i64);
    1
}

plugin!(running);

fn main() {}
