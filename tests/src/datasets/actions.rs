//! Actions: what they give, what they need, and what they say when it is not there.

use std::sync::{Arc, Mutex};

use tidemill::model::operation::BuiltInFold;

use super::rig::{Made, collected, context, failure, numbers, values};
use crate::job_rig::scratch;

#[test]
fn rows_are_counted_collected_and_folded() {
    let numbers = numbers(&context(), &[&[3, 1], &[], &[2]]);
    assert_eq!(numbers.count().expect("it is made"), 3);
    assert_eq!(collected(&numbers), [3, 1, 2]);
    assert_eq!(values([&numbers.reduce(BuiltInFold::Sum).expect("there are rows")]), [6]);
    assert_eq!(values([&numbers.first().expect("there is one")]), [3]);
}

#[test]
fn what_needs_a_row_says_that_there_is_none() {
    let none = numbers(&context(), &[&[], &[]]);
    assert_eq!(none.count().expect("it is made"), 0);
    assert_eq!(collected(&none), [0_i64; 0]);
    let expected = "`reduce` needs at least one row, the dataset is empty";
    assert_eq!(failure(none.reduce(BuiltInFold::Sum)), expected);
    let expected = "`first` needs at least one row, the dataset is empty";
    assert_eq!(failure(none.first()), expected);
    assert_eq!(none.top(3, &["n"]).expect("it is made"), None);
    assert_eq!(none.take_sample(true, 3, 1).expect("it is made"), None);
}

#[test]
fn take_makes_a_partition_then_four_times_as_many() {
    let (context, made) = (context(), Made::default());
    let one_each: Vec<Vec<i64>> = (0..100).map(|number| vec![number]).collect();
    let one_each: Vec<&[i64]> = one_each.iter().map(Vec::as_slice).collect();
    let counted = made.counting(&numbers(&context, &one_each));
    for (rows, expected) in [(1, 1), (3, 1 + 4), (5, 1 + 4), (6, 1 + 4 + 16), (99, 100)] {
        let taken = counted.take(rows).expect("they are made");
        assert_eq!(values(&taken), (0..rows as i64).collect::<Vec<_>>());
        assert_eq!(made.rows(), expected, "to take {rows}");
    }
    assert_eq!(values(&counted.take(1_000).expect("they are made")).len(), 100);
    assert_eq!((made.rows(), counted.take(0).expect("nothing is made").len()), (100, 0));
}

#[test]
fn take_behind_a_shuffle_makes_all_of_it_once() {
    let (context, made) = (context(), Made::default());
    let counted = made.counting(&numbers(&context, &[&[1, 2], &[3], &[4, 5, 6]]));
    assert_eq!(values(&counted.repartition(5).take(4).expect("they are made")).len(), 4);
    assert_eq!(made.rows(), 6);
}

#[test]
fn greatest_and_least_rows_come_in_order() {
    let numbers = numbers(&context(), &[&[5, 1, 9], &[9, 7], &[]]);
    let found = |rows: Option<_>| values(rows.iter());
    assert_eq!(found(numbers.top(3, &["n"]).expect("they are made")), [9, 9, 7]);
    assert_eq!(found(numbers.take_ordered(2, &["n"]).expect("they are made")), [1, 5]);
    assert_eq!(found(numbers.top(99, &["n"]).expect("they are made")).len(), 5);
    assert_eq!(found(numbers.top(2, &["-n"]).expect("they are made")), [1, 5]);
    assert_eq!(numbers.top(0, &["n"]).expect("nothing is made"), None);
    let message = failure(numbers.top(3, &["m"]));
    assert!(message.contains("`m`") && message.contains("n"), "{message}");
}

#[test]
fn a_result_that_is_too_large_names_its_size_and_the_limit() {
    let large: Vec<i64> = (0..4_096).collect();
    let numbers = numbers(&context(), &[&large, &large]);
    assert_eq!(numbers.collect_within(65_536).expect("it is as large as it may be").len(), 2);
    let message = failure(numbers.collect_within(65_535));
    let expected = "the result has 65536 bytes and more, allowed are 65535: ask for a part of it, \
                    or write it to files";
    assert_eq!(message, expected);
    assert_eq!(numbers.count().expect("counting needs no room"), 8_192);
}

#[test]
fn a_dataset_is_saved_whole_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let numbers = numbers(&context(), &[&[1, 2], &[3]]);
    let saved = numbers.save(folder.path().join("out")).expect("there is room");
    let text = |part: &str| std::fs::read_to_string(saved.join(part)).expect("it was written");
    assert_eq!(text("part-00000.jsonl"), "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(text("part-00001.jsonl"), "{\"n\":3}\n");
    let message = failure(numbers.save(folder.path().join("out")));
    assert!(message.contains("which another run or sink wrote"), "{message}");
}

#[test]
fn a_function_is_called_with_each_partition() {
    let numbers = numbers(&context(), &[&[1, 2], &[], &[3]]);
    let called = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&called);
    let done = numbers.for_each_partition(move |partition, rows| {
        calls.lock().expect("no panic").push((partition, values([rows])));
        Ok(())
    });
    done.expect("the function does not fail");
    let mut called = called.lock().expect("no panic").clone();
    called.sort_unstable();
    assert_eq!(called, [(0, vec![1, 2]), (1, vec![]), (2, vec![3])]);
}

#[test]
fn a_function_that_fails_or_panics_fails_the_action() {
    let numbers = numbers(&context(), &[&[1], &[2]]);
    let failed = numbers.for_each_partition(|partition, _| match partition {
        1 => Err("the database is away".into()),
        _ => Ok(()),
    });
    let message = failure(failed);
    assert!(message.contains("partition 1: operator `for_each_partition` failed"), "{message}");
    assert!(message.ends_with("the database is away"), "{message}");
    let panicked = numbers.for_each_partition(|_, _| panic!("no partition is right"));
    assert!(failure(panicked).contains("it panicked: no partition is right"));
    assert_eq!(collected(&numbers), [1, 2], "the engine lives");
}

/// Actions need no clock: nothing would move one that a test holds.
#[test]
fn an_action_waits_for_no_batch_time() {
    use std::time::Duration;
    use tidemill::api::dataset::DatasetContext;
    use tidemill::api::test_context::TestContext;
    use tidemill::driver::engine::EngineConfig;
    use tidemill::wasm::compile::Compiler;

    let config = EngineConfig::new(scratch("artefacts"), Compiler::InProcess);
    let test = TestContext::new(config, Duration::from_secs(3_600)).expect("an engine starts");
    let context = DatasetContext::new(&test.engine);
    assert_eq!(numbers(&context, &[&[1], &[2]]).count().expect("it is made"), 2);
}
