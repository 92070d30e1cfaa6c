//! Swaps that are let in: when they take effect, what they report, and the way back.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use crossbeam_channel::{bounded, unbounded};
use tidemill::api::native;
use tidemill::driver::swap::NewCode;
use tidemill::model::status::{BatchInfo, JobEvent};
use tidemill::model::version::{SwapRules, VersionEvent};

use super::rig::{Gated, PLUGIN, Stamping, digest, ids, is_completed, load, version};
use crate::job_rig::{PATIENCE, component};
use crate::lifecycle::rig::{Bench, SECOND, ears, queued, schema, test_context, wait_for};

fn ended(event: &JobEvent) -> bool {
    matches!(event, JobEvent::BatchEnded(_))
}

/// Three batches wait while the swap is let in: the one that runs keeps its version, the first of
/// those that wait has the new one.
#[test]
fn swap_is_not_postponed_by_a_backlog() {
    let Gated { bench, context, open, events } = Gated::start(1);
    for _ in 0..4 {
        bench.clock.advance(SECOND);
        wait_for(&events, |event| matches!(event, JobEvent::BatchSubmitted(_)));
    }
    let swap = context.swap(PLUGIN, version(2, "honestly"), SwapRules::default());
    let report = swap.expect("it fits");
    let status = context.status().expect("it runs");
    assert_eq!(status.queued_batches, 3);
    assert!(status.code.waiting.is_some_and(|new| new[PLUGIN] == report.plugins[0].to));
    drop(open);
    let digests: Vec<String> = (0..4)
        .map(|_| match wait_for(&events, ended) {
            JobEvent::BatchEnded(batch) => digest(&batch).to_owned(),
            other => unreachable!("a batch has ended, not {other:?}"),
        })
        .collect();
    let change = &report.plugins[0];
    let expected = [&change.from, &change.to, &change.to, &change.to];
    assert_eq!(digests, expected.map(|version| version.digest.clone()));
    context.stop().expect("it stops");
}

#[test]
fn report_tells_what_is_new_and_gone() {
    let mut job = Stamping::over(2, 4, "honestly");
    job.run(1);
    let report = job.swap(version(2, "honestly"), SwapRules::default()).expect("it fits");
    let change = &report.plugins[0];
    assert_eq!((change.plugin.as_str(), change.bytes.0), (PLUGIN, change.bytes.1));
    assert_eq!((change.differences.len(), report.dropped_states.len()), (0, 0));
    assert_ne!(change.from.digest, change.to.digest);
}

/// The story: a paused job was to be swapped, and nothing could take that back: a batch had to run
/// on the unwanted version first.
#[test]
fn swap_that_waits_is_given_up_by_a_rollback() {
    let mut job = Stamping::over(4, 4, "honestly");
    job.run(1);
    job.swap(version(2, "honestly"), SwapRules::default()).expect("it fits");
    job.test.context.roll_back().expect("it gives up the swap");
    let code = job.status().code;
    assert_eq!((code.waiting, code.previous), (None, None));
    let refused = job.test.context.roll_back().expect_err("nothing waits any more").to_string();
    assert!(refused.contains("no versions to go back to"), "{refused}");
    job.swap(version(3, "honestly"), SwapRules::default()).expect("it is no longer in the way");
    job.run(3);
    assert_eq!(job.ledger().versions, [1, 3, 3, 3]);
}

#[test]
fn job_goes_back_by_hand_at_the_next_batch_and_once() {
    let mut job = Stamping::over(5, 4, "honestly");
    job.run(1);
    job.swap(version(2, "honestly"), SwapRules::default()).expect("it fits");
    job.run(2);
    job.test.context.roll_back().expect("there is a version before");
    job.run(2);
    let ledger = job.ledger();
    ledger.is_whole();
    assert_eq!(ledger.versions, [1, 2, 2, 1, 1]);
    let refused = job.test.context.roll_back().expect_err("it has gone back").to_string();
    assert!(refused.contains("no versions to go back to"), "{refused}");
    job.swap(version(2, "honestly"), SwapRules::default()).expect("nothing is quarantined");
}

#[test]
fn plugins_of_one_swap_switch_together_or_not_at_all() {
    let mut test = test_context();
    let names = [1, 2].map(|number| load(&test, &version(number, "honestly")));
    assert_eq!([names[0].name(), names[1].name()], [PLUGIN, "stamped-2"]);
    let input = test.input(schema(), (0..4).map(|batch| Some(ids(batch, 4))).collect());
    for plugin in &names {
        let stamp = plugin.operator("stamp").expect("it has it");
        input.flat_map(stamp).for_each_batch(|_, _| Ok(()));
    }
    let before = test.run(1).expect("it runs").remove(0);
    let swaps = test.context.swaps().expect("it runs");
    let new = |name: &str, component| (name.to_owned(), NewCode::Component(component));
    let bad = new("stamped-2", component("restamped"));
    let with_bad = [new(PLUGIN, version(3, "honestly")), bad];
    swaps.swap(&with_bad, SwapRules::default()).expect_err("one does not fit");
    let unchanged = test.run(1).expect("it runs").remove(0);
    assert_eq!(unchanged.code.plugins, before.code.plugins);
    let both = [new(PLUGIN, version(3, "honestly")), new("stamped-2", version(4, "honestly"))];
    let report = swaps.swap(&both, SwapRules::default()).expect("both fit");
    let after = test.run(1).expect("it runs").remove(0);
    for change in &report.plugins {
        assert_eq!(after.code.plugins[&change.plugin], change.to);
    }
    let changed: BTreeSet<&String> = report.plugins.iter().map(|change| &change.plugin).collect();
    assert_eq!(changed.len(), 2);
}

