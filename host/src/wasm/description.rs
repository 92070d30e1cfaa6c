//! Wasm: what a plugin says of itself, checked before anyone plans with it.
//!
//! Takes the answer of `describe`. Gives the model's description. Never passes on a name, a type
//! or a number that a later room would have to doubt.

use serde_json::Value;

use super::bindings::latest::tidemill::plugin::types as border;
use crate::limits;
use crate::model::column_type::{self, ColumnType};
use crate::model::description::{
    Binding, BroadcastWanted, OperatorDescription, OperatorKind, PluginDescription,
};
use crate::model::parameter::{Parameter, ParameterType};
use crate::model::schema::{Column, StreamSchema};
use crate::model::stateful::StateDescription;
use crate::model::text::number_of;
use crate::model::text::{escape, escape_paragraph, is_plain};

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// A name of other characters, or too long.
    #[error("{what} `{found}` is no name, expected {expected}, at most {allowed} bytes")]
    Name {
        /// What has it.
        what: &'static str,
        /// The name, escaped.
        found: String,
        /// The allowed characters.
        expected: &'static str,
        /// The allowed length.
        allowed: usize,
    },
    /// Two things of one kind with the same name.
    #[error("{place}two {what}s are called `{name}`")]
    Duplicate {
        /// The operator it is in, with a colon, or nothing.
        place: String,
        /// What they are.
        what: &'static str,
        /// Their name.
        name: String,
    },
    /// More of something than a plugin may have, or none.
    #[error("{place}there are {found} {what}s, expected 1 to {allowed}")]
    Count {
        /// The operator it is in, with a colon, or nothing.
        place: String,
        /// What is counted.
        what: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// A column of a type outside the grammar.
    #[error(
        "operator `{operator}`, column `{column}`: `{found}` is no column type; allowed are {}",
        column_type::ALLOWED
    )]
    ColumnType {
        /// The operator.
        operator: String,
        /// The column.
        column: String,
        /// The word, escaped.
        found: String,
    },
    /// More keys than columns.
    #[error(
        "operator `{operator}`: its {side} has {}, but {}",
        number_of(*.found, "key", "keys"), number_of(*.columns, "column", "columns")
    )]
    Keys {
        /// The operator.
        operator: String,
        /// `input` or `output`.
        side: &'static str,
        /// The keys.
        found: u32,
        /// The columns.
        columns: usize,
    },
    /// Keys where only values are seen.
    #[error("operator `{operator}` is of kind {kind}, which sees values only, but has keys")]
    KeysOfValues {
        /// The operator.
        operator: String,
        /// Its kind.
        kind: OperatorKind,
    },
    /// A list as a key.
    #[error("operator `{operator}`: key column `{column}` is a list, which cannot be a key")]
    ListKey {
        /// The operator.
        operator: String,
        /// The column.
        column: String,
    },
    /// An output that contradicts the kind.
    #[error(
        "operator `{operator}` is of kind {kind}, its output must be as its input: found \
         `{found}`, expected `{expected}`"
    )]
    Output {
        /// The operator.
        operator: String,
        /// Its kind.
        kind: OperatorKind,
        /// The output.
        found: String,
        /// The input.
        expected: String,
    },
    /// An operator whose kind needs an interface that the plugin lacks.
    #[error("operator `{operator}` is of kind {kind}, but the plugin does not export `{missing}`")]
    NoInterface {
        /// The operator.
        operator: String,
        /// Its kind.
        kind: OperatorKind,
        /// The interface.
        missing: String,
    },
    /// A stateful operator without a state, or another one with it.
    #[error(
        "operator `{operator}` is of kind {kind}, which {}",
        if *.found { "keeps no state" } else { "says what it keeps" }
    )]
    State {
        /// The operator.
        operator: String,
        /// Its kind.
        kind: OperatorKind,
        /// Whether it says that it keeps one.
        found: bool,
    },
    /// A parameter of a type outside the grammar.
    #[error(
        "operator `{operator}`, parameter `{parameter}`: `{found}` is no type; allowed are bool, \
         int64, float64, utf8"
    )]
    ParameterType {
        /// The operator.
        operator: String,
        /// The parameter.
        parameter: String,
        /// The word, escaped.
        found: String,
    },
    /// A default that is no JSON, or of another type.
    #[error(
        "operator `{operator}`, parameter `{parameter}`: default `{found}` is no {expected} in JSON"
    )]
    Default {
        /// The operator.
        operator: String,
        /// The parameter.
        parameter: String,
        /// The default, escaped.
        found: String,
        /// The type's word.
        expected: &'static str,
    },
}

