//! What is said when steps and rows do not fit, with the place in the job file.

use super::catalogue::{job, planned};

/// Plans a job of these steps over a source of these columns and compares what is said. The steps
/// begin in line 11.
fn check(schema: &str, steps: &str, expected: &str) {
    compare(&job(schema, steps), expected);
}

fn compare(text: &str, expected: &str) {
    let found = planned(text).map(|_| "fine".to_owned());
    let found = found.unwrap_or_else(|errors| errors.to_string()).replace("job.toml:", "");
    assert_eq!(found, expected, "\n--- found ---\n{found}\n-------------");
}

#[test]
fn probe() {
    for (schema, steps) in [
        (r#"{ word = "utf8" }"#, r#"{ map = "words.pairs" }"#),
        (r#"{ word = "utf8" }"#, r#"{ map = "plain.nothing_like_it" }"#),
        (r#"{ word = "utf8" }"#, r#"{ map = "words.split" }"#),
        (r#"{ word = "utf8" }"#, r#"{ map = "words.add" }"#),
        (
            r#"{ word = "utf8", n = "int64" }"#,
            r#"{ key_by = ["word"] }, { reduce_by_key = "words.pair" }"#,
        ),
        (
            r#"{ word = "utf8", n = "int64" }"#,
            r#"{ key_by = ["word"] }, { map_values = "words.up_to" }"#,
        ),
        (r#"{ text = "utf8" }"#, r#"{ flat_map = "words.of_text" }"#),
        (r#"{ text = "utf8" }"#, r##"{ flat_map = "words.of_text", params = { mrak = "#" } }"##),
        (r#"{ text = "utf8" }"#, r#"{ flat_map = "words.of_text", params = { mark = 5 } }"#),
        (r#"{ word = "utf8" }"#, r##"{ map = "words.pair", params = { mark = "#" } }"##),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ map = "words.pair" }"#),
        (r#"{ word = "utf8" }"#, r#"{ filter = "words.large" }"#),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ map = "words.pair", columns = ["word", "n"] }"#),
        (
            r#"{ word = "utf8", n = "int64" }"#,
            r##"{ flat_map = "words.of_text", params = { mark = "#" } }"##,
        ),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ map = "words.pair", columns = ["wrod"] }"#),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ key_by = ["wrd"] }"#),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ select = ["word", "m"] }"#),
        (
            r#"{ word = "utf8", n = "int64" }"#,
            r#"{ key_by = ["word"] }, { map_values = "words.double", columns = ["word"] }"#,
        ),
        (r#"{ word = "binary" }"#, r#"{ map = "words.pair" }"#),
        (r#"{ n = "int32", word = "utf8" }"#, r#"{ map = "words.pair", columns = ["n"] }"#),
        (r#"{ word = "utf8?" }"#, r#"{ map = "words.pair" }"#),
        (
            r#"{ k = "utf8", n = "int64?" }"#,
            r#"{ key_by = ["k"] }, { map_values = "words.double" }"#,
        ),
        (r#"{ text = "utf8" }"#, r#"{ map = "words.optional" }"#),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ reduce_by_key = "sum" }"#),
        (r#"{ word = "utf8", n = "int64" }"#, "{ group_by_key = true }"),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ map_values = "words.double" }"#),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ flat_map_values = "words.up_to" }"#),
        (r#"{ a = "list<utf8>" }"#, r#"{ key_by = ["a"] }"#),
        (r#"{ a = "list<utf8>" }"#, "{ count_by_value = true }"),
        (r#"{ text = "utf8" }"#, r#"{ map = "words.list_key" }"#),
        (r#"{ word = "utf8" }"#, r#"{ map = "words.pair", as = ["a"] }"#),
        (
            r#"{ word = "utf8", n = "int64" }"#,
            r#"{ key_by = ["word"] }, { map_values = "words.double", as = ["word", "n"] }"#,
        ),
        (r#"{ word = "utf8" }"#, r#"{ map = "words.length", append = true, as = ["word", "n"] }"#),
        (r#"{ word = "utf8" }"#, "{ count = true, as = [] }"),
        (r#"{ word = "utf8" }"#, r#"{ map = "words.pair", as = ["a", "a"] }"#),
        (r#"{ value = "utf8" }"#, r#"{ map = "words.length", append = true }"#),
        (r#"{ count = "utf8" }"#, "{ count_by_value = true }"),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ select = ["n", "n"] }"#),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ key_by = ["n", "n"] }"#),
        (r#"{ word = "utf8", n = "int64" }"#, r#"{ key_by = ["n"] }, { reduce_by_key = "sum" }"#),
        (r#"{ k = "utf8", l = "list<utf8>" }"#, r#"{ key_by = ["k"] }, { reduce_by_key = "max" }"#),
        (r#"{ word = "utf8" }"#, r#"{ key_by = ["word"] }, { reduce_by_key = "count" }"#),
        (
            r#"{ word = "utf8", n = "int64" }"#,
            r#"{ key_by = ["word"] }, { reduce_by_key = "words.broken" }"#,
        ),
        (
            r#"{ k = "utf8", l = "list<list<utf8>>" }"#,
            r#"{ key_by = ["k"] }, { group_by_key = true }"#,
        ),
        (r#"{ word = "utf8" }"#, r#"{ map = "words.pair", append = true }"#),
    ] {
        let f = planned(&job(schema, steps))
            .map(|_| "fine".to_owned())
            .unwrap_or_else(|e| e.to_string());
        println!("@@{f:?}");
    }
}
