//! Wasm: which version of the treaty is spoken.
//!
//! Takes nothing. Gives the generated bindings under the name `latest`. Never matches a version
//! twice: whoever needs it asks here.

pub(super) mod since_v0_1_0;

pub(super) use since_v0_1_0 as latest;

/// The version of the treaty that this host speaks.
pub(super) const VERSION: &str = "0.1.0";

/// What names of its interfaces begin with.
pub(super) const PACKAGE: &str = "tidemill:plugin/";

/// The full name of an interface of the treaty.
pub(super) fn interface(name: &str) -> String {
    format!("{PACKAGE}{name}@{VERSION}")
}
