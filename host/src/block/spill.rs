//! Block: files on disk for partitions that memory has no room for.
//!
//! Takes bytes. Gives them back while the file is held, or says that they are no longer the same.
//! Never leaves a file behind: a file goes with the last who holds it, the folder with the spill.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::partition_store::StoreError;
use crate::sys::storage::{Storage, StorageError, absolute};

/// A folder of its own for spilled partitions. It is made when it is first needed.
#[derive(Debug)]
pub struct Spill {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    made: Mutex<bool>,
    next: AtomicU64,
}

/// Bytes on disk. The file is removed when this is dropped.
#[derive(Debug)]
pub struct SpillFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    bytes: u64,
    digest: blake3::Hash,
}

impl Spill {
    /// Files in that folder, which nobody else may use.
    pub fn new(storage: Arc<dyn Storage>, folder: &Path) -> Self {
        let (folder, made) = (folder.to_owned(), Mutex::new(false));
        Self { storage, folder, made, next: AtomicU64::new(0) }
    }

    /// Writes the bytes to a file. They need not survive a loss of power, so nothing is synced.
    ///
    /// # Errors
    /// When the disk does not take them; nothing is left of the file then.
    pub fn write(&self, bytes: &[u8]) -> Result<SpillFile, StoreError> {
        self.make_folder().map_err(|error| disk(&error))?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let file = SpillFile {
            storage: Arc::clone(&self.storage),
            path: self.folder.join(format!("{number:08}.arrows")),
            bytes: bytes.len() as u64,
            digest: blake3::hash(bytes),
        };
        let written = self.storage.create(&file.path).and_then(|mut to| to.write(bytes));
        written.map_err(|error| disk(&error))?;
        Ok(file)
    }

    fn make_folder(&self) -> Result<(), StorageError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !*made {
            self.storage.create_folder(&self.folder)?;
            *made = true;
        }
        Ok(())
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        let made = *self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made && let Err(error) = self.storage.remove(&self.folder) {
            tracing::warn!("a folder of spilled partitions is left: {error}");
        }
    }
}

impl SpillFile {
    /// Its bytes on disk.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The bytes, which are those that were written.
    ///
    /// # Errors
    /// When the file cannot be read, or has other bytes than were written.
    pub fn read(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; usize::try_from(self.bytes).unwrap_or(usize::MAX)];
        let read = self.storage.read_at(&self.path, 0, &mut bytes).map_err(|error| disk(&error))?;
        if read < bytes.len() {
            let found = format!("{read} bytes were found, {} were written", bytes.len());
            return Err(self.corrupt(found));
        }
        if blake3::hash(&bytes) != self.digest {
            return Err(self.corrupt("its bytes have changed".to_owned()));
        }
        Ok(bytes)
    }

    fn corrupt(&self, found: String) -> StoreError {
        StoreError::Corrupt { file: absolute(&self.path).display().to_string(), found }
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        if let Err(error) = self.storage.remove(&self.path) {
            tracing::warn!("a spilled partition is left: {error}");
        }
    }
}

fn disk(error: &StorageError) -> StoreError {
    StoreError::Disk(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::sys::storage_memory::MemoryStorage;

    const FILE: &str = "/spill/00000000.arrows";

    fn spill(storage: &MemoryStorage) -> Spill {
        Spill::new(Arc::new(storage.clone()), Path::new("/spill"))
    }

    #[test]
    fn files_go_with_those_who_hold_them() {
        let storage = MemoryStorage::new();
        let spill = spill(&storage);
        let (one, two) = (spill.write(b"one").expect("room"), spill.write(b"two").expect("room"));
        assert_eq!(two.read().expect("it is there"), b"two");
        assert_eq!(storage.files().len(), 2);
        drop(one);
        assert_eq!(storage.files().len(), 1);
        drop(spill);
        assert!(!storage.exists(Path::new("/spill")).expect("it can be asked"));
        drop(two);
    }

    #[test]
    fn a_file_that_has_changed_is_named() {
        let storage = MemoryStorage::new();
        let spill = spill(&storage);
        let file = spill.write(b"one").expect("there is room");
        let changed = |found: &str| {
            format!("the kept partition in `{FILE}` is not what was written there: {found}")
        };
        for (bytes, found) in
            [(&b"onE"[..], "its bytes have changed"), (b"on", "2 bytes were found, 3 were written")]
        {
            storage.put(FILE, bytes);
            assert_eq!(file.read().expect_err("it has changed").to_string(), changed(found));
        }
        storage.remove(Path::new(FILE)).expect("it is there");
        let error = file.read().expect_err("it is gone").to_string();
        let expected = "a kept partition: cannot read `/spill/00000000.arrows`: it does not exist";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_nothing() {
        let storage = MemoryStorage::new();
        let spill = spill(&storage);
        drop(spill.write(b"one").expect("there is room"));
        // The file can be made, and not be written.
        storage.fail_after(1, ErrorKind::StorageFull);
        let error = spill.write(b"two").expect_err("the disk is full").to_string();
        assert!(error.ends_with("no space left on the disk"), "{error}");
        assert!(storage.files().is_empty());
    }
}
