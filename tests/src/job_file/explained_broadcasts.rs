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
      customers: file folder/customers.csv, read again every 5m        customer: int64, name: utf8
      places: file folder/places.jsonl.gz, read again when it changes  place: utf8, name: utf8?
      words: file folder/words.txt                                     line: utf8

    streams
      named from orders                                customer: int64?, place: utf8, cents: int64
        1 broadcast_join customers by customer (left)  customer: int64?, place: utf8, cents: int64, name: utf8?, matched: bool
        2 broadcast_join places by place               customer: int64?, place: utf8, cents: int64, name: utf8?, matched: bool, place_name: utf8?
      unknown from orders                              customer: int64?, place: utf8, cents: int64
        1 broadcast_join customers by customer (anti)  customer: int64?, place: utf8, cents: int64

    stages
      stage 0 of orders: one task per block of orders
      stage 1 of named: one task per partition, from stage 0
        broadcast_join customers by customer (left)
        broadcast_join places by place
        -> sink named: print, 10 rows
      stage 2 of unknown: one task per partition, from stage 0
        broadcast_join customers by customer (anti)
        -> sink unknown: print, 10 rows
    ");
}
