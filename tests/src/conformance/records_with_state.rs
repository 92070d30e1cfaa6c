//! Component cases of `map_with_state`: what each record does to the state of its key, and when.
//!
//! Takes orders for the guest operator `steered`, batch by batch. Gives its calls and what is kept
//! after each batch, in the sandbox and natively. Never runs one in real time.

use std::time::Duration;

use serde_json::{Value, json};
use tidemill::api::native;
use tidemill::api::stateful::StateSpec;
use tidemill::api::test_context::{Collected, TestContext};

use super::rig::{Functions, config, partitions, rows_of, schema_of};

const SECOND: Duration = Duration::from_secs(1);
/// Leaves the state as it is.
const NOTHING: i64 = 0;
/// Counts on, from nought.
const COUNT: i64 = 1;
/// Takes the state away.
const REMOVE: i64 = 2;

type Orders = &'static [(&'static str, i64)];

/// What a run gave, batch by batch.
#[derive(Debug, PartialEq)]
struct Ran {
    /// Each call: key, order, and what was kept before it. One without an order is a key's last.
    calls: Vec<Vec<Value>>,
    /// Each key with what is kept after the batch, in the order of keys.
    kept: Vec<Vec<Value>>,
}

/// Runs the batches, from what is kept at the beginning, in the sandbox and natively.
fn run(initial: Value, timeout: Option<Duration>, batches: &[Orders]) -> Ran {
    let sandboxed = run_with(Functions::sandboxed, &initial, timeout, batches);
    let native = run_with(Functions::native, &initial, timeout, batches);
    assert_eq!(sandboxed, native, "the sandbox changes nothing");
    sandboxed
}

fn run_with(
    functions: fn(&TestContext) -> Functions,
    initial: &Value,
    timeout: Option<Duration>,
    batches: &[Orders],
) -> Ran {
    let mut test = TestContext::new(config(), SECOND).expect("an engine starts");
    let schema = schema_of(&[json!([["k", 0]])]);
    let rows = |rows: &Value| partitions(&schema, rows.as_array().expect("a list"), 1);
    let given = batches.iter().map(|batch| Some(rows(&json!(batch)))).collect();
    let mut spec = StateSpec::of(functions(&test).get("steered")).partitions(1);
    spec = spec.initial_state(rows(initial).remove(0));
    if let Some(timeout) = timeout {
        spec = spec.timeout(timeout);
    }
    let mapped = test.input(schema.clone(), given).map_with_state("kept", spec);
    let (calls, kept) = (test.collect(&mapped), test.collect(&mapped.state_snapshots()));
    test.run(batches.len()).expect("the job runs");
    let mut kept = by_batch(&kept);
    kept.iter_mut().for_each(|batch| batch.sort_by_key(Value::to_string));
    Ran { calls: by_batch(&calls), kept }
}

fn by_batch(collected: &Collected) -> Vec<Vec<Value>> {
    collected.by_time().values().map(rows_of).collect()
}

/// Case M01: a record may leave the state, change it, make it or take it away; a key for which
/// nothing came is not called.
#[test]
fn a_record_does_to_the_state_what_its_call_does() {
    let batches: [Orders; 5] =
        [&[], &[("k", NOTHING)], &[("k", COUNT)], &[("k", REMOVE)], &[("k", COUNT)]];
    let ran = run(json!([["k", 0]]), None, &batches);
    let calls = [
        json!([]),
        json!([["k", 0, 0]]),
        json!([["k", 1, 0]]),
        json!([["k", 2, 1]]),
        json!([["k", 1, null]]),
    ];
    assert_eq!(json!(ran.calls), json!(calls));
    let kept =
        [json!([["k", 0]]), json!([["k", 0]]), json!([["k", 1]]), json!([]), json!([["k", 0]])];
    assert_eq!(json!(ran.kept), json!(kept));
}

