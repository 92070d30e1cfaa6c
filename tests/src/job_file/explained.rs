//! What `explain` says of good jobs: the golden record of planning.

use insta::assert_snapshot;
use tidemill::plan::explain::explain;

use super::catalogue::{job, planned};

fn explained(text: &str) -> String {
    let (file, planned) = planned(text).unwrap_or_else(|errors| panic!("{errors}"));
    explain(&file.pipeline, &planned)
}

#[test]
fn word_count_is_two_stages() {
    assert_snapshot!(explained(include_str!("../../job_files/word_count.toml")), @r"
    job word-count: a batch every 1s

    sources
      lines: socket 127.0.0.1:9999  line: utf8

    streams
      counts from lines            line: utf8
        1 flat_map words.split     word: utf8
        2 map words.pair           _1: utf8 | _2: int64
        3 reduce_by_key words.add  _1: utf8 | _2: int64

    stages
      stage 0 of counts: one task per block of lines
        flat_map words.split -> map words.pair
        combine by _1 with words.add
        shuffle by hash of _1 into 2 partitions
      stage 1 of counts: 2 tasks, from the shuffle of stage 0
        fold by _1 with words.add
        -> sink console: print, 10 rows
    ");
}

#[test]
fn narrow_steps_of_one_plugin_chain() {
    let steps = "{ flat_map = \"words.split\", as = [\"word\"] }, { filter = \"words.long\" },
                 { map = \"words.pair\" }, { map_values = \"words.double\" },
                 { flat_map_values = \"words.up_to\" }";
    assert_snapshot!(explained(&job("{ line = \"utf8\" }", steps)), @r"
    job j: a batch every 1s

    sources
      rows: standard input  line: utf8

    streams
      out from rows                    line: utf8
        1 flat_map words.split         word: utf8
        2 filter words.long            word: utf8
        3 map words.pair               _1: utf8 | _2: int64
        4 map_values words.double      _1: utf8 | n: int64
        5 flat_map_values words.up_to  _1: utf8 | n: int64

    stages
      stage 0 of out: one task per block of rows
        flat_map words.split -> filter words.long -> map words.pair
        map_values words.double -> flat_map_values words.up_to
        -> sink console: print, 10 rows
    ");
}
