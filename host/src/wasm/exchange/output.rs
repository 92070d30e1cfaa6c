//! Wasm: the answer of a chain of row operators, its row numbers checked beside its batch.
//!
//! Takes an answer and what the chain may give back. Gives the model's `Applied`. Never lets a row
//! number through that the input does not have.

use std::cmp::Ordering;

use super::error::ExchangeError;
use super::shape::{AnswerLimits, BatchShape, RawBatch};
use crate::limits;
use crate::model::description::OperatorKind;
use crate::model::operator::{Applied, AppliedRows};
use crate::model::rejected::Rejection;
use crate::model::text::escape;

/// One rejected row as it came over the border; nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRejection {
    /// The row of the input.
    pub row: u32,
    /// The step that refused it.
    pub step: u32,
    /// Why, in a word.
    pub code: String,
    /// Why, in a sentence.
    pub message: String,
}

/// The answer of a chain as it came over the border; nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawOutput {
    /// Rows, or an empty batch beside a selection.
    pub batch: RawBatch,
    /// The input rows that filters keep.
    pub selection: Option<Vec<u32>>,
    /// The input row of each output row.
    pub origin: Option<Vec<u32>>,
    /// Rows that were refused.
    pub rejected: Vec<RawRejection>,
}

/// How many rows a chain gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowRule {
    /// One for every input row that is not rejected.
    Exactly,
    /// One for every input row that is neither rejected nor dropped.
    AtMost,
    /// Any number for an input row.
    Any,
}

/// What a chain may give back.
#[derive(Debug, Clone)]
pub struct ChainRules {
    /// The steps' names in messages, in order.
    pub steps: Vec<String>,
    /// Whether all are filters, so that the answer is a selection.
    pub selects: bool,
    /// How many rows it gives back.
    pub rows: RowRule,
    /// Whether one input row may be rejected several times: a step before the last makes several
    /// rows of it.
    pub rejects_repeatedly: bool,
}

impl ChainRules {
    /// What operators of these kinds may give back, one after the other, called so in messages.
    pub fn of(steps: Vec<String>, kinds: &[OperatorKind]) -> Self {
        use OperatorKind::{Filter, Map, MapValues};
        let all = |allowed: &[OperatorKind]| kinds.iter().all(|kind| allowed.contains(kind));
        let rows = if all(&[Map, MapValues]) {
            RowRule::Exactly
        } else if all(&[Map, MapValues, Filter]) {
            RowRule::AtMost
        } else {
            RowRule::Any
        };
        let before_last = kinds.split_last().map_or(&[][..], |(_, before)| before);
        let rejects_repeatedly =
            before_last.iter().any(|kind| !matches!(kind, Map | MapValues | Filter));
        Self { steps, selects: all(&[Filter]), rows, rejects_repeatedly }
    }

    /// Checks an answer to a call with so many input rows, and makes rows of it.
    ///
    /// # Errors
    /// Names the first thing that is malformed or too large.
    pub fn check(
        &self,
        shape: &BatchShape,
        output: RawOutput,
        (input_rows, want_origin): (u32, bool),
        limits: &AnswerLimits,
    ) -> Result<Applied, ExchangeError> {
        check_size(&output, limits)?;
        let RawOutput { batch, selection, origin, rejected } = output;
        let rejected = self.check_rejected(rejected, input_rows)?;
        let good_rows = input_rows.saturating_sub(self.rejected_rows(&rejected));
        if self.selects {
            let selection = selection.ok_or(ExchangeError::SelectionMissing)?;
            if origin.is_some() {
                return Err(ExchangeError::OriginUnexpected);
            }
            check_no_rows(shape, batch, limits)?;
            check_rows("selection", &selection, input_rows, true)?;
            check_apart("selection", &selection, &rejected)?;
            return Ok(Applied { rows: AppliedRows::Selection(selection), origin: None, rejected });
        }
        if selection.is_some() {
            return Err(ExchangeError::SelectionUnexpected);
        }
        self.check_row_count(batch.rows, good_rows)?;
        let rows = batch.rows;
        let batch = shape.lift(batch, limits)?;
        let origin = self.check_origin(origin, (rows, input_rows), want_origin, &rejected)?;
        Ok(Applied { rows: AppliedRows::Batch(batch), origin, rejected })
    }

    fn check_row_count(&self, found: u32, good_rows: u32) -> Result<(), ExchangeError> {
        match self.rows {
            RowRule::Exactly => check_row_count(found, good_rows),
            RowRule::AtMost if found > good_rows => {
                Err(ExchangeError::RowCount { found, rule: "at most", expected: good_rows })
            }
            RowRule::AtMost | RowRule::Any => Ok(()),
        }
    }

    /// Rows of the input that are lost to rejection.
    fn rejected_rows(&self, rejected: &[Rejection]) -> u32 {
        match self.rows {
            RowRule::Any => 0,
            _ => u32::try_from(rejected.len()).unwrap_or(u32::MAX),
        }
    }

