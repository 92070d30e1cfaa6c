//! Wrong job files: every mistake with line and column, what was found, what is allowed.
//!
//! Takes changes of a job file that is right. Gives them to the program. The words themselves are
//! tested where job files are read; here is tested that they reach the user.

use std::fs;

use crate::bad_input::{acts_on_a_terminal, unwrapped};
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::tidemill;

const GOOD: &str = r#"name = "job"
batch_interval = "20ms"
[sources.lines]
type = "stdin"
[streams.out]
from = "lines"
steps = [{ count_by_value = true }]
[sinks.console]
type = "print"
from = "out"
"#;

/// Replaces a piece of the good job file and compares what the program says of the place and of
/// the mistake.
fn check(piece: &str, replacement: &str, place: &str, expected: &[&str]) {
    assert!(GOOD.contains(piece), "`{piece}` is not in the good job file");
    let job = JobFolder::new(&GOOD.replacen(piece, replacement, 1));
    for ran in [job.run(b"a\n"), job.explain()] {
        let said = unwrapped(&ran.err);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{said}");
        for words in [&[place], expected].concat() {
            assert!(said.contains(words), "`{words}` is not in:\n{}", ran.err);
        }
        assert!(!acts_on_a_terminal(&ran.err) && ran.err.len() < 10_000, "{:?}", ran.err);
    }
}

#[test]
fn a_right_job_file_runs() {
    let ran = JobFolder::new(GOOD).run(b"a\nb\na\n");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("(a,2)\n") && ran.out.contains("(b,1)\n"), "{}", ran.out);
}

#[test]
fn mistakes_of_syntax_are_shown_in_their_line() {
    check(r#"name = "job""#, r#"name = "job"#, "[job.toml:1:12]", &["invalid basic string"]);
    check("[sinks.console]", "[sinks.console", "[job.toml:8:15]", &["unclosed table", "`]`"]);
    // Lines that nobody could read are not shown.
    let lists = format!("name = {}", "[".repeat(100_000));
    check(r#"name = "job""#, &lists, "job.toml:1:88: cannot recurse further", &[]);
    let long = format!("name = \"{}\"\nname = 5", "j".repeat(100_000));
    check(r#"name = "job""#, &long, "job.toml:2:1: `name` stands twice", &[]);
}

#[test]
fn sinks_that_would_write_the_same_folders_are_shown() {
    let sink = "type = \"files\"\nfrom = \"out\"\nprefix = \"p\"\npath = ";
    let both = format!("[sinks.one]\n{sink}\"o\"\n[sinks.two]\n{sink}\"./o/\"\n[sinks.console]");
    let expected = ["sink `one` writes to the same folders, `", "set another `path` or `prefix`"];
    check("[sinks.console]", &both, "[job.toml:17:8]", &expected);
}

#[test]
fn unknown_keys_are_shown_with_the_nearest() {
    check(
        "batch_interval",
        "batch_intervall",
        "[job.toml:2:1]",
        &["unknown key `batch_intervall`", "did you mean `batch_interval`?"],
    );
}

#[test]
fn wrong_types_are_shown_with_the_right_ones() {
    check(
        r#""20ms""#,
        "20",
        "[job.toml:2:18]",
        &["found integer `20`, expected a duration such as \"200ms\""],
    );
    let deep = format!("{}bool{}", "list<".repeat(100_000), ">".repeat(100_000));
    check(
        r#"type = "stdin""#,
        &format!("type = \"stdin\"\nformat = \"json\"\nschema = {{ a = \"{deep}\" }}"),
        "job.toml:6:16: `list<list<",
        &["is no column type; allowed are bool, int32"],
    );
}

#[test]
fn streams_that_are_missing_or_form_a_ring_are_shown() {
    check(
        r#"from = "out""#,
        r#"from = "ouut""#,
        "[job.toml:10:8]",
        &["no source or stream is called `ouut`; there are `lines`, `out`", "did you mean `out`?"],
    );
    check(
        r#"from = "lines""#,
        r#"from = "out""#,
        "[job.toml:6:8]",
        &["streams form a ring: `out` -> `out`", "start one of them from a source"],
    );
}

#[test]
fn names_that_stand_twice_are_shown() {
    check(
        "[streams.out]",
        "[sources.lines]\n[streams.out]",
        "[job.toml:5:10]",
        &["`lines` stands twice, allowed is once"],
    );
    check(
        "[streams.out]",
        "[streams.lines]\nfrom = \"lines\"\n[streams.out]",
        "[job.toml:5:10]",
        &["a source has this name already"],
    );
}

#[test]
fn all_mistakes_are_shown_at_once() {
    check(
        "from = \"lines\"",
        "frm = \"lines\"\nfrom = 5",
        "[job.toml:6:1]",
        &["unknown key `frm`", "[job.toml:7:8]", "found integer `5`, expected a text"],
    );
}

#[test]
fn characters_that_act_on_a_terminal_are_not_shown() {
    check(
        r#"name = "job""#,
        "name = \"\u{1b}[2Jjob\" # \u{9b}1m \u{202e}\r",
        "[job.toml:1:",
        &["name = \"?[2Jjob\" # ??1m ???"],
    );
}

#[test]
fn files_that_are_no_job_files_are_named() {
    let job = JobFolder::new("");
    let refused = |arguments: &[&str], expected: &[&str]| {
        let ran = tidemill(job.path(), arguments, "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
        for words in expected {
            assert!(ran.err.contains(words), "`{words}` is not in:\n{}", ran.err);
        }
    };
    let no_file = ["failed to read `no.toml`", "because: No such file or directory"];
    refused(&["run", "no.toml"], &no_file);
    refused(&["explain", "no.toml"], &no_file);
    refused(&["run", "."], &["failed to read `.`", "because: Is a directory"]);
    job.put("bytes.toml", b"name = \"\xff\"\n");
    refused(&["run", "bytes.toml"], &["`bytes.toml` is no text"]);
    let large = fs::File::create(job.path().join("large.toml")).expect("there is room");
    large.set_len(1 << 30).expect("it is sparse");
    refused(&["run", "large.toml"], &["`large.toml` is 1073741824 bytes, a job file is at most"]);
    job.put("empty.toml", b"");
    refused(&["run", "empty.toml"], &["has no `name`, which is required"]);
}
