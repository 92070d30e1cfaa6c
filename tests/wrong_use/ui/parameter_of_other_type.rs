use tidemill_sdk::prelude::*;

#[filter]
fn long(word: &str, #[param(default = 3)] least: u8) -> bool {
    word.len() >= usize::from(least)
}

plugin!(long);

fn main() {}
