//! Exec: rows that operators refused or failed with, of one attempt and then of a whole batch.
//!
//! Takes refusals with the slice they were found in. Gives their counts, the first one's words and,
//! where rows are to be kept, a line of JSON each. Never holds a row itself: millions of refused
//! ones would be gigabytes.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use serde_json::json;

use super::fed_back::{FedRow, FedTime, StepPlace};
use super::poison::{Blame, PoisonAllowance, WithoutPoison};
use super::task_error::TaskError;
use crate::limits::{BAD_ROW_TEXT_BYTES_MAX, REJECTED_LINES_BYTES_MAX};
use crate::model::id::StageId;
use crate::model::operator::{CPU_TIME, TaskScope};
use crate::model::rejected::Rejected;
use crate::model::rejected::Rejection;
use crate::model::time::BatchTime;
use crate::sink::json_lines::json_lines;
use crate::sys::cpu::thread_cpu_time;

/// What stands before the row in a line, and nowhere else in it: a quote within a text is escaped.
pub const ROW_KEY: &[u8] = b",\"row\":";

/// A call of a plugin with a slice, which gives what it made and the rows that it refused.
type CallSlice<'a, T> =
    dyn FnMut(&mut TaskScope, &RecordBatch) -> Result<(T, Vec<Rejection>), TaskError> + 'a;

/// The task that a row was in.
#[derive(Debug, Clone)]
pub struct TaskPlace {
    /// Its batch.
    pub time: BatchTime,
    /// Its stage.
    pub stage: StageId,
    /// The stream whose steps the stage runs.
    pub stream: String,
    /// Its partition.
    pub partition: u32,
}

/// Refused rows.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    /// How many, by operator and code.
    pub counts: Rejected,
    /// Why the first one was refused.
    pub first: Option<String>,
    /// A line of JSON for each, where they are to be kept; what went past the bound is left out.
    pub lines: Vec<u8>,
    /// Those of them that were left out because a call failed with them.
    pub poison: u64,
    /// Lines for rows that were fed back, by the letters they are of. They are counted nowhere
    /// else: what becomes of them is nobody's matter but of who fed them back.
    pub again: BTreeMap<usize, Vec<u8>>,
    /// Letters whose rows were not run, for want of time.
    pub late: BTreeSet<usize>,
    /// Whether lines are to be kept of rows that were not fed back.
    keep: bool,
    place: Option<(TaskPlace, StepPlace)>,
    /// The letter whose row is on its way, and how often it was tried before.
    feeding: Option<(usize, u32)>,
    fed_time: FedTime,
    allowance: PoisonAllowance,
}

impl Refused {
    /// None yet; lines of them are kept if they are asked for. So many rows may be left out because
    /// a call fails with them.
    pub fn of_task(place: TaskPlace, keep: bool, poison_max: u64) -> Self {
        let allowance = PoisonAllowance::of_rows(poison_max);
        let place = Some((place, StepPlace::Step(0)));
        Self { keep, place, allowance, ..Self::default() }
    }

    /// What is called from now on is called there.
    pub fn at(&mut self, step: StepPlace) {
        if let Some((_, at)) = &mut self.place {
            *at = step;
        }
    }

    /// What is called from now on is called with this row, which was fed back; not if those before
    /// it took too long, which the answer says.
    ///
    /// # Errors
    /// When its letter cannot wait, as others of its rows are in other tasks.
    pub fn feed(&mut self, row: &FedRow) -> Result<bool, TaskError> {
        if self.fed_time.is_left(thread_cpu_time()) {
            self.feeding = Some((row.letter, row.attempts));
            return Ok(true);
        }
        if !row.only {
            return Err(TaskError::FedTooLong);
        }
        self.late.insert(row.letter);
        Ok(false)
    }

    /// What is called from now on is called with rows of the batch.
    pub fn fed(&mut self) {
        self.feeding = None;
        self.fed_time.pause(thread_cpu_time);
    }

