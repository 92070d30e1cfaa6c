//! Sums that tasks add to: each record counts once, when its batch has succeeded.
//!
//! Takes streams whose closures and plugins count. Gives the sums, and where they are shown.

use serde_json::{Value, json};
use tidemill::api::dataset::DatasetContext;
use tidemill::api::native;
use tidemill::driver::accumulator::Accumulator;
use tidemill::model::operation::NativeOperator;
use tidemill::model::status::{BatchOutcome, JobEvent};

use super::rig::{Bench, dataset, ears, numbers, panics_at, schema, test_context};
use crate::conformance::rig::{Functions, partitions, schema_of};

/// Adds one for each row, and panics at that number.
fn counting(sum: &Accumulator, panics_at: i64) -> NativeOperator {
    let sum = sum.clone();
    let counting = native::map::<i64, i64, _>("counting", move |value, _| {
        sum.add(1);
        assert_ne!(value, panics_at, "an author never thought of it");
        value
    });
    counting.expect("types of streams")
}

#[test]
fn a_batch_counts_when_it_has_succeeded() {
    let mut test = test_context();
    let seen = test.context.accumulator("seen");
    let counted = numbers(&test, &[&[1, 2], &[3, 99], &[4], &[]]).map(counting(&seen, 99));
    counted.for_each_batch(|_, _| Ok(()));
    let (listener, events) = ears();
    test.context.add_listener(listener).expect("there are threads");
    let mut sums = Vec::new();
    let mut infos = Vec::new();
    for _ in 0..4 {
        infos.extend(test.run(1).expect("the job goes on"));
        sums.push(seen.value());
    }
    assert_eq!(sums, [2, 2, 3, 3], "the second batch failed");
    let told: Vec<u64> = infos.iter().map(|info| info.counters.of("seen")).collect();
    assert_eq!(told, [2, 0, 1, 0]);
    assert_eq!(test.context.status().expect("it runs").counters.of("seen"), 3);
    test.context.stop().expect("it stops");
    let heard = events.iter().filter_map(|event| match event {
        JobEvent::BatchEnded(info) => Some(info.counters.of("seen")),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), [2, 0, 1, 0]);
}

/// A stage whose rows two outputs and a second stream read runs once.
#[test]
fn rows_that_several_read_are_counted_once() {
    let mut test = test_context();
    let seen = test.context.accumulator("seen");
    let counted = numbers(&test, &[&[1, 2, 3], &[4]]).map(counting(&seen, 99));
    counted.for_each_batch(|_, _| Ok(()));
    counted.for_each_batch(|_, _| Ok(()));
    counted.count().for_each_batch(|_, _| Ok(()));
    test.run(2).expect("they run");
    assert_eq!(seen.value(), 4);
}

/// Another output fails: what this stream counted was given to nobody.
#[test]
fn a_batch_of_which_another_stream_fails_counts_nothing() {
    let mut test = test_context();
    let seen = test.context.accumulator("seen");
    let input = numbers(&test, &[&[1, 99], &[2]]);
    input.map(counting(&seen, 0)).for_each_batch(|_, _| Ok(()));
    input.map(panics_at(99)).for_each_batch(|_, _| Ok(()));
    let infos = test.run(2).expect("the job goes on");
    assert!(matches!(infos[0].outcome, BatchOutcome::Failed { .. }));
    assert_eq!(seen.value(), 1);
}

#[test]
fn functions_over_datasets_and_outputs_add_to_sums_as_well() {
    let mut test = test_context();
    let (seen, given) = (test.context.accumulator("seen"), test.context.accumulator("given"));
    let sum = seen.clone();
    let whole = numbers(&test, &[&[1, 2, 3]]).transform(schema(), move |input, _| {
        sum.add(input.partitions.iter().flatten().map(|slice| slice.num_rows() as u64).sum());
        Ok(Some(input.partitions.clone()))
    });
    let (sum, in_tasks) = (given.clone(), seen.clone());
    whole.for_each_batch(move |_, partitions| {
        assert_eq!(in_tasks.value(), 0, "its batch has not succeeded yet");
        sum.add(partitions.len() as u64);
        Ok(())
    });
    let info = test.run(1).expect("it runs").remove(0);
    assert_eq!((seen.value(), given.value()), (3, 1));
    assert_eq!(info.counters.of("given"), 0, "no task added it");
}

/// What a plugin counts, in the sandbox and natively, follows the same rule.
#[test]
fn what_a_plugin_counts_counts_when_its_batch_has_succeeded() {
    let lines = schema_of(&[json!(["line"])]);
    let batches = [json!(["a", "b", "c"]), json!(["a", "boom"]), json!(["d"])];
    for functions in [Functions::sandboxed, Functions::native] {
        let mut test = test_context();
        let rows = |batch: &Value| {
            let rows = batch.as_array().expect("a list");
            Some(partitions(&lines, rows, 2))
        };
        let input = test.input(lines.clone(), batches.iter().map(rows).collect());
        input.filter(functions(&test).get("counted")).for_each_batch(|_, _| Ok(()));
        let infos = test.run(3).expect("the job goes on");
        let told = infos.iter().map(|info| info.counters.of("spark_cases.lines"));
        assert_eq!(told.collect::<Vec<_>>(), [3, 0, 1]);
        let status = test.context.status().expect("it runs");
        assert_eq!(status.counters.of("spark_cases.lines"), 4);
    }
}

#[test]
fn each_action_of_a_dataset_counts_what_it_makes() {
    let bench = Bench::new();
    let context = DatasetContext::new(&bench.engine);
    let seen = context.accumulator("seen");
    let numbers = context.parallelize(schema(), dataset(&[1, 2, 99])).map(counting(&seen, 99));
    numbers.count().expect_err("it panics");
    assert_eq!(seen.value(), 0, "the action failed");
    let numbers = context.parallelize(schema(), dataset(&[1, 2])).map(counting(&seen, 99));
    assert_eq!(numbers.count().expect("it runs"), 2);
    assert_eq!(seen.value(), 2);
    numbers.collect().expect("it runs");
    assert_eq!(seen.value(), 4, "made again, counted again");
}
