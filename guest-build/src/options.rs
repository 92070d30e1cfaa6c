//! How a plugin is built.
//!
//! Takes choices of whoever builds. Gives them as one value, with defaults. Never acts on them.

use std::path::PathBuf;

use crate::toolchain::switches::Switches;

/// How a plugin is built.
pub struct Options<'a> {
    /// Which steps lead to a toolchain.
    pub switches: Switches,
    /// Where cargo and components are put. Unless set: `target/tidemill-guests` in the plugin's
    /// workspace, shared by all its plugins and never by a cargo run by hand. Where several
    /// workspaces share one, no two crates in them may have one name: cargo takes them for one.
    pub target_dir: Option<PathBuf>,
    /// Whether diagnostics carry terminal colours.
    pub colour: bool,
    /// Hears what is being done, a line at a time.
    pub report: &'a dyn Fn(&str),
    /// Hears rustc's warnings as it renders them.
    pub warnings: &'a dyn Fn(&str),
}

impl Default for Options<'_> {
    /// Silent, with the environment's switches.
    fn default() -> Self {
        Self {
            switches: Switches::from_environment(),
            target_dir: None,
            colour: false,
            report: &|_| (),
            warnings: &|_| (),
        }
    }
}
