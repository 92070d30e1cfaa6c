//! Which test runs which of Spark's cases.
//!
//! Takes the table in `conformance/covered.md`. Gives what is wrong with it: a case that is not in
//! it, a test that does not exist. Never runs a case itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// The cases that have no lines of data, which are of components, and Spark's traps: a letter, and
/// the numbers there are.
const WITHOUT_DATA: [(&str, &[u32]); 17] = [
    ("D", &[1, 2, 3]),
    ("E", &[1, 2, 3]),
    ("F", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]),
    ("G", &[1, 2, 3, 4, 5, 6]),
    ("H", &[1, 2]),
    ("K", &[1, 2, 3, 4, 5]),
    ("L", &[1, 2, 3]),
    ("M", &[1, 2, 3, 4, 5]),
    ("P", &[8, 9]),
    ("Q", &[1, 2, 3, 4]),
    ("R", &[1, 2, 3]),
    ("T", &[1, 2, 3, 4, 5, 6, 7]),
    ("U", &[1]),
    ("V", &[1, 2, 3]),
    ("X", &[1]),
    ("Y", &[1, 2, 3, 4, 5, 6]),
    ("Z", &[1, 2, 3, 4, 5]),
];

/// Every case there is.
fn all_cases() -> BTreeSet<String> {
    let lines = include_str!("../../conformance/cases.jsonl").lines();
    let id =
        |line| serde_json::from_str::<Value>(line).expect("JSON")["id"].as_str().map(str::to_owned);
    let written = lines.map(|line| id(line).expect("a case has an id"));
    let component = |(letter, numbers): &(&str, &[u32])| {
        numbers.iter().map(|number| format!("{letter}{number:02}")).collect::<Vec<_>>()
    };
    written.chain(WITHOUT_DATA.iter().flat_map(component)).collect()
}

/// What is wrong with the table, as far as the sources tell that `read` gives by their paths.
fn faults(
    table: &str,
    cases: &BTreeSet<String>,
    read: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut listed = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| case")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, what, tests] = cells[..] else {
            faults.push(format!("three cells are expected: {line}"));
            continue;
        };
        if what.is_empty() {
            faults.push(format!("{id} says nothing of itself"));
        }
        if listed.insert(id, ()).is_some() {
            faults.push(format!("{id} is listed twice"));
        }
        if !cases.contains(id) {
            faults.push(format!("{id} is no case"));
        }
        if !tests.starts_with("left: ") {
            faults.extend(missing_tests(id, tests, &read));
        }
    }
    let missing = cases.iter().filter(|id| !listed.contains_key(id.as_str()));
    faults.extend(missing.map(|id| format!("{id} is not listed")));
    faults
}

/// Tests of a case that are not there: `path: test, test; path: test`.
fn missing_tests(id: &str, tests: &str, read: &impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tests.split("; ") {
        let Some((path, names)) = file.split_once(": ") else {
            faults.push(format!("{id}: `{file}` names no test"));
            continue;
        };
        let path = path.trim_matches('`');
        let Some(source) = read(path) else {
            faults.push(format!("{id}: there is no {path}"));
            continue;
        };
        let names = names.split(", ").filter(|name| !is_test(&source, name));
        faults.extend(names.map(|name| format!("{id}: {path} has no test `{name}`")));
    }
    faults
}

/// Whether the source has a test of that name.
fn is_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let at = lines.iter().position(|line| line.starts_with(&head));
    // Comments may stand between, as in properties.
    let attribute = |at: usize| lines[..at].iter().rev().find(|line| !line.starts_with("///"));
    at.and_then(attribute).is_some_and(|line| *line == "#[test]")
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).ok()
}

#[test]
fn every_case_of_sparks_suites_has_a_test_or_a_reason() {
    let found = faults(include_str!("../../conformance/covered.md"), &all_cases(), read);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn planted_gaps_are_found() {
    let cases = ["A01", "A02", "A03", "A04"].map(str::to_owned).into();
    let table = "\
        | case | what | tests |\n\
        | A01 | counting | `a.rs`: there_is_one, there_is_none |\n\
        | A01 | counting | `b.rs`: there_is_one |\n\
        | A02 |  | left: \n\
        | A03 | counting | later |\n\
        | B07 | counting | left: it is of another day |\n";
    let source = |path: &str| {
        let source = "#[test]\n/// A story.\nfn there_is_one() {}\nfn there_is_none() {}\n";
        (path == "a.rs").then(|| source.to_owned())
    };
    let found = faults(table, &cases, source);
    let expected = [
        "A01: a.rs has no test `there_is_none`",
        "A01 is listed twice",
        "A01: there is no b.rs",
        "A02 says nothing of itself",
        "A02: `left:` names no test",
        "A03: `later` names no test",
        "B07 is no case",
        "A04 is not listed",
    ];
    assert_eq!(found, expected);
}
