//! Aggregates that go on from batch to batch: what `explain` says of them, and of mistakes.
//!
//! Takes steps of a job. Gives the exact words, of mistakes with line and column.

use insta::assert_snapshot;

use super::catalogue::{job, planned};
use super::explained::steps;

const SCHEMA: &str = r#"{ k = "utf8", amt = "decimal128(9,2)?", n = "int64" }"#;

/// Reads and plans a job of these steps, in line 11, and says what is wrong.
fn said(steps: &str) -> String {
    let found = planned(&job(SCHEMA, steps)).map(|_| "fine".to_owned());
    found.unwrap_or_else(|errors| errors.to_string()).replace("job.toml:", "")
}

#[test]
fn sums_and_counts_are_kept_and_averages_made_of_them() {
    assert_snapshot!(steps(
        SCHEMA,
        r#"{ key_by = ["k"] },
           { aggregate = { mean = { fold = "avg", of = "amt" }, n = "sum" }, running = true,
             name = "totals" }"#,
    ), @r"
      out from rows                  k: utf8, amt: decimal128(9,2)?, n: int64
        1 key_by k                   k: utf8 | amt: decimal128(9,2)?, n: int64
        2 totals: aggregate mean, n  k: utf8 | mean: float64?, n: int64

    stages
      stage 0 of out: one task per block of rows
        key_by k
        combine by k with sum of amt, count of amt, sum of n
        shuffle by hash of k into 2 partitions
      stage 1 of out: 2 tasks, from the shuffle of stage 0
        state totals: mean.sum: decimal128(38,2)?, mean.count: int64, n: int64 by k
        avg
        -> sink console: print, 10 rows
    ");
}

#[test]
fn what_stands_beside_an_aggregate_is_checked() {
    let keyed = r#"{ key_by = ["k"] }, { aggregate = { n = "sum" }, "#;
    let twice = r#"running = true, name = "t" }, { aggregate = { n = "max" }, "#;
    let cases = [
        (
            "running = true }",
            "11:35: a running `aggregate` needs a `name`, which owns what is kept \
          (beside it stands `name = \"...\"`)",
        ),
        ("running = false }", "fine"),
        (
            r#"running = { timeout = "1s" }, name = "t" }"#,
            "11:62: unknown key `timeout` (allowed are `initial`, `changed_only`)",
        ),
        (
            r#"running = "yes", name = "t" }"#,
            "11:60: found the text \"yes\", expected `true` or `false`",
        ),
        (
            r#"running = true, name = "t", as = ["m"] }"#,
            "11:83: `as` cannot stand beside `aggregate`",
        ),
        (
            &format!("{twice}running = true, name = \"t\" }}"),
            "11:94: another stateful step is called `t`, too (what a step keeps belongs to its \
             name: rename one of the two)",
        ),
    ];
    let found = cases.map(|(beside, _)| said(&format!("{keyed}{beside}")));
    assert_eq!(found, cases.map(|(_, expected)| expected));
}

#[test]
fn a_running_aggregate_needs_a_key_and_other_steps_do_not_run_on() {
    let cases = [
        (
            r#"{ aggregate = { n = "sum" }, running = true, name = "t" }"#,
            "11:15: `running` works by key, and the stream has none (k: utf8, amt: \
             decimal128(9,2)?, n: int64) (put `{ key_by = [\"...\"] }` before it, or let the \
             operator before it say how many of its columns are key, such as `#[map(keys = 1)]`)",
        ),
        (
            r#"{ key_by = ["k"] }, { group_by_key = true, running = true }"#,
            "11:54: `running` cannot stand beside `group_by_key` (`aggregate` takes it; one fold \
             goes on by `update_state_by_key = \"sum\"`)",
        ),
        (
            r#"{ key_by = ["k"] }, { aggregate = { n = "avg", "n.sum" = "count" },
               running = true, name = "t" }"#,
            "11:35: two columns would be called `n.sum` after `t: aggregate n, n.sum`",
        ),
    ];
    let found = cases.map(|(steps, _)| said(steps));
    assert_eq!(found, cases.map(|(_, expected)| expected));
}
