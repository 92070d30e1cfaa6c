//! The examples of the project, each a job with cases that hold.
//!
//! Takes the folders of `examples/`. Gives what `tidemill test` says of them. Never opens what
//! their jobs would.

mod enriched_orders;
mod trades;

use std::path::Path;

use crate::set_up::program::tidemill;

/// The plugins they use, built from source by the program: `orders`, `sensors`, `sessions`, `tags`,
/// `word_count`.
fn holds(example: &str, cases: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
    let ran = tidemill(&folder, &["test", "job.toml", "--cases", "cases.jsonl"], "");
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.ends_with(&format!("{cases} passed, 0 failed\n")), "{}", ran.out);
}

#[test]
fn words_are_counted_from_the_beginning() {
    holds("stateful_word_count", 3);
}

#[test]
fn sessions_end_when_nothing_comes() {
    holds("sessions", 2);
}

#[test]
fn sensors_are_known_until_they_are_silent() {
    holds("sensors", 2);
}

#[test]
fn tags_of_the_last_minute_are_counted() {
    holds("trending_tags", 1);
}

#[test]
fn orders_are_billed_by_a_table_of_customers() {
    holds("enriched_orders", 2);
}

#[test]
fn trades_are_added_up_to_their_books_by_batch_and_in_all() {
    holds("trades", 4);
}
