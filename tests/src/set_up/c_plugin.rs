//! Set-up: the C plugin's component, built once per run of the tests.
//!
//! Takes `plugins/word_count_c`. Gives its component's bytes. Never commits what it builds.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tidemill_guest_build::{cache_folder, encode_component};

use super::c_bindings::write_c_bindings;
use super::c_compiler::{CCompiler, SOURCES};

/// The component of `plugins/word_count_c`.
pub fn word_count_c() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let compiler = CCompiler::find(&cache_folder().join("c-compiler"), &SOURCES);
        build_word_count(&compiler.expect("a C compiler"))
    })
}

/// Builds the component with that compiler.
pub fn build_word_count(compiler: &CCompiler) -> Vec<u8> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let plugin = workspace.join("plugins/word_count_c");
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path();
    write_c_bindings(&workspace.join("wit/since-v0.1.0"), into);
    let sources: Vec<PathBuf> =
        vec![plugin.join("word_count.c"), plugin.join("memory.c"), into.join("plugin.c")];
    let includes = [plugin.join("include"), into.to_owned()];
    let treaty = into.join("plugin_component_type.o");
    let module = compiler.build(&sources, &includes, &[treaty], into).expect("it compiles");
    let module = std::fs::read(module).expect("the module is there");
    encode_component("word_count_c", &module).expect("it keeps the treaty")
}
