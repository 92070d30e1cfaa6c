//! Steps that call an operator for each row.

use super::rig::Job;

#[test]
fn map_filter_and_flat_map_keep_order_and_partitions() {
    let job = Job::numbers(&[&[1, 2], &[3, 4]]);
    job.gives("{ map = \"kinds.double\" }", &["2", "4", "6", "8"]);
    job.gives("{ filter = \"kinds.even\" }", &["2", "4"]);
    job.gives(
        "{ flat_map = \"kinds.up_to\" }",
        &["1", "1", "2", "1", "2", "3", "1", "2", "3", "4"],
    );
    let chain =
        "{ flat_map = \"kinds.up_to\" }, { filter = \"kinds.even\" }, { map = \"kinds.double\" }";
    job.gives(chain, &["4", "4", "4", "8"]);
}

#[test]
fn values_change_and_keys_stay() {
    let job = Job::numbers(&[&[1, 2, 3]]);
    let keyed = "{ map = \"kinds.by_rest\" }";
    job.gives(
        &format!("{keyed}, {{ map_values = \"kinds.negate\" }}"),
        &["(1,-1)", "(0,-2)", "(1,-3)"],
    );
    let repeated = ["(1,1)", "(0,2)", "(0,2)", "(1,3)", "(1,3)", "(1,3)"];
    job.gives(&format!("{keyed}, {{ flat_map_values = \"kinds.repeat\" }}"), &repeated);
}

#[test]
fn parameters_reach_the_operator() {
    let job = Job::numbers(&[&[4, 5]]);
    job.gives("{ map = \"kinds.by_rest\", params = { divisor = 3 } }", &["(1,4)", "(2,5)"]);
}

/// What was hard: beside a `&Context` an author had to name the lifetime of every text that an
/// operator gives on.
#[test]
fn a_result_borrows_from_its_row_beside_the_context() {
    let line = "{\"line\":\"to be or\"}\n";
    let job = Job::over("line = \"utf8\"", &[line, line, line]);
    job.gives("{ map = \"kinds.own_word\" }", &["to", "be", "or"]);
}

#[test]
fn columns_are_chosen_named_and_appended() {
    let rows = "{\"user\":\"eve\",\"n\":7,\"word\":\"four\"}\n";
    let job = Job::over("user = \"utf8\", n = \"int64\", word = \"utf8\"", &[rows]);
    job.gives("{ map = \"kinds.length\", columns = [\"word\"], as = [\"length\"] }", &["4"]);
    let appended =
        "{ map = \"kinds.length\", columns = [\"word\"], as = [\"length\"], append = true }";
    job.gives(appended, &["(eve,7,four,4)"]);
    let chosen = format!("{appended}, {{ select = [\"length\", \"user\"] }}");
    job.gives(&chosen, &["(4,eve)"]);
    job.gives("{ map = \"kinds.user\" }", &["eve"]);
}

#[test]
fn nulls_are_seen_by_those_who_ask_for_them() {
    let job = Job::over("n = \"int64?\"", &["{\"n\":1}\n{}\n{\"n\":null}\n"]);
    job.gives("{ map = \"kinds.or_zero\" }", &["1", "0", "0"]);
    let counted = "{ count_by_value = true }, { key_by = [\"count\"] }";
    job.gives_in_any_order(counted, &["(1,1)", "(2,null)"]);
}
