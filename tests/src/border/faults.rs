//! Calls that fail: each kind of fault has its code, its words, and no word of the guest unescaped.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{BinaryArray, RecordBatch};
use tidemill::error::Domain;
use tidemill::model::operator::{AppliedRows, Operator, OperatorError, TaskScope};
use tidemill::model::stage::ChainStep;
use tidemill::wasm::exchange::AnswerLimits;
use tidemill::wasm::plugin::Plugin;
use tidemill::wasm::plugin_limits::PluginLimits;

use super::rig::{batch_of, operator, step, step_with, task, texts, unruly, unruly_within};

fn fault(limits: PluginLimits, chain: Vec<ChainStep>) -> OperatorError {
    let operator = operator(&unruly_within(limits), chain);
    let error = operator.apply(&mut task(), false, &texts(&["a", "b"])).expect_err("it fails");
    assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    assert_eq!(error.domain, Domain::Plugin);
    error
}

fn check(chain: Vec<ChainStep>, code: &str, message: &str) -> OperatorError {
    let error = fault(PluginLimits::default(), chain);
    assert_eq!((error.code, error.message.as_str()), (code, message));
    error
}

#[test]
fn trap_is_named() {
    let error = check(vec![step("trap_at")], "trap", "it trapped: `unreachable` was reached");
    assert_eq!(error.operator, "p.trap_at");
    // Which step of a chain trapped is not known.
    let chain = vec![step("echo"), step("trap_at")];
    let error = check(chain, "trap", "it trapped: `unreachable` was reached");
    assert_eq!(error.operator, "p.echo -> p.trap_at");
}

#[test]
fn panic_tells_message_step_and_row() {
    let chain = vec![step("echo"), step_with("panic_at", "row", 1)];
    let error = check(chain, "panic", "index\\u{1b}[2J out of bounds");
    assert_eq!((error.operator.as_str(), error.row), ("p.panic_at", Some(1)));
}

#[test]
fn failure_carries_the_guests_words_and_row() {
    let chain = vec![step_with("fail_at", "row", 1)];
    let error = check(chain, "failure", "no such\\u{d}\\u{a}customer");
    assert_eq!(error.row, Some(1));
}

#[test]
fn deep_recursion_ends_in_a_trap() {
    // Which of its two stacks a guest uses up first is its compiler's choice.
    let error = fault(PluginLimits::default(), vec![step("recurse")]);
    assert_eq!((error.code, error.operator.as_str()), ("trap", "p.recurse"));
    assert!(error.message.contains("stack"), "{error}");
}

#[test]
fn endless_loop_runs_out_of_cpu_time() {
    let limits = PluginLimits { cpu_base: Duration::from_millis(20), ..PluginLimits::default() };
    let error = fault(limits, vec![step("run_forever")]);
    assert_eq!(error.code, "cpu-time");
    assert!(error.message.ends_with("ms of cpu time were used, limit is 20 ms"), "{error}");
}

#[test]
fn input_grants_cpu_time() {
    let limits = PluginLimits {
        cpu_base: Duration::from_millis(20),
        cpu_per_row: Duration::from_millis(10),
        ..PluginLimits::default()
    };
    let operator = operator(&unruly_within(limits), vec![step("run_forever")]);
    let mut scope = task();
    scope.facts.input_rows = 3;
    let error = operator.apply(&mut scope, false, &texts(&["a"])).expect_err("it loops");
    assert!(error.message.ends_with("limit is 50 ms"), "{error}");
}

#[test]
fn growth_past_the_limit_is_a_fault_of_memory() {
    let limits = PluginLimits { memory_bytes: 32 << 20, ..PluginLimits::default() };
    let error = fault(limits, vec![step("grow")]);
    assert_eq!(error.code, "memory");
    assert!(error.message.ends_with("bytes of memory, limit is 33554432"), "{error}");
}

