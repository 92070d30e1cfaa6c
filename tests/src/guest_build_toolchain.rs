//! Tests of guest-build: a toolchain is found, or made, or its absence is explained.
//!
//! Takes a folder with the smallest crate. Never downloads unless `TIDEMILL_SLOW=1`.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use tidemill_guest_build::{
    Command, Switches, TARGET, ToolchainError, find_program, find_toolchain,
};

const EVERY_STEP_LEFT_OUT: Switches = Switches {
    active: false,
    rustup: false,
    rustup_limit: Duration::from_secs(60),
    debian: false,
    rust_home: None,
};

fn write_crate(folder: &Path) {
    std::fs::create_dir(folder.join("src")).expect("made");
    std::fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"least\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
    )
    .expect("written");
    std::fs::write(
        folder.join("src/lib.rs"),
        "#[unsafe(no_mangle)]\npub extern \"C\" fn words() -> usize {\n    \
         format!(\"{} {}\", 1.5, 2).split(' ').collect::<Vec<_>>().len()\n}\n",
    )
    .expect("written");
}

#[test]
fn nothing_found_names_every_step_and_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = Some(folder.path().join("home"));
    let switches = Switches { rust_home: home, ..EVERY_STEP_LEFT_OUT };
    let error = find_toolchain(folder.path(), &switches, &|_| ()).expect_err("nothing is left");
    assert!(matches!(error, ToolchainError::Nothing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "no Rust here compiles for wasm32-unknown-unknown (the active Rust was left out; rustup \
         was left out; Debian's packages were left out); run `rustup target add \
         wasm32-unknown-unknown` by hand, then try again"
    );
}

#[test]
fn half_a_set_up_does_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    std::fs::create_dir_all(home.join("bin")).expect("made");
    std::fs::write(home.join("bin/rustc"), "#!/bin/sh\necho rustc\n").expect("written");
    let switches = Switches { rust_home: Some(home), ..EVERY_STEP_LEFT_OUT };
    find_toolchain(folder.path(), &switches, &|_| ()).expect_err("the marker is missing");
}

/// Downloads 138 MB from Debian's archive.
#[test]
fn debian_rust_is_unpacked_once_and_compiles() {
    let slow = std::env::var_os("TIDEMILL_SLOW").is_some_and(|value| value == "1");
    if !slow || find_program("apt-get").is_none() {
        println!("left out: it wants TIDEMILL_SLOW=1 and Debian's apt");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    write_crate(folder.path());
    let home = folder.path().join("rust home");
    let switches = Switches { debian: true, rust_home: Some(home.clone()), ..EVERY_STEP_LEFT_OUT };
    let said = RefCell::new(Vec::new());
    let report = |text: &str| {
        println!("{text}");
        said.borrow_mut().push(text.to_owned());
    };
    let made = find_toolchain(folder.path(), &switches, &report).expect("made");
    assert!(made.rustc.as_ref().is_some_and(|rustc| rustc.starts_with(&home)), "{made:?}");
    assert!(said.borrow().iter().any(|text| text.starts_with("downloading")), "{said:?}");

    said.borrow_mut().clear();
    assert_eq!(find_toolchain(folder.path(), &switches, &report).expect("kept"), made);
    assert_eq!(said.borrow().len(), 1, "{said:?}");

    let cargo = Command::new("cargo")
        .args(["build", "--release", "--offline", "--target", TARGET])
        .current_dir(folder.path());
    let built = made.apply(cargo).finish().expect("cargo runs");
    assert!(built.success, "{}", built.stderr);
    assert!(folder.path().join("target").join(TARGET).join("release/least.wasm").is_file());
}
