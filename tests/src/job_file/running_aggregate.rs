//! Aggregates that go on from batch to batch: what `explain` says of them, and of mistakes.
//!
//! Takes steps of a job. Gives the exact words, of mistakes with line and column.

use insta::assert_snapshot;

use super::catalogue::{job, planned};
use super::explained::steps;

const SCHEMA: &str = r#"{ k = "utf8", amt = "decimal128(9,2)?", n = "int64" }"#;

fn check(steps: &str, expected: &str) {
    let found = planned(&job(SCHEMA, steps)).map(|_| "fine".to_owned());
    let found = found.unwrap_or_else(|errors| errors.to_string()).replace("job.toml:", "");
    assert_eq!(found, expected, "\n--- found ---\n{found}\n-------------");
}

#[test]
fn sums_and_counts_are_kept_and_averages_made_of_them() {
    assert_snapshot!(steps(
        SCHEMA,
        r#"{ key_by = ["k"] },
           { aggregate = { mean = { fold = "avg", of = "amt" }, n = "sum" }, running = true,
             name = "totals" }"#,
    ), @r"");
}

#[test]
fn what_stands_beside_it_is_checked() {
    check(r#"{ key_by = ["k"] }, { aggregate = { n = "sum" }, running = true }"#, "");
    check(r#"{ aggregate = { n = "sum" }, running = true, name = "t" }"#, "");
    check(
        r#"{ key_by = ["k"] }, { select = ["k", "n"] }, { reduce_by_key = "sum", running = true }"#,
        "",
    );
    check(r#"{ aggregate = { n = "sum" }, running = false }"#, "fine");
    check(
        r#"{ key_by = ["k"] }, { aggregate = { n = "sum" }, running = { timeout = "1s" }, name = "t" }"#,
        "",
    );
    check(r#"{ aggregate = { n = "sum" }, running = "yes", name = "t" }"#, "");
    check(
        r#"{ key_by = ["k"] }, { aggregate = { n = "avg", "n.sum" = { fold = "sum", of = "n" } }, running = true, name = "t" }"#,
        "",
    );
    check(
        r#"{ key_by = ["k"] }, { aggregate = { n = "sum" }, running = true, name = "t" }, { aggregate = { n = "sum" }, running = true, name = "t" }"#,
        "",
    );
}
