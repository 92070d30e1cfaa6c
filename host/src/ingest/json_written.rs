//! Ingest: a value of a tape as JSON, for a message.
//!
//! Takes its place on the tape. Gives its beginning as text. Never follows it down: a stranger may
//! nest it as deep as a line is long, which is deeper than any stack.

use arrow_json::reader::{Tape, TapeElement};

/// Bytes from which on no more is written, and bytes of a text that are.
const WRITTEN_BYTES: usize = 100;

/// The value as JSON; of a longer one the beginning.
pub fn written(tape: &Tape<'_>, place: u32) -> String {
    let mut text = String::new();
    // Of each list and object that is open: whether it is an object, and what it holds so far.
    let mut open: Vec<(bool, usize)> = Vec::new();
    for place in place..=end_of(tape, place) {
        let value = tape.get(place);
        if text.len() > WRITTEN_BYTES {
            break;
        }
        if matches!(value, TapeElement::EndList(_) | TapeElement::EndObject(_)) {
            open.pop();
        } else if let Some((is_object, held)) = open.last_mut() {
            if *held > 0 {
                text.push(if *is_object && *held % 2 == 1 { ':' } else { ',' });
            }
            *held += 1;
        }
        match value {
            TapeElement::StartList(_) => open.push((false, 0)),
            TapeElement::StartObject(_) => open.push((true, 0)),
            _ => {}
        }
        write_one(&mut text, tape, value);
    }
    text
}

fn end_of(tape: &Tape<'_>, place: u32) -> u32 {
    match tape.get(place) {
        TapeElement::StartList(end) | TapeElement::StartObject(end) => end,
        _ => place,
    }
}

fn write_one(to: &mut String, tape: &Tape<'_>, value: TapeElement) {
    match value {
        TapeElement::StartList(_) => to.push('['),
        TapeElement::EndList(_) => to.push(']'),
        TapeElement::StartObject(_) => to.push('{'),
        TapeElement::EndObject(_) => to.push('}'),
        TapeElement::String(text) => {
            let text = tape.get_string(text);
            let beginning = &text[..text.floor_char_boundary(WRITTEN_BYTES)];
            to.push_str(&serde_json::Value::from(beginning).to_string());
        }
        TapeElement::Number(text) => to.push_str(tape.get_string(text)),
        TapeElement::True => to.push_str("true"),
        TapeElement::False => to.push_str("false"),
        TapeElement::Null => to.push_str("null"),
        // Numbers in other forms come of values in memory; a tape of text has none.
        _ => {}
    }
}
