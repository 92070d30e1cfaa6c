//! Outputs: which run, under which number, and how they fail.
//!
//! Takes jobs with several outputs. Gives what is told of each.

use tidemill::model::id::SinkId;
use tidemill::model::policy::OnFailure;
use tidemill::model::status::{JobEvent, OutputInfo};

use super::rig::{SECOND, ears, numbers, test_context};

/// Case E02 of Spark's suites, its first half.
#[test]
fn outputs_start_and_end_in_declared_order() {
    let mut test = test_context();
    let stream = numbers(&test, &[&[1]]);
    (0..3).for_each(|_| stream.for_each_batch(|_, _| Ok(())));
    let (listener, events) = ears();
    test.context.add_listener(listener).expect("there are threads");
    test.run(1).expect("it runs");
    test.context.stop().expect("it stops");
    let told: Vec<(&str, usize)> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::OutputStarted { output, .. } => Some(("started", output.0)),
            JobEvent::OutputEnded(output) => Some(("ended", output.output.0)),
            _ => None,
        })
        .collect();
    let expected: Vec<(&str, usize)> =
        (0..3).flat_map(|output| [("started", output), ("ended", output)]).collect();
    assert_eq!(told, expected);
}

/// Case E02 of Spark's suites, its second half.
#[test]
fn each_failed_output_has_its_reason_and_the_first_ends_the_job() {
    let mut test = test_context();
    test.context.settings().on_failure = OnFailure::Stop;
    let stream = numbers(&test, &[&[1]]);
    stream.for_each_batch(|_, _| Err("This is a failed job".into()));
    stream.for_each_batch(|_, _| Err("This is another failed job".into()));
    let batch = test.run(1).expect("the batch ends").remove(0);
    let reasons: Vec<(SinkId, &str)> = batch
        .outputs
        .iter()
        .map(|output| (output.output, output.failure.as_deref().expect("it failed")))
        .collect();
    assert_eq!((reasons[0].0, reasons[1].0), (SinkId(0), SinkId(1)));
    assert!(reasons[0].1.ends_with("This is a failed job"), "{reasons:?}");
    assert!(reasons[1].1.ends_with("This is another failed job"), "{reasons:?}");
    let error = test.context.await_termination().expect_err("it failed");
    assert!(error.to_string().ends_with("This is a failed job"), "{error}");
}

/// What was lost in Spark: outputs were numbered anew in each batch, so that with windows of
/// different slides the same output had different numbers.
#[test]
fn an_output_keeps_its_number_when_those_before_it_have_nothing_to_do() {
    let mut test = test_context();
    let stream = numbers(&test, &[&[1], &[2]]);
    stream.window(2 * SECOND, 2 * SECOND).for_each_batch(|_, _| Ok(()));
    stream.for_each_batch(|_, _| Ok(()));
    let numbers = |outputs: &[OutputInfo]| {
        outputs.iter().map(|output| (output.output.0, output.name.clone())).collect::<Vec<_>>()
    };
    let batches = test.run(2).expect("they run");
    let (window, rows) = ((0, "output-0".to_owned()), (1, "output-1".to_owned()));
    assert_eq!(numbers(&batches[0].outputs), std::slice::from_ref(&rows));
    assert_eq!(numbers(&batches[1].outputs), [window, rows]);
}
