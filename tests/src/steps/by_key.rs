//! Steps that bring the rows of a key, or of a batch, together.

use super::rig::Job;

/// Equal keys in both partitions.
fn numbers() -> Job {
    Job::numbers(&[&[1, 2, 3], &[4, 5]])
}

const KEYED: &str = "{ map = \"kinds.by_rest\" }";

#[test]
fn a_guest_and_the_built_in_folds_reduce_by_key() {
    for fold in ["kinds.add", "sum"] {
        let steps = format!("{KEYED}, {{ reduce_by_key = \"{fold}\" }}");
        numbers().gives_in_any_order(&steps, &["(0,6)", "(1,9)"]);
    }
    for (fold, expected) in
        [("count", ["(0,2)", "(1,3)"]), ("min", ["(0,2)", "(1,1)"]), ("max", ["(0,4)", "(1,5)"])]
    {
        let steps = format!("{KEYED}, {{ reduce_by_key = \"{fold}\", partitions = 3 }}");
        numbers().gives_in_any_order(&steps, &expected);
    }
}

#[test]
fn group_by_key_keeps_the_order_of_arrival() {
    let steps = format!("{KEYED}, {{ group_by_key = true }}");
    numbers().gives_in_any_order(&steps, &["(0,[2, 4])", "(1,[1, 3, 5])"]);
}

#[test]
fn a_batch_is_reduced_to_one_row_and_an_empty_one_to_none() {
    numbers().gives("{ reduce = \"kinds.add\" }", &["15"]);
    numbers().gives("{ reduce = \"max\" }", &["5"]);
    numbers().gives("{ filter = \"kinds.none\" }, { reduce = \"kinds.add\" }", &[]);
}

#[test]
fn an_empty_batch_counts_as_zero() {
    numbers().gives("{ count = true }", &["5"]);
    numbers().gives("{ filter = \"kinds.none\" }, { count = true }", &["0"]);
}

#[test]
fn equal_rows_are_counted() {
    let steps = "{ flat_map = \"kinds.up_to\" }, { count_by_value = true }";
    numbers().gives_in_any_order(steps, &["(1,5)", "(2,4)", "(3,3)", "(4,2)", "(5,1)"]);
    numbers().gives("{ filter = \"kinds.none\" }, { count_by_value = true }", &[]);
}

#[test]
fn an_overflow_of_a_built_in_sum_fails_the_batch() {
    let job = Job::numbers(&[&[i64::MAX, 1]]);
    job.fails("{ reduce = \"sum\" }", &["the sum of column `n` does not fit"]);
}

/// What was lost: a batch whose sum fits, because that of one partition does not.
#[test]
fn a_sum_fits_when_all_partitions_are_added_up() {
    let most = i64::MAX.to_string();
    let job = Job::numbers(&[&[i64::MAX, 5], &[-5]]);
    job.gives("{ reduce = \"sum\" }", &[&most]);
    let expected = format!("({most},3,{:?})", i64::MAX as f64 / 3.0);
    let folds = "n = \"sum\", rows = \"count\", mean = { fold = \"avg\", of = \"n\" }";
    job.gives(&format!("{{ aggregate = {{ {folds} }} }}"), &[&expected]);
    // The one after the other, too.
    Job::numbers(&[&[i64::MAX, 5, -5]]).gives("{ reduce = \"sum\" }", &[&most]);
}

/// Floats add up differently in another order, and groups come in the order they were seen in: two
/// runs that print the same have done everything in the same order. (A `repartition` would start
/// elsewhere: its chance is that of the batch time.)
#[test]
fn the_same_input_and_seed_give_the_same_bytes() {
    let rows = |from: i32| -> String {
        let row = |n| format!("{{\"k\":\"{}\",\"x\":{}}}\n", n % 97, f64::from(n).sqrt() * 1e-3);
        (from..from + 500).map(row).collect()
    };
    let files: Vec<String> = [1, 1000, 5000, 90_000].map(rows).into();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let job = Job::over("k = \"utf8\", x = \"float64\"", &files).settings("seed = 7");
    let steps = "{ key_by = [\"k\"] }, { reduce_by_key = \"sum\", partitions = 3 }";
    let first = job.run(steps);
    assert_eq!(first.rows().len(), 97, "{}", first.err);
    for _ in 0..3 {
        assert_eq!(job.run(steps).rows(), first.rows());
    }
}