#[test]
fn input_larger_than_the_instance_is_a_fault_of_memory() {
    let limits = PluginLimits { memory_bytes: 8 << 20, ..PluginLimits::default() };
    let operator = operator(&unruly_within(limits), vec![step("echo")]);
    let long = "x".repeat(16 << 20);
    let error = operator.apply(&mut task(), false, &texts(&[&long])).expect_err("too large");
    assert_eq!(error.code, "memory", "{error}");
}

#[test]
fn large_answer_is_past_the_output_limit() {
    let answer = AnswerLimits { bytes: 1 << 20, rows: 100 };
    let limits = PluginLimits { answer, ..PluginLimits::default() };
    let error = fault(limits, vec![step_with("amplify", "bytes", 2 << 20)]);
    assert_eq!(error.code, "output-limit");
    assert_eq!(error.message, "the answer is 2097168 bytes, limit is 1048576");
    // So much that wasmtime stops copying before it is counted: its private error is known by its
    // words, which this test holds against the pinned version.
    let error = fault(limits, vec![step_with("amplify", "bytes", 64 << 20)]);
    assert_eq!(error.code, "output-limit");
}

/// What makes the guest answer with one row, but no nodes and no buffers for it: rows 1; no nodes,
/// no buffers, no selection, no origin, nothing rejected.
fn malformed() -> RecordBatch {
    let told: Vec<u8> = [1_u32, 0, 0, 0, 0, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
    batch_of(Arc::new(BinaryArray::from(vec![told.as_slice()])))
}

#[test]
fn answers_as_told_are_checked() {
    let operator = operator(&unruly(), vec![step("answer")]);
    let error = operator.apply(&mut task(), false, &malformed()).expect_err("it is malformed");
    assert_eq!(error.code, "malformed");
    assert_eq!(error.message, "the answer has 0 nodes, expected 1 for its columns");
}

#[test]
fn rows_of_other_columns_are_the_hosts_fault() {
    let operator = operator(&unruly(), vec![step("echo")]);
    let numbers = batch_of(Arc::new(arrow_array::Int64Array::from(vec![1])));
    let error = operator.apply(&mut task(), false, &numbers).expect_err("it does not fit");
    assert_eq!((error.code, error.domain), ("kind", Domain::Internal));
    assert_eq!(error.message, "the input has columns `int64`, expected `utf8`");
}

/// The calls that the task's instance has had, this one among them.
fn calls(plugin: &Arc<Plugin>, task: &mut TaskScope) -> i64 {
    let calls = operator(plugin, vec![step("calls")]);
    match calls.apply(task, false, &texts(&["a"])).expect("it succeeds").rows {
        AppliedRows::Batch(rows) => rows.column(0).as_primitive::<Int64Type>().value(0),
        AppliedRows::Selection(rows) => panic!("a selection came: {rows:?}"),
    }
}

#[test]
fn instance_that_failed_is_never_called_again() {
    let answer = AnswerLimits { bytes: 1 << 20, rows: 100 };
    let cpu_base = Duration::from_millis(50);
    let limits = PluginLimits { cpu_base, memory_bytes: 32 << 20, answer, ..Default::default() };
    let plugin = unruly_within(limits);
    for (bad, code) in [
        (step("trap_at"), "trap"),
        (step("panic_at"), "panic"),
        (step("fail_at"), "failure"),
        (step("recurse"), "trap"),
        (step("run_forever"), "cpu-time"),
        (step("grow"), "memory"),
        (step("answer"), "malformed"),
        (step_with("amplify", "bytes", 2 << 20), "output-limit"),
    ] {
        let mut task = task();
        assert_eq!((calls(&plugin, &mut task), calls(&plugin, &mut task)), (1, 2));
        let input = if code == "malformed" { malformed() } else { texts(&["a"]) };
        let error = operator(&plugin, vec![bad]).apply(&mut task, false, &input);
        assert_eq!(error.expect_err("it fails").code, code);
        assert_eq!(calls(&plugin, &mut task), 1, "after a failure of code {code}");
    }
}
