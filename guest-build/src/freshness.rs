//! Whether a component that was built before is still what its sources say.
//!
//! Takes the list of files that the last build read, as cargo noted it, and the compiler's own
//! words. Gives a key over their contents; a component is kept under its key and its own digest.
//! Never gives a component that is not what was kept. Never asks cargo, so that a job with an
//! unchanged plugin starts at once; a plugin with a build script is left to cargo, which alone
//! knows what that reads.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::BuildError;
use crate::manifest::{Manifest, package_name, read_table};
use crate::toolchain::TARGET;

/// Changes when a component of the same sources would come out differently.
const GENERATION: &str = "tidemill component 1";
/// What the SDK's crates are called: they change with this program, not under it.
const SDK: &str = "tidemill-sdk";
/// Components kept per plugin; the oldest go.
const KEPT_MAX: usize = 8;
/// Hex digits of a digest in a file's name.
const DIGEST_DIGITS: usize = 16;

/// The components of one plugin, and what they were made of.
#[derive(Debug)]
pub struct Freshness {
    folder: PathBuf,
    stem: String,
}

/// A component that was kept.
#[derive(Debug, PartialEq)]
pub struct Kept {
    /// Its file.
    pub file: PathBuf,
    /// BLAKE3 of it, in hex.
    pub digest: String,
}

/// The files whose contents, or absence, decide.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Inputs {
    files: BTreeSet<PathBuf>,
}

impl Freshness {
    /// The plugin's place below a target folder, which other plugins of any name may share.
    pub fn of(manifest: &Manifest, target_dir: &Path) -> Self {
        let path = manifest.path();
        let place = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        let stem = format!("{}-{}", manifest.package, &place[..8]);
        Self { folder: target_dir.join("components"), stem }
    }

    /// The component, when nothing has changed since it was built: neither its sources nor itself.
    /// A machine that lost its power may have kept the name of the file and half of what was in it.
    pub fn cached(&self, identity: &str) -> Option<Kept> {
        let begin = format!("{}-{}-", self.stem, self.noted()?.key(identity)?);
        fs::read_dir(&self.folder).ok()?.flatten().find_map(|entry| {
            let (name, file) = (entry.file_name(), entry.path());
            let noted = name.to_str()?.strip_prefix(&begin)?.strip_suffix(".wasm")?;
            let digest = digest_of(&fs::read(&file).ok()?);
            (digest[..DIGEST_DIGITS] == *noted).then_some(Kept { file, digest })
        })
    }

