//! Control: what the body of a request may say: its fields by name, and what each of them is.
//!
//! Takes bytes of whoever it is. Gives a value, or what was found and what is expected instead.
//! Never takes a list for an object, and never passes over a field that nobody knows.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ControlError;
use super::views::{ReplayBody, Submission, SwapBody};
use crate::model::finding::list_words;
use crate::model::text::escape;

/// Bytes of what was found that are shown.
const FOUND_BYTES_MAX: usize = 80;

/// What a field is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Files,
    Flag,
    Count,
    Partition,
    Time,
    Number,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
            Self::Files => value.as_object().is_some_and(|all| all.values().all(Value::is_string)),
            Self::Flag => value.is_boolean(),
            Self::Count => value.as_u64().is_some_and(|count| u32::try_from(count).is_ok()),
            Self::Partition => value.is_u64(),
            Self::Time => value.is_i64(),
            Self::Number => value.is_number(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Files => "an object with the path of a file for each plugin",
            Self::Flag => "true or false",
            Self::Count => "a whole number from 0 to 4294967295",
            Self::Partition => "a whole number from 0",
            Self::Time => "a time in whole milliseconds since 1970",
            Self::Number => "a number",
        }
    }
}

/// A field that a body may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    kind: Kind,
    may_be_null: bool,
}

const fn is(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, may_be_null: false }
}

const fn may_be(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, may_be_null: true }
}

/// A body.
pub(super) trait Described: DeserializeOwned {
    /// All fields of it.
    const FIELDS: &'static [Field];
}

impl Described for Submission {
    const FIELDS: &'static [Field] =
        &[is("text", Kind::Text), is("folder", Kind::Text), is("file_name", Kind::Text)];
}

impl Described for SwapBody {
    const FIELDS: &'static [Field] = &[
        is("plugins", Kind::Files),
        is("allow", Kind::Texts),
        is("drop_state", Kind::Flag),
        is("restart_windows", Kind::Flag),
        is("force", Kind::Flag),
        is("watched_batches", Kind::Count),
        may_be("slower_max", Kind::Number),
        is("replay", Kind::Flag),
        is("same", Kind::Flag),
        is("shadow_batches", Kind::Count),
        is("shadow_share", Kind::Number),
    ];
}

impl Described for ReplayBody {
    const FIELDS: &'static [Field] = &[
        may_be("batch_ms", Kind::Time),
        is("plugins", Kind::Files),
        may_be("partition", Kind::Partition),
        is("case", Kind::Flag),
    ];
}

/// What a body says.
///
/// # Errors
/// When it is another than it may be.
pub(super) fn read<T: Described>(bytes: &[u8]) -> Result<T, ControlError> {
    check(bytes, T::FIELDS).map_err(bad)?;
    // A field that is missing, or that stands twice.
    serde_json::from_slice(bytes).map_err(|error| bad(format!("the body: {error}")))
}

/// Looks at a body that has nothing to say, which may be an object without fields.
///
/// # Errors
/// When it says something.
pub(super) fn says_nothing(bytes: &[u8]) -> Result<(), ControlError> {
    if bytes.trim_ascii().is_empty() { Ok(()) } else { check(bytes, &[]).map_err(bad) }
}

fn bad(message: String) -> ControlError {
    ControlError::BadRequest { message }
}

fn check(bytes: &[u8], fields: &[Field]) -> Result<(), String> {
    let expected = || match fields {
        [] => "nothing, or an object without fields".to_owned(),
        _ => format!("an object; its fields may be {}", names(fields)),
    };
    if bytes.trim_ascii().is_empty() {
        return Err(format!("the body is empty, expected {}", expected()));
    }
    let body: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("the body is no JSON ({error}), expected {}", expected()))?;
    let Value::Object(body) = body else {
        return Err(format!("the body is `{}`, expected {}", shown(&body), expected()));
    };
    for (name, value) in &body {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let found = escape(name, FOUND_BYTES_MAX);
            return Err(match fields {
                [] => format!("found `{found}` in the body, expected {}", expected()),
                _ => format!("found `{found}` in the body, known are {}", names(fields)),
            });
        };
        if !(field.kind.fits(value) || field.may_be_null && value.is_null()) {
            let words = field.kind.words();
            return Err(format!("`{name}` of the body is `{}`, expected {words}", shown(value)));
        }
    }
    Ok(())
}

