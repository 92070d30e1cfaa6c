//! Model: parameters of operators, and checking what a job sets against what an operator declares.
//!
//! Takes a declaration and a JSON object. Gives the complete object that a call is handed. Never
//! lets an undeclared or mistyped parameter through.

use serde_json::{Map, Value};

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterType {
    /// `true` or `false`.
    Bool,
    /// An integer of 64 bits with a sign.
    Int64,
    /// A number.
    Float64,
    /// Text.
    Utf8,
}

impl ParameterType {
    /// The word of the type in descriptions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Utf8 => "utf8",
        }
    }

    /// The type of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Bool, Self::Int64, Self::Float64, Self::Utf8].into_iter().find(|t| t.word() == word)
    }

    /// Whether the value is of this type.
    pub fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Int64 => value.is_i64(),
            Self::Float64 => value.is_number(),
            Self::Utf8 => value.is_string(),
        }
    }
}

/// One declared parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: ParameterType,
    /// Its value where the job sets none; `None` means the job must set it.
    pub default: Option<Value>,
    /// Its author's words.
    pub doc: String,
}

/// A parameter that does not fit its declaration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// The operator declares no such parameter.
    #[error("no parameter is called `{found}`; allowed: {}", list(.allowed))]
    Unknown {
        /// The name as it was set.
        found: String,
        /// The names that are declared.
        allowed: Vec<String>,
    },
    /// The value is of another type.
    #[error("parameter `{name}` is `{found}`, expected {expected}")]
    Mistyped {
        /// The parameter.
        name: String,
        /// The value as it was set.
        found: String,
        /// The declared type.
        expected: &'static str,
    },
    /// A required parameter is not set.
    #[error("parameter `{name}` ({expected}) is required and not set")]
    Missing {
        /// The parameter.
        name: String,
        /// The declared type.
        expected: &'static str,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Checks what a job sets against the declaration and fills in defaults, in declared order.
///
/// # Errors
/// Names the first parameter that is unknown, mistyped or missing.
pub fn complete_parameters(
    declared: &[Parameter],
    set: &Map<String, Value>,
) -> Result<Map<String, Value>, ParameterError> {
    if let Some(found) = set.keys().find(|name| declared.iter().all(|p| p.name != **name)) {
        let allowed = declared.iter().map(|p| p.name.clone()).collect();
        return Err(ParameterError::Unknown { found: found.clone(), allowed });
    }
    let mut complete = Map::new();
    for parameter in declared {
        let (name, expected) = (parameter.name.clone(), parameter.data_type.word());
        let value = match set.get(&name).or(parameter.default.as_ref()) {
            Some(value) if parameter.data_type.accepts(value) => value.clone(),
            Some(found) => {
                return Err(ParameterError::Mistyped { name, found: found.to_string(), expected });
            }
            None => return Err(ParameterError::Missing { name, expected }),
        };
        complete.insert(name, value);
    }
    Ok(complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn declared() -> Vec<Parameter> {
        let parameter = |name: &str, data_type, default| Parameter {
            name: name.to_owned(),
            data_type,
            default,
            doc: String::new(),
        };
        vec![
            parameter("mark", ParameterType::Utf8, Some(json!("#"))),
            parameter("least", ParameterType::Int64, None),
        ]
    }

    fn check(set: Value, expected: Result<Value, &str>) {
        let complete = complete_parameters(&declared(), set.as_object().expect("an object"));
        match (complete, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(Value::Object(found), expected),
            (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
            (found, expected) => panic!("found {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn defaults_fill_what_a_job_leaves_out() {
        check(json!({"least": 3}), Ok(json!({"mark": "#", "least": 3})));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        check(json!({"lest": 3}), Err("no parameter is called `lest`; allowed: mark, least"));
        check(json!({"least": "3"}), Err("parameter `least` is `\"3\"`, expected int64"));
        check(json!({}), Err("parameter `least` (int64) is required and not set"));
    }
}