    /// Has cargo compile the plugin's own crates anew, whatever their times say. Cargo takes a file
    /// for unchanged that is older than its last build, as files that were unpacked, copied with
    /// their times or moved into place are.
    pub fn forget(&self, manifest: &Manifest, target_dir: &Path) {
        let mut packages = BTreeSet::from([manifest.package.clone()]);
        for file in self.noted().iter().flat_map(|inputs| &inputs.files) {
            packages.extend(package_of(file).filter(|name| !name.starts_with(SDK)));
        }
        let made = target_dir.join(TARGET).join("release").join(".fingerprint");
        for entry in fs::read_dir(made).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let package = name.to_str().and_then(|name| Some(name.rsplit_once('-')?.0));
            if package.is_some_and(|package| packages.contains(package)) {
                // What cannot be removed was made by somebody else, who is asked again as before.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Keeps a component, and notes what it was made of, for the next time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(
        &self,
        component: &[u8],
        identity: &str,
        inputs: Option<BTreeSet<PathBuf>>,
        begun: SystemTime,
    ) -> Result<Kept, BuildError> {
        fs::create_dir_all(&self.folder).map_err(BuildError::io("create", &self.folder))?;
        // A source saved while the compiler ran may or may not be in the component.
        let inputs = inputs.map(|files| Inputs { files }).filter(|inputs| !inputs.newer(begun));
        let key = inputs.as_ref().and_then(|inputs| inputs.key(identity));
        match inputs.filter(|_| key.is_some()) {
            Some(inputs) => {
                let text = serde_json::to_vec(&inputs).unwrap_or_default();
                self.write(&self.inputs_file(), &text)?;
            }
            None => {
                let _ = fs::remove_file(self.inputs_file());
            }
        }
        let digest = digest_of(component);
        // What may have been made of other sources than were noted is nobody's to find.
        let key = key.as_deref().unwrap_or("unknown");
        let name = format!("{}-{key}-{}.wasm", self.stem, &digest[..DIGEST_DIGITS]);
        let file = self.folder.join(name);
        self.write(&file, component)?;
        self.drop_oldest();
        Ok(Kept { file, digest })
    }

    /// What the last build was made of.
    fn noted(&self) -> Option<Inputs> {
        serde_json::from_str(&fs::read_to_string(self.inputs_file()).ok()?).ok()
    }

    fn inputs_file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.stem))
    }

    /// Written aside and renamed: a reader sees the whole file or none.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
        // A component is no secret: whatever the user's mask allows.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        let aside = tempfile::Builder::new().permissions(mode).tempfile_in(&self.folder);
        let written = aside.and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(path).map_err(|error| error.error)
        });
        written.map(|_| ()).map_err(BuildError::io("write", path))
    }

    fn drop_oldest(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut components: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.starts_with(&format!("{}-", self.stem)) && name.ends_with(".wasm")
            })
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        components.sort();
        let spare = components.len().saturating_sub(KEPT_MAX);
        for (_, path) in &components[..spare] {
            let _ = fs::remove_file(path);
        }
    }
}

fn digest_of(component: &[u8]) -> String {
    blake3::hash(component).to_hex().to_string()
}

/// The crate that a source file belongs to.
fn package_of(file: &Path) -> Option<String> {
    let manifest = manifest_above(file)?;
    package_name(&manifest, &read_table(&manifest).ok()?).ok()
}

/// The nearest manifest above a source file.
fn manifest_above(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).map(|folder| folder.join("Cargo.toml")).find(|path| path.is_file())
}

impl Inputs {
    /// Of contents, not of times: a fresh clone and a touched file give the same key.
    fn key(&self, identity: &str) -> Option<String> {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(GENERATION.as_bytes());
        part(identity.as_bytes());
        for file in &self.files {
            part(file.as_os_str().as_encoded_bytes());
            match fs::read(file) {
                Ok(contents) => part(&contents),
                Err(_) if file.exists() => return None,
                Err(_) => part(b"absent"),
            }
        }
        Some(hasher.finalize().to_hex()[..16].to_owned())
    }

    fn newer(&self, begun: SystemTime) -> bool {
        let modified = |file: &PathBuf| fs::metadata(file).and_then(|found| found.modified());
        self.files.iter().any(|file| {
            // Cargo itself may write the lock file of a new plugin; it reads it before it compiles.
            !file.ends_with("Cargo.lock") && modified(file).is_ok_and(|time| time >= begun)
        })
    }
}

/// The files that decide what the module is: those cargo noted beside it, the manifests, lock and
/// settings around them. `None` when a build script reads more than cargo notes.
pub fn inputs_of(module: &Path, manifest: &Manifest) -> Option<BTreeSet<PathBuf>> {
    let noted = fs::read_to_string(module.with_extension("d")).ok()?;
    let mut files: BTreeSet<PathBuf> = parse_dep_info(&noted).into_iter().collect();
    let mut manifests = BTreeSet::from([manifest.path(), manifest.workspace.join("Cargo.toml")]);
    manifests.extend(files.iter().filter_map(|file| manifest_above(file)));
    for path in &manifests {
        let script = path.with_file_name("build.rs");
        let table = read_table(path).unwrap_or_default();
        let build = table.get("package").and_then(|package| package.get("build"));
        if script.exists() || build.is_some_and(|build| build.is_str()) {
            return None;
        }
        files.insert(script);
    }
    files.extend(manifests);
    files.insert(manifest.workspace.join("Cargo.lock"));
    files.extend(settings_files(&manifest.folder));
    Some(files)
}

