//! Parameters: what a job may set for an operator.
//!
//! Takes a JSON object that the host has checked. Gives typed values. Never guesses: a parameter
//! that is missing or of another type fails the call.

use serde_json::{Map, Value};

use crate::batch::Failure;
use crate::broadcast::{self, Broadcast};
use crate::description::Parameter;
use crate::row::Columns;

/// A type that a parameter may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of a parameter",
    label = "not a parameter's type",
    note = "parameters are bool, i64, f64, char, &str and String"
)]
pub trait ParameterType: Sized {
    /// The word of the type in descriptions.
    const WORD: &'static str;
    /// The value as JSON.
    fn to_json(&self) -> Value;
    /// The value of the JSON, if it is of this type.
    fn from_json(value: &Value) -> Option<Self>;
}

macro_rules! parameter_type {
    ($name:ty, $word:literal, $to:expr, $from:expr) => {
        impl ParameterType for $name {
            const WORD: &'static str = $word;

            fn to_json(&self) -> Value {
                $to(self)
            }

            fn from_json(value: &Value) -> Option<Self> {
                $from(value)
            }
        }
    };
}

parameter_type!(bool, "bool", |value: &bool| Value::from(*value), Value::as_bool);
parameter_type!(i64, "int64", |value: &i64| Value::from(*value), Value::as_i64);
parameter_type!(f64, "float64", |value: &f64| Value::from(*value), Value::as_f64);
parameter_type!(String, "utf8", |value: &String| Value::from(value.as_str()), text);
parameter_type!(char, "utf8", |value: &char| Value::from(value.to_string()), one_character);

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn one_character(value: &Value) -> Option<char> {
    let mut characters = value.as_str()?.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// Declares a parameter.
pub fn declare<T: ParameterType>(name: &str, default: Option<T>, doc: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        data_type: T::WORD.to_owned(),
        default: default.map(|value| value.to_json().to_string()),
        doc: doc.to_owned(),
    }
}

/// The parameters of one step of a call.
#[derive(Debug, Default)]
pub struct Parameters {
    set: Map<String, Value>,
    operator: u32,
}

impl Parameters {
    /// Reads a JSON object; no bytes at all mean that nothing is set.
    ///
    /// # Errors
    /// When the bytes are no JSON object.
    pub fn parse(json: &[u8]) -> Result<Self, Failure> {
        if json.is_empty() || json == b"{}" {
            return Ok(Self::default());
        }
        match serde_json::from_slice(json) {
            Ok(Value::Object(set)) => Ok(Self { set, ..Self::default() }),
            Ok(other) => Err(Failure::new(format!("parameters are `{other}`, expected an object"))),
            Err(error) => Err(Failure::new(format!("parameters are no JSON: {error}"))),
        }
    }

    /// The same for the operator of that index.
    pub fn of_operator(self, operator: u32) -> Self {
        Self { operator, ..self }
    }

    /// The broadcast of that name.
    ///
    /// # Errors
    /// When the host gives the operator none, or another than it has declared.
    pub fn broadcast<C: Columns>(&self, name: &str) -> Result<&'static Broadcast<C>, Failure> {
        broadcast::of_job(self.operator, name)
    }

    /// The value of a parameter, or its default.
    ///
    /// # Errors
    /// When it is of another type, or not set and without default.
    pub fn get<T: ParameterType>(&self, name: &str, default: Option<T>) -> Result<T, Failure> {
        let expected = T::WORD;
        match self.set.get(name) {
            Some(value) => T::from_json(value).ok_or_else(|| {
                Failure::new(format!("parameter `{name}` is `{value}`, expected {expected}"))
            }),
            None => default.ok_or_else(|| {
                Failure::new(format!("parameter `{name}` ({expected}) is required and not set"))
            }),
        }
    }
}
