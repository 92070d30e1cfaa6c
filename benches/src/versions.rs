//! Benches: versions of the guest that stamps rows, made of one component.
//!
//! Takes numbers. Gives component files: two that alternate, or one of a digest of its own each
//! time, which nobody has compiled before.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::plugin;

const STAMP: &[u8] = b"stamp:0000:honestly.";

/// Where versions are made.
#[derive(Debug)]
pub struct Versions {
    folder: PathBuf,
    original: Vec<u8>,
    stamp_at: usize,
}

impl Versions {
    /// Versions in that folder.
    ///
    /// # Errors
    /// When the guest does not build.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        let original = std::fs::read(plugin::test_guest("stamped")?)?;
        let stamp_at = original.windows(STAMP.len()).position(|window| window == STAMP);
        let stamp_at = stamp_at.context("the component has no stamp")?;
        Ok(Self { folder: folder.to_owned(), original, stamp_at })
    }

    /// The version that stamps that number, of four digits at most.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn known(&self, number: usize) -> anyhow::Result<PathBuf> {
        self.written(number, &self.stamped(number))
    }

    /// The same, of a digest that no other has: with a custom section that holds its number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn fresh(&self, number: usize) -> anyhow::Result<PathBuf> {
        let mut bytes = self.stamped(number);
        let name = format!("n{number:06}");
        // A section's kind, its length, its name's length, and the name.
        bytes.extend([0, u8::try_from(name.len() + 1)?, u8::try_from(name.len())?]);
        bytes.extend(name.as_bytes());
        self.written(number, &bytes)
    }

    fn stamped(&self, number: usize) -> Vec<u8> {
        let mut bytes = self.original.clone();
        let stamp = format!("stamp:{:04}:honestly.", number % 10_000);
        bytes[self.stamp_at..self.stamp_at + stamp.len()].copy_from_slice(stamp.as_bytes());
        bytes
    }

    fn written(&self, number: usize, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let file = self.folder.join(format!("{number}.wasm"));
        std::fs::write(&file, bytes)?;
        Ok(file)
    }
}
