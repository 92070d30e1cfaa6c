//! `tidemill plugin`, as it is typed: a plugin made, built, looked at and tried.
//!
//! Takes the program itself, in folders far from the checkout. Never reads its code.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::job_rig::plugin_component;
use crate::set_up::c_plugin::word_count_c;
use crate::set_up::program::{Ran, tidemill};

/// Operators of the kinds that `plugin run` treats apart, with a parameter and a rejection.
const SOURCE: &str = r#"//! Kinds.

use tidemill_sdk::prelude::*;

/// The number in a text.
#[map]
fn number(text: &str) -> Result<i64, Reject> {
    text.parse().map_err(|_| Reject::new("number", "it is no number"))
}

/// Numbers from some number on.
#[filter]
fn large(number: i64, #[param(default = 10)] least: i64) -> bool {
    number >= least
}

/// The sum.
#[reduce]
fn add(a: i64, b: i64) -> i64 {
    if b == 13 {
        panic!("thirteen");
    }
    a + b
}

/// The same payment.
#[map]
fn same(at: Timestamp, day: Date, sum: Decimal<9, 2>) -> (Timestamp, Date, Decimal<9, 2>) {
    (at, day, sum)
}

/// The sum without one number.
#[inverse]
fn minus(sum: i64, number: i64) -> i64 {
    sum - number
}

plugin!(number, large, add, same, minus);
"#;

/// A folder of its own, and cargo's folder of the checkout's plugins, where the SDK's dependencies
/// are built already.
struct Place {
    folder: TempDir,
    target: PathBuf,
}

impl Place {
    fn new() -> Self {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
        let plugins = fs::canonicalize(plugins).expect("it is there");
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, target: plugins.join("target/tidemill-guests") }
    }

    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        tidemill(self.folder.path(), arguments, input)
    }

    /// Builds the plugin in that folder; gives the path and the digest that the program prints.
    fn build(&self, name: &str) -> (String, String) {
        let target = self.target.to_string_lossy();
        let built = self.run(&["plugin", "build", name, "--target-dir", &target], "");
        assert_eq!(built.code, Some(0), "{}", built.err);
        assert!(built.err.contains(&format!("plugin `{name}`")), "{}", built.err);
        let digest = built.err.trim_end().rsplit(' ').next().expect("a word").to_owned();
        (built.out.trim_end().to_owned(), digest)
    }

    fn refused(&self, arguments: &[&str], input: &str, expected: &str) {
        let ran = self.run(arguments, input);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn plugin_goes_from_nothing_to_rows() {
    let place = Place::new();
    let made = place.run(&["plugin", "new", "greeter"], "");
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.out.contains("tidemill plugin build greeter"), "{}", made.out);
    // The story: once `split` was replaced, every hint named an operator that was gone, and none
    // said how to find those that are there.
    assert!(made.out.contains("tidemill plugin check greeter"), "{}", made.out);
    let readme = fs::read_to_string(place.folder.path().join("greeter").join("README.md"));
    let readme = readme.expect("it is there");
    assert!(readme.contains("the name of your own operator stands in its place"), "{readme}");

    let (component, digest) = place.build("greeter");
    let checked = place.run(&["plugin", "check", &component], "");
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    for expected in [
        format!("digest     {digest}").as_str(),
        "treaty     tidemill:plugin 0.1.0",
        "plugin     greeter 0.1.0",
        "chains     yes",
        "flat_map split\n  Splits a line into its words.\n  input      line: utf8 (by position)\n  \
         output     value: utf8\n",
    ] {
        assert!(checked.out.contains(expected), "`{expected}` in {}", checked.out);
    }

    let target = place.target.to_string_lossy();
    let copy = ["plugin", "build", "greeter", "--target-dir", &target, "-o", "copy.wasm"];
    let copied = place.run(&copy, "");
    assert_eq!((copied.code, copied.out.as_str()), (Some(0), "copy.wasm\n"), "{}", copied.err);
    assert!(copied.err.contains("plugin `greeter` is unchanged"), "{}", copied.err);
    assert!(!copied.err.contains("wasm32"), "nothing is made: {}", copied.err);
    let original = fs::read(&component).expect("it is there");
    assert_eq!(fs::read(place.folder.path().join("copy.wasm")).expect("copied"), original);

    let lines = "{\"line\": \"one two\"}\n\n{\"line\": \"three\"}\n";
    let ran = place.run(&["plugin", "run", &component, "split"], lines);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let other = ["plugin", "run", &component, "split"];
    place.refused(&other, "{\"_1\": \"a\"}\n", "line 1: column `line` is missing, expected utf8");
    let words = ["one", "two", "three"].map(|word| json!({ "value": word }));
    assert_eq!(rows(&ran.out), words);
}

