//! Control: a job's dead letters, rows and states, as they are asked for over HTTP and answered.
//!
//! Takes words of a query. Gives JSON, with each row as an object and as `print` would show it.
//! Never gives more of a letter, or more rows, than their bounds allow.

use std::time::Duration;

use arrow_array::RecordBatch;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::ControlError;
use super::views::{Looked, RowsView, SeenView};
use crate::driver::fed_letters::FedOutcome;
use crate::driver::letter_control::{Listed, Retried, list_kept};
use crate::driver::letters::letter::{Letter, Payload};
use crate::driver::look::JobLook;
use crate::driver::state_look::StatePlace;
use crate::driver::taps::SeenBatch;
use crate::limits::{
    JOB_LINE_BYTES_MAX, LETTERS_ASKED_MAX, LOOK_ROWS_DEFAULT, LOOK_ROWS_MAX, TAP_WAIT_DEFAULT,
    TAP_WAIT_MAX,
};
use crate::model::pipeline::Pipeline;
use crate::model::status::StateInfo;
use crate::model::text::escape;
use crate::model::time::BatchTime;
use crate::sink::element::write_element;
use crate::sink::json_lines::json_lines;
use crate::sys::storage::SystemStorage;

/// What a letter says of where it is from, where it does.
const OF_LETTER: [&str; 10] = [
    "source",
    "batch_time",
    "stream",
    "stage",
    "step",
    "partition",
    "row_of_slice",
    "operator",
    "plugin_digest",
    "code",
];

/// The newest dead letters.
///
/// # Errors
/// When a file of them cannot be read.
pub(super) fn letters(look: &JobLook, limit: Option<i64>) -> Result<Value, ControlError> {
    let limit = bounded(limit, LETTERS_ASKED_MAX, "limit")?;
    Ok(listed_view(&look.letters().list(limit).map_err(ControlError::Look)?))
}

/// The newest dead letters of a job that nobody runs, as its files have them.
///
/// # Errors
/// As [`letters`].
pub fn kept_letters(pipeline: &Pipeline, limit: Option<i64>) -> Result<Value, ControlError> {
    let limit = bounded(limit, LETTERS_ASKED_MAX, "limit")?;
    let listed = list_kept(&SystemStorage, pipeline, limit).map_err(ControlError::Look)?;
    Ok(listed_view(&listed))
}

fn listed_view(listed: &Listed) -> Value {
    let letters: Vec<Value> =
        listed.letters.iter().map(|(it, stays)| letter(it, stays.as_deref())).collect();
    let files: Vec<String> =
        listed.files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    json!({ "letters": letters, "total": listed.total, "files": files })
}

fn letter(letter: &Letter, stays: Option<&str>) -> Value {
    let mut shown = json!({
        "file": letter.id.path.to_string_lossy(),
        "byte": letter.id.byte,
        "reason": escape(&letter.reason, JOB_LINE_BYTES_MAX),
        "attempts": letter.attempts,
    });
    for key in OF_LETTER {
        if !letter.said[key].is_null() {
            shown[key] = letter.said[key].clone();
        }
    }
    let payload = match &letter.payload {
        Payload::Text(text) => text.clone(),
        Payload::Row(row) => String::from_utf8_lossy(row).into_owned(),
        Payload::Gone(_) => match (letter.said["text"].as_str(), &letter.said) {
            (Some(text), _) => text.to_owned(),
            (None, Value::String(line)) => line.clone(),
            (None, said) if said["row"].is_object() => said["row"].to_string(),
            (None, said) => said["base64"].as_str().unwrap_or_default().to_owned(),
        },
    };
    shown["payload"] = escape(&payload, JOB_LINE_BYTES_MAX).into();
    shown["stays"] = stays.into();
    shown
}

/// Feeds dead letters back, and waits for the batch with them.
///
/// # Errors
/// When none can be fed back now.
pub(super) fn retry(look: &JobLook) -> Result<Value, ControlError> {
    let Retried { fed, on_their_way, still_bad, stay, later, at_once } =
        look.letters().retry().map_err(ControlError::Look)?;
    let count = |of: fn(&FedOutcome) -> usize| fed.as_ref().map_or(0, of);
    let stay: Vec<Value> =
        stay.iter().map(|(why, letters)| json!({ "reason": why, "letters": letters })).collect();
    Ok(json!({
        "batch_time": fed.as_ref().map(|fed| fed.time.0),
        "delivered": count(|fed| fed.delivered),
        "refused": count(|fed| fed.refused) + still_bad,
        "not_run": count(|fed| fed.not_run),
        "late": count(|fed| fed.late),
        "withdrawn": fed.as_ref().and_then(|fed| fed.withdrawn.as_deref()),
        "at_once": at_once,
        "on_their_way": on_their_way,
        "stay": stay,
        "later": later,
    }))
}

