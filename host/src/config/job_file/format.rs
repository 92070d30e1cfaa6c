//! Config: how a source's records are written, as a word or as a table.
//!
//! Takes `"csv"` or `{ type = "csv", header = true }`. Gives the word and what stands beside it.
//! Never decides which of it belongs together.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

use super::value::{At, Vocabulary, Whole, Word};

/// A format.
#[derive(Debug, Clone)]
pub(super) struct FormatText(pub(super) FormatTable);

/// A format by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormatWord {
    Lines,
    Json,
    Csv,
    Binary,
    Frames,
}

impl Vocabulary for FormatWord {
    const WHAT: &'static str = "format";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("lines", Self::Lines),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("binary", Self::Binary),
        ("frames", Self::Frames),
    ];
}

/// A format, and what there is to say of it.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FormatTable {
    /// The format's word.
    #[serde(rename = "type")]
    pub(super) kind: Word<FormatWord>,
    /// For `csv`: whether the first line of each file or connection names the columns. Default:
    /// false, they stand in the order of `schema`.
    pub(super) header: Option<At<bool>>,
    /// For `csv`: the character between fields. Default: ",".
    pub(super) delimiter: Option<At<String>>,
    /// For `csv`: the character around fields that hold a delimiter, or "" for none. Default:
    /// "\"".
    pub(super) quote: Option<At<String>>,
    /// For `binary`: bytes of a record.
    pub(super) record_bytes: Option<At<Whole>>,
}

impl<'de> Deserialize<'de> for FormatText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FormatVisitor;
        impl<'de> Visitor<'de> for FormatVisitor {
            type Value = FormatText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a format such as `json`, or a table with its `type`")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<FormatText, E> {
                let kind = Word::deserialize(value.into_deserializer())?;
                let (header, delimiter, quote, record_bytes) = (None, None, None, None);
                Ok(FormatText(FormatTable { kind, header, delimiter, quote, record_bytes }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FormatText, A::Error> {
                FormatTable::deserialize(MapAccessDeserializer::new(map)).map(FormatText)
            }
        }
        deserializer.deserialize_any(FormatVisitor)
    }
}

impl JsonSchema for FormatText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = Word::<FormatWord>::json_schema(generator);
        let table = generator.subschema_for::<FormatTable>();
        json_schema!({ "anyOf": [word, table] })
    }
}
