//! What is no plugin: each wrong file has an error of its own, which says what to do.

use tidemill::error::{Classify, Domain};
use tidemill::wasm::WasmError;
use tidemill::wasm::inspect::inspect;
use tidemill::wasm::plugin_limits::PluginLimits;

use super::handmade::{Handmade, TREATY, WITHOUT_FOLDS};
use super::rig::{operator, sandbox, step, task, texts};

fn refusal(bytes: &[u8]) -> WasmError {
    let error = sandbox().load(bytes, PluginLimits::default()).expect_err("it is refused");
    assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    error
}

fn check(bytes: &[u8], expected: &str) {
    assert_eq!(refusal(bytes).to_string(), expected);
}

#[test]
fn wrong_files_are_told_apart() {
    check(b"", "the file is empty, expected a component");
    check(b"(component)", "the file is text, expected a component in binary form");
    check(
        "größer als eine Komponente\n".as_bytes(),
        "the file is text, expected a component in binary form",
    );
    check(
        b"\x7fELF\x02\x01\x01\0",
        "the file is native code, expected a component: only wasm is taken",
    );
    check(
        b"\0asm\x01\0\0\0",
        "the file is a core module, expected a component: `tidemill plugin build` makes one of it",
    );
    check(b"\0as", "the component is truncated: it ends at byte 3, within a section");
    check(b"\0asm\x0d\0", "the component is truncated: it ends at byte 6, within a section");
    check(
        b"\0asm\x0e\0\x01\0",
        "the file is wasm of version 14, expected a component of version 13",
    );
    check(
        b"\x89PNG\r\n\x1a\n",
        r"the file is no wasm: it begins with `\x89PNG\r\n\x1a\n`, expected `\0asm`",
    );
    check(
        b"\0asm\x0d\0\x01\0",
        "the component does not export `tidemill:plugin/operators@0.1.0`; it exports nothing",
    );
}

#[test]
fn missing_file_is_named() {
    let error = sandbox()
        .load_file("no/such/plugin.wasm".as_ref(), PluginLimits::default())
        .expect_err("there is no such file");
    assert_eq!(error.domain(), Domain::User);
    let words = error.to_string();
    assert!(words.starts_with("failed to read component `no/such/plugin.wasm`: No such file"));
    let folder = sandbox().load_file(".".as_ref(), PluginLimits::default());
    assert!(folder.expect_err("a folder").to_string().contains("it is a folder"));
}

#[test]
fn every_truncation_is_refused() {
    let component = Handmade::default().component();
    for length in 0..component.len() {
        // Cut before a custom section, which says nothing to a host, it is whole.
        if component[length] == 0 && inspect(&component[..length]).is_ok() {
            continue;
        }
        refusal(&component[..length]);
    }
    sandbox().load(&component, PluginLimits::default()).expect("the whole one loads");
}

#[test]
fn other_version_of_the_treaty_is_named() {
    let treaty = TREATY.replace("@0.1.0", "@0.2.0");
    let world = WITHOUT_FOLDS.replace("@0.1.0", "@0.2.0");
    let component = Handmade { treaty, world, ..Handmade::default() }.component();
    let words = refusal(&component).to_string();
    assert!(words.starts_with("found `tidemill:plugin/"), "{words}");
    assert!(words.ends_with("@0.2.0`, this host takes 0.1.0"), "{words}");
}

#[test]
fn imports_of_wasi_are_refused_by_name() {
    let world = format!("import wasi:cli/environment@0.2.0; {WITHOUT_FOLDS}");
    let imports = r#"(import "wasi:cli/environment@0.2.0" "get-arguments" (func (param i32)))"#;
    let imports = imports.to_owned();
    let component = Handmade { world, imports, ..Handmade::default() }.component();
    check(
        &component,
        "the component imports `wasi:cli/environment@0.2.0`: guests import no WASI; build it for \
         `wasm32-unknown-unknown`",
    );
}

#[test]
fn other_imports_and_exports_are_refused_by_name() {
    let world = format!("{WITHOUT_FOLDS} export run: func();");
    let fields = r#"(func (export "run"))"#.to_owned();
    let component = Handmade { world, fields, ..Handmade::default() }.component();
    check(
        &component,
        "the component exports `run`; allowed are `tidemill:plugin/operators@0.1.0`, \
         `tidemill:plugin/folds@0.1.0`, \
         `tidemill:plugin/stateful@0.1.0`",
    );
}

#[test]
fn interface_with_other_functions_is_refused() {
    let treaty = TREATY.replace("partition: u32, seed: u64", "partition: s32, seed: u64");
    let component = Handmade { treaty, ..Handmade::default() }.component();
    let words = refusal(&component).to_string();
    assert!(words.starts_with("the component does not fit `tidemill:plugin@0.1.0`: "), "{words}");
}

#[test]
fn plugin_without_folds_is_taken() {
    let component = Handmade::default().component();
    let plugin = sandbox().load(&component, PluginLimits::default()).expect("it loads");
    assert!(!plugin.has_folds());
    assert_eq!(plugin.description().name, "handmade");
    let operator = operator(&plugin, vec![step("op")]);
    let error =
        tidemill::model::operator::Operator::apply(&operator, &mut task(), false, &texts(&["a"]));
    assert_eq!(error.expect_err("it fails").code, "failure");
}
