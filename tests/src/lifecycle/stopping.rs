//! Graceful stops: what was received is worked off, within a time, and nothing else is waited for.
//!
//! Takes jobs in the middle of their batches. Gives how they end. The clock is moved only where a
//! test says so: a stop that waited for it would not return.

use std::sync::{Arc, OnceLock, Weak};

use crossbeam_channel::{bounded, unbounded};
use tidemill::api::context::{ContextError, ContextState, StreamingContext};
use tidemill::api::given::DatasetQueue;
use tidemill::model::status::{BatchOutcome, JobEvent};

use super::rig::{
    Bench, SECOND, dataset, ears, gate, numbers, panics_at, queued, schema, test_context, wait_for,
};
use crate::job_rig::PATIENCE;

/// What was lost in Spark: a graceful stop that fell on a batch without jobs waited for that batch
/// to be processed, which a batch without jobs never is, until its time was over.
#[test]
fn a_batch_without_jobs_is_not_waited_for() {
    let mut test = test_context();
    let windows = numbers(&test, &[&[1]]).window(2 * SECOND, 2 * SECOND);
    windows.for_each_batch(|_, _| Ok(()));
    let batch = test.run(1).expect("it runs").remove(0);
    assert!(batch.outputs.is_empty(), "no window ends with it");
    test.context.stop_gracefully().expect("at once");
}

/// What was lost in Spark: a last batch that had failed never counted as processed, and a graceful
/// stop waited its whole time for it.
#[test]
fn a_failed_batch_is_not_waited_for() {
    let mut test = test_context();
    numbers(&test, &[&[1]]).map(panics_at(1)).for_each_batch(|_, _| Ok(()));
    let batch = test.run(1).expect("the job goes on").remove(0);
    assert_ne!(batch.outcome, BatchOutcome::Completed);
    test.context.stop_gracefully().expect("at once");
}

/// What was lost in Spark: when the last job of a batch succeeded after another one had failed, the
/// batch was taken for complete, and the failure was nobody's.
#[test]
fn a_failed_output_is_not_forgotten_because_a_later_one_succeeds() {
    let mut test = test_context();
    let stream = numbers(&test, &[&[1]]);
    stream.for_each_batch(|_, _| Err("the table is gone".into()));
    stream.count().for_each_batch(|_, _| Ok(()));
    let batch = test.run(1).expect("the job goes on").remove(0);
    let failures: Vec<_> = batch.outputs.iter().map(|output| output.failure.as_deref()).collect();
    assert!(failures[0].is_some_and(|failure| failure.contains("the table is gone")));
    assert_eq!(failures[1], None);
    test.context.stop_gracefully().expect("at once");
}

/// A context whose batches stand still, so many of them, with three rows each.
fn standing(bench: &Bench, batches: u32) -> (StreamingContext, crossbeam_channel::Sender<()>) {
    let mut context = bench.context();
    let (opener, open) = bounded(0);
    let given = vec![[1, 2, 3].as_slice(); batches as usize];
    queued(&context, &given).map(gate(open)).for_each_batch(|_, _| Ok(()));
    let (listener, events) = ears();
    context.start_with(vec![listener]).expect("it starts");
    for _ in 0..batches {
        bench.clock.advance(SECOND);
        wait_for(&events, |event| matches!(event, JobEvent::BatchSubmitted(_)));
    }
    (context, opener)
}

#[test]
fn a_graceful_stop_tells_what_is_left() {
    let bench = Bench::new();
    let (context, opener) = standing(&bench, 3);
    let (listener, events) = ears();
    context.add_listener(listener).expect("there are threads");
    let context = Arc::new(context);
    let stopper = Arc::clone(&context);
    let stopper = std::thread::spawn(move || stopper.stop_gracefully());
    let left = || match wait_for(&events, |e| matches!(e, JobEvent::DrainProgress { .. })) {
        JobEvent::DrainProgress { batches, rows } => (batches, rows),
        other => panic!("{other:?}"),
    };
    assert_eq!(left(), (3, 9));
    drop(opener);
    assert_eq!((left(), left(), left()), ((2, 6), (1, 3), (0, 0)));
    stopper.join().expect("it ends").expect("everything was worked off");
    assert_eq!(context.completed_batches().expect("it ran").len(), 3);
}

#[test]
fn what_is_not_done_in_time_is_given_up_and_said() {
    let bench = Bench::new();
    let (context, opener) = standing(&bench, 2);
    let (listener, events) = ears();
    context.add_listener(listener).expect("there are threads");
    let context = Arc::new(context);
    let stopper = Arc::clone(&context);
    let stopper = std::thread::spawn(move || stopper.stop_gracefully());
    wait_for(&events, |event| matches!(event, JobEvent::DrainProgress { .. }));
    // Ten batch intervals, as in Spark.
    bench.clock.advance(10 * SECOND);
    let error = stopper.join().expect("it ends").expect_err("two batches are not done");
    let expected = "not worked off within 10s: given up were 2 batches with 6 rows, as far as they \
                    are known; `graceful_stop_timeout` allows more time";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(context.state(), ContextState::Stopped);
    drop(opener);
}

/// Sources that end by themselves are worked off however long that takes.
#[test]
fn the_end_of_all_sources_has_no_deadline() {
    let bench = Bench::new();
    let mut context = bench.context();
    let (opener, open) = bounded(0);
    let queue = DatasetQueue::default();
    queue.push(dataset(&[1]));
    queue.close();
    let stream = context.queue_stream(schema(), &queue, true, Vec::new());
    let (sender, published) = unbounded();
    stream.map(gate(open)).for_each_batch(move |_, _| Ok(sender.send(())?));
    let (listener, events) = ears();
    context.start_with(vec![listener]).expect("it starts");
    bench.clock.advance(SECOND);
    wait_for(&events, |event| matches!(event, JobEvent::BatchSubmitted(_)));
    bench.clock.advance(SECOND);
    wait_for(&events, |event| matches!(event, JobEvent::DrainProgress { .. }));
    bench.clock.advance(100 * SECOND);
    drop(opener);
    context.await_termination().expect("nothing is given up");
    published.recv_timeout(PATIENCE).expect("it was published");
}

#[test]
fn a_stop_at_once_drops_what_waits() {
    let bench = Bench::new();
    let (context, opener) = standing(&bench, 2);
    context.stop().expect("it stops");
    assert_eq!(context.completed_batches().expect("it ran").len(), 0);
    drop(opener);
}

/// A listener that stopped its context waited for itself.
#[test]
fn a_listener_cannot_stop_its_context() {
    let bench = Bench::new();
    let mut context = bench.context();
    queued(&context, &[&[1]]).for_each_batch(|_, _| Ok(()));
    context.start().expect("it starts");
    let context = Arc::new(context);
    let itself: Arc<OnceLock<Weak<StreamingContext>>> = Arc::default();
    itself.set(Arc::downgrade(&context)).expect("it is set once");
    let (sender, answers) = unbounded();
    context
        .add_listener(Box::new(move |_| {
            let Some(context) = itself.get().and_then(Weak::upgrade) else { return };
            let refused = |error: ContextError| matches!(error, ContextError::InListener);
            let answers = [
                context.stop().is_err_and(refused),
                context.stop_gracefully().is_err_and(refused),
                context.await_termination().is_err_and(refused),
            ];
            let _sent = sender.send(answers);
        }))
        .expect("there are threads");
    bench.clock.advance(SECOND);
    assert_eq!(answers.recv_timeout(PATIENCE), Ok([true; 3]));
    assert_eq!(context.state(), ContextState::Active);
    context.stop().expect("another thread may");
}
