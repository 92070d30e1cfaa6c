//! The same steps in an embedding program, with closures behind the same trait as guests.

use std::collections::BTreeMap;
use std::time::Duration;

use tidemill::api::context::StreamingContext;
use tidemill::api::native::{filter, flat_map, map, map_values, reduce};
use tidemill::model::operation::BuiltInFold;
use tidemill::model::source::SourceConnector;

use crate::job_rig::{Collected, engine, scratch};

/// A program over the lines of one file.
fn program(test: &str, lines: &str) -> (StreamingContext, tidemill::api::dstream::DStream) {
    let path = scratch(test).join("in");
    std::fs::create_dir_all(&path).expect("a folder for input");
    std::fs::write(path.join("lines.txt"), lines).expect("input is written");
    let context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let lines = context.lines(SourceConnector::Files { path, bounded: true });
    (context, lines)
}

fn counts(collected: &Collected, words: usize) -> BTreeMap<String, i64> {
    collected.counts_until(|counts| counts.len() >= words)
}

#[test]
fn closures_do_what_guests_do() {
    let (mut context, lines) = program("native-steps", "to be\nor not to be\n");
    let split = flat_map::<&'static str, &'static str, _>("split", |line, emit| {
        line.split(' ').for_each(|word| emit.push(word));
    });
    let short = filter::<&'static str, _>("short", |word| word.len() == 2);
    let pair = map::<&'static str, (&'static str, i64), _>("pair", |word, _| (word, 1));
    let add = reduce::<i64, _>("add", |a, b, _| a + b);
    let tenfold = map_values::<i64, i64, _>("tenfold", |n, _| 10 * n);
    let pairs = lines
        .flat_map(split.expect("types of streams"))
        .filter(short.expect("types of streams"))
        .map(pair.expect("types of streams").with_keys(1));
    let counted = pairs
        .reduce_by_key(add.expect("types of streams"))
        .map_values(tenfold.expect("types of streams"));
    let collected = Collected::of(&counted);
    let doubled = Collected::of(&pairs.union(&pairs).reduce_by_key(BuiltInFold::Sum));
    context.start().expect("the job starts");
    let expected = [("be", 20), ("or", 10), ("to", 20)].map(|(word, n)| (word.to_owned(), n));
    assert_eq!(counts(&collected, 3), BTreeMap::from(expected));
    let expected = [("be", 4), ("or", 2), ("to", 4)].map(|(word, n)| (word.to_owned(), n));
    assert_eq!(counts(&doubled, 3), BTreeMap::from(expected));
    context.await_termination().expect("the job ends");
}
