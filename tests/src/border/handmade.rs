//! Components made by hand, for what no compiler would make.
//!
//! Takes a treaty as text and the body of a core module. Gives a component. Never needs a guest
//! toolchain.

use std::fmt::Write;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The treaty as it is.
pub const TREATY: &str = include_str!("../../../wit/since-v0.1.0/plugin.wit");
/// What else a component's own WIT may name.
const WASI: &str = "package wasi:cli@0.2.0;
interface environment { get-arguments: func() -> list<string>; }";
/// A world like the treaty's, without `folds`.
pub const WITHOUT_FOLDS: &str =
    "import tidemill:plugin/host@0.1.0; export tidemill:plugin/operators@0.1.0;";

/// A component in the making: its parts may be replaced before it is encoded.
pub struct Handmade {
    /// The treaty.
    pub treaty: String,
    /// What its world imports and exports.
    pub world: String,
    /// Pages of 64 KiB that its memory begins with.
    pub pages: u32,
    /// Further imports of the core module.
    pub imports: String,
    /// Whether the core module imports `$log`, or has one that does nothing.
    pub imports_log: bool,
    /// Further fields of the core module, its start function for example.
    pub fields: String,
    /// The body of `cabi_realloc`: old pointer, old size, alignment, size to a pointer.
    pub realloc: String,
    /// The body of `describe`: nothing to a pointer.
    pub describe: String,
    /// The body of `apply`: eleven flat parameters to a pointer.
    pub apply: String,
}

impl Default for Handmade {
    /// One operator `op`, a flat map from text to text, that fails with no message.
    fn default() -> Self {
        Self {
            treaty: TREATY.to_owned(),
            world: WITHOUT_FOLDS.to_owned(),
            pages: 4,
            imports: String::new(),
            imports_log: true,
            fields: String::new(),
            realloc: "(call $take (local.get 3))".to_owned(),
            describe: "(i32.const 1024)".to_owned(),
            // A result that is an error: a message of no bytes, and no row.
            apply: "(i32.store8 (i32.const 2048) (i32.const 1)) (i32.const 2048)".to_owned(),
        }
    }
}

impl Handmade {
    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).expect("the text is right");
        let mut resolve = Resolve::default();
        resolve.push_str("wasi.wit", WASI).expect("wasi's stand-in is right");
        resolve.push_str("treaty.wit", &self.treaty).expect("the treaty is right");
        let world = format!("package test:guest; world guest {{ {} }}", self.world);
        let package = resolve.push_str("guest.wit", &world).expect("the world is right");
        let world = resolve.select_world(&[package], None).expect("there is one world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("the world fits into the module");
        let encoder = ComponentEncoder::default().module(&module).expect("it is a module");
        encoder.validate(false).encode().expect("the module keeps its world")
    }

    /// The core module as text.
    fn module(&self) -> String {
        let version = if self.treaty.contains("@0.2.0") { "0.2.0" } else { "0.1.0" };
        let operators = format!("tidemill:plugin/operators@{version}");
        let Self { pages, imports, fields, realloc, describe, apply, .. } = self;
        let log = "(func $log (param i32 i32 i32))";
        let log = match self.imports_log {
            true => format!(r#"(import "tidemill:plugin/host@{version}" "log" {log})"#),
            false => log.to_owned(),
        };
        let data = escaped(&description_at_1024());
        format!(
            r#"(module
  {log}
  {imports}
  (memory (export "memory") {pages})
  (global $next (mut i32) (i32.const 65536))
  (func $take (param i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get 0)))
    (local.get $at))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
  (func (export "{operators}#describe") (result i32) {describe})
  (func (export "{operators}#apply")
    (param i32 i32 i64 i32 i64 i32 i32 i32 i32 i32 i32) (result i32) {apply})
  (data (i32.const 1024) "{data}")
  {fields})"#
        )
    }
}

/// The bytes of a description with one operator, as the component model lays it out.
fn description_at_1024() -> Vec<u8> {
    const TEXTS: u32 = 1024 + 200;
    let (mut image, mut texts) = (Vec::<u8>::new(), Vec::<u8>::new());
    let word = |image: &mut Vec<u8>, number: u32| image.extend(number.to_le_bytes());
    let mut text = |image: &mut Vec<u8>, text: &str| {
        word(image, TEXTS + texts.len() as u32);
        word(image, text.len() as u32);
        texts.extend(text.bytes());
    };
    // The description: name, version, doc, chains, operators.
    text(&mut image, "handmade");
    text(&mut image, "0.1.0");
    text(&mut image, "");
    word(&mut image, 0);
    word(&mut image, 1024 + 36);
    word(&mut image, 1);
    // Its operator: name, kind 1 (flat-map), doc, binding 0, input, output, no parameters, no
    // state and no broadcasts.
    text(&mut image, "op");
    word(&mut image, 1);
    text(&mut image, "");
    word(&mut image, 0);
    for _ in 0..2 {
        word(&mut image, 1024 + 36 + 88);
        word(&mut image, 1);
        word(&mut image, 0);
    }
    word(&mut image, 1024);
    word(&mut image, 0);
    // It keeps no state: no keys, no fields, no version.
    (0..6).for_each(|_| word(&mut image, 0));
    // It reads no broadcasts.
    word(&mut image, 1024);
    word(&mut image, 0);
    // The one field: name, type, required.
    text(&mut image, "line");
    text(&mut image, "utf8");
    word(&mut image, 0);
    image.resize((TEXTS - 1024) as usize, 0);
    image.extend(texts);
    image
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
