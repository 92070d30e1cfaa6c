//! The JSON Schema of the job file against the job files of these tests.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tidemill::config::json_schema;

const EXAMPLES: &[&str] = &[
    include_str!("../../job_files/word_count.toml"),
    include_str!("../../job_files/everything.toml"),
    include_str!("../../job_files/windows.toml"),
    include_str!("../../job_files/joins.toml"),
    include_str!("../../job_files/states.toml"),
    include_str!("../../job_files/verbs.toml"),
    include_str!("../../job_files/broadcasts.toml"),
];

/// Says what of a value the schema does not allow, by the rules that the schema uses.
fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Some(schema) = schema.as_object() else {
        return if schema == &json!(false) { vec![format!("{at}: not allowed")] } else { vec![] };
    };
    let mut wrong = Vec::new();
    if let Some(Value::String(path)) = schema.get("$ref") {
        let target = root.pointer(path.trim_start_matches('#')).expect("a definition");
        wrong.extend(check(root, target, value, at));
    }
    if !schema.get("type").is_none_or(|types| is_of(types, value)) {
        wrong.push(format!("{at}: `{value}` is not of type {}", schema["type"]));
    }
    if let Some(Value::Array(words)) = schema.get("enum")
        && !words.contains(value)
    {
        wrong.push(format!("{at}: `{value}` is none of the words"));
    }
    for (key, least, most) in [("anyOf", 1, usize::MAX), ("oneOf", 1, 1)] {
        if let Some(Value::Array(choices)) = schema.get(key) {
            let fits = choices.iter().filter(|choice| check(root, choice, value, at).is_empty());
            if !(least..=most).contains(&fits.count()) {
                wrong.push(format!("{at}: `{value}` fits not as many of `{key}` as it should"));
            }
        }
    }
    if let Value::Object(table) = value {
        wrong.extend(check_table(root, schema, table, at));
    }
    if let (Value::Array(items), Some(item)) = (value, schema.get("items")) {
        wrong.extend(items.iter().flat_map(|value| check(root, item, value, at)));
    }
    wrong
}

fn check_table(
    root: &Value,
    schema: &Map<String, Value>,
    table: &Map<String, Value>,
    at: &str,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !table.contains_key(key.as_str().expect("a key")) {
            wrong.push(format!("{at}: no {key}"));
        }
    }
    let known = schema.get("properties").and_then(Value::as_object);
    for (key, value) in table {
        let inner = known.and_then(|known| known.get(key)).or(schema.get("additionalProperties"));
        let at = format!("{at}.{key}");
        wrong.extend(inner.into_iter().flat_map(|inner| check(root, inner, value, &at)));
    }
    wrong
}

fn is_of(types: &Value, value: &Value) -> bool {
    let is = |word: &Value| match word.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => panic!("the schema has the type `{other}`"),
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}

fn mistakes(text: &str) -> String {
    let value: Value = toml::from_str(text).expect("TOML");
    let schema = json_schema();
    check(&schema, &schema, &value, "job").join("\n")
}

#[test]
fn examples_fit_the_schema() {
    for example in EXAMPLES {
        assert_eq!(mistakes(example), "");
    }
}

/// Every key of a table and of those in it.
fn keys_of(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                keys.insert(key.clone());
                keys_of(value, keys);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys_of(value, keys)),
        _ => {}
    }
}

#[test]
fn examples_show_every_key_but_some_steps() {
    let schema = json_schema();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for table in schema["$defs"].as_object().expect("tables").values().chain([&schema]) {
        known.extend(table["properties"].as_object().expect("keys").keys().map(String::as_str));
    }
    let mut written = BTreeSet::new();
    for example in EXAMPLES {
        keys_of(&toml::from_str(example).expect("TOML"), &mut written);
    }
    let lacking: Vec<&str> = known.into_iter().filter(|key| !written.contains(*key)).collect();
    let expected = [
        "count",
        "count_by_value",
        "filter",
        "flat_map_values",
        "group_by_key",
        "map_partitions",
        "map_values",
        "reduce",
    ];
    assert_eq!(lacking, expected);
}

#[test]
fn every_key_is_described() {
    let schema = json_schema();
    for (name, table) in schema["$defs"].as_object().expect("tables") {
        for (key, property) in table["properties"].as_object().expect("keys") {
            assert!(property["description"].is_string(), "`{key}` of {name} has no description");
        }
    }
}

#[test]
fn what_the_schema_does_not_allow_is_seen() {
    let good = EXAMPLES[0];
    let changed = |from: &str, to: &str| mistakes(&good.replacen(from, to, 1));
    assert_eq!(changed("rows = 10", "row = 10"), "job.sinks.console.row: not allowed");
    assert_eq!(changed("name = \"word-count\"", ""), "job: no \"name\"");
    assert_eq!(
        changed("\"socket\"", "\"sockte\""),
        "job.sources.lines.type: `\"sockte\"` is none of the words"
    );
    let two = changed("{ map = \"words.pair\" }", "{ map = \"words.pair\", count = true }");
    assert!(two.contains("`oneOf`"), "{two}");
    assert!(changed("{ map = \"words.pair\" }", "{ name = \"x\" }").contains("`oneOf`"));
}
