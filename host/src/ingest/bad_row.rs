//! Ingest: records that do not fit, gathered until somebody asks.
//!
//! Takes reasons and the bytes they are about. Gives a count, the first of them in words and,
//! where they are kept, all of them. Never decides what becomes of them.

use crate::limits::BAD_ROW_TEXT_BYTES_MAX;
use crate::model::text::escape;

/// Bytes of a bad row that a message shows.
const SHOWN_BYTES: usize = 80;
/// Memory of a kept row beside its text and reason.
const ROW_BYTES: usize = 128;

/// A record that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// What is wrong with it.
    pub reason: String,
    /// Its bytes, from the first, as many as are kept.
    pub text: Vec<u8>,
    /// Whether it had more.
    pub cut: bool,
    /// At which byte of its file it begins, where it is from one.
    pub at: Option<u64>,
}

/// Bad rows since the last time they were taken.
#[derive(Debug, Clone, Default)]
pub struct BadRows {
    /// How many.
    pub count: u64,
    /// The first, for a message.
    pub first: Option<String>,
    /// All of them, where they are kept.
    pub rows: Vec<BadRow>,
    /// Memory that the kept ones take, about.
    pub bytes: usize,
    /// At which byte of its file the first begins, where it is from one.
    pub first_at: Option<u64>,
    keep: bool,
    run: Option<Run>,
}

/// Lines of a file: which memory they are in, and where in the file they begin.
#[derive(Debug, Clone, Copy)]
struct Run {
    address: usize,
    bytes: usize,
    start: u64,
}

impl BadRows {
    /// Counts bad rows and remembers what was wrong with the first.
    pub fn counted() -> Self {
        Self::default()
    }

    /// Keeps every bad row as well.
    pub fn kept() -> Self {
        Self { keep: true, ..Self::default() }
    }

    /// What is added from now on is from these lines, which begin at that byte of a file.
    pub fn reading(&mut self, lines: &[u8], start: u64) {
        self.run = Some(Run { address: lines.as_ptr().addr(), bytes: lines.len(), start });
    }

    /// Adds one.
    pub fn add(&mut self, reason: impl FnOnce() -> String, text: &[u8]) {
        let inside = self.run.and_then(|run| {
            let at = text.as_ptr().addr().checked_sub(run.address)?;
            (at < run.bytes).then(|| run.start + at as u64)
        });
        self.add_at(inside, reason, text);
    }

    /// Adds one that begins at that byte of its file.
    pub fn add_at(&mut self, at: Option<u64>, reason: impl FnOnce() -> String, text: &[u8]) {
        self.count += 1;
        if self.first.is_some() && !self.keep {
            return;
        }
        if self.first.is_none() {
            self.first_at = at;
        }
        let reason = reason();
        self.first.get_or_insert_with(|| format!("{reason}: `{}`", shown(text)));
        if self.keep {
            let kept = &text[..text.len().min(BAD_ROW_TEXT_BYTES_MAX)];
            let cut = kept.len() < text.len();
            self.bytes += kept.len() + reason.len() + ROW_BYTES;
            self.rows.push(BadRow { reason, text: kept.to_vec(), cut, at });
        }
    }

    /// Whether every bad row is kept.
    pub fn keeps(&self) -> bool {
        self.keep
    }

    /// Gives the rows that are kept, and forgets them. The count goes on.
    pub fn rows_taken(&mut self) -> Vec<BadRow> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }

    /// Gives what was gathered and begins anew.
    pub fn take(&mut self) -> Self {
        let keep = self.keep;
        std::mem::replace(self, Self { keep, ..Self::default() })
    }
}

/// The beginning of a record as a message may show it: one line of harmless characters.
pub fn shown(text: &[u8]) -> String {
    // A character of four bytes more than is shown: it is cut off there, not read in half.
    let head = &text[..text.len().min(SHOWN_BYTES + 4)];
    escape(&String::from_utf8_lossy(head), SHOWN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_row_is_told_and_all_are_counted() {
        let mut bad = BadRows::counted();
        bad.add(|| "not text".to_owned(), b"a\x1b[2J\xff");
        bad.add(|| unreachable!("nobody asks for the second reason"), b"b");
        let taken = bad.take();
        assert_eq!(taken.count, 2);
        assert_eq!(taken.first.as_deref(), Some("not text: `a\\u{1b}[2J\u{fffd}`"));
        assert!(taken.rows.is_empty());
        assert_eq!(bad.count, 0);
    }

    #[test]
    fn kept_rows_are_cut_to_their_bound() {
        let mut bad = BadRows::kept();
        bad.add(|| "long".to_owned(), &vec![b'x'; BAD_ROW_TEXT_BYTES_MAX + 1]);
        bad.take();
        bad.add(|| "long".to_owned(), &vec![b'x'; BAD_ROW_TEXT_BYTES_MAX + 1]);
        let row = &bad.rows[0];
        assert_eq!((row.text.len(), row.cut), (BAD_ROW_TEXT_BYTES_MAX, true));
        assert_eq!(shown(&row.text), format!("{}...", "x".repeat(80)));
    }
}
