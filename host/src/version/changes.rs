//! Version: what is new and what is gone in a plugin's new version.
//!
//! Takes what both say of themselves. Gives lines for people, `-` before `+`. Never judges: that
//! they fit the job is asked elsewhere.

use std::collections::BTreeSet;

use crate::model::description::{OperatorDescription, PluginDescription};
use crate::model::parameter::Parameter;

/// What is known of one version.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What it says of itself.
    pub description: &'a PluginDescription,
    /// The interfaces that it imports.
    pub imports: &'a [String],
}

/// Operators with their columns, states and parameters, and imports, that only one of them has.
pub fn differences(old: Facts<'_>, new: Facts<'_>) -> Vec<String> {
    let (before, after) = (lines(old), lines(new));
    let gone = before.iter().filter(|line| !after.contains(*line)).map(|line| format!("- {line}"));
    let come = after.iter().filter(|line| !before.contains(*line)).map(|line| format!("+ {line}"));
    gone.chain(come).collect()
}

fn lines(of: Facts<'_>) -> BTreeSet<String> {
    let imports = of.imports.iter().map(|name| format!("import {name}"));
    of.description.operators.iter().flat_map(of_operator).chain(imports).collect()
}

fn of_operator(operator: &OperatorDescription) -> Vec<String> {
    let OperatorDescription { name, kind, input, output, state, .. } = operator;
    let mut lines = vec![format!("operator {name}: {kind} ({input}) -> ({output})")];
    if let Some(state) = state {
        let (schema, version) = (&state.schema, state.version);
        lines.push(format!("state of {name}: version {version} ({schema})"));
    }
    let parameter = |parameter: &Parameter| {
        let (own, word) = (&parameter.name, parameter.data_type.word());
        let default = parameter.default.as_ref().map(|value| format!(" = {value}"));
        format!("parameter {own} of {name}: {word}{}", default.unwrap_or_default())
    };
    lines.extend(operator.parameters.iter().map(parameter));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::description::{Binding, OperatorKind};
    use crate::model::parameter::ParameterType;
    use crate::model::schema::{Column, StreamSchema};

    fn plugin(column: ColumnType, parameters: Vec<Parameter>) -> PluginDescription {
        let operator = OperatorDescription {
            name: "stamp".to_owned(),
            kind: OperatorKind::Map,
            doc: String::new(),
            binding: Binding::Position,
            input: StreamSchema::new(vec![Column::new("id", ColumnType::Int64)]),
            output: StreamSchema::new(vec![Column::new("value", column)]),
            parameters,
            keys: StreamSchema::default(),
            broadcasts: Vec::new(),
            state: None,
        };
        PluginDescription {
            name: "stamped".to_owned(),
            version: "1.0.0".to_owned(),
            doc: String::new(),
            chains: true,
            operators: vec![operator],
        }
    }

    #[test]
    fn differences_are_told_by_what_they_are_in() {
        let least = Parameter {
            name: "least".to_owned(),
            data_type: ParameterType::Int64,
            default: Some(json!(5)),
            doc: String::new(),
        };
        let (old, new) =
            (plugin(ColumnType::Int64, Vec::new()), plugin(ColumnType::Utf8, vec![least]));
        let (imports, none) = (["tidemill:plugin/host".to_owned()], []);
        let found = differences(
            Facts { description: &old, imports: &none },
            Facts { description: &new, imports: &imports },
        );
        let expected = [
            "- operator stamp: map (id: int64) -> (value: int64)",
            "+ import tidemill:plugin/host",
            "+ operator stamp: map (id: int64) -> (value: utf8)",
            "+ parameter least of stamp: int64 = 5",
        ];
        assert_eq!(found, expected);
        let same = Facts { description: &old, imports: &none };
        assert_eq!(differences(same, same), [""; 0]);
    }
}