fn names(fields: &[Field]) -> String {
    list_words(fields.iter().map(|field| field.name))
}

fn shown(value: &Value) -> String {
    escape(&value.to_string(), FOUND_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::control::openapi;

    fn refused<T: Described + std::fmt::Debug>(body: &str, words: &str) {
        let error = read::<T>(body.as_bytes()).expect_err(body).to_string();
        assert!(error.contains(words), "{body}: {error}");
    }

    /// What was lost: `[]` was told in the words of a library, and `[7]` was taken for a batch.
    #[test]
    fn a_body_is_an_object_of_known_fields() {
        let whole = r#"{"batch_ms": null, "plugins": {"a": "/b"}, "partition": 7, "case": true}"#;
        let read_whole: ReplayBody = read(whole.as_bytes()).expect("all of it is known");
        assert_eq!((read_whole.batch_ms, read_whole.partition), (None, Some(7)));
        let known = "fields may be `batch_ms`, `plugins`, `partition`";
        refused::<ReplayBody>("[]", "the body is `[]`, expected an object");
        refused::<ReplayBody>("[7]", known);
        refused::<ReplayBody>("", "the body is empty, expected an object");
        refused::<ReplayBody>("{", "no JSON (EOF");
        refused::<ReplayBody>(r#"{"batch": 7}"#, "found `batch` in the body, known are `batch_ms`");
        refused::<ReplayBody>(r#"{"case": true, "case": true}"#, "duplicate field `case`");
        refused::<Submission>(r#"{"text": ""}"#, "missing field `folder`");
    }

    #[test]
    fn a_field_of_another_kind_is_told_with_what_is_expected() {
        for (body, words) in [
            (r#"{"batch_ms": "7"}"#, r#"`batch_ms` of the body is `"7"`, expected a time in"#),
            (r#"{"batch_ms": 7.5}"#, "is `7.5`, expected a time in whole milliseconds"),
            (r#"{"partition": -1}"#, "expected a whole number from 0"),
            (r#"{"case": null}"#, "`case` of the body is `null`, expected true or false"),
            (r#"{"plugins": ["a"]}"#, "expected an object with the path of a file for each"),
            (r#"{"plugins": {"a": 7}}"#, "expected an object with the path of a file for each"),
        ] {
            refused::<ReplayBody>(body, words);
        }
        for (body, words) in [
            (r#"{"allow": "host"}"#, "`allow` of the body is `\"host\"`, expected a list of texts"),
            (r#"{"shadow_batches": 4294967296}"#, "expected a whole number from 0 to 4294967295"),
            (r#"{"shadow_share": "half"}"#, "expected a number"),
        ] {
            refused::<SwapBody>(body, words);
        }
        refused::<Submission>(r#"{"text": 7}"#, "`text` of the body is `7`, expected a text");
    }

    #[test]
    fn a_body_that_has_nothing_to_say_is_empty() {
        for nothing in ["", " \n", "{}", " { } "] {
            says_nothing(nothing.as_bytes()).expect("it says nothing");
        }
        for (body, words) in [
            (r#"{"limit": 7}"#, "found `limit` in the body, expected nothing, or an object"),
            ("[]", "the body is `[]`, expected nothing, or an object without fields"),
            ("7", "the body is `7`"),
            ("no", "the body is no JSON"),
        ] {
            let error = says_nothing(body.as_bytes()).expect_err(body).to_string();
            assert!(error.contains(words), "{body}: {error}");
        }
    }

    #[test]
    fn fields_are_those_of_the_description() {
        let description = openapi::description();
        let described = |schema: &str| -> BTreeSet<String> {
            let fields = &description["components"]["schemas"][schema]["properties"];
            fields.as_object().expect("an object").keys().cloned().collect()
        };
        let known = |fields: &[Field]| -> BTreeSet<String> {
            fields.iter().map(|field| field.name.to_owned()).collect()
        };
        assert_eq!(known(Submission::FIELDS), described("Submission"));
        assert_eq!(known(SwapBody::FIELDS), described("Swap"));
        assert_eq!(known(ReplayBody::FIELDS), described("Replay"));
    }
}
