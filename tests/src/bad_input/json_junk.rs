//! JSON that is none, or none for its schema, in a running program.
//!
//! Takes lines that are wrong in one way each. Gives them to the program among good lines. Each is
//! kept aside with its reason, and no good line is lost.

use std::fs;

use serde_json::Value;

use crate::set_up::job_folder::JobFolder;

/// A job whose source keeps bad lines in a file.
const JOB: &str = r#"name = "job"
batch_interval = "20ms"
[sources.rows]
type = "stdin"
format = "json"
schema = { user = "utf8", age = "int64?" }
on_bad_row = { dead_letter = "bad.jsonl" }
line_bytes_max = "64KiB"
[sinks.console]
type = "print"
from = "rows"
"#;

/// Lines and why they are bad.
fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let told = [
        ("user,age", "a line is not JSON: expected value"),
        ("{user: 'a'}", "a line is not JSON: key must be a string"),
        ("{\"user\":\"a\"", "a line is not JSON: EOF while parsing"),
        ("{\"user\":\"a\"}}", "a line is not JSON: trailing characters"),
        ("{\"user\":\"a\",}", "a line is not JSON: trailing comma"),
        ("{\"user\":\"a\",,\"age\":1}", "a line is not JSON: key must be a string"),
        ("{\"user\":\"a\" \"age\":1}", "a line is not JSON: expected `,` or `}`"),
        ("{\"user\":\"\\ud800\"}", "a line is not JSON: unexpected end of hex escape"),
        ("{\"user\":\"\\x41\"}", "a line is not JSON: invalid escape"),
        ("{\"user\":\"a\",\"age\":01}", "a line is not JSON: invalid number"),
        ("{\"user\":\"a\",\"age\":+1}", "a line is not JSON: expected value"),
        ("{\"user\":\"a\",\"age\":NaN}", "a line is not JSON: expected"),
        ("\"user\"", "a line is a JSON string, expected an object"),
        ("[]", "a line is a JSON array, expected an object"),
        ("null", "a line is a JSON null, expected an object"),
        ("{}", "column `user` is missing, expected utf8"),
        ("{\"user\":null}", "column `user` is null, expected utf8"),
        ("{\"user\":[\"a\"]}", "column `user` is `[\"a\"]`, expected utf8"),
        ("{\"user\":{\"a\":1}}", "column `user` is `{\"a\":1}`, expected utf8"),
        ("{\"user\":\"a\",\"age\":\"1\"}", "column `age` is `\"1\"`, expected int64"),
        ("{\"user\":\"a\",\"age\":1.5}", "column `age` is `1.5`, expected int64"),
        ("{\"user\":\"a\",\"age\":9223372036854775808}", "column `age` is `9223372036854775808`"),
        ("{\"user\":\"a\",\"age\":1e999}", "column `age` is `1e999`, expected int64"),
        ("{\"user\":\"a\",\"age\":false}", "column `age` is `false`, expected int64"),
    ];
    let mut lines: Vec<_> = told.map(|(line, why)| (line.as_bytes().to_vec(), why)).into();
    lines.push((b"{\"user\":\"\xff\"}".to_vec(), "a line is not valid UTF-8"));
    lines.push((b"{\"user\":\"a\0\"}".to_vec(), "a line is not JSON: control character"));
    let deep = [b"{\"user\":".to_vec(), b"[".repeat(20_000)].concat();
    lines.push((deep, "a line is not JSON: recursion limit exceeded"));
    let deep = format!("{{\"user\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    lines.push((deep.into_bytes(), "column `user` is `[[[["));
    let long = [b"{\"user\":\"".to_vec(), b"a".repeat(70_000), b"\"}".to_vec()].concat();
    lines.push((long, "a line is longer than 65536 bytes"));
    lines
}

#[test]
fn every_kind_of_bad_json_is_kept_with_its_reason() {
    let job = JobFolder::new(JOB);
    let bad = bad_lines();
    let mut input = Vec::new();
    for (line, _) in &bad {
        input.extend_from_slice(b"{\"user\":\"good\"}\n");
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    let ran = job.run(&input);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let rows = format!("0 failed, {} rows", bad.len());
    assert!(ran.err.contains(&rows), "`{rows}` is not in:\n{}", ran.err);

    let kept = fs::read_to_string(job.path().join("bad.jsonl")).expect("it was written");
    let kept: Vec<Value> =
        kept.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let mut missing: Vec<_> = bad.iter().map(|(_, why)| *why).collect();
    for letter in &kept {
        assert_eq!(letter["source"], "rows");
        let reason = letter["reason"].as_str().expect("it has a reason");
        let found = missing.iter().position(|why| reason.starts_with(why));
        missing.swap_remove(found.unwrap_or_else(|| panic!("nobody expects: {letter}")));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// A line that is bad only in a column that nobody asked for is a row: other columns are not read.
#[test]
fn columns_that_nobody_asked_for_are_not_looked_into() {
    let job = JobFolder::new(JOB);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let line = format!("{{\"user\":\"deep\",\"other\":{deep}}}\n");
    let ran = job.run(line.as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("(deep,null)\n"), "{}\n{}", ran.out, ran.err);
}
