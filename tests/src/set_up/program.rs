//! Set-up: the program `tidemill`, built when a test wants to run it.
//!
//! Takes the workspace, with the flags of the cargo that runs the tests. Gives the program's path
//! and what it says. Never finds an old one: cargo looks at its sources first.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// What one run of the program came to.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// The rows that its `print` sinks printed, without the heads of their batches.
    pub fn rows(&self) -> Vec<&str> {
        let is_head = |line: &str| line.starts_with("---") || line.starts_with("Time: ");
        self.out.lines().filter(|line| !line.is_empty() && !is_head(line)).collect()
    }
}

/// Runs the program in a folder, with text on its standard input.
pub fn tidemill(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    tidemill_fed(folder, arguments, input.as_bytes())
}

/// Runs the program in a folder, with bytes on its standard input.
pub fn tidemill_fed(folder: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(program())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // Beside the reading, so that neither side waits for the other's full pipe. The program may
    // well end without having read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("it writes text"),
        err: String::from_utf8(output.stderr).expect("it writes text"),
    }
}

/// The program's path.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // All members, so that dependencies have the features they were built with for the tests.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--bin", "tidemill", "--message-format=json"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .output()
            .expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let messages = String::from_utf8(built.stdout).expect("cargo writes text");
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut programs =
            messages.filter_map(|message| Some(message["executable"].as_str()?.into()));
        programs.next_back().expect("cargo names the program")
    })
}
