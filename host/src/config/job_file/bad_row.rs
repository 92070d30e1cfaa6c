//! Config: what a source does with a bad row, as a word or as a table.
//!
//! Takes `"fail"`, `"skip"`, `"dead-letter"` or `{ dead_letter = "path" }`. Gives which of them.
//! Never makes up the path.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

use super::value::{At, Vocabulary, Word};
use crate::model::policy::OnFailure;

/// What becomes of a bad row.
#[derive(Debug, Clone)]
pub(super) enum OnBadRowText {
    /// One of the words.
    Word(BadRowWord),
    /// The file that bad rows are appended to.
    DeadLetter(At<String>),
}

/// What becomes of a bad row, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadRowWord {
    Fail,
    Skip,
    DeadLetter,
}

impl Vocabulary for BadRowWord {
    const WHAT: &'static str = "choice for bad rows";
    const WORDS: &'static [(&'static str, Self)] =
        &[("fail", Self::Fail), ("skip", Self::Skip), ("dead-letter", Self::DeadLetter)];
}

/// What becomes of a job when a batch failed, or would fail for single rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnJobFailure {
    /// The batch fails, and the job stops or goes on.
    Batch(OnFailure),
    /// Rows with which a call fails are left out and written down.
    DeadLetter,
}

impl Vocabulary for OnJobFailure {
    const WHAT: &'static str = "choice for `on_failure`";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("stop", Self::Batch(OnFailure::Stop)),
        ("skip", Self::Batch(OnFailure::Skip)),
        ("dead-letter", Self::DeadLetter),
    ];
}

impl<'de> Deserialize<'de> for OnBadRowText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BadRowVisitor;
        impl<'de> Visitor<'de> for BadRowVisitor {
            type Value = OnBadRowText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`fail`, `skip`, `dead-letter` or a table with `dead_letter`")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<OnBadRowText, E> {
                Word::deserialize(value.into_deserializer()).map(|word| OnBadRowText::Word(word.0))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OnBadRowText, A::Error> {
                #[derive(serde::Deserialize)]
                #[serde(deny_unknown_fields)]
                struct DeadLetter {
                    dead_letter: At<String>,
                }
                let table = DeadLetter::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OnBadRowText::DeadLetter(table.dead_letter))
            }
        }
        deserializer.deserialize_any(BadRowVisitor)
    }
}

impl JsonSchema for OnBadRowText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OnBadRow".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = Word::<BadRowWord>::json_schema(generator);
        json_schema!({ "anyOf": [word, {
            "type": "object",
            "properties": { "dead_letter": { "type": "string" } },
            "required": ["dead_letter"],
            "additionalProperties": false,
        }] })
    }
}
