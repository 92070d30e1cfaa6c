//! Set-up: C bindings of the treaty, generated when they are wanted.
//!
//! Takes `wit/`. Gives `plugin.h`, `plugin.c` and the object file that carries the treaty into a
//! module. Never commits them: they are read by nobody and follow from the treaty.

use std::path::Path;

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

/// A plugin that keeps nothing leaves `stateful` out: a world of its own, over the same treaty.
const SMALL_PLUGIN: &str = "package small:plugin;
world plugin {
  import tidemill:plugin/host@0.1.0;
  export tidemill:plugin/operators@0.1.0;
  export tidemill:plugin/folds@0.1.0;
}";

/// Writes the bindings into the folder.
pub fn write_c_bindings(wit: &Path, into: &Path) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).expect("the treaty parses");
    resolve.select_world(&[package], Some("plugin")).expect("the world is there");
    let package = resolve.push_str("small.wit", SMALL_PLUGIN).expect("the world fits the treaty");
    let world = resolve.select_world(&[package], Some("plugin")).expect("the world is there");
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)
        .expect("bindings are generated");
    for (name, bytes) in files.iter() {
        std::fs::write(into.join(name), bytes).expect("a binding can be written");
    }
}
