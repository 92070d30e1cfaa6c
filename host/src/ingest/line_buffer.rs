//! Ingest: bytes as they arrive, and how many of them are whole lines.
//!
//! Takes bytes in any cut. Gives runs of whole lines. Never holds more of an unfinished line than
//! the longest one allowed: the rest of a longer one is thrown away as it comes.

use crate::limits::{BAD_ROW_TEXT_BYTES_MAX, CONVERT_BYTES, RECEIVE_BYTES};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Beyond this, memory that one very long line made the buffer take is given back.
const KEPT_CAPACITY: usize = 4 * (CONVERT_BYTES + RECEIVE_BYTES);

/// Bytes of a stream of lines.
#[derive(Debug)]
pub struct LineBuffer {
    /// Whole lines, then the beginning of the next one.
    raw: Vec<u8>,
    /// How many bytes of it are whole lines. Invariant: no newline stands behind them.
    complete: usize,
    line_bytes_max: usize,
    /// Whether the rest of a line that was too long is being thrown away.
    skipping: bool,
    /// Whether a byte order mark may come next.
    at_start: bool,
    /// Bytes of the stream before the whole lines, and those thrown away behind them.
    start: u64,
    gap: u64,
}

impl LineBuffer {
    /// An empty buffer for lines of at most so many bytes, their ends not counted.
    pub fn new(line_bytes_max: usize) -> Self {
        let (raw, complete, start, gap) = (Vec::new(), 0, 0, 0);
        Self { raw, complete, line_bytes_max, skipping: false, at_start: true, start, gap }
    }

    /// A buffer for a range of a file that begins at `start`. Behind the file's start it is given
    /// the byte before the range first, and throws away the line that began before it.
    pub fn of_range(line_bytes_max: usize, start: u64) -> Self {
        let inside = start > 0;
        let start = start.saturating_sub(1);
        Self { skipping: inside, at_start: !inside, start, ..Self::new(line_bytes_max) }
    }

