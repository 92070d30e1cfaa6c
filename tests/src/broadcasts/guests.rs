//! Operators that read broadcasts: once an instance, in whatever slices and steps they are called.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use serde_json::json;
use tidemill::model::description::OperatorKind;
use tidemill::model::operation::{Operation, StepDeclaration};
use tidemill::model::status::BatchOutcome;
use tidemill_guest_build::{Options, build};

use super::rig::{by_batch, context, ran, rows, schema};
use crate::set_up::program::tidemill;

/// The steps `pay` of the plugin `orders`, so often one after the other, over two partitions of
/// three slices each. Gives the rows, and how often the broadcast was copied into an instance.
fn paid(times: usize) -> (Vec<serde_json::Value>, u64) {
    let mut test = context();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/orders");
    let component = build(&folder, &Options::default()).expect("the plugin builds").component;
    let plugin = test.engine.load_plugin(component).expect("the plugin loads");
    let (orders, table) = (
        schema("customer: int64, cents: int64"),
        schema("name: utf8, percent_off: int64?, customer: int64"),
    );
    let customers = rows(&table, &json!([["Ada", 10, 1], ["Bob", null, 2]]));
    let customers = test.context.broadcast("customers", table, &customers).expect("they fit");
    let slices = |cents: i64| -> Vec<_> {
        (0..3).flat_map(|customer| rows(&orders, &json!([[customer, cents]]))).collect()
    };
    let stream = test.input(orders.clone(), vec![Some(vec![slices(100), slices(1_000)])]);
    let mut paid = stream;
    for at in 0..times {
        let operator = plugin.operator("pay").expect("it is there");
        let mut step = StepDeclaration::new(Operation::Apply(OperatorKind::Map, operator));
        (step.append, step.rename) = (true, Some(vec![format!("to_pay_{at}")]));
        paid = paid.step(step);
    }
    let collected = test.collect(&paid);
    ran(&mut test, 1);
    let mut rows = by_batch(&collected).remove(0);
    rows.sort_by_key(|row| (row[1].as_i64(), row[0].as_i64()));
    (rows, customers.guest_reads())
}

#[test]
fn an_operator_reads_its_broadcast_once_a_task() {
    let (rows, reads) = paid(1);
    let expected = [
        json!([0, 100, 100]),
        json!([1, 100, 90]),
        json!([2, 100, 100]),
        json!([0, 1_000, 1_000]),
        json!([1, 1_000, 900]),
        json!([2, 1_000, 1_000]),
    ];
    assert_eq!(rows, expected);
    assert_eq!(reads, 2, "three slices a task, and two tasks");
}

#[test]
fn steps_of_one_operator_share_what_it_has_read() {
    let (rows, reads) = paid(2);
    assert_eq!(rows[1], json!([1, 100, 90, 90]));
    assert_eq!(reads, 2);
}

/// A table that no instance has room for fails its batch with the limit's name; the next one, with
/// a table that fits, succeeds.
#[test]
fn a_broadcast_that_no_instance_can_hold_fails_its_batch_by_name() {
    let mut test = context();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/orders");
    let component = build(&folder, &Options::default()).expect("the plugin builds").component;
    let plugin = test.engine.load_plugin(component).expect("the plugin loads");
    let orders = schema("customer: int64, cents: int64");
    let table = schema("customer: int64, percent_off: int64?");
    let numbers = |count: usize| {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1; count]));
        let columns = vec![Arc::clone(&column), column];
        vec![RecordBatch::try_new(table.to_arrow(), columns).expect("two columns")]
    };
    let customers = test.context.broadcast("customers", table.clone(), &numbers(12 << 20));
    let customers = customers.expect("192 MiB are allowed");
    let batch = Some(vec![rows(&orders, &json!([[1, 100]]))]);
    let stream = test.input(orders.clone(), vec![batch.clone(), batch]);
    let paid = stream.map(plugin.operator("pay").expect("it is there"));
    let collected = test.collect(&paid);
    let outcome = test.run(1).expect("the job runs").remove(0).outcome;
    let BatchOutcome::Failed { message } = outcome else { panic!("it does not fit") };
    assert!(message.contains("operator `orders.pay` failed"), "{message}");
    assert!(message.contains("memory"), "{message}");
    customers.update(&numbers(1)).expect("it fits");
    ran(&mut test, 1);
    assert_eq!(by_batch(&collected), [[json!(99)]]);
}

#[test]
fn a_check_of_a_plugin_shows_what_its_operators_read() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let ran = tidemill(&plugins, &["plugin", "check", "orders"], "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let line = "  broadcast  customers: customer: int64, percent_off: int64? (by name)";
    assert!(ran.out.lines().any(|written| written == line), "{}", ran.out);
}
