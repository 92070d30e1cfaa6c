//! Config: what a job file calls by name: mistakes of references, rings, names and steps.
//!
//! Takes changes of the good job. Gives what is said of them.

use super::{SPLIT, STEP, check, check_after};

#[test]
fn missing_references_propose_the_nearest() {
    check(
        r#"from = "lines""#,
        r#"from = "line""#,
        "9:8: no source or stream is called `line`; there are `lines`, `counts` (did you mean \
         `lines`?)",
    );
    check(
        r#"from = "counts""#,
        r#"from = "nothing-like-it""#,
        "15:8: no source or stream is called `nothing-like-it`; there are `lines`, `counts`",
    );
    check(
        SPLIT,
        r#"flat_map = "word.split""#,
        "11:16: no plugin is called `word`; there are `words` (did you mean `words`?)",
    );
    check(
        SPLIT,
        r#"flat_map = "tags.split""#,
        "11:16: no plugin is called `tags`; there are `words` (declare it: `[plugins.tags]` \
         with `component = \"...\"`)",
    );
    check(
        STEP,
        r#"union = ["lines", "linse"]"#,
        "11:13: no source or stream is called `linse`; there are `lines`, `counts` (did you \
         mean `lines`?)",
    );
}

/// The story: two sources read standard input, and each got the lines that the other one lacked.
#[test]
fn standard_input_has_one_source() {
    check(
        "[streams.counts]",
        "[sources.one]\ntype = \"stdin\"\n[sources.two]\ntype = \"stdin\"\n[streams.counts]",
        "10:10: `one` and `two` both read standard input, which only one source can (let streams \
         of both start `from = \"one\"`)",
    );
}

#[test]
fn rings_are_told_from_stream_to_stream() {
    check(
        r#"from = "lines""#,
        r#"from = "counts""#,
        "9:8: streams form a ring: `counts` -> `counts` (start one of them from a source)",
    );
    check(
        "[streams.counts]",
        r#"[streams.a]
from = "b"
[streams.b]
from = "c"
[streams.c]
from = "lines"
steps = [{ union = ["a"] }]
[streams.counts]"#,
        "9:8: streams form a ring: `a` -> `c` -> `b` -> `a` (start one of them from a source)",
    );
}

#[test]
fn names_have_few_characters() {
    check(
        "[sinks.console]",
        r#"[sinks."a b"]"#,
        "13:8: `a b` is no name, allowed are 1 to 64 letters, digits, `_` and `-`",
    );
    check(
        r#"name = "job""#,
        r#"name = "\u001b[31m""#,
        r#"1:8: `\u{1b}[31m` is no name, allowed are 1 to 64 letters, digits, `_` and `-`"#,
    );
    check(
        r#"name = "job""#,
        r#"name = """#,
        "1:8: `` is no name, allowed are 1 to 64 letters, digits, `_` and `-`",
    );
    check(r#"as = ["word"]"#, r#"as = [""]"#, r#"11:36: "" is no column name"#);
    check_after(
        SPLIT,
        r#", name = "per/minute""#,
        "11:38: `per/minute` is no name, allowed are 1 to 64 letters, digits, `_` and `-`",
    );
}

#[test]
fn step_has_exactly_one_operation() {
    check(
        STEP,
        "",
        "11:3: stream `counts`, step 1 has no operation, allowed are `map`, `flat_map`, \
         `filter`, `map_partitions`, `map_values`, `flat_map_values`, `reduce_by_key`, \
         `reduce`, `group_by_key`, `count`, `count_by_value`, `union`, `join`, \
         `left_outer_join`, `right_outer_join`, `full_outer_join`, `anti_join`, `cogroup`, \
         `repartition`, `key_by`, `select`, `window`, `reduce_by_window`, `count_by_window` \
         and 17 more",
    );
    check(
        STEP,
        r#"name = "empty""#,
        "11:3: stream `counts`, step 1 has no operation, allowed are `map`, `flat_map`, \
         `filter`, `map_partitions`, `map_values`, `flat_map_values`, `reduce_by_key`, \
         `reduce`, `group_by_key`, `count`, `count_by_value`, `union`, `join`, \
         `left_outer_join`, `right_outer_join`, `full_outer_join`, `anti_join`, `cogroup`, \
         `repartition`, `key_by`, `select`, `window`, `reduce_by_window`, `count_by_window` \
         and 17 more",
    );
    check_after(
        SPLIT,
        r#", map = "words.pair""#,
        "11:37: `flat_map` and `map` stand in one step; make them two",
    );
    check(STEP, "count = false", "11:13: `count` is `false`, allowed is `true`: or leave it out");
    check(STEP, "union = []", "11:13: `union` has 0 names, allowed are 1 to 1024");
}

#[test]
fn operators_are_written_with_their_plugin() {
    check(
        SPLIT,
        r#"flat_map = "split""#,
        "11:16: `split` is no operator, expected `plugin.operator`",
    );
    check(
        SPLIT,
        r#"flat_map = ".split""#,
        "11:16: `.split` is no operator, expected `plugin.operator`",
    );
    check(
        SPLIT,
        r#"flat_map = "sum""#,
        "11:16: `sum` is a fold for `reduce_by_key` and `reduce`; `flat_map` takes \
         `plugin.operator`",
    );
    check(
        STEP,
        r#"reduce_by_key = "sun""#,
        "11:21: `sun` is no operator, expected `plugin.operator` or `sum`, `count`, `min`, \
         `max`; did you mean `sum`?",
    );
}

#[test]
fn step_refuses_what_cannot_stand_beside_it() {
    check_after(
        SPLIT,
        ", partitions = 3",
        "11:44: `partitions` cannot stand beside `flat_map` (it keeps the partitions as they \
         are; put `{ repartition = n }` before it)",
    );
    check(
        STEP,
        "repartition = 4, partitions = 2",
        "11:35: `partitions` cannot stand beside `repartition` (its own number says how many)",
    );
    check(
        STEP,
        r#"reduce_by_key = "sum", params = { a = 1 }"#,
        "11:37: `sum` is built in and takes no `params`",
    );
    check(
        STEP,
        r#"count = true, append = true, columns = ["a"]"#,
        &[
            "11:28: `append` cannot stand beside `count`",
            "11:44: `columns` cannot stand beside `count`",
        ]
        .join("\n"),
    );
    check(STEP, r#"key_by = ["line"], as = ["a"]"#, "11:29: `as` cannot stand beside `key_by`");
}
