//! What a plugin's `Cargo.toml` says, as far as a build must know it beforehand.
//!
//! Takes a folder. Gives the crate's name and its workspace's folder. Never resolves dependencies:
//! that is cargo's business.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::error::{BuildError, said};

/// A crate that can become a plugin.
#[derive(Debug)]
pub struct Manifest {
    /// The crate's folder, absolute.
    pub folder: PathBuf,
    /// The crate's name.
    pub package: String,
    /// The folder whose `Cargo.lock` and `target` the crate shares.
    pub workspace: PathBuf,
    /// The path of its SDK, when the manifest names one.
    pub sdk: Option<PathBuf>,
}

impl Manifest {
    /// Reads the crate in the folder.
    ///
    /// # Errors
    /// When there is no folder, no manifest, or one that makes no plugin.
    pub fn read(folder: &Path) -> Result<Self, BuildError> {
        let folder = fs::canonicalize(folder)
            .ok()
            .filter(|found| found.is_dir())
            .ok_or_else(|| BuildError::NoFolder { dir: folder.to_owned() })?;
        let path = folder.join("Cargo.toml");
        if !path.is_file() {
            return Err(BuildError::NoManifest { dir: folder });
        }
        let table = read_table(&path)?;
        let package = package_name(&path, &table)?;
        check_crate_type(&path, &table)?;
        let workspace = workspace_folder(&folder, &table);
        let sdk = dependency_path(&table, "tidemill-sdk").map(|named| folder.join(named));
        Ok(Self { folder, package, workspace, sdk })
    }

    /// The manifest's path.
    pub fn path(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }
}

/// The manifest as TOML.
pub(crate) fn read_table(path: &Path) -> Result<Table, BuildError> {
    let text = fs::read_to_string(path).map_err(BuildError::io("read", path))?;
    text.parse().map_err(|error: toml::de::Error| BuildError::Manifest {
        path: path.to_owned(),
        message: said(&error.to_string()),
    })
}

/// The name of the crate in the manifest.
pub(crate) fn package_name(path: &Path, table: &Table) -> Result<String, BuildError> {
    let name = table.get("package").and_then(|package| package.get("name"));
    name.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        let message = if table.contains_key("workspace") {
            "it is a workspace without a crate of its own; name the folder of one of its members"
        } else {
            "it has no `package.name`"
        };
        BuildError::Manifest { path: path.to_owned(), message: message.to_owned() }
    })
}

fn check_crate_type(path: &Path, table: &Table) -> Result<(), BuildError> {
    let library = table.get("lib");
    let types = library.and_then(|lib| lib.get("crate-type").or_else(|| lib.get("crate_type")));
    let types: Vec<&str> =
        types.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if types.contains(&"cdylib") {
        return Ok(());
    }
    let found =
        if types.is_empty() { "none".to_owned() } else { format!("`{}`", types.join("`, `")) };
    Err(BuildError::NotCdylib { path: path.to_owned(), found })
}

fn dependency_path<'a>(table: &'a Table, name: &str) -> Option<&'a str> {
    table.get("dependencies")?.get(name)?.get("path")?.as_str()
}

/// Cargo's rule, short of globs: the crate's own `[workspace]`, the one it points to, or the
/// nearest above that does not exclude it. A wrong guess costs a target folder, nothing else.
fn workspace_folder(folder: &Path, table: &Table) -> PathBuf {
    if table.contains_key("workspace") {
        return folder.to_owned();
    }
    let pointed = table.get("package").and_then(|p| p.get("workspace")).and_then(Value::as_str);
    if let Some(pointed) = pointed {
        return fs::canonicalize(folder.join(pointed)).unwrap_or_else(|_| folder.to_owned());
    }
    folder
        .ancestors()
        .skip(1)
        .find_map(|above| {
            let table = read_table(&above.join("Cargo.toml")).ok()?;
            let workspace = table.get("workspace")?;
            let excluded = workspace.get("exclude").and_then(Value::as_array);
            let mut excluded = excluded.into_iter().flatten().filter_map(Value::as_str);
            (!excluded.any(|path| folder.starts_with(above.join(path)))).then(|| above.to_owned())
        })
        .unwrap_or_else(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn plugin(name: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n")
    }

    #[test]
    fn member_shares_the_nearest_workspace_that_wants_it() {
        let root = tempfile::tempdir().expect("a folder");
        let root = fs::canonicalize(root.path()).expect("real");
        write(&root, "Cargo.toml", "[workspace]\nexclude = [\"plugins\", \"own\"]\n");
        write(&root, "plugins/Cargo.toml", "[workspace]\nmembers = [\"*\"]\n");
        write(&root, "plugins/words/Cargo.toml", &plugin("words"));
        write(&root, "own/Cargo.toml", &plugin("own"));
        let words = Manifest::read(&root.join("plugins/words")).expect("a plugin");
        assert_eq!((words.package.as_str(), words.workspace), ("words", root.join("plugins")));
        let own = Manifest::read(&root.join("own")).expect("a plugin");
        assert_eq!(own.workspace, root.join("own"));
    }

    fn check_refused(manifest: Option<&str>, expected: &str) {
        let root = tempfile::tempdir().expect("a folder");
        if let Some(text) = manifest {
            write(root.path(), "Cargo.toml", text);
        }
        let error = Manifest::read(root.path()).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_makes_no_plugin_is_told_apart() {
        check_refused(None, "has no `Cargo.toml`");
        check_refused(Some("[package"), "cannot be used");
        check_refused(Some("[workspace]"), "without a crate of its own");
        check_refused(Some("[lib]"), "no `package.name`");
        check_refused(Some("[package]\nname = \"a\""), "found none");
        check_refused(
            Some("[package]\nname = \"a\"\n[lib]\ncrate-type = [\"rlib\"]"),
            "found `rlib`",
        );
        let error = Manifest::read(Path::new("no/such/folder")).expect_err("refused");
        assert_eq!(error.to_string(), "`no/such/folder` is no folder");
    }
}