/// Names of the optional interfaces that a plugin lacks.
#[derive(Debug, Clone, Default)]
pub(super) struct Missing {
    pub(super) folds: Option<String>,
    pub(super) stateful: Option<String>,
}

/// Checks a description.
pub(super) fn check(
    found: border::Description,
    missing: &Missing,
) -> Result<PluginDescription, DescriptionError> {
    check_identifier("plugin", &found.name, true)?;
    check_count("", "operator", found.operators.len(), limits::OPERATORS_MAX)?;
    let operators = found
        .operators
        .into_iter()
        .map(|operator| check_operator(operator, missing))
        .collect::<Result<Vec<_>, _>>()?;
    check_unique("", "operator", operators.iter().map(|o| o.name.as_str()))?;
    Ok(PluginDescription {
        name: found.name,
        version: escape(&found.version, limits::NAME_BYTES_MAX),
        doc: escape_paragraph(&found.doc, limits::GUEST_TEXT_BYTES_MAX),
        chains: found.chains,
        operators,
    })
}

fn check_operator(
    found: border::Operator,
    missing: &Missing,
) -> Result<OperatorDescription, DescriptionError> {
    check_identifier("operator", &found.name, false)?;
    let parameters = check_parameters(&found.name, found.parameters)?;
    let kind = kind(found.kind);
    let rows_of_its_own = kind != OperatorKind::UpdateState;
    let (keys, state) = check_state(&found.name, found.state)?;
    let broadcasts = check_broadcasts(&found.name, found.broadcasts)?;
    let operator = OperatorDescription {
        kind,
        doc: escape_paragraph(&found.doc, limits::GUEST_TEXT_BYTES_MAX),
        binding: binding(found.binding),
        input: check_schema(&found.name, "input", found.input, true)?,
        output: check_schema(&found.name, "output", found.output, rows_of_its_own)?,
        parameters,
        keys,
        state,
        broadcasts,
        name: found.name,
    };
    check_kind(&operator, missing)?;
    Ok(operator)
}

fn binding(binding: border::Binding) -> Binding {
    match binding {
        border::Binding::Position => Binding::Position,
        border::Binding::Name => Binding::Name,
    }
}

/// The broadcasts that an operator reads. Their names are the job's.
fn check_broadcasts(
    operator: &str,
    found: Vec<border::Broadcast>,
) -> Result<Vec<BroadcastWanted>, DescriptionError> {
    let place = format!("operator `{operator}`: ");
    if !found.is_empty() {
        check_count(&place, "broadcast", found.len(), limits::OPERATOR_BROADCASTS_MAX)?;
    }
    let wanted = |broadcast: border::Broadcast| {
        check_identifier("broadcast", &broadcast.name, false)?;
        let schema = border::Schema { fields: broadcast.fields, keys: 0 };
        let schema = check_schema(operator, "broadcast", schema, true)?;
        Ok(BroadcastWanted { name: broadcast.name, binding: binding(broadcast.binding), schema })
    };
    let wanted = found.into_iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
    check_unique(&place, "broadcast", wanted.iter().map(|one| one.name.as_str()))?;
    Ok(wanted)
}

