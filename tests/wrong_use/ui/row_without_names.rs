use tidemill_sdk::prelude::*;

#[derive(Row)]
struct Pair<'a>(&'a str, i64);

fn main() {}
