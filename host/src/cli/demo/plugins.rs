//! Cli: both versions of the demo's plugin.
//!
//! Takes the source that this program carries. Gives two crates in the user's cache folder, and the
//! component of the second. Both are built into one folder: what they depend on is compiled once.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tidemill_guest_build::{Options, build, cache_folder, new_plugin, sdk_folder};

const SOURCE: &str = include_str!("../../../../plugins/word_count/src/lib.rs");
/// The line of the source that the second version has otherwise.
const LINE: &str = "    words(line)\n";
const SECOND_LINE: &str = "    words(line).filter(|word| word.chars().count() >= 4)\n";
/// The versions in the manifests: a new plugin has the first one.
const VERSION: &str = "version = \"0.1.0\"";
const SECOND_VERSION: &str = "version = \"0.2.0\"";

/// Two crates.
pub struct Written {
    /// The first version's folder.
    pub first: PathBuf,
    second: PathBuf,
}

/// The source, as it is shown: without its tests.
pub fn shown() -> &'static str {
    SOURCE.split("\n#[cfg(test)]").next().unwrap_or(SOURCE)
}

/// What the second version has otherwise.
pub fn difference() -> String {
    format!("-{LINE}+{SECOND_LINE}")
}

fn second_source() -> String {
    SOURCE.replacen(LINE, SECOND_LINE, 1)
}

/// Writes the plugin this program carries into the cache, where cargo can build it, and its second
/// version beside it.
pub fn write() -> anyhow::Result<Written> {
    let folder = cache_folder().join("demo").join(version(&sdk_folder()?));
    let [first, second] = ["word_count", "word_count_2"].map(|name| folder.join(name));
    write_one(&first, SOURCE)?;
    write_one(&second, &second_source())?;
    let manifest = second.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("failed to read `{}`", manifest.display()))?;
    std::fs::write(&manifest, text.replacen(VERSION, SECOND_VERSION, 1))
        .with_context(|| format!("failed to write `{}`", manifest.display()))?;
    Ok(Written { first, second })
}

fn write_one(folder: &Path, source: &str) -> anyhow::Result<()> {
    if !folder.exists() {
        new_plugin(folder).context("failed to write the demo's plugin")?;
    }
    let file = folder.join("src").join("lib.rs");
    std::fs::write(&file, source).with_context(|| format!("failed to write `{}`", file.display()))
}

/// Names what the demo's plugin is built from: its sources, and the SDK, which it names by path.
fn version(sdk: &Path) -> String {
    let sdk = sdk.as_os_str().as_encoded_bytes();
    let all = [SOURCE.as_bytes(), SECOND_LINE.as_bytes(), sdk].concat();
    blake3::hash(&all).to_hex()[..16].to_owned()
}

impl Written {
    /// Builds both, the first where the job looks for it; gives the second's component.
    pub fn build(&self, report: &dyn Fn(&str)) -> anyhow::Result<PathBuf> {
        let target = self.first.join("target").join("tidemill-guests");
        let mut built = PathBuf::new();
        for folder in [&self.first, &self.second] {
            let target_dir = Some(target.clone());
            let options = Options { target_dir, report, warnings: report, ..Options::default() };
            built = build(folder, &options).context("failed to build the demo's plugin")?.component;
        }
        Ok(built)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder was named by the plugin's source alone, and outlived the program: the next
    /// version, with another treaty and so another SDK, built it against the old one, and its demo
    /// ended with a component that did not fit.
    #[test]
    fn another_sdk_is_another_folder() {
        assert_ne!(version(Path::new("sdk/one")), version(Path::new("sdk/two")));
        assert_eq!(version(Path::new("sdk/one")), version(Path::new("sdk/one")));
    }

    #[test]
    fn the_second_version_differs_in_the_line_that_is_shown() {
        assert_eq!(SOURCE.matches(LINE).count(), 1);
        assert_eq!(second_source().replace(SECOND_LINE, LINE), SOURCE);
        assert_eq!(shown().matches(LINE).count(), 1);
    }
}
