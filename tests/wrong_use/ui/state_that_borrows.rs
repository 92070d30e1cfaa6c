use tidemill_sdk::prelude::*;

#[map_with_state]
fn last(page: &str, kept: &mut State<&str>) -> Option<i64> {
    kept.get().map(|before| (before.len() + page.len()) as i64)
}

plugin!(last);

fn main() {}
