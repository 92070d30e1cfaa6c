//! Counts words: split lines, pair each word with a one, add up the ones.

use tidemill_sdk::prelude::*;
use tidemill_sdk::text::words;

/// The words of a line.
#[flat_map]
fn split(line: &str) -> impl Iterator<Item = &str> {
    words(line)
}

/// A word with a one, to be added up by word.
#[map(keys = 1)]
fn pair(word: &str) -> (&str, i64) {
    (word, 1)
}

/// The sum of two counts.
#[reduce]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

plugin!(split, pair, add);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_plain_functions() {
        let words: Vec<_> = split(" to be  or not to be ").map(pair).collect();
        assert_eq!(words.len(), 6);
        assert_eq!(words[1], ("be", 1));
        assert_eq!(words.into_iter().map(|(_, one)| one).fold(0, add), 6);
    }
}
