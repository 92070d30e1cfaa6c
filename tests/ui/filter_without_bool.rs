use tidemill_sdk::prelude::*;

#[filter]
fn long(word: &str) -> usize {
    word.len()
}

plugin!(long);

fn main() {}
