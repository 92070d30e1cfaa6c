//! Wasm: compiled components at rest, sealed so that only this host loads them.
//!
//! Takes machine code that this host's compiler made. Gives it back as a loaded component while
//! its seal is whole. Never loads a byte that the seal does not cover.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::limits;

const KEY_FILE: &str = "key";
const SUFFIX: &str = "cwasm";
const SEAL_BYTES: usize = 32;

/// A folder that cannot hold artefacts.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} `{}`: {source}", path.display())]
pub struct ArtefactError {
    /// What was tried.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArtefactError {
    let path = path.to_owned();
    move |source| ArtefactError { action, path, source }
}

/// The artefacts of one folder, under one key.
pub(super) struct ArtefactStore {
    folder: PathBuf,
    key: [u8; 32],
}

impl std::fmt::Debug for ArtefactStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArtefactStore({})", self.folder.display())
    }
}

impl ArtefactStore {
    /// Opens the folder, for this user alone, and makes its key where there is none.
    ///
    /// # Errors
    /// When folder or key cannot be made or read.
    pub(super) fn open(folder: &Path) -> Result<Self, ArtefactError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed("make the artefact folder", folder))?;
        Ok(Self { folder: folder.to_owned(), key: read_or_make_key(folder)? })
    }

    /// The artefact of that name as a component, if it is there and as it was sealed.
    pub(super) fn load(&self, engine: &Engine, name: &ArtefactName) -> Option<Component> {
        let path = self.path(name);
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "artefact not read; compiling anew");
                return None;
            }
        };
        let Some((seal, code)) = bytes.split_first_chunk::<SEAL_BYTES>() else {
            tracing::warn!(path = %path.display(), "artefact truncated; compiling anew");
            return None;
        };
        // Comparing such hashes takes the same time wherever they differ.
        if self.seal(name, code) != blake3::Hash::from_bytes(*seal) {
            tracing::warn!(path = %path.display(), "artefact altered; compiling anew");
            return None;
        }
        match deserialize(engine, &SealedCode(code)) {
            Ok(component) => Some(component),
            Err(_) => {
                tracing::info!(path = %path.display(), "another engine's artefact; compiling anew");
                None
            }
        }
    }

    /// Seals fresh code, keeps it, and loads it. A folder that cannot take it costs a compile at
    /// the next start, and no more.
    ///
    /// # Errors
    /// When the code is not of this engine.
    pub(super) fn keep(
        &self,
        engine: &Engine,
        name: &ArtefactName,
        code: &CompiledCode,
    ) -> wasmtime::Result<Component> {
        let path = self.path(name);
        if let Err(error) = self.write(&path, name, &code.0) {
            tracing::warn!(path = %path.display(), %error, "artefact not kept");
        }
        deserialize(engine, &SealedCode(&code.0))
    }

    fn write(&self, path: &Path, name: &ArtefactName, code: &[u8]) -> io::Result<()> {
        self.make_room()?;
        let aside = self.folder.join(format!("{}.{}", random_name()?, "tmp"));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        let written = file
            .write_all(self.seal(name, code).as_bytes())
            .and_then(|()| file.write_all(code))
            .and_then(|()| fs::rename(&aside, path));
        written.inspect_err(|_| drop(fs::remove_file(&aside)))
    }

    /// Removes the oldest artefacts beyond the bound.
    fn make_room(&self) -> io::Result<()> {
        let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX || suffix == "tmp")
                && let Ok(written) = path.metadata().and_then(|facts| facts.modified())
            {
                kept.push((written, path));
            }
        }
        kept.sort();
        let surplus = (kept.len() + 1).saturating_sub(limits::ARTEFACTS_MAX);
        for (_, path) in &kept[..surplus] {
            drop(fs::remove_file(path));
        }
        Ok(())
    }

    fn path(&self, name: &ArtefactName) -> PathBuf {
        self.folder.join(format!("{}.{SUFFIX}", name.0))
    }

    /// The name is sealed with the code: an artefact moved to another name is refused.
    fn seal(&self, name: &ArtefactName, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.0.len() as u64).to_le_bytes());
        hasher.update(name.0.as_bytes());
        hasher.update(code);
        hasher.finalize()
    }
}

/// What an artefact is called: the component's digest, and the engine its code is for.
#[derive(Debug, Clone)]
pub(super) struct ArtefactName(String);

impl ArtefactName {
    pub(super) fn new(digest: &str, engine: &Engine) -> Self {
        let mut hasher = EngineHasher(blake3::Hasher::new());
        std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
        Self(format!("{digest}-{}", &hasher.0.finalize().to_hex()[..16]))
    }
}

struct EngineHasher(blake3::Hasher);

impl std::hash::Hasher for EngineHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let hash = self.0.finalize();
        hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}

/// Machine code that this process, or the child it started, has just compiled.
pub(super) struct CompiledCode(pub(super) Vec<u8>);

/// Machine code that this host's compiler made: fresh from it, or under a seal found whole.
struct SealedCode<'a>(&'a [u8]);

fn deserialize(engine: &Engine, code: &SealedCode<'_>) -> wasmtime::Result<Component> {
    // SAFETY: wasmtime asks that the bytes were made by its own `precompile_component` and not
    // altered since. `SealedCode` is made in two places: from `CompiledCode`, which only the
    // compiler gives, and after a keyed hash with this host's key was found right.
    #[allow(unsafe_code, reason = "the one door for machine code, behind the seal")]
    unsafe {
        Component::deserialize(engine, code.0)
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > limits::ARTEFACT_BYTES_MAX as u64 {
        return Err(io::Error::other("larger than any artefact"));
    }
    let mut bytes = Vec::new();
    file.take(limits::ARTEFACT_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_or_make_key(folder: &Path) -> Result<[u8; 32], ArtefactError> {
    let path = folder.join(KEY_FILE);
    for _ in 0..2 {
        match read_key(&path) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => {}
            Err(error) => return Err(failed("read the artefact key", &path)(error)),
        }
        make_key(folder, &path).map_err(failed("make the artefact key", &path))?;
    }
    let vanished = io::Error::new(io::ErrorKind::NotFound, "the key does not stay");
    Err(failed("read the artefact key", &path)(vanished))
}

/// The key, if there is one that nobody else can have read.
fn read_key(path: &Path) -> io::Result<Option<[u8; 32]>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let facts = file.metadata()?;
    if facts.permissions().mode() & 0o077 != 0 || facts.len() != 32 {
        tracing::warn!(path = %path.display(), "artefact key open to others or torn; made anew");
        fs::remove_file(path)?;
        return Ok(None);
    }
    let mut key = [0; 32];
    file.read_exact(&mut key)?;
    Ok(Some(key))
}

/// Makes a key where there is none. Of two processes at once, one wins and both use its key.
fn make_key(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; 32];
    fill(&mut key)?;
    let aside = folder.join(format!("{}.tmp", random_name()?));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let linked = file
        .write_all(&key)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&aside, path));
    drop(fs::remove_file(&aside));
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}

fn fill(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(|error| io::Error::other(error.to_string()))
}
