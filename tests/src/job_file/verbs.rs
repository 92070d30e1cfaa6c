//! The host's own verbs in job files: what `explain` says of them, and what is said of mistakes.
//!
//! Takes columns and steps. Gives the exact words, of mistakes with line and column.

use insta::assert_snapshot;

use super::catalogue::{job, planned};
use super::explained::{explained, steps};

const SCHEMA: &str = r#"{ k = "utf8", amt = "decimal128(9,2)?", n = "int64", l = "list<int64>" }"#;

/// Reads and plans a job of these steps, in line 11, and compares what is said.
fn check(steps: &str, expected: &str) {
    let found = planned(&job(SCHEMA, steps)).map(|_| "fine".to_owned());
    let found = found.unwrap_or_else(|errors| errors.to_string()).replace("job.toml:", "");
    assert_eq!(found, expected, "\n--- found ---\n{found}\n-------------");
}

#[test]
fn every_verb_is_explained() {
    let text = explained(include_str!("../../job_files/verbs.toml"));
    assert_snapshot!(text.split_once("stages\n").expect("stages").1, @r#"
      stage 0 of trades: one task per block of trades
      stage 1 of books: one task per partition, from stage 0
        where amt > 0.5
        where book in "a", "b"
        rename rate as price
        key_by book
        columns book, amt, price
        combine by book with sum of amt, count of rows, min of amt, sum of price, count of price
        shuffle by hash of book into 2 partitions
      stage 2 of books: 2 tasks, from the shuffle of stage 1
        fold by book with sum of amt, count of rows, min of amt, sum of price, count of price
        avg
        top 10 by amt, descending, of each slice
        top 10 by amt, descending, of each partition (whole partition)
        shuffle all rows into 1 partition
      stage 3 of minutes: one task per partition, from stage 0
        key_by book
        columns book
        combine by book with count of rows
        shuffle by hash of book into 2 partitions
      stage 4 of minutes: 2 tasks, from the shuffle of stage 3
        fold by book with count of rows
      stage 5 of minutes: 2 tasks, from 1m of stage 4, every 10s
        fold by book with count of rows, taking out what left
      stage 6 of minutes: 2 tasks, from stage 5
        columns book, n
        top 3 by n, -book, of each slice
        top 3 by n, -book, of each partition (whole partition)
        shuffle all rows into 1 partition
      stage 7 of ordered: one task per partition, from stage 0
        combine by id, book, amt, rate keeping one of each
        shuffle by hash of id, book, amt, rate into 3 partitions
      stage 8 of ordered: 3 tasks, from the shuffle of stage 7
        fold by id, book, amt, rate keeping one of each
        sample 0.1
        shuffle all rows into 1 partition
      stage 9 of parted: one task per partition, from stage 0
        shuffle all rows into 1 partition
      stage 10 of parted: 1 task, from the shuffle of stage 9
        sort_by id, descending (whole partition)
        key_by book
        shuffle by hash of book into 4 partitions
      stage 11 of books: 1 task, from the shuffle of stage 2
        top 10 by amt, descending (whole partition)
        -> sink books: print, 10 rows
      stage 12 of minutes: 1 task, from the shuffle of stage 6, every 10s
        top 3 by n, -book (whole partition)
        -> sink minutes: print, 10 rows
      stage 13 of ordered: 1 task, from the shuffle of stage 8
        sort_by -rate, id (whole partition)
        -> sink ordered: print, 10 rows
      stage 14 of parted: 4 tasks, from the shuffle of stage 10
        glom (whole partition)
        -> sink parted: print, 10 rows
    "#);
}

#[test]
fn averages_are_made_of_sums_and_counts_after_the_shuffle() {
    assert_snapshot!(steps(
        SCHEMA,
        r#"{ key_by = ["k"] }, { aggregate = { mean = { fold = "avg", of = "amt" }, n = "sum" } }"#,
    ), @r"
      out from rows          k: utf8, amt: decimal128(9,2)?, n: int64, l: list<int64>
        1 key_by k           k: utf8 | amt: decimal128(9,2)?, n: int64, l: list<int64>
        2 aggregate mean, n  k: utf8 | mean: float64?, n: int64

    stages
      stage 0 of out: one task per block of rows
        key_by k
        columns k, amt, n
        combine by k with sum of amt, count of amt, sum of n
        shuffle by hash of k into 2 partitions
      stage 1 of out: 2 tasks, from the shuffle of stage 0
        fold by k with sum of amt, count of amt, sum of n
        avg
        -> sink console: print, 10 rows
    ");
}

#[test]
fn rows_parted_by_key_are_grouped_where_they_are() {
    assert_snapshot!(steps(
        SCHEMA,
        r#"{ key_by = ["k"] }, { partition_by = 2 }, { select = ["k", "n"] },
           { aggregate = { n = "max" } }, { partition_by = 2 }, { group_by_key = true }"#,
    ), @r"
      out from rows       k: utf8, amt: decimal128(9,2)?, n: int64, l: list<int64>
        1 key_by k        k: utf8 | amt: decimal128(9,2)?, n: int64, l: list<int64>
        2 partition_by 2  k: utf8 | amt: decimal128(9,2)?, n: int64, l: list<int64>
        3 select k, n     k: utf8 | n: int64
        4 aggregate n     k: utf8 | n: int64
        5 partition_by 2  k: utf8 | n: int64
        6 group_by_key    k: utf8 | n: list<int64>

    stages
      stage 0 of out: one task per block of rows
        key_by k
        select k, n
        combine by k with max of n
        shuffle by hash of k into 2 partitions
      stage 1 of out: 2 tasks, from the shuffle of stage 0
        fold by k with max of n
        shuffle by hash of k into 2 partitions
      stage 2 of out: 2 tasks, from the shuffle of stage 1
        group by k
        -> sink console: print, 10 rows
    ");
}

#[test]
fn folds_of_an_aggregate_are_checked() {
    check(
        r#"{ aggregate = { n = "summ" } }"#,
        "11:21: `summ` is no fold, allowed are `sum`, `count`, `min`, `max`, `avg`; did you \
         mean `sum`?",
    );
    check(
        r#"{ aggregate = { n = { fold = "sum", off = "n" } } }"#,
        "11:37: unknown key `off`, expected `fold` or `of`",
    );
    check(
        r#"{ aggregate = { n = 5 } }"#,
        "11:21: found integer `5`, expected a fold: `sum`, `count`, `min`, `max`, `avg`",
    );
    check(r#"{ aggregate = {} }"#, "11:15: `aggregate` has 0 columns, allowed are 1 to 1024");
    check(
        r#"{ aggregate = { k = "sum" } }"#,
        "11:15: `sum` of column `k` is not possible: found utf8, allowed are int32, int64, \
         uint64, float64 and decimal128",
    );
    check(
        r#"{ aggregate = { k = "avg" } }"#,
        "11:15: `avg` of column `k` is not possible: found utf8, allowed are int32, int64, \
         uint64, float64 and decimal128",
    );
    check(
        r#"{ aggregate = { amount = "sum" } }"#,
        "11:15: `aggregate` makes `amount` of the column `amount`, found `k`, `amt`, `n`, `l` (to \
         make it of another one, write `amount = { fold = \"sum\", of = ... }`)",
    );
    check(
        r#"{ aggregate = { am = "max" } }"#,
        "11:15: `aggregate` makes `am` of the column `am`, found `k`, `amt`, `n`, `l` (to make it \
         of another one, write `am = { fold = \"max\", of = \"amt\" }`)",
    );
    check(
        r#"{ key_by = ["k"] }, { aggregate = { low = { fold = "min", of = "k" } } }"#,
        "11:35: `aggregate` needs column `k`, found `amt`, `n`, `l` (it is a key column, and \
         the step sees value columns only)",
    );
    check(
        r#"{ key_by = ["k"] }, { aggregate = { k = "count" } }"#,
        "11:35: two columns would be called `k` after `aggregate k`",
    );
    check(
        r#"{ aggregate = { n = "sum" }, partitions = 2 }"#,
        "11:43: `partitions` works by key, and the stream has none (k: utf8, amt: \
         decimal128(9,2)?, n: int64, l: list<int64>) (put `{ key_by = [\"...\"] }` before it, \
         or let the operator before it say how many of its columns are key, such as `#[map(keys \
         = 1)]`)",
    );
    check(
        r#"{ aggregate = { n = "sum" }, as = ["m"] }"#,
        "11:35: `as` cannot stand beside `aggregate`",
    );
    check(
        r#"{ aggregate_by_key_and_window = { aggregate = { n = "sum" }, length = "60s" } }"#,
        "11:33: `aggregate_by_key_and_window` works by key, and the stream has none (k: utf8, \
         amt: decimal128(9,2)?, n: int64, l: list<int64>) (put `{ key_by = [\"...\"] }` before \
         it, or let the operator before it say how many of its columns are key, such as \
         `#[map(keys = 1)]`)",
    );
    check(
        concat!(
            r#"{ key_by = ["k"] }, { aggregate_by_key_and_window = "#,
            r#"{ aggregate = { n = "sum" }, length = "1500ms" } }"#
        ),
        "11:53: the window's length is 1s 500ms, expected a multiple of 1s, the time between \
         datasets here",
    );
}

#[test]
fn constants_are_values_of_their_column() {
    check(
        r#"{ where = { column = "amt", is = ">", to = "1.005" } }"#,
        "11:11: column `amt` is compared with `\"1.005\"`, expected decimal128(9,2), at most 7 \
         digits before the point and 2 after it",
    );
    check(
        r#"{ where = { column = "n", is = "in", to = [1, 2.5] } }"#,
        "11:11: column `n` is compared with `2.5`, expected int64",
    );
    check(
        r#"{ where = { column = "k", is = "=", to = 1 } }"#,
        "11:11: column `k` is compared with `1`, expected utf8",
    );
    check(
        r#"{ where = { column = "l", is = "=", to = 1 } }"#,
        "11:11: `where` of column `l` is not possible: found list<int64>, allowed are all types \
         but lists",
    );
    check(r#"{ where = { column = "l", is = "is_null" } }"#, "fine");
    check(
        r#"{ where = { column = "m", is = "=", to = 1 } }"#,
        "11:11: `where` needs column `m`, found `k`, `amt`, `n`, `l` (did you mean `amt`?)",
    );
}

#[test]
fn comparisons_take_as_many_constants_as_they_need() {
    check(
        r#"{ where = { column = "n", is = ">" } }"#,
        "11:32: `>` needs a constant, such as `to = 1`",
    );
    check(
        r#"{ where = { column = "n", is = "=", to = [1] } }"#,
        "11:42: `=` takes one constant; a list goes with `in`",
    );
    check(
        r#"{ where = { column = "n", is = "in", to = 1 } }"#,
        "11:43: `in` takes a list, such as `to = [1, 2]`",
    );
    check(
        r#"{ where = { column = "n", is = "in", to = [] } }"#,
        "11:11: `where` has 0 constants, allowed are 1 to 1024",
    );
    check(
        r#"{ where = { column = "n", is = "is_null", to = 1 } }"#,
        "11:48: `to` stands beside a question for nulls, which takes none",
    );
    check(
        r#"{ where = { column = "n", is = "==", to = 1 } }"#,
        "11:32: `==` is no comparison, allowed are `=`, `!=`, `<`, `<=`, `>=`, `>`, `in`, \
         `is_null`, `is_not_null`; did you mean `=`?",
    );
    check(
        r#"{ where = { column = "n", is = "=", to = { a = 1 } } }"#,
        "11:42: found a table, expected true, false, a number, a text or a list of these",
    );
    check(r#"{ where = { column = "n" } }"#, "11:11: `where` has no `is`, which is required");
}

#[test]
fn orders_are_checked() {
    check(
        r#"{ sort_by = ["m"] }"#,
        "11:13: `sort_by` needs column `m`, found `k`, `amt`, `n`, `l` (did you mean `amt`?)",
    );
    check(
        r#"{ sort_by = ["-l"] }"#,
        "11:13: `sort_by` of column `l` is not possible: found list<int64>, allowed are all \
         types but lists",
    );
    check(r#"{ sort_by = [] }"#, "11:13: `sort_by` has 0 columns, allowed are 1 to 1024");
    check(
        r#"{ sort_by = "n", descending = true }"#,
        "11:18: unknown key `descending` (it stands in the table of `sort_by`: `sort_by = { by = \
         ..., descending = ... }`)",
    );
    check(
        r#"{ sort_by = ["n"], partitions = 2 }"#,
        "11:33: `partitions` cannot stand beside `sort_by` (rows in order are in one partition)",
    );
    check(r#"{ top = { n = 0, by = "n" } }"#, "11:15: `n` is 0, allowed are 1 to 1048576");
    check(
        r#"{ top = { n = 5, by = 5 } }"#,
        "11:23: found integer `5`, expected a text or a list of texts",
    );
    check(r#"{ top = { n = 5 } }"#, "11:9: `top` has no `by`, which is required");
    check(
        r#"{ top = { n = 5, by = "-m" } }"#,
        "11:9: `top` needs column `m`, found `k`, `amt`, `n`, `l` (did you mean `amt`?)",
    );
}

#[test]
fn numbers_of_verbs_are_in_range() {
    check("{ sample = 1.5 }", "11:12: `fraction` is 1.5, allowed are 0 to 1");
    check(
        "{ sample = { fraction = 0.5, seed = -1 } }",
        "11:37: `seed` is -1, allowed are 0 to 9223372036854775807",
    );
    check(r#"{ sample = "half" }"#, "11:12: found `\"half\"`, expected a number");
    check(
        "{ key_by = [\"k\"] }, { partition_by = 0 }",
        "11:38: `partition_by` is 0, allowed are 1 to 4096",
    );
    check(
        "{ partition_by = 4 }",
        "11:18: `partition_by` works by key, and the stream has none (k: utf8, amt: \
         decimal128(9,2)?, n: int64, l: list<int64>) (put `{ key_by = [\"...\"] }` before it, \
         or let the operator before it say how many of its columns are key, such as `#[map(keys \
         = 1)]`)",
    );
    check(
        "{ distinct = false }",
        "11:14: `distinct` is `false`, allowed is `true`: or leave it out",
    );
    check("{ distinct = true }", "11:14: column `l` is list<int64>, and a list cannot be a key");
}

#[test]
fn new_names_are_of_columns_that_are_there() {
    check(
        r#"{ rename = { m = "x" } }"#,
        "11:12: `rename` needs column `m`, found `k`, `amt`, `n`, `l` (did you mean `amt`?)",
    );
    check(
        r#"{ rename = { n = "k" } }"#,
        "11:12: two columns would be called `k` after `rename n as k`",
    );
    check(r#"{ rename = { n = "" } }"#, "11:12: \"\" is no column name");
    check("{ rename = {} }", "11:12: `rename` has 0 names, allowed are 1 to 1024");
    check(r#"{ rename = { n = "k", k = "n" } }"#, "fine");
}

#[test]
fn joins_name_the_columns_of_the_other_stream() {
    let join = |join: &str| {
        let text =
            job(r#"{ k = "utf8", n = "int64" }"#, &format!("{{ key_by = [\"k\"] }}, {join}"))
                + "[streams.other]\nfrom = \"rows\"\nsteps = [{ key_by = [\"k\"] }]\n";
        match planned(&text) {
            Ok((_, planned)) => {
                let out = planned.streams.iter().find(|stream| stream.name == "out");
                out.expect("it is read").output().to_string()
            }
            Err(errors) => errors.to_string().replace("job.toml:", ""),
        }
    };
    let named = "k: utf8 | n: int64, pay_n: int64";
    assert_eq!(join(r#"{ join = "other", as = { right = "pay_" } }"#), named);
    assert_eq!(join(r#"{ join = { with = "other" }, as = { right = "pay_" } }"#), named);
    for (step, expected) in [
        (
            r#"{ join = "other" }"#,
            "11:30: two columns would be called `n` after `join other` (let the names of the other \
             begin in a way of their own: `as = { right = \"other_\" }`)",
        ),
        (
            r#"{ join = "other", as = ["m"] }"#,
            "11:44: `as` cannot stand beside `join` as a list (say what the names of the other \
             stream begin with: `as = { right = \"...\" }`)",
        ),
        (
            r#"{ join = "other", as = { left = "x" } }"#,
            "11:46: unknown key `left` (allowed are `right`)",
        ),
        (
            r#"{ count = true, as = { right = "x" } }"#,
            "11:42: `as` is a table, which joins take; allowed is a list of names",
        ),
    ] {
        assert_eq!(join(step), expected);
    }
}
