//! Driver: one dead letter.
//!
//! Takes a line that ingest or exec has written. Gives what it says, its row word by word. Never
//! fails: a line that is none of theirs says so itself.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::LetterId;
use crate::exec::fed_back::StepPlace;
use crate::exec::refused::ROW_KEY;
use crate::model::id::StageId;

/// What a line of a dead-letter file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Which one it is.
    pub id: LetterId,
    /// Why the row was taken out.
    pub reason: String,
    /// How often it was tried; as often as one if nothing is said.
    pub attempts: u32,
    /// What was taken out.
    pub payload: Payload,
    /// Where it was.
    pub origin: Origin,
    /// The whole line, as a value.
    pub said: Value,
}

/// What was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A record of a source, as text.
    Text(String),
    /// The row before a step, as JSON writes it.
    Row(Vec<u8>),
    /// It cannot be had back, for this reason.
    Gone(&'static str),
}

/// Where a row was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A source, by its name: its format could not read it.
    Source(String),
    /// A step.
    Step {
        /// The stream whose steps the stage runs.
        stream: String,
        /// The stage.
        stage: StageId,
        /// Where in it.
        place: StepPlace,
        /// Its partition.
        partition: u64,
        /// The operator that refused it, or failed with it.
        operator: String,
    },
    /// It does not say.
    Unknown,
}

impl Letter {
    /// Reads a line.
    pub(super) fn parse(id: LetterId, line: &[u8]) -> Self {
        let mut said: Value = serde_json::from_slice(line).unwrap_or(Value::Null);
        // Whoever has written the line: every digit of the row counts, and no blank does.
        let parts = serde_json::from_slice::<BTreeMap<String, &RawValue>>(line).unwrap_or_default();
        let row = parts.get("row").map(|row| row.get().as_bytes().to_vec());
        let word = |key: &str| said[key].as_str().map(str::to_owned);
        let is = |key: &str| said[key] == true;
        let (reason, attempts) = (word("reason"), said["attempts"].as_u64());
        let payload = match (row, word("text")) {
            _ if !said.is_object() => Payload::Gone("its line is no JSON object"),
            _ if is("cut") => Payload::Gone("it was too long to be kept whole"),
            (Some(row), _) => Payload::Row(row),
            (None, Some(text)) => Payload::Text(text),
            (None, None) if said["base64"].is_string() => Payload::Gone("its bytes are no text"),
            (None, None) => Payload::Gone("it does not say what was taken out"),
        };
        let origin = origin(&said);
        if said.is_null() {
            said = String::from_utf8_lossy(line).into_owned().into();
        }
        Self {
            id,
            reason: reason.unwrap_or_default(),
            attempts: attempts.map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX)),
            payload,
            origin,
            said,
        }
    }

    /// The line of the same letter when it was tried once more, for another reason. Its row is the
    /// same byte by byte.
    pub fn tried_again(&self, reason: &str) -> Vec<u8> {
        let mut said = self.said.clone();
        said["reason"] = reason.into();
        said["attempts"] = self.attempts.saturating_add(1).into();
        let Payload::Row(row) = &self.payload else { return format!("{said}\n").into_bytes() };
        if let Some(said) = said.as_object_mut() {
            said.remove("row");
        }
        let mut line = said.to_string().into_bytes();
        line.pop();
        [&line, ROW_KEY, row, b"}\n"].concat()
    }
}

