use tidemill_sdk::prelude::*;

#[map]
fn same<T>(value: T) -> T {
    value
}

plugin!(same);

fn main() {}
