//! A lock on a folder, across threads and processes.
//!
//! Takes a folder. Gives a guard that others wait for. Never outlives its process: the system lets
//! go of it when the file is closed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// Held while a folder is being filled; dropped, it lets the next one in.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if need be and waits until it is ours, saying so when somebody has it.
    ///
    /// # Errors
    /// When the folder or the lock's file cannot be made.
    pub fn take(folder: &Path, report: &dyn Fn(&str)) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = File::create(folder.join(".tidemill-lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                report(&format!("waiting for another build in `{}`", folder.display()));
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn second_taker_waits_for_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        let first = FolderLock::take(&path, &|_| ()).expect("it is free");
        let (said, hears) = channel();
        let second = std::thread::spawn(move || {
            FolderLock::take(&path, &|text| said.send(text.to_owned()).expect("heard"))
        });
        assert!(hears.recv().expect("it says so").starts_with("waiting for another build"));
        drop(first);
        second.join().expect("no panic").expect("now it is free");
    }
}
