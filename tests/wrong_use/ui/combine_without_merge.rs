use tidemill_sdk::prelude::*;

#[combine]
fn longest(so_far: Option<i64>, word: &str) -> i64 {
    so_far.unwrap_or_default().max(word.len() as i64)
}

plugin!(longest);

fn main() {}
