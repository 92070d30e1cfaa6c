//! Swaps that are not let in, and leave nothing behind.

use tidemill::driver::swap::{NewCode, SwapError};
use tidemill::model::status::JobEvent;
use tidemill::model::version::SwapRules;
use tidemill::version::admission::Refusal;

use super::rig::{Gated, PLUGIN, Stamping, digest, load, version};
use crate::lifecycle::rig::{SECOND, wait_for};

/// Swaps of many threads at one moment: one is let in, all others are told why not.
#[test]
fn swaps_at_one_moment_are_never_mixed() {
    let mut job = Stamping::over(2, 4, "honestly");
    job.run(1);
    let versions: Vec<_> =
        (2..10).map(|number| load(&job.test, &version(number, "honestly"))).collect();
    let swaps = job.test.context.swaps().expect("it runs");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let one = |new: NewCode| {
            let swaps = &swaps;
            scope.spawn(move || swaps.swap(&[(PLUGIN.to_owned(), new)], SwapRules::default()))
        };
        let threads: Vec<_> = versions.iter().map(|new| one(new.as_new_code())).collect();
        threads.into_iter().map(|thread| thread.join().expect("nothing panics")).collect()
    });
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((accepted.len(), refused.len()), (1, 7));
    for error in refused.into_iter().filter_map(Result::err) {
        let told = matches!(error, SwapError::Refused(Refusal::Preparing | Refusal::Waiting));
        assert!(told, "{error}");
    }
    let accepted = accepted.into_iter().flatten().next().expect("one is let in");
    let batch = job.run(1).remove(0);
    assert_eq!(digest(&batch), accepted.plugins[0].to.digest);
    job.ledger().is_whole();
}

#[test]
fn what_is_no_swap_is_refused_by_name() {
    let mut job = Stamping::over(2, 4, "honestly");
    let before = job.run(1);
    let swaps = job.test.context.swaps().expect("it runs");
    let (same, new) = (version(1, "honestly"), version(2, "honestly"));
    let code =
        |name: &str, file: &std::path::PathBuf| (name.to_owned(), NewCode::Component(file.clone()));
    let missing = std::path::PathBuf::from("no/such/component.wasm");
    let cases = [
        (vec![], "no plugin is to be swapped"),
        (vec![code("stemped", &new)], "calls a plugin `stemped`; swapped can be `stamped`"),
        (vec![code(PLUGIN, &new), code(PLUGIN, &new)], "plugin `stamped` is named twice"),
        (vec![code(PLUGIN, &same)], "plugin `stamped` has version"),
        (vec![code(PLUGIN, &missing)], "failed to read component `no/such/component.wasm`"),
    ];
    for (plugins, expected) in cases {
        let error = swaps.swap(&plugins, SwapRules::default()).expect_err(expected).to_string();
        assert!(error.contains(expected), "`{expected}` is not in: {error}");
    }
    let after = job.run(1);
    assert_eq!(digest(&after[0]), digest(&before[0]));
    assert_eq!(job.status().code.held, 1, "nothing is left of them");
}

#[test]
fn job_that_drains_or_has_ended_keeps_its_versions() {
    let Gated { bench, context, open, events } = Gated::start(1);
    let swaps = context.swaps().expect("it runs");
    bench.clock.advance(SECOND);
    wait_for(&events, |event| matches!(event, JobEvent::BatchStarted { .. }));
    context.control().expect("it runs").drain();
    wait_for(&events, |event| matches!(event, JobEvent::Draining));
    let new = || [(PLUGIN.to_owned(), NewCode::Component(version(2, "honestly")))];
    let refused = swaps.swap(&new(), SwapRules::default()).expect_err("it drains");
    assert!(matches!(refused, SwapError::Refused(Refusal::Ending)), "{refused}");
    let refused = swaps.roll_back().expect_err("it drains");
    assert!(matches!(refused, SwapError::Refused(Refusal::Ending)), "{refused}");
    drop(open);
    context.await_termination().expect("it drains");
    let ended = swaps.swap(&new(), SwapRules::default()).expect_err("it has ended");
    assert!(matches!(ended, SwapError::Ended), "{ended}");
}
