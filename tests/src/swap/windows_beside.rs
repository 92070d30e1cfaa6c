//! Windows at a swap beside what else a job has: swaps in a row, folds of the plugin itself, rows
//! of a broadcast that changes.

use arrow_array::RecordBatch;
use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::model::join::JoinKind;
use tidemill::model::operation::OperatorRef;
use tidemill::model::version::SwapRules;

use super::rig::{Stamping, ids, is_completed, version};
use crate::broadcasts::rig::{rows, schema};
use crate::lifecycle::rig::SECOND;

const BATCHES: usize = 12;

fn job(first: u16, build: impl Fn(&DStream, OperatorRef) -> DStream) -> Stamping {
    let input = (0..BATCHES).map(|batch| Some(ids(batch, 4))).collect();
    let mut job = Stamping::fed(input, &version(first, "honestly"), build);
    job.test.context.settings().retained_inputs = Some(4);
    job
}

/// An operator of the plugin that has the stamp.
fn beside(stamp: &OperatorRef, operator: &str) -> OperatorRef {
    let OperatorRef::Guest { plugin, .. } = stamp else { unreachable!("it is a guest's") };
    OperatorRef::Guest { plugin: plugin.clone(), operator: operator.to_owned() }
}

/// What the third version makes again was made by the first and by the second: after each batch,
/// and after none, another version comes. At last the first one comes back as a new swap.
#[test]
fn windows_hold_one_version_through_swaps_in_a_row() {
    let order = [1, 2, 3, 4, 1];
    let windows = |ids: &DStream, stamp| ids.flat_map(stamp).window(3 * SECOND, SECOND);
    let mut swapped = job(order[0], windows);
    let mut alone: Vec<Stamping> = order.iter().map(|number| job(*number, windows)).collect();
    let mut expected = Vec::new();
    for (place, number) in order.into_iter().enumerate() {
        if place > 0 {
            let report = swapped.swap(version(number, "honestly"), SwapRules::default());
            let report = report.expect("everything is retained");
            assert_eq!(report.recomputed_windows.len(), 1, "{report:?}");
        }
        let batches = [3, 1, 1, 2, 3][place];
        swapped.run(batches).iter().for_each(is_completed);
        let from = expected.len();
        alone[place].run(from + batches).iter().for_each(is_completed);
        expected.extend(alone[place].datasets().drain(from..));
    }
    assert_eq!(expected.len(), 10);
    assert_eq!(swapped.datasets(), expected);
}

/// The plugin's own fold, and its own inverse, which makes each window of the one before: values
/// of two versions would add up to a number that neither gives.
#[test]
fn fold_with_an_inverse_of_the_plugin_goes_on() {
    let build = |ids: &DStream, stamp: OperatorRef| {
        let of = |operator| beside(&stamp, operator);
        let weighed = ids.map(of("weigh"));
        let (add, take) = (of("add"), of("take_away"));
        weighed.reduce_by_key_and_window_with_inverse(add, take, None, 3 * SECOND, SECOND)
    };
    let [mut swapped, mut old, mut new] = [1, 1, 2].map(|number| job(number, build));
    for job in [&mut swapped, &mut old, &mut new] {
        job.run(5);
    }
    let before = swapped.datasets();
    assert_eq!(before, old.datasets());
    let report = swapped.swap(version(2, "honestly"), SwapRules::default());
    assert_eq!(report.expect("it is retained").recomputed_windows.len(), 1);
    for job in [&mut swapped, &mut new] {
        job.run(5).iter().for_each(is_completed);
    }
    let (after, expected) = (swapped.datasets(), new.datasets());
    assert_eq!(after[5..], expected[5..]);
    assert_ne!(before[4], expected[4], "the versions differ in what they make");
}

/// Each batch saw the rows of a broadcast as they were then, and is made again with them.
#[test]
fn batches_are_made_again_with_the_broadcasts_that_they_saw() {
    let table = || schema("name: utf8, _1: int64");
    let names = |name: &str| -> Vec<RecordBatch> {
        let all: Vec<Value> = (0..4 * BATCHES).map(|id| json!([name, id])).collect();
        rows(&table(), &Value::from(all))
    };
    let build = |ids: &DStream, stamp: OperatorRef| {
        let named = ids.flat_map(stamp).broadcast_join("names", &["_1"], JoinKind::Inner);
        named.window(3 * SECOND, SECOND)
    };
    let mut jobs = [1, 2].map(|number| {
        let job = job(number, build);
        let known = job.test.context.broadcast("names", table(), &names("first"));
        (job, known.expect("the rows fit"))
    });
    for (job, known) in &mut jobs {
        for name in ["second", "third", "fourth"] {
            job.run(1).iter().for_each(is_completed);
            known.update(&names(name)).expect("they fit");
        }
    }
    let [(swapped, _), (new, _)] = &mut jobs;
    swapped.swap(version(2, "honestly"), SwapRules::default()).expect("it is retained");
    for job in [&mut *swapped, &mut *new] {
        job.run(2).iter().for_each(is_completed);
    }
    let (after, expected) = (swapped.datasets(), new.datasets());
    assert_eq!(after[3..], expected[3..]);
    let mut seen: Vec<&Value> = after[3].iter().map(|row| &row[2]).collect();
    seen.dedup();
    assert!(seen.len() > 1, "rows of several batches: {seen:?}");
}
