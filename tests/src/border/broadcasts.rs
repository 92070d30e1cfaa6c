//! Guests that ask for broadcasts: theirs, others', and again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::Int64Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use tidemill::model::broadcast::{BroadcastVersion, Broadcasts};
use tidemill::model::column_type::ColumnType;
use tidemill::model::operator::{AppliedRows, Operator, OperatorError, TaskScope};
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::wasm::plugin_limits::PluginLimits;

use super::rig::{batch_of, operator, step_with, task, texts, unruly, unruly_within};

/// The broadcast `known` of three numbers, and `unknown`, which no operator has declared.
fn broadcasts() -> Broadcasts {
    let schema = StreamSchema::new(vec![Column::new("v", ColumnType::Int64)]);
    let rows = [batch_of(Arc::new(Int64Array::from(vec![1, 2, 3])))];
    let version = |name| Arc::new(BroadcastVersion::new(name, &schema, &rows).expect("they fit"));
    let named = ["known", "unknown"].map(|name| (name.to_owned(), version(name)));
    Broadcasts::new(BTreeMap::from(named))
}

/// How many rows the guest is given when it asks in that way; -1: none.
fn given(scope: &mut TaskScope, which: i64) -> i64 {
    let asking = operator(&unruly(), vec![step_with("ask", "which", which)]);
    let applied = asking.apply(scope, false, &texts(&["a"])).expect("asking is no mistake");
    let AppliedRows::Batch(rows) = applied.rows else { panic!("rows were expected") };
    rows.column(0).as_primitive::<Int64Type>().value(0)
}

#[test]
fn an_operator_is_given_what_it_has_declared_and_nothing_else() {
    let mut scope = task().with_broadcasts(broadcasts());
    assert_eq!(given(&mut scope, 0), 3);
    for (which, what) in [
        (1, "a broadcast that it has not declared"),
        (2, "a broadcast that another operator has declared, as that one"),
        (3, "an operator that is not there"),
        (4, "a name of a megabyte"),
    ] {
        assert_eq!(given(&mut scope, which), -1, "{what}");
    }
}

#[test]
fn a_job_without_the_broadcast_gives_none() {
    assert_eq!(given(&mut task(), 0), -1);
}

#[test]
fn all_instances_are_given_one_version() {
    let broadcasts = broadcasts();
    for _ in 0..2 {
        let mut scope = task().with_broadcasts(broadcasts.clone());
        assert_eq!((given(&mut scope, 0), given(&mut scope, 0)), (3, 3));
    }
    assert_eq!(broadcasts.get("known").expect("it is there").guest_reads(), 4);
    assert_eq!(broadcasts.get("unknown").expect("it is there").guest_reads(), 0);
}

/// Rows of a broadcast earn CPU time, as those of the input do. A guest that asked for ever would
/// have earned more than it used, were it counted each time.
#[test]
fn asking_again_earns_no_time() {
    let limits = PluginLimits { cpu_base: Duration::from_millis(50), ..PluginLimits::default() };
    let asking = operator(&unruly_within(limits), vec![step_with("ask", "which", 5)]);
    let mut scope = task().with_broadcasts(broadcasts());
    let failed: Result<_, OperatorError> = asking.apply(&mut scope, false, &texts(&["a"]));
    assert_eq!(failed.expect_err("it never ends").code, "cpu-time");
}