/// The key columns that a stateful operator is shown, and what it keeps.
fn check_state(
    operator: &str,
    found: Option<border::State>,
) -> Result<(StreamSchema, Option<StateDescription>), DescriptionError> {
    let Some(border::State { keys, fields, version }) = found else {
        return Ok((StreamSchema::default(), None));
    };
    let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    let keys = border::Schema { fields: keys, keys: count };
    let keys = check_schema(operator, "key", keys, false)?;
    let schema = border::Schema { fields, keys: 0 };
    let schema = check_schema(operator, "state", schema, true)?;
    Ok((keys, Some(StateDescription { schema, version })))
}

fn kind(kind: border::Kind) -> OperatorKind {
    match kind {
        border::Kind::Map => OperatorKind::Map,
        border::Kind::FlatMap => OperatorKind::FlatMap,
        border::Kind::Filter => OperatorKind::Filter,
        border::Kind::MapPartitions => OperatorKind::MapPartitions,
        border::Kind::MapValues => OperatorKind::MapValues,
        border::Kind::FlatMapValues => OperatorKind::FlatMapValues,
        border::Kind::Reduce => OperatorKind::Reduce,
        border::Kind::Combine => OperatorKind::Combine,
        border::Kind::Inverse => OperatorKind::Inverse,
        border::Kind::UpdateState => OperatorKind::UpdateState,
        border::Kind::MapWithState => OperatorKind::MapWithState,
    }
}

/// What a kind promises of its schemas.
fn check_kind(operator: &OperatorDescription, missing: &Missing) -> Result<(), DescriptionError> {
    let OperatorDescription { name, kind, input, output, .. } = operator;
    let (name, kind) = (name.clone(), *kind);
    if operator.state.is_some() != kind.keeps_state() {
        let found = operator.state.is_some();
        return Err(DescriptionError::State { operator: name, kind, found });
    }
    let makes_rows = kind.sees_whole_rows() || kind == OperatorKind::MapWithState;
    if (!kind.sees_whole_rows() && input.keys > 0) || (!makes_rows && output.keys > 0) {
        return Err(DescriptionError::KeysOfValues { operator: name, kind });
    }
    let as_input = match kind {
        OperatorKind::Filter => output == input,
        // What was folded is folded again, so it must do as input; names are the host's.
        OperatorKind::Reduce | OperatorKind::Inverse => {
            output.columns.len() == input.columns.len()
                && output.columns.iter().zip(&input.columns).all(|(o, i)| o.satisfies(i))
        }
        _ => true,
    };
    if !as_input {
        let (found, expected) = (output.to_string(), input.to_string());
        return Err(DescriptionError::Output { operator: name, kind, found, expected });
    }
    let missing = if kind.folds() || kind == OperatorKind::Inverse {
        &missing.folds
    } else if kind.keeps_state() {
        &missing.stateful
    } else {
        &None
    };
    match missing.clone() {
        Some(missing) => Err(DescriptionError::NoInterface { operator: name, kind, missing }),
        None => Ok(()),
    }
}

fn check_schema(
    operator: &str,
    side: &'static str,
    found: border::Schema,
    needs_columns: bool,
) -> Result<StreamSchema, DescriptionError> {
    let place = format!("operator `{operator}`: in its {side} ");
    if needs_columns || !found.fields.is_empty() {
        check_count(&place, "column", found.fields.len(), limits::COLUMNS_MAX)?;
    }
    let columns = found
        .fields
        .into_iter()
        .map(|field| check_column(operator, field))
        .collect::<Result<Vec<_>, _>>()?;
    check_unique(&place, "column", columns.iter().map(|c| c.name.as_str()))?;
    let keys = found.keys as usize;
    if keys > columns.len() {
        let (operator, columns) = (operator.to_owned(), columns.len());
        return Err(DescriptionError::Keys { operator, side, found: found.keys, columns });
    }
    let is_list = |column: &&Column| matches!(column.data_type, ColumnType::List(..));
    if let Some(list) = columns[..keys].iter().find(is_list) {
        let (operator, column) = (operator.to_owned(), list.name.clone());
        return Err(DescriptionError::ListKey { operator, column });
    }
    Ok(StreamSchema::new(columns).with_keys(keys))
}

