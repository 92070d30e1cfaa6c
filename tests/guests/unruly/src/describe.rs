//! What the unruly guest says of itself.

use tidemill_sdk::bindings::tidemill::plugin::types::{
    Binding, Broadcast, Description, Field, Kind, Operator, Parameter, Schema, State,
};

/// The operators, each with its kind, its columns and its parameter. Calls number them by place.
pub const OPERATORS: [(&str, Kind, &str, &str, &str); 17] = [
    ("echo", Kind::Map, "utf8", "utf8", ""),
    ("trap_at", Kind::Map, "utf8", "utf8", "row"),
    ("panic_at", Kind::Map, "utf8", "utf8", "row"),
    ("fail_at", Kind::Map, "utf8", "utf8", "row"),
    ("run_forever", Kind::Map, "utf8", "utf8", ""),
    ("grow", Kind::Map, "utf8", "utf8", ""),
    ("recurse", Kind::Map, "utf8", "utf8", ""),
    ("flood_log", Kind::Map, "utf8", "utf8", "lines"),
    ("count", Kind::Map, "utf8", "utf8", "by"),
    ("calls", Kind::Map, "utf8", "int64", ""),
    ("answer", Kind::FlatMap, "binary", "utf8", ""),
    ("amplify", Kind::FlatMap, "utf8", "binary", "bytes"),
    ("keep_even", Kind::Filter, "utf8", "utf8", ""),
    ("reject_odd", Kind::Map, "utf8", "utf8", ""),
    ("sum", Kind::Reduce, "int64", "int64", ""),
    ("state_answer", Kind::MapWithState, "int64", "int64", "wrong"),
    ("ask", Kind::Map, "utf8", "int64", "which"),
];

pub fn description() -> Description {
    Description {
        name: "unruly".to_owned(),
        version: "0.1.0".to_owned(),
        doc: "Does what a plugin should not.\nIn many ways.\x07".to_owned(),
        chains: true,
        operators: OPERATORS.iter().map(operator).collect(),
    }
}

fn operator(&(name, kind, from, to, parameter): &(&str, Kind, &str, &str, &str)) -> Operator {
    let parameter = (!parameter.is_empty()).then(|| Parameter {
        name: parameter.to_owned(),
        data_type: "int64".to_owned(),
        default: Some("0".to_owned()),
        doc: String::new(),
    });
    Operator {
        name: name.to_owned(),
        kind,
        doc: String::new(),
        binding: Binding::Position,
        input: schema(from),
        output: schema(to),
        parameters: parameter.into_iter().collect(),
        state: (kind == Kind::MapWithState).then(|| State {
            keys: Vec::new(),
            fields: schema("int64").fields,
            version: 1,
        }),
        broadcasts: (name == "ask").then(known).into_iter().collect(),
    }
}

fn known() -> Broadcast {
    let (name, fields) = ("known".to_owned(), schema("int64").fields);
    Broadcast { name, binding: Binding::Position, fields }
}

fn schema(data_type: &str) -> Schema {
    let (name, data_type) = ("value".to_owned(), data_type.to_owned());
    Schema { fields: vec![Field { name, data_type, nullable: false }], keys: 0 }
}
