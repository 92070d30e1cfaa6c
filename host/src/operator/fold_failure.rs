//! Operator: why a built-in fold could not be done.
//!
//! Takes nothing. Gives the reasons that folds of all kinds share.

/// Why a built-in fold could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoldFailure {
    /// An integer or decimal sum left its type's range.
    Overflow,
    /// The column's type has no such fold, which planning refuses.
    Unsupported,
}
