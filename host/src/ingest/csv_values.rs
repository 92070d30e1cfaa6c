//! Ingest: the value that a field of text stands for.
//!
//! Takes a field and a type. Gives the value if the type holds it as it is written. Never rounds,
//! cuts or wraps one: as in JSON, but for days and times, which are no bare numbers here, since a
//! field cannot show whether `20000229` is one.

use std::str::FromStr;

use super::json_exact::{is_day, is_digits};

const DAY_SECONDS: i64 = 86_400;
/// Digits after the second that a count of microseconds holds.
const MICROSECOND_DIGITS: usize = 6;

/// `true` or `false`, in letters of either case.
pub fn boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// A whole number, also one that is written as `1.0` or `1e3`.
pub fn whole<T: FromStr + TryFrom<i128>>(text: &str) -> Option<T> {
    text.parse().ok().or_else(|| decimal(text, 38, 0)?.try_into().ok())
}

/// A number within a double's range; `NaN`, `Infinity` and `-Infinity`, as the `csv` sink writes
/// them.
pub fn float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// A decimal of so many digits, so many of them behind the point, as a count of its last digit.
pub fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let round = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
    let digits = round.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0');
    let count = digits.clone().count() as i64;
    if count == 0 {
        return Some(0);
    }
    // How far the last digit other than 0 is from the last one that the type has.
    let behind = i64::from(scale) + (whole.len() - round.len()) as i64 - fraction.len() as i64;
    let zeros = behind.saturating_add(exponent);
    if zeros < 0 || count.saturating_add(zeros) > i64::from(precision) {
        return None;
    }
    // Invariant: there are at most 38 digits, which 127 bits hold.
    let value = digits.fold(0, |value: i128, digit| value * 10 + i128::from(digit - b'0'));
    let value = value * 10_i128.pow(u32::try_from(zeros).ok()?);
    Some(if text.starts_with('-') { -value } else { value })
}

/// A day such as `2000-02-29`, in days since 1970.
pub fn day(text: &str) -> Option<i32> {
    days(text)?.try_into().ok()
}

/// A time such as `2000-02-29T12:30:00.123456Z`, in microseconds since 1970. Without an offset it
/// is in UTC, and without a clock time the first instant of its day.
pub fn time(text: &str) -> Option<i64> {
    let (day, clock) = match text.find(['T', 't', ' ']) {
        Some(end) => (&text[..end], Some(&text[end + 1..])),
        None => (text, None),
    };
    let start = days(day)?.checked_mul(DAY_SECONDS)?;
    let (seconds, microseconds) = clock.map_or(Some((0, 0)), clock_time)?;
    start.checked_add(seconds)?.checked_mul(1_000_000)?.checked_add(microseconds)
}

