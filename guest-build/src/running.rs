//! Programs that are running, and the end of all of them.
//!
//! Takes programs that are about to start. Gives each a process group of its own, so that what it
//! has started ends with it: cargo's compilers would go on for seconds. Never listens for signals:
//! that is for whoever owns the process.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Groups of programs that are running; `None` when they were ended for good.
static GROUPS: Mutex<Option<BTreeSet<u32>>> = Mutex::new(Some(BTreeSet::new()));

/// Ends every program that a build has started, and all that these have started. It is for a
/// process that is about to end, on a signal say: no program is started any more, and whoever waits
/// for one waits for the end of the process.
pub fn end_programs() {
    let ended = groups().take();
    ended.into_iter().flatten().for_each(end_group);
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        // Held while it starts: a program is in the list or was never there.
        let mut groups = groups();
        let Some(groups) = groups.as_mut() else {
            return Err(io::Error::other("all programs are being ended"));
        };
        let child = command.process_group(0).spawn()?;
        groups.insert(child.id());
        Ok(Self { child })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        // Before it is waited for: its number may be another's afterwards.
        self.strike();
        self.child.wait()
    }

    /// Ends it, and all it has started.
    pub(crate) fn end(mut self) {
        self.strike();
        end_group(self.child.id());
        // The one that would not be asked. It fails when that one has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn strike(&self) {
        let struck = groups().as_mut().map(|groups| groups.remove(&self.child.id()));
        if struck.is_none() {
            // What it came to is nobody's business any more.
            loop {
                std::thread::park();
            }
        }
    }
}

fn groups() -> MutexGuard<'static, Option<BTreeSet<u32>>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every shell has `kill` built in; the system's own call is unsafe code.
fn end_group(group: u32) {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s TERM -- \"-$0\""]).arg(group.to_string());
    kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It fails when all of the group have ended.
    let _ = kill.status();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};

    #[test]
    fn what_a_program_has_started_ends_with_it() {
        let mut command = Command::new("sh");
        // Both hold the pipe that is read below, which has an end when both have.
        command.args(["-c", "sleep 600 & echo started; wait"]).stdout(Stdio::piped());
        let mut running = Running::start(&mut command).expect("there is a shell");
        let mut said = BufReader::new(running.child().stdout.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it speaks");
        assert_eq!(line, "started\n");
        running.end();
        assert_eq!(said.read(&mut [0]).expect("it is a pipe"), 0);
    }
}
