//! Wrong plugins of a job: what is wrong with the file, and where the job file names it.
//!
//! Takes components made by hand, and files that are none. Gives them to the program, in a job.

use crate::bad_input::{acts_on_a_terminal, unwrapped};
use crate::border::handmade::{Handmade, TREATY, WITHOUT_FOLDS};
use crate::set_up::job_folder::JobFolder;

/// A job with one plugin, in line 3, and one step of it, in line 11.
const JOB: &str = r#"name = "job"
batch_interval = "20ms"
[plugins.words]
component = "words.wasm"
[sources.lines]
type = "stdin"
format = "json"
schema = { line = "utf8" }
[streams.out]
from = "lines"
steps = [{ flat_map = "words.op" }]
[sinks.console]
type = "print"
from = "out"
"#;
const PLUGIN: &str = "[job.toml:3:10]";
const STEP: &str = "flat_map = \"words.op\"";

fn check(job: &JobFolder, place: &str, expected: &str) {
    for ran in [job.run(b"{\"line\":\"a\"}\n"), job.explain()] {
        let said = unwrapped(&ran.err);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{expected}: {said}");
        for words in [place, expected] {
            assert!(said.contains(words), "`{words}` is not in:\n{}", ran.err);
        }
        assert!(!acts_on_a_terminal(&ran.err), "{:?}", ran.err);
    }
}

fn check_component(bytes: &[u8], expected: &str) {
    let job = JobFolder::new(JOB);
    job.put("words.wasm", bytes);
    check(&job, PLUGIN, &format!("plugin `words` cannot be used: {expected}"));
}

/// Changes a piece of the job whose plugin is right.
fn check_job(piece: &str, replacement: &str, place: &str, expected: &str) {
    assert!(JOB.contains(piece), "`{piece}` is not in the job");
    let job = JobFolder::new(&JOB.replacen(piece, replacement, 1));
    job.put("words.wasm", &Handmade::default().component());
    check(&job, place, expected);
}

#[test]
fn files_that_are_missing_are_named() {
    let job = JobFolder::new(JOB);
    check(&job, PLUGIN, "plugin `words` cannot be used: failed to read component");
    check(&job, PLUGIN, "words.wasm`: No such file or directory");
    let job = JobFolder::new(&JOB.replacen("words.wasm", ".", 1));
    check(&job, PLUGIN, "it is a folder, expected a component file");
    let job = JobFolder::new(&JOB.replacen("component = \"words.wasm\"", "source = \"gone\"", 1));
    check(&job, PLUGIN, "plugin `words` cannot be built:");
    check(&job, PLUGIN, "gone` is no folder");
}

#[test]
fn manifests_that_are_wrong_are_shown_in_lines() {
    let job = JobFolder::new(&JOB.replacen("component = \"words.wasm\"", "source = \"wrong\"", 1));
    std::fs::create_dir(job.path().join("wrong")).expect("made");
    job.put("wrong/Cargo.toml", b"[package\nname = \"wrong\"\n");
    check(&job, PLUGIN, "plugin `words` cannot be built:");
    check(&job, PLUGIN, "TOML parse error at line 1");
    let said = job.explain().err;
    assert!(!said.contains("\\u{a}") && said.contains("| [package\n"), "{said}");
}

#[test]
fn files_that_are_no_components_are_told_apart() {
    check_component(
        b"\0asm\x01\0\0\0",
        "the file is a core module, expected a component: `tidemill plugin build` makes one of it",
    );
    check_component(b"(component)", "the file is text, expected a component in binary form");
    check_component(b"", "the file is empty, expected a component");
    let component = Handmade::default().component();
    let half = &component[..component.len() / 2];
    check_component(half, "the component is truncated: it ends at byte");
}

#[test]
fn components_for_another_host_are_told_apart() {
    let treaty = TREATY.replace("@0.1.0", "@0.2.0");
    let world = WITHOUT_FOLDS.replace("@0.1.0", "@0.2.0");
    let other = Handmade { treaty, world, ..Handmade::default() }.component();
    check_component(&other, "found `tidemill:plugin/");
    check_component(&other, "");
    let world = format!("import wasi:cli/environment@0.2.0; {WITHOUT_FOLDS}");
    let imports = r#"(import "wasi:cli/environment@0.2.0" "get-arguments" (func (param i32)))"#;
    let imports = imports.to_owned();
    check_component(
        &Handmade { world, imports, ..Handmade::default() }.component(),
        "the component imports `wasi:cli/environment@0.2.0`: guests import no WASI; build it for \
         `wasm32-unknown-unknown`",
    );
}

#[test]
fn operators_that_are_missing_or_of_another_kind_are_named() {
    check_job(
        STEP,
        "flat_map = \"words.opp\"",
        "[job.toml:11:23]",
        "plugin `words` has no operator `opp`; it has `op`",
    );
    check_job(
        STEP,
        "map = \"words.op\"",
        "[job.toml:11:18]",
        "operator `words.op` is a flat_map, the step is a map",
    );
}

#[test]
fn columns_and_parameters_that_do_not_fit_are_named() {
    check_job(
        "line = \"utf8\"",
        "line = \"int64\"",
        "[job.toml:11:23]",
        "operator `words.op`: column `line` is int64, expected utf8 (its `line`)",
    );
    check_job(
        "line = \"utf8\"",
        "line = \"utf8?\"",
        "[job.toml:11:23]",
        "operator `words.op`: column `line` is nullable utf8, expected utf8 that is never null",
    );
    check_job(
        STEP,
        "flat_map = \"words.op\", params = { mark = 1 }",
        "[job.toml:11:44]",
        "operator `words.op`: no parameter is called `mark`; allowed: none",
    );
}

/// A plugin that fails is told with its operator and what it said; the batch's rows are not half
/// published, and the exit code says that the job ran.
#[test]
fn operators_that_fail_end_the_job_with_their_words() {
    let job = JobFolder::new(JOB);
    job.put("words.wasm", &Handmade::default().component());
    let ran = job.run(b"{\"line\":\"a\"}\n");
    assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
    let error = ran.err.lines().find(|line| line.starts_with("error: ")).expect("it is told");
    for words in ["batch ", "stream `out`", "partition 0", "operator `words.op` failed"] {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
}