/// Cargo's and rustup's settings that hold in the folder, there or not.
fn settings_files(folder: &Path) -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut files: Vec<PathBuf> =
        home.iter().flat_map(|home| [home.join("config.toml"), home.join("config")]).collect();
    for above in folder.ancestors() {
        for name in [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"]
        {
            files.push(above.join(name));
        }
    }
    files
}

/// The files after the first colon of a make rule; a space in a name is escaped by a backslash.
fn parse_dep_info(text: &str) -> Vec<PathBuf> {
    let Some(line) = text.lines().next() else { return Vec::new() };
    let Some((_, rest)) = line.split_once(": ") else { return Vec::new() };
    let mut files = Vec::new();
    let mut name = String::new();
    let mut letters = rest.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&' ') => name.extend(letters.next()),
            ' ' => files.push(std::mem::take(&mut name)),
            _ => name.push(letter),
        }
    }
    files.push(name);
    files.into_iter().filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_survive_dep_info() {
        let found = parse_dep_info("/t/a.wasm: /s/my\\ own/lib.rs /s/b.rs\n\n/s/b.rs:\n");
        assert_eq!(found, [PathBuf::from("/s/my own/lib.rs"), PathBuf::from("/s/b.rs")]);
        assert!(parse_dep_info("/t/a.wasm:").is_empty());
    }

    fn inputs(folder: &Path) -> Inputs {
        Inputs { files: BTreeSet::from([folder.join("a.rs"), folder.join("b.rs")]) }
    }

    #[test]
    fn key_follows_contents_absence_and_compiler() {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        let key = |identity: &str| inputs(folder.path()).key(identity).expect("a key");
        write("a.rs", "one");
        let first = key("rustc 1");
        assert_eq!(key("rustc 1"), first);
        assert_ne!(key("rustc 2"), first);
        write("b.rs", "");
        assert_ne!(key("rustc 1"), first, "an empty file is not an absent one");
        fs::remove_file(folder.path().join("b.rs")).expect("removed");
        write("a.rs", "two");
        assert_ne!(key("rustc 1"), first);
        write("a.rs", "one");
        assert_eq!(key("rustc 1"), first);
    }

    /// What was lost: a component of which half was on the disk, after a power cut or a full disk,
    /// was given out as unchanged, and no build could heal it.
    #[test]
    fn component_that_is_not_as_it_was_kept_is_not_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("lib.rs");
        fs::write(&source, "source").expect("written");
        let begun =
            fs::metadata(&source).and_then(|found| found.modified()).expect("it has a time")
                + std::time::Duration::from_secs(1);
        let freshness =
            Freshness { folder: folder.path().join("components"), stem: "a-0".to_owned() };
        let keep = || {
            let inputs = Some(BTreeSet::from([source.clone()]));
            freshness.keep(b"component", "rustc 1", inputs, begun).expect("it is kept")
        };
        let kept = keep();
        assert_eq!(kept.digest, digest_of(b"component"));
        assert_eq!(freshness.cached("rustc 1").as_ref(), Some(&kept));
        assert_eq!(freshness.cached("rustc 2"), None);
        for other in [&b"compon"[..], b"", b"components", b"Component"] {
            fs::write(&kept.file, other).expect("written");
            assert_eq!(freshness.cached("rustc 1"), None);
        }
        assert_eq!(keep(), kept);
        assert_eq!(freshness.cached("rustc 1").as_ref(), Some(&kept));
    }

    #[test]
    fn folder_among_the_inputs_is_left_to_cargo() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("a.rs")).expect("made");
        assert_eq!(inputs(folder.path()).key("rustc 1"), None);
    }
}