    /// Where to append what arrives: at least [`RECEIVE_BYTES`] fit without growing.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.raw.reserve(RECEIVE_BYTES);
        &mut self.raw
    }

    /// Looks at what was appended behind the first `before` bytes. Gives the beginning of a line
    /// that turned out too long, which is forgotten then.
    pub fn appended(&mut self, before: usize) -> Option<Vec<u8>> {
        self.skip_from(before);
        let mut new = before;
        if self.at_start {
            if !self.past_mark() {
                return None;
            }
            new = self.complete;
        }
        if let Some(last) = memchr::memrchr(b'\n', &self.raw[new..]) {
            self.complete = new + last + 1;
        }
        self.cut_long_tail()
    }

    /// The whole lines.
    pub fn lines(&self) -> &[u8] {
        &self.raw[..self.complete]
    }

    /// Where in the stream the whole lines begin, and where the line behind them. It holds if the
    /// whole lines are taken before more is appended behind a line that was too long.
    pub fn offsets(&self) -> (u64, u64) {
        (self.start, self.start + self.complete as u64)
    }

    /// Whether what comes is thrown away up to the next line.
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Forgets the whole lines, which were taken care of.
    pub fn lines_taken(&mut self) {
        self.raw.drain(..self.complete);
        self.start += self.complete as u64 + std::mem::take(&mut self.gap);
        self.complete = 0;
        if self.raw.capacity() > KEPT_CAPACITY && self.raw.len() < RECEIVE_BYTES {
            self.raw.shrink_to(CONVERT_BYTES + RECEIVE_BYTES);
        }
    }

    /// Gives memory back until more arrives.
    pub fn rest(&mut self) {
        self.raw.shrink_to_fit();
    }

    /// The stream ended as it should: what is left is its last line.
    pub fn ended(&mut self) {
        if self.raw.len() > self.complete {
            self.raw.push(b'\n');
            self.complete = self.raw.len();
        }
        self.restarted();
    }

    /// The stream broke off: the unfinished line is dropped. Gives its bytes.
    pub fn broken(&mut self) -> usize {
        let dropped = self.raw.len() - self.complete;
        self.raw.truncate(self.complete);
        self.restarted();
        dropped
    }

    fn restarted(&mut self) {
        self.skipping = false;
        self.at_start = true;
    }

    /// Throws away the rest of a line that was too long.
    fn skip_from(&mut self, before: usize) {
        if !self.skipping {
            return;
        }
        let end = memchr::memchr(b'\n', &self.raw[before..]);
        let thrown = end.map_or(self.raw.len() - before, |end| end + 1) as u64;
        let behind = if self.complete == 0 { &mut self.start } else { &mut self.gap };
        *behind += thrown;
        match end {
            Some(end) => {
                self.skipping = false;
                self.raw.drain(before..=before + end);
            }
            None => self.raw.truncate(before),
        }
    }

    /// Takes a byte order mark off the stream's start. Gives whether that is decided.
    fn past_mark(&mut self) -> bool {
        let start = &self.raw[self.complete..];
        if start.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(start) {
            return false;
        }
        if start.starts_with(BYTE_ORDER_MARK) {
            self.raw.drain(self.complete..self.complete + BYTE_ORDER_MARK.len());
            self.start += BYTE_ORDER_MARK.len() as u64;
        }
        self.at_start = false;
        true
    }

    fn cut_long_tail(&mut self) -> Option<Vec<u8>> {
        // One byte more may be the first half of a line's end.
        if self.raw.len() - self.complete <= self.line_bytes_max.saturating_add(1) {
            return None;
        }
        self.skipping = true;
        let tail = &self.raw[self.complete..];
        self.gap += tail.len() as u64;
        let beginning = tail[..tail.len().min(BAD_ROW_TEXT_BYTES_MAX + 1)].to_vec();
        self.raw.truncate(self.complete);
        Some(beginning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole lines and beginnings of lines that were too long, from bytes that arrive in pieces.
    fn feed(buffer: &mut LineBuffer, pieces: &[&[u8]]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut lines, mut long) = (Vec::new(), Vec::new());
        for piece in pieces {
            let room = buffer.room();
            let before = room.len();
            room.extend_from_slice(piece);
            long.extend(buffer.appended(before));
            lines.extend_from_slice(buffer.lines());
            buffer.lines_taken();
        }
        (lines, long)
    }

    #[test]
    fn lines_are_found_in_every_cut() {
        let stream = b"\xef\xbb\xbfone\r\ntwo\n\nthree\nrest";
        for size in 1..=stream.len() {
            let mut buffer = LineBuffer::new(100);
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            let (lines, long) = feed(&mut buffer, &pieces);
            assert_eq!(lines, b"one\r\ntwo\n\nthree\n", "pieces of {size}");
            assert!(long.is_empty());
            buffer.ended();
            assert_eq!(buffer.lines(), b"rest\n");
        }
    }

    #[test]
    fn a_mark_is_taken_off_at_the_start_only() {
        let mut buffer = LineBuffer::new(100);
        let (lines, _) = feed(&mut buffer, &[b"\xef", b"\xbb\xbf\n", b"\xef\xbb\xbfa\nb"]);
        assert_eq!(lines, b"\n\xef\xbb\xbfa\n");
        assert_eq!(buffer.broken(), 1);
        let (lines, _) = feed(&mut buffer, &[b"\xef\xbb\xbfa\n"]);
        assert_eq!(lines, b"a\n", "a new connection is a new stream");
    }

    #[test]
    fn a_line_too_long_is_told_once_and_takes_no_memory() {
        let mut buffer = LineBuffer::new(10);
        // A gigabyte, in pieces as large as a receiver reads.
        let piece = vec![b'x'; RECEIVE_BYTES];
        let mut pieces: Vec<&[u8]> = vec![b"ok\n"];
        pieces.extend(std::iter::repeat_n(&piece[..], (1 << 30) / RECEIVE_BYTES));
        pieces.extend([&b"x\nnext\n"[..], b"0123456789\r", b"\n"]);
        let (lines, long) = feed(&mut buffer, &pieces);
        assert_eq!(lines, b"ok\nnext\n0123456789\r\n");
        assert_eq!(long.len(), 1);
        assert!(buffer.raw.capacity() <= KEPT_CAPACITY);
    }

    #[test]
    fn a_line_too_long_that_never_ends_leaves_nothing() {
        let mut buffer = LineBuffer::new(3);
        let (lines, long) = feed(&mut buffer, &[b"abcdef", b"ghi"]);
        assert_eq!((lines.len(), long), (0, vec![b"abcdef".to_vec()]));
        buffer.ended();
        assert_eq!(buffer.lines(), b"");
    }
}
