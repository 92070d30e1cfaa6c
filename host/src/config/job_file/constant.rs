//! Config: constants and lists that may be one value.
//!
//! Takes TOML values through serde. Gives them as JSON, or as lists. Never checks a constant: that
//! takes the column it is compared with.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::value::ParameterValue;

/// A constant, or a list of them.
#[derive(Debug, Clone)]
pub(super) struct Constant(pub(super) Value);

impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConstantVisitor;
        impl<'de> Visitor<'de> for ConstantVisitor {
            type Value = Constant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, a number, a text or a list of these")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Constant, E> {
                Ok(Constant(Value::Bool(value)))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Constant, E> {
                Ok(Constant(Value::from(value)))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Constant, E> {
                Ok(Constant(Value::from(value)))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Constant, E> {
                ParameterValue::deserialize(value.into_deserializer()).map(|one| Constant(one.0))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Constant, E> {
                Ok(Constant(Value::from(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Constant, A::Error> {
                let all = Vec::<ParameterValue>::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(Constant(all.into_iter().map(|one| one.0).collect()))
            }
        }
        deserializer.deserialize_any(ConstantVisitor)
    }
}

impl JsonSchema for Constant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Constant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["boolean", "number", "string", "array"],
            "items": { "type": ["boolean", "number", "string"] },
        })
    }
}

/// A text, or a list of them.
#[derive(Debug, Clone)]
pub(super) struct OneOrMore(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![value.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMore, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMore)
            }
        }
        deserializer.deserialize_any(TextsVisitor)
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
        ] })
    }
}

/// Whether a number is another one once it is read: it has digits that a double does not keep.
pub(super) fn is_bent(number: &str) -> bool {
    let read = number.parse().ok().filter(|read: &f64| read.is_finite());
    read.is_some_and(|read| digits_of(number) != digits_of(&format!("{read:e}")))
}

/// The digits of a number from the first to the last that is not 0, and where they stand.
fn digits_of(number: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (number, 0),
    };
    let unsigned = mantissa.trim_start_matches(['+', '-']);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let place = exponent - fraction.len() as i64 + (all.len() - digits.len()) as i64;
    let digits = digits.trim_start_matches('0');
    Some((digits.to_owned(), if digits.is_empty() { 0 } else { place }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bent_that_a_double_does_not_keep() {
        for kept in ["0.1", "-1.50", "1e3", "100.0", "0.000", "12.5e-3", "+7.25", "1e308", "inf"] {
            assert!(!is_bent(kept), "{kept}");
        }
        for bent in
            ["1234567890123456.78", "1.00000000000000000001", "9007199254740993.0", "1e-400"]
        {
            assert!(is_bent(bent), "{bent}");
        }
    }
}
