//! Writes a new plugin: a crate with one operator and a passing test.
//!
//! Takes a path, whose last part is the name. Gives a folder that builds wherever it lies, because
//! it names the SDK that this program carries. Never writes into a folder that is there already.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::sdk::{SDK_LOCK, sdk_folder};

/// Longer names make unwieldy file names.
const NAME_MAX: usize = 64;
/// Names that cargo or rustc would refuse, or that would hide a crate the plugin uses.
const TAKEN: [&str; 14] = [
    "alloc",
    "build",
    "core",
    "crate",
    "deps",
    "examples",
    "incremental",
    "proc-macro",
    "self",
    "std",
    "super",
    "test",
    "tidemill-sdk",
    "tidemill_sdk",
];

/// Why no plugin was made.
#[derive(Debug, thiserror::Error)]
pub enum NewPluginError {
    /// The name cannot name a crate.
    #[error(
        "`{found}` cannot name a plugin; allowed are at most {NAME_MAX} of `a-z`, `0-9`, `_` and \
         `-`, a letter first, and no word of Rust's or cargo's own"
    )]
    Name {
        /// The name that was asked for.
        found: String,
    },
    /// Something is there already.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// A file or folder could not be written.
    #[error(transparent)]
    Write(#[from] BuildError),
}

/// Makes the plugin; gives its folder.
///
/// # Errors
/// When the name is not allowed, something is there already, or the disk refuses.
pub fn new_plugin(path: &Path) -> Result<PathBuf, NewPluginError> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if !is_name(&name) {
        return Err(NewPluginError::Name { found: name });
    }
    if path.symlink_metadata().is_ok() {
        return Err(NewPluginError::Exists(path.to_owned()));
    }
    let sdk = sdk_folder()?;
    let files = [
        ("Cargo.toml", manifest(&name, &sdk)),
        ("Cargo.lock", SDK_LOCK.to_owned()),
        ("src/lib.rs", source(&name)),
        (".cargo/config.toml", SETTINGS.to_owned()),
        (".gitignore", "/target\n".to_owned()),
        ("README.md", readme(&name)),
    ];
    for (file, text) in files {
        let file = path.join(file);
        let folder = file.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(BuildError::io("create", folder))?;
        fs::write(&file, text).map_err(BuildError::io("write", &file))?;
    }
    fs::canonicalize(path).map_err(BuildError::io("read", path)).map_err(NewPluginError::from)
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'))
        && !TAKEN.contains(&name)
        && !is_keyword(name)
}

fn is_keyword(name: &str) -> bool {
    const KEYWORDS: &str = " abstract as async await become box break const continue do dyn else \
        enum extern false final fn for gen if impl in let loop macro match mod move mut override \
        priv pub ref return static struct trait true try type typeof unsafe unsized use virtual \
        where while yield ";
    KEYWORDS.contains(&format!(" {name} "))
}

fn manifest(name: &str, sdk: &Path) -> String {
    // Escaped as TOML's basic strings are, for paths with quotes or backslashes.
    let sdk = toml::Value::String(sdk.to_string_lossy().into_owned());
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
description = "A plugin for Tidemill."
publish = false

[lib]
# What becomes a component.
crate-type = ["cdylib"]

[dependencies]
# Unpacked by `tidemill plugin new`; `tidemill plugin build` brings it back when it is lost.
tidemill-sdk = {{ path = {sdk} }}

[profile.release]
opt-level = 3
lto = true
codegen-units = 1
panic = "abort"
strip = true
# A number that overflows fails its batch, with operator and row. Unless told, it would wrap.
overflow-checks = true

# A workspace of its own, whatever lies in the folders above.
[workspace]
"#
    )
}

const SETTINGS: &str = r#"# Vector instructions: the sandbox has them, and text search gains most.
[target.wasm32-unknown-unknown]
rustflags = ["-C", "target-feature=+simd128"]
"#;

fn source(name: &str) -> String {
    format!(
        r#"//! `{name}`: a plugin for Tidemill. Operators are plain functions of rows.
//!
//! After the row may stand `#[param(default = 1)] least: i64`, then `context: Context`, with
//! `context.counter("name", 1)`. `log!("..")` writes to the job's log.

use tidemill_sdk::prelude::*;

/// Splits a line into its words.
#[flat_map]
fn split(line: &str) -> impl Iterator<Item = &str> {{
    line.split_ascii_whitespace()
}}

plugin!(split);

#[cfg(test)]
mod tests {{
    use super::*;

    #[test]
    fn words_stand_between_white_space() {{
        assert!(split(" one  two ").eq(["one", "two"]));
    }}
}}
"#
    )
}

fn readme(name: &str) -> String {
    format!(
        r#"# {name}

A plugin for Tidemill.

```sh
cargo test                                    # operators are plain functions: test them as such
tidemill plugin build .                       # makes the component and says where it is
tidemill plugin check .                       # its operators, columns and parameters
```

Rows go through an operator as JSON lines, with the columns that `check` names. This plugin begins
with `split`; the name of your own operator stands in its place, here and in a job file:

```sh
echo '{{"line": "one two"}}' | tidemill plugin run . split
```

In a job file:

```toml
[plugins.{name}]
source = "path/to/{name}"       # built when the job starts; or: component = "FILE.wasm"

[streams.words]
from = "lines"
steps = [{{ flat_map = "{name}.split" }}]
```
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates() {
        for name in ["a", "word_count", "http-status2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "2nd", "_a", "Words", "a b", "a/b", "fn", "test", "grüße", "tidemill-sdk"]
        {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_name(&"a".repeat(65)));
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = new_plugin(&folder.path().join("Words")).expect_err("refused").to_string();
        assert!(error.starts_with("`Words` cannot name a plugin; allowed are"), "{error}");
        let taken = folder.path().join("words");
        fs::write(&taken, "mine").expect("written");
        let error = new_plugin(&taken).expect_err("refused").to_string();
        assert_eq!(error, format!("`{}` is there already", taken.display()));
        assert_eq!(fs::read(&taken).expect("read"), b"mine");
    }

    #[test]
    fn manifest_survives_an_odd_cache_folder() {
        let odd = Path::new("/tmp/it's \"odd\" \\ here");
        let table: toml::Table = manifest("words", odd).parse().expect("it is TOML");
        let path = table["dependencies"]["tidemill-sdk"]["path"].as_str();
        assert_eq!(path.map(Path::new), Some(odd));
    }
}
