//! Calls that succeed: rows, selections, folds, instances that live as long as a task.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch, StringArray};
use tidemill::model::operator::{Applied, AppliedRows, Operator, Phase};
use tidemill::model::text::number_of;
use tidemill::wasm::host_state::GuestLogLevel;

use super::rig::{Heard, batch_of, operator, operator_heard, step, step_with, task, texts, unruly};

fn rows(applied: Applied) -> RecordBatch {
    match applied.rows {
        AppliedRows::Batch(batch) => batch,
        AppliedRows::Selection(selection) => panic!("a selection came: {selection:?}"),
    }
}

#[test]
fn rows_come_back_as_they_went() {
    let operator = operator(&unruly(), vec![step("echo")]);
    let mut task = task();
    for batch in [texts(&["a", "", "ñandú"]), texts(&[]), texts(&["x"; 5]).slice(1, 3)] {
        let applied = operator.apply(&mut task, false, &batch).expect("it succeeds");
        assert!(applied.origin.is_none() && applied.rejected.is_empty());
        assert_eq!(rows(applied), batch);
    }
}

#[test]
fn origin_comes_when_it_is_asked_for() {
    let operator = operator(&unruly(), vec![step("echo"), step("echo")]);
    let applied = operator.apply(&mut task(), true, &texts(&["a", "b"])).expect("it succeeds");
    assert_eq!(applied.origin, Some(vec![0, 1]));
    assert_eq!(operator.label(), "p.echo -> p.echo");
}

#[test]
fn filter_gives_a_selection() {
    let operator = operator(&unruly(), vec![step("keep_even")]);
    let applied = operator.apply(&mut task(), false, &texts(&["a", "b", "c"])).expect("succeeds");
    assert!(matches!(applied.rows, AppliedRows::Selection(rows) if rows == [0, 2]));
}

#[test]
fn rejected_rows_are_named_and_sorted() {
    let operator = operator(&unruly(), vec![step("echo"), step("reject_odd")]);
    let applied =
        operator.apply(&mut task(), true, &texts(&["a", "b", "c", "d"])).expect("it succeeds");
    assert_eq!(applied.origin, Some(vec![0, 2]));
    let rejected: Vec<_> = applied.rejected.iter().map(|r| (r.row, r.operator.as_str())).collect();
    assert_eq!(rejected, [(1, "p.reject_odd"), (3, "p.reject_odd")]);
    assert_eq!(applied.rejected[0].message, "row 1 is\\u{202e} odd");
    assert_eq!(applied.rejected[0].code, "odd");
    assert_eq!(rows(applied).column(0).as_ref(), &StringArray::from(vec!["a", "c"]));
}

#[test]
fn fold_and_merge_add_up_by_group() {
    let operator = operator(&unruly(), vec![step("sum")]);
    let mut task = task();
    let values = batch_of(Arc::new(Int64Array::from(vec![1, 2, 3, 4])));
    let sums = operator
        .fold(&mut task, Phase::Values, &values, &[0, 1, 0, 2], 3)
        .expect("the fold succeeds");
    assert_eq!(sums.column(0).as_primitive::<Int64Type>().values(), &[4, 2, 4]);
    let merged = operator.merge(&mut task, &sums, &sums).expect("the merge succeeds");
    assert_eq!(merged.column(0).as_primitive::<Int64Type>().values(), &[8, 4, 8]);
    let none = operator.fold(&mut task, Phase::Partials, &values.slice(0, 0), &[], 0);
    assert_eq!(none.expect("no groups are no error").num_rows(), 0);
}

#[test]
fn task_keeps_one_instance_and_no_task_sees_anothers() {
    let plugin = unruly();
    let (calls, echo) =
        (operator(&plugin, vec![step("calls")]), operator(&plugin, vec![step("echo")]));
    let count = |task: &mut _| {
        let batch = rows(calls.apply(task, false, &texts(&["a"])).expect("it succeeds"));
        batch.column(0).as_primitive::<Int64Type>().value(0)
    };
    let mut first = task();
    assert_eq!(count(&mut first), 1);
    echo.apply(&mut first, false, &texts(&["a"])).expect("it succeeds");
    assert_eq!(count(&mut first), 3);
    assert_eq!(count(&mut task()), 1);
}

#[test]
fn log_of_a_task_is_escaped_and_bounded() {
    let heard = Arc::new(Heard::default());
    let flood = step_with("flood_log", "lines", 100_000);
    let operator = operator_heard(&unruly(), vec![flood], Arc::clone(&heard) as _);
    operator.apply(&mut task(), false, &texts(&["a"])).expect("it succeeds");
    let lines = heard.lines.lock().expect("no panic");
    let (plugin, level, line) = &lines[0];
    assert_eq!((plugin.as_str(), *level), ("p", GuestLogLevel::Info));
    assert_eq!(line, "\\u{1b}]0;owned\\u{7} one\\u{a}FORGED");
    let bytes: usize = lines.iter().map(|(_, _, line)| line.len()).sum();
    assert!(bytes <= tidemill::limits::TASK_LOG_BYTES_MAX + 100, "{bytes}");
    let (_, level, last) = lines.last().expect("a last line");
    assert_eq!(*level, GuestLogLevel::Warn);
    let dropped = 100_000 - (lines.len() - 1);
    let dropped = number_of(dropped, "further log line", "further log lines");
    assert_eq!(*last, format!("{dropped} of the task were dropped"));
}

#[test]
fn counts_leave_once_a_call_has_succeeded() {
    let chain = |last| vec![step_with("count", "by", 2), last];
    let good = operator(&unruly(), chain(step("echo")));
    let bad = operator(&unruly(), chain(step("trap_at")));
    let mut task = task();
    good.apply(&mut task, false, &texts(&["a"])).expect("it succeeds");
    bad.apply(&mut task, false, &texts(&["a"])).expect_err("it traps");
    assert_eq!(task.counted.iter().collect::<Vec<_>>(), [("p.rows", 4)]);
}
