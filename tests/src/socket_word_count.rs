//! Tests: lines of a live socket, counted batch by batch.

use std::time::Duration;

use tidemill::api::context::StreamingContext;

use crate::job_rig::{Collected, Feeder, engine};

#[test]
fn lines_of_a_socket_are_counted_across_batches() {
    let feeder = Feeder::new();
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let lines = context.socket_text_stream(&feeder.address());
    let counted = Collected::of(&lines.count_by_value());
    context.start().expect("the job starts");
    feeder.send("a\nb\na\n");
    feeder.send("a\nc\n");
    let counts = counted.counts_until(|counts| counts.values().sum::<i64>() >= 5);
    let expected = [("a", 3), ("b", 1), ("c", 1)].map(|(word, n)| (word.to_owned(), n));
    assert_eq!(counts, expected.into());
    context.stop_gracefully().expect("the job drains");
}
