//! What is said when steps and rows do not fit, with the place in the job file.
//!
//! Takes columns and steps. Gives the exact words with line and column.

use super::catalogue::{job, planned};

/// Plans a job of these steps, in line 11, over a source of these columns, and compares what is
/// said, without the file's name.
fn check(schema: &str, steps: &str, expected: &str) {
    compare(&job(schema, steps), expected);
}

fn compare(text: &str, expected: &str) {
    let found = planned(text).map(|_| "fine".to_owned());
    let found = found.unwrap_or_else(|errors| errors.to_string()).replace("job.toml:", "");
    assert_eq!(found, expected, "\n--- found ---\n{found}\n-------------");
}

#[test]
fn operator_that_is_missing_proposes_the_nearest() {
    check(
        r#"{ word = "utf8" }"#,
        r#"{ map = "words.pairs" }"#,
        "11:9: plugin `words` has no operator `pairs`; it has `split`, `of_text`, `pair`, \
         `pair_by_name`, `length`, `optional`, `list_key`, `long`, `large`, `known`, \
         `sample`, `double`, `up_to`, `add`, `both`, `larger`, `broken`, `of_n`, \
         `square` (did you mean `words.pair`?)",
    );
    check(
        r#"{ word = "utf8" }"#,
        r#"{ map = "plain.nothing_like_it" }"#,
        "11:9: plugin `plain` has no operator `nothing_like_it`; it has `split`, `of_text`, \
         `pair`, `pair_by_name`, `length`, `optional`, `list_key`, `long`, `large`, `known`, \
         `sample`, `double`, `up_to`, `add`, `both`, `larger`, `broken`, `of_n`, \
         `square`",
    );
}

#[test]
fn operator_of_another_kind_is_refused() {
    check(
        r#"{ word = "utf8" }"#,
        r#"{ map = "words.split" }"#,
        "11:9: operator `words.split` is a flat_map, the step is a map (write `flat_map = \
         \"words.split\"`)",
    );
    check(
        r#"{ word = "utf8" }"#,
        r#"{ map = "words.add" }"#,
        "11:9: operator `words.add` is a reduce, the step is a map (write `reduce_by_key = \
         \"words.add\"` or `reduce = \"words.add\"`)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ key_by = [\"word\"] }, { reduce_by_key = \
                                                \"words.pair\" }",
        "11:42: operator `words.pair` is a map, the step is a reduce_by_key (a fold is \
         written with `#[reduce]`; `words.pair` is none)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ key_by = [\"word\"] }, { map_values = \
                                                \"words.up_to\" }",
        "11:39: operator `words.up_to` is a flat_map_values, the step is a map_values (write \
         `flat_map_values = \"words.up_to\"`)",
    );
}

#[test]
fn parameters_are_checked() {
    check(
        r#"{ text = "utf8" }"#,
        r#"{ flat_map = "words.of_text" }"#,
        "11:1: operator `words.of_text`: parameter `mark` (utf8) is required and not set \
         (set it: `params = { mark = ... }`)",
    );
    check(
        r#"{ text = "utf8" }"#,
        r##"{ flat_map = "words.of_text", params = { mrak = "#" } }"##,
        "11:40: operator `words.of_text`: no parameter is called `mrak`; allowed: mark (did \
         you mean `mark`?)",
    );
    check(
        r#"{ text = "utf8" }"#,
        r#"{ flat_map = "words.of_text", params = { mark = 5 } }"#,
        "11:40: operator `words.of_text`: parameter `mark` is `5`, expected utf8",
    );
    check(
        r#"{ word = "utf8" }"#,
        r##"{ map = "words.pair", params = { mark = "#" } }"##,
        "11:32: operator `words.pair`: no parameter is called `mark`; allowed: none",
    );
}

#[test]
fn columns_by_position_are_as_many() {
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ map = "words.pair" }"#,
        "11:9: operator `words.pair` takes 1 column (word: utf8), found 2 columns (word: \
         utf8, n: int64) (choose the columns it is given, such as `columns = [\"word\"]`)",
    );
    check(
        r#"{ word = "utf8" }"#,
        r#"{ filter = "words.large" }"#,
        "11:12: operator `words.large` takes 2 columns (word: utf8, n: int64), found 1 \
         column (word: utf8) (let a step before it make the columns that are missing)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ map = \"words.pair\", columns = [\"word\", \
                                                \"n\"] }",
        "11:33: operator `words.pair` takes 1 column (word: utf8), found 2 columns (word: \
         utf8, n: int64) (choose the columns it is given, such as `columns = [\"word\"]`)",
    );
}

