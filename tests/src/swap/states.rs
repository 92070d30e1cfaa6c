//! What steps keep for their keys stays across a swap where the new version can read it.

use tidemill::api::test_context::{Collected, TestContext};
use tidemill::model::version::SwapRules;

use super::rig::{PLUGIN, ids, load, version};
use crate::job_rig::component;
use crate::lifecycle::rig::{rows, schema, test_context};

/// Counts ids by their rest by three, six ids a batch; version 1 to begin with.
fn counting(batches: usize) -> (TestContext, Collected) {
    let test = test_context();
    let plugin = load(&test, &version(1, "honestly"));
    let operator = |name| plugin.operator(name).expect("the guest has it");
    let input = test.input(schema(), (0..batches).map(|batch| Some(ids(batch, 6))).collect());
    let totals = input.map(operator("key")).update_state_by_key("totals", operator("total"));
    let collected = test.collect(&totals);
    (test, collected)
}

/// The total of each key after each batch; all keys have the same.
fn totals(collected: &Collected) -> Vec<i64> {
    let total = |rows: &Vec<serde_json::Value>| {
        assert_eq!(rows.len(), 3, "{rows:?}");
        assert!(rows.iter().all(|row| row[1] == rows[0][1]), "{rows:?}");
        rows[0][1].as_i64().expect("a total")
    };
    rows(collected).iter().map(total).collect()
}

#[test]
fn state_of_the_same_version_is_kept() {
    let (mut test, collected) = counting(4);
    test.run(2).expect("they run");
    test.context.swap(PLUGIN, version(2, "honestly"), SwapRules::default()).expect("it fits");
    test.run(1).expect("it runs");
    test.context.roll_back().expect("there is a version before");
    test.run(1).expect("it runs");
    assert_eq!(totals(&collected), [2, 4, 6, 8]);
}

#[test]
fn state_of_another_version_is_dropped_only_when_that_is_asked() {
    let (mut test, collected) = counting(6);
    test.run(2).expect("they run");
    let new = component("restamped");
    let refused = test.context.swap(PLUGIN, &new, SwapRules::default()).expect_err("a state");
    let refused = refused.to_string();
    for part in ["step `totals` keeps state version 0", "keys, found 2", "begin anew"] {
        assert!(refused.contains(part), "`{part}` is not in: {refused}");
    }
    test.run(1).expect("it runs");
    let rules = SwapRules { drop_state: true, ..SwapRules::default() };
    let report = test.context.swap(PLUGIN, &new, rules).expect("it may be dropped");
    assert_eq!(report.dropped_states.len(), 1);
    let dropped = &report.dropped_states[0];
    assert_eq!((dropped.name.as_str(), dropped.keys), ("totals", 3));
    test.run(2).expect("they run");
    assert!(report.plugins[0].differences.iter().any(|line| line.contains("state of total")));
    // The old version finds what it kept before the swap.
    test.context.roll_back().expect("there is a version before");
    test.run(1).expect("it runs");
    assert_eq!(totals(&collected), [2, 4, 6, 1_002, 1_004, 8]);
}
