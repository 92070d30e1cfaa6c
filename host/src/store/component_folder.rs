//! Store: components that hosted jobs run or may go back to, each by its digest.
//!
//! Takes component files. Gives copies that nobody else changes. Never keeps two of one digest,
//! and never overwrites one.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{StoreError, private_file};
use crate::limits::COMPONENT_BYTES_MAX;

const SUFFIX: &str = "wasm";
/// What is being written; it is swept like what nobody needs.
const ASIDE: &str = "tmp";

/// The folder.
#[derive(Debug)]
pub struct ComponentFolder {
    path: PathBuf,
    /// Held while a component is written: two that keep the same one write the same file.
    writing: Mutex<()>,
}

impl ComponentFolder {
    /// The folder at that path, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        private_file::create_folder(&path)?;
        // Whoever is told a path may stand elsewhere.
        let absolute = std::path::absolute(&path);
        let path = absolute.map_err(|source| StoreError::File { action: "find", path, source })?;
        Ok(Self { path, writing: Mutex::default() })
    }

    /// Where the component of a digest is, or would be.
    pub fn path_of(&self, digest: &str) -> PathBuf {
        self.path.join(format!("{digest}.{SUFFIX}"))
    }

    /// Whether the component of a digest is there.
    pub fn has(&self, digest: &str) -> bool {
        private_file::exists(&self.path_of(digest))
    }

    /// The bytes of a component file, and their digest; none where it cannot be read as one, which
    /// whoever loads it tells better.
    pub fn read(file: &Path) -> Option<(String, Vec<u8>)> {
        let facts = fs::metadata(file).ok()?;
        if !facts.is_file() || facts.len() > COMPONENT_BYTES_MAX as u64 {
            return None;
        }
        let mut bytes = Vec::new();
        let file = File::open(file).ok()?;
        file.take(COMPONENT_BYTES_MAX as u64).read_to_end(&mut bytes).ok()?;
        Some((blake3::hash(&bytes).to_hex().to_string(), bytes))
    }

    /// Where the component of a digest is kept, when it is still what was kept there.
    ///
    /// # Errors
    /// When it is gone, or another: then with the name of the plugin that it is wanted for.
    pub fn unaltered(&self, plugin: &str, digest: &str) -> Result<PathBuf, StoreError> {
        let path = self.path_of(digest);
        let found = match Self::read(&path) {
            Some((found, _)) if found == digest => return Ok(path),
            Some((found, _)) => format!("holds one of digest {found}"),
            None if self.has(digest) => "is no file of a component that can be read".to_owned(),
            None => "is not there".to_owned(),
        };
        let (plugin, expected) = (plugin.to_owned(), digest.to_owned());
        Err(StoreError::Component { path, plugin, expected, found })
    }

    /// Keeps a component under its digest, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, digest: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path_of(digest);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if Self::read(&path).is_some_and(|(found, _)| found == digest) {
            return Ok(());
        }
        let aside = path.with_extension(ASIDE);
        let opened =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside);
        let written = opened.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(&self.path)?.sync_all()
        });
        written.map_err(|source: io::Error| StoreError::File { action: "write", path, source })
    }

    /// Removes all components but those of these digests. One that cannot be removed is tried
    /// again the next time.
    pub fn keep_only(&self, needed: &BTreeSet<&str>) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let digest = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let suffix = path.extension().and_then(|suffix| suffix.to_str());
            let is_ours = suffix.is_some_and(|suffix| [SUFFIX, ASIDE].contains(&suffix));
            if is_ours && !needed.contains(digest) {
                private_file::remove(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_is_kept_whole_and_goes_when_nobody_needs_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = ComponentFolder::open(folder.path().join("components")).expect("it is made");
        let file = folder.path().join("a.wasm");
        fs::write(&file, b"one").expect("there is room");
        let (digest, bytes) = ComponentFolder::read(&file).expect("it is a file");
        kept.keep(&digest, &bytes).expect("there is room");
        assert!(kept.has(&digest));
        assert_eq!(kept.unaltered("a", &digest).expect("it is"), kept.path_of(&digest));
        // A damaged copy is written anew.
        fs::write(kept.path_of(&digest), b"two").expect("there is room");
        let told = kept.unaltered("a", &digest).expect_err("it is another").to_string();
        let other = format!("holds one of digest {}", blake3::hash(b"two").to_hex());
        assert!(told.contains(&digest) && told.contains(&other), "{told}");
        kept.keep(&digest, &bytes).expect("there is room");
        assert_eq!(fs::read(kept.path_of(&digest)).expect("it is there"), b"one");
        fs::write(kept.path.join("torn.tmp"), b"o").expect("there is room");
        kept.keep_only(&[digest.as_str()].into());
        let names = |path: &Path| fs::read_dir(path).expect("a folder").count();
        assert_eq!((names(&kept.path), kept.has(&digest)), (1, true));
        kept.keep_only(&BTreeSet::new());
        assert_eq!(names(&kept.path), 0);
        assert_eq!(ComponentFolder::read(&folder.path().join("missing")), None);
    }
}
