use tidemill_sdk::prelude::*;

#[derive(Row)]
struct Session<'a> {
    pages: i64,
    last: &'a str,
}

#[map_with_state]
fn session(page: &str, kept: &mut State<Session<'_>>) -> Option<i64> {
    kept.get().map(|before| before.pages + (before.last.len() + page.len()) as i64)
}

plugin!(session);

fn main() {}
