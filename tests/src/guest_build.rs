//! Tests of guest-build: from a folder to a component, and what is said when there is none.
//!
//! Takes `plugins/word_count` and plugins made anew far from the checkout. They share the target
//! folder of `plugins/`, so that the SDK's dependencies are built once.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tidemill_guest_build::{BuildError, Built, Command, Options, build, new_plugin};

/// The folder of `plugins/` in the checkout.
fn plugins() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    fs::canonicalize(path).expect("it is there")
}

fn shared_target() -> PathBuf {
    plugins().join("target/tidemill-guests")
}

/// A new plugin in a temporary folder. Each has a name of its own: in a target folder that they
/// share, cargo cannot tell two of one name apart.
struct Fresh {
    folder: TempDir,
    name: &'static str,
}

impl Fresh {
    fn new(name: &'static str) -> Self {
        Self::below(&std::env::temp_dir(), name)
    }

    fn below(folder: &Path, name: &'static str) -> Self {
        let folder = tempfile::tempdir_in(folder).expect("a folder");
        new_plugin(&folder.path().join(name)).expect("it is made");
        Self { folder, name }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn build(&self) -> Result<Built, BuildError> {
        let target_dir = Some(shared_target());
        build(
            &self.path(),
            &Options { target_dir, report: &|text| println!("{text}"), ..Options::default() },
        )
    }

    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let file = self.path().join(file);
        let text = fs::read_to_string(&file).expect("it is there");
        fs::write(&file, change(text)).expect("written");
    }
}

#[test]
fn plugin_of_the_checkout_is_built_once() {
    let folder = plugins().join("word_count");
    let built = build(&folder, &Options::default()).expect("it builds");
    let again = build(&folder, &Options::default()).expect("it is kept");
    assert!(again.cached);
    assert_eq!((again.component, again.digest), (built.component, built.digest));
    assert_eq!(again.package, "word_count");
}

#[test]
fn new_plugin_builds_and_tests_far_from_a_checkout() {
    let plugin = Fresh::new("far_away");
    let built = plugin.build().expect("it builds");
    assert!(!built.cached);
    assert!(built.component.starts_with(shared_target()), "{built:?}");

    let tests = Command::new("cargo")
        .args(["test", "--target-dir"])
        .arg(shared_target())
        .current_dir(&plugin.path())
        .finish()
        .expect("cargo runs");
    assert!(tests.success, "{}", tests.stderr);
    assert!(tests.stdout.contains("test result: ok. 1 passed"), "{}", tests.stdout);

    let lock = fs::read_to_string(plugin.path().join("Cargo.lock")).expect("it is there");
    assert!(lock.contains("name = \"far_away\"") && lock.contains("name = \"tidemill-sdk\""));
    assert!(plugin.build().expect("it is kept").cached);
}

#[test]
fn new_plugin_builds_inside_a_checkout() {
    fs::create_dir_all(shared_target()).expect("made");
    // Below the workspace of the checkout's plugins, which it is no member of.
    let plugin = Fresh::below(&shared_target(), "nearby");
    plugin.build().expect("it builds");
}

#[test]
fn component_follows_its_sources() {
    let plugin = Fresh::new("followed");
    let first = plugin.build().expect("it builds");
    plugin.edit("src/lib.rs", |text| text.replace("Splits a line", "Cuts a line"));
    let second = plugin.build().expect("it builds");
    assert!(!second.cached && second.digest != first.digest, "{second:?}");
    plugin.edit("src/lib.rs", |text| text.replace("Cuts a line", "Splits a line"));
    let third = plugin.build().expect("it builds");
    assert!(third.cached && third.digest == first.digest, "{third:?}");

    // A module of its own becomes part of what decides.
    plugin.edit("src/lib.rs", |text| format!("{text}\nmod more;\n"));
    fs::write(plugin.path().join("src/more.rs"), "//! More.\n").expect("written");
    plugin.build().expect("it builds");
    assert!(plugin.build().expect("it is kept").cached);
    fs::write(plugin.path().join("src/more.rs"), "//! Even more.\n").expect("written");
    assert!(!plugin.build().expect("it builds").cached);
}

/// The story: a source that was moved into place with the time it was written at, as `tar` and
/// `rsync` do, was older than the last build, so cargo took it for unchanged: the old component was
/// kept as that of the new source, and no `touch` could heal it.
#[test]
fn sources_older_than_the_last_build_are_built() {
    let plugin = Fresh::new("moved_into_place");
    let first = plugin.build().expect("it builds");
    let source = plugin.path().join("src/lib.rs");
    let text = fs::read_to_string(&source).expect("it is there");
    let before = fs::metadata(&source).expect("it is there").modified().expect("it has a time");
    fs::write(&source, text.replace("/// ", "/// Moved. ")).expect("written");
    let old = before - std::time::Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(&source).expect("it is there");
    file.set_modified(old).expect("the system keeps times");
    let second = plugin.build().expect("it builds");
    assert_ne!(second.digest, first.digest);
}

