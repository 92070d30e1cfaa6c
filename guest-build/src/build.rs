//! The whole way from a folder to a component.
//!
//! Takes a folder and options. Gives the component's path and digest, from the cache when nothing
//! has changed. Never lets two builds of one target folder run at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::component::encode_component;
use crate::error::BuildError;
use crate::freshness::{Freshness, inputs_of};
use crate::lock::FolderLock;
use crate::manifest::Manifest;
use crate::options::Options;
use crate::toolchain::find_toolchain;
use crate::{cargo, sdk};

/// A component that keeps the treaty.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// The crate's name.
    pub package: String,
    /// The component's file. Its name changes with its sources, so a newer build leaves it alone.
    pub component: PathBuf,
    /// BLAKE3 of the component, in hex.
    pub digest: String,
    /// Whether it had been built before.
    pub cached: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Builds the plugin in the folder.
///
/// # Errors
/// When the folder holds no plugin, no toolchain can be found, or the plugin does not compile or
/// keep the treaty.
pub fn build(folder: &Path, options: &Options<'_>) -> Result<Built, BuildError> {
    let begun = Instant::now();
    let manifest = Manifest::read(folder)?;
    sdk::restore(&manifest)?;
    let toolchain = find_toolchain(&manifest.folder, &options.switches, options.report)?;
    let target_dir = match &options.target_dir {
        Some(dir) => std::path::absolute(dir).map_err(BuildError::io("use", dir))?,
        None => manifest.workspace.join("target/tidemill-guests"),
    };
    let _lock = FolderLock::take(&target_dir, options.report)
        .map_err(BuildError::io("lock", &target_dir))?;
    let freshness = Freshness::of(&manifest, &target_dir);
    let (kept, cached) = match freshness.cached(&toolchain.identity) {
        Some(kept) => (kept, true),
        None => {
            let with = toolchain.rustc.as_ref().map(|rustc| format!(" with `{}`", rustc.display()));
            let with = with.unwrap_or_default();
            (options.report)(&format!("building plugin `{}`{with}", manifest.package));
            freshness.forget(&manifest, &target_dir);
            let started = SystemTime::now();
            let module = cargo::compile(&manifest, &toolchain, &target_dir, options)?;
            let bytes = fs::read(&module).map_err(BuildError::io("read", &module))?;
            let bytes = encode_component(&manifest.package, &bytes)?;
            let inputs = inputs_of(&module, &manifest);
            (freshness.keep(&bytes, &toolchain.identity, inputs, started)?, false)
        }
    };
    Ok(Built {
        package: manifest.package,
        component: kept.file,
        digest: kept.digest,
        cached,
        seconds: begun.elapsed().as_secs_f64(),
    })
}
