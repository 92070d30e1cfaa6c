use std::collections::HashMap;

use tidemill_sdk::prelude::*;

#[map_with_state]
fn pages(page: &str, kept: &mut State<HashMap<String, i64>>) -> i64 {
    kept.get().and_then(|pages| pages.get(page)).copied().unwrap_or_default()
}

plugin!(pages);

fn main() {}
