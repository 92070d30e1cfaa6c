//! Set-up: the program `tidemill` while it runs: what it says, and signals to it.
//!
//! Takes a folder and arguments. Gives lines as they are said, and at the end all of them with the
//! exit code. Never waits without an end, and never leaves a program behind.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crossbeam_channel::{Receiver, unbounded};

use super::program::{Ran, program};
use crate::job_rig::PATIENCE;

/// A running program. Dropping it kills the program.
#[derive(Debug)]
pub struct Watched {
    child: Child,
    out: Lines,
    err: Lines,
}

#[derive(Debug)]
struct Lines {
    coming: Receiver<String>,
    said: String,
}

impl Lines {
    /// The lines of a stream, read on a thread of their own until its end.
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, coming) = unbounded();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { coming, said: String::new() }
    }

    /// The next line, or nothing at the stream's end. An error says that nothing comes any more.
    fn next(&mut self) -> Result<Option<String>, ()> {
        match self.coming.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.said.push_str(&line);
                self.said.push('\n');
                Ok(Some(line))
            }
            Err(error) if error.is_disconnected() => Ok(None),
            Err(_) => Err(()),
        }
    }
}

/// Starts the program in a folder, with nothing on its standard input.
pub fn watch(folder: &Path, arguments: &[&str]) -> Watched {
    watch_command(Command::new(program()).args(arguments).current_dir(folder))
}

/// Starts a command that runs the program.
pub fn watch_command(command: &mut Command) -> Watched {
    watch_command_to(command, Stdio::piped())
}

/// As [`watch_command`], with its standard output where it is told: if that is no pipe of its own,
/// nothing is heard of it.
pub fn watch_command_to(command: &mut Command, output: Stdio) -> Watched {
    let streams = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped());
    let mut child = streams.spawn().expect("the program starts");
    let out = match child.stdout.take() {
        Some(output) => Lines::of(output),
        None => Lines::of(std::io::empty()),
    };
    let err = Lines::of(child.stderr.take().expect("it is piped"));
    Watched { child, out, err }
}

impl Watched {
    /// Waits for a line of standard error that holds the words, and gives it.
    pub fn told(&mut self, words: &str) -> String {
        Self::wait_for(&mut self.err, words)
    }

    /// Waits for a line of standard output that holds the words, and gives it.
    pub fn printed(&mut self, words: &str) -> String {
        Self::wait_for(&mut self.out, words)
    }

    fn wait_for(lines: &mut Lines, words: &str) -> String {
        loop {
            match lines.next() {
                Ok(Some(line)) if line.contains(words) => return line,
                Ok(Some(_)) => {}
                _ => panic!("`{words}` was not said, but:\n{}", lines.said),
            }
        }
    }

    /// Sends it a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        // Every shell has `kill` built in; without one a test could only kill for good.
        let script = ["-c", "kill -s \"$0\" \"$1\"", name];
        let sent = Command::new("sh").args(script).arg(self.id().to_string()).status();
        assert!(sent.expect("there is a shell").success(), "{name} is sent");
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; gives everything it said.
    pub fn end(mut self) -> Ran {
        for lines in [&mut self.out, &mut self.err] {
            while let Some(_line) = lines.next().expect("it ends") {}
        }
        let code = self.child.wait().expect("it ends").code();
        let said = |lines: &mut Lines| std::mem::take(&mut lines.said);
        Ran { code, out: said(&mut self.out), err: said(&mut self.err) }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It fails only when the program has ended, which is all that is wanted.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
