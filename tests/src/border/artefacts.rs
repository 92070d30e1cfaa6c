//! Sealed artefacts: what was compiled once is loaded, and nothing else ever is.
//!
//! Takes a folder that one sandbox filled. Gives it to another whose compiler does not exist, so
//! that whatever is not loaded from the folder fails. Never runs code under a broken seal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill::wasm::WasmError;
use tidemill::wasm::compile::{Compiler, CompilerProgram};
use tidemill::wasm::plugin::Plugin;
use tidemill::wasm::plugin_limits::PluginLimits;
use tidemill::wasm::sandbox::{Sandbox, SandboxConfig};

use super::handmade::Handmade;

fn load(folder: &Path, compiler: Compiler, wasm: &[u8]) -> Result<Arc<Plugin>, WasmError> {
    let artefact_dir = folder.to_owned();
    Sandbox::new(SandboxConfig { executors: 1, artefact_dir, compiler })?
        .load(wasm, PluginLimits::default())
}

/// Whether the component is loaded without being compiled.
fn is_kept(folder: &Path, wasm: &[u8]) -> bool {
    let compiler = Compiler::Child(CompilerProgram::new("no/such/compiler"));
    match load(folder, compiler, wasm) {
        Ok(_) => true,
        Err(WasmError::Compile(error)) => {
            let words = error.to_string();
            assert!(words.starts_with("failed to start compiler `no/such/compiler`"), "{words}");
            false
        }
        Err(other) => panic!("{other}"),
    }
}

fn artefacts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "cwasm"));
    paths.sort();
    paths
}

fn filled(components: &[&[u8]]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for wasm in components {
        load(folder.path(), Compiler::InProcess, wasm).expect("it compiles");
    }
    folder
}

#[test]
fn artefact_is_loaded_instead_of_compiling() {
    let wasm = Handmade::default().component();
    let folder = filled(&[&wasm]);
    assert!(is_kept(folder.path(), &wasm));
    let other = Handmade { pages: 5, ..Handmade::default() }.component();
    assert!(!is_kept(folder.path(), &other));
}

#[test]
fn altered_artefact_is_compiled_anew() {
    let wasm = Handmade::default().component();
    let folder = filled(&[&wasm]);
    let path = artefacts(folder.path()).pop().expect("one artefact");
    let whole = fs::read(&path).expect("it is readable");
    for at in (0..whole.len()).step_by(whole.len() / 60 + 1).chain([0, 31, 32, whole.len() - 1]) {
        let mut altered = whole.clone();
        altered[at] ^= 1 << (at % 8);
        fs::write(&path, &altered).expect("it is writable");
        assert!(!is_kept(folder.path(), &wasm), "byte {at}");
    }
    for length in [0, 31, 32, 33, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("it is writable");
        assert!(!is_kept(folder.path(), &wasm), "{length} bytes");
    }
    load(folder.path(), Compiler::InProcess, &wasm).expect("it compiles");
    assert_eq!(fs::read(&path).expect("it is back").len(), whole.len());
    assert!(is_kept(folder.path(), &wasm));
}

#[test]
fn artefact_of_another_component_is_refused() {
    let wasm = Handmade::default().component();
    let other = Handmade { pages: 5, ..Handmade::default() }.component();
    let folder = filled(&[&wasm, &other]);
    let paths = artefacts(folder.path());
    let (first, second) = (fs::read(&paths[0]).expect("one"), fs::read(&paths[1]).expect("two"));
    fs::write(&paths[0], second).expect("it is writable");
    fs::write(&paths[1], first).expect("it is writable");
    assert!(!is_kept(folder.path(), &wasm) && !is_kept(folder.path(), &other));
}

#[test]
fn artefacts_under_another_key_are_refused() {
    let wasm = Handmade::default().component();
    let folder = filled(&[&wasm]);
    fs::remove_file(folder.path().join("key")).expect("it is there");
    assert!(!is_kept(folder.path(), &wasm));
}

#[test]
fn key_that_others_may_read_is_made_anew() {
    let wasm = Handmade::default().component();
    let folder = filled(&[&wasm]);
    let key = folder.path().join("key");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(&artefacts(folder.path())[0]), 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("it is ours");
    assert!(!is_kept(folder.path(), &wasm));
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn folder_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("it is writable");
    let error = load(&file.join("artefacts"), Compiler::InProcess, b"").expect_err("no folder");
    assert!(error.to_string().starts_with("failed to make the artefact folder `"), "{error}");
}
