//! Model: words of a guest and numbers, made fit for a terminal.
//!
//! Takes text that a stranger wrote. Gives it cut, and with everything that could move a cursor,
//! forge a line or turn the reading direction spelled out. Never gives a control character.

use std::fmt::Write;

/// The text with unfit characters written as `\u{..}` and no longer than so many bytes; what was
/// cut off is shown by dots.
pub fn escape(text: &str, bytes_max: usize) -> String {
    escape_where(text, bytes_max, is_plain)
}

/// As [`escape`], but line ends stay: for what is shown as a paragraph.
pub fn escape_paragraph(text: &str, bytes_max: usize) -> String {
    escape_where(text, bytes_max, |c| c == '\n' || is_plain(c))
}

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something, as in `1 row` and `20,000 rows`.
pub fn number_of(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    // Nothing that is counted has a larger or a negative number.
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// Whether the character can neither act on a terminal nor hide.
pub(crate) fn is_plain(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !hidden
}

fn escape_where(text: &str, bytes_max: usize, keep: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len().min(bytes_max) + 3);
    for c in text.chars() {
        let before = escaped.len();
        if keep(c) {
            escaped.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
        }
        if escaped.len() > bytes_max {
            escaped.truncate(before);
            escaped.push_str("...");
            break;
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_acts_on_a_terminal_is_spelled_out() {
        for (text, expected) in [
            ("plain ñ 漢 `x`", "plain ñ 漢 `x`"),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("a\nFAKE INFO\r", "a\\u{a}FAKE INFO\\u{d}"),
            ("\u{9b}1m\u{7f}", "\\u{9b}1m\\u{7f}"),
            ("\u{202e}txt\u{2066}", "\\u{202e}txt\\u{2066}"),
            ("\u{2028}\u{feff}\u{200b}", "\\u{2028}\\u{feff}\\u{200b}"),
        ] {
            assert_eq!(escape(text, 100), expected);
        }
        assert_eq!(escape_paragraph("a\nb\x07", 100), "a\nb\\u{7}");
    }

    #[test]
    fn what_is_counted_is_named_as_its_number_asks() {
        let rows = |count: i64| number_of(count, "row", "rows");
        assert_eq!([0, 1, 2].map(rows), ["0 rows", "1 row", "2 rows"]);
        assert_eq!(number_of(20_000_u32, "batch", "batches"), "20,000 batches");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(escape("ääää", 5), "ää...");
        assert_eq!(escape("aaaaa\x1b", 5), "aaaaa...");
    }

    proptest! {
        #[test]
        fn escaped_text_is_plain_bounded_and_stays_as_it_is(text in any::<String>()) {
            let once = escape(&text, 64);
            prop_assert!(once.chars().all(is_plain) && once.len() <= 67);
            prop_assert_eq!(escape(&once, 67), once);
        }
    }
}
