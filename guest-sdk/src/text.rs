//! Text cut up as fast as the sandbox allows.
//!
//! Takes text. Gives its words, as `str::split_ascii_whitespace` does. Never allocates.

use crate::erased::word_of_text;

/// Bytes looked at together.
const BLOCK: usize = 64;
/// Bytes of a vector.
const LANES: usize = 16;
/// Where no word has begun.
const NOWHERE: usize = usize::MAX;

/// The words of a text: what [`str::split_ascii_whitespace`] gives, found 16 bytes at a time. A
/// loop over single bytes is what costs most in a sandbox, since each turn of it looks whether
/// the time is up.
///
/// ```
/// # use tidemill_sdk::text::words;
/// assert!(words(" to be\tor  not\n").eq(["to", "be", "or", "not"]));
/// ```
#[inline]
pub fn words(text: &str) -> Words<'_> {
    Words(byte_words(text.as_bytes()))
}

/// The words of bytes that may be no text, as [`words`] finds them.
#[inline]
pub fn byte_words(bytes: &[u8]) -> ByteWords<'_> {
    ByteWords { bytes, block: 0, looked: 0, edges: 0, space_before: 1, begun: NOWHERE }
}

/// See [`words`].
#[derive(Debug, Clone)]
pub struct Words<'a>(ByteWords<'a>);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        self.0.next().map(word_of_text)
    }

    #[inline]
    fn fold<B, F: FnMut(B, &'a str) -> B>(self, first: B, mut with: F) -> B {
        self.0.fold(first, |so_far, word| with(so_far, word_of_text(word)))
    }
}

/// See [`byte_words`].
#[derive(Debug, Clone)]
pub struct ByteWords<'a> {
    bytes: &'a [u8],
    /// Where the block begins whose edges are held.
    block: usize,
    /// Up to where bytes were looked at.
    looked: usize,
    /// A bit for each byte of the block at which space begins or ends.
    edges: u64,
    /// Whether the byte before the next block is a space: 1 if so.
    space_before: u64,
    /// Where the word begins whose end is looked for.
    begun: usize,
}

impl<'a> Iterator for ByteWords<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            while self.edges == 0 {
                if self.looked >= self.bytes.len() {
                    let begun = std::mem::replace(&mut self.begun, NOWHERE);
                    return self.bytes.get(begun..);
                }
                self.look();
            }
            let edge = self.block + self.edges.trailing_zeros() as usize;
            self.edges &= self.edges - 1;
            let begun = std::mem::replace(&mut self.begun, NOWHERE);
            if begun != NOWHERE {
                return self.bytes.get(begun..edge);
            }
            self.begun = edge;
        }
    }

    /// What `for_each` and a flat map come down to: one word at each turn.
    #[inline]
    fn fold<B, F: FnMut(B, &'a [u8]) -> B>(mut self, first: B, mut with: F) -> B {
        let mut so_far = first;
        loop {
            let mut edges = self.edges;
            if self.begun == NOWHERE && edges != 0 {
                self.begun = self.block + edges.trailing_zeros() as usize;
                edges &= edges - 1;
            }
            while edges != 0 {
                let end = self.block + edges.trailing_zeros() as usize;
                edges &= edges - 1;
                so_far = with(so_far, self.bytes.get(self.begun..end).unwrap_or_default());
                if edges == 0 {
                    self.begun = NOWHERE;
                    break;
                }
                self.begun = self.block + edges.trailing_zeros() as usize;
                edges &= edges - 1;
            }
            if self.looked >= self.bytes.len() {
                return match self.bytes.get(self.begun..) {
                    Some(last) => with(so_far, last),
                    None => so_far,
                };
            }
            self.look();
        }
    }
}

impl ByteWords<'_> {
    /// Finds the edges of the next block.
    #[inline]
    fn look(&mut self) {
        let rest = self.bytes.get(self.looked..).unwrap_or_default();
        let chunks = rest.chunks_exact(LANES);
        let tail = chunks.remainder();
        let mut spaces = 0_u64;
        let mut seen = 0;
        for chunk in chunks.take(BLOCK / LANES).filter_map(|chunk| chunk.first_chunk()) {
            spaces |= u64::from(spaces_in(chunk)) << seen;
            seen += LANES;
        }
        if seen < BLOCK && !tail.is_empty() {
            let spaces_of_tail = match self.bytes.last_chunk() {
                Some(last) => u64::from(spaces_in(last)) >> (LANES - tail.len()),
                None => {
                    let mut last = [0; LANES];
                    tail.iter().zip(&mut last).for_each(|(byte, place)| *place = *byte);
                    u64::from(spaces_in(&last))
                }
            };
            spaces |= spaces_of_tail << seen;
            seen += tail.len();
        }
        self.block = self.looked;
        self.looked += seen;
        let edges = spaces ^ (spaces << 1 | self.space_before);
        self.edges = if seen < BLOCK { edges & ((1 << seen) - 1) } else { edges };
        self.space_before = spaces >> (seen - 1) & 1;
    }
}

/// A bit for each byte that is ASCII white space.
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
#[inline]
fn spaces_in(bytes: &[u8; LANES]) -> u16 {
    use core::arch::wasm32::{
        i8x16, i8x16_bitmask, i8x16_eq, i8x16_splat, i8x16_swizzle, u64x2, v128_or,
    };

    let (low, high) = bytes.split_at(LANES / 2);
    let half = |half: &[u8]| u64::from_le_bytes(half.try_into().unwrap_or_default());
    let bytes = u64x2(half(low), half(high));
    // What is no index into the table gives 0: tab, line feed, form feed, carriage return.
    let table = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0, -1, -1, 0, 0);
    let others = i8x16_swizzle(table, bytes);
    i8x16_bitmask(v128_or(i8x16_eq(bytes, i8x16_splat(b' ' as i8)), others))
}

/// A bit for each byte that is ASCII white space.
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
#[inline]
fn spaces_in(bytes: &[u8; LANES]) -> u16 {
    let bits = bytes.iter().enumerate();
    bits.fold(0, |bits, (at, byte)| bits | u16::from(byte.is_ascii_whitespace()) << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(text: &str) {
        let found: Vec<&str> = words(text).collect();
        let expected: Vec<&str> = text.split_ascii_whitespace().collect();
        assert_eq!(found, expected, "of {text:?}");
        let mut folded = Vec::new();
        words(text).for_each(|word| folded.push(word));
        assert_eq!(folded, expected, "of {text:?}, folded");
        let mut rest = words(text);
        let first = rest.next();
        let mut both = Vec::new();
        first.into_iter().chain(rest).for_each(|word| both.push(word));
        assert_eq!(both, expected, "of {text:?}, folded from the second on");
    }

    #[test]
    fn words_are_those_of_the_standard_library() {
        for text in ["", " ", "a", " a", "a ", "  to be\t\tor\nnot\x0cto\rbe\x0b!", "größer als ß"]
        {
            same(text);
        }
    }

    #[test]
    fn words_may_begin_and_end_anywhere_about_a_block() {
        for before in 0..140 {
            for length in [1, 2, 15, 16, 17, 63, 64, 65, 130] {
                for after in [0, 1, 2, 70] {
                    let spaces = |count| " ".repeat(count);
                    same(&format!("{}{}{}", spaces(before), "x".repeat(length), spaces(after)));
                    same(&format!("{}{}ü{}", "y".repeat(before), spaces(1), "x ".repeat(length)));
                }
            }
        }
    }
}
