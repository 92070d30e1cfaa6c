//! Ingest: names that stand twice in an object of JSON.
//!
//! Takes a line. Gives the first name that stands there again. Never says which of its values was
//! meant: parsers take one of the two, and nobody is told.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// The first name of an object that stands in it again. None of what is no object.
pub fn name_twice(line: &[u8]) -> Option<String> {
    let mut line = serde_json::Deserializer::from_slice(line);
    line.deserialize_map(Twice).ok().flatten()
}

struct Twice;

impl<'de> Visitor<'de> for Twice {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let (mut names, mut twice) = (BTreeSet::new(), None);
        while let Some((name, IgnoredAny)) = object.next_entry::<String, IgnoredAny>()? {
            if twice.is_none() && names.contains(&name) {
                twice = Some(name);
            } else {
                names.insert(name);
            }
        }
        Ok(twice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        let twice = |line: &str| name_twice(line.as_bytes());
        assert_eq!(twice(r#"{"a": 1, "b": {"a": 2, "a": 3}}"#), None);
        assert_eq!(twice(r#"{"a": 1, "b": [], "\u0061": 1e400, "b": 2}"#).as_deref(), Some("a"));
        assert_eq!(twice("{}"), None);
        assert_eq!(twice("[1]"), None);
        assert_eq!(twice(r#"{"a": 1, "a""#), None);
    }
}