fn check_column(operator: &str, field: border::Field) -> Result<Column, DescriptionError> {
    let plain = field.name.chars().all(|c| is_plain(c) && c != '`');
    if field.name.trim().is_empty() || !plain || field.name.len() > limits::NAME_BYTES_MAX {
        let expected = "plain text without backticks";
        return Err(name_error("column", &field.name, expected));
    }
    let data_type = field.data_type.parse().map_err(|_| DescriptionError::ColumnType {
        operator: operator.to_owned(),
        column: field.name.clone(),
        found: escape(&field.data_type, limits::NAME_BYTES_MAX),
    })?;
    Ok(Column { name: field.name, data_type, nullable: field.nullable })
}

fn check_parameters(
    operator: &str,
    found: Vec<border::Parameter>,
) -> Result<Vec<Parameter>, DescriptionError> {
    let place = format!("operator `{operator}`: ");
    if !found.is_empty() {
        check_count(&place, "parameter", found.len(), limits::OPERATORS_MAX)?;
    }
    let parameters = found
        .into_iter()
        .map(|parameter| check_parameter(operator, parameter))
        .collect::<Result<Vec<_>, _>>()?;
    check_unique(&place, "parameter", parameters.iter().map(|p| p.name.as_str()))?;
    Ok(parameters)
}

fn check_parameter(
    operator: &str,
    found: border::Parameter,
) -> Result<Parameter, DescriptionError> {
    check_identifier("parameter", &found.name, false)?;
    let data_type = ParameterType::from_word(&found.data_type).ok_or_else(|| {
        DescriptionError::ParameterType {
            operator: operator.to_owned(),
            parameter: found.name.clone(),
            found: escape(&found.data_type, limits::NAME_BYTES_MAX),
        }
    })?;
    let default = match &found.default {
        None => None,
        Some(text) => {
            let value = serde_json::from_str::<Value>(text).ok();
            Some(value.filter(|value| data_type.accepts(value)).ok_or_else(|| {
                DescriptionError::Default {
                    operator: operator.to_owned(),
                    parameter: found.name.clone(),
                    found: escape(text, limits::NAME_BYTES_MAX),
                    expected: data_type.word(),
                }
            })?)
        }
    };
    let doc = escape_paragraph(&found.doc, limits::GUEST_TEXT_BYTES_MAX);
    Ok(Parameter { name: found.name, data_type, default, doc })
}

/// Lower case letters, digits and `_`; a plugin is often named after its crate, so it may have `-`.
fn check_identifier(what: &'static str, name: &str, hyphens: bool) -> Result<(), DescriptionError> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let all = name.bytes().all(|b| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || (hyphens && b == b'-')
    });
    if first && all && name.len() <= limits::NAME_BYTES_MAX {
        return Ok(());
    }
    let expected = if hyphens { "[a-z][a-z0-9_-]*" } else { "[a-z][a-z0-9_]*" };
    Err(name_error(what, name, expected))
}

fn name_error(what: &'static str, found: &str, expected: &'static str) -> DescriptionError {
    let found = escape(found, limits::NAME_BYTES_MAX);
    DescriptionError::Name { what, found, expected, allowed: limits::NAME_BYTES_MAX }
}

fn check_count(
    place: &str,
    what: &'static str,
    found: usize,
    allowed: usize,
) -> Result<(), DescriptionError> {
    if (1..=allowed).contains(&found) {
        return Ok(());
    }
    Err(DescriptionError::Count { place: place.to_owned(), what, found, allowed })
}

fn check_unique<'a>(
    place: &str,
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), DescriptionError> {
    let mut sorted: Vec<&str> = names.collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let name = pair[0].to_owned();
            Err(DescriptionError::Duplicate { place: place.to_owned(), what, name })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
