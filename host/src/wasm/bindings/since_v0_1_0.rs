//! Wasm: the treaty `tidemill:plugin@0.1.0` as generated code.
//!
//! Takes the WIT of `wit/since-v0.1.0`. Gives its types and calls, parameters borrowed. Never
//! holds a decision.
#![allow(missing_docs, reason = "generated; the WIT file carries the words")]

wasmtime::component::bindgen!({
    world: "plugin",
    path: "../wit/since-v0.1.0",
    ownership: Borrowing { duplicate_if_necessary: true },
});
