//! Exec: rows with which a call fails as a whole, found and left out.
//!
//! Takes rows and a call of a plugin. Gives what the call made of all but those rows, and why each
//! was left out. Never looks for a row where the call fails without any, and never leaves out more
//! rows than it may.

use arrow_array::{RecordBatch, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;

use super::task_error::TaskError;
use crate::error::Domain;
use crate::model::operator::{CPU_TIME, OperatorError, TaskScope};
use crate::model::rejected::Rejection;
use crate::operator::group::group_rows;

/// How many more rows one attempt may leave out; none at all where the job does not ask for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PoisonAllowance {
    allowed: u64,
    left: u64,
    /// Whether all rows of a call that takes too long are left out: a search would take as long
    /// again with each call.
    waits_once: bool,
}

/// By what a row is known with which a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The call fails with that row alone.
    Alone,
    /// The call fails with that row twice: a fold calls nothing for a group of one row. The rows
    /// are grouped by their first columns, so many.
    Twice {
        /// Key columns, from the first.
        keys: usize,
    },
}

/// What a call made in the end.
#[derive(Debug)]
pub struct WithoutPoison<T> {
    /// Its answer.
    pub made: T,
    /// The rows it was called with, by their numbers among all that were given; none where that
    /// is all of them.
    pub rows: Option<Vec<u32>>,
    /// The rows that were left out, by their numbers among all that were given.
    pub poison: Vec<Rejection>,
}

impl PoisonAllowance {
    /// So many rows.
    pub fn of_rows(allowed: u64) -> Self {
        Self { allowed, left: allowed, waits_once: false }
    }

    /// All rows of a letter that was fed back, if need be.
    pub fn of_fed() -> Self {
        Self { waits_once: true, ..Self::of_rows(u64::MAX) }
    }

    /// Calls with the rows; where the plugin fails, without those it fails with. A row that the
    /// failure names is believed. Else rows are halved, each part being tried in a scope of its
    /// own, and so on a fresh instance, until one row is left: at most log2(n) + 3 calls a row.
    ///
    /// # Errors
    /// The first failure, if it is not the plugin's, or if no single row is to blame; and that more
    /// rows fail than may be left out.
    pub fn call<T>(
        &mut self,
        scope: &mut TaskScope,
        (rows, blame): (&RecordBatch, Blame),
        call: Call<'_, T>,
    ) -> Result<WithoutPoison<T>, TaskError> {
        let (mut given, mut poison) = (rows.clone(), Vec::new());
        let mut left: Option<Vec<u32>> = None;
        loop {
            let failed = match call(scope, &given) {
                Ok(made) => return Ok(WithoutPoison { made, rows: left, poison }),
                Err(failed) => self.plugins_own(failed).map_err(|error| told_of(error, &left))?,
            };
            let numbers = left.get_or_insert_with(|| (0..rows.num_rows() as u32).collect());
            if self.waits_once && failed.code == CPU_TIME {
                let OperatorError { operator, code, message, .. } = &failed;
                let rejection = |row| Rejection {
                    row,
                    operator: operator.clone(),
                    code: (*code).to_owned(),
                    message: message.clone(),
                };
                poison.extend(std::mem::take(numbers).into_iter().map(rejection));
                let made = call(scope, &rows.slice(0, 0))?;
                return Ok(WithoutPoison { made, rows: left, poison });
            }
            let search = Search { scope, rows: &given, is_first: poison.is_empty() };
            let found = match blame {
                Blame::Alone => search.alone(failed, call),
                Blame::Twice { keys } => search.twice(keys, failed, call),
            };
            let (at, OperatorError { operator, code, message, .. }) = found?;
            let (row, code) = (numbers.remove(at), code.to_owned());
            poison.push(Rejection { row, operator, code, message });
            self.left -= 1;
            given = take_record_batch(rows, &UInt32Array::from(numbers.clone()))?;
        }
    }

    /// A failure for which a row may be left out.
    fn plugins_own(&self, failed: TaskError) -> Result<OperatorError, TaskError> {
        match failed {
            TaskError::Operator(error) if error.domain != Domain::Plugin => Err(error.into()),
            TaskError::Operator(error) if self.left > 0 => Ok(error),
            TaskError::Operator(source) if self.allowed > 0 => {
                Err(TaskError::TooManyLeftOut { allowed: self.allowed, source })
            }
            other => Err(other),
        }
    }
}

/// The same failure, with the number that its row has among all that were given, not among those
/// that are left.
fn told_of(mut failed: TaskError, left: &Option<Vec<u32>>) -> TaskError {
    if let TaskError::Operator(error) | TaskError::TooManyLeftOut { source: error, .. } =
        &mut failed
        && let (Some(left), Some(row)) = (left, error.row)
    {
        error.row = left.get(row as usize).copied();
    }
    failed
}

