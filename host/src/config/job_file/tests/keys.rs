//! Config: which keys stand in a job file: mistakes of syntax, unknown, missing and misplaced keys.
//!
//! Takes changes of the good job. Gives what is said of them.

use super::{ADDRESS, INTERVAL, SPLIT, check, check_after};

#[test]
fn text_that_is_no_toml_is_refused() {
    check(r#"name = "job""#, r#"name = "job"#, r#"1:12: invalid basic string, expected `"`"#);
    check("[sinks.console]", "[sinks.console", "13:15: unclosed table, expected `]`");
    check_after(INTERVAL, "\nx = [1,,2]", "3:8: extra comma in array, expected value");
    check(
        INTERVAL,
        "batch_interval = 2020-01-01",
        "2:18: found the date `2020-01-01`, which no key takes; write it as text",
    );
}

#[test]
fn duplicate_names_are_refused() {
    check_after(
        r#"name = "job""#,
        r#"
name = "again""#,
        "2:1: `name` stands twice, allowed is once",
    );
    check("[sinks.console]", "[sources.lines]", "13:10: `lines` stands twice, allowed is once");
    check(
        "[streams.counts]\nfrom",
        r#"[streams.lines]
from = "lines"
[streams.counts]
from"#,
        "8:10: a source has this name already (sources and streams share one set of names: \
         rename one of the two)",
    );
}

#[test]
fn unknown_keys_propose_the_nearest() {
    check(
        r#"from = "counts""#,
        r#"frm = "counts""#,
        "15:1: unknown key `frm` (did you mean `from`?)",
    );
    check_after(
        r#"from = "counts""#,
        r#"
window = "1s""#,
        "16:1: unknown key `window` (allowed are `type`, `from`, `rows`, `path`, `prefix`, \
         `empty_batches`, `format`, `compress`, `suffix`, `on_failure`)",
    );
    check_after(
        INTERVAL,
        "\nconcurent_jobs = 2",
        "3:1: unknown key `concurent_jobs` (did you mean `concurrent_jobs`?)",
    );
    check(
        "[plugins.words]",
        "[pluginss.words]",
        "3:2: unknown key `pluginss` (did you mean `plugins`?)",
    );
    check(
        "component = ",
        "comp = ",
        &[
            "3:10: plugin `words` has no code; expected `component \
                                        = \"file.wasm\"` or `source = \"folder\"`",
            "4:1: unknown key `comp` (allowed are `component`, `source`, `memory`, `cpu`)",
        ]
        .join("\n"),
    );
    check(
        SPLIT,
        r#"flatmap = "words.split""#,
        "11:5: unknown key `flatmap` (did you mean `flat_map`?)",
    );
    check_after(
        SPLIT,
        ", persist = true",
        "11:31: unknown key `persist` (allowed are `map`, `flat_map`, `filter`, \
         `map_partitions`, `map_values`, `flat_map_values`, `reduce_by_key`, `reduce`, \
         `group_by_key`, `count`, `count_by_value`, `union`, `join`, `left_outer_join`, \
         `right_outer_join`, `full_outer_join`, `anti_join`, `cogroup`, `repartition`, \
         `key_by`, `select`, `window`, `reduce_by_window`, `count_by_window` and 24 more)",
    );
    check(
        SPLIT,
        r#"flat_map = { by = "words.split" }"#,
        "11:18: unknown key `by` (allowed are `with`)",
    );
}

#[test]
fn missing_keys_are_named() {
    check(
        r#"batch_interval = "1s"
"#,
        "",
        "1:1: job file has no `batch_interval`, which is required",
    );
    check(
        r#"from = "lines"
"#,
        "",
        "8:1: stream `counts` has no `from`, which is required",
    );
    check(
        r#"from = "counts"
"#,
        "",
        "13:1: sink `console` has no `from`, which is required",
    );
    check(
        r#"type = "socket"
"#,
        "",
        "5:1: source `lines` has no `type`, which is required",
    );
    check(ADDRESS, "", "5:10: source `lines` has no `address`, which its type needs");
    check(
        r#"type = "print""#,
        r#"type = "files""#,
        "13:8: sink `console` has no `path`, which its type needs",
    );
    check(
        r#"component = "words.wasm""#,
        "",
        "3:10: plugin `words` has no code; expected `component = \"file.wasm\"` or `source = \
         \"folder\"`",
    );
    check(SPLIT, "flat_map = {}", "11:16: `flat_map` has no `with`, which is required");
    check_after(
        ADDRESS,
        r#"
format = "json""#,
        "8:10: source `lines` has no `schema`, which the format `json` needs",
    );
    check_after(
        ADDRESS,
        "\non_bad_row = {}",
        "8:14: `on_bad_row` has no `dead_letter`, which is required",
    );
    check(
        r#"[sinks.console]
type = "print"
from = "counts"
"#,
        "",
        "1:1: the job has no sink, so nothing would run (add one, such as `[sinks.console]` \
         with `type = \"print\"`)",
    );
}

#[test]
fn keys_of_another_type_are_refused() {
    check(
        r#"type = "socket""#,
        r#"type = "stdin""#,
        "7:11: `address` does not belong to a source of type `stdin`",
    );
    check_after(
        ADDRESS,
        r#"
path = "x"
vocabulary = 5"#,
        &[
            "8:8: `path` does not belong to a source of type `socket`",
            "9:14: `vocabulary` does not belong to a source of type `socket`",
        ]
        .join("\n"),
    );
    check_after(
        ADDRESS,
        r#"
schema = { a = "utf8" }"#,
        "8:10: `schema` stands beside the format `lines`, whose one column is `line`; write \
         `format = \"json\"`",
    );
    check(
        r#"type = "socket"
address = "127.0.0.1:9999""#,
        r#"type = "generate"
format = "json"
schema = { a = "utf8" }"#,
        "7:10: a source of type `generate` makes lines, not `json`",
    );
    check_after(
        r#"type = "print""#,
        "\nempty_batches = true",
        "15:17: `empty_batches` does not belong to a sink of type `print`",
    );
    check(
        r#"type = "print""#,
        r#"type = "files"
path = "x"
rows = 3"#,
        "16:8: `rows` does not belong to a sink of type `files`",
    );
    check(
        r#"component = "words.wasm""#,
        r#"component = "w.wasm"
source = "words""#,
        "5:10: `source` stands beside `component`, one is allowed",
    );
}

#[test]
fn many_mistakes_are_told_at_once() {
    check(
        r#"name = "job"
batch_interval = "1s""#,
        r#"name = 5
batch_interval = 1
seed = "x""#,
        &[
            "1:8: found integer `5`, expected a text",
            r#"2:18: found integer `1`, expected a duration such as "200ms", "1s" or "5m""#,
            r#"3:8: found the text "x", expected a whole number"#,
        ]
        .join("\n"),
    );
    check(
        r#"from = "lines"
steps = ["#,
        r#"from = "lines"
step = 1
steps = [
  { flat_map = 1 }, { filtr = "words.long" },"#,
        &[
            "10:1: unknown key `step` (did you mean `steps`?)",
            "12:16: found integer `1`, expected a text",
            "12:23: unknown key `filtr` (did you mean `filter`?)",
        ]
        .join("\n"),
    );
}
