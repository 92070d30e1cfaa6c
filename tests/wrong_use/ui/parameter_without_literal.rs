use tidemill_sdk::prelude::*;

const LEAST: i64 = 3;

#[filter]
fn long(word: &str, #[param(default = LEAST)] least: i64) -> bool {
    word.len() as i64 >= least
}

plugin!(long);

fn main() {}