/// Rows of the next batches, or where rows can be looked at.
///
/// # Errors
/// When there is nothing of that name.
pub(super) fn tap(
    look: &JobLook,
    [of, limit, wait_ms]: [Option<String>; 3],
) -> Result<Looked<SeenView>, ControlError> {
    let Some(of) = of else {
        belong_to("of", &[("limit", &limit), ("wait_ms", &wait_ms)])?;
        return Ok(Looked::Names(json!({ "places": look.taps().places() })));
    };
    let rows = bounded(number(limit, "limit")?, LOOK_ROWS_MAX, "limit")?;
    let wait = number(wait_ms, "wait_ms")?.map(i64::unsigned_abs);
    let wait = wait.map_or(TAP_WAIT_DEFAULT, Duration::from_millis).min(TAP_WAIT_MAX);
    let seen = look.taps().look(&of, rows, wait).map_err(ControlError::Look)?;
    let batch = |(time, batch): (&BatchTime, &SeenBatch)| {
        rows_of(&batch.slices, json!({ "time_ms": time.0, "more": batch.more }))
    };
    Ok(Looked::Rows(SeenView { batches: seen.batches.iter().map(batch).collect() }))
}

/// What a step keeps, or which steps keep something.
///
/// # Errors
/// When no step of that name keeps anything, or the key is none of its keys.
pub(super) fn state(
    look: &JobLook,
    [step, key, limit, after]: [Option<String>; 4],
) -> Result<Looked<RowsView>, ControlError> {
    let Some(step) = step else {
        belong_to("step", &[("key", &key), ("limit", &limit), ("after", &after)])?;
        let sizes = look.states().sizes();
        let size = |of: &StateInfo| json!({ "step": of.name, "keys": of.keys, "bytes": of.bytes });
        return Ok(Looked::Names(json!({ "steps": sizes.iter().map(size).collect::<Vec<_>>() })));
    };
    let most = bounded(number(limit, "limit")?, LOOK_ROWS_MAX, "limit")?;
    if key.is_some() && after.is_some() {
        let message = "found `key` and `after` in the query: one key has no pages".to_owned();
        return Err(ControlError::BadRequest { message });
    }
    let from = after.map_or(Ok(StatePlace::default()), |after| place_after(&step, &after))?;
    let kept = look.states().look(&step, key.as_deref(), (from, most));
    let kept = kept.map_err(ControlError::Look)?;
    let of = json!({
        "step": kept.step,
        "state_version": kept.version,
        "schema": kept.schema.to_string(),
        "keys": kept.keys,
        "bytes": kept.bytes,
        "next": kept.next.map(|next| format!("{}:{next}", kept.step)),
    });
    Ok(Looked::Rows(rows_of(std::slice::from_ref(&kept.rows), of)))
}

/// Refuses words that say more of a name where there is none.
fn belong_to(name: &str, others: &[(&str, &Option<String>)]) -> Result<(), ControlError> {
    let Some((other, _)) = others.iter().find(|(_, value)| value.is_some()) else { return Ok(()) };
    let message = format!("found `{other}` in the query without the `{name}` that it belongs to");
    Err(ControlError::BadRequest { message })
}

/// Where a page of a step begins: each step has places of its own.
fn place_after(step: &str, after: &str) -> Result<StatePlace, ControlError> {
    let parts = after.rsplit_once(':');
    let place = parts.and_then(|(of, place)| Some((of, StatePlace::parse(place)?)));
    let (found, form) = (escape(after, 80), "what `next` of the page before says");
    let message = match place {
        Some((of, place)) if of == step => return Ok(place),
        Some((of, _)) => {
            let of = escape(of, 80);
            format!("`after` is `{found}`, of step `{of}`: expected {form}, of step `{step}`")
        }
        None => format!("`after` is `{found}`, expected {form}"),
    };
    Err(ControlError::BadRequest { message })
}

fn rows_of(slices: &[RecordBatch], of: Value) -> RowsView {
    let (mut rows, mut shown) = (Vec::new(), Vec::new());
    for slice in slices {
        for row in 0..slice.num_rows() {
            // A row at a time: an object of each.
            let object = json_lines(&slice.slice(row, 1));
            rows.push(
                serde_json::from_slice(&object).unwrap_or_else(|_| RawValue::NULL.to_owned()),
            );
            let mut text = String::new();
            write_element(&mut text, slice, row);
            shown.push(text);
        }
    }
    RowsView { rows, shown, of }
}

fn number(text: Option<String>, key: &str) -> Result<Option<i64>, ControlError> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number >= 0);
    let message = format!("`{key}` is `{}`, expected a whole number from 0", escape(&text, 80));
    number.map(Some).ok_or(ControlError::BadRequest { message })
}

fn bounded(limit: Option<i64>, most: usize, key: &str) -> Result<usize, ControlError> {
    let Some(limit) = limit else { return Ok(LOOK_ROWS_DEFAULT) };
    match usize::try_from(limit) {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => {
            let message = format!("`{key}` is {limit}, expected 1 to {most}");
            Err(ControlError::BadRequest { message })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Decimal128Array};

    use super::*;

    /// What was lost: digits of decimals, in rows that somebody carries a state on by.
    #[test]
    fn rows_have_all_their_digits() {
        let decimals = Decimal128Array::from(vec![900_719_925_474_099_317, 100]);
        let decimals = decimals.with_precision_and_scale(38, 2).expect("it fits");
        let slice = RecordBatch::try_from_iter([("amt", Arc::new(decimals) as ArrayRef)]);
        let view = rows_of(&[slice.expect("one column")], json!({ "more": false }));
        let text = serde_json::to_string(&view).expect("it can be written");
        let rows = r#""rows":[{"amt":9007199254740993.17},{"amt":1.00}]"#;
        assert!(text.contains(rows), "{text}");
        assert!(text.contains(r#""more":false"#), "{text}");
    }
}
