//! Ingest: bytes that were read faster than their source's rate allows.
//!
//! Takes bytes of lines, and allowances. Gives the lines that may pass, in order. Never more than
//! one read is held: who reads waits until it has passed.

use super::rate_limiter::Allowance;
use crate::limits::RECEIVE_BYTES;

/// Bytes that wait.
#[derive(Debug, Default)]
pub struct HeldBack {
    bytes: Vec<u8>,
    /// How many of them have passed.
    passed: usize,
}

impl HeldBack {
    /// Where to append what is read: at least [`RECEIVE_BYTES`] fit without growing.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.passed);
        self.passed = 0;
        self.bytes.reserve(RECEIVE_BYTES);
        &mut self.bytes
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.passed
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets lines pass, as many as are allowed, and behind the last whole one what there is of the
    /// next. Gives their bytes, and how many ended.
    pub fn pass(&mut self, allowed: Allowance) -> (&[u8], u64) {
        let waiting = &self.bytes[self.passed..];
        let (mut end, rows) = passing(waiting, allowed);
        if memchr::memchr(b'\n', &waiting[end..]).is_none() {
            end = waiting.len();
        }
        let start = self.passed;
        self.passed += end;
        (&self.bytes[start..self.passed], rows)
    }
}

/// Where the lines end that are allowed, and how many they are.
pub fn passing(bytes: &[u8], allowed: Allowance) -> (usize, u64) {
    let (mut end, mut rows) = (0, 0_u64);
    for at in memchr::memchr_iter(b'\n', bytes) {
        let left =
            Allowance { rows: allowed.rows - rows as f64, bytes: allowed.bytes - end as f64 };
        if !left.admits_a_row() {
            break;
        }
        (end, rows) = (at + 1, rows + 1);
    }
    (end, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rows: f64, bytes: f64) -> Allowance {
        Allowance { rows, bytes }
    }

    fn held(bytes: &[u8]) -> HeldBack {
        let mut held = HeldBack::default();
        held.room().extend_from_slice(bytes);
        held
    }

    #[test]
    fn lines_pass_as_they_are_allowed() {
        let mut held = held(b"a\nbb\nccc\nrest");
        assert_eq!(held.pass(allowed(0.9, 99.0)), (&b""[..], 0));
        assert_eq!(held.pass(allowed(2.5, 99.0)), (&b"a\nbb\n"[..], 2));
        assert_eq!(held.len(), 8);
        assert_eq!(held.pass(allowed(1.0, 1.0)), (&b"ccc\nrest"[..], 1), "the rest is no row yet");
        assert!(held.is_empty());
        held.room().extend_from_slice(b" of it\nd\n");
        assert_eq!(held.pass(allowed(1.0, 9.0)), (&b" of it\n"[..], 1));
    }

    #[test]
    fn bytes_let_a_last_row_pass_whole() {
        let mut held = held(b"0123456789\nb\n");
        assert_eq!(held.pass(allowed(f64::INFINITY, 0.0)), (&b""[..], 0));
        assert_eq!(held.pass(allowed(f64::INFINITY, 1.0)).1, 1);
        assert_eq!(held.pass(allowed(f64::INFINITY, f64::INFINITY)), (&b"b\n"[..], 1));
    }
}
