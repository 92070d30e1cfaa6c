//! Where things are kept that can be made again: toolchains, the unpacked SDK.
//!
//! Takes the environment. Gives a folder that is the user's own. Never creates it.

use std::path::PathBuf;

/// `$XDG_CACHE_HOME/tidemill`, else `~/.cache/tidemill`, else a folder under the system's
/// temporary one.
pub fn cache_folder() -> PathBuf {
    let absolute = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("tidemill")
}
