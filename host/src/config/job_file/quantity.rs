//! Config: durations and sizes as people write them.
//!
//! Takes texts such as `200ms` and `16MiB`. Gives durations and bytes. Never takes a bare number:
//! its unit would be a guess.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

const DURATION: &str = "a duration such as \"200ms\", \"1s\" or \"5m\"";
const BYTES: &str = "a size such as \"64KiB\", \"16MiB\" or \"1GiB\"";
const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// Reads a duration as job files write it, such as `5m`.
///
/// # Errors
/// When it is none; says what is expected.
pub fn read_duration(text: &str) -> Result<Duration, String> {
    HumanDuration::parse(text).map(|it| it.0).ok_or_else(|| format!("expected {DURATION}"))
}

/// Reads a size as job files write it, such as `16MiB`, in bytes.
///
/// # Errors
/// When it is none; says what is expected.
pub fn read_size(text: &str) -> Result<u64, String> {
    HumanBytes::parse(text).map(|it| it.0).ok_or_else(|| format!("expected {BYTES}"))
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HumanDuration(pub(super) Duration);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HumanBytes(pub(super) u64);

impl HumanDuration {
    fn parse(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok().map(Self)
    }
}

impl HumanBytes {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, factor) =
            UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
        let number = number.trim_end();
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then_some(())?;
        number.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }
}

impl fmt::Display for HumanBytes {
    /// The largest binary unit that holds it whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, factor) in [UNITS[2], UNITS[1], UNITS[0]] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.0 / factor);
            }
        }
        write!(f, "{}B", self.0)
    }
}

struct TextVisitor<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<T, E> {
        (self.parse)(found).ok_or_else(|| E::custom(format!("`{found}` is not {}", self.expected)))
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor { expected: DURATION, parse: Self::parse })
    }
}

impl<'de> Deserialize<'de> for HumanBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor { expected: BYTES, parse: Self::parse })
    }
}

impl JsonSchema for HumanDuration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["200ms", "1s", "5m"] })
    }
}

impl JsonSchema for HumanBytes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ ?(KiB|MiB|GiB|kB|MB|GB|B)$",
            "examples": ["64KiB", "16MiB", "1GiB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_with_units() {
        for (text, bytes, shown) in [
            ("1MiB", 1 << 20, "1MiB"),
            ("64 KiB", 64 << 10, "64KiB"),
            ("1000kB", 1_000_000, "1000000B"),
            ("2GiB", 2 << 30, "2GiB"),
            ("0B", 0, "0B"),
            ("17B", 17, "17B"),
        ] {
            let parsed = HumanBytes::parse(text).expect(text);
            assert_eq!((parsed.0, parsed.to_string().as_str()), (bytes, shown));
        }
    }

    #[test]
    fn texts_that_are_no_sizes_are_refused() {
        for text in ["", "1", "MiB", "-1MiB", "+1MiB", "1.5MiB", "1mib", "99999999999GiB", "1 TiB"]
        {
            assert_eq!(HumanBytes::parse(text), None, "{text}");
        }
    }
}
