//! What is said of operators that stand where another one belongs: beside a fold over windows, and
//! of broadcasts in a stream's place.
//!
//! Takes steps of a job. Gives the exact words with line and column.

use super::catalogue::{job, planned};

const SCHEMA: &str = r#"{ word = "utf8", n = "int64" }"#;

/// Plans a job of these steps, in line 11, and compares what is said.
fn check(text: &str, expected: &str) {
    let found = planned(text).map(|_| "fine".to_owned());
    let found = found.unwrap_or_else(|errors| errors.to_string()).replace("job.toml:", "");
    assert_eq!(found, expected, "\n--- found ---\n{found}\n-------------");
}

fn fold(beside: &str) -> String {
    let keyed = r#"{ key_by = "word" }, "#;
    let fold = r#"with = "words.add", length = "2s""#;
    job(SCHEMA, &format!("{keyed}{{ reduce_by_key_and_window = {{ {fold}, {beside} }} }}"))
}

/// The story: help for a filter of other columns was to choose `columns`, which are those of the
/// fold, and with that the filter fitted still less.
#[test]
fn a_filter_beside_a_fold_is_told_what_it_is_given() {
    let given = "(a `filter` beside a fold is given the key and what was folded: write \
                 `#[filter] fn ";
    check(
        &fold(r#"filter = "words.long""#),
        &format!(
            "11:51: operator `words.long` takes 1 column (word: utf8), found 2 columns (word: \
             utf8, n: int64) {given}long(word: &str, n: i64) -> bool`)"
        ),
    );
    check(
        &fold(r#"filter = "words.known""#),
        &format!(
            "11:51: `words.known` needs column `text`, found `word`, `n` {given}known(word: &str, \
             n: i64) -> bool`)"
        ),
    );
    check(
        &fold(r#"filter = "words.length""#),
        &format!(
            "11:51: operator `words.length` is a map, `filter` takes one with `#[filter]` \
             {given}is_shown(word: &str, n: i64) -> bool`)"
        ),
    );
    check(&fold(r#"filter = "words.large""#), "fine");
    check(
        &fold(r#"filter = "words.larges""#),
        "11:51: plugin `words` has no operator `larges`; it has `split`, `of_text`, `pair`, \
         `pair_by_name`, `length`, `optional`, `list_key`, `long`, `large`, `known`, `sample`, \
         `double`, `up_to`, `add`, `both`, `larger`, `broken`, `of_n`, `square` (did you mean \
         `words.large`?)",
    );
}

#[test]
fn a_filter_over_whole_windows_is_given_what_was_folded() {
    let window = r#"{ reduce_by_window = { with = "words.add", length = "2s", "#;
    check(
        &job(r#"{ n = "int64" }"#, &format!("{window}filter = \"words.large\" }} }}")),
        "11:22: operator `words.large` takes 2 columns (word: utf8, n: int64), found 1 column (n: \
         int64) (a `filter` beside a fold is given what was folded: write `#[filter] fn large(n: \
         i64) -> bool`)",
    );
}

/// The story: help for a fold in the place of its inverse was to write `reduce_by_key`.
#[test]
fn an_inverse_is_told_how_it_is_written() {
    check(
        &fold(r#"inverse = "words.add""#),
        "11:51: operator `words.add` is a reduce, `inverse` takes one with `#[inverse]` (an \
         `inverse` is given a folded value and one that was folded into it, and gives the first \
         without the second: write `#[inverse] fn without(folded: i64, left: i64) -> i64`)",
    );
    let schema = r#"{ word = "utf8", text = "utf8", n = "int64" }"#;
    let fold = r#"{ reduce_by_key_and_window = { with = "words.larger", length = "2s","#;
    check(
        &job(schema, &format!("{{ key_by = \"word\" }}, {fold} inverse = \"words.pair\" }} }}")),
        "11:51: operator `words.pair` is a map, `inverse` takes one with `#[inverse]` (an \
         `inverse` is given a folded value and one that was folded into it, and gives the first \
         without the second: write `#[inverse] fn without(folded: (&str, i64), left: (&str, i64)) \
         -> (String, i64)`)",
    );
}

/// The story: a broadcast in a stream's place was told as a name that nobody knows.
#[test]
fn a_broadcast_in_a_stream_s_place_is_told_as_one() {
    let with = |steps: &str| {
        let broadcast = "[broadcasts.customers]\ntype = \"file\"\npath = \"c\"\nformat = \"json\"\n\
                         schema = { word = \"utf8\" }\n";
        format!("{}{broadcast}", job(SCHEMA, &format!("{{ key_by = \"word\" }}, {steps}")))
    };
    for (step, kind) in [("join", "inner"), ("left_outer_join", "left"), ("anti_join", "anti")] {
        let column = 27 + step.len();
        check(
            &with(&format!("{{ {step} = \"customers\" }}")),
            &format!(
                "11:{column}: no source or stream is called `customers`; there are `rows`, `out` \
                 (`customers` is a broadcast: write `broadcast_join = {{ with = \"customers\", on \
                 = [\"...\"], kind = \"{kind}\" }}`)"
            ),
        );
    }
    for (step, column) in [("cogroup = \"customers\"", 34), ("union = [\"customers\"]", 32)] {
        check(
            &with(&format!("{{ {step} }}")),
            &format!(
                "11:{column}: no source or stream is called `customers`; there are `rows`, `out` \
                 (`customers` is a broadcast: `broadcast_join` brings rows together with it, of \
                 the kinds `inner`, `left`, `anti`)"
            ),
        );
    }
    check(&with("{ broadcast_join = { with = \"customers\", on = \"word\" } }"), "fine");
}