    /// Calls a plugin of that digest with a slice, or with those of its rows that it does not fail
    /// with; notes the rows it refused, which the answer names, and those left out.
    ///
    /// # Errors
    /// When the call failed, and not for a row that may be left out.
    pub fn call<T>(
        &mut self,
        digest: Option<&str>,
        scope: &mut TaskScope,
        slice: &RecordBatch,
        call: &mut CallSlice<'_, T>,
    ) -> Result<T, TaskError> {
        self.without_poison(digest, scope, (slice, Blame::Alone), call)
    }

    /// The same of a fold by so many keys, with which a row may fail only beside others.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_fold<T>(
        &mut self,
        digest: Option<&str>,
        scope: &mut TaskScope,
        (slice, keys): (&RecordBatch, usize),
        call: &mut CallSlice<'_, T>,
    ) -> Result<T, TaskError> {
        self.without_poison(digest, scope, (slice, Blame::Twice { keys }), call)
    }

    fn without_poison<T>(
        &mut self,
        digest: Option<&str>,
        scope: &mut TaskScope,
        (slice, blame): (&RecordBatch, Blame),
        call: &mut CallSlice<'_, T>,
    ) -> Result<T, TaskError> {
        let WithoutPoison { made, rows, poison } = match self.feeding {
            None => self.allowance.call(scope, (slice, blame), call)?,
            // One is known to have failed before, and is not to fail a batch of others.
            Some(_) => PoisonAllowance::of_fed().call(scope, (slice, blame), call)?,
        };
        let (made, mut rejections) = made;
        if let Some(rows) = rows {
            // The plugin numbers those that were left; all others know the slice as it came.
            for rejection in &mut rejections {
                rejection.row = rows[rejection.row as usize];
            }
        }
        if self.feeding.is_none() {
            self.poison += poison.len() as u64;
        }
        self.add(digest, slice, poison);
        self.add(digest, slice, rejections);
        Ok(made)
    }

    /// Adds the refusals of one call; their row numbers are those of the slice.
    fn add(&mut self, digest: Option<&str>, slice: &RecordBatch, rejections: Vec<Rejection>) {
        for rejection in rejections {
            let row = || slice.slice(rejection.row as usize, 1);
            if let Some((letter, attempts)) = self.feeding {
                if rejection.code == CPU_TIME {
                    self.fed_time.end();
                }
                let lines = self.again.entry(letter).or_default();
                if let Some(place) = self.place.as_ref().filter(|_| has_room(lines)) {
                    lines.extend(line(
                        place,
                        digest,
                        &rejection,
                        &row(),
                        attempts.saturating_add(1),
                    ));
                }
                continue;
            }
            self.counts.count(&rejection.operator, &rejection.code);
            if let Some(place) = self.place.as_ref().filter(|_| self.keep && has_room(&self.lines))
            {
                self.lines.extend(line(place, digest, &rejection, &row(), 1));
            }
            self.first.get_or_insert(rejection.message);
        }
    }

    /// Adds what another task refused.
    pub fn absorb(&mut self, other: Self) {
        self.counts.absorb(other.counts);
        self.poison += other.poison;
        self.first = self.first.take().or(other.first);
        if has_room(&self.lines) {
            self.lines.extend_from_slice(&other.lines);
        }
        self.late.extend(other.late);
        for (letter, lines) in other.again {
            self.again.entry(letter).or_default().extend(lines);
        }
    }
}

fn has_room(lines: &[u8]) -> bool {
    lines.len() < REJECTED_LINES_BYTES_MAX
}

