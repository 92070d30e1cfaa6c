//! Sys: files and folders, as far as rooms need them.
//!
//! Takes paths and bytes. Gives what is there, or an error that names the path. Never keeps
//! anything open between calls, except a file that is being written.

use std::fmt::Debug;
use std::fs::{self, File, FileType, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::error::{Classify, Domain, Retry};

/// A file, seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// When it was last modified, in milliseconds since the epoch.
    pub modified_ms: i64,
}

/// What a folder holds, in the order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Files.
    pub files: Vec<FileFacts>,
    /// Folders.
    pub folders: Vec<PathBuf>,
}

/// A failed operation on a path.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {}", absolute(.path).display(), reason(.source))]
pub struct StorageError {
    /// What was tried, in a word or two.
    pub action: &'static str,
    /// Where.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl Classify for StorageError {
    fn domain(&self) -> Domain {
        Domain::External
    }

    fn retry(&self) -> Retry {
        match self.source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Retry::Never,
            _ => Retry::Backoff,
        }
    }
}

/// The path as a message names it: the same from whichever folder it is looked for.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The reason in plain words, where the system's are not.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "no space left on the disk".to_owned(),
        _ => error.to_string(),
    }
}

/// A file that is being written.
pub trait StoredFile: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// When not all of them were taken; some may have been.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError>;

    /// Returns when everything written survives a loss of power.
    ///
    /// # Errors
    /// When that is not so.
    fn sync(&mut self) -> Result<(), StorageError>;
}

/// A file that nobody else holds, until this is dropped or its process ends, however it does.
pub trait HeldFile: Send + Sync + Debug {}

impl HeldFile for File {}

/// Files and folders. Every operation fails with an error that names its path.
#[expect(clippy::missing_errors_doc, reason = "the trait's own words say it once")]
pub trait Storage: Send + Sync + Debug {
    /// What a folder holds.
    fn list(&self, folder: &Path) -> Result<Listing, StorageError>;

    /// Reads from an offset. Gives fewer bytes than fit only at the file's end.
    fn read_at(&self, file: &Path, offset: u64, to: &mut [u8]) -> Result<usize, StorageError>;

    /// Makes a folder, and those above it, where they are missing.
    fn create_folder(&self, folder: &Path) -> Result<(), StorageError>;

    /// Begins a file anew.
    fn create(&self, file: &Path) -> Result<Box<dyn StoredFile>, StorageError>;

    /// Goes on with a file, or begins it. Gives how many bytes it has.
    fn append(&self, file: &Path) -> Result<(Box<dyn StoredFile>, u64), StorageError>;

    /// Returns when the names in a folder survive a loss of power.
    fn sync_folder(&self, folder: &Path) -> Result<(), StorageError>;

    /// Gives a file or folder another name. There must be nothing of that name.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError>;

    /// Removes a file, or a folder with everything in it. It is no error if there is nothing.
    fn remove(&self, path: &Path) -> Result<(), StorageError>;

    /// Whether there is something of that name.
    fn exists(&self, path: &Path) -> Result<bool, StorageError>;

    /// Makes a file, unless it is there, and holds it. Gives none when another holds it.
    fn hold(&self, file: &Path) -> Result<Option<Box<dyn HeldFile>>, StorageError>;
}

/// Says what was tried, where it failed.
pub(super) fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> StorageError {
    move |source| StorageError { action, path: path.to_owned(), source }
}

/// A pipe would be waited for without end.
fn no_pipe(file: &Path) -> io::Result<()> {
    refuse(file, FileTypeExt::is_fifo, "found a pipe, expected a file")
}

/// And a device or a socket be read so.
fn is_a_file(file: &Path) -> io::Result<()> {
    let is_none = |of: &FileType| !of.is_file() && !of.is_dir();
    refuse(file, is_none, "found a pipe, a socket or a device, expected a file")
}

fn refuse(file: &Path, what: impl Fn(&FileType) -> bool, words: &'static str) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(facts) if what(&facts.file_type()) => Err(io::Error::other(words)),
        // What is missing, or may not be looked at, is told by who opens it.
        _ => Ok(()),
    }
}

/// The system's files.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemStorage;

impl Storage for SystemStorage {
    fn list(&self, folder: &Path) -> Result<Listing, StorageError> {
        let failed = failed("list", folder);
        let mut listing = Listing::default();
        for entry in fs::read_dir(folder).map_err(&failed)? {
            let path = entry.map_err(&failed)?.path();
            // A file may go while a folder is listed; it is as if it had never been there.
            let Ok(facts) = fs::metadata(&path) else { continue };
            if facts.is_dir() {
                listing.folders.push(path);
            } else if facts.is_file() {
                let since = facts.modified().map_err(&failed)?.duration_since(UNIX_EPOCH);
                let modified_ms = since.map_or(0, |s| s.as_millis().try_into().unwrap_or(i64::MAX));
                listing.files.push(FileFacts { path, bytes: facts.len(), modified_ms });
            }
        }
        listing.files.sort_by(|a, b| a.path.cmp(&b.path));
        listing.folders.sort();
        Ok(listing)
    }