    /// Checks the rows that were refused of so many.
    pub(super) fn check_rejected(
        &self,
        mut rejected: Vec<RawRejection>,
        input_rows: u32,
    ) -> Result<Vec<Rejection>, ExchangeError> {
        let allowed = limits::REJECTED_ROWS_MAX;
        if rejected.len() > allowed {
            return Err(ExchangeError::RejectedOverLimit { found: rejected.len(), allowed });
        }
        let outside = rejected.iter().position(|rejection| rejection.row >= input_rows);
        if let Some(index) = outside {
            let (list, found) = ("rejected", rejected[index].row);
            return Err(ExchangeError::RowOutOfRange { list, index, found, rows: input_rows });
        }
        // Steps refuse rows in runs, so rows of later steps may come before those of earlier ones.
        rejected.sort_by_key(|rejection| (rejection.row, rejection.step));
        let twice = rejected.windows(2).find(|pair| pair[0].row == pair[1].row);
        if let Some(pair) = twice.filter(|_| !self.rejects_repeatedly) {
            return Err(ExchangeError::RejectedTwice { row: pair[0].row });
        }
        rejected.into_iter().map(|rejection| self.named(rejection)).collect()
    }

    fn named(&self, rejection: RawRejection) -> Result<Rejection, ExchangeError> {
        let RawRejection { row, step, code, message } = rejection;
        let operator = usize::try_from(step).ok().and_then(|step| self.steps.get(step));
        let operator = operator.cloned().ok_or(ExchangeError::RejectedStep {
            row,
            found: step,
            steps: self.steps.len(),
        })?;
        Ok(Rejection {
            row,
            operator,
            code: escape(&code, limits::NAME_BYTES_MAX),
            message: escape(&message, limits::GUEST_TEXT_BYTES_MAX),
        })
    }

    fn check_origin(
        &self,
        origin: Option<Vec<u32>>,
        (rows, input_rows): (u32, u32),
        want_origin: bool,
        rejected: &[Rejection],
    ) -> Result<Option<Vec<u32>>, ExchangeError> {
        let origin = match (origin, want_origin) {
            (None, false) => return Ok(None),
            (None, true) => return Err(ExchangeError::OriginMissing),
            (Some(_), false) => return Err(ExchangeError::OriginUnexpected),
            (Some(origin), true) => origin,
        };
        if origin.len() != rows as usize {
            return Err(ExchangeError::OriginLength { found: origin.len(), expected: rows });
        }
        let once = self.rows != RowRule::Any;
        check_rows("origin", &origin, input_rows, once)?;
        if once {
            check_apart("origin", &origin, rejected)?;
        }
        Ok(Some(origin))
    }
}

/// Checks that a fold gave one row a group, or a merge one a pair.
///
/// # Errors
/// When it did not.
pub fn check_row_count(found: u32, expected: u32) -> Result<(), ExchangeError> {
    if found == expected {
        return Ok(());
    }
    Err(ExchangeError::RowCount { found, rule: "exactly", expected })
}

fn check_size(output: &RawOutput, limits: &AnswerLimits) -> Result<(), ExchangeError> {
    let rows_listed =
        output.selection.as_ref().map_or(0, Vec::len) + output.origin.as_ref().map_or(0, Vec::len);
    let texts: usize = output.rejected.iter().map(|r| r.code.len() + r.message.len() + 8).sum();
    let found = output.batch.bytes() + rows_listed * size_of::<u32>() + texts;
    if found > limits.bytes {
        return Err(ExchangeError::BytesOverLimit { found, allowed: limits.bytes });
    }
    Ok(())
}

/// Beside a selection the batch is empty: without anything, or with columns of no rows.
fn check_no_rows(
    shape: &BatchShape,
    batch: RawBatch,
    limits: &AnswerLimits,
) -> Result<(), ExchangeError> {
    check_row_count(batch.rows, 0)?;
    if batch.nodes.is_empty() && batch.buffers.is_empty() {
        return Ok(());
    }
    shape.lift(batch, limits).map(|_| ())
}

/// Row numbers must be in range and must not fall; where each may occur but once, they must rise.
fn check_rows(
    list: &'static str,
    rows: &[u32],
    input_rows: u32,
    once: bool,
) -> Result<(), ExchangeError> {
    let falls = |pair: &[u32]| if once { pair[1] <= pair[0] } else { pair[1] < pair[0] };
    if let Some(at) = rows.windows(2).position(falls) {
        let (index, found, previous) = (at + 1, rows[at + 1], rows[at]);
        return Err(ExchangeError::RowsFalling { list, index, found, previous });
    }
    // They do not fall, so the first one out of range is found by halving.
    let index = rows.partition_point(|row| *row < input_rows);
    match rows.get(index) {
        Some(found) => {
            let found = *found;
            Err(ExchangeError::RowOutOfRange { list, index, found, rows: input_rows })
        }
        None => Ok(()),
    }
}

/// No row is both given back and rejected. Both lists rise.
fn check_apart(
    list: &'static str,
    kept: &[u32],
    rejected: &[Rejection],
) -> Result<(), ExchangeError> {
    let (mut kept, mut rejected) = (kept.iter().peekable(), rejected.iter().peekable());
    while let (Some(row), Some(rejection)) = (kept.peek(), rejected.peek()) {
        match row.cmp(&&rejection.row) {
            Ordering::Less => drop(kept.next()),
            Ordering::Greater => drop(rejected.next()),
            Ordering::Equal => return Err(ExchangeError::RejectedAndKept { row: **row, list }),
        }
    }
    Ok(())
}
