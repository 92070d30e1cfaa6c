//! Model: rows that operators refused, counted by operator and code.
//!
//! Takes rejections one by one. Gives their number, and a sentence that names who refused them.
//! Never keeps more kinds than a message lists.

use std::fmt;

use super::text::number_of;
use crate::limits::LISTED_WORDS_MAX;

/// One bad row of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its index in the call's input.
    pub row: u32,
    /// The operator that refused it.
    pub operator: String,
    /// Why, in a word of the author's.
    pub code: String,
    /// Why, in a sentence.
    pub message: String,
}

/// Rows that operators refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejected {
    kinds: Vec<Kind>,
    others: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    operator: String,
    code: String,
    rows: u64,
}

impl Rejected {
    /// Adds what others counted.
    pub fn absorb(&mut self, more: Self) {
        self.others += more.others;
        for Kind { operator, code, rows } in more.kinds {
            self.count_rows(&operator, &code, rows);
        }
    }

    /// Counts one row.
    pub fn count(&mut self, operator: &str, code: &str) {
        self.count_rows(operator, code, 1);
    }

    fn count_rows(&mut self, operator: &str, code: &str, rows: u64) {
        let same = |kind: &&mut Kind| kind.operator == operator && kind.code == code;
        if let Some(kind) = self.kinds.iter_mut().find(same) {
            kind.rows += rows;
        } else if self.kinds.len() < LISTED_WORDS_MAX {
            self.kinds.push(Kind { operator: operator.to_owned(), code: code.to_owned(), rows });
        } else {
            self.others += rows;
        }
    }

    /// How many there are.
    pub fn rows(&self) -> u64 {
        self.others + self.kinds.iter().map(|kind| kind.rows).sum::<u64>()
    }
}

impl fmt::Display for Rejected {
    /// `12 rows rejected by `log.status` (no-status), 1 row by `log.size` (no-size)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |count: u64| number_of(count, "row", "rows");
        for (index, Kind { operator, code, rows: count }) in self.kinds.iter().enumerate() {
            let (before, word) = if index == 0 { ("", " rejected") } else { (", ", "") };
            write!(f, "{before}{}{word} by `{operator}`", rows(*count))?;
            if !code.is_empty() {
                write!(f, " ({code})")?;
            }
        }
        if self.others > 0 {
            write!(f, ", and {} for other reasons", rows(self.others))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_operator_and_code() {
        let mut rejected = Rejected::default();
        for (operator, code) in [("a.b", "no-b"), ("a.c", ""), ("a.b", "no-b")] {
            rejected.count(operator, code);
        }
        assert_eq!(rejected.to_string(), "2 rows rejected by `a.b` (no-b), 1 row by `a.c`");
        assert_eq!(rejected.rows(), 3);
    }

    #[test]
    fn kinds_are_bounded() {
        let mut rejected = Rejected::default();
        (0..1000).for_each(|code| rejected.count("a.b", &code.to_string()));
        let told = rejected.to_string();
        assert!(told.ends_with(", and 976 rows for other reasons"), "{told}");
        assert_eq!((rejected.kinds.len(), rejected.rows()), (LISTED_WORDS_MAX, 1000));
    }
}
