//! Api: what native operators say of themselves, in the host's words.
//!
//! Takes the SDK's description. Gives the model's. Checks the types of columns and no more: the
//! program's author wrote the rest, and planning looks at it anyhow.

use tidemill_sdk::description as sdk;

use super::NativeError;
use crate::model::description::{Binding, OperatorDescription, OperatorKind, PluginDescription};
use crate::model::parameter::{Parameter, ParameterType};
use crate::model::schema::{Column, StreamSchema};
use crate::model::stateful::StateDescription;

pub(super) fn of_plugin(found: &sdk::Description) -> Result<PluginDescription, NativeError> {
    Ok(PluginDescription {
        name: found.name.clone(),
        version: found.version.clone(),
        doc: found.doc.clone(),
        chains: found.chains,
        operators: found.operators.iter().map(of_operator).collect::<Result<_, _>>()?,
    })
}

fn of_operator(found: &sdk::OperatorDescription) -> Result<OperatorDescription, NativeError> {
    Ok(OperatorDescription {
        name: found.name.clone(),
        kind: kind(found.kind),
        doc: found.doc.clone(),
        binding: match found.binding {
            sdk::Binding::Position => Binding::Position,
            sdk::Binding::Name => Binding::Name,
        },
        input: schema(&found.name, &found.input)?,
        output: schema(&found.name, &found.output)?,
        parameters: found.parameters.iter().map(parameter).collect(),
        broadcasts: match found.broadcasts.first() {
            None => Vec::new(),
            Some(broadcast) => {
                let (operator, broadcast) = (found.name.clone(), broadcast.name.clone());
                return Err(NativeError::Broadcast { operator, broadcast });
            }
        },
        keys: match &found.state {
            Some(state) => columns(&found.name, &state.keys)?.with_keys(state.keys.len()),
            None => StreamSchema::default(),
        },
        state: match &found.state {
            Some(state) => {
                let schema = columns(&found.name, &state.fields)?;
                Some(StateDescription { schema, version: state.version })
            }
            None => None,
        },
    })
}

fn kind(found: sdk::Kind) -> OperatorKind {
    match found {
        sdk::Kind::Map => OperatorKind::Map,
        sdk::Kind::FlatMap => OperatorKind::FlatMap,
        sdk::Kind::Filter => OperatorKind::Filter,
        sdk::Kind::MapPartitions => OperatorKind::MapPartitions,
        sdk::Kind::MapValues => OperatorKind::MapValues,
        sdk::Kind::FlatMapValues => OperatorKind::FlatMapValues,
        sdk::Kind::Reduce => OperatorKind::Reduce,
        sdk::Kind::Combine => OperatorKind::Combine,
        sdk::Kind::Inverse => OperatorKind::Inverse,
        sdk::Kind::UpdateState => OperatorKind::UpdateState,
        sdk::Kind::MapWithState => OperatorKind::MapWithState,
    }
}

fn schema(operator: &str, found: &sdk::Schema) -> Result<StreamSchema, NativeError> {
    let columns = columns(operator, &found.fields)?.columns;
    // Not `with_keys`: planning refuses too many keys with a message of its own.
    Ok(StreamSchema { columns, keys: found.keys as usize })
}

fn columns(operator: &str, fields: &[sdk::Field]) -> Result<StreamSchema, NativeError> {
    let column = |field: &sdk::Field| {
        let data_type = field.data_type.parse().map_err(|source| NativeError::ColumnType {
            operator: operator.to_owned(),
            column: field.name.clone(),
            source,
        })?;
        Ok(Column { name: field.name.clone(), data_type, nullable: field.nullable })
    };
    Ok(StreamSchema::new(fields.iter().map(column).collect::<Result<_, _>>()?))
}

fn parameter(found: &sdk::Parameter) -> Parameter {
    let default = found.default.as_deref();
    Parameter {
        name: found.name.clone(),
        // The SDK's words are the host's; a text takes what another word would have stood for.
        data_type: ParameterType::from_word(&found.data_type).unwrap_or(ParameterType::Utf8),
        default: default.and_then(|json| serde_json::from_str(json).ok()),
        doc: found.doc.clone(),
    }
}
