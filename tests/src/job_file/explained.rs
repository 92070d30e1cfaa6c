//! What `explain` says of good jobs: the golden record of planning.

use insta::assert_snapshot;
use tidemill::plan::explain::explain;

use super::catalogue::{job, planned};

fn explained(text: &str) -> String {
    let (file, planned) = planned(text).unwrap_or_else(|errors| panic!("{errors}"));
    explain(&file.pipeline, &planned)
}

/// Streams and stages of a job of one stream; its head is the same each time.
fn steps(schema: &str, steps: &str) -> String {
    let text = explained(&job(schema, steps));
    text.split_once("streams\n").expect("streams").1.to_owned()
}

#[test]
fn word_count_is_two_stages() {
    assert_snapshot!(explained(include_str!("../../job_files/word_count.toml")), @"");
}

#[test]
fn every_key_of_a_job_file_is_explained() {
    assert_snapshot!(explained(include_str!("../../job_files/everything.toml")), @"");
}

#[test]
fn narrow_steps_of_one_plugin_chain() {
    assert_snapshot!(steps(
        "{ line = \"utf8\" }",
        "{ flat_map = \"words.split\", as = [\"word\"] }, { filter = \"words.long\" },
         { map = \"words.pair\" }, { map_values = \"words.double\" },
         { flat_map_values = \"words.up_to\" }",
    ), @"");
}

#[test]
fn chain_is_cut_where_the_next_takes_other_columns() {
    // Another plugin, a choice of columns, an append, a rename before binding by name.
    assert_snapshot!(steps(
        "{ line = \"utf8\" }",
        "{ flat_map = \"words.split\" }, { filter = \"tags.long\" }, { filter = \"words.long\" },
         { map = \"words.length\", append = true, as = [\"n\"] }, { filter = \"words.large\" },
         { map = \"words.pair\", columns = [\"value\"], as = [\"word\", \"n\"] },
         { map = \"words.pair_by_name\" }",
    ), @"");
}

#[test]
fn plugin_without_chains_is_called_step_by_step() {
    assert_snapshot!(steps(
        "{ line = \"utf8\" }",
        "{ flat_map = \"plain.split\" }, { map = \"plain.pair\" }",
    ), @"");
}

#[test]
fn map_partitions_stands_alone() {
    assert_snapshot!(steps(
        "{ word = \"utf8\" }",
        "{ filter = \"words.long\" }, { map_partitions = \"words.sample\" },
         { filter = \"words.long\" }",
    ), @"");
}

#[test]
fn count_is_one_row_and_count_by_value_is_keyed() {
    assert_snapshot!(steps(
        "{ a = \"utf8\", b = \"int64?\" }",
        "{ count_by_value = true, as = [\"n\"], partitions = 3 }, { count = true, name = \"rows\" }",
    ), @"");
}

#[test]
fn reduce_folds_whole_rows_to_one() {
    assert_snapshot!(steps(
        "{ text = \"utf8\", n = \"int64\" }",
        "{ key_by = [\"text\"] }, { reduce = \"words.larger\" }",
    ), @"");
}

#[test]
fn fold_by_name_keeps_its_columns_only() {
    assert_snapshot!(steps(
        "{ k = \"utf8\", other = \"bool\", n = \"int64\" }",
        "{ key_by = [\"k\"] }, { reduce_by_key = \"words.of_n\", as = [\"sum\"], partitions = 1 }",
    ), @"");
}

#[test]
fn built_in_folds_have_their_types() {
    assert_snapshot!(steps(
        "{ a = \"int32\", b = \"uint64\", c = \"float64?\", d = \"decimal128(9,2)\", k = \"utf8\" }",
        "{ key_by = [\"k\"] }, { reduce_by_key = \"sum\" }, { reduce_by_key = \"max\" },
         { reduce_by_key = \"min\", columns = [\"d\", \"a\"] }, { reduce_by_key = \"count\" }",
    ), @"");
}

#[test]
fn groups_are_lists_with_the_nulls_of_their_items() {
    assert_snapshot!(steps(
        "{ k = \"utf8?\", a = \"int64?\", b = \"list<utf8>\" }",
        "{ key_by = [\"k\"] }, { group_by_key = true }, { repartition = 5 }",
    ), @"");
}

#[test]
fn select_keeps_leading_keys() {
    assert_snapshot!(steps(
        "{ a = \"utf8\", b = \"utf8\", c = \"utf8\" }",
        "{ key_by = [\"c\", \"a\"] }, { select = [\"a\", \"b\"] }, { select = [\"b\", \"a\"], as = [\"x\", \"y\"] }",
    ), @"");
}

#[test]
fn dataset_of_two_readers_is_made_once() {
    let text = job("{ word = \"utf8\" }", "{ filter = \"words.long\" }")
        + "[streams.pairs]\nfrom = \"out\"\nsteps = [{ map = \"words.pair\" }]\n\
           [streams.same]\nfrom = \"out\"\n\
           [streams.unread]\nfrom = \"out\"\nsteps = [{ count = true }]\n\
           [sinks.files]\ntype = \"files\"\nfrom = \"pairs\"\npath = \"out\"\n\
           [sinks.again]\ntype = \"print\"\nfrom = \"same\"\nrows = 1\n";
    assert_snapshot!(explained(&text), @"");
}

#[test]
fn union_appends_partitions_in_order() {
    let text = job("{ line = \"utf8\" }", "{ union = [\"more\", \"rows\", \"counted\"] }")
        + "[sources.more]\ntype = \"files\"\npath = \"in\"\nformat = \"json\"\n\
           schema = { line = \"utf8\" }\n\
           [streams.counted]\nfrom = \"more\"\nsteps = [\n\
           { count_by_value = true }, { select = [\"line\"] }, { repartition = 1 },\n\
           { key_by = [\"line\"] }, { select = [\"line\"] }, { map_partitions = \"words.sample\", as = [\"line\"] } ]\n";
    assert_snapshot!(explained(&text), @"");
}
