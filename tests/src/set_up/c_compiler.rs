//! Set-up: a C compiler for the sandbox, found or fetched.
//!
//! Takes the places to look, in order. Gives the commands that compile and link. Never installs
//! anything: what is fetched lies in a cache folder, 220 MB of Debian's packages (34 MB to
//! download, five seconds) or 410 MB of Zig's (100 MB, ten seconds).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tidemill_guest_build::debian::{DebianError, PrivateApt, library_folder, write_wrapper};
use tidemill_guest_build::{Command, FolderLock, find_program};

/// Where a compiler comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `clang` and `wasm-ld` on the search path.
    System,
    /// Debian's packages, unpacked.
    Debian,
    /// Zig, which brings clang and lld, from the Python package index.
    Zig,
}

/// The usual order.
pub const SOURCES: [Source; 3] = [Source::System, Source::Debian, Source::Zig];

/// A C compiler and a linker for the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CCompiler {
    compile: Vec<OsString>,
    link: Vec<OsString>,
}

impl CCompiler {
    /// Finds or fetches one; `folder` keeps what is fetched.
    pub fn find(folder: &Path, sources: &[Source]) -> Result<Self, String> {
        let mut tried = Vec::new();
        for source in sources {
            let found = match source {
                Source::System => Self::of_system(),
                Source::Debian => Self::of_debian(&folder.join("debian")),
                Source::Zig => Self::of_zig(&folder.join("zig")),
            };
            match found.and_then(Self::tried_out) {
                Ok(compiler) => return Ok(compiler),
                Err(reason) => tried.push(format!("{source:?}: {reason}")),
            }
        }
        Err(format!("no C compiler for the sandbox; install clang and lld ({})", tried.join("; ")))
    }

    /// Compiles the sources and links them with the objects.
    pub fn build(
        &self,
        sources: &[PathBuf],
        includes: &[PathBuf],
        objects: &[PathBuf],
        into: &Path,
    ) -> Result<PathBuf, String> {
        let mut all = objects.to_vec();
        for (index, source) in sources.iter().enumerate() {
            let object = into.join(format!("{index}.o"));
            let mut command = command(&self.compile)
                .args(["-std=c11", "-O3", "-ffreestanding", "-mbulk-memory", "-Wall", "-Wextra"])
                .args(["-Werror", "-c", "-o"])
                .arg(&object)
                .arg(source);
            for include in includes {
                command = command.arg("-I").arg(include);
            }
            succeed(command)?;
            all.push(object);
        }
        let module = into.join("module.wasm");
        let link = command(&self.link)
            .args(["--no-entry", "--gc-sections", "--strip-debug", "--stack-first"])
            .args(["-z", "stack-size=65536", "-o"]);
        succeed(link.arg(&module).args(all))?;
        Ok(module)
    }

    /// Whether it compiles and links for the sandbox at all: not every clang does.
    fn tried_out(self) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let source = folder.path().join("try.c");
        fs::write(&source, "int try(int a) { return a + 1; }\n").map_err(|e| e.to_string())?;
        self.build(&[source], &[], &[], folder.path())?;
        Ok(self)
    }

    fn of_system() -> Result<Self, String> {
        let program = |name: &str| find_program(name).ok_or(format!("there is no `{name}`"));
        let (clang, linker) = (program("clang")?, program("wasm-ld")?);
        Ok(Self::of_clang(clang, linker))
    }

    fn of_clang(clang: PathBuf, linker: PathBuf) -> Self {
        Self {
            compile: vec![clang.into(), "--target=wasm32-unknown-unknown".into()],
            link: vec![linker.into()],
        }
    }

    fn of_debian(folder: &Path) -> Result<Self, String> {
        let _lock = FolderLock::take(folder, &report).map_err(|error| error.to_string())?;
        let (clang, linker) = (folder.join("bin/clang"), folder.join("bin/wasm-ld"));
        if !linker.is_file() {
            unpack_debian(folder).map_err(|error| error.to_string())?;
        }
        Ok(Self::of_clang(clang, linker))
    }

    fn of_zig(folder: &Path) -> Result<Self, String> {
        let _lock = FolderLock::take(folder, &report).map_err(|error| error.to_string())?;
        let zig = folder.join("ziglang/zig");
        if !folder.join("complete").is_file() {
            report("fetching Zig from the Python package index");
            // With a folder to install into, pip asks for no virtual environment.
            let pip = Command::new("python3").args(["-m", "pip", "install", "--quiet"]);
            succeed(pip.arg("--target").arg(folder).args(["--upgrade", "ziglang"]))?;
            fs::write(folder.join("complete"), "").map_err(|error| error.to_string())?;
        }
        let cache = |name: &str| {
            let mut setting = OsString::from(format!("{name}="));
            setting.push(folder.join("cache"));
            setting
        };
        let tool = |words: &[&str]| {
            let (global, local) = (cache("ZIG_GLOBAL_CACHE_DIR"), cache("ZIG_LOCAL_CACHE_DIR"));
            let mut all = vec!["env".into(), global, local, zig.clone().into()];
            all.extend(words.iter().map(OsString::from));
            all
        };
        let compile = tool(&["cc", "--target=wasm32-freestanding"]);
        Ok(Self { compile, link: tool(&["wasm-ld"]) })
    }
}

/// The release's own clang and lld, whatever their version, without the C++ and Objective-C parts
/// that installing them would bring.
fn unpack_debian(folder: &Path) -> Result<(), DebianError> {
    let apt = PrivateApt::begin(folder, &report)?;
    let version = apt
        .depends("clang")?
        .into_iter()
        .find_map(|name| Some(name.strip_prefix("clang-")?.to_owned()))
        .ok_or_else(|| DebianError::NoPackage("clang".to_owned()))?;
    let named = |name: &str| format!("{name}{version}");
    let libraries = [named("libclang-cpp"), named("libllvm"), named("lld-")];
    let mut packages = apt.with_missing(&libraries.each_ref().map(String::as_str))?;
    packages.extend([named("clang-"), format!("libclang-common-{version}-dev")]);
    apt.download(&packages, &report)?;
    apt.unpack(&|_| None)?;
    apt.end();
    let libraries = library_folder(folder, "libLLVM")
        .ok_or_else(|| DebianError::NoPackage("libLLVM".to_owned()))?;
    let programs = folder.join("usr/lib").join(named("llvm-")).join("bin");
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(DebianError::io(&bin))?;
    // The linker's script is the last to be written, and the sign that all is there.
    for program in ["clang", "wasm-ld"] {
        write_wrapper(&bin.join(program), &programs.join(program), &libraries)?;
    }
    Ok(())
}

fn report(text: &str) {
    println!("C compiler: {text}");
}

fn command(words: &[OsString]) -> Command {
    Command::new(&words[0]).args(&words[1..])
}

fn succeed(command: Command) -> Result<(), String> {
    let finished = command.finish()?;
    if finished.success { Ok(()) } else { Err(finished.stderr) }
}
