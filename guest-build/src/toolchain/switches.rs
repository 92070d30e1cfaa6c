//! Toolchain: which steps are taken, and where an unpacked Rust is kept.
//!
//! Takes the environment or plain values. Gives plain values. Never runs anything.
//!
//! | variable | meaning | unless set |
//! |---|---|---|
//! | `TIDEMILL_ACTIVE_RUST=no` | do not use the active Rust | used |
//! | `TIDEMILL_RUSTUP=no` | do not ask rustup | asked |
//! | `TIDEMILL_RUSTUP_SECS` | how long rustup may take | 60 |
//! | `TIDEMILL_DEBIAN=no` | do not use Debian's packages | used |
//! | `TIDEMILL_RUST_HOME` | where Debian's Rust is unpacked | `rust-wasm32` in the cache folder |

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::cache_folder::cache_folder;
use crate::command::{find_program, find_program_in};

/// How long rustup may take: two seconds are usual, but where it cannot download it may hang.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Which steps are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switches {
    /// Whether the active Rust may be used.
    pub active: bool,
    /// Whether rustup may be asked to download.
    pub rustup: bool,
    /// How long rustup may take.
    pub rustup_limit: Duration,
    /// Whether Debian's packages may be downloaded and unpacked.
    pub debian: bool,
    /// Where Debian's Rust is unpacked; `None` means the cache folder.
    pub rust_home: Option<PathBuf>,
    /// Where `rustc` and `rustup` are looked for; `None` means `PATH`.
    pub search_path: Option<OsString>,
}

impl Default for Switches {
    fn default() -> Self {
        let rustup_limit = RUSTUP_LIMIT;
        let (rust_home, search_path) = (None, None);
        Self { active: true, rustup: true, rustup_limit, debian: true, rust_home, search_path }
    }
}

impl Switches {
    /// What the environment says.
    pub fn from_environment() -> Self {
        Self::from_variables(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let wanted = |name| variable(name).is_none_or(|value| value != "no");
        Self {
            active: wanted("TIDEMILL_ACTIVE_RUST"),
            rustup: wanted("TIDEMILL_RUSTUP"),
            rustup_limit: variable("TIDEMILL_RUSTUP_SECS")
                .and_then(|value| value.parse().ok())
                .map_or(RUSTUP_LIMIT, Duration::from_secs),
            debian: wanted("TIDEMILL_DEBIAN"),
            rust_home: variable("TIDEMILL_RUST_HOME").map(PathBuf::from),
            search_path: None,
        }
    }

    /// The program of that name.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        match &self.search_path {
            Some(path) => find_program_in(name, path),
            None => find_program(name),
        }
    }

    /// Where Debian's Rust is unpacked.
    pub fn home(&self) -> PathBuf {
        let home = self.rust_home.clone().unwrap_or_else(|| cache_folder().join("rust-wasm32"));
        // Wrapper scripts and cargo run elsewhere: the path must hold from any folder.
        std::path::absolute(&home).unwrap_or(home)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_variables_leave_every_step_in() {
        assert_eq!(Switches::from_variables(&|_| None), Switches::default());
    }

    #[test]
    fn steps_are_left_out_by_no() {
        let switches = Switches::from_variables(&|name| match name {
            "TIDEMILL_RUSTUP_SECS" => Some("5".to_owned()),
            "TIDEMILL_RUST_HOME" => Some("/somewhere".to_owned()),
            _ => Some("no".to_owned()),
        });
        assert_eq!(
            switches,
            Switches {
                active: false,
                rustup: false,
                rustup_limit: Duration::from_secs(5),
                debian: false,
                rust_home: Some(PathBuf::from("/somewhere")),
                search_path: None,
            }
        );
    }
}
