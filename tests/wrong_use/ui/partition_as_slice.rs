use tidemill_sdk::prelude::*;

#[map_partitions]
fn sorted(words: Vec<&str>) -> Vec<&str> {
    words
}

plugin!(sorted);

fn main() {}