/// The story: a component that was cut short on the disk was found by the sources' key and handed
/// on, time and again, and the sandbox called it truncated.
#[test]
fn component_cut_short_in_the_cache_is_built_again() {
    let plugin = Fresh::new("cut_short");
    let first = plugin.build().expect("it builds");
    let whole = fs::read(&first.component).expect("it is there");
    fs::write(&first.component, &whole[..whole.len() / 2]).expect("written");
    let second = plugin.build().expect("it builds");
    assert!(!second.cached, "{second:?}");
    assert_eq!((&second.component, &second.digest), (&first.component, &first.digest));
    assert_eq!(fs::read(&second.component).expect("it is there"), whole);
    assert!(plugin.build().expect("it is kept").cached);
}

#[test]
fn build_script_leaves_freshness_to_cargo() {
    let plugin = Fresh::new("scripted");
    fs::write(plugin.path().join("build.rs"), "fn main() {}\n").expect("written");
    plugin.build().expect("it builds");
    assert!(!plugin.build().expect("it builds").cached);
}

#[test]
fn compile_errors_are_shown_as_rustc_renders_them() {
    let plugin = Fresh::new("broken");
    plugin.edit("src/lib.rs", |text| text.replace("line.split_ascii_whitespace()", "lime"));
    let error = plugin.build().expect_err("it does not compile");
    assert_eq!(error.to_string(), "plugin `broken` does not compile");
    let shown = error.diagnostics().expect("rustc said why");
    assert!(
        shown.contains("error[E0425]") && shown.contains("--> broken/src/lib.rs:11:"),
        "{shown}"
    );
    assert!(!shown.contains('\x1b'), "{shown}");

    let options = Options { colour: true, target_dir: Some(shared_target()), ..Options::default() };
    let error = build(&plugin.path(), &options).expect_err("it does not compile");
    assert!(error.diagnostics().expect("rustc said why").contains('\x1b'));
}

#[test]
fn errors_within_a_macro_name_the_plugins_file() {
    let plugin = Fresh::new("unlevelled");
    let log = "log!(info, \"one\");\n    line.split_ascii";
    plugin.edit("src/lib.rs", |text| text.replace("line.split_ascii", log));
    let error = plugin.build().expect_err("it does not compile");
    let shown = error.diagnostics().expect("rustc said why");
    for words in ["`info` is no level of `log!`", "--> unlevelled/src/lib.rs:11:"] {
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn warnings_are_handed_on() {
    let plugin = Fresh::new("warned");
    plugin.edit("src/lib.rs", |text| format!("{text}\nfn never_called() {{}}\n"));
    let heard = RefCell::new(String::new());
    let warnings = |text: &str| heard.borrow_mut().push_str(text);
    let target_dir = Some(shared_target());
    let options = Options { warnings: &warnings, target_dir, ..Options::default() };
    build(&plugin.path(), &options).expect("it builds");
    assert!(heard.borrow().contains("never_called"), "{heard:?}");
}

#[test]
fn plugin_without_operators_is_told_so() {
    let plugin = Fresh::new("silent");
    plugin.edit("src/lib.rs", |text| text.replace("plugin!(split);", ""));
    let error = plugin.build().expect_err("it exports nothing").to_string();
    assert!(error.starts_with("plugin `silent` exports no operators"), "{error}");
}

#[test]
fn import_of_the_system_is_refused() {
    let plugin = Fresh::new("asking");
    plugin.edit("src/lib.rs", |text| {
        let import = "#[link(wasm_import_module = \"wasi_snapshot_preview1\")]\n\
                      unsafe extern \"C\" { fn sched_yield() -> i32; }\n";
        let call = "unsafe { sched_yield() };\n    line.split";
        format!("{}\n{import}", text.replace("line.split", call))
    });
    let error = plugin.build().expect_err("it asks for WASI").to_string();
    assert!(error.contains("wasi_snapshot_preview1"), "{error}");
}

#[test]
fn lost_sdk_is_brought_back_or_named() {
    let plugin = Fresh::new("homeless");
    let elsewhere = plugin.folder.path().join("cleaned/sdk/0123456789abcdef");
    let sdk = fs::read_to_string(plugin.path().join("Cargo.toml")).expect("it is there");
    let sdk: toml::Table = sdk.parse().expect("it is TOML");
    let sdk = sdk["dependencies"]["tidemill-sdk"]["path"].as_str().expect("a path").to_owned();
    plugin.edit("Cargo.toml", |text| text.replace(&sdk, &elsewhere.display().to_string()));
    let error = plugin.build().expect_err("it is gone").to_string();
    assert!(error.contains(&sdk) && error.contains("put that path into the manifest"), "{error}");
}

#[test]
fn dependency_that_cannot_be_had_is_cargos_to_explain() {
    let plugin = Fresh::new("longing");
    plugin.edit("Cargo.toml", |text| {
        text.replace("[profile", "not-here = { path = \"../not-here\" }\n\n[profile")
    });
    let error = plugin.build().expect_err("it cannot be resolved");
    assert_eq!(error.to_string(), "cargo could not build plugin `longing`");
    let said = error.diagnostics().expect("cargo said why");
    assert!(said.contains("not-here") && said.ends_with('\n'), "{said}");
}
