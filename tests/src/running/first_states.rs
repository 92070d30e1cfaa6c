//! What a stateful step begins with: rows that no step can have come to keep are refused.
//!
//! Takes a job with averages that go on, and first states as a person writes them. Gives what the
//! program says of them before anything runs.

use crate::set_up::job_folder::JobFolder;

/// Averages by key that go on from batch to batch, and begin with a file.
const JOB: &str = "name = \"means\"\nbatch_interval = \"1s\"\n\
    [sources.rows]\ntype = \"stdin\"\nformat = \"json\"\n\
    schema = { k = \"utf8\", d = \"decimal128(38,0)\", amt = \"int64?\" }\n\
    [streams.means]\nfrom = \"rows\"\nsteps = [\n{ key_by = [\"k\", \"d\"] },\n\
    { aggregate = { mean = { fold = \"avg\", of = \"amt\" } }, name = \"totals\",\n\
    running = { initial = \"first.jsonl\" } },\n]\n\
    [sinks.console]\ntype = \"print\"\nfrom = \"means\"\n";
/// A key in all its digits.
const D: &str = "12345678901234567890123456789012345678";
const ALLOWED: &str =
    "allowed are a `mean.count` of 1 or more beside a `mean.sum`, or of 0 and no `mean.sum`";

fn row(k: &str, sum: &str, count: &str) -> String {
    format!("{{\"k\":\"{k}\",\"d\":{D},\"mean.sum\":{sum},\"mean.count\":{count}}}")
}

/// What is wrong with rows, as both the file and a case are told.
fn wrong() -> Vec<([String; 2], String)> {
    let key = |k: &str| format!("key `{{\"k\":\"{k}\",\"d\":{D}}}`");
    let impossible = |sum: &str, count: &str| {
        let found = format!("`{{\"mean.sum\":{sum},\"mean.count\":{count}}}`");
        ([row("a", "1", "1"), row("b", sum, count)], format!("{} has {found}, {ALLOWED}", key("b")))
    };
    vec![
        impossible("5", "0"),
        impossible("5", "-2"),
        impossible("null", "3"),
        (
            [row("a", "1", "1"), row("a", "2", "1")],
            format!("{} stands twice, allowed is once", key("a")),
        ),
        (
            [row("a", "1", "1"), row("b", "2", "null")],
            "column `mean.count` is null, expected int64".to_owned(),
        ),
        (
            [row("a", "1", "1"), row("b", "2", "1").replace(",\"mean.count\":1", "")],
            "column `mean.count` is missing, expected int64".to_owned(),
        ),
    ]
}

/// The story: an average of nothing failed the first batch with words of Arrow's that named no key,
/// and of two rows of a key, or two values of a name, the last one counted.
#[test]
fn a_file_of_states_that_cannot_be_is_refused_before_anything_runs() {
    let job = JobFolder::new(JOB);
    let twice = row("b", "1", "1").replace("\"mean.sum\"", "\"mean.count\":7,\"mean.sum\"");
    let twice = (
        [row("a", "1", "1"), twice],
        "line 2: `mean.count` stands twice, allowed is once".to_owned(),
    );
    for (rows, words) in wrong().into_iter().chain([twice]) {
        job.put("first.jsonl", rows.join("\n").as_bytes());
        let ran = job.run(b"");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
        let told = ran.err.contains("step `totals` cannot begin: `") && ran.err.contains(&words);
        assert!(told, "`{words}` is not in {}", ran.err);
    }
    job.put(
        "first.jsonl",
        format!("{}\n{}\n", row("a", "7", "2"), row("b", "null", "0")).as_bytes(),
    );
    let line = format!("{{\"k\":\"a\",\"d\":{D},\"amt\":2}}\n");
    let ran = job.run(line.as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let shown = [format!("(a,{D},3.0)"), format!("(b,{D},null)")];
    // A batch before the line came, if there was one, has other averages.
    let mut rows = ran.rows();
    rows.drain(..rows.len().saturating_sub(2));
    rows.sort_unstable();
    assert_eq!(rows, shown, "{}", ran.out);
}

/// The same in cases, of which those that are right still run.
#[test]
fn a_case_that_begins_with_states_that_cannot_be_is_no_case() {
    let job =
        JobFolder::new(&JOB.replace("running = { initial = \"first.jsonl\" }", "running = true"));
    let case = |rows: &[String]| {
        format!(
            "{{\"in\":[[[\"a\",{D},2]]],\"initial\":{{\"totals\":[{}]}},\
             \"out\":{{\"means\":[[[\"a\",{D},3]]]}}}}\n",
            rows.join(",")
        )
    };
    let mut cases: Vec<String> = wrong().iter().map(|(rows, _)| case(rows)).collect();
    let twice = row("a", "7", "2").replace("{\"k\"", "{\"k\":\"b\",\"k\"");
    cases.push(case(&[twice]));
    cases.push(case(&[row("a", "7", "2")]));
    job.put("cases.jsonl", cases.concat().as_bytes());
    let ran = job.test();
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let mut told = ran.out.lines();
    for (number, (_, words)) in (1..).zip(wrong()) {
        assert_eq!(told.next(), Some(format!("line {number} ... NO CASE").as_str()));
        let told = told.next().unwrap_or_default();
        let place = "  `initial` of `totals`: ";
        assert!(told.starts_with(place) && told.contains(&words), "`{words}` is not in {told}");
    }
    assert_eq!(told.next(), Some("line 7 ... NO CASE"));
    let twice = told.next().unwrap_or_default();
    assert!(twice.starts_with("  `k` stands twice, allowed is once, at column "), "{twice}");
    assert_eq!(told.next(), Some("line 8 ... ok"));
    assert_eq!(told.next(), Some("1 passed, 0 failed, 7 lines are no cases"));
}
