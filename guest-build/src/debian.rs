//! Debian's packages, unpacked into a folder instead of installed.
//!
//! Takes package names. Gives their files under a folder of ours, by apt with its lists and cache
//! in that folder too. Never needs root, never changes the system's packages or lists.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{Command, CommandError, find_program};

/// Lists are some ten MB, packages some hundred: longer than this the line is dead.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(1800);
/// The programs this needs; all of them are on every Debian.
const PROGRAMS: [&str; 4] = ["apt-get", "apt-cache", "dpkg-deb", "tar"];

/// An apt of our own, with everything it writes under one folder.
#[derive(Debug)]
pub struct PrivateApt {
    folder: PathBuf,
}

/// Why packages could not be fetched or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// This is no Debian.
    #[error("there is no `{0}` here")]
    NoProgram(&'static str),
    /// The archive of this release lacks something.
    #[error("its archive has no `{0}` for this release")]
    NoPackage(String),
    /// A program failed.
    #[error("{0}")]
    Failed(String),
    /// A file or folder could not be used.
    #[error("failed to use `{}`: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl From<CommandError> for DebianError {
    fn from(error: CommandError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl DebianError {
    /// Names the file or folder, for `map_err`.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl PrivateApt {
    /// Begins under `folder`, which is ours to fill, with fresh package lists.
    ///
    /// # Errors
    /// When this is no Debian or its archive cannot be reached.
    pub fn begin(folder: &Path, report: &dyn Fn(&str)) -> Result<Self, DebianError> {
        if let Some(missing) = PROGRAMS.into_iter().find(|name| find_program(name).is_none()) {
            return Err(DebianError::NoProgram(missing));
        }
        let apt = Self { folder: folder.to_owned() };
        for part in ["apt/lists/partial", "apt/cache/archives/partial", "packages"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(DebianError::io(&part))?;
        }
        let settings = format!(
            "Dir::State::Lists \"{0}/apt/lists\";\nDir::Cache \"{0}/apt/cache\";\n\
             Debug::NoLocking \"true\";\nAPT::Sandbox::User \"\";\n",
            folder.display()
        );
        let file = apt.settings_file();
        fs::write(&file, settings).map_err(DebianError::io(&file))?;
        report("fetching Debian's package lists");
        apt.program("apt-get").args(["-qq", "update"]).succeed()?;
        Ok(apt)
    }

    /// The names of what a package depends on.
    ///
    /// # Errors
    /// When the archive has no such package.
    pub fn depends(&self, package: &str) -> Result<Vec<String>, DebianError> {
        let asked = self.program("apt-cache").args(["depends", package]).succeed();
        let answer = asked.map_err(|_| DebianError::NoPackage(package.to_owned()))?;
        let names = answer.stdout.lines().filter_map(|line| line.trim().split_once("Depends: "));
        Ok(names.map(|(_, name)| name.trim().to_owned()).collect())
    }

    /// The packages themselves, and what of their dependencies this system lacks.
    ///
    /// # Errors
    /// Never for a missing dependency: a simulation that fails adds nothing.
    pub fn with_missing(&self, packages: &[&str]) -> Result<Vec<String>, DebianError> {
        let simulated = self
            .program("apt-get")
            .args(["-s", "install", "--no-install-recommends"])
            .args(packages)
            .hear(&mut |_| ())?;
        let installed = simulated.stdout.lines().filter_map(|line| line.strip_prefix("Inst "));
        let missing = installed.filter_map(|rest| rest.split(' ').next());
        let mut all: Vec<String> =
            packages.iter().copied().chain(missing).map(str::to_owned).collect();
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// Downloads packages.
    ///
    /// # Errors
    /// When one is not there or the line is.
    pub fn download(&self, packages: &[String], report: &dyn Fn(&str)) -> Result<(), DebianError> {
        report(&format!("downloading {}", packages.join(" ")));
        self.program("apt-get")
            .args(["-qq", "download"])
            .args(packages)
            .current_dir(&self.folder.join("packages"))
            .succeed()?;
        Ok(())
    }

    /// Unpacks what was downloaded into the folder; of a package for which `only` has patterns,
    /// just the paths they match.
    ///
    /// # Errors
    /// When a package is damaged or the disk is full.
    pub fn unpack(&self, only: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<(), DebianError> {
        let packages = self.folder.join("packages");
        for entry in fs::read_dir(&packages).map_err(DebianError::io(&packages))?.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            match only(file.split('_').next().unwrap_or_default()) {
                None => {
                    let unpack = Command::new("dpkg-deb").arg("-x").arg(entry.path());
                    unpack.arg(&self.folder).succeed()?;
                }
                Some(patterns) => self.unpack_some(&entry.path(), &patterns)?,
            }
        }
        Ok(())
    }

    /// Removes lists, cache and packages; what was unpacked stays.
    pub fn end(self) {
        // What cannot be removed costs disk, not correctness.
        let _ = fs::remove_dir_all(self.folder.join("apt"));
        let _ = fs::remove_dir_all(self.folder.join("packages"));
    }

    /// A shell joins the two programs; a package that ends early fails the second.
    fn unpack_some(&self, package: &Path, patterns: &[String]) -> Result<(), DebianError> {
        let script = "package=$1 folder=$2; shift 2; \
                      dpkg-deb --fsys-tarfile \"$package\" | \
                      tar -x -C \"$folder\" --wildcards \"$@\"";
        Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(package)
            .arg(&self.folder)
            .args(patterns)
            .succeed()?;
        Ok(())
    }

    fn program(&self, name: &str) -> Command {
        Command::new(name)
            .env("APT_CONFIG", self.settings_file())
            .env("LC_ALL", "C")
            .limit(DOWNLOAD_LIMIT)
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.join("apt/apt.conf")
    }
}

/// The folder of shared libraries for this machine among what was unpacked, known by one of them.
pub fn library_folder(folder: &Path, library: &str) -> Option<PathBuf> {
    let folders = fs::read_dir(folder.join("usr/lib")).ok()?;
    folders.flatten().map(|entry| entry.path()).find(|path| {
        let Ok(mut files) = fs::read_dir(path) else { return false };
        files.any(|file| {
            file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with(library))
        })
    })
}

/// Writes a script that runs an unpacked program with its unpacked libraries.
///
/// # Errors
/// When the script cannot be written.
pub fn write_wrapper(script: &Path, program: &Path, libraries: &Path) -> Result<(), DebianError> {
    use std::os::unix::fs::PermissionsExt;
    let text = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH=\"{}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\" \
         exec \"{}\" \"$@\"\n",
        libraries.display(),
        program.display()
    );
    fs::write(script, text).map_err(DebianError::io(script))?;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(script, mode).map_err(DebianError::io(script))
}
