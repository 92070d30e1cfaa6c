//! What `explain` says of broadcasts, and of joins with them.

use insta::assert_snapshot;

use super::explained::explained;

#[test]
fn joins_with_broadcasts_stay_in_their_stage() {
    assert_snapshot!(explained(include_str!("../../job_files/broadcasts.toml")), @r"
    job broadcasts: a batch every 1s

    sources
      orders: standard input  customer: int64?, place: utf8, cents: int64

    broadcasts
      customers: file folder/customers.csv, read again every 5m             customer: int64, name: utf8
      places: file folder/places.jsonl.gz, read again when it changes  place: utf8, name: utf8?
    ");
}
