//! Config: what is said about steps that keep something for each key.
//!
//! Takes one good job with such steps in its only step's place. Gives the exact words with line and
//! column. Never runs one.

use super::{STEP, check};

#[test]
fn a_step_that_keeps_something_needs_a_name() {
    check(
        STEP,
        r#"update_state_by_key = "sum""#,
        "11:27: `update_state_by_key` needs a `name`, which owns what is kept (beside it stands \
         `name = \"...\"`)",
    );
    check(
        STEP,
        r#"map_with_state = { with = "words.session", timeout = "30m" }"#,
        "11:22: `map_with_state` needs a `name`, which owns what is kept (beside it stands \
         `name = \"...\"`)",
    );
    check(STEP, r#"map_with_state = "words.session", name = "sessions""#, "fine");
}

#[test]
fn a_step_takes_no_setting_of_the_other() {
    for (step, expected) in [
        (
            r#"update_state_by_key = { with = "sum", timeout = "1s" }, name = "s""#,
            "11:27: `update_state_by_key` takes no `timeout`",
        ),
        (
            r#"update_state_by_key = { with = "sum", snapshots = "open" }, name = "s""#,
            "11:27: `update_state_by_key` takes no `snapshots`",
        ),
        (
            r#"map_with_state = { with = "words.session", changed_only = true }, name = "s""#,
            "11:22: `map_with_state` takes no `changed_only`",
        ),
        (
            r#"map_with_state = { with = "words.session", timeout = "0s" }, name = "s""#,
            "11:22: a `timeout` of 0 is out of range, allowed is 1ms and more",
        ),
    ] {
        check(STEP, step, expected);
    }
}

#[test]
fn names_that_own_something_belong_to_one_step() {
    check(
        STEP,
        "update_state_by_key = \"sum\", name = \"s\" },\n  \
         { map_with_state = \"words.session\", name = \"s\"",
        "12:22: another stateful step is called `s`, too (what a step keeps belongs to its name: \
         rename one of the two)",
    );
    for (taken, what) in [("lines", "source"), ("counts", "stream")] {
        check(
            STEP,
            &format!(
                "map_with_state = {{ with = \"words.session\", snapshots = \"{taken}\" }}, \
                 name = \"s\""
            ),
            &format!(
                "11:22: a {what} is called `{taken}` already (sources and streams share one set \
                 of names: rename one of the two)"
            ),
        );
    }
}
