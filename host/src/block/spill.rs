//! Block: files on disk for partitions that memory has no room for.
//!
//! Takes bytes. Gives them back while the file is held, or says that they are no longer the same.
//! Never leaves a file behind: a file goes with the last who holds it, the folder with the spill,
//! and that of a process that was killed when the next one starts.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::partition_store::StoreError;
use crate::sys::storage::{HeldFile, Storage, StorageError, absolute};

/// What the name of the file beside a folder ends in that shows whether it is somebody's.
const HELD: &str = "held";

/// Names that are tried for a folder. One is taken for a moment while somebody looks at it.
const NAMES_TRIED: usize = 8;

/// A folder of its own for spilled partitions. It is made when it is first needed.
#[derive(Debug)]
pub struct Spill {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    made: Mutex<Option<Made>>,
    next: AtomicU64,
}

/// A folder that was made.
#[derive(Debug)]
struct Made {
    folder: PathBuf,
    /// Beside it: while it is held, the folder is somebody's. `None`: this disk holds no files.
    held: Option<Box<dyn HeldFile>>,
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
        let (folder, made) = (folder.to_owned(), Mutex::new(None));
        Self { storage, folder, made, next: AtomicU64::new(0) }
    }

    /// Writes the bytes to a file. They need not survive a loss of power, so nothing is synced.
    ///
    /// # Errors
    /// When the disk does not take them; nothing is left of the file then.
    pub fn write(&self, bytes: &[u8]) -> Result<SpillFile, StoreError> {
        let folder = self.make_folder().map_err(|error| disk(&error))?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let file = SpillFile {
            storage: Arc::clone(&self.storage),
            path: folder.join(format!("{number:08}.arrows")),
            bytes: bytes.len() as u64,
            digest: blake3::hash(bytes),
        };
        let written = self.storage.create(&file.path).and_then(|mut to| to.write(bytes));
        written.map_err(|error| disk(&error))?;
        Ok(file)
    }

    fn make_folder(&self) -> Result<PathBuf, StorageError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made {
            return Ok(made.folder.clone());
        }
        let (folder, held) = self.take_name()?;
        self.storage.create_folder(&folder)?;
        *made = Some(Made { folder: folder.clone(), held });
        Ok(folder)
    }

    /// A name that is held before the folder is there, so that no folder is ever nobody's.
    fn take_name(&self) -> Result<(PathBuf, Option<Box<dyn HeldFile>>), StorageError> {
        if let Some(parent) = self.folder.parent() {
            self.storage.create_folder(parent)?;
        }
        for number in 0..NAMES_TRIED {
            let mut name = self.folder.clone().into_os_string();
            name.push(if number > 0 { format!("-{number}") } else { String::new() });
            let folder = PathBuf::from(name);
            match self.storage.hold(&folder.with_extension(HELD)) {
                Ok(Some(held)) => return Ok((folder, Some(held))),
                Ok(None) => {}
                Err(error) if error.source.kind() == ErrorKind::Unsupported => break,
                Err(error) => return Err(error),
            }
        }
        Ok((self.folder.clone(), None))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Made { folder, held }) = made
            && let Err(error) = remove(&*self.storage, &folder, held)
        {
            tracing::warn!("a folder of spilled partitions is left: {error}");
        }
    }
}

/// Removes the spilled partitions of processes that were killed. Those of others are held.
pub fn remove_left(storage: &dyn Storage, folders: &Path) {
    // There is none before the first partition is spilled.
    let Ok(listing) = storage.list(folders) else { return };
    let held = listing.files.into_iter().map(|file| file.path);
    for file in held.filter(|path| path.extension().is_some_and(|extension| extension == HELD)) {
        let removed = match storage.hold(&file) {
            Ok(None) => continue,
            Ok(held) => remove(storage, &file.with_extension(""), held),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!("spilled partitions of an earlier run are left: {error}");
        }
    }
}

/// Removes a folder, and then what shows that it is somebody's.
fn remove(
    storage: &dyn Storage,
    folder: &Path,
    held: Option<Box<dyn HeldFile>>,
) -> Result<(), StorageError> {
    storage.remove(folder)?;
    if held.is_some() {
        storage.remove(&folder.with_extension(HELD))?;
    }
    Ok(())
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
        let held = PathBuf::from("/spill.held");
        assert_eq!(storage.files().len(), 3);
        drop(one);
        assert_eq!(storage.files().into_keys().collect::<Vec<_>>(), [two.path.clone(), held]);
        drop(spill);
        assert!(storage.files().is_empty());
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
        drop(spill);
        assert!(storage.files().is_empty());
    }

    /// The story: what a killed process had spilled stayed on disk for ever.
    #[test]
    fn what_a_dead_process_has_spilled_goes_and_what_a_living_one_has_stays() {
        let storage = MemoryStorage::new();
        let (spills, dead) = (Path::new("/spills"), "/spills/00");
        storage.put(format!("{dead}/00000000.arrows"), b"one");
        storage.put(format!("{dead}.held"), b"");
        let living = Spill::new(Arc::new(storage.clone()), &spills.join("01"));
        let file = living.write(b"two").expect("there is room");
        remove_left(&storage, spills);
        let left: Vec<PathBuf> = storage.files().into_keys().collect();
        assert_eq!(left, ["/spills/01/00000000.arrows", "/spills/01.held"].map(PathBuf::from));
        assert_eq!(file.read().expect("it is there"), b"two");
        assert!(!storage.exists(Path::new(dead)).expect("it can be asked"));
    }

    #[test]
    fn a_name_that_is_taken_gives_way_to_the_next() {
        let storage = MemoryStorage::new();
        storage.put("/spills/x", b"");
        let held = storage.hold(Path::new("/spills/00.held")).expect("its folder is there");
        let spill = Spill::new(Arc::new(storage.clone()), Path::new("/spills/00"));
        let file = spill.write(b"one").expect("there is room");
        assert_eq!(file.path, Path::new("/spills/00-1/00000000.arrows"));
        drop(held);
    }
}
