//! The SDK's bindings are what the generator makes of the treaty today.
//!
//! Takes `wit/since-v0.1.0`. Gives `guest-sdk/src/bindings.rs`, compared or, when asked, written.
//! Never runs in a plugin's build: no plugin pays for the generator.

use std::path::{Path, PathBuf};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

/// Set to `1`, the test writes the file instead of comparing with it.
const WRITE: &str = "TIDEMILL_WRITE_BINDINGS";

fn in_workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn generate(wit: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).expect("the treaty parses");
    let world = resolve.select_world(&[package], Some("plugin")).expect("the world is there");
    let options = Opts {
        format: true,
        runtime_path: Some("::wit_bindgen::rt".to_owned()),
        default_bindings_module: Some("$crate::bindings".to_owned()),
        export_macro_name: Some("export_plugin".to_owned()),
        pub_export_macro: true,
        generate_all: true,
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("bindings are generated");
    let (_, source) = files.iter().next().expect("one file is generated");
    String::from_utf8(source.to_vec()).expect("generated source is UTF-8")
}

#[test]
fn bindings_of_the_sdk_are_fresh() {
    let generated = generate(&in_workspace("wit/since-v0.1.0"));
    let path = in_workspace("guest-sdk/src/bindings.rs");
    if std::env::var(WRITE).is_ok_and(|asked| asked == "1") {
        std::fs::write(&path, generated).expect("the bindings can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == generated,
        "guest-sdk/src/bindings.rs is not what the treaty says today; refresh it with \
         `{WRITE}=1 cargo test -p tidemill-tests bindings_of_the_sdk`"
    );
}