#[test]
fn columns_by_name_are_there() {
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ flat_map = \"words.of_text\", params = { \
                                                mark = \"#\" } }",
        "11:14: `words.of_text` needs column `text`, found `word`, `n`",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ map = "words.pair", columns = ["wrod"] }"#,
        "11:33: `words.pair` needs column `wrod`, found `word`, `n` (did you mean `word`?)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ key_by = ["wrd"] }"#,
        "11:12: `key_by` needs column `wrd`, found `word`, `n` (did you mean `word`?)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ select = ["word", "m"] }"#,
        "11:12: `select` needs column `m`, found `word`, `n`",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ key_by = [\"word\"] }, { map_values = \
                                                \"words.double\", columns = [\"word\"] }",
        "11:65: `words.double` needs column `word`, found `n` (it is a key column, and the \
         step sees value columns only)",
    );
}

#[test]
fn column_types_are_equal() {
    check(
        r#"{ word = "binary" }"#,
        r#"{ map = "words.pair" }"#,
        "11:9: operator `words.pair`: column `word` is binary, expected utf8 (its `word`) \
         (make it utf8 where it comes from, in the source's `schema` or the step before, or let \
         the operator take `&[u8]`)",
    );
    check(
        r#"{ n = "int32", word = "utf8" }"#,
        r#"{ map = "words.pair", columns = ["n"] }"#,
        "11:33: operator `words.pair`: column `n` is int32, expected utf8 (its `word`) \
         (choose the columns it is given, such as `columns = [\"word\"]`)",
    );
}

#[test]
fn nullable_column_needs_an_option() {
    check(
        r#"{ word = "utf8?" }"#,
        r#"{ map = "words.pair" }"#,
        "11:9: operator `words.pair`: column `word` is nullable utf8, expected utf8 that is \
         never null (let the operator take `Option<&str>`, or make the column required where \
         it comes from)",
    );
    check(
        r#"{ k = "utf8", n = "int64?" }"#,
        "{ key_by = [\"k\"] }, { map_values = \
                                              \"words.double\" }",
        "11:36: operator `words.double`: column `n` is nullable int64, expected int64 that \
         is never null (let the operator take `Option<i64>`, or make the column required \
         where it comes from)",
    );
    check(r#"{ text = "utf8" }"#, r#"{ map = "words.optional" }"#, "fine");
}

#[test]
fn steps_by_key_need_a_key() {
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ reduce_by_key = "sum" }"#,
        "11:19: `reduce_by_key` works by key, and the stream has none (word: utf8, n: int64) \
         (put `{ key_by = [\"...\"] }` before it, or let the operator before it say how many \
         of its columns are key, such as `#[map(keys = 1)]`)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ group_by_key = true }",
        "11:18: `group_by_key` works by key, and the stream has none (word: utf8, n: int64) \
         (put `{ key_by = [\"...\"] }` before it, or let the operator before it say how many \
         of its columns are key, such as `#[map(keys = 1)]`)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ map_values = "words.double" }"#,
        "11:16: `map_values` works by key, and the stream has none (word: utf8, n: int64) \
         (put `{ key_by = [\"...\"] }` before it, or let the operator before it say how many \
         of its columns are key, such as `#[map(keys = 1)]`)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ flat_map_values = "words.up_to" }"#,
        "11:21: `flat_map_values` works by key, and the stream has none (word: utf8, n: \
         int64) (put `{ key_by = [\"...\"] }` before it, or let the operator before it say \
         how many of its columns are key, such as `#[map(keys = 1)]`)",
    );
}

#[test]
fn list_is_refused_as_a_key() {
    check(
        r#"{ a = "list<utf8>" }"#,
        r#"{ key_by = ["a"] }"#,
        "11:12: column `a` is list<utf8>, and a list cannot be a key",
    );
    check(
        r#"{ a = "list<utf8>" }"#,
        "{ count_by_value = true }",
        "11:20: column `a` is list<utf8>, and a list cannot be a key",
    );
    check(
        r#"{ text = "utf8" }"#,
        r#"{ map = "words.list_key" }"#,
        "11:9: column `words` is list<utf8>, and a list cannot be a key",
    );
}

