use tidemill_sdk::prelude::*;

#[map]
fn after(line: &str, #[param(default = "#")] mark: &str) -> Option<&str> {
    line.split_once(mark).map(|(_, after)| after)
}

plugin!(after);

fn main() {}