/// Bytes, written as two hex digits each; appends them. Gives whether they were.
pub fn bytes(text: &str, to: &mut Vec<u8>) -> bool {
    let before = to.len();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let read = text.as_bytes().chunks(2).map(|two| match two {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    for byte in read {
        let Some(byte) = byte else {
            to.truncate(before);
            return false;
        };
        to.push(byte);
    }
    true
}

/// Days since 1970 in the Gregorian calendar without beginning.
fn days(text: &str) -> Option<i64> {
    if !is_day(text) {
        return None;
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut parts = text.trim_start_matches(['+', '-']).split('-');
    let mut next = || parts.next()?.parse::<i64>().ok();
    let (year, month, day) = (next()? * sign, next()?, next()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the leap day ends one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// `12:30:00`, with a fraction and an offset if need be: seconds since the day's start in UTC, and
/// microseconds.
fn clock_time(text: &str) -> Option<(i64, i64)> {
    let end = text.find(|c: char| c != ':' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (clock, rest) = text.split_at(end);
    let colons = clock.as_bytes();
    let parts = match colons.len() {
        8 if colons[2] == b':' && colons[5] == b':' => [&clock[..2], &clock[3..5], &clock[6..]],
        6 => [&clock[..2], &clock[2..4], &clock[4..]],
        _ => return None,
    };
    let [hour, minute, second] = parts.map(|part| two_digits(part, 60));
    let (hour, minute, second) = (hour.filter(|hour| *hour < 24)?, minute?, second?);
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            (microseconds(&rest[..end])?, &rest[end..])
        }
        None => (0, rest),
    };
    Some((hour * 3600 + minute * 60 + second - offset_seconds(offset)?, fraction))
}

fn microseconds(fraction: &str) -> Option<i64> {
    let (held, finer) = fraction.split_at(fraction.len().min(MICROSECOND_DIGITS));
    if held.is_empty() || finer.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let missing = u32::try_from(MICROSECOND_DIGITS - held.len()).ok()?;
    Some(held.parse::<i64>().ok()? * 10_i64.pow(missing))
}

/// Nothing, `Z`, `+05:30`, `+0530` or `+05`.
fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let text = text.trim_start();
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_at_checked(2)?;
    let minutes = if minutes.is_empty() { "00" } else { minutes.trim_start_matches(':') };
    let hours = two_digits(hours, 24)?;
    Some(sign * (hours * 3600 + two_digits(minutes, 60)? * 60))
}

fn two_digits(text: &str, below: i64) -> Option<i64> {
    let fits = text.len() == 2 && is_digits(text);
    text.parse().ok().filter(|value| fits && *value < below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact() {
        for (text, expected) in [
            ("12", Some(12)),
            ("-1", Some(-1)),
            ("+7", Some(7)),
            ("007", Some(7)),
            ("1.0", Some(1)),
            ("1.5e1", Some(15)),
            ("9007199254740993.0", Some(9_007_199_254_740_993)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1.5", None),
            ("1e19", None),
            ("1e400", None),
            ("1e-1", None),
            (" 1", None),
            ("1,000", None),
            ("0x10", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(whole::<i64>(text), expected, "{text}");
        }
        assert_eq!(whole::<u64>("18446744073709551615"), Some(u64::MAX));
        assert_eq!((whole::<u64>("-1"), whole::<i32>("2147483648")), (None, None));
    }

    #[test]
    fn floats_have_an_end() {
        for (text, expected) in [("1.5", 1.5), ("-1e308", -1e308), (".5", 0.5), ("1e-400", 0.0)] {
            assert_eq!(float(text), Some(expected), "{text}");
        }
        assert!(float("NaN").is_some_and(f64::is_nan));
        assert_eq!(float("-Infinity"), Some(f64::NEG_INFINITY));
        for text in ["1e400", "nan", "inf", "+Infinity", "1.5 ", "1,5", ""] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_keep_each_digit() {
        for (text, expected) in [
            ("1.25", Some(125)),
            ("-0.50", Some(-50)),
            ("125e-2", Some(125)),
            ("0.0012e3", Some(120)),
            ("1200e-2", Some(1200)),
            ("9999999", Some(999_999_900)),
            ("0e999999999999", Some(0)),
            ("10000000", None),
            ("1.005", None),
            ("1e9223372036854775807", None),
            ("1e-9223372036854775808", None),
            ("1e", None),
            (".", None),
            ("1.2.3", None),
            ("--1", None),
        ] {
            assert_eq!(decimal(text, 9, 2), expected, "{text}");
        }
        let longest = "9".repeat(38);
        assert_eq!(decimal(&longest, 38, 0), longest.parse().ok());
        assert_eq!(decimal(&"9".repeat(39), 38, 0), None);
    }

    #[test]
    fn days_are_in_the_calendar() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("2024-02-29", Some(19_782)),
            ("-0001-12-31", Some(-719_529)),
            ("+5881580-07-11", Some(i32::MAX)),
            ("+5881580-07-12", None),
            ("2001-02-29", None),
            ("1900-02-29", None),
            ("2000-04-31", None),
            ("2000-13-01", None),
            ("2000-00-10", None),
            ("2000-01-00", None),
            ("20000229", None),
            ("29.02.2000", None),
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_held_to_the_microsecond() {
        let noon = 951_825_600_000_000;
        for (text, expected) in [
            ("2000-02-29T12:00:00Z", Some(noon)),
            ("2000-02-29 12:00:00", Some(noon)),
            ("2000-02-29T120000", Some(noon)),
            ("2000-02-29t12:00:00.5", Some(noon + 500_000)),
            ("2000-02-29T12:00:00.000001000z", Some(noon + 1)),
            ("2000-02-29T13:30:00+01:30", Some(noon)),
            ("2000-02-29T04:00:00 -0800", Some(noon)),
            ("2000-02-29T04:00:00-08", Some(noon)),
            ("2000-02-29", Some(noon - 12 * 3_600_000_000)),
            ("+294247-01-10T04:00:54.775807Z", Some(i64::MAX)),
            ("+294247-01-10T04:00:54.775808Z", None),
            ("2000-02-29T12:00:00.0000001Z", None),
            ("2000-02-29T12:00:00.Z", None),
            ("2016-12-31T23:59:60Z", None),
            ("2000-02-29T24:00:00Z", None),
            ("2000-02-29T12:00", None),
            ("2000-02-29T12:00:00+05:60", None),
            ("2000-02-29T12:00:00 CET", None),
            ("2000-02-30T12:00:00Z", None),
            ("951825600000000", None),
            ("T", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn bytes_are_two_digits_each() {
        let mut to = vec![1];
        assert!(bytes("00fF", &mut to) && bytes("", &mut to));
        assert_eq!(to, [1, 0, 255]);
        for text in ["abc", "xy", "0", "\u{e9}"] {
            assert!(!bytes(text, &mut to), "{text}");
            assert_eq!(to.len(), 3, "nothing is left of it");
        }
        assert_eq!(
            (boolean("TRUE"), boolean("false"), boolean("1")),
            (Some(true), Some(false), None)
        );
    }
}
