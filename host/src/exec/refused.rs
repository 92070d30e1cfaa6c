//! Exec: rows that operators refused or failed with, of one attempt and then of a whole batch.
//!
//! Takes refusals with the slice they were found in. Gives their counts, the first one's words and,
//! where rows are to be kept, a line of JSON each. Never holds a row itself: millions of refused
//! ones would be gigabytes.

use arrow_array::RecordBatch;
use serde_json::json;

use super::poison::{Blame, PoisonAllowance, WithoutPoison};
use super::task_error::TaskError;
use crate::limits::{BAD_ROW_TEXT_BYTES_MAX, REJECTED_LINES_BYTES_MAX};
use crate::model::operator::TaskScope;
use crate::model::rejected::Rejected;
use crate::model::rejected::Rejection;
use crate::model::time::BatchTime;
use crate::sink::json_lines::json_lines;

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
    /// The batch and partition whose rows are to be kept, if they are.
    keep: Option<(BatchTime, u32)>,
    allowance: PoisonAllowance,
}

impl Refused {
    /// None yet; they are kept where a batch and a partition are given. So many rows may be left
    /// out because a call fails with them.
    pub fn of_task(keep: Option<(BatchTime, u32)>, poison_max: u64) -> Self {
        let allowance = PoisonAllowance::of_rows(poison_max);
        Self { keep, allowance, ..Self::default() }
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
        call: &mut dyn FnMut(
            &mut TaskScope,
            &RecordBatch,
        ) -> Result<(T, Vec<Rejection>), TaskError>,
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
        call: &mut dyn FnMut(
            &mut TaskScope,
            &RecordBatch,
        ) -> Result<(T, Vec<Rejection>), TaskError>,
    ) -> Result<T, TaskError> {
        self.without_poison(digest, scope, (slice, Blame::Twice { keys }), call)
    }

    fn without_poison<T>(
        &mut self,
        digest: Option<&str>,
        scope: &mut TaskScope,
        (slice, blame): (&RecordBatch, Blame),
        call: &mut dyn FnMut(
            &mut TaskScope,
            &RecordBatch,
        ) -> Result<(T, Vec<Rejection>), TaskError>,
    ) -> Result<T, TaskError> {
        let called = self.allowance.call(scope, (slice, blame), call)?;
        let WithoutPoison { made, rows, poison } = called;
        let (made, rejections) = made;
        self.poison += poison.len() as u64;
        self.add(digest, slice, poison);
        self.add(digest, &rows, rejections);
        Ok(made)
    }

    /// Adds the refusals of one call; their row numbers are those of the slice.
    fn add(&mut self, digest: Option<&str>, slice: &RecordBatch, rejections: Vec<Rejection>) {
        for rejection in rejections {
            self.counts.count(&rejection.operator, &rejection.code);
            if let Some(place) = self.keep
                && self.lines.len() < REJECTED_LINES_BYTES_MAX
            {
                let row = slice.slice(rejection.row as usize, 1);
                let line = line(place, digest, &rejection, &row);
                self.lines.extend_from_slice(line.as_bytes());
            }
            self.first.get_or_insert(rejection.message);
        }
    }

    /// Adds what another task refused.
    pub fn absorb(&mut self, other: Self) {
        self.counts.absorb(other.counts);
        self.poison += other.poison;
        self.first = self.first.take().or(other.first);
        if self.lines.len() < REJECTED_LINES_BYTES_MAX {
            self.lines.extend_from_slice(&other.lines);
        }
    }
}

fn line(
    (time, partition): (BatchTime, u32),
    digest: Option<&str>,
    rejection: &Rejection,
    row: &RecordBatch,
) -> String {
    let text = json_lines(row);
    let mut line = json!({
        "batch_time": time.0,
        "partition": partition,
        "row_of_slice": rejection.row,
        "operator": rejection.operator,
        "plugin_digest": digest,
        "code": rejection.code,
        "reason": rejection.message,
    });
    if text.len() > BAD_ROW_TEXT_BYTES_MAX {
        line["text"] = String::from_utf8_lossy(&text[..BAD_ROW_TEXT_BYTES_MAX]).into();
        line["cut"] = true.into();
    } else {
        // As it was written: a double would bend decimals and large integers.
        let (line, row) = (line.to_string(), String::from_utf8_lossy(&text));
        return format!("{},\"row\":{}}}\n", &line[..line.len() - 1], row.trim_end());
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Decimal128Array, StringArray};
    use serde_json::Value;

    use super::*;

    fn slice(texts: &[&str]) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        RecordBatch::try_from_iter([("line", column)]).expect("one column")
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
        let mut keeping = Refused::of_task(Some((BatchTime(7), 3)), 0);
        keeping.add(Some("d1"), &slice, vec![rejection(1)]);
        refused.absorb(keeping);
        let kept: Value = serde_json::from_slice(&refused.lines).expect("a line of JSON");
        assert_eq!((&kept["row"]["line"], &kept["batch_time"]), (&json!("b"), &json!(7)));
        let place = (&kept["partition"], &kept["row_of_slice"], &kept["plugin_digest"]);
        assert_eq!(place, (&json!(3), &json!(1), &json!("d1")));
        assert_eq!((refused.counts.rows(), refused.first.as_deref()), (2, Some("row 0 is odd")));
    }

    /// What was lost: the last digits of a decimal, in the only copy of its row.
    #[test]
    fn a_kept_row_has_all_its_digits() {
        let decimals = Decimal128Array::from(vec![123_456_789_012_345_678]);
        let decimals = decimals.with_precision_and_scale(38, 2).expect("it fits");
        let slice = RecordBatch::try_from_iter([("amt", Arc::new(decimals) as ArrayRef)]);
        let mut keeping = Refused::of_task(Some((BatchTime(7), 3)), 0);
        keeping.add(None, &slice.expect("one column"), vec![rejection(0)]);
        let line = String::from_utf8(keeping.lines).expect("text");
        assert!(line.ends_with(",\"row\":{\"amt\":1234567890123456.78}}\n"), "{line}");
        serde_json::from_str::<Value>(&line).expect("a line of JSON");
    }

    #[test]
    fn a_long_row_is_cut_and_a_batch_of_them_is_bounded() {
        let long = "x".repeat(BAD_ROW_TEXT_BYTES_MAX);
        let (slice, mut refused) = (slice(&[&long]), Refused::of_task(Some((BatchTime(0), 0)), 0));
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
}
