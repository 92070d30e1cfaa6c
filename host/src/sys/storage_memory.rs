//! Sys: files in memory, whose disk can be full or broken at any operation.
//!
//! Takes and gives what the system's files do, and the operation at which a fault comes. Never
//! touches the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::storage::{FileFacts, HeldFile, Listing, Storage, StorageError, StoredFile, failed};

/// Files in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, (Vec<u8>, i64)>,
    held: BTreeSet<PathBuf>,
    now_ms: i64,
    fault: Option<(u64, io::ErrorKind)>,
    changes: u64,
}

impl MemoryStorage {
    /// No files at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the change after so many more fail, and all after it, as a full disk does: creating,
    /// writing, syncing and renaming are changes, removing is none.
    pub fn fail_after(&self, changes: u64, kind: io::ErrorKind) {
        let mut disk = self.disk();
        disk.fault = Some((disk.changes + changes, kind));
    }

    /// Has everything work again.
    pub fn repair(&self) {
        self.disk().fault = None;
    }

    /// Sets the time that files are modified at from now on.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.disk().now_ms = now_ms;
    }

    /// Writes a file and the folders above it.
    pub fn put(&self, file: impl AsRef<Path>, bytes: &[u8]) {
        let file = file.as_ref();
        let mut disk = self.disk();
        disk.folders.extend(file.ancestors().skip(1).map(Path::to_owned));
        let now_ms = disk.now_ms;
        disk.files.insert(file.to_owned(), (bytes.to_vec(), now_ms));
    }

    /// All files with their bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let disk = self.disk();
        disk.files.iter().map(|(path, (bytes, _))| (path.clone(), bytes.clone())).collect()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, path: &Path) -> Box<dyn StoredFile> {
        Box::new(MemoryFile { disk: self.clone(), path: path.to_owned() })
    }
}

impl Disk {
    fn change(&mut self) -> io::Result<()> {
        self.changes += 1;
        match self.fault {
            Some((good, kind)) if self.changes > good => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn require_folder(&self, folder: Option<&Path>) -> io::Result<()> {
        match folder {
            Some(folder) if !self.folders.contains(folder) => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(()),
        }
    }

    fn create(&mut self, file: &Path, keep: bool) -> io::Result<u64> {
        self.require_folder(file.parent())?;
        self.change()?;
        let now_ms = self.now_ms;
        let (bytes, modified_ms) = self.files.entry(file.to_owned()).or_default();
        *modified_ms = now_ms;
        if !keep {
            bytes.clear();
        }
        Ok(bytes.len() as u64)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.require_folder(to.parent())?;
        if !self.files.contains_key(from) && !self.folders.contains(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if self.files.contains_key(to) || self.folders.contains(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change()?;
        let moved = |path: &Path| match path.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
            Ok(rest) => to.join(rest),
            Err(_) => path.to_owned(),
        };
        self.folders = self.folders.iter().map(|path| moved(path)).collect();
        let files = std::mem::take(&mut self.files);
        self.files = files.into_iter().map(|(path, file)| (moved(&path), file)).collect();
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn list(&self, folder: &Path) -> Result<Listing, StorageError> {
        let disk = self.disk();
        disk.require_folder(Some(folder)).map_err(failed("list", folder))?;
        let here = |path: &&PathBuf| path.parent() == Some(folder);
        let files = disk.files.iter().filter(|(path, _)| here(path));
        let files = files.map(|(path, (bytes, modified_ms))| FileFacts {
            path: path.clone(),
            bytes: bytes.len() as u64,
            modified_ms: *modified_ms,
        });
        let folders = disk.folders.iter().filter(here).cloned().collect();
        Ok(Listing { files: files.collect(), folders })
    }

    fn read_at(&self, file: &Path, offset: u64, to: &mut [u8]) -> Result<usize, StorageError> {
        let disk = self.disk();
        let (bytes, _) = disk
            .files
            .get(file)
            .ok_or_else(|| failed("read", file)(io::ErrorKind::NotFound.into()))?;
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let read = rest.len().min(to.len());
        to[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn create_folder(&self, folder: &Path) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.change().map_err(failed("create folder", folder))?;
        disk.folders.extend(folder.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn create(&self, file: &Path) -> Result<Box<dyn StoredFile>, StorageError> {
        self.disk().create(file, false).map_err(failed("create", file))?;
        Ok(self.open(file))
    }

    fn append(&self, file: &Path) -> Result<(Box<dyn StoredFile>, u64), StorageError> {
        let bytes = self.disk().create(file, true).map_err(failed("append to", file))?;
        Ok((self.open(file), bytes))
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.require_folder(Some(folder)).map_err(failed("sync", folder))?;
        disk.change().map_err(failed("sync", folder))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.disk().rename(from, to).map_err(failed("rename to", to))
    }

    fn remove(&self, path: &Path) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.files.retain(|file, _| !file.starts_with(path));
        disk.folders.retain(|folder| !folder.starts_with(path));
        Ok(())
    }

    fn exists(&self, path: &Path) -> Result<bool, StorageError> {
        let disk = self.disk();
        Ok(disk.files.contains_key(path) || disk.folders.contains(path))
    }

    fn hold(&self, file: &Path) -> Result<Option<Box<dyn HeldFile>>, StorageError> {
        let mut disk = self.disk();
        disk.create(file, true).map_err(failed("hold", file))?;
        let is_free = disk.held.insert(file.to_owned());
        let held = || MemoryHold { disk: self.clone(), path: file.to_owned() };
        Ok(is_free.then(|| Box::new(held()) as Box<dyn HeldFile>))
    }
}

#[derive(Debug)]
struct MemoryHold {
    disk: MemoryStorage,
    path: PathBuf,
}

impl HeldFile for MemoryHold {}

impl Drop for MemoryHold {
    fn drop(&mut self) {
        self.disk.disk().held.remove(&self.path);
    }
}

struct MemoryFile {
    disk: MemoryStorage,
    path: PathBuf,
}

impl StoredFile for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let mut disk = self.disk.disk();
        let changed = disk.change();
        // A full disk takes part of a write.
        let taken = if changed.is_ok() { bytes.len() } else { bytes.len() / 2 };
        if let Some((file, _)) = disk.files.get_mut(&self.path) {
            file.extend_from_slice(&bytes[..taken]);
        }
        changed.map_err(failed("write", &self.path))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.disk.disk().change().map_err(failed("sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::storage::behaves;

    #[test]
    fn files_in_memory_do_what_the_trait_says() {
        behaves(&MemoryStorage::new(), Path::new("/root"));
    }

    #[test]
    fn a_full_disk_takes_part_of_a_write() {
        let storage = MemoryStorage::new();
        storage.put("/d/other", b"");
        storage.fail_after(1, io::ErrorKind::StorageFull);
        let mut file = storage.create(Path::new("/d/file")).expect("one change works");
        let error = file.write(b"12345678").expect_err("the second does not");
        assert_eq!(error.to_string(), "cannot write `/d/file`: no space left on the disk");
        assert_eq!(storage.files()[Path::new("/d/file")], b"1234");
        assert!(file.sync().is_err(), "nor does any after it");
        storage.repair();
        assert!(file.sync().is_ok());
    }
}
