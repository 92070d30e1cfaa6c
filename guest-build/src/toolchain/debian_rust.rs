//! Toolchain, step 3: Debian's newer Rust, unpacked into a cache folder.
//!
//! Takes the folder. Gives a compiler and a linker in it, as wrapper scripts that find their own
//! libraries. Never touches an installed Rust; the marker file is written last, so half a set-up is
//! begun anew.

use std::fs;
use std::path::Path;

use crate::debian::{DebianError, PrivateApt, library_folder, write_wrapper};
use crate::toolchain::{Toolchain, has_target, identity, standard_library};

/// Present when the folder is complete.
const MARKER: &str = "complete";

/// The toolchain in the folder, when it is complete.
pub fn ready(home: &Path) -> Option<Toolchain> {
    let rustc = home.join("bin/rustc");
    home.join(MARKER).is_file().then_some(())?;
    let identity = identity(rustc.as_ref(), home)?;
    Some(Toolchain { rustc: Some(rustc), linker: Some(home.join("bin/wasm-ld")), identity })
}

/// Fills the folder, whose lock the caller holds: half a gigabyte, about a minute, once.
///
/// # Errors
/// When this is no Debian, its archive cannot be reached, or the disk is full.
pub fn set_up(home: &Path, report: &dyn Fn(&str)) -> Result<Toolchain, DebianError> {
    for leftover in ["usr", "bin", "apt", "packages", "std-build", "etc", "lib"] {
        let _ = fs::remove_dir_all(home.join(leftover));
    }
    report(&format!("unpacking Debian's newer Rust into `{}`, once", home.display()));
    let llvm = unpack(home, report)?;
    write_wrappers(home, &llvm)?;
    report("building the standard library for the sandbox");
    standard_library::build(home)?;
    // Documentation, and sources that served once.
    for spent in ["usr/share", "usr/src", "usr/libexec", "usr/lib/rustlib/src", "etc"] {
        let _ = fs::remove_dir_all(home.join(spent));
    }
    if !has_target(home.join("bin/rustc").as_ref(), home) {
        return Err(DebianError::Failed("the unpacked Rust still lacks the target".to_owned()));
    }
    let marker = home.join(MARKER);
    fs::write(&marker, "").map_err(DebianError::io(&marker))?;
    report("the unpacked Rust is ready");
    ready(home).ok_or_else(|| DebianError::Failed("the unpacked Rust does not run".to_owned()))
}

/// Fetches and unpacks the packages; gives the number of the LLVM they use.
fn unpack(home: &Path, report: &dyn Fn(&str)) -> Result<String, DebianError> {
    let apt = PrivateApt::begin(home, report)?;
    let lacking = |name: &str| DebianError::NoPackage(name.to_owned());
    let library = apt
        .depends("libstd-rust-web-dev")?
        .into_iter()
        .find(|name| name.starts_with("libstd-rust-web-"))
        .ok_or_else(|| lacking("libstd-rust-web"))?;
    let llvm = apt
        .depends(&library)?
        .into_iter()
        .find_map(|name| Some(name.strip_prefix("libllvm")?.split(':').next()?.to_owned()))
        .ok_or_else(|| lacking("libllvm"))?;
    let (libllvm, lld) = (format!("libllvm{llvm}"), format!("lld-{llvm}"));
    let wanted = ["rustc-web", &library, "libstd-rust-web-dev", "rust-web-src", &libllvm, &lld];
    let packages = apt.with_missing(&wanted)?;
    apt.download(&packages, report)?;
    report("unpacking");
    // The source package holds the whole compiler; only the library is wanted.
    apt.unpack(&|package| {
        (package == "rust-web-src")
            .then(|| vec!["./usr/src/rustc-*/library".into(), "./usr/lib/rustlib/src*".into()])
    })?;
    apt.end();
    Ok(llvm)
}

fn write_wrappers(home: &Path, llvm: &str) -> Result<(), DebianError> {
    let libraries = library_folder(home, "librustc_driver")
        .ok_or_else(|| DebianError::NoPackage("librustc_driver".to_owned()))?;
    let bin = home.join("bin");
    fs::create_dir_all(&bin).map_err(DebianError::io(&bin))?;
    write_wrapper(&bin.join("rustc"), &home.join("usr/bin/rustc"), &libraries)?;
    let lld = home.join(format!("usr/lib/llvm-{llvm}/bin/wasm-ld"));
    write_wrapper(&bin.join("wasm-ld"), &lld, &libraries)
}
