//! Steps that bring rows in order, choose among them, or name their columns.

use super::rig::Job;

/// Rows of two partitions, with equal amounts and a missing one.
fn rows() -> Job {
    Job::over(
        "id = \"int64\", amt = \"float64?\"",
        &[
            "{\"id\":1,\"amt\":2}\n{\"id\":2}\n{\"id\":3,\"amt\":-1.5}\n",
            "{\"id\":4,\"amt\":9}\n{\"id\":5,\"amt\":2}\n{\"id\":6,\"amt\":0}\n",
        ],
    )
}

#[test]
fn a_batch_is_brought_in_order_and_equal_rows_keep_theirs() {
    let ids = "{ select = [\"id\"] }";
    let sorted = |by: &str| format!("{{ sort_by = {by} }}, {ids}");
    rows().gives(&sorted("[\"amt\"]"), &["3", "6", "1", "5", "4", "2"]);
    rows().gives(&sorted("[\"-amt\", \"-id\"]"), &["4", "5", "1", "6", "3", "2"]);
    let table = "{ by = \"amt\", descending = true }";
    rows().gives(&sorted(table), &["4", "1", "5", "6", "3", "2"]);
    rows()
        .gives(&sorted("{ by = [\"-amt\"], descending = true }"), &["3", "6", "1", "5", "4", "2"]);
}

#[test]
fn the_first_rows_in_an_order_are_kept() {
    let top = |of: &str| format!("{{ top = {{ {of} }} }}");
    rows().gives(&top("n = 3, by = \"amt\""), &["(4,9.0)", "(1,2.0)", "(5,2.0)"]);
    rows().gives(&top("n = 2, by = \"amt\", descending = false"), &["(3,-1.5)", "(6,0.0)"]);
    rows().gives(&top("n = 2, by = [\"amt\", \"id\"]"), &["(4,9.0)", "(5,2.0)"]);
    let all = top("n = 1000, by = \"id\", descending = false");
    let ids = format!("{all}, {{ select = [\"id\"] }}");
    rows().gives(&ids, &["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn rows_are_kept_by_one_of_their_columns() {
    let kept = |of: &str| format!("{{ where = {{ {of} }} }}, {{ select = [\"id\"] }}");
    rows().gives(&kept("column = \"amt\", is = \">\", to = 0"), &["1", "4", "5"]);
    rows().gives(&kept("column = \"amt\", is = \"!=\", to = 2.0"), &["3", "4", "6"]);
    rows().gives(&kept("column = \"amt\", is = \"in\", to = [0, 9]"), &["4", "6"]);
    rows().gives(&kept("column = \"amt\", is = \"is_null\""), &["2"]);
    rows().gives(&kept("column = \"id\", is = \"<=\", to = 2"), &["1", "2"]);
}

#[test]
fn constants_of_other_types_are_written_as_their_values_are() {
    let row = "{\"id\":1,\"d\":\"2000-02-29\",\"t\":\"2000-02-29T12:00:00Z\",\"m\":1.25}\n\
               {\"id\":2,\"d\":\"2000-03-01\",\"t\":\"2000-02-29T12:00:01Z\",\"m\":1.26}\n";
    let schema = "id = \"int64\", d = \"date32\", t = \"timestamp\", m = \"decimal128(9,2)\"";
    let job = Job::over(schema, &[row]);
    for (column, constant) in [
        ("d", "\"2000-02-29\""),
        ("t", "\"2000-02-29T13:00:00+01:00\""),
        ("m", "1.25"),
        ("m", "\"1.250\""),
    ] {
        let of = format!("column = \"{column}\", is = \"=\", to = {constant}");
        job.gives(&format!("{{ where = {{ {of} }} }}, {{ select = [\"id\"] }}"), &["1"]);
    }
}

#[test]
fn columns_get_new_names_all_at_once() {
    let swapped = "{ rename = { id = \"amt\", amt = \"id\" } }, { sort_by = [\"-id\", \"amt\"] }, \
                   { select = [\"amt\"] }";
    rows().gives(swapped, &["4", "1", "5", "6", "3", "2"]);
}

#[test]
fn a_sample_is_the_same_when_it_is_drawn_again() {
    let numbers: Vec<i64> = (0..2000).collect();
    let job = Job::numbers(&[&numbers[..1000], &numbers[1000..]]);
    job.gives("{ sample = 0 }, { count = true }", &["0"]);
    job.gives("{ sample = 1.0 }, { count = true }", &["2000"]);
    let ran = job.run("{ sample = { fraction = 0.5, seed = 7 } }, { count = true }");
    let kept: i64 = ran.rows().first().and_then(|row| row.parse().ok()).expect("one count");
    // Ten times the standard deviation, which is 22.
    assert!((780..1220).contains(&kept), "{kept}");
}

#[test]
fn a_partition_becomes_a_row_of_lists() {
    rows().gives(
        "{ glom = true }",
        &["([1, 2, 3],[2.0, null, -1.5])", "([4, 5, 6],[9.0, 2.0, 0.0])"],
    );
    let empty =
        "{ where = { column = \"id\", is = \"<\", to = 3 } }, { glom = true, as = [\"i\", \"a\"] }";
    rows().gives(empty, &["([1, 2],[2.0, null])", "([],[])"]);
}

#[test]
fn rows_of_a_key_meet_in_one_of_so_many_partitions() {
    let job = Job::numbers(&[&[1, 2, 3, 4], &[5, 6, 7, 8]]);
    let parted = "{ map = \"kinds.by_rest\" }, { partition_by = 3 }";
    job.gives_in_any_order(
        &format!("{parted}, {{ group_by_key = true, partitions = 3 }}"),
        &["(0,[2, 4, 6, 8])", "(1,[1, 3, 5, 7])"],
    );
    let ran = job.run(&format!("{parted}, {{ glom = true }}"));
    assert_eq!(ran.rows().len(), 3, "{}", ran.err);
    for key in ["0", "1"] {
        let keys = ran.rows().into_iter().filter_map(|row| row.split_once("],["));
        let with_it = keys.filter(|(keys, _)| keys.contains(key));
        assert_eq!(with_it.count(), 1, "{}", ran.out);
    }
}
