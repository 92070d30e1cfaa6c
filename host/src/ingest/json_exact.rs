//! Ingest: whether a number or text of JSON says exactly what a column can hold.
//!
//! Takes it as it is written. Gives yes or no. Never converts it, and never asks a calendar: Arrow,
//! which converts it, knows that there is no 30th of February.

/// Integers from here on are not told apart by a double.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Integers with fewer bytes fit 64 bits, with their sign.
const SHORT: usize = 19;
/// Numbers with fewer digits and no exponent are within a double's range.
const SMALL: usize = 300;
/// Digits after the second that a count of microseconds holds.
const MICROSECOND_DIGITS: usize = 6;

/// Whether a JSON number is an integer of 64 bits, however it is written.
pub fn is_int64(number: &str) -> bool {
    match is_plain(number) {
        true => number.len() < SHORT || number.parse::<i64>().is_ok(),
        false => is_whole(number),
    }
}

/// Whether a JSON number is an integer, however it is written; a plain one may be too large.
pub fn is_integer(number: &str) -> bool {
    is_plain(number) || is_whole(number)
}

/// Whether a JSON number is within a double's range.
pub fn is_finite(number: &str) -> bool {
    number.len() < SMALL && !number.contains(['e', 'E']) || number.parse().is_ok_and(f64::is_finite)
}

/// Whether a JSON number, or a text like one, needs no more digits after the point.
pub fn fits_scale(number: &str, scale: i8) -> bool {
    fraction_digits(number).is_some_and(|digits| digits <= i64::from(scale))
}

/// Whether a text has the form of a day: `2000-02-29`, or with a sign and a longer year.
pub fn is_day(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']);
    let year_digits = if unsigned.is_some() { 4..=7 } else { 4..=4 };
    let parts = unsigned.unwrap_or(text).split_once('-');
    let Some((year, (month, day))) =
        parts.and_then(|(year, rest)| Some((year, rest.split_once('-')?)))
    else {
        return false;
    };
    let lengths = year_digits.contains(&year.len()) && month.len() == 2 && day.len() == 2;
    lengths && [year, month, day].into_iter().all(is_digits)
}

/// Whether a count of microseconds holds all of a time that Arrow can read: there is none for a
/// leap second, nor for what is finer, and an hour has 60 minutes.
pub fn is_time(text: &str) -> bool {
    // A day alone is its first instant.
    let Some(time) = text.get(11..) else { return true };
    let (clock, rest) = split_where(time, |c| c != ':' && !c.is_ascii_digit());
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(fraction) => split_where(fraction, |c| !c.is_ascii_digit()),
        None => ("", rest),
    };
    let finer = fraction.bytes().skip(MICROSECOND_DIGITS).any(|digit| digit != b'0');
    let minutes = offset.trim_start().get(3..).map(|minutes| minutes.trim_start_matches(':'));
    !clock.ends_with("60") && !finer && minutes.is_none_or(|minutes| minutes < "60")
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// Whether it is nothing but digits of ASCII.
pub(super) fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is nothing but digits and a sign.
fn is_plain(number: &str) -> bool {
    !number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// Whether it is an integer that a double tells from its neighbours.
fn is_whole(number: &str) -> bool {
    fits_scale(number, 0) && number.parse().is_ok_and(|value: f64| value.abs() < EXACT)
}

/// Digits after the point that a number needs, whatever its exponent: none for `100e-2`. `None`
/// for what is no JSON number.
fn fraction_digits(number: &str) -> Option<i64> {
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let round = whole.trim_end_matches('0');
    let needed = match (fraction, round) {
        // Nothing, however far the point is moved.
        ("", "") => return Some(0),
        ("", round) => -((whole.len() - round.len()) as i64),
        (fraction, _) => fraction.len() as i64,
    };
    Some(needed.saturating_sub(exponent).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_known_however_they_are_written() {
        for (number, expected) in [
            ("12", true),
            ("-1", true),
            ("1.0", true),
            ("1e3", true),
            ("1.5e1", true),
            ("100e-2", true),
            ("0e-9", true),
            ("-9223372036854775808", true),
            ("1.5", false),
            ("1e-1", false),
            ("1.00000000000000000001", false),
            ("9007199254740993.0", false),
            ("1e17", false),
            ("-9223372036854775809", false),
            ("99999999999999999999", false),
        ] {
            assert_eq!(is_int64(number), expected, "{number}");
        }
        assert!(is_integer("18446744073709551615") && !is_integer("0.5"));
    }

    #[test]
    fn doubles_have_an_end() {
        let long = |digits: usize| "9".repeat(digits);
        for (number, expected) in [
            ("1.5", true),
            ("1e308", true),
            ("1e-400", true),
            (&long(308), true),
            ("1e400", false),
            ("-1e309", false),
            (&long(310), false),
        ] {
            assert_eq!(is_finite(number), expected, "{number}");
        }
    }

    #[test]
    fn digits_after_the_point_are_counted_less_their_zeros() {
        for (number, expected) in [
            ("0", Some(0)),
            ("120", Some(0)),
            ("1.25", Some(2)),
            ("-1.2500", Some(2)),
            ("12.5e1", Some(0)),
            ("12.5e-1", Some(2)),
            ("1200e-2", Some(0)),
            ("1200e-3", Some(1)),
            ("0.000e-400", Some(0)),
            ("", None),
            ("1.", None),
            (".5", None),
            (" 1", None),
            ("1e", None),
            ("1,5", None),
            ("NaN", None),
        ] {
            assert_eq!(fraction_digits(number), expected, "{number}");
        }
        assert!(fits_scale("1.005", 3) && !fits_scale("1.005", 2));
    }

    #[test]
    fn days_have_one_form() {
        for (text, expected) in [
            ("2000-02-29", true),
            ("+12000-01-01", true),
            ("-0044-03-15", true),
            ("12000-01-01", false),
            ("2000-2-9", false),
            ("20000229", false),
            ("2000-02-29T23:59:59Z", false),
            (" 2000-02-29", false),
            ("+2000-+2-09", false),
            ("2000-02-29-1", false),
            ("", false),
        ] {
            assert_eq!(is_day(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_held_to_the_microsecond() {
        for (text, expected) in [
            ("2013-01-01", true),
            ("2013-01-01T02:47:10Z", true),
            ("2013-01-01 02:47:10.123456000+05:30", true),
            ("2013-01-01T02:47:10-0800", true),
            ("2013-01-01T02:47:10 -08", true),
            ("2013-01-01T02:47:10.1234567Z", false),
            ("2016-12-31T23:59:60Z", false),
            ("2016-12-31 235960", false),
            ("2013-01-01T02:47:10+05:60", false),
            ("2013-01-01T02:47:10+0599", false),
        ] {
            assert_eq!(is_time(text), expected, "{text}");
        }
    }
}
