//! Job files from text to stages, with plugins described by hand.
//!
//! Takes job files in short pieces. Gives goldens of plans and of what is said about mistakes.
//! Never loads a component.

mod beside_folds;
mod catalogue;
mod explained;
mod explained_broadcasts;
mod explained_time;
mod mismatched;
mod running_aggregate;
mod schema;
mod staged;
mod verbs;
