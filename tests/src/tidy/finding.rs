//! Tidy: what a rule found, and the one way in which findings fail a test.
//!
//! Takes places and words. Gives a panic that lists them all. Never stops at the first.

use std::fmt;

/// A violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the repository's root.
    pub path: String,
    /// The line, from 1; 0 when it is about the whole file.
    pub line: usize,
    /// What was found, and what is allowed.
    pub message: String,
}

impl Finding {
    /// A violation at a line.
    pub fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }

    /// A violation of a whole file.
    pub fn of(path: &str, message: impl Into<String>) -> Self {
        Self::at(path, 0, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Fails with all findings, if there are any.
#[track_caller]
pub fn expect_none(findings: Vec<Finding>) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}\n", lines.len(), lines.join("\n"));
}

/// Fails unless there is exactly one finding, at that line and with those words.
#[track_caller]
pub fn expect_one(findings: &[Finding], line: usize, words: &str) {
    match findings {
        [found] if found.line == line && found.message.contains(words) => {}
        other => panic!("expected one finding in line {line} with `{words}`, found {other:?}"),
    }
}
