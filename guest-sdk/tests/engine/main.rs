//! The SDK's engine natively: columns of every type, operators of every kind.

#![allow(missing_docs, reason = "a test")]

mod broadcasts;
mod columns;
mod operators;
mod rig;
