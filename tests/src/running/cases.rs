//! `test`: cases that hold, cases that do not, and lines that are no cases.
//!
//! Takes a job and files of cases. Gives exit codes and the lines that say what differs.

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::{Ran, tidemill};

/// Sums by key.
const JOB: &str = "name = \"sums\"\nbatch_interval = \"1s\"\n\
                   [sources.rows]\ntype = \"stdin\"\nformat = \"json\"\n\
                   schema = { k = \"utf8\", n = \"int64\" }\n\
                   [streams.sums]\nfrom = \"rows\"\n\
                   steps = [{ key_by = \"k\" }, { reduce_by_key = \"sum\" }]\n\
                   [sinks.console]\ntype = \"print\"\nfrom = \"sums\"\n";
const GOOD: &str =
    r#"{"name": "holds", "in": [[["a", 1], ["a", 2]]], "out": {"sums": [[["a", 3]]]}}"#;

fn test(cases: &[u8]) -> Ran {
    let job = JobFolder::new(JOB);
    job.put("cases.jsonl", cases);
    job.test()
}

/// The story: the first line that was no case ended the run, and the cases behind it were not run.
#[test]
fn lines_that_are_no_cases_keep_no_others_from_being_run() {
    let long = format!("{{\"note\": \"{}\"}}", "x".repeat(16 << 20));
    let twice = GOOD.replacen("\"in\"", "\"in\": [], \"in\"", 1);
    let lines = ["{\"out\"", GOOD, r#"{"inn": []}"#, "[]", &twice, &long, "\u{feff}", GOOD];
    let mut cases = lines.join("\n").into_bytes();
    cases.extend_from_slice(b"\n\xff\n");
    let ran = test(&cases);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    // One after the other, where whoever looks for what failed finds them all.
    let mut told = ran.out.lines();
    for words in [
        "line 1 ... NO CASE",
        "  it is no JSON object: EOF while parsing",
        "holds ... ok",
        "line 3 ... NO CASE",
        "  unknown key `inn`, allowed are `name`, `in`",
        "line 4 ... NO CASE",
        "  it is no JSON object",
        "line 5 ... NO CASE",
        "  `in` stands twice, allowed is once, at column 32",
        "line 6 ... NO CASE",
        "  it is longer than 16777216 bytes",
        "line 7 ... NO CASE",
        "  it is no JSON object",
        "holds ... ok",
        "line 9 ... NO CASE",
        "  it is not valid UTF-8",
        "2 passed, 0 failed, 7 lines are no cases",
    ] {
        let line = told.next().unwrap_or_default();
        assert!(line.starts_with(words), "`{words}` is not in `{line}`:\n{}", ran.out);
    }
    assert_eq!(told.next(), None);
}

/// The story: what was expected beyond the batches that ran was not looked at, so that a case held
/// whatever stood there; so did one with no batch at all.
#[test]
fn what_is_written_beyond_the_batches_that_run_is_no_case() {
    let wrong = [
        (
            r#"{"batches": 1, "in": [[["a", 1]]], "out": {"sums": [[["a", 1]], [["a", 9]]]}}"#,
            "`out` of `sums` has 2 batches, allowed are as many as `batches` has run: 1",
        ),
        (
            r#"{"batches": 2, "in": [[], [], [["a", 1]]], "out": {"sums": [[], []]}}"#,
            "`in` of `rows` has 3 batches, allowed are as many as `batches` has run: 2",
        ),
        (
            r#"{"in": [[["a", 1]]], "out": {"sums": []}}"#,
            "`out` of `sums` has no batch, expected is one at least, which may be \"any\"",
        ),
        (
            r#"{"in": [[["a", 1]]], "out": {"sums": [[["a", 1]]], "sum": [[["a", 9]]]}}"#,
            "`out` names `sum`, the job has `sums`, `rows`",
        ),
        (
            r#"{"batches": 0, "in": [[]], "out": {"sums": [[]]}}"#,
            "`batches` is 0, allowed are 1 to 10000",
        ),
    ];
    let right = r#"{"batches": 3, "in": [[["a", 1]]], "out": {"sums": [[["a", 1]], []]}}"#;
    let lines: Vec<&str> = wrong.iter().map(|(case, _)| *case).chain([right]).collect();
    let ran = test(lines.join("\n").as_bytes());
    let mut expected: String = (1..)
        .zip(wrong)
        .map(|(line, (_, words))| format!("line {line} ... NO CASE\n  {words}\n"))
        .collect();
    expected.push_str("line 6 ... ok\n1 passed, 0 failed, 5 lines are no cases\n");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), expected.as_str()), "{}", ran.err);
}

/// The story: a device without an end was read until memory was, and so was a job file.
#[test]
#[cfg(unix)]
fn a_file_without_an_end_is_refused() {
    let job = JobFolder::new(JOB);
    let endless = ["--cases", "/dev/zero"];
    let ran = tidemill(job.path(), &[&job.arguments("test")[..], &endless].concat(), "");
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    let words = "`/dev/zero` is longer than 67108864 bytes, which a file of cases is at most";
    assert!(ran.err.contains(words), "{}", ran.err);
    let ran = tidemill(job.path(), &["explain", "/dev/zero"], "");
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    let words = "`/dev/zero` is longer than 1048576 bytes, which a job file is at most";
    assert!(ran.err.contains(words), "{}", ran.err);
}

