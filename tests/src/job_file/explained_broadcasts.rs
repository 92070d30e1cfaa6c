//! What `explain` says of broadcasts, and of joins with them.

use insta::assert_snapshot;

use super::explained::explained;

#[test]
fn joins_with_broadcasts_stay_in_their_stage() {
    assert_snapshot!(explained(include_str!("../../job_files/broadcasts.toml")), @r"
    job broadcasts: a batch every 1s
      on_failure stop, on_rejected fail
      catch_up replay, backpressure off

    sources
      orders: standard input  id: int64?, town: utf8

    broadcasts
      customers: file folder/customers.csv, read again every 5m    id: int64, name: utf8
      zips: file folder/zips.jsonl.gz, read again when it changes  town: utf8, zip: utf8?
      words: file folder/words.txt                                 line: utf8

    streams
      named from orders                          id: int64?, town: utf8
        1 broadcast_join customers by id (left)  id: int64?, town: utf8, name: utf8?, matched: bool
      unknown from orders                        id: int64?, town: utf8
        1 broadcast_join customers by id (anti)  id: int64?, town: utf8
        2 broadcast_join zips by town            id: int64?, town: utf8, t_zip: utf8?

    stages
      stage 0 of orders: one task per block of orders
      stage 1 of named: one task per partition, from stage 0
        broadcast_join customers by id (left)
        -> sink named: print, 10 rows
      stage 2 of unknown: one task per partition, from stage 0
        broadcast_join customers by id (anti)
        broadcast_join zips by town
        -> sink unknown: print, 10 rows
    ");
}
