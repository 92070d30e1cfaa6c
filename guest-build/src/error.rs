//! What can go wrong between a source folder and a component.
//!
//! Takes causes from every step. Gives one error whose words tell what was found and what to do.
//! Never repeats rustc's diagnostics in its one-line message: they are a field.

use std::io;
use std::path::{Path, PathBuf};

use crate::toolchain::ToolchainError;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is not there.
    #[error("`{}` is no folder", .dir.display())]
    NoFolder {
        /// The folder that was asked for.
        dir: PathBuf,
    },
    /// The folder holds no crate.
    #[error(
        "`{}` has no `Cargo.toml`: a plugin folder is a Rust crate, made with \
         `tidemill plugin new NAME`; components of other languages are built by their own tools \
         and named by `component = \"FILE\"`",
        .dir.display()
    )]
    NoManifest {
        /// The folder that was asked for.
        dir: PathBuf,
    },
    /// The crate's manifest cannot be used.
    #[error("`{}` cannot be used{}", .path.display(), inline(.message))]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it; several lines are among the [diagnostics](Self::diagnostics).
        message: String,
    },
    /// The crate is a library or a program, not a plugin.
    #[error(
        "`{}` makes no plugin: its `[lib]` needs `crate-type = [\"cdylib\"]`, found {found}",
        .path.display()
    )]
    NotCdylib {
        /// The manifest.
        path: PathBuf,
        /// The crate types it asks for.
        found: String,
    },
    /// The SDK that the manifest names by path is gone.
    #[error(
        "`{}` names the SDK at `{}`, which is not there; this `tidemill` carries its SDK at `{}`: \
         put that path into the manifest",
        .manifest.display(), .named.display(), .carried.display()
    )]
    SdkGone {
        /// The plugin's manifest.
        manifest: PathBuf,
        /// The path it names.
        named: PathBuf,
        /// Where this program has unpacked the SDK it carries.
        carried: PathBuf,
    },
    /// There is no cargo.
    #[error("`cargo` was not found: install Rust from https://rustup.rs, then try again")]
    CargoMissing,
    /// There is no Rust that compiles for the sandbox.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The plugin's source has errors.
    #[error("plugin `{package}` does not compile")]
    Compile {
        /// The crate's name.
        package: String,
        /// rustc's diagnostics, as it renders them for a terminal.
        rendered: String,
    },
    /// Cargo failed before or after compiling.
    #[error("cargo could not build plugin `{package}`{}", inline(.message))]
    Cargo {
        /// The crate's name.
        package: String,
        /// The end of what cargo said; several lines are likewise among the diagnostics.
        message: String,
    },
    /// The module says nothing of a component.
    #[error(
        "plugin `{package}` exports no operators: its `lib.rs` needs one \
         `plugin!(first, second, ..)` that names them"
    )]
    NoOperators {
        /// The crate's name, or the file's.
        package: String,
    },
    /// The module does not keep the treaty that it carries.
    #[error("plugin `{package}` cannot be made a component: {message}")]
    Encode {
        /// The crate's name, or the file's.
        package: String,
        /// What the encoder found.
        message: String,
    },
    /// The component asks for more than a plugin may.
    #[error(
        "plugin `{package}` imports `{import}`; a plugin may import `tidemill:plugin/host` only"
    )]
    ForeignImport {
        /// The crate's name, or the file's.
        package: String,
        /// The first import that is not allowed.
        import: String,
    },
    /// A file or folder could not be used.
    #[error("failed to {doing} `{}`: {source}", .path.display())]
    Io {
        /// What was tried, such as `read`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl BuildError {
    /// Names what was tried, for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// What is shown before the error, as it is: rustc's diagnostics, and what cargo says of a
    /// manifest in more than a line.
    pub fn diagnostics(&self) -> Option<&str> {
        match self {
            Self::Compile { rendered, .. } => Some(rendered),
            Self::Manifest { message, .. } | Self::Cargo { message, .. } => {
                message.contains('\n').then_some(message)
            }
            _ => None,
        }
    }
}

/// What another program said: a line for a sentence, or a paragraph with its last line ended.
pub(crate) fn said(message: &str) -> String {
    let message = message.trim_end();
    if message.contains('\n') { format!("{message}\n") } else { message.to_owned() }
}

/// The message where it fits into a sentence.
fn inline(message: &str) -> String {
    if message.contains('\n') { String::new() } else { format!(": {message}") }
}
