use std::collections::HashMap;

use tidemill_sdk::prelude::*;

#[map]
fn count(line: &str) -> HashMap<String, i64> {
    [(line.to_owned(), 1)].into()
}

plugin!(count);

fn main() {}
