//! What `explain` says of windows and joins.
//!
//! Takes job files. Gives the text, or the lines of it that matter.

use insta::assert_snapshot;

use super::explained::{explained, steps};

#[test]
fn windows_keep_what_they_read_and_come_every_slide() {
    let window = r#"with = "sum", length = "60s", slide = "10s""#;
    let fold = format!("{{ key_by = [\"k\"] }}, {{ reduce_by_key_and_window = {{ {window} }} }}");
    assert_snapshot!(steps("{ k = \"utf8\", n = \"int64\" }", &fold), @r"
      out from rows                     k: utf8, n: int64
        1 key_by k                      k: utf8 | n: int64
        2 reduce_by_key_and_window sum  k: utf8 | n: int64

    stages
      stage 0 of out: one task per block of rows
        key_by k
        combine by k with sum
        shuffle by hash of k into 2 partitions
      stage 1 of out: 2 tasks, from the shuffle of stage 0
        fold by k with sum
      stage 2 of out: 2 tasks, from 1m of stage 1, every 10s
        fold by k with sum, taking out what left
      stage 3 of out: 2 tasks, from stage 2
        columns k, n
        -> sink console: print, 10 rows
    ");
}

#[test]
fn both_streams_of_a_join_are_shuffled_alike() {
    let text = explained(include_str!("../../job_files/joins.toml"));
    let join = text.lines().filter(|line| line.contains("join") || line.contains("cogroup"));
    let known = ["join by order", "left_outer_join by order", "cogroup by order"];
    for expected in known {
        assert!(join.clone().any(|line| line.trim() == expected), "{expected} in:\n{text}");
    }
    assert_eq!(text.matches("shuffle by hash of order").count(), 2 + 2 * 5, "{text}");
}
