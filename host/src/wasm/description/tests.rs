//! Wasm: descriptions that contradict the rules, one way each.
//!
//! Takes a right description and a change. Gives the words of the refusal. Never needs a guest.

use super::*;

fn schema(fields: &[(&str, &str)], keys: u32) -> border::Schema {
    let field = |&(name, data_type): &(&str, &str)| border::Field {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable: false,
    };
    border::Schema { fields: fields.iter().map(field).collect(), keys }
}

fn operator(name: &str, kind: border::Kind, fields: &[(&str, &str)]) -> border::Operator {
    border::Operator {
        name: name.to_owned(),
        kind,
        doc: "Does\nsomething.\x07".to_owned(),
        binding: border::Binding::Position,
        input: schema(fields, 0),
        output: schema(fields, 0),
        parameters: Vec::new(),
        state: None,
        broadcasts: Vec::new(),
    }
}

fn parameter(name: &str, data_type: &str, default: Option<&str>) -> border::Parameter {
    border::Parameter {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        default: default.map(str::to_owned),
        doc: String::new(),
    }
}

/// A map, a filter, a reduce.
fn good() -> border::Description {
    border::Description {
        name: "word-count".to_owned(),
        version: "1.0\x1b".to_owned(),
        doc: "Counts.".to_owned(),
        chains: true,
        operators: vec![
            operator("pair", border::Kind::Map, &[("_1", "utf8"), ("_2", "list<int64?>")]),
            operator("long", border::Kind::Filter, &[("word", "utf8")]),
            operator("add", border::Kind::Reduce, &[("value", "int64")]),
        ],
    }
}

type Change = fn(&mut border::Description);

fn check_refused(change: Change, expected: &str) {
    let mut description = good();
    change(&mut description);
    assert_eq!(check(description, &Missing::default()).expect_err(expected).to_string(), expected);
}

#[test]
fn right_description_is_taken_and_its_texts_are_escaped() {
    let found = check(good(), &Missing::default()).expect("it is right");
    assert_eq!(found.version, "1.0\\u{1b}");
    assert_eq!(found.operators[0].doc, "Does\nsomething.\\u{7}");
    assert_eq!(found.operators[0].input.to_string(), "_1: utf8, _2: list<int64?>");
    assert_eq!(found.operators[2].kind, OperatorKind::Reduce);
}

#[test]
fn names_that_are_none_are_refused() {
    for (change, expected) in [
        (
            (|d| d.name = "Words".to_owned()) as Change,
            "plugin `Words` is no name, expected [a-z][a-z0-9_-]*, at most 64 bytes",
        ),
        (
            |d| d.operators[0].name = "pa-ir".to_owned(),
            "operator `pa-ir` is no name, expected [a-z][a-z0-9_]*, at most 64 bytes",
        ),
        (
            |d| d.operators[0].name = "\x1b[2J".to_owned(),
            "operator `\\u{1b}[2J` is no name, expected [a-z][a-z0-9_]*, at most 64 bytes",
        ),
        (
            |d| d.operators[1].parameters = vec![parameter("", "int64", None)],
            "parameter `` is no name, expected [a-z][a-z0-9_]*, at most 64 bytes",
        ),
        (
            |d| d.operators[0].input.fields[0].name = "a\u{202e}b".to_owned(),
            "column `a\\u{202e}b` is no name, expected plain text without backticks, at most 64 \
             bytes",
        ),
        (|d| d.operators[1].name = "pair".to_owned(), "two operators are called `pair`"),
        (
            |d| d.operators[0].output.fields[1].name = "_1".to_owned(),
            "operator `pair`: in its output two columns are called `_1`",
        ),
    ] {
        check_refused(change, expected);
    }
}

#[test]
fn schemas_that_contradict_the_kind_are_refused() {
    for (change, expected) in [
        (
            (|d| d.operators[0].output.keys = 3) as Change,
            "operator `pair`: its output has 3 keys, but 2 columns",
        ),
        (
            |d| d.operators[0].output.keys = 2,
            "operator `pair`: key column `_2` is a list, which cannot be a key",
        ),
        (
            |d| d.operators[2].input.keys = 1,
            "operator `add` is of kind reduce, which sees values only, but has keys",
        ),
        (
            |d| d.operators[1].output = schema(&[("word", "binary")], 0),
            "operator `long` is of kind filter, its output must be as its input: found `word: \
             binary`, expected `word: utf8`",
        ),
        (
            |d| d.operators[2].output = schema(&[("sum", "float64")], 0),
            "operator `add` is of kind reduce, its output must be as its input: found `sum: \
             float64`, expected `value: int64`",
        ),
        (
            |d| d.operators[2].output.fields[0].nullable = true,
            "operator `add` is of kind reduce, its output must be as its input: found `value: \
             int64?`, expected `value: int64`",
        ),
        (
            |d| d.operators[0].input.fields.clear(),
            "operator `pair`: in its input there are 0 columns, expected 1 to 1024",
        ),
        (|d| d.operators.clear(), "there are 0 operators, expected 1 to 256"),
        (
            |d| d.operators[0].input.fields[0].data_type = "str\n".to_owned(),
            "operator `pair`, column `_1`: `str\\u{a}` is no column type; allowed are bool, int32, \
             int64, uint64, float64, utf8, binary, date32, timestamp, decimal128(p,s), and list<T> \
             or list<T?> of these to depth 2",
        ),
    ] {
        check_refused(change, expected);
    }
}

#[test]
fn parameters_that_contradict_themselves_are_refused() {
    for (change, expected) in [
        (
            (|d| d.operators[0].parameters = vec![parameter("n", "int32", None)]) as Change,
            "operator `pair`, parameter `n`: `int32` is no type; allowed are bool, int64, float64, \
             utf8",
        ),
        (
            |d| d.operators[0].parameters = vec![parameter("n", "int64", Some("1.5"))],
            "operator `pair`, parameter `n`: default `1.5` is no int64 in JSON",
        ),
        (
            |d| d.operators[0].parameters = vec![parameter("n", "utf8", Some("#"))],
            "operator `pair`, parameter `n`: default `#` is no utf8 in JSON",
        ),
        (
            |d| {
                let twice = parameter("n", "utf8", None);
                d.operators[0].parameters = vec![twice.clone(), twice];
            },
            "operator `pair`: two parameters are called `n`",
        ),
    ] {
        check_refused(change, expected);
    }
}

#[test]
fn reduce_without_folds_is_refused() {
    let folds = Some("tidemill:plugin/folds@0.1.0".to_owned());
    let error = check(good(), &Missing { folds, ..Missing::default() });
    assert_eq!(
        error.expect_err("it cannot fold").to_string(),
        "operator `add` is of kind reduce, but the plugin does not export \
         `tidemill:plugin/folds@0.1.0`"
    );
}
