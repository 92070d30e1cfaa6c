//! Listeners hear what happens to a job, in order, and can do it no harm.
//!
//! Takes jobs of some batches. Gives the events they tell.

use crossbeam_channel::unbounded;
use tidemill::model::status::{BatchInfo, BatchSubmission, JobEvent};

use super::rig::{Bench, ears, numbers, queued, test_context, wait_for};
use crate::job_rig::PATIENCE;

/// Case E01 of Spark's suites: which delays there are follows from the type of each event.
#[test]
fn a_batch_is_submitted_then_started_then_ended() {
    let mut test = test_context();
    numbers(&test, &[&[7], &[7], &[7], &[7]]).for_each_batch(|_, _| Ok(()));
    let (listener, events) = ears();
    test.context.add_listener(listener).expect("there are threads");
    test.run(4).expect("they run");
    test.context.stop().expect("it stops");
    let events: Vec<JobEvent> = events.iter().collect();
    assert!(matches!(events.first(), Some(JobEvent::Started { .. })), "{:?}", events.first());
    assert_eq!(events.last(), Some(&JobEvent::Stopped));
    let submitted: Vec<&BatchSubmission> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::BatchSubmitted(batch) => Some(batch),
            _ => None,
        })
        .collect();
    let started: Vec<&BatchSubmission> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::BatchStarted { batch, .. } => Some(batch),
            _ => None,
        })
        .collect();
    let ended: Vec<&BatchInfo> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::BatchEnded(batch) => Some(batch),
            _ => None,
        })
        .collect();
    assert_eq!((submitted.len(), ended.len()), (4, 4));
    assert_eq!(submitted, started);
    assert!(submitted.windows(2).all(|pair| pair[0].time < pair[1].time));
    for (batch, ended) in submitted.iter().zip(ended) {
        assert_eq!((batch.rows(), ended.rows_in), (1, 1));
        assert_eq!(batch.inputs, ended.inputs);
        assert_eq!((batch.inputs[0].source.as_str(), batch.inputs[0].rows), ("source-0", 1));
        assert!(ended.submitted_us <= ended.started_us && ended.started_us <= ended.ended_us);
        let delays = ended.scheduling_delay + ended.processing_delay;
        assert_eq!(ended.total_delay, delays);
    }
}

#[test]
fn a_listener_may_come_late_and_leave_early() {
    let mut test = test_context();
    numbers(&test, &[]).for_each_batch(|_, _| Ok(()));
    test.run(1).expect("it runs");
    let (listener, events) = ears();
    let late = test.context.add_listener(listener).expect("there are threads");
    let batch = test.run(1).expect("it runs").remove(0);
    let heard = wait_for(&events, |event| matches!(event, JobEvent::BatchEnded(_)));
    assert_eq!(heard, JobEvent::BatchEnded(batch), "the first that it hears of");
    test.context.remove_listener(late);
    test.run(1).expect("it runs");
    test.context.stop().expect("it stops");
    assert_eq!(events.iter().count(), 0, "nothing after it was removed");
    let (listener, events) = ears();
    test.context.add_listener(listener).expect("the context has ended");
    assert!(events.recv_timeout(PATIENCE).is_err(), "nothing after the end");
}

/// A listener that stood still, or panicked, took the job with it.
#[test]
fn a_listener_that_panics_or_stands_still_harms_nobody() {
    let mut test = test_context();
    numbers(&test, &[]).for_each_batch(|_, _| Ok(()));
    let (go_on, gate) = unbounded::<()>();
    let still = Box::new(move |_: &JobEvent| {
        let _opened = gate.recv();
    });
    test.context.add_listener(still).expect("there are threads");
    let panics = Box::new(|_: &JobEvent| panic!("a listener panics"));
    test.context.add_listener(panics).expect("there are threads");
    assert_eq!(test.run(3).expect("they run").len(), 3);
    drop(go_on);
    test.context.stop().expect("it stops");
}

#[test]
fn gauges_and_the_last_batches_can_be_asked_for() {
    let mut test = test_context();
    test.context.settings().retained_batches = 2;
    numbers(&test, &[&[1, 2], &[3], &[4]]).for_each_batch(|_, _| Ok(()));
    let batches = test.run(3).expect("they run");
    let gauges = test.context.gauges().expect("it runs");
    assert_eq!((gauges.total_completed_batches, gauges.retained_completed_batches), (3, 2));
    assert_eq!((gauges.total_received_rows, gauges.total_processed_rows), (4, 4));
    assert_eq!((gauges.unprocessed_batches, gauges.receivers), (0, 0));
    let last = gauges.last_completed_batch.expect("there is one");
    assert_eq!(last.total_delay, batches[2].total_delay);
    assert_eq!(test.context.completed_batches().expect("it runs"), batches[1..]);
}

#[test]
fn receivers_are_told_of_from_start_to_stop() {
    let bench = Bench::new();
    let mut context = bench.context();
    // Nobody listens at a port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = port.local_addr().expect("it is bound").to_string();
    drop(port);
    context.socket_text_stream(&address).for_each_batch(|_, _| Ok(()));
    queued(&context, &[]).for_each_batch(|_, _| Ok(()));
    let (listener, events) = ears();
    context.start_with(vec![listener]).expect("it starts");
    let receiver = |event: JobEvent| match event {
        JobEvent::ReceiverStarted(info)
        | JobEvent::ReceiverError(info)
        | JobEvent::ReceiverStopped(info) => info,
        other => panic!("{other:?}"),
    };
    let started = wait_for(&events, |event| matches!(event, JobEvent::ReceiverStarted(_)));
    let started = receiver(started);
    assert_eq!((started.source.as_str(), started.active), ("source-0", true));
    let failed = receiver(wait_for(&events, |e| matches!(e, JobEvent::ReceiverError(_))));
    assert!(failed.active && failed.last_error.is_some_and(|error| error.contains(&address)));
    assert_eq!(context.gauges().expect("it runs").receivers, 1, "a queue has none");
    context.stop_gracefully().expect("it stops");
    let stopped = receiver(wait_for(&events, |e| matches!(e, JobEvent::ReceiverStopped(_))));
    assert!(!stopped.active && stopped.last_error.is_some());
    assert_eq!(context.gauges().expect("it ran").receivers, 0);
}