#[test]
fn every_kind_of_operator_runs() {
    let place = Place::new();
    place.run(&["plugin", "new", "kinds"], "");
    fs::write(place.folder.path().join("kinds/src/lib.rs"), SOURCE).expect("written");
    let (component, _) = place.build("kinds");

    let texts = "{\"text\":\"7\"}\n{\"text\":\"seven\"}\n{\"text\":\"-1\"}\n";
    let ran = place.run(&["plugin", "run", &component, "number"], texts);
    assert_eq!(
        (ran.code, rows(&ran.out)),
        (Some(0), vec![json!({"value": 7}), json!({"value": -1})])
    );
    assert!(ran.err.contains("line 2 rejected by"), "{}", ran.err);
    assert!(ran.err.contains("[number]: it is no number\n1 row was rejected"), "{}", ran.err);

    let needs = "operator `minus` is of kind `inverse`, which needs keys or a state";
    place.refused(&["plugin", "run", &component, "minus"], "", needs);

    let numbers = "{\"number\":9}\n{\"number\":10}\n{\"number\":11}\n";
    let kept = |parameters: &[&str]| {
        let mut arguments = vec!["plugin", "run", &component, "large"];
        arguments.extend(parameters);
        let ran = place.run(&arguments, numbers);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        rows(&ran.out).len()
    };
    assert_eq!((kept(&[]), kept(&["--param", "least=11"])), (2, 1));
    let wrong = ["plugin", "run", &component, "large", "--param", "least=many"];
    place.refused(&wrong, numbers, "parameter `least` is `\"many\"`, expected int64");
    let wrong = ["plugin", "run", &component, "large", "--param", "most=1"];
    place.refused(&wrong, numbers, "no parameter is called `most`; allowed: least");

    let values = |list: &[i64]| -> String {
        list.iter().map(|value| format!("{}\n", json!({ "value": value, "a": value }))).collect()
    };
    let ran = place.run(&["plugin", "run", &component, "add"], &values(&[1, 2, 39]));
    assert_eq!((ran.code, ran.out.contains(":42}")), (Some(0), true), "{}{}", ran.out, ran.err);
    let ran = place.run(&["plugin", "run", &component, "add"], &values(&[1, 13]));
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("thirteen"), "{}", ran.err);
    assert_eq!(place.run(&["plugin", "run", &component, "add"], "").out, "");
    // A new plugin's numbers do not wrap.
    let ran = place.run(&["plugin", "run", &component, "add"], &values(&[i64::MAX, 1]));
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    for words in ["line 2", "add", "attempt to add with overflow"] {
        assert!(ran.err.contains(words), "{}", ran.err);
    }

    // What comes out can go in again: times, days and decimals too.
    let payment = |names: [&str; 3]| {
        let [at, day, sum] = names;
        let time = "2013-01-01T02:47:10.500Z";
        format!("{{\"{at}\":\"{time}\",\"{day}\":\"2000-02-29\",\"{sum}\":-1.25}}\n")
    };
    let same = ["plugin", "run", &component, "same"];
    let ran = place.run(&same, &payment(["at", "day", "sum"]));
    assert_eq!((ran.code, ran.out), (Some(0), payment(["_1", "_2", "_3"])), "{}", ran.err);
    let bent = payment(["at", "day", "sum"]).replace("-1.25", "1.255");
    place.refused(&same, &bent, "line 1: column `sum` is `1.255`, expected decimal128(9,2)");
}

