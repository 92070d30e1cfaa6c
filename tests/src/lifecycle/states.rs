//! A context is built, then runs, then has ended, and never goes back.
//!
//! Takes calls in every order. Gives the state after each, and the error where it does not fit.

use std::time::Duration;

use crossbeam_channel::unbounded;
use tidemill::api::context::{ContextError, ContextState};
use tidemill::model::source::SourceConnector;

use super::rig::{Bench, SECOND, ears, numbers, queued, test_context};
use crate::job_rig::{PATIENCE, scratch};

/// Case Y01 of Spark's suites.
#[test]
fn a_second_start_or_stop_changes_nothing() {
    let bench = Bench::new();
    let mut context = bench.context();
    queued(&context, &[]).for_each_batch(|_, _| Ok(()));
    assert_eq!(context.state(), ContextState::Initialized);
    context.start().expect("it starts");
    context.start().expect("a second start is none");
    assert_eq!(context.state(), ContextState::Active);
    context.stop().expect("it stops");
    context.stop().expect("a second stop is none");
    context.stop_gracefully().expect("nor is a third");
    assert_eq!(context.state(), ContextState::Stopped);
    assert!(matches!(context.start(), Err(ContextError::Stopped)));
}

/// Case Y01 of Spark's suites.
#[test]
fn a_context_that_was_stopped_first_never_starts() {
    let bench = Bench::new();
    let mut context = bench.context();
    queued(&context, &[]).for_each_batch(|_, _| Ok(()));
    context.stop().expect("there is nothing to stop");
    assert_eq!(context.state(), ContextState::Stopped);
    assert!(matches!(context.start(), Err(ContextError::Stopped)));
    context.await_termination().expect("there is nothing to wait for");
}

#[test]
fn what_needs_a_job_says_that_there_is_none() {
    let context = Bench::new().context();
    assert!(matches!(context.await_termination(), Err(ContextError::NotStarted)));
    assert!(matches!(context.status(), Err(ContextError::NotStarted)));
    assert!(matches!(context.gauges(), Err(ContextError::NotStarted)));
}

/// Case Y05 of Spark's suites, as far as there are such starts here.
#[test]
fn a_failed_start_is_the_end_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let (listener, events) = ears();
    let mut context = bench.context();
    assert!(matches!(context.start_with(vec![listener]), Err(ContextError::NoOutputs)));
    assert_eq!(context.state(), ContextState::Stopped);
    assert!(events.recv_timeout(PATIENCE).is_err(), "the listener is let go of, untold");

    let mut context = bench.context();
    let missing = SourceConnector::Files { path: scratch("none").join("gone"), bounded: true };
    context.lines(missing).for_each_batch(|_, _| Ok(()));
    let socket = SourceConnector::Socket { address: "127.0.0.1:1".to_owned() };
    context.lines(socket).for_each_batch(|_, _| Ok(()));
    assert!(context.start().is_err_and(|error| error.to_string().contains("gone")));
    assert_eq!(context.state(), ContextState::Stopped);

    let mut another = bench.context();
    queued(&another, &[]).for_each_batch(|_, _| Ok(()));
    another.start().expect("the engine is as it was");
    another.stop().expect("it stops");
}

#[test]
fn what_is_added_after_the_start_is_told_by_the_next_call() {
    let bench = Bench::new();
    let mut context = bench.context();
    let stream = queued(&context, &[]);
    stream.for_each_batch(|_, _| Ok(()));
    context.start().expect("it starts");
    let counts = stream.count();
    counts.for_each_batch(|_, _| Ok(()));
    let error = context.await_termination_or_timeout(Duration::ZERO).expect_err("a late step");
    assert!(error.to_string().starts_with("a step `count` was added after"), "{error}");
    assert!(!context.await_termination_or_timeout(Duration::ZERO).expect("told once"));
    stream.print(1);
    let error = context.start().expect_err("a late output");
    assert!(error.to_string().starts_with("an output was added after"), "{error}");
    let _late = queued(&context, &[]);
    let error = context.stop().expect_err("a late source");
    assert!(error.to_string().starts_with("a source was added after"), "{error}");
    assert_eq!(context.state(), ContextState::Stopped, "it has stopped all the same");
}

#[test]
fn streams_of_different_contexts_do_not_meet() {
    let bench = Bench::new();
    let (mut one, other) = (bench.context(), bench.context());
    let foreign = queued(&other, &[]);
    queued(&one, &[]).union(&foreign).for_each_batch(|_, _| Ok(()));
    let error = one.start().expect_err("a stream of another context");
    assert!(error.to_string().contains("`union` brings together streams of different"), "{error}");
    for (streams, expected) in [(vec![], "was given no stream"), (vec![foreign], "different")] {
        let mut context = bench.context();
        context.union(&streams).count().for_each_batch(|_, _| Ok(()));
        let error = context.start().expect_err("no streams of its own");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn remembering_is_set_once_and_before_the_start() {
    let mut test = test_context();
    numbers(&test, &[]).for_each_batch(|_, _| Ok(()));
    assert!(matches!(test.context.remember(Duration::ZERO), Err(ContextError::RemembersNothing)));
    test.context.remember(3 * SECOND).expect("the first time");
    let again = test.context.remember(5 * SECOND);
    assert!(matches!(again, Err(ContextError::RememberedBefore(before)) if before == 3 * SECOND));
    test.run(1).expect("it runs");
    let late = test.context.remember(5 * SECOND);
    assert!(matches!(late, Err(ContextError::TooLate { what: "remember" })));
}

/// Spark allows one context a process. Here one engine runs many, and outlives them.
#[test]
fn many_contexts_share_an_engine_and_none_needs_another() {
    let bench = Bench::new();
    let started = || {
        let mut context = bench.context();
        let (sender, batches) = unbounded();
        queued(&context, &[&[1], &[2], &[3]]).count().for_each_batch(move |time, _| {
            sender.send(time)?;
            Ok(())
        });
        context.start().expect("it starts");
        (context, batches)
    };
    let jobs = [started(), started(), started()];
    bench.clock.advance(SECOND);
    for (_, batches) in &jobs {
        batches.recv_timeout(PATIENCE).expect("each has its batch");
    }
    let [(first, _), second, third] = jobs;
    first.stop().expect("it stops");
    let fourth = started();
    bench.clock.advance(SECOND);
    for (context, batches) in [second, third, fourth] {
        batches.recv_timeout(PATIENCE).expect("the others go on, a new one begins");
        context.stop().expect("it stops");
    }
}
