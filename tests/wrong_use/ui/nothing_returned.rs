use tidemill_sdk::prelude::*;

#[map]
fn forget(word: &str) {
    drop(word.to_owned());
}

plugin!(forget);

fn main() {}
