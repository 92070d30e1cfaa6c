//! The SDK's source, carried in the program.
//!
//! Takes the files that the build script listed. Gives a folder that plugins name by path, so that
//! they build far from a checkout. Never changes an unpacked SDK: its folder's name is the digest
//! of its contents, and another version gets another folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache_folder::cache_folder;
use crate::error::BuildError;
use crate::lock::FolderLock;
use crate::manifest::Manifest;

/// Every file of the SDK: its path in the folder, and its bytes.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// A lock file with what the SDK depends on.
pub(crate) const SDK_LOCK: &str = include_str!(concat!(env!("OUT_DIR"), "/Cargo.lock"));

/// The folder of the carried SDK, unpacked if need be.
///
/// # Errors
/// When the cache folder cannot be written.
pub fn sdk_folder() -> Result<PathBuf, BuildError> {
    unpack(&cache_folder().join("sdk"))
}

/// Brings the SDK back that a plugin names, when a cleaned cache has lost it.
pub(crate) fn restore(manifest: &Manifest) -> Result<(), BuildError> {
    let Some(named) = &manifest.sdk else { return Ok(()) };
    if named.join("Cargo.toml").is_file() {
        return Ok(());
    }
    let carried = sdk_folder()?;
    if *named == carried {
        return Ok(());
    }
    Err(BuildError::SdkGone { manifest: manifest.path(), named: named.clone(), carried })
}

fn unpack(into: &Path) -> Result<PathBuf, BuildError> {
    let folder = into.join(&digest()[..16]);
    if folder.is_dir() {
        return Ok(folder);
    }
    let _lock = FolderLock::take(into, &|_| ()).map_err(BuildError::io("lock", into))?;
    if folder.is_dir() {
        return Ok(folder);
    }
    // Written aside and renamed: the folder is whole or not there.
    let aside = tempfile::tempdir_in(into).map_err(BuildError::io("create a folder in", into))?;
    for (name, bytes) in FILES {
        let file = aside.path().join(name);
        let above = file.parent().unwrap_or(&file);
        fs::create_dir_all(above).map_err(BuildError::io("create", above))?;
        fs::write(&file, bytes).map_err(BuildError::io("write", &file))?;
    }
    let aside = aside.keep();
    fs::rename(&aside, &folder).map_err(BuildError::io("create", &folder))?;
    Ok(folder)
}

fn digest() -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in FILES {
        for part in [name.as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacked_folder_is_whole_and_kept() {
        let into = tempfile::tempdir().expect("a folder");
        let folder = unpack(into.path()).expect("unpacked");
        for (name, bytes) in FILES {
            assert_eq!(&fs::read(folder.join(name)).expect(name), bytes);
        }
        assert!(FILES.iter().any(|(name, _)| *name == "macros/src/lib.rs"));
        assert_eq!(unpack(into.path()).expect("again"), folder);
    }
}