#[test]
fn new_names_are_as_many_as_new_columns() {
    check(
        r#"{ word = "utf8" }"#,
        r#"{ map = "words.pair", as = ["a"] }"#,
        "11:28: `as` has 1 name, the step makes 2 columns (_1: utf8, _2: int64)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ key_by = [\"word\"] }, { map_values = \
                                                \"words.double\", as = [\"word\", \"n\"] }",
        "11:60: `as` has 2 names, the step makes 1 column (n: int64)",
    );
    check(
        r#"{ word = "utf8" }"#,
        "{ map = \"words.length\", append = true, as = [\"word\", \
                                   \"n\"] }",
        "11:45: `as` has 2 names, the step makes 1 \
                                               column (value: int64)",
    );
    check(
        r#"{ word = "utf8" }"#,
        "{ count = true, as = [] }",
        "11:22: `as` has 0 names, the step makes 1 column (count: int64)",
    );
}

#[test]
fn column_names_stay_unique() {
    check(
        r#"{ word = "utf8" }"#,
        r#"{ map = "words.pair", as = ["a", "a"] }"#,
        "11:28: two columns would be called `a` after `map words.pair` (give the new columns \
         other names: `as = [...]`)",
    );
    check(
        r#"{ value = "utf8" }"#,
        r#"{ map = "words.length", append = true }"#,
        "11:9: two columns would be called `value` after `map words.length` (give the new \
         columns other names: `as = [...]`)",
    );
    check(
        r#"{ count = "utf8" }"#,
        "{ count_by_value = true }",
        "11:20: two columns would be called `count` after `count_by_value` (give the new \
         columns other names: `as = [...]`)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ select = ["n", "n"] }"#,
        "11:12: two columns would be called `n` after `select n, n` (give the new columns \
         other names: `as = [...]`)",
    );
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        r#"{ key_by = ["n", "n"] }"#,
        "11:12: two columns would be called `n` after `key_by n, n`",
    );
}

#[test]
fn built_in_folds_refuse_types() {
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ key_by = [\"n\"] }, { reduce_by_key = \
                                                \"sum\" }",
        "11:39: `sum` of column `word` is not possible: found utf8, allowed are int32, \
         int64, uint64, float64 and decimal128",
    );
    check(
        r#"{ k = "utf8", l = "list<utf8>" }"#,
        "{ key_by = [\"k\"] }, { reduce_by_key = \
                                                  \"max\" }",
        "11:39: `max` of column `l` is not possible: found list<utf8>, allowed are all types \
         but lists",
    );
    check(
        r#"{ word = "utf8" }"#,
        r#"{ key_by = ["word"] }, { reduce_by_key = "count" }"#,
        "11:42: `reduce_by_key` has nothing to fold: every column is key (word: utf8 |) (to \
         count how often each key occurs, use `count_by_value`)",
    );
}

#[test]
fn guest_fold_gives_what_it_takes() {
    check(
        r#"{ word = "utf8", n = "int64" }"#,
        "{ key_by = [\"word\"] }, { reduce_by_key = \
                                                \"words.broken\" }",
        "11:42: operator `words.broken` folds (value: int64) to (value: utf8); a fold gives \
         what it takes",
    );
}

#[test]
fn lists_are_not_nested_too_deep() {
    check(
        r#"{ k = "utf8", l = "list<list<utf8>>" }"#,
        "{ key_by = [\"k\"] }, { group_by_key = true }",
        "11:38: gathering column `l` (list<list<utf8>>) would nest lists 3 deep, allowed are \
         2",
    );
}

#[test]
fn append_keeps_the_key() {
    check(
        r#"{ word = "utf8" }"#,
        r#"{ map = "words.pair", append = true }"#,
        "11:32: operator `words.pair` makes a key of its own, `append` keeps the stream's \
         (leave `append` out, or put `{ key_by = [...] }` after the step)",
    );
}

#[test]
fn streams_of_a_union_are_alike() {
    let check = |other: &str, expected: &str| {
        let text = job("{ word = \"utf8\", n = \"int64\" }", "{ union = [\"other\"] }");
        let steps = format!("[streams.other]\nfrom = \"rows\"\nsteps = [{other}]\n");
        compare(&(text + &steps), expected);
    };
    check(
        "{ select = [\"word\"] }",
        "11:11: `other` cannot be appended: it has 1 column (word: utf8), expected 2 columns \
         (word: utf8, n: int64)",
    );
    check(
        "{ select = [\"n\", \"word\"] }",
        "11:11: `other` cannot be appended: its column 1 is `n: int64`, expected `word: utf8`",
    );
    check(
        "{ key_by = [\"word\"] }",
        "11:11: `other` cannot be appended: its key has 1 column, expected 0",
    );
    check("{ filter = \"words.large\" }", "fine");
}

#[test]
fn plugin_that_is_not_loaded_is_named() {
    let text =
        job("{ word = \"utf8\" }", "{ map = \"late.pair\" }").replace("tags = {", "late = {");
    compare(&text, "11:9: plugin `late` is not loaded");
}
