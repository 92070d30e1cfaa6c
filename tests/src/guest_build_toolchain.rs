//! Tests of guest-build: a toolchain is found, or made, or its absence is explained.
//!
//! Takes folders with programs that play Rust's. Never downloads unless `TIDEMILL_SLOW=1`.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use tidemill_guest_build::{
    Options, Switches, ToolchainError, build, find_program, find_toolchain, new_plugin,
};

const EVERY_STEP_LEFT_OUT: Switches = Switches {
    active: false,
    rustup: false,
    rustup_limit: Duration::from_secs(60),
    debian: false,
    rust_home: None,
    search_path: None,
};

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

/// A folder with a `rustc` that gets its library when `rustup` runs, and what `rustup` does first.
fn programs(folder: &Path, rustup: &str) -> Switches {
    let bin = folder.join("bin");
    std::fs::create_dir(&bin).expect("made");
    let library = folder.join("lib");
    let rustc =
        format!("case $1 in --print) echo '{}';; *) echo 'rustc 1.0.0';; esac", library.display());
    let rustup = format!("{rustup} && mkdir '{0}' && : >'{0}/libcore-0.rlib'", library.display());
    for (name, script) in [("rustc", rustc), ("rustup", rustup)] {
        let path = bin.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("made a program");
    }
    Switches {
        active: true,
        rustup: true,
        rust_home: Some(folder.join("home")),
        search_path: Some(bin.into_os_string()),
        ..EVERY_STEP_LEFT_OUT
    }
}

#[test]
fn rustup_adds_the_target_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let switches = programs(folder.path(), "test \"$*\" = 'target add wasm32-unknown-unknown'");
    let said = RefCell::new(Vec::new());
    let report = |text: &str| said.borrow_mut().push(text.to_owned());
    let found = find_toolchain(folder.path(), &switches, &report).expect("rustup helps");
    assert_eq!((found.rustc.as_ref(), found.identity.as_str()), (None, "rustc 1.0.0\n"));
    find_toolchain(folder.path(), &switches, &report).expect("it is there");
    assert_eq!(
        said.into_inner(),
        [
            "running `rustup target add wasm32-unknown-unknown`, for at most 60 s",
            "rustup added wasm32-unknown-unknown",
        ]
    );
}

#[test]
fn rustup_that_fails_or_hangs_is_told() {
    for (rustup, limit, expected) in [
        ("echo 'no network' >&2; false", 60_000, "`rustup` failed: no network"),
        ("exec sleep 600", 50, "`rustup` was stopped after 0 s"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut switches = programs(folder.path(), rustup);
        switches.rustup_limit = Duration::from_millis(limit);
        let error = find_toolchain(folder.path(), &switches, &|_| ()).expect_err("nothing is left");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("the active Rust lacks it"), "{error}");
    }
}

#[test]
fn machine_without_rust_is_told_where_to_get_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let search_path = Some(folder.path().as_os_str().to_owned());
    let switches = Switches { search_path, ..EVERY_STEP_LEFT_OUT };
    let error = find_toolchain(folder.path(), &switches, &|_| ()).expect_err("there is no Rust");
    assert!(error.to_string().contains("https://rustup.rs"), "{error}");
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
    let plugin = new_plugin(&folder.path().join("debians")).expect("it is made");
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
    assert!(said.borrow().is_empty(), "what is there is not told: {said:?}");

    // With macros, which that Rust compiles for this machine, and the SDK for the sandbox.
    let options = Options { switches, report: &report, ..Options::default() };
    let built = build(&plugin, &options).expect("it builds");
    assert!(built.component.is_file() && !built.cached, "{built:?}");
}
