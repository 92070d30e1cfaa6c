//! Steps that need no operator: they move rows and columns.

use super::rig::Job;

#[test]
fn a_union_has_the_partitions_of_the_one_and_then_of_the_other() {
    let job = Job::numbers(&[&[1, 2], &[3]]).more(
        "[streams.doubled]\nfrom = \"rows\"\nsteps = [{ map = \"kinds.double\", as = [\"n\"] }]\n",
    );
    job.gives("{ union = [\"doubled\"] }", &["1", "2", "3", "2", "4", "6"]);
    let sizes = "{ union = [\"doubled\"] }, { map_partitions = \"kinds.size\" }";
    job.gives(sizes, &["(2,3)", "(1,3)", "(2,6)", "(1,6)"]);
}

#[test]
fn a_repartition_has_exactly_so_many_partitions_of_nearly_one_size() {
    let numbers: Vec<i64> = (1..=10).collect();
    let job = Job::numbers(&[&numbers]);
    let ran = job.run("{ repartition = 4 }, { map_partitions = \"kinds.size\" }");
    let mut sizes: Vec<&str> = ran.rows().iter().map(|row| &row[1..2]).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, ["2", "2", "3", "3"], "{}", ran.err);
    let all = "{ repartition = 4 }, { reduce = \"kinds.add\" }";
    job.gives(all, &["55"]);
}

#[test]
fn key_columns_come_first_and_columns_can_be_left_out() {
    let job = Job::over(
        "a = \"int64\", b = \"utf8\", c = \"float64\"",
        &["{\"a\":1,\"b\":\"x\",\"c\":0.5}\n{\"a\":2,\"b\":\"x\",\"c\":1.5}\n"],
    );
    job.gives("{ key_by = [\"b\"] }", &["(x,1,0.5)", "(x,2,1.5)"]);
    job.gives("{ select = [\"c\", \"a\"] }", &["(0.5,1)", "(1.5,2)"]);
    job.gives("{ key_by = [\"b\"] }, { reduce_by_key = \"sum\" }", &["(x,3,2.0)"]);
}
