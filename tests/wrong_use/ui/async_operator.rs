use tidemill_sdk::prelude::*;

#[map]
async fn pair(word: &str) -> i64 {
    word.len() as i64
}

plugin!(pair);

fn main() {}
