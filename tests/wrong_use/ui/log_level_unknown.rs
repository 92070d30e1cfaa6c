use tidemill_sdk::prelude::*;

#[map]
fn pair(word: &str) -> (&str, i64) {
    log!(info, "{word}");
    (word, 1)
}

plugin!(pair);

fn main() {}
