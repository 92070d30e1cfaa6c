//! Tests: receivers that programs write, decoders of theirs, and the rates that all are kept to.

mod acknowledged;
mod cut;
mod late;
mod own;
mod paced;
mod simulated;
mod sockets;