/// The line of a row. The row itself comes last, as it is written: who reads it back finds each
/// number as it was, which a value of JSON in memory would not keep.
fn line(
    (task, step): &(TaskPlace, StepPlace),
    digest: Option<&str>,
    rejection: &Rejection,
    row: &RecordBatch,
    attempts: u32,
) -> Vec<u8> {
    let text = json_lines(row);
    let mut line = json!({
        "batch_time": task.time.0,
        "stream": task.stream,
        "stage": task.stage.0,
        "step": step.to_string(),
        "partition": task.partition,
        "row_of_slice": rejection.row,
        "operator": rejection.operator,
        "plugin_digest": digest,
        "code": rejection.code,
        "reason": rejection.message,
        "attempts": attempts,
    });
    if text.len() > BAD_ROW_TEXT_BYTES_MAX {
        line["text"] = String::from_utf8_lossy(&text[..BAD_ROW_TEXT_BYTES_MAX]).into();
        line["cut"] = true.into();
        return format!("{line}\n").into_bytes();
    }
    let mut line = line.to_string().into_bytes();
    line.pop();
    line.extend_from_slice(ROW_KEY);
    line.extend_from_slice(text.trim_ascii_end());
    line.extend_from_slice(b"}\n");
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::{ArrayRef, Decimal128Array, Float64Array, StringArray};
    use serde_json::Value;

    use super::*;
    use crate::error::Domain;
    use crate::model::operator::{OperatorError, TaskFacts};

    const FACTS: TaskFacts = TaskFacts {
        batch_time: BatchTime(7),
        partition: 0,
        seed: 0,
        input_rows: 0,
        input_bytes: 0,
    };

    fn slice(texts: &[&str]) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        RecordBatch::try_from_iter([("line", column)]).expect("one column")
    }

    fn of_task(partition: u32) -> Refused {
        let (time, stage, stream) = (BatchTime(7), StageId(2), "s".to_owned());
        Refused::of_task(TaskPlace { time, stage, stream, partition }, true, 0)
    }

    fn boom(row: Option<u32>) -> TaskError {
        let (operator, message) = ("p.op".to_owned(), "it trapped".to_owned());
        let domain = Domain::Plugin;
        OperatorError { operator, code: "trap", message, row, domain }.into()
    }

    fn rejection(row: u32) -> Rejection {
        let (operator, code) = ("p.op".to_owned(), "odd".to_owned());
        Rejection { row, operator, code, message: format!("row {row} is odd") }
    }

    #[test]
    fn rows_are_kept_as_lines_or_only_counted() {
        let (slice, mut refused) = (slice(&["a", "b"]), Refused::default());
        refused.add(None, &slice, vec![rejection(0)]);
        assert!(refused.lines.is_empty());
        let mut keeping = of_task(3);
        keeping.at(StepPlace::Step(1));
        keeping.add(Some("d1"), &slice, vec![rejection(1)]);
        refused.absorb(keeping);
        let kept: Value = serde_json::from_slice(&refused.lines).expect("a line of JSON");
        assert_eq!((&kept["row"]["line"], &kept["batch_time"]), (&json!("b"), &json!(7)));
        let place = (&kept["partition"], &kept["row_of_slice"], &kept["plugin_digest"]);
        assert_eq!(place, (&json!(3), &json!(1), &json!("d1")));
        let place = (&kept["stage"], &kept["stream"], &kept["step"], &kept["attempts"]);
        assert_eq!(place, (&json!(2), &json!("s"), &json!("1"), &json!(1)));
        assert_eq!((refused.counts.rows(), refused.first.as_deref()), (2, Some("row 0 is odd")));
    }

    /// What was lost: the last digits of a decimal, in the only copy of its row.
    #[test]
    fn a_kept_row_has_all_its_digits() {
        let decimals = Decimal128Array::from(vec![123_456_789_012_345_678]);
        let decimals = decimals.with_precision_and_scale(38, 2).expect("it fits");
        let slice = RecordBatch::try_from_iter([("amt", Arc::new(decimals) as ArrayRef)]);
        let mut keeping = of_task(3);
        keeping.add(None, &slice.expect("one column"), vec![rejection(0)]);
        let line = String::from_utf8(keeping.lines).expect("text");
        assert!(line.ends_with(",\"row\":{\"amt\":1234567890123456.78}}\n"), "{line}");
        serde_json::from_str::<Value>(&line).expect("a line of JSON");
    }

    #[test]
    fn a_long_row_is_cut_and_a_batch_of_them_is_bounded() {
        let long = "x".repeat(BAD_ROW_TEXT_BYTES_MAX);
        let (slice, mut refused) = (slice(&[&long]), of_task(0));
        let enough = REJECTED_LINES_BYTES_MAX / BAD_ROW_TEXT_BYTES_MAX + 2;
        for _ in 0..enough {
            refused.add(None, &slice, vec![rejection(0)]);
        }
        assert_eq!(refused.counts.rows(), enough as u64);
        assert!(refused.lines.len() < REJECTED_LINES_BYTES_MAX + 2 * BAD_ROW_TEXT_BYTES_MAX);
        let first = refused.lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first: Value = serde_json::from_slice(first).expect("a line of JSON");
        assert_eq!(first["cut"], true);
    }

    /// The story: a plugin numbers the rows that it is called with. When poison rows had been taken
    /// out, a refused row was written down with the number it had among those that were left.
    #[test]
    fn rows_have_the_numbers_of_the_slice_as_it_came_whatever_was_left_out_of_it() {
        let mut refused = Refused { allowance: PoisonAllowance::of_rows(9), ..of_task(0) };
        let texts = ["boom", "odd-1", "a", "boom", "boom", "odd-5", "b", "boom", "odd-8"];
        for _ in 0..2 {
            let mut scope = TaskScope::new(FACTS);
            let call = &mut |_: &mut TaskScope, rows: &RecordBatch| {
                let texts: Vec<&str> = rows.column(0).as_string::<i32>().iter().flatten().collect();
                if texts.contains(&"boom") {
                    return Err(boom(None));
                }
                let odd = (0..).zip(&texts).filter(|(_, text)| text.starts_with("odd"));
                Ok(((), odd.map(|(row, _)| rejection(row)).collect()))
            };
            refused.call(None, &mut scope, &slice(&texts), call).expect("poison is left out");
        }
        let lines = String::from_utf8(refused.lines).expect("text");
        let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let told: Vec<(u64, String)> = lines
            .map(|line: Value| {
                let text = line["row"]["line"].as_str().expect("a text").to_owned();
                (line["row_of_slice"].as_u64().expect("a number"), text)
            })
            .collect();
        assert_eq!(told.len(), 14);
        for (row, text) in told {
            assert_eq!(texts[row as usize], text, "row {row}");
        }
    }

    /// The same of the number in a failure's words, when one row too many was to be left out.
    #[test]
    fn a_failure_names_its_row_by_the_slice_as_it_came() {
        let mut refused = Refused { allowance: PoisonAllowance::of_rows(1), ..of_task(0) };
        let call = &mut |_: &mut TaskScope, rows: &RecordBatch| {
            let texts: Vec<&str> = rows.column(0).as_string::<i32>().iter().flatten().collect();
            let at = texts.iter().position(|text| *text == "boom");
            at.map_or(Ok(((), Vec::new())), |at| Err(boom(Some(at as u32))))
        };
        let slice = slice(&["a", "boom", "b", "c", "boom"]);
        let failed = refused.call(None, &mut TaskScope::new(FACTS), &slice, call);
        let words = failed.expect_err("two are too many").to_string();
        assert!(words.contains("at row 4 of its slice"), "{words}");
    }

    #[test]
    fn what_was_fed_back_is_told_by_its_letter_and_counted_nowhere() {
        let (slice, mut refused) = (slice(&["a", "b"]), of_task(0));
        let row = slice.slice(0, 1);
        let (place, only) = (StepPlace::State, true);
        let fed = FedRow { letter: 5, attempts: 2, place, row, only };
        assert!(refused.feed(&fed).expect("there is time"));
        refused.add(None, &slice, vec![rejection(0)]);
        refused.fed();
        assert_eq!((refused.counts.rows(), refused.first.as_ref()), (0, None));
        assert!(refused.lines.is_empty());
        let line: Value = serde_json::from_slice(&refused.again[&5]).expect("a line of JSON");
        assert_eq!((&line["attempts"], &line["row"]["line"]), (&json!(3), &json!("a")));
    }

    #[test]
    fn numbers_are_written_as_they_are_and_so_is_what_is_none() {
        let mut refused = of_task(0);
        let column: ArrayRef = Arc::new(Float64Array::from(vec![0.1 + 0.2, f64::NAN]));
        let slice = RecordBatch::try_from_iter([("x", column)]).expect("one column");
        refused.add(None, &slice, vec![rejection(0), rejection(1)]);
        let text = String::from_utf8(refused.lines).expect("it is text");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with(r#","row":{"x":0.30000000000000004}}"#), "{}", lines[0]);
        assert!(lines[1].ends_with(r#","row":{"x":"NaN"}}"#), "{}", lines[1]);
    }
}
