//! Operator: why a built-in fold could not be done.
//!
//! Takes nothing. Gives the reasons that folds of all kinds share.

/// The code of [`FoldFailure::Overflow`]; no failure of a plugin has it.
pub const OVERFLOW: &str = "overflow";

/// Why a built-in fold could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoldFailure {
    /// An integer or decimal sum left its type's range.
    Overflow,
    /// The column's type has no such fold, which planning refuses.
    Unsupported,
}
