//! Tests: lines of a live socket, counted batch by batch.

use std::time::Duration;

use tidemill::api::context::StreamingContext;

use crate::job_rig::{Collected, Feeder, engine, plugin};

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

#[test]
fn words_of_a_socket_are_counted_by_a_component() {
    let words = plugin("word_count");
    let operator = |name| words.operator(name).expect("the plugin has it");
    let feeder = Feeder::new();
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let pairs = context
        .socket_text_stream(&feeder.address())
        .flat_map(operator("split"))
        .map(operator("pair"));
    let counted = Collected::of(&pairs.reduce_by_key(operator("add")));
    context.start().expect("the job starts");
    feeder.send("to be or not\n to  be\n\n");
    let counts = counted.counts_until(|counts| counts.values().sum::<i64>() >= 6);
    let expected = [("be", 2), ("not", 1), ("or", 1), ("to", 2)];
    assert_eq!(counts, expected.map(|(word, n)| (word.to_owned(), n)).into());
    context.stop_gracefully().expect("the job drains");
}
