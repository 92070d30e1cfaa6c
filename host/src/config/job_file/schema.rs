//! Config: the JSON Schema of the job file, for editors and for finding unknown keys.
//!
//! Takes the types the file is read into. Gives their schema. Never lists a key by hand.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::written::JobText;

/// Tables in tables in a table: more do not stand in a job file.
const INNER_DEPTH_MAX: usize = 2;

/// The JSON Schema of the job file.
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(NeverNull);
    let mut schema = settings.into_generator().into_root_schema_for::<JobText>();
    schema.insert("title".to_owned(), Value::from("Tidemill job file"));
    schema.to_value()
}

/// The keys of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableKeys {
    /// All of them, in the order of the reference.
    pub(super) known: Vec<String>,
    /// Those that must be there.
    pub(super) required: Vec<String>,
    /// Those under which a table with keys of its own may stand.
    pub(super) inner: Vec<(String, TableKeys)>,
}

impl TableKeys {
    /// The keys of the table that is read into `T`.
    pub(super) fn of<T: JsonSchema>() -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
        let schema = schema.to_value();
        Self::in_schema(&schema, &schema["$defs"], INNER_DEPTH_MAX)
    }

    fn in_schema(schema: &Value, definitions: &Value, depth: usize) -> Self {
        let properties = schema["properties"].as_object();
        let required = schema["required"].as_array().into_iter().flatten();
        let inner = properties.into_iter().flatten().filter_map(|(key, value)| {
            let table = depth.checked_sub(1).and(closed_table(value, definitions))?;
            Some((key.clone(), Self::in_schema(table, definitions, depth - 1)))
        });
        Self {
            known: properties.into_iter().flat_map(|keys| keys.keys().cloned()).collect(),
            required: required.filter_map(|key| key.as_str().map(str::to_owned)).collect(),
            inner: inner.collect(),
        }
    }
}

/// The one table that may stand for a value, if it has keys of its own: not names that a person
/// chooses.
fn closed_table<'s>(schema: &'s Value, definitions: &'s Value) -> Option<&'s Value> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/")?;
        return closed_table(definitions.get(name)?, definitions);
    }
    if schema["additionalProperties"] == Value::Bool(false) {
        return Some(schema);
    }
    let mut choices = schema["anyOf"].as_array()?.iter();
    choices.find_map(|choice| closed_table(choice, definitions))
}

/// TOML has no null: a key that may be left out is left out.
#[derive(Debug, Clone)]
struct NeverNull;

impl Transform for NeverNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|word| word != "null");
            if let [single] = types.as_slice() {
                let single = single.clone();
                object.insert("type".to_owned(), single);
            }
        }
        if let Some(Value::Array(choices)) = object.get_mut("enum") {
            choices.retain(|choice| !choice.is_null());
        }
        if let Some(Value::Array(mut choices)) = object.remove("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|word| word != "null"));
            match (choices.len(), choices.pop()) {
                (1, Some(Value::Object(single))) => object.extend(single),
                (_, last) => {
                    choices.extend(last);
                    object.insert("anyOf".to_owned(), Value::Array(choices));
                }
            }
        }
    }
}
