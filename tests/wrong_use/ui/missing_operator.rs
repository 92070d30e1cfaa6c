use tidemill_sdk::prelude::*;

#[map]
fn pair(word: &str) -> (&str, i64) {
    (word, 1)
}

plugin!(pair, add);

fn main() {}
