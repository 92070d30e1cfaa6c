//! Benches: what is measured, as a process of its own: Tidemill or a peer.
//!
//! Takes a command that is given a port and a batch interval. Gives its batches and its memory.
//! Ends the process when dropped.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

use crate::memory::Memory;
use crate::report::BatchReport;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name in tables.
    pub name: String,
    /// Its program and arguments; `PORT INTERVAL_MS` are added.
    pub command: Vec<String>,
}

impl Subject {
    /// Tidemill with those arguments of the program `subject`.
    ///
    /// # Errors
    /// When this program does not know where it is.
    pub fn tidemill(name: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("subject");
        let mut command = vec![program.display().to_string()];
        command.extend_from_slice(arguments);
        Ok(Self { name: name.to_owned(), command })
    }
}

/// A running subject.
#[derive(Debug)]
pub struct SubjectProcess {
    child: Child,
    /// Open for as long as it is to run.
    stdin: Option<ChildStdin>,
    batches: Arc<Mutex<Vec<BatchReport>>>,
    reader: Option<JoinHandle<()>>,
}

impl SubjectProcess {
    /// Starts it on the port.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(subject: &Subject, port: u16, interval: Duration) -> anyhow::Result<Self> {
        let (program, arguments) = subject.command.split_first().context("a command is empty")?;
        let program = PathBuf::from(program);
        let mut child = Command::new(&program)
            .args(arguments)
            .arg(port.to_string())
            .arg(interval.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let output = BufReader::new(child.stdout.take().context("its output is piped")?);
        let batches: Arc<Mutex<Vec<BatchReport>>> = Arc::default();
        let heard = Arc::clone(&batches);
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(batch) => heard.lock().unwrap_or_else(PoisonError::into_inner).push(batch),
                    Err(_) => eprintln!("{line}"),
                }
            }
        });
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, batches, reader: Some(reader) })
    }

    /// The batches it is through with.
    pub fn batches(&self) -> Vec<BatchReport> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lines and words of all of them.
    pub fn counted(&self) -> (u64, u64) {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.iter().fold((0, 0), |(rows, words), b| (rows + b.rows, words + b.words))
    }

    /// Its memory now.
    pub fn memory(&self) -> Memory {
        Memory::of(self.child.id())
    }

    /// Whether it has ended, as it should not.
    pub fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Has it work off what it has, and waits for its end. Gives all its batches.
    ///
    /// # Errors
    /// When it ends with a failure.
    pub fn drain(mut self) -> anyhow::Result<Vec<BatchReport>> {
        self.stdin = None;
        let status = self.child.wait()?;
        if let Some(reader) = self.reader.take() {
            let _ended = reader.join();
        }
        anyhow::ensure!(status.success(), "the subject ended with {status}");
        Ok(self.batches())
    }
}

impl Drop for SubjectProcess {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ended = reader.join();
        }
    }
}