/// The story: numbers of a case went through doubles, so a sum that was off by a cent held, and
/// `9999999999999999.99` was no value.
#[test]
fn decimals_and_large_integers_are_compared_to_the_last_digit() {
    let job = JobFolder::new(
        &JOB.replace("n = \"int64\"", "n = \"decimal128(20,2)\", m = \"uint64\"")
            .replace("{ reduce_by_key = \"sum\" }", "{ select = [\"n\", \"m\"] }"),
    );
    let case = |found: &str, expected: &str| {
        format!("{{\"in\": [[[\"a\", {found}]]], \"out\": {{\"sums\": [[[{expected}]]]}}}}\n")
    };
    let cases = [
        case(
            "9999999999999999.99, 18446744073709551615",
            "9999999999999999.99, 18446744073709551615",
        ),
        case("1234567890123456.78, 9007199254740993", "1234567890123456.79, 9007199254740993"),
        case("1234567890123456.78, 9007199254740993", "1234567890123456.78, 9007199254740992"),
    ];
    job.put("cases.jsonl", cases.concat().as_bytes());
    let ran = job.test();
    let expected = "line 1 ... ok\n\
                    line 2 ... FAILED\n  batch 1, `sums`:\n    columns n, m\n\
                    \x20   - [1234567890123456.79,9007199254740993]\n\
                    \x20   + [1234567890123456.78,9007199254740993]\n\
                    line 3 ... FAILED\n  batch 1, `sums`:\n    columns n, m\n\
                    \x20   - [1234567890123456.78,9007199254740992]\n\
                    \x20   + [1234567890123456.78,9007199254740993]\n\
                    1 passed, 2 failed\n";
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), expected), "{}", ran.err);
}

/// The story: nobody was told where in the file a case stands that fails, nor that a text cannot
/// be a number, and a row by name came back as a list.
#[test]
fn a_case_that_fails_says_where_it_stands_and_what_no_row_can_be_like() {
    let wrong = GOOD.replace("[\"a\", 3]", "{\"k\": \"a\", \"n\": \"3\"}");
    let ran = test(format!("// a note\n\n{wrong}").as_bytes());
    let expected = "holds ... FAILED (line 3)\n  batch 1, `sums`:\n    columns k, n\n\
                    \x20   - {\"k\":\"a\",\"n\":\"3\"}\n\
                    \x20     column `n` is `\"3\"`, expected int64\n\
                    \x20   + {\"k\":\"a\",\"n\":3}\n0 passed, 1 failed\n";
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), expected), "{}", ran.err);
}

#[test]
fn exit_codes_say_whether_anything_ran() {
    let wrong = GOOD.replace("[\"a\", 3]", "[\"a\", 4]");
    for (cases, code) in
        [(GOOD, 0), (&*wrong, 1), ("{}", 2), ("// a note\n\n", 2), (&format!("{GOOD}\n{{}}"), 1)]
    {
        let ran = test(cases.as_bytes());
        assert_eq!(ran.code, Some(code), "{cases}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn a_byte_order_mark_at_the_beginning_is_taken_off() {
    let ran = test(format!("\u{feff}{GOOD}\r\n").as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "holds ... ok\n1 passed, 0 failed\n"));
}

#[test]
fn differing_rows_stand_below_the_names_of_their_columns() {
    let wrong = GOOD.replace("[\"a\", 3]", "[\"a\", 4], [\"b\", 1]");
    let ran = test(wrong.as_bytes());
    let told =
        "  batch 1, `sums`:\n    columns k, n\n    - [\"a\",4]\n    - [\"b\",1]\n    + [\"a\",3]\n";
    assert!(ran.out.contains(told), "{}", ran.out);
}

/// A join in a job file, whose other stream has columns of the same names.
#[test]
fn joined_columns_are_named_as_the_job_says() {
    let source = |name: &str| {
        format!(
            "[sources.{name}]\ntype = \"files\"\npath = \"{name}\"\nformat = \"json\"\n\
             schema = {{ k = \"utf8\", n = \"int64\" }}\n\
             [streams.by_{name}]\nfrom = \"{name}\"\nsteps = [{{ key_by = \"k\" }}]\n"
        )
    };
    let joined = "{ left_outer_join = \"by_b\", as = { right = \"b_\" } }, { select = \"b_n\" }";
    let job = JobFolder::new(&format!(
        "name = \"joined\"\nbatch_interval = \"1s\"\n{}{}\
         [streams.both]\nfrom = \"by_a\"\nsteps = [{joined}]\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"both\"\n",
        source("a"),
        source("b")
    ));
    let (input, output) = (r#"{"a": [[["x", 1], ["y", 2]]], "b": [[["x", 3]]]}"#, "[[3, [null]]]");
    let case = format!(r#"{{"in": {input}, "out": {{"both": {output}}}}}"#);
    let wrong = case.replace("[null]", "[4]");
    job.put("cases.jsonl", format!("{case}\n{wrong}\n").as_bytes());
    let ran = job.test();
    let expected = "line 1 ... ok\nline 2 ... FAILED\n  batch 1, `both`:\n    columns b_n\n\
                    \x20   - [4]\n    + [null]\n1 passed, 1 failed\n";
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), expected), "{}", ran.err);
}