/// A call of a plugin with rows.
type Call<'c, T> = &'c mut dyn FnMut(&mut TaskScope, &RecordBatch) -> Result<T, TaskError>;

/// The search for one row.
struct Search<'a> {
    scope: &'a TaskScope,
    rows: &'a RecordBatch,
    /// Whether no row has been found before.
    is_first: bool,
}

impl Search<'_> {
    /// The number of the first row found that fails by itself, and how it does.
    fn alone<T>(
        &self,
        failed: OperatorError,
        call: Call<'_, T>,
    ) -> Result<(usize, OperatorError), TaskError> {
        let rows = self.rows.num_rows();
        if let Some(row) = named(&failed, rows) {
            return Ok((row, failed));
        }
        if rows == 0 || (self.is_first && self.fails(&self.rows.slice(0, 0), call)?.is_some()) {
            return Err(failed.into());
        }
        let (mut from, mut to, mut alone) = (0, rows, (rows == 1).then(|| failed.clone()));
        while to - from > 1 {
            let middle = from + (to - from) / 2;
            match self.fails(&self.rows.slice(from, middle - from), call)? {
                Some(error) => {
                    if let Some(row) = named(&error, middle - from) {
                        return Ok((from + row, error));
                    }
                    to = middle;
                    alone = (to - from == 1).then_some(error);
                }
                None => (from, alone) = (middle, None),
            }
        }
        let one = self.rows.slice(from, to - from);
        match alone {
            Some(error) => Ok((from, error)),
            // Both halves went well: rows that fail only together are nobody's fault alone.
            None => self.fails(&one, call)?.map(|error| (from, error)).ok_or_else(|| failed.into()),
        }
    }

    /// The number of the row with which a fold fails first, or of the first one of its group, if
    /// the fold fails with it and itself, and how it does.
    fn twice<T>(
        &self,
        keys: usize,
        failed: OperatorError,
        call: Call<'_, T>,
    ) -> Result<(usize, OperatorError), TaskError> {
        let rows = self.rows.num_rows();
        let (mut well, mut fails) = (0, rows);
        let mut name = named(&failed, rows);
        while name.is_none() && fails - well > 1 {
            let middle = well + (fails - well) / 2;
            match self.fails(&self.rows.slice(0, middle), call)? {
                Some(error) => (fails, name) = (middle, named(&error, middle)),
                None => well = middle,
            }
        }
        // Where some rows went well, this need not be asked.
        let asks = self.is_first && well == 0 && name.is_none();
        if rows == 0 || (asks && self.fails(&self.rows.slice(0, 0), call)?.is_some()) {
            return Err(failed.into());
        }
        let last = name.unwrap_or(fails - 1);
        for suspect in [Some(last), self.only_one_before(last, keys)?].into_iter().flatten() {
            let twice = UInt32Array::from(vec![suspect as u32; 2]);
            if let Some(error) = self.fails(&take_record_batch(self.rows, &twice)?, call)? {
                return Ok((suspect, error));
            }
        }
        // A row that a failure names is believed.
        name.map(|row| (row, failed.clone())).ok_or_else(|| failed.into())
    }

    /// The row before that one in its group, if there is but one: if there are more, the fold has
    /// been called with each of them, and went well.
    fn only_one_before(&self, row: usize, keys: usize) -> Result<Option<usize>, ArrowError> {
        let of = group_rows(&self.rows.columns()[..keys], self.rows.num_rows())?.group_of_row;
        let mut before = (0..row).filter(|other| of[*other] == of[row]);
        let first = before.next();
        Ok(first.filter(|_| before.next().is_none()))
    }

    /// How the plugin fails with those rows, if it does.
    fn fails<T>(
        &self,
        rows: &RecordBatch,
        call: Call<'_, T>,
    ) -> Result<Option<OperatorError>, TaskError> {
        // What a call of the search counts or keeps is gone with its scope.
        let (facts, broadcasts) = (self.scope.facts, self.scope.broadcasts.clone());
        let mut scope = TaskScope::new(facts).with_broadcasts(broadcasts);
        match call(&mut scope, rows) {
            Ok(_) => Ok(None),
            Err(TaskError::Operator(error)) if error.domain == Domain::Plugin => Ok(Some(error)),
            Err(other) => Err(other),
        }
    }
}

/// The row that a failure names, if it is one of so many.
fn named(failed: &OperatorError, rows: usize) -> Option<usize> {
    failed.row.map(|row| row as usize).filter(|row| *row < rows)
}

#[cfg(test)]
mod tests;
