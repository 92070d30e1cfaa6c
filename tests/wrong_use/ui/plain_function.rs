use tidemill_sdk::prelude::*;

fn pair(word: &str) -> (&str, i64) {
    (word, 1)
}

plugin!(pair);

fn main() {}
