//! Model: days and times of day as people write them.
//!
//! Takes text such as `2000-02-29T12:30:00Z`. Gives days or microseconds since 1970. Never takes
//! what is in no calendar, nor a time finer than a column holds.

/// Days of a year before each month, where February has 28.
const DAYS_BEFORE: [i32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/// Digits after the second that microseconds hold.
const MICROSECOND_DIGITS: usize = 6;
const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// The days since 1970-01-01 of a day such as `2000-02-29`.
pub fn day(text: &str) -> Option<i32> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let leaps = is_leap(year);
    let before = DAYS_BEFORE.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let next = DAYS_BEFORE.get(usize::try_from(month).ok()?).copied().unwrap_or(365);
    let length = next - before + i32::from(leaps && month == 2);
    let late = i32::from(leaps && month > 2);
    (1..=length)
        .contains(&day)
        .then(|| days_before(year) - days_before(1970) + before + late + day - 1)
}

/// The microseconds since 1970-01-01T00:00:00Z of a time such as `2000-02-29T12:30:00.5+01:00`. A
/// time without an offset is in UTC, a day alone is its first instant.
pub fn time(text: &str) -> Option<i64> {
    let (date, clock) = match text.split_once(['T', ' ']) {
        None => return Some(i64::from(day(text)?) * SECONDS_A_DAY * 1_000_000),
        Some(parts) => parts,
    };
    let end = clock.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.'));
    let (clock, offset) = clock.split_at(end.unwrap_or(clock.len()));
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) if !fraction.is_empty() => (clock, fraction),
        Some(_) => return None,
        None => (clock, "0"),
    };
    let mut parts = clock.split(':');
    let mut next = |below: i32| digits(parts.next()?, 2).filter(|found| *found < below);
    let (hour, minute, second) = (next(24)?, next(60)?, next(60)?);
    if parts.next().is_some() {
        return None;
    }
    let seconds = i64::from(day(date)?) * SECONDS_A_DAY
        + i64::from(hour * 3600 + minute * 60 + second)
        - offset_seconds(offset)?;
    Some(seconds * 1_000_000 + micros(fraction)?)
}

/// `Z`, nothing, or such as `+01:00`.
fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z") {
        return Some(0);
    }
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let hours = digits(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(sign * i64::from(hours * 3600 + minutes * 60))
}

fn micros(fraction: &str) -> Option<i64> {
    let (kept, finer) = fraction.split_at(fraction.len().min(MICROSECOND_DIGITS));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || finer.bytes().any(|digit| digit != b'0') {
        return None;
    }
    format!("{kept:0<MICROSECOND_DIGITS$}").parse().ok()
}

fn digits(text: &str, count: usize) -> Option<i32> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of all years from 0 up to this one.
fn days_before(year: i32) -> i32 {
    let leaps = |every: i32| (year + every - 1) / every;
    365 * year + leaps(4) - leaps(100) + leaps(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("2000-03-01", Some(11_017)),
            ("2024-12-31", Some(20_088)),
            ("0000-01-01", Some(-719_528)),
            ("9999-12-31", Some(2_932_896)),
            ("2001-02-29", None),
            ("1900-02-29", None),
            ("2000-13-01", None),
            ("2000-00-01", None),
            ("2000-04-31", None),
            ("2000-01-00", None),
            ("2000-1-1", None),
            ("+200-01-01", None),
            ("", None),
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_instants_to_the_microsecond() {
        let noon = 951_825_600_000_000;
        for (text, expected) in [
            ("2000-02-29T12:00:00Z", Some(noon)),
            ("2000-02-29 12:00:00", Some(noon)),
            ("2000-02-29T13:30:00+01:30", Some(noon)),
            ("2000-02-29T11:00:00-01:00", Some(noon)),
            ("2000-02-29T12:00:00.5Z", Some(noon + 500_000)),
            ("2000-02-29T12:00:00.123456000Z", Some(noon + 123_456)),
            ("2000-02-29", Some(noon - 43_200_000_000)),
            ("2000-02-29T12:00:00.1234567Z", None),
            ("2000-02-29T12:00:60Z", None),
            ("2000-02-29T24:00:00Z", None),
            ("2000-02-29T12:00Z", None),
            ("2000-02-29T12:00:00.Z", None),
            ("2000-02-29T12:00:00+25:00", None),
            ("2000-02-29T12:00:00é", None),
            ("2000-02-30T12:00:00Z", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }
}
