//! Cli: `plugin build`.
//!
//! Takes a folder. Gives the component's path on standard output, for scripts; what is done and
//! rustc's own words go to standard error. Never says more of an error than rustc did.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use tidemill_guest_build::{BuildError, Built, Options};

use super::BuildArgs;
use crate::cli::exit::{self, ENDED};
use tidemill::model::text::grouped;

/// Builds a plugin and prints where its component is.
///
/// # Errors
/// When it does not build.
pub fn build(args: &BuildArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let target_dir = args.target_dir.clone();
    let built = build_aloud(&args.folder, Options { target_dir, ..Options::default() })?;
    let bytes = fs::metadata(&built.component).map_or(0, |component| component.len());
    exit::tell(&format!(
        "plugin `{}` {} in {:.1} s: {} bytes, digest {}",
        built.package,
        if built.cached { "is unchanged, found" } else { "built" },
        built.seconds,
        grouped(bytes),
        built.digest
    ));
    let component = match &args.out {
        None => built.component.as_path(),
        Some(copy) => {
            fs::copy(&built.component, copy)
                .with_context(|| format!("failed to write `{}`", copy.display()))?;
            copy
        }
    };
    writeln!(out, "{}", component.display())?;
    Ok(ENDED)
}

/// Builds a plugin, with every step and every word of rustc's on standard error.
///
/// # Errors
/// When it does not build; rustc's diagnostics are shown already.
pub fn build_aloud(folder: &Path, options: Options<'_>) -> Result<Built, BuildError> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let built = tidemill_guest_build::build(
        folder,
        &Options { colour, report: &exit::tell, warnings: &exit::tell_raw, ..options },
    );
    if let Some(diagnostics) = built.as_ref().err().and_then(BuildError::diagnostics) {
        exit::tell_raw(diagnostics);
    }
    built
}
