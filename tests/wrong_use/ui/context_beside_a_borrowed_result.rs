use tidemill_sdk::prelude::*;

#[map]
fn first(line: &str, context: &Context) -> &str {
    context.counter("lines", 1);
    line.split(' ').next().unwrap_or_default()
}

plugin!(first);

fn main() {}