    fn read_at(&self, file: &Path, offset: u64, to: &mut [u8]) -> Result<usize, StorageError> {
        let failed = failed("read", file);
        is_a_file(file).map_err(&failed)?;
        let mut opened = File::open(file).map_err(&failed)?;
        opened.seek(SeekFrom::Start(offset)).map_err(&failed)?;
        let mut read = 0;
        while read < to.len() {
            match opened.read(&mut to[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(read)
    }

    fn create_folder(&self, folder: &Path) -> Result<(), StorageError> {
        fs::create_dir_all(folder).map_err(failed("create folder", folder))
    }

    fn create(&self, file: &Path) -> Result<Box<dyn StoredFile>, StorageError> {
        let opened = File::create(file).map_err(failed("create", file))?;
        Ok(Box::new(SystemFile { opened, path: file.to_owned() }))
    }

    fn append(&self, file: &Path) -> Result<(Box<dyn StoredFile>, u64), StorageError> {
        let failed = failed("append to", file);
        no_pipe(file).map_err(&failed)?;
        let opened = OpenOptions::new().create(true).append(true).open(file).map_err(&failed)?;
        let bytes = opened.metadata().map_err(&failed)?.len();
        Ok((Box::new(SystemFile { opened, path: file.to_owned() }), bytes))
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), StorageError> {
        let synced = File::open(folder).and_then(|opened| opened.sync_all());
        synced.map_err(failed("sync", folder))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        fs::rename(from, to).map_err(failed("rename to", to))
    }

    fn remove(&self, path: &Path) -> Result<(), StorageError> {
        let facts = match fs::symlink_metadata(path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("remove", path)(error)),
        };
        let removed = if facts.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.map_err(failed("remove", path))
    }

    fn exists(&self, path: &Path) -> Result<bool, StorageError> {
        path.try_exists().map_err(failed("look for", path))
    }

    fn hold(&self, file: &Path) -> Result<Option<Box<dyn HeldFile>>, StorageError> {
        let failed = failed("hold", file);
        loop {
            let mut options = OpenOptions::new();
            let opened = options.create(true).truncate(false).write(true).open(file);
            let opened = opened.map_err(&failed)?;
            match opened.try_lock() {
                // Whoever held it may have removed it between the two.
                Ok(()) if self.exists(file)? => return Ok(Some(Box::new(opened))),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

struct SystemFile {
    opened: File,
    path: PathBuf,
}

impl StoredFile for SystemFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.opened.write_all(bytes).map_err(failed("write", &self.path))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.opened.sync_all().map_err(failed("sync", &self.path))
    }
}

/// What both twins must do alike.
#[cfg(test)]
pub(super) fn behaves(storage: &dyn Storage, root: &Path) {
    let (folder, file) = (root.join("a/b"), root.join("a/b/one"));
    storage.create_folder(&folder).expect("it can be made");
    storage.create_folder(&folder).expect("it is there already");
    let mut written = storage.create(&file).expect("its folder is there");
    written.write(b"hello ").expect("there is room");
    written.sync().expect("it is synced");
    drop(written);
    let (mut written, bytes) = storage.append(&file).expect("it is there");
    assert_eq!(bytes, 6);
    written.write(b"world").expect("there is room");
    drop(written);
    storage.sync_folder(&folder).expect("it is there");

    let mut to = [0; 8];
    assert_eq!(storage.read_at(&file, 6, &mut to).expect("it is there"), 5);
    assert_eq!(&to[..5], b"world");
    assert_eq!(storage.read_at(&file, 99, &mut to).expect("past the end is empty"), 0);
    assert_eq!(storage.list(&folder).expect("it is there").files[0].bytes, 11);
    let listing = storage.list(&root.join("a")).expect("it is there");
    assert_eq!((listing.files.len(), listing.folders), (0, vec![folder.clone()]));

    let held = storage.hold(&folder.join("lock")).expect("its folder is there");
    assert!(held.is_some() && storage.exists(&folder.join("lock")).expect("it can be asked"));
    assert!(storage.hold(&folder.join("lock")).expect("it can be asked").is_none());
    drop(held);
    assert!(storage.hold(&folder.join("lock")).expect("nobody holds it").is_some());

    storage.rename(&folder, &root.join("a/c")).expect("nothing is in the way");
    assert!(!storage.exists(&file).expect("it can be asked"));
    assert!(storage.exists(&root.join("a/c/one")).expect("it can be asked"));
    storage.remove(&root.join("a")).expect("it goes with all in it");
    storage.remove(&root.join("a")).expect("nothing to do");
    for (error, expected) in [
        (storage.list(&folder).err(), "cannot list"),
        (storage.read_at(&file, 0, &mut to).err(), "cannot read"),
        (storage.create(&file).err(), "cannot create"),
        (storage.append(&file).err(), "cannot append to"),
        (storage.hold(&file).err(), "cannot hold"),
        (storage.rename(&file, &folder).err(), "cannot rename to"),
    ] {
        let error = error.expect("nothing is there").to_string();
        assert!(error.starts_with(expected) && error.ends_with("it does not exist"), "{error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The story: a dead-letter file that was a pipe or `/dev/zero` held who listed it for ever.
    #[test]
    fn pipes_and_devices_are_no_files() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let pipe = root.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("one is made");
        let read = |path: &Path| SystemStorage.read_at(path, 0, &mut [0; 8]).map(|_| ());
        let append = SystemStorage.append(&pipe).map(|_| ());
        for refused in [read(&pipe), read(Path::new("/dev/zero")), append] {
            let told = refused.expect_err("it is no file").to_string();
            assert!(told.contains("found a pipe"), "{told}");
        }
    }

    #[test]
    fn the_systems_files_do_what_the_trait_says() {
        let root = tempfile::tempdir().expect("a folder can be made");
        behaves(&SystemStorage, root.path());
    }
}
