//! Columns of instants, days and fixed-point numbers.
//!
//! Takes and gives the plain numbers behind them. Never knows calendars or time zones.

use std::fmt;

use super::number::number_column;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant so many milliseconds after the epoch.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        // A day number of any 64-bit count of microseconds fits 32 bits.
        Date(self.0.div_euclid(86_400_000_000) as i32)
    }
}

/// A day: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(pub i32);

/// A fixed-point number of `P` digits, `S` of them after the point: the number times ten to the
/// power of `S`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal<const P: u8, const S: u8>(pub i128);

impl<const P: u8, const S: u8> fmt::Display for Decimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, digits) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let unit = 10_u128.pow(u32::from(S));
        match S {
            0 => write!(f, "{sign}{digits}"),
            _ => {
                let width = usize::from(S);
                write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit)
            }
        }
    }
}

impl<const P: u8, const S: u8> Decimal<P, S> {
    const WORD: () = assert!(
        P >= 1 && P <= 38 && S <= P,
        "a Decimal<P, S> has 1 to 38 digits, and no more of them after the point than in all"
    );

    fn word() -> String {
        const { Self::WORD }
        format!("decimal128({P},{S})")
    }
}

number_column!([] Timestamp, i64, "timestamp".to_owned(), Timestamp, |at: Timestamp| at.0);
number_column!([] Date, i32, "date32".to_owned(), Date, |day: Date| day.0);
number_column!([<const P: u8, const S: u8>] Decimal<P, S>, i128, Self::word(), Decimal,
    |number: Decimal<P, S>| number.0);
