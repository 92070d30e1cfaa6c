//! Mistakes of a job file that are shown together, and those that must wait for others.
//!
//! Takes job files with several mistakes each. Gives the lines in which the program shows them.

use crate::bad_input::unwrapped;
use crate::set_up::job_folder::JobFolder;

fn shown(job: &str, expected: &[&str], absent: &[&str]) {
    let ran = JobFolder::new(job).explain();
    let said = unwrapped(&ran.err);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{said}");
    for words in expected {
        assert!(said.contains(words), "`{words}` is not in:\n{}", ran.err);
    }
    for words in absent {
        assert!(!said.contains(words), "`{words}` is in:\n{}", ran.err);
    }
}

/// The story: unknown keys hid missing streams, missing streams hid rings, and all had to be mended
/// one after the other.
#[test]
fn all_that_the_file_itself_tells_is_shown_at_once() {
    shown(
        r#"name = "job"
batch_interval = 5
[plugins.lost]
memory = "64MiB"
[sources.lines]
typ = "stdin"
[sources.other]
type = "stdin"
[streams.a]
from = "b"
[streams.b]
from = "a"
[streams.c]
from = "d"
[streams.d]
from = "c"
[streams.e]
from = "lines"
steps = [
  { where = { column = "line", iss = "=" } },
  { reduce_by_key = "summ" },
  { map = "lost.pair" },
  { union = "nowhere" },
  { sort_by = "line", descending = true },
]
[sinks.console]
type = "print"
from = "eee"
[sinks.files]
type = "files"
from = "a"
"#,
        &[
            "[job.toml:2:18]",
            "expected a duration",
            "plugin `lost` has no code",
            "unknown key `typ`",
            "streams form a ring: `a` -> `b` -> `a`",
            "streams form a ring: `c` -> `d` -> `c`",
            "unknown key `iss`",
            "`summ` is no operator, expected `plugin.operator` or `sum`",
            "no source or stream is called `nowhere`",
            "it stands in the table of `sort_by`: `sort_by = { by = ..., descending = ... }`",
            "no source or stream is called `eee`",
            "sink `files` has no `path`",
        ],
        // Nobody is blamed for what could not be read.
        &["no plugin is called `lost`", "is called `lines`", "no `type`"],
    );
}

#[test]
fn a_section_that_cannot_be_read_makes_no_further_mistakes() {
    shown(
        "name = \"job\"\nbatch_interval = \"1s\"\n[source.lines]\ntype = \"stdin\"\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n",
        &["unknown key `source`", "did you mean `sources`?"],
        &["no source or stream"],
    );
}

/// The story: the first plugin that could not be loaded hid all others, and what did not fit.
#[test]
fn plugins_and_streams_that_do_not_work_are_shown_at_once() {
    shown(
        r#"name = "job"
batch_interval = "1s"
[plugins.one]
component = "one.wasm"
[plugins.two]
component = "two.wasm"
[sources.lines]
type = "stdin"
[streams.a]
from = "lines"
steps = [{ map = "one.pair" }]
[streams.b]
from = "lines"
steps = [{ select = "lin" }]
[streams.c]
from = "lines"
steps = [{ group_by_key = true }]
[sinks.console]
type = "print"
from = "a"
"#,
        &[
            "plugin `one` cannot be used",
            "plugin `two` cannot be used",
            "`select` needs column `lin`, found `line`",
            "`group_by_key` works by key",
        ],
        &["is not loaded"],
    );
}
