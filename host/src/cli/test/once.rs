//! Cli: JSON of a case, in which no key stands twice.
//!
//! Takes a line. Gives its object, or where the first key stands again. Never takes the last of two
//! values, as parsers do: in a case both were meant.

use std::fmt;

use anyhow::anyhow;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The object of a line.
pub(super) fn object(text: &str) -> anyhow::Result<Map<String, Value>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Once.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    match read {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(anyhow!("it is no JSON object")),
        Err(error) if error.is_data() => Err(anyhow!("{}", without_line(&error))),
        Err(error) => Err(anyhow!("it is no JSON object: {}", without_line(&error))),
    }
}

/// A case is one line: its column alone tells the place.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replacen(" at line 1 column ", ", at column ", 1)
}

/// Reads a value, refusing keys that stand twice.
#[derive(Clone, Copy)]
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("`{key}` stands twice, allowed is once")));
            }
            object.insert(key, map.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        object(text).map(|_| "fine".to_owned()).unwrap_or_else(|error| error.to_string())
    }

    /// The story: of a key that stood twice the last value was taken: half of a case went unread.
    #[test]
    fn a_key_that_stands_twice_is_refused_where_it_does() {
        assert_eq!(
            refused(r#"{"in": [], "in": [1]}"#),
            "`in` stands twice, allowed is once, at column 15"
        );
        let row = r#"{"in": [[{"a": 1, "a": 2}]]}"#;
        assert_eq!(refused(row), "`a` stands twice, allowed is once, at column 21");
        assert_eq!(refused("[1]"), "it is no JSON object");
        assert!(refused(r#"{"in": "#).starts_with("it is no JSON object: EOF while parsing"));
        assert!(refused("{} {}").starts_with("it is no JSON object: trailing characters"));
        let right = r#"{"a": [1, -2, 1.5, true, null, "x", {"b": 18446744073709551615}]}"#;
        let read = object(right).expect("it is right");
        assert_eq!(Value::Object(read), serde_json::from_str::<Value>(right).expect("it is JSON"));
    }
}