/// Two batches run at once on a version that fails the older one: both are run again.
#[test]
fn younger_batches_of_a_bad_version_are_run_again_too() {
    let Gated { bench, context, open, events } = Gated::start(2);
    context.swap(PLUGIN, version(2, "trapping"), SwapRules::default()).expect("it fits");
    for _ in 0..2 {
        bench.clock.advance(SECOND);
        wait_for(&events, |event| matches!(event, JobEvent::BatchStarted { .. }));
    }
    drop(open);
    let mut batches: Vec<BatchInfo> = Vec::new();
    let mut rolled_back = 0;
    while batches.len() < 2 {
        match events.recv_timeout(PATIENCE).expect("it is told") {
            JobEvent::BatchEnded(batch) => batches.push(batch),
            JobEvent::Versions(VersionEvent::RolledBack { .. }) => rolled_back += 1,
            _ => {}
        }
    }
    assert_eq!(rolled_back, 1);
    for batch in &batches {
        is_completed(batch);
        assert_eq!(batch.code.revision, 2, "{batch:?}");
    }
    context.stop().expect("it stops");
}

/// The story: a batch ran on a bad version when somebody had the younger one run on another, or
/// went back for it. It failed, nobody watched its version any more, and the job stopped.
#[test]
fn batch_that_fails_on_a_version_that_was_replaced_is_run_again_on_the_current_one() {
    for goes_back in [false, true] {
        let Gated { bench, context, open, events } = Gated::start(2);
        let begin = || {
            bench.clock.advance(SECOND);
            wait_for(&events, |event| matches!(event, JobEvent::BatchStarted { .. }));
        };
        context.swap(PLUGIN, version(2, "trapping"), SwapRules::default()).expect("it fits");
        begin();
        if goes_back {
            context.roll_back().expect("there is a version before");
        } else {
            context.swap(PLUGIN, version(3, "honestly"), SwapRules::default()).expect("it fits");
        }
        begin();
        drop(open);
        let batches: Vec<BatchInfo> = (0..2)
            .map(|_| match wait_for(&events, ended) {
                JobEvent::BatchEnded(batch) => batch,
                other => unreachable!("a batch has ended, not {other:?}"),
            })
            .collect();
        batches.iter().for_each(is_completed);
        let [older, younger] = [0, 1].map(|place| &batches[place]);
        assert_eq!((older.code.revision, younger.code.revision), (2, 1));
        assert_eq!(digest(older), digest(younger));
        let reason = older.code.reason.as_deref().expect("it was run again");
        assert!(reason.contains("this version traps"), "{reason}");
        context.stop().expect("it stops");
    }
}

/// Two batches run at once, the older on version 1, the younger on version 2. The older one's later
/// stage is handed out when version 2 is current: it is version 1's all the same.
#[test]
fn batch_keeps_its_version_when_a_younger_one_has_another() {
    let bench = Bench::new();
    let mut context = bench.context();
    context.settings().concurrent_jobs = 2;
    let plugin = bench.engine.load_plugin(version(1, "honestly")).expect("it loads");
    let (open, opened) = bounded::<()>(0);
    let gate_of_first = native::map::<i64, i64, _>("gate", move |value, _| {
        if value == 0 {
            // The test lets go of the other end.
            let _opened = opened.recv();
        }
        value
    });
    let gated = queued(&context, &[&[0], &[1]]).map(gate_of_first.expect("types of streams"));
    let stamped = gated.repartition(2).flat_map(plugin.operator("stamp").expect("it has it"));
    let (sender, stamps) = unbounded();
    stamped.for_each_batch(move |_, partitions| {
        for slice in partitions.iter().flatten() {
            let versions = slice.column(1).as_primitive::<Int64Type>();
            versions.values().iter().try_for_each(|version| sender.send(*version))?;
        }
        Ok(())
    });
    let (listener, events) = ears();
    context.start_with(vec![listener]).expect("it starts");
    let started = |event: &JobEvent| matches!(event, JobEvent::BatchStarted { .. });
    bench.clock.advance(SECOND);
    wait_for(&events, started);
    context.swap(PLUGIN, version(2, "honestly"), SwapRules::default()).expect("it fits");
    bench.clock.advance(SECOND);
    wait_for(&events, started);
    drop(open);
    wait_for(&events, ended);
    wait_for(&events, ended);
    context.stop().expect("it stops");
    assert_eq!(stamps.try_iter().collect::<Vec<_>>(), [1, 2]);
}

/// A third version waits while the second fails its batch: it was made beside the second, which is
/// gone, so it goes too.
#[test]
fn swap_that_waits_behind_a_failing_version_is_given_up() {
    let Gated { bench, context, open, events } = Gated::start(1);
    context.swap(PLUGIN, version(2, "trapping"), SwapRules::default()).expect("it fits");
    bench.clock.advance(SECOND);
    wait_for(&events, |event| matches!(event, JobEvent::BatchStarted { .. }));
    context.swap(PLUGIN, version(3, "honestly"), SwapRules::default()).expect("it fits");
    drop(open);
    let given_up =
        |event: &JobEvent| matches!(event, JobEvent::Versions(VersionEvent::GivenUp { .. }));
    wait_for(&events, given_up);
    let JobEvent::BatchEnded(batch) = wait_for(&events, ended) else {
        unreachable!("a batch has ended")
    };
    is_completed(&batch);
    assert_eq!(batch.code.revision, 2);
    assert_eq!(context.status().expect("it runs").code.waiting, None);
    context.swap(PLUGIN, version(3, "honestly"), SwapRules::default()).expect("it may come again");
    context.stop().expect("it stops");
}
