//! A program's functions over whole datasets.
//!
//! Takes Spark's cases, and functions that go wrong. Gives the datasets they make, or the batch
//! they fail.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::model::schema::StreamSchema;
use tidemill::model::status::BatchOutcome;
use tidemill::model::transform::BatchDataset;

use super::rig::{dataset, numbers, rows, schema, test_context};
use crate::conformance::rig::{Case, Functions, partitions, rows_of, schema_of};

fn texts() -> StreamSchema {
    schema_of(&[json!(["text"])])
}

/// Each row in words.
fn in_words(input: &BatchDataset) -> Partitions {
    let rows: Vec<Value> =
        rows_of(&input.partitions).iter().map(|n| json!(n.to_string())).collect();
    partitions(&texts(), &rows, 1)
}

fn words_of(input: &[DStream], _: &Functions) -> DStream {
    input[0].transform(texts(), |input, _| Ok(Some(in_words(input))))
}

#[test]
fn a_dataset_becomes_another() {
    Case::named("B18").holds(words_of);
}

#[test]
fn no_dataset_is_an_error() {
    let none = |input: &[DStream], _: &Functions| input[0].transform(schema(), |_, _| Ok(None));
    let (batch, message) = Case::named("B19").failure(none).expect("it fails");
    assert_eq!(batch, 1);
    assert!(message.contains("gave: no dataset, expected one"), "{message}");
}

#[test]
fn a_parent_without_a_dataset_is_an_error() {
    let (batch, message) = Case::named("B20").failure(words_of).expect("the third has none");
    assert_eq!(batch, 3);
    assert!(message.contains("needs a dataset"), "{message}");
}

#[test]
fn what_does_not_fit_the_declared_columns_is_an_error() {
    let mut test = test_context();
    let wrong =
        numbers(&test, &[&[1]]).transform(texts(), |input, _| Ok(Some(input.partitions.clone())));
    wrong.for_each_batch(|_, _| Ok(()));
    let panics = numbers(&test, &[&[]]).transform(schema(), |_, _| panic!("a table is gone"));
    let batch = test.run(1).expect("the job goes on").remove(0);
    let BatchOutcome::Failed { message } = batch.outcome else { panic!("{batch:?}") };
    assert!(message.contains("`transform` gave: rows of columns"), "{message}");
    let mut test = test_context();
    let input = numbers(&test, &[&[1]]);
    input.transform(schema(), |_, _| panic!("a table is gone")).for_each_batch(|_, _| Ok(()));
    let batch = test.run(1).expect("the job goes on").remove(0);
    let BatchOutcome::Failed { message } = batch.outcome else { panic!("{batch:?}") };
    assert!(message.contains("`transform` panicked: a table is gone"), "{message}");
    drop(panics);
}

/// What was lost in Spark: functions over datasets ran on the one thread that makes batches, and
/// one that took long held all later batches back.
#[test]
fn functions_run_on_executors_and_see_what_the_program_changes() {
    let mut test = test_context();
    let (threads, factor) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicI64::new(1)));
    let (seen, now) = (Arc::clone(&threads), Arc::clone(&factor));
    let scaled = numbers(&test, &[&[1, 2], &[1, 2]]).transform(schema(), move |input, time| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        seen.lock().expect("nobody panics").push((time, name));
        let factor = now.load(Ordering::Relaxed);
        let rows: Vec<i64> = rows_of(&input.partitions)
            .iter()
            .map(|n| n.as_i64().expect("it is one") * factor)
            .collect();
        Ok(Some(dataset(&rows)))
    });
    let collected = test.collect(&scaled);
    test.run(1).expect("it runs");
    factor.store(10, Ordering::Relaxed);
    test.run(1).expect("it runs");
    assert_eq!(rows(&collected), [vec![json!(1), json!(2)], vec![json!(10), json!(20)]]);
    let threads = threads.lock().expect("nobody panics");
    assert_eq!(threads.len(), 2, "once a batch");
    assert!(threads.iter().all(|(_, name)| name.starts_with("executor-")), "{threads:?}");
    assert_eq!(threads[1].0, test.time());
}

#[test]
fn partitions_stay_apart_and_steps_follow() {
    let mut test = test_context();
    let apart = numbers(&test, &[&[1, 2, 3]]).transform(schema(), |input, _| {
        let apart = rows_of(&input.partitions).into_iter();
        Ok(Some(apart.map(|row| partitions(&schema(), &[row], 1).remove(0)).collect()))
    });
    let collected = test.collect(&apart);
    let counts = test.collect(&apart.count_by_value().count());
    let batch = test.run(1).expect("it runs").remove(0);
    assert_eq!(batch.outcome, BatchOutcome::Completed);
    let made = collected.by_time();
    assert_eq!(made.values().map(Vec::len).collect::<Vec<_>>(), [3]);
    assert_eq!(rows(&counts), [[json!(3)]]);
}

#[test]
fn several_streams_are_given_in_their_order() {
    let mut test = test_context();
    let (one, two) = (numbers(&test, &[&[1], &[2]]), numbers(&test, &[&[3], &[]]));
    let after = |first: &BatchDataset, second: &BatchDataset| {
        let all = first.partitions.iter().chain(&second.partitions);
        Ok(Some(all.cloned().collect::<Partitions>()))
    };
    let both = two.transform_with(&one, schema(), move |two, one, _| after(two, one));
    let both = test.collect(&both);
    let streams = [one.clone(), two.clone(), one.clone()];
    let all = test.context.transform(&streams, schema(), |inputs, _| {
        Ok(Some(inputs.iter().flat_map(|input| input.partitions.clone()).collect()))
    });
    let all = test.collect(&all);
    let union = test.collect(&test.context.union(&streams));
    let batches = test.run(2).expect("they run");
    assert!(batches.iter().all(|batch| batch.outcome == BatchOutcome::Completed), "{batches:?}");
    assert_eq!(rows(&both), [vec![json!(3), json!(1)], vec![json!(2)]]);
    let expected = [vec![json!(1), json!(3), json!(1)], vec![json!(2), json!(2)]];
    assert_eq!(rows(&all), expected);
    assert_eq!(rows(&union), expected);
}
