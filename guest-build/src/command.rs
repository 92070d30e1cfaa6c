//! Runs other programs: in a clean environment, under a time limit, heard line by line.
//!
//! Takes a program and its arguments. Gives what it wrote, or an error that names it. Never leaves
//! one running past its limit, nor what it has started, and never hands a child the flags of the
//! cargo that started us.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::running::Running;

/// Flags of an outer cargo, and users' own, that would change or break a guest's build.
const REMOVED: [&str; 9] = [
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "LD_LIBRARY_PATH",
    "MAKEFLAGS",
    "CARGO_MAKEFLAGS",
];
/// Families of the same: cargo's settings, profiles, and those of the sandbox's target.
const REMOVED_PREFIXES: [&str; 3] =
    ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_"];
/// The one of these that changes nothing but the pace.
const KEPT: &str = "CARGO_BUILD_JOBS";
/// Lines waiting between a child and us; at it the child waits.
const LINES_WAITING_MAX: usize = 256;
/// Bytes kept of each stream; the beginning of a longer one is dropped.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A program about to run.
#[derive(Debug)]
pub struct Command {
    name: String,
    inner: std::process::Command,
    limit: Duration,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// Whether it ended with success.
    pub success: bool,
    /// What it wrote to its standard output, lines ended by `\n`.
    pub stdout: String,
    /// What it wrote to its standard error, likewise.
    pub stderr: String,
}

/// A program that did not come to an end of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("`{name}` was not found")]
    Missing { name: String },
    #[error("failed to start `{name}`: {source}")]
    Start { name: String, source: std::io::Error },
    #[error("`{name}` was stopped after {} s", .limit.as_secs())]
    Late { name: String, limit: Duration },
    #[error("`{name}` failed: {message}")]
    Failed { name: String, message: String },
}

/// One line of a child, without its end.
pub(crate) enum Line {
    Out(String),
    Err(String),
}

impl Command {
    /// The program in a clean environment, with no input, stopped after ten minutes.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let mut inner = std::process::Command::new(program);
        inner.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (variable, _) in std::env::vars_os().filter(|(variable, _)| is_removed(variable)) {
            inner.env_remove(variable);
        }
        Self { name, inner, limit: Duration::from_secs(600) }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.inner.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.inner.args(args);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Removes a variable.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.inner.env_remove(name);
        self
    }

    /// Runs in that folder.
    pub fn current_dir(mut self, dir: &Path) -> Self {
        self.inner.current_dir(dir);
        self
    }

    /// Stops it after so long.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time; its own failure is in the answer.
    pub fn finish(self) -> Result<Finished, String> {
        self.hear(&mut |_| ()).map_err(|error| error.to_string())
    }

    /// Runs it to its end and wants success.
    pub(crate) fn succeed(self) -> Result<Finished, CommandError> {
        let name = self.name.clone();
        let finished = self.hear(&mut |_| ())?;
        if finished.success {
            return Ok(finished);
        }
        Err(CommandError::Failed { name, message: last_words(&finished.stderr) })
    }

    /// Runs it to its end, handing over each line as it comes.
    pub(crate) fn hear(mut self, on_line: &mut dyn FnMut(&Line)) -> Result<Finished, CommandError> {
        let name = self.name;
        let mut running =
            Running::start(&mut self.inner).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => CommandError::Missing { name: name.clone() },
                _ => CommandError::Start { name: name.clone(), source },
            })?;
        let deadline = Instant::now() + self.limit;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let lines = read_both(running.child());
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    on_line(&line);
                    match line {
                        Line::Out(text) => keep(&mut stdout, &text),
                        Line::Err(text) => keep(&mut stderr, &text),
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    running.end();
                    return Err(CommandError::Late { name, limit: self.limit });
                }
            }
        }
        let status = running.wait().map_err(|source| CommandError::Start { name, source })?;
        Ok(Finished { success: status.success(), stdout, stderr })
    }
}

/// Where a program of that name stands on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    find_program_in(name, &std::env::var_os("PATH")?)
}

/// Where a program of that name stands on a search path.
pub(crate) fn find_program_in(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

/// The last lines of a program that failed.
pub(crate) fn last_words(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(12)..];
    if last.is_empty() { "it said nothing".to_owned() } else { last.join("\n") }
}

fn is_removed(variable: &OsStr) -> bool {
    let variable = variable.to_string_lossy();
    let in_family = REMOVED_PREFIXES.iter().any(|prefix| variable.starts_with(prefix));
    REMOVED.contains(&&*variable) || (in_family && variable != KEPT)
}

fn read_both(child: &mut Child) -> std::sync::mpsc::Receiver<Line> {
    let (sender, lines) = sync_channel(LINES_WAITING_MAX);
    if let Some(stdout) = child.stdout.take() {
        read_lines(stdout, sender.clone(), Line::Out);
    }
    if let Some(stderr) = child.stderr.take() {
        read_lines(stderr, sender, Line::Err);
    }
    lines
}

fn read_lines(
    stream: impl Read + Send + 'static,
    sender: SyncSender<Line>,
    wrap: impl Fn(String) -> Line + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if sender.send(wrap(text)).is_err() {
                return;
            }
        }
    });
}

fn keep(kept: &mut String, line: &str) {
    kept.push_str(line);
    kept.push('\n');
    if kept.len() > KEPT_BYTES_MAX {
        let half = kept.floor_char_boundary(kept.len() - KEPT_BYTES_MAX / 2);
        kept.drain(..half);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[test]
    fn flags_of_an_outer_cargo_are_removed() {
        for removed in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_PROFILE_RELEASE_LTO"] {
            assert!(is_removed(removed.as_ref()), "{removed}");
        }
        for kept in ["PATH", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "CARGO_BUILD_JOBS"] {
            assert!(!is_removed(kept.as_ref()), "{kept}");
        }
    }

    #[test]
    fn both_streams_are_kept_apart() {
        let finished = shell("echo out; echo err >&2; exit 3").finish().expect("it ends");
        assert!(!finished.success);
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    }

    #[test]
    fn a_program_past_its_limit_is_stopped() {
        let error = Command::new("sleep").arg("600").limit(Duration::from_millis(50)).succeed();
        assert!(matches!(error, Err(CommandError::Late { .. })), "{error:?}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Command::new("no-such-program-here").finish().expect_err("it is not there");
        assert_eq!(error, "`no-such-program-here` was not found");
    }

    #[test]
    fn failure_carries_the_last_words() {
        let error = shell("echo first >&2; echo 'no room' >&2; exit 1").succeed().expect_err("1");
        assert_eq!(error.to_string(), "`sh` failed: first\nno room");
    }
}
