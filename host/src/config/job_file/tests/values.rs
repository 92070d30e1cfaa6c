//! Config: what stands under the keys of a job file: mistakes of types, ranges, units and choices.
//!
//! Takes changes of the good job. Gives what is said of them.

use super::{ADDRESS, INTERVAL, SPLIT, STEP, check, check_after};

#[test]
fn wrong_types_say_what_is_expected() {
    check(r#"name = "job""#, "name = 5", "1:8: found integer `5`, expected a text");
    check(r#"from = "lines""#, "from = 5", "9:8: found integer `5`, expected a text");
    check(
        INTERVAL,
        "batch_interval = 1",
        r#"2:18: found integer `1`, expected a duration such as "200ms", "1s" or "5m""#,
    );
    check(SPLIT, "flat_map = { with = 5 }", "11:25: found integer `5`, expected a text");
    check(SPLIT, "flat_map = [1]", "11:16: found a list, expected a text");
    check(SPLIT, "flat_map = 1.5", "11:16: found floating point `1.5`, expected a text");
    check_after(SPLIT, ", params = 5", "11:40: found integer `5`, expected a table");
    check_after(
        SPLIT,
        ", params = { a = [1] }",
        "11:46: found a list, expected true, false, a number or a text",
    );
    check_after(SPLIT, ", params = { a = nan }", "11:46: `NaN` is no finite number");
    check(
        r#"as = ["word"]"#,
        "as = 5",
        "11:36: found integer `5`, expected a text or a list of texts",
    );
    check(r#"as = ["word"]"#, "as = [5]", "11:37: found integer `5`, expected a text");
    check(STEP, "union = true", "11:13: found boolean `true`, expected a text or a list of texts");
    check(
        STEP,
        r#"where = "amt > 5""#,
        "11:13: found the text \"amt > 5\", expected a table such as `{ column = \"amt\", is = \
         \">\", to = 100 }`",
    );
    check(
        STEP,
        "top = 5",
        "11:11: found integer `5`, expected a table such as `{ n = 10, by = \"amt\" }`",
    );
    check(
        STEP,
        r#"window = "5s""#,
        "11:14: found the text \"5s\", expected a table such as `{ length = \"60s\", slide = \
         \"10s\" }`",
    );
    check(STEP, "count = 1", "11:13: found integer `1`, expected `true` or `false`");
    check(STEP, r#"repartition = "4""#, r#"11:19: found the text "4", expected a whole number"#);
    check(
        r#"{ flat_map = "words.split", as = ["word"] }"#,
        "5",
        "11:3: stream `counts`, step 1 is no table",
    );
    check(
        r#"steps = [
  { flat_map = "words.split", as = ["word"] },
]"#,
        r#"steps = "x""#,
        r#"10:9: found the text "x", expected a list"#,
    );
    check(
        "[sinks.console]",
        "[sinks]\nconsole = 5\n[sinks.other]",
        "14:11: sink `console` is no table",
    );
    check_after(
        ADDRESS,
        r#"
format = 5"#,
        "8:10: found integer `5`, expected a format such as `json`, or a table with its `type`",
    );
}

/// The story: a decimal was compared with ...6.80, and nobody was told.
#[test]
fn numbers_that_would_be_bent_are_refused() {
    check(
        STEP,
        r#"where = { column = "amt", is = ">=", to = 1234567890123456.78 }"#,
        "11:47: `1234567890123456.78` has more digits than a number of a job file keeps; for a \
         decimal, write it as text",
    );
}

#[test]
fn numbers_out_of_range_say_what_is_allowed() {
    check_after(
        INTERVAL,
        r#"
concurrent_jobs = 0
partitions = 5000
max_failures = -1
block_budget = "1MiB"
seed = -1"#,
        &[
            "3:19: `concurrent_jobs` is 0, allowed are 1 to 64",
            "4:14: `partitions` is 5000, allowed are 1 to 4096",
            "5:16: `max_failures` is -1, allowed are 1 to 100",
            "6:16: `block_budget` is 1MiB, allowed are 32MiB to 16384GiB",
            "7:8: `seed` is -1, allowed are 0 to 9223372036854775807",
        ]
        .join("\n"),
    );
    check_after(
        INTERVAL,
        "\nseed = 9223372036854775808",
        "3:8: `9223372036854775808` is too large, allowed are up to 9223372036854775807",
    );
    check(STEP, "repartition = 0", "11:19: `repartition` is 0, allowed are 1 to 4096");
    check_after(r#"type = "print""#, "\nrows = 0", "15:8: `rows` is 0, allowed are 1 to 10000");
    check(
        r#"type = "socket"
address = "127.0.0.1:9999""#,
        r#"type = "generate"
lines_per_second = 0
words_per_line = 9999
vocabulary = 0
lines = 0"#,
        &[
            "7:20: `lines_per_second` is 0, allowed are 1 to 1000000000",
            "8:18: `words_per_line` is 9999, allowed are 1 to 1000",
            "9:14: `vocabulary` is 0, allowed are 1 to 1000000",
            "10:9: `lines` is 0, allowed are 1 to 9223372036854775807",
        ]
        .join("\n"),
    );
    check_after(
        ADDRESS,
        r#"
line_bytes_max = "17MiB""#,
        "8:18: `line_bytes_max` is 17MiB, allowed are 1B to 16MiB",
    );
    check(
        r#"component = "words.wasm""#,
        r#"component = "w.wasm"
memory = "1GiB"
cpu = "0s""#,
        &[
            "5:10: `memory` is 1GiB, allowed are 1MiB to 256MiB",
            "6:7: `cpu` is 0s, allowed are 1ms to 10m",
        ]
        .join("\n"),
    );
}

#[test]
fn durations_and_sizes_need_units() {
    check(
        INTERVAL,
        r#"batch_interval = "1 parsec""#,
        r#"2:18: `1 parsec` is not a duration such as "200ms", "1s" or "5m""#,
    );
    check(
        INTERVAL,
        r#"batch_interval = "0s""#,
        "2:18: `batch_interval` is 0s, allowed are 1ms to 1day",
    );
    check(
        INTERVAL,
        r#"batch_interval = "2 days""#,
        "2:18: `batch_interval` is 2days, allowed are 1ms to 1day",
    );
    check(
        INTERVAL,
        r#"batch_interval = "1500us""#,
        "2:18: `batch_interval` is 1ms 500us, allowed are 1ms to 1day in whole milliseconds",
    );
    check_after(
        INTERVAL,
        r#"
block_interval = "300ms""#,
        "3:18: `block_interval` is 300ms, allowed are 1ms to 200ms",
    );
    check(
        INTERVAL,
        r#"batch_interval = "10ms"
block_interval = "20ms""#,
        "3:18: `block_interval` is longer than `batch_interval`",
    );
    check_after(
        INTERVAL,
        r#"
block_budget = "lots""#,
        r#"3:16: `lots` is not a size such as "64KiB", "16MiB" or "1GiB""#,
    );
    check_after(
        ADDRESS,
        r#"
line_bytes_max = "1 pound""#,
        r#"8:18: `1 pound` is not a size such as "64KiB", "16MiB" or "1GiB""#,
    );
}

#[test]
fn words_outside_a_choice_are_refused() {
    check(
        r#"type = "socket""#,
        r#"type = "sockte""#,
        "6:8: `sockte` is no source type, allowed are `socket`, `listen`, `files`, `generate`, \
         `stdin`; did you mean `socket`?",
    );
    check(
        r#"type = "socket""#,
        r#"type = "kafka""#,
        "6:8: `kafka` is no source type, allowed are `socket`, `listen`, `files`, \
         `generate`, `stdin`",
    );
    check(
        r#"type = "print""#,
        r#"type = "printer""#,
        "14:8: `printer` is no sink type, allowed are `print`, `files`; did you mean `print`?",
    );
    check_after(
        ADDRESS,
        r#"
format = "jsn""#,
        "8:10: `jsn` is no format, allowed are `lines`, `json`, `csv`, `binary`, `frames`; did you \
         mean `json`?",
    );
    check_after(
        ADDRESS,
        r#"
on_bad_row = "drop""#,
        "8:14: `drop` is no choice for bad rows, allowed are `fail`, `skip`, `dead-letter`",
    );
    check_after(
        ADDRESS,
        r#"
on_bad_row = { deadletter = "x" }"#,
        "8:16: unknown key `deadletter` (did you mean `dead_letter`?)",
    );
    check_after(
        INTERVAL,
        r#"
on_failure = "retry""#,
        "3:14: `retry` is no choice for `on_failure`, allowed are `stop`, `skip`, `dead-letter`",
    );
    check_after(
        INTERVAL,
        r#"
on_failure = "dead-letter"
on_rejected = "skip""#,
        "4:15: `on_failure = \"dead-letter\"` writes down what operators refuse, too: \
         `on_rejected` may only say where",
    );
    check_after(
        INTERVAL,
        r#"
poison_rows_max = 4"#,
        "3:19: `poison_rows_max` goes with `on_failure = \"dead-letter\"`",
    );
    check_after(
        INTERVAL,
        r#"
on_rejected = "dead-leter""#,
        "3:15: `dead-leter` is no choice for bad rows, allowed are `fail`, `skip`, \
         `dead-letter`; did you mean `dead-letter`?",
    );
}

#[test]
fn addresses_and_paths_are_checked() {
    check(
        ADDRESS,
        r#"address = "localhost""#,
        "7:11: `localhost` is no address, expected `host:port`",
    );
    check(
        ADDRESS,
        r#"address = "localhost:99999""#,
        "7:11: `localhost:99999` has port `99999`, expected 1 to 65535",
    );
    check(r#"component = "words.wasm""#, r#"component = """#, r#"4:13: "" is no path"#);
    check(
        r#"type = "print""#,
        r#"type = "files"
path = "out"
prefix = "../y""#,
        "16:10: `../y` is no name, allowed are 1 to 64 letters, digits, `_` and `-`",
    );
}

#[test]
fn column_types_are_checked() {
    check_after(
        ADDRESS,
        r#"
format = "json"
schema = { a = "utf9", b = "int64??", c = "list<bool?>?" }"#,
        &[
            "9:16: `utf9` is no column type; allowed are bool, int32, int64, uint64, float64, \
         utf8, binary, date32, timestamp, decimal128(p,s), and list<T> or list<T?> of these \
         to depth 2",
            "9:28: `int64??` is no column type; allowed are bool, int32, int64, \
                       uint64, float64, utf8, binary, date32, timestamp, decimal128(p,s), and \
                       list<T> or list<T?> of these to depth 2",
        ]
        .join("\n"),
    );
    check_after(
        ADDRESS,
        r#"
format = "json"
schema = {}"#,
        "9:10: a schema of 0 columns, allowed are 1 to 1024",
    );
    check_after(
        ADDRESS,
        r#"
format = "json"
schema = { a = "utf8", "" = "utf8" }"#,
        r#"9:24: "" is no column name"#,
    );
}

#[test]
fn rates_are_more_than_nothing() {
    check_after(
        INTERVAL,
        r#"
catch_up = "skip"
backpressure = { enabled = true, initial_rate = 5, integral = 0.5, derivative = "x" }"#,
        &[
            "3:12: `skip` is no choice for `catch_up`, allowed are `replay`, `merge`",
            r#"4:81: found `"x"`, expected a number"#,
        ]
        .join("\n"),
    );
    check_after(
        INTERVAL,
        r#"
[backpressure]
enabled = true
initial_rate = 0
max_rate = 10
min_rate = 20
integral = -0.5"#,
        &[
            "5:16: `initial_rate` is 0, allowed are 1 to 1000000000",
            "7:12: `min_rate` is 20, above `max_rate`, 10",
            "8:12: `integral` is -0.5, allowed are 0 to 1000",
        ]
        .join("\n"),
    );
    check_after(
        INTERVAL,
        "\n[backpressure]\nenabled = true\nintial_rate = 5",
        "5:1: unknown key `intial_rate` (did you mean `initial_rate`?)",
    );
    check_after(INTERVAL, "\nbackpressure = true", "3:16: `backpressure` is no table");
    check_after(
        INTERVAL,
        r#"
backpressure = { initial_rate = 5 }"#,
        "3:33: `initial_rate` needs `enabled = true`: it holds until batches tell a better rate; a \
         fixed one is `max_rate`",
    );
    check_after(
        ADDRESS,
        r#"
max_rate = 0
max_bytes_rate = "0B""#,
        &[
            "8:12: `max_rate` is 0, allowed are 1 to 1000000000",
            "9:18: `max_bytes_rate` is 0B, allowed are 1B to 1024GiB",
        ]
        .join("\n"),
    );
}
