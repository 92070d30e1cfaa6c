use tidemill_sdk::prelude::*;

#[map]
fn halve(value: f32) -> f32 {
    value / 2.0
}

plugin!(halve);

fn main() {}
