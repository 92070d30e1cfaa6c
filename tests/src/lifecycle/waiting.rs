//! Waiting for a context's end.
//!
//! Takes jobs that end in every way. Gives what each who waits is told.

use std::sync::Arc;
use std::time::Duration;

use tidemill::api::context::{ContextError, ContextState};
use tidemill::model::policy::OnFailure;

use super::rig::{Bench, SECOND, numbers, panics_at, queued, schema, test_context};

const DAY: Duration = Duration::from_secs(86_400);

/// Case Y02 of Spark's suites.
#[test]
fn a_wait_ends_with_its_time_or_with_the_job() {
    let bench = Bench::new();
    let mut context = bench.context();
    // No batch comes while the clock is moved.
    context.settings().batch_interval = DAY;
    queued(&context, &[]).for_each_batch(|_, _| Ok(()));
    context.start().expect("it starts");
    let context = Arc::new(context);
    let waits = |longest| {
        let context = Arc::clone(&context);
        std::thread::spawn(move || context.await_termination_or_timeout(longest))
    };
    let waiter = waits(Duration::from_millis(500));
    while !waiter.is_finished() {
        bench.clock.advance(Duration::from_millis(100));
        std::thread::yield_now();
    }
    assert!(!waiter.join().expect("it ends").expect("no error"), "the job runs on");
    let waiter = waits(DAY / 2);
    context.stop().expect("it stops");
    assert!(waiter.join().expect("it ends").expect("no error"), "the job has ended");
    context.await_termination().expect("at once");
    assert!(context.await_termination_or_timeout(DAY).expect("at once"));
}

/// Case Y02 of Spark's suites. Whoever asked second was told that all was well.
#[test]
fn everyone_who_waits_is_told_the_first_error() {
    let mut test = test_context();
    test.context.settings().on_failure = OnFailure::Stop;
    numbers(&test, &[&[1], &[2], &[2]]).map(panics_at(2)).for_each_batch(|_, _| Ok(()));
    test.run(1).expect("the first batch is well");
    // The second fails, and nothing after it is run.
    let _ended = test.run(2);
    let told = |error: Option<ContextError>| error.map(|error| error.to_string());
    let first = told(test.context.await_termination().err()).expect("it failed");
    assert!(first.contains("an author never thought of it"), "{first}");
    assert!(first.starts_with("batch 00:00:02 failed: "), "{first}");
    assert_eq!(told(test.context.await_termination().err()), Some(first.clone()));
    let timed = test.context.await_termination_or_timeout(SECOND).err();
    assert_eq!(told(timed), Some(first.clone()));
    assert_eq!(test.context.state(), ContextState::Stopped);
    test.context.stop().expect("there is nothing left to stop");
    assert_eq!(told(test.context.await_termination().err()), Some(first), "after the stop, too");
}

/// Case Y02 of Spark's suites.
#[test]
fn an_error_of_a_function_over_datasets_is_told() {
    let mut test = test_context();
    test.context.settings().on_failure = OnFailure::Stop;
    let broken = numbers(&test, &[&[1]]).transform(schema(), |_, _| Err("no such table".into()));
    broken.for_each_batch(|_, _| Ok(()));
    test.run(1).expect("the batch ends");
    let error = test.context.await_termination().expect_err("it failed");
    let expected = "the function of `transform` failed: no such table";
    assert!(error.to_string().contains(expected), "{error}");
}
