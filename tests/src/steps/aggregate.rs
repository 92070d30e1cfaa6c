//! Several folds in one step, and different rows.

use super::rig::Job;

const SCHEMA: &str = "book = \"utf8\", amt = \"int64?\", rate = \"float64\"";

/// Trades of two books in two partitions; one of them lacks its amount.
fn trades() -> Job {
    let first =
        "{\"book\":\"a\",\"amt\":5,\"rate\":1.0}\n{\"book\":\"b\",\"amt\":7,\"rate\":2.0}\n";
    let second = "{\"book\":\"a\",\"rate\":4.0}\n{\"book\":\"a\",\"amt\":2,\"rate\":1.0}\n";
    Job::over(SCHEMA, &[first, second])
}

const KEYED: &str = "{ key_by = [\"book\"] }";

#[test]
fn columns_are_folded_each_in_its_own_way() {
    let folds = "amt = \"sum\", n = \"count\", known = { fold = \"count\", of = \"amt\" }, \
                 low = { fold = \"min\", of = \"amt\" }, rate = \"max\"";
    trades().gives_in_any_order(
        &format!("{KEYED}, {{ aggregate = {{ {folds} }}, partitions = 3 }}"),
        &["(a,7,3,2,2,4.0)", "(b,7,1,1,7,2.0)"],
    );
}

#[test]
fn averages_leave_nulls_out() {
    let folds = "amt = \"avg\", rate = { fold = \"avg\", of = \"rate\" }, n = \"count\"";
    trades().gives_in_any_order(
        &format!("{KEYED}, {{ aggregate = {{ {folds} }} }}"),
        &["(a,3.5,2.0,3)", "(b,7.0,2.0,1)"],
    );
    let none = Job::over("n = \"int64?\"", &["{}\n{}\n"]);
    none.gives("{ aggregate = { n = \"avg\", rows = \"count\" } }", &["(null,2)"]);
}

#[test]
fn a_batch_without_a_key_is_one_group_and_an_empty_one_none() {
    let steps = "{ aggregate = { total = { fold = \"sum\", of = \"n\" }, rows = \"count\" } }";
    Job::numbers(&[&[1, 2, 3], &[4]]).gives(steps, &["(10,4)"]);
    let empty = format!("{{ where = {{ column = \"n\", is = \"is_null\" }} }}, {steps}");
    Job::numbers(&[&[1, 2, 3]]).gives(&empty, &[]);
}

#[test]
fn a_sum_that_overflows_names_its_column() {
    let job = Job::numbers(&[&[i64::MAX, 1]]);
    for fold in ["sum", "avg"] {
        let steps = format!("{{ aggregate = {{ n = \"{fold}\" }} }}");
        job.fails(&steps, &["the sum of column `n` does not fit"]);
    }
}

/// What was lost: where doubles add up to more than one can hold, JSON had a null, and nobody could
/// tell it from the average of nothing. Spark says Infinity.
#[test]
fn sums_and_averages_of_floats_beyond_their_range_are_infinite() {
    let job = Job::over("x = \"float64\"", &["{\"x\":1e308}\n{\"x\":1e308}\n"]);
    let folds = "sum = { fold = \"sum\", of = \"x\" }, x = \"avg\"";
    let steps = format!("{{ aggregate = {{ {folds} }} }}");
    job.gives(&steps, &["(Infinity,Infinity)"]);
    let json = Job::over("x = \"float64\"", &["{\"x\":\"Infinity\"}\n{\"x\":\"-Infinity\"}\n"]);
    json.gives(&steps, &["(NaN,NaN)"]);
}

#[test]
fn one_of_each_different_row_is_kept() {
    let job = Job::over(
        "k = \"utf8?\", x = \"float64\"",
        &[
            "{\"k\":\"b\",\"x\":0.0}\n{\"x\":1}\n{\"k\":\"b\",\"x\":-0.0}\n{\"k\":\"a\",\"x\":0}\n",
            "{\"x\":1.0}\n{\"k\":\"b\",\"x\":2}\n",
        ],
    );
    let expected = ["(b,0.0)", "(null,1.0)", "(a,0.0)", "(b,2.0)"];
    job.gives("{ distinct = true, partitions = 1 }", &expected);
    let mut sorted = expected;
    sorted.sort_unstable();
    job.gives_in_any_order("{ distinct = true, partitions = 4 }", &sorted);
    job.gives_in_any_order("{ key_by = [\"k\"] }, { distinct = true }", &sorted);
}