#[test]
fn component_of_another_language_is_checked_and_run() {
    let place = Place::new();
    fs::write(place.folder.path().join("c.wasm"), word_count_c()).expect("written");
    let checked = place.run(&["plugin", "check", "c.wasm"], "");
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    assert!(checked.out.contains("chains     no"), "{}", checked.out);
    assert!(checked.out.contains("output     _1: utf8 | _2: int64"), "{}", checked.out);
    let ran = place.run(&["plugin", "run", "c.wasm", "pair"], "{\"word\":\"a\"}\n");
    assert_eq!(rows(&ran.out), [json!({"_1": "a", "_2": 1})]);
}

/// The story: a swap may be refused for its state's columns or version, and nothing showed them.
#[test]
fn what_an_operator_keeps_is_checked_too() {
    let component = plugin_component("sessions").display().to_string();
    let checked = Place::new().run(&["plugin", "check", &component], "");
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    let words = "\n  state      pages: int64, first: utf8, last: utf8 (state_version 1)\n";
    assert!(checked.out.contains(words), "`{words}` in {}", checked.out);
}

#[test]
fn what_cannot_be_made_or_built_is_told() {
    let place = Place::new();
    fs::create_dir(place.folder.path().join("taken")).expect("made");
    place.refused(&["plugin", "new", "taken"], "", "`taken` is there already");
    place.refused(&["plugin", "new", "2nd"], "", "`2nd` cannot name a plugin; allowed are");
    place.refused(&["plugin", "build", "taken"], "", "has no `Cargo.toml`");
    place.refused(&["plugin", "build", "nowhere"], "", "`nowhere` is no folder");

    place.run(&["plugin", "new", "faulty"], "");
    let source = place.folder.path().join("faulty/src/lib.rs");
    let text = fs::read_to_string(&source).expect("it is there");
    let target = place.target.to_string_lossy();
    let build = ["plugin", "build", "faulty", "--target-dir", &target];
    fs::write(&source, text.replace("plugin!(split);", "")).expect("written");
    place.refused(&build, "", "plugin `faulty` exports no operators");
    fs::write(&source, text.replace("&str>", "u8>")).expect("written");
    place.refused(&build, "", "error[E0");
    place.refused(&build, "", "error: plugin `faulty` does not compile");
}

#[test]
fn what_cannot_be_loaded_or_run_is_told() {
    let place = Place::new();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(place.folder.path().join(name), bytes).expect("written");
    };
    let component = word_count_c();
    file("c.wasm", component);
    file("half.wasm", &component[..component.len() / 2]);
    file("module.wasm", b"\0asm\x01\0\0\0");
    file("text.wasm", b"(component)");
    place.refused(&["plugin", "check", "no.wasm"], "", "failed to read component `no.wasm`");
    place.refused(&["plugin", "check", "half.wasm"], "", "the component is truncated");
    place.refused(&["plugin", "check", "module.wasm"], "", "the file is a core module");
    place.refused(&["plugin", "check", "text.wasm"], "", "the file is text");
    let run = ["plugin", "run", "c.wasm", "splt"];
    place.refused(&run, "", "has no operator `splt`; it has");
    let run = ["plugin", "run", "c.wasm", "split"];
    place.refused(&run, "{\"line\": 1}\n", "line 1: column `line` is `1`, expected utf8");
    place.refused(&run, "{\"word\": \"a\"}\n", "line 1:");
    place.refused(&run, "\u{1b}[2J\n", "line 1:");
    let run = ["plugin", "run", "c.wasm", "split", "--param", "mark"];
    place.refused(&run, "", "expected NAME=VALUE");
}