fn origin(said: &Value) -> Origin {
    if let Some(source) = said["source"].as_str() {
        return Origin::Source(source.to_owned());
    }
    let step = || {
        Some(Origin::Step {
            stream: said["stream"].as_str()?.to_owned(),
            stage: StageId(usize::try_from(said["stage"].as_u64()?).ok()?),
            place: StepPlace::parse(said["step"].as_str()?)?,
            partition: said["partition"].as_u64()?,
            operator: said["operator"].as_str()?.to_owned(),
        })
    };
    step().unwrap_or(Origin::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(line: &str) -> Letter {
        let id = LetterId { path: "/d/bad".into(), byte: 0, check: 0 };
        Letter::parse(id, line.as_bytes())
    }

    #[test]
    fn a_record_of_a_source_is_its_text_or_cannot_be_had_back() {
        let read = letter(r#"{"source":"in","reason":"no","text":"a\",\"row\":1"}"#);
        assert_eq!(read.payload, Payload::Text("a\",\"row\":1".to_owned()));
        assert_eq!((read.origin, read.attempts), (Origin::Source("in".to_owned()), 1));
        for (line, why) in [
            (r#"{"source":"in","reason":"no","text":"a","cut":true}"#, "too long"),
            (r#"{"source":"in","reason":"no","base64":"/w=="}"#, "no text"),
            (r#"{"operator":"p.op","rea"#, "no JSON object"),
            (r#"{"reason":"no"}"#, "what was taken out"),
        ] {
            let Payload::Gone(found) = letter(line).payload else { panic!("{line}") };
            assert!(found.contains(why), "{found}");
        }
    }

    #[test]
    fn a_row_is_read_word_by_word() {
        let line = concat!(
            r#"{"batch_time":7,"stream":"s","stage":2,"step":"1","partition":3,"#,
            r#""operator":"p.op","reason":"odd","attempts":4,"row":{"x":0.10000000000000000001}}"#
        );
        let read = letter(line);
        assert_eq!(read.payload, Payload::Row(br#"{"x":0.10000000000000000001}"#.to_vec()));
        let expected = Origin::Step {
            stream: "s".to_owned(),
            stage: StageId(2),
            place: StepPlace::Step(1),
            partition: 3,
            operator: "p.op".to_owned(),
        };
        assert_eq!((read.origin, read.attempts), (expected, 4));
    }

    /// The story: an editor, or a script, wrote the file anew with blanks, and no row was found.
    #[test]
    fn a_row_is_found_however_its_line_is_written() {
        for line in [
            r#"{"operator": "p.op", "row": {"x": 0.10000000000000000001} }"#,
            r#"{ "row" : {"x": 0.10000000000000000001}, "operator" : "p.op" }"#,
        ] {
            let read = letter(line);
            let row = br#"{"x": 0.10000000000000000001}"#.to_vec();
            assert_eq!(read.payload, Payload::Row(row.clone()));
            let again = String::from_utf8(read.tried_again("odd")).expect("it is text");
            assert_eq!(letter(again.trim_end()).payload, Payload::Row(row));
        }
    }

    /// The story: with as many attempts as a number holds the job's thread panicked.
    #[test]
    fn attempts_are_counted_up_to_what_a_number_holds() {
        for most in [u32::MAX.to_string(), u64::MAX.to_string()] {
            let line = format!(r#"{{"source":"in","attempts":{most},"text":"a"}}"#);
            let again = String::from_utf8(letter(&line).tried_again("no")).expect("it is text");
            assert_eq!(letter(again.trim_end()).attempts, u32::MAX);
        }
    }

    #[test]
    fn a_letter_that_is_tried_again_says_so() {
        let again = letter(r#"{"source":"in","reason":"no","text":"a"}"#).tried_again("still no");
        let text = |line: Vec<u8>| String::from_utf8(line).expect("it is text");
        let again = letter(text(again).trim_end());
        assert_eq!((again.reason.as_str(), again.attempts), ("still no", 2));
        assert_eq!(again.payload, Payload::Text("a".to_owned()));
        // A row keeps digits that no value in memory has.
        let line = r#"{"operator":"p.op","reason":"odd","row":{"x":0.10000000000000000001}}"#;
        let again = letter(text(letter(line).tried_again("odd")).trim_end());
        assert_eq!(again.payload, Payload::Row(br#"{"x":0.10000000000000000001}"#.to_vec()));
        assert_eq!(again.attempts, 2);
    }
}