/// Case M02: a key times out once its last record is older than the time-out, not when it is as
/// old; a record in the same batch keeps it, even one that changes nothing, and one that takes
/// it away leaves nothing to time out. In Spark keys were looked for in every tenth batch only:
/// here each goes in the batch in which its time is up.
#[test]
fn a_key_goes_in_the_batch_in_which_its_time_is_up() {
    let all: Orders = &[("idle", COUNT), ("kept", COUNT), ("removed", COUNT)];
    let due: Orders = &[("kept", NOTHING), ("removed", REMOVE), ("never", NOTHING)];
    let batches: [Orders; 7] = [all, &[], &[], due, &[], &[], &[]];
    let ran = run(json!([]), Some(2 * SECOND), &batches);
    let first = json!([["idle", 1, null], ["kept", 1, null], ["removed", 1, null]]);
    let fourth = json!([["kept", 0, 0], ["removed", 2, 0], ["never", 0, null], ["idle", null, 0]]);
    let last = json!([["kept", null, 0]]);
    let none = json!([]);
    assert_eq!(json!(ran.calls), json!([first, none, none, fourth, none, none, last]));
    let three = json!([["idle", 0], ["kept", 0], ["removed", 0]]);
    let one = json!([["kept", 0]]);
    assert_eq!(json!(ran.kept), json!([three, three, three, one, one, one, none]));
}

/// The keys of the beginning count as touched in the first batch, whenever that is.
#[test]
fn keys_of_the_beginning_are_touched_by_the_first_batch() {
    let ran = run(json!([["k", 7]]), Some(SECOND), &[&[], &[], &[], &[]]);
    assert_eq!(json!(ran.calls), json!([[], [], [["k", null, 7]], []]));
    assert_eq!(json!(ran.kept), json!([[["k", 7]], [["k", 7]], [], []]));
}

/// Case M03: the function is called once for each record, in their order, and for no other key;
/// what later batches do changes no earlier state.
#[test]
fn only_keys_of_the_data_are_called_and_once_for_each_record() {
    let initial = || json!([["k1", 0], ["k2", 0]]);
    let mut shown = json!([["k1", 0], ["k2", 0]]);
    for (orders, calls) in [
        (&[] as Orders, json!([])),
        (&[("k1", NOTHING)], json!([["k1", 0, 0]])),
        (&[("k3", NOTHING)], json!([["k3", 0, null]])),
    ] {
        let ran = run(initial(), None, &[orders]);
        assert_eq!((json!(ran.calls), json!(ran.kept)), (json!([calls]), json!([shown])));
    }
    let gone = run(initial(), None, &[&[("k1", REMOVE)]]);
    assert_eq!(json!(gone.kept), json!([[["k2", 0]]]));
    let ran = run(
        initial(),
        None,
        &[
            &[("k1", COUNT)],
            &[("x", NOTHING), ("k2", COUNT), ("k2", COUNT), ("k3", COUNT)],
            &[("k3", COUNT)],
        ],
    );
    let second = json!([["x", 0, null], ["k2", 1, 0], ["k2", 1, 1], ["k3", 1, null]]);
    assert_eq!(json!(ran.calls), json!([[["k1", 1, 0]], second, [["k3", 1, 0]]]));
    shown = json!([
        [["k1", 1], ["k2", 0]],
        [["k1", 1], ["k2", 2], ["k3", 0]],
        [["k1", 1], ["k2", 2], ["k3", 1]],
    ]);
    assert_eq!(json!(ran.kept), shown);
}

/// What a failed batch did to a state was kept in Spark's lineage, or done twice. Here a batch that
/// fails changes none, so that the next one goes on from the last that succeeded.
#[test]
fn a_batch_that_fails_changes_no_state() {
    let mut test = TestContext::new(config(), SECOND).expect("an engine starts");
    let schema = schema_of(&[json!([["k", 0]])]);
    let batch = |rows: Value| Some(partitions(&schema, rows.as_array().expect("a list"), 1));
    let given =
        vec![batch(json!([["a", 1]])), batch(json!([["a", 10]])), batch(json!([["a", 100]]))];
    let of = Functions::sandboxed(&test);
    let input = test.input(schema.clone(), given);
    let sums = test.collect(&input.map_with_state("sums", StateSpec::of(of.get("running_sum"))));
    let counts = test.collect(&input.update_state_by_key("counts", of.get("count")));
    let fails = native::map_values::<i64, i64, _>("fails", |n, _| {
        assert!(n != 10, "there is a ten");
        n
    });
    input.map_values(fails.expect("whole numbers")).for_each_batch(|_, _| Ok(()));
    test.run(3).expect("the job goes on");
    assert_eq!(json!(by_batch(&sums)), json!([[1], [101]]));
    assert_eq!(json!(by_batch(&counts)), json!([[["a", 1]], [["a", 101]]]));
}
