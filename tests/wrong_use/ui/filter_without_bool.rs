use tidemill_sdk::prelude::*;

#[filter]
fn long(word: &str) -> i64 {
    word.len() as i64
}

plugin!(long);

fn main() {}
