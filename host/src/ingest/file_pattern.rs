//! Ingest: a folder, or a pattern of folders, and the files in them.
//!
//! Takes a path in which `*` and `?` may stand for folders. Gives the files of every folder it
//! names, or those that the path names itself. Never reads a file, and never looks below the
//! folders named.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::file_rules::is_visible;
use crate::sys::storage::{FileFacts, Listing, Storage, StorageError};

/// The files of a folder, or of every folder that a pattern names.
pub struct Found {
    /// In the order of names.
    pub files: Vec<FileFacts>,
    /// How many folders there are.
    pub folders: usize,
}

/// Lists what a pattern names.
///
/// # Errors
/// Names a folder that is written out and not there, or one that cannot be listed. A folder that a
/// wildcard has found may go again before it is looked into.
pub fn list(storage: &dyn Storage, pattern: &Path) -> Result<Found, StorageError> {
    let (folders, look) = folders(storage, pattern)?;
    let mut found = Found { files: Vec::new(), folders: 0 };
    for folder in &folders {
        if let Some(listing) = look(storage, folder)? {
            found.files.extend(listing.files);
            found.folders += 1;
        }
    }
    Ok(found)
}

/// The files that a pattern names, and the visible ones of the folders that it names.
///
/// # Errors
/// When it names nothing, or a folder that cannot be listed.
pub fn list_named(storage: &dyn Storage, pattern: &Path) -> Result<Vec<FileFacts>, StorageError> {
    let (Some(above), Some(name)) = (pattern.parent(), pattern.file_name()) else {
        return Ok(list(storage, pattern)?.files);
    };
    let name = name.as_encoded_bytes();
    let named =
        |path: &Path| path.file_name().is_some_and(|found| fits(found.as_encoded_bytes(), name));
    let (folders, look) = folders(storage, above)?;
    let (mut files, mut any) = (Vec::new(), false);
    for folder in &folders {
        let Some(listing) = look(storage, folder)? else { continue };
        let exact = |path: &Path| path.file_name().is_some_and(|f| f.as_encoded_bytes() == name);
        let wanted = |path: &Path| exact(path) || (named(path) && is_visible(path));
        files.extend(listing.files.into_iter().filter(|file| wanted(&file.path)));
        for folder in listing.folders.iter().filter(|folder| wanted(folder)) {
            any = true;
            files.extend(storage.list(folder)?.files.into_iter().filter(|f| is_visible(&f.path)));
        }
    }
    if files.is_empty() && !any {
        let (action, source) = ("read", ErrorKind::NotFound.into());
        return Err(StorageError { action, path: pattern.to_owned(), source });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The folders that a pattern names, and how to look into them.
fn folders(storage: &dyn Storage, pattern: &Path) -> Result<(Vec<PathBuf>, Look), StorageError> {
    let mut folders = vec![PathBuf::new()];
    let mut look: Look = look_into_named;
    for component in pattern.components() {
        let name = component.as_os_str();
        match name.to_str() {
            Some(name) if matches!(component, Component::Normal(_)) && is_pattern(name) => {
                folders = matching(storage, &folders, name, look)?;
                look = look_into_found;
            }
            _ => folders.iter_mut().for_each(|folder| folder.push(name)),
        }
    }
    Ok((folders, look))
}

/// Lists a folder, or passes it over.
type Look = fn(&dyn Storage, &Path) -> Result<Option<Listing>, StorageError>;

/// What a folder that is written out holds.
fn look_into_named(storage: &dyn Storage, folder: &Path) -> Result<Option<Listing>, StorageError> {
    storage.list(folder).map(Some)
}

/// What a folder that a wildcard has found holds. It need not have the rest of the pattern below
/// it, and may be gone by now: it is passed over.
fn look_into_found(storage: &dyn Storage, folder: &Path) -> Result<Option<Listing>, StorageError> {
    match storage.list(folder) {
        Err(error)
            if matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        listed => listed.map(Some),
    }
}

/// What is wrong with a pattern that names nothing: most often it was to name files.
pub fn no_folder(pattern: &Path) -> String {
    let plain = |name: &Component<'_>| !name.as_os_str().to_str().is_some_and(is_pattern);
    let above: PathBuf = pattern.components().take_while(plain).collect();
    format!(
        "no folder matches `{}`; `*` and `?` stand for folders, of which every file is read: name \
         the folder `{}`",
        pattern.display(),
        above.display()
    )
}

fn matching(
    storage: &dyn Storage,
    above: &[PathBuf],
    pattern: &str,
    look: Look,
) -> Result<Vec<PathBuf>, StorageError> {
    let mut matching = Vec::new();
    for folder in above {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Some(listing) = look(storage, here)? else { continue };
        matching.extend(listing.folders.into_iter().filter(|folder| {
            let name = folder.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| fits(name.as_bytes(), pattern.as_bytes()))
        }));
    }
    Ok(matching)
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Whether a name fits a pattern of letters, `?` for any one byte and `*` for any number of them.
fn fits(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    let mut star = None;
    while at < name.len() {
        match pattern.get(of) {
            Some(b'*') => {
                star = Some((at, of));
                of += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[at] => {
                at += 1;
                of += 1;
            }
            _ => {
                // The last star takes one byte more.
                let Some((taken, place)) = star else { return false };
                star = Some((taken + 1, place));
                (at, of) = (taken + 1, place + 1);
            }
        }
    }
    pattern[of..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::storage_memory::MemoryStorage;

    /// The story: a folder that a wildcard had found was gone, or lacked what the pattern names
    /// next, when a further wildcard was to look into it. Then no file of any folder was read.
    #[test]
    fn a_folder_that_is_gone_between_two_wildcards_is_passed_over() {
        let storage = MemoryStorage::new();
        storage.put("/in/a/app/x/1", b"x\n");
        storage.put("/in/b/else/x/2", b"x\n");
        let found = list(&storage, Path::new("/in/*/app/*")).expect("one folder is there");
        let paths: Vec<&Path> = found.files.iter().map(|file| &*file.path).collect();
        assert_eq!((paths, found.folders), (vec![Path::new("/in/a/app/x/1")], 1));
        assert_eq!(list(&storage, Path::new("/in/*/*/*")).map_or(0, |found| found.folders), 2);
        let error = list(&storage, Path::new("/gone/*/app")).map(|found| found.folders);
        let expected = "cannot list `/gone`: it does not exist";
        assert_eq!(error.expect_err("it is written out").to_string(), expected);
    }

    #[test]
    fn a_set_of_files_is_a_file_a_folder_or_a_pattern_of_either() {
        let storage = MemoryStorage::new();
        for file in ["/in/a.log", "/in/b.log", "/in/.c.log", "/in/d/1", "/in/d/.2", "/in/e/3"] {
            storage.put(file, b"x\n");
        }
        let named = |pattern: &str| -> Vec<String> {
            let files = list_named(&storage, Path::new(pattern)).expect("it names something");
            files.iter().map(|file| file.path.display().to_string()).collect()
        };
        assert_eq!(named("/in/a.log"), ["/in/a.log"]);
        assert_eq!(named("/in/.c.log"), ["/in/.c.log"], "it is named itself");
        assert_eq!(named("/in/*.log"), ["/in/a.log", "/in/b.log"]);
        assert_eq!(named("/in"), ["/in/a.log", "/in/b.log"]);
        assert_eq!(named("/in/?"), ["/in/d/1", "/in/e/3"]);
        assert_eq!(named("/i?/d"), ["/in/d/1"]);
        for nothing in ["/in/*.txt", "/in/z", "/i?/z"] {
            let error = list_named(&storage, Path::new(nothing)).expect_err("it names nothing");
            assert_eq!(error.to_string(), format!("cannot read `{nothing}`: it does not exist"));
        }
    }

    #[test]
    fn stars_and_question_marks_fit_names() {
        for (name, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "a*", true),
            ("abc", "*c", true),
            ("abc", "*b*", true),
            ("abc", "a?c", true),
            ("abc", "ab", false),
            ("abc", "*b", false),
            ("aab", "*ab", true),
            ("", "*", true),
            ("", "?", false),
        ] {
            assert_eq!(fits(name.as_bytes(), pattern.as_bytes()), expected, "{name} {pattern}");
        }
    }
}
