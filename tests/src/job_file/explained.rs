//! What `explain` says of good jobs: the golden record of planning.
//!
//! Takes job files. Gives the text, word by word.

use insta::assert_snapshot;
use tidemill::plan::explain::explain;

use super::catalogue::{job, planned};

pub fn explained(text: &str) -> String {
    let (file, planned) = planned(text).unwrap_or_else(|errors| panic!("{errors}"));
    explain(&file.pipeline, &planned)
}

/// Streams and stages of a job of one stream; its head is the same each time.
pub fn steps(schema: &str, steps: &str) -> String {
    let text = explained(&job(schema, steps));
    text.split_once("streams\n").expect("streams").1.to_owned()
}

#[test]
fn word_count_is_two_stages() {
    assert_snapshot!(explained(include_str!("../../job_files/word_count.toml")), @r"
    job word-count: a batch every 1s
      on_failure stop, on_rejected fail
      catch_up replay, backpressure off

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
fn every_key_of_a_job_file_is_explained() {
    assert_snapshot!(explained(include_str!("../../job_files/everything.toml")), @r"
    job everything: a batch every 500ms
      on_failure skip, on_rejected dead-letter folder/everything.dead-letters.jsonl
      catch_up merge, backpressure on, initial_rate 1000, max_rate 50000, min_rate 10

    sources
      socket: socket localhost:9999         line: utf8
        on_bad_row skip, max_rate 2000 rows/s, max_bytes_rate 10485760 bytes/s
      folder: the files of folder/in        user: utf8, age: int64?, tags: list<utf8?>
        on_bad_row dead-letter folder/bad.jsonl
      made: generated, 5 lines/s            line: utf8
      typed: standard input                 line: utf8
        on_bad_row dead-letter folder/everything.dead-letters.jsonl
      heard: listens on 127.0.0.1:0         n: int64?
      records: new files of folder/records  record: binary

    streams
      all from socket                line: utf8
        1 union made, typed          line: utf8
        2 flat_map tags.of_text      tag: utf8
        3 lengths: map words.length  tag: utf8, length: int64
        4 repartition 4              tag: utf8, length: int64
      counts from all                tag: utf8, length: int64
        1 key_by tag                 tag: utf8 | length: int64
        2 reduce_by_key count        tag: utf8 | length: int64

    stages
      stage 0 of all: one task per block of socket
      stage 1 of made: one task per block of made
        -> sink third: files folder/out/third-<ms>.old
      stage 2 of typed: one task per block of typed
      stage 3 of all: one task per partition, from stages 0, then 1, then 2
        flat_map tags.of_text
        lengths: map words.length
        shuffle in turn into 4 partitions
      stage 4 of counts: 4 tasks, from the shuffle of stage 3
        key_by tag
        combine by tag with count
        shuffle by hash of tag into 3 partitions
      stage 5 of counts: 3 tasks, from the shuffle of stage 4
        fold by tag with count
        -> sink second: print, 10 rows
      stage 6 of folder: one task per file range of folder
        -> sink first: files folder/out/rows-<ms>, on_failure stop
    ");
}

#[test]
fn narrow_steps_of_one_plugin_chain() {
    assert_snapshot!(steps(
        "{ line = \"utf8\" }",
        "{ flat_map = \"words.split\", as = [\"word\"] }, { filter = \"words.long\" },
         { map = \"words.pair\" }, { map_values = \"words.double\" },
         { flat_map_values = \"words.up_to\" }",
    ), @r"
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

#[test]
fn one_value_of_one_value_keeps_its_name() {
    let explained = steps(
        "{ word = \"utf8\", n = \"int64\" }",
        "{ key_by = [\"word\"] }, { map_values = \"words.square\" },
         { map_values = \"words.square\", as = [\"m\"] }",
    );
    for expected in [
        "2 map_values words.square  word: utf8 | n: int64\n",
        "3 map_values words.square  word: utf8 | m: int64\n",
    ] {
        assert!(explained.contains(expected), "{explained}");
    }
}

#[test]
fn chain_is_cut_where_the_next_takes_other_columns() {
    // Another plugin, a choice of columns, an append, a rename before binding by name.
    assert_snapshot!(steps(
        "{ line = \"utf8\" }",
        "{ flat_map = \"words.split\" }, { filter = \"tags.long\" }, { filter = \"words.long\" },
         { map = \"words.length\", append = true, as = [\"n\"] }, { filter = \"words.large\" },
         { flat_map = \"words.split\", columns = [\"value\"], as = [\"word\"] },
         { map = \"words.pair_by_name\" }",
    ), @r"
      out from rows               line: utf8
        1 flat_map words.split    value: utf8
        2 filter tags.long        value: utf8
        3 filter words.long       value: utf8
        4 map words.length        value: utf8, n: int64
        5 filter words.large      value: utf8, n: int64
        6 flat_map words.split    word: utf8
        7 map words.pair_by_name  _1: utf8 | _2: int64

    stages
      stage 0 of out: one task per block of rows
        flat_map words.split
        filter tags.long
        filter words.long
        map words.length
        filter words.large
        flat_map words.split
        map words.pair_by_name
        -> sink console: print, 10 rows
    ");
}

#[test]
fn plugin_without_chains_is_called_step_by_step() {
    assert_snapshot!(steps(
        "{ line = \"utf8\" }",
        "{ flat_map = \"plain.split\" }, { map = \"plain.pair\" }",
    ), @r"
      out from rows             line: utf8
        1 flat_map plain.split  value: utf8
        2 map plain.pair        _1: utf8 | _2: int64

    stages
      stage 0 of out: one task per block of rows
        flat_map plain.split
        map plain.pair
        -> sink console: print, 10 rows
    ");
}

#[test]
fn map_partitions_stands_alone() {
    assert_snapshot!(steps(
        "{ word = \"utf8\" }",
        "{ filter = \"words.long\" }, { map_partitions = \"words.sample\" },
         { filter = \"words.long\" }",
    ), @r"
      out from rows                    word: utf8
        1 filter words.long            word: utf8
        2 map_partitions words.sample  word: utf8
        3 filter words.long            word: utf8

    stages
      stage 0 of out: one task per block of rows
        filter words.long
        map_partitions words.sample (whole partition)
        filter words.long
        -> sink console: print, 10 rows
    ");
}

#[test]
fn count_is_one_row_and_count_by_value_is_keyed() {
    assert_snapshot!(steps(
        "{ a = \"utf8\", b = \"int64?\" }",
        "{ count_by_value = true, as = [\"n\"], partitions = 3 },
         { count = true, name = \"rows\" }",
    ), @r"
      out from rows       a: utf8, b: int64?
        1 count_by_value  a: utf8, b: int64? | n: int64
        2 rows: count     count: int64

    stages
      stage 0 of out: one task per block of rows
        combine by a, b counting rows
        shuffle by hash of a, b into 3 partitions
      stage 1 of out: 3 tasks, from the shuffle of stage 0
        fold by a, b counting rows
        columns none
        combine all rows counting rows
        shuffle all rows into 1 partition
      stage 2 of out: 1 task, from the shuffle of stage 1
        fold all rows counting rows
        -> sink console: print, 10 rows
    ");
}

#[test]
fn reduce_folds_whole_rows_to_one() {
    assert_snapshot!(steps(
        "{ text = \"utf8\", n = \"int64\" }",
        "{ key_by = [\"text\"] }, { reduce = \"words.larger\" }",
    ), @r"
      out from rows            text: utf8, n: int64
        1 key_by text          text: utf8 | n: int64
        2 reduce words.larger  text: utf8, n: int64

    stages
      stage 0 of out: one task per block of rows
        key_by text
        combine all rows with words.larger
        shuffle all rows into 1 partition
      stage 1 of out: 1 task, from the shuffle of stage 0
        fold all rows with words.larger
        -> sink console: print, 10 rows
    ");
}

#[test]
fn fold_by_name_keeps_its_columns_only() {
    assert_snapshot!(steps(
        "{ k = \"utf8\", other = \"bool\", n = \"int64\" }",
        "{ key_by = [\"k\"] }, { reduce_by_key = \"words.of_n\", as = [\"sum\"], partitions = 1 }",
    ), @r"
      out from rows                 k: utf8, other: bool, n: int64
        1 key_by k                  k: utf8 | other: bool, n: int64
        2 reduce_by_key words.of_n  k: utf8 | sum: int64

    stages
      stage 0 of out: one task per block of rows
        key_by k
        columns k, n
        combine by k with words.of_n
        shuffle by hash of k into 1 partition
      stage 1 of out: 1 task, from the shuffle of stage 0
        fold by k with words.of_n
        -> sink console: print, 10 rows
    ");
}

#[test]
fn built_in_folds_have_their_types() {
    assert_snapshot!(steps(
        "{ a = \"int32\", b = \"uint64\", c = \"float64?\",\
         d = \"decimal128(9,2)\", k = \"utf8\" }",
        "{ key_by = [\"k\"] }, { reduce_by_key = \"sum\" }, { reduce_by_key = \"max\" },
         { reduce_by_key = \"min\", columns = [\"d\", \"a\"] }, { reduce_by_key = \"count\" }",
    ), @r"
      out from rows            a: int32, b: uint64, c: float64?, d: decimal128(9,2), k: utf8
        1 key_by k             k: utf8 | a: int32, b: uint64, c: float64?, d: decimal128(9,2)
        2 reduce_by_key sum    k: utf8 | a: int64, b: uint64, c: float64?, d: decimal128(38,2)
        3 reduce_by_key max    k: utf8 | a: int64, b: uint64, c: float64?, d: decimal128(38,2)
        4 reduce_by_key min    k: utf8 | d: decimal128(38,2), a: int64
        5 reduce_by_key count  k: utf8 | d: int64, a: int64

    stages
      stage 0 of out: one task per block of rows
        key_by k
        combine by k with sum
        shuffle by hash of k into 2 partitions
      stage 1 of out: 2 tasks, from the shuffle of stage 0
        fold by k with sum
        combine by k with max
        shuffle by hash of k into 2 partitions
      stage 2 of out: 2 tasks, from the shuffle of stage 1
        fold by k with max
        columns k, d, a
        combine by k with min
        shuffle by hash of k into 2 partitions
      stage 3 of out: 2 tasks, from the shuffle of stage 2
        fold by k with min
        combine by k with count
        shuffle by hash of k into 2 partitions
      stage 4 of out: 2 tasks, from the shuffle of stage 3
        fold by k with count
        -> sink console: print, 10 rows
    ");
}

#[test]
fn groups_are_lists_with_the_nulls_of_their_items() {
    assert_snapshot!(steps(
        "{ k = \"utf8?\", a = \"int64?\", b = \"list<utf8>\" }",
        "{ key_by = [\"k\"] }, { group_by_key = true }, { repartition = 5 }",
    ), @r"
      out from rows      k: utf8?, a: int64?, b: list<utf8>
        1 key_by k       k: utf8? | a: int64?, b: list<utf8>
        2 group_by_key   k: utf8? | a: list<int64?>, b: list<list<utf8>>
        3 repartition 5  k: utf8? | a: list<int64?>, b: list<list<utf8>>

    stages
      stage 0 of out: one task per block of rows
        key_by k
        shuffle by hash of k into 2 partitions
      stage 1 of out: 2 tasks, from the shuffle of stage 0
        group by k
        shuffle in turn into 5 partitions
      stage 2 of out: 5 tasks, from the shuffle of stage 1
        -> sink console: print, 10 rows
    ");
}

#[test]
fn select_keeps_leading_keys() {
    assert_snapshot!(steps(
        "{ a = \"utf8\", b = \"utf8\", c = \"utf8\" }",
        "{ key_by = [\"c\", \"a\"] }, { select = [\"a\", \"b\"] },
         { select = [\"b\", \"a\"], as = [\"x\", \"y\"] }",
    ), @r"
      out from rows    a: utf8, b: utf8, c: utf8
        1 key_by c, a  c: utf8, a: utf8 | b: utf8
        2 select a, b  a: utf8 | b: utf8
        3 select b, a  x: utf8, y: utf8

    stages
      stage 0 of out: one task per block of rows
        key_by c, a
        select a, b
        select b, a
        -> sink console: print, 10 rows
    ");
}

#[test]
fn dataset_of_two_readers_is_made_once() {
    let text = job("{ word = \"utf8\" }", "{ filter = \"words.long\" }")
        + "[streams.pairs]\nfrom = \"out\"\nsteps = [{ map = \"words.pair\" }]\n\
           [streams.same]\nfrom = \"out\"\n\
           [streams.unread]\nfrom = \"out\"\nsteps = [{ count = true }]\n\
           [sinks.files]\ntype = \"files\"\nfrom = \"pairs\"\npath = \"out\"\n\
           [sinks.again]\ntype = \"print\"\nfrom = \"same\"\nrows = 1\n";
    assert_snapshot!(explained(&text), @r"
    job j: a batch every 1s
      on_failure stop, on_rejected fail
      catch_up replay, backpressure off

    sources
      rows: standard input  word: utf8

    streams
      out from rows          word: utf8
        1 filter words.long  word: utf8
      pairs from out         word: utf8
        1 map words.pair     _1: utf8 | _2: int64
      same from out          word: utf8

    streams that no sink reads, which do not run
      unread from out  word: utf8
        1 count        count: int64

    stages
      stage 0 of out: one task per block of rows
        filter words.long
        -> sink console: print, 10 rows
        -> sink again: print, 1 row
      stage 1 of pairs: one task per partition, from stage 0
        map words.pair
        -> sink files: files folder/out/files-<ms>
    ");
}

#[test]
fn union_appends_partitions_in_order() {
    let text = job("{ line = \"utf8\" }", "{ union = [\"more\", \"rows\", \"counted\"] }")
        + "[sources.more]\ntype = \"files\"\npath = \"in\"\nformat = \"json\"\n\
           schema = { line = \"utf8\" }\n\
           [streams.counted]\nfrom = \"more\"\nsteps = [\n\
           { count_by_value = true }, { select = [\"line\"] }, { repartition = 1 },\n\
           { key_by = [\"line\"] }, { select = [\"line\"] },\n\
           { map_partitions = \"words.sample\", as = [\"line\"] } ]\n";
    assert_snapshot!(explained(&text), @r"
    job j: a batch every 1s
      on_failure stop, on_rejected fail
      catch_up replay, backpressure off

    sources
      rows: standard input          line: utf8
      more: new files of folder/in  line: utf8

    streams
      counted from more                line: utf8
        1 count_by_value               line: utf8 | count: int64
        2 select line                  line: utf8 |
        3 repartition 1                line: utf8 |
        4 key_by line                  line: utf8 |
        5 select line                  line: utf8 |
        6 map_partitions words.sample  line: utf8
      out from rows                    line: utf8
        1 union more, rows, counted    line: utf8

    stages
      stage 0 of more: one task per file range of more
      stage 1 of counted: one task per partition, from stage 0
        combine by line counting rows
        shuffle by hash of line into 2 partitions
      stage 2 of counted: 2 tasks, from the shuffle of stage 1
        fold by line counting rows
        select line
        shuffle in turn into 1 partition
      stage 3 of rows: one task per block of rows
      stage 4 of counted: 1 task, from the shuffle of stage 2
        key_by line
        select line
        map_partitions words.sample (whole partition)
      stage 5 of out: one task per partition, from stages 3, then 0, then 3, then 4
        -> sink console: print, 10 rows
    ");
}
