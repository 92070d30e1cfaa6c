//! Wasm: the child process that compiles, seen from inside, and how it ends.
//!
//! Takes limits as arguments and wasm from its standard input. Gives machine code on its standard
//! output. Never reads a byte before its limits are set.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::limits;
use crate::model::text::escape;
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::cpu::process_cpu_time;
use crate::sys::niceness::{stand_aside, stand_back};
use crate::wasm::engine::{self, Registers};

/// The exit code of a child whose component does not compile.
const REFUSED: u8 = 3;
/// The exit code of a child that was called wrongly or could not read or write.
const FAILED: u8 = 4;
/// The exit code of a child that no core is left for.
const STARVED: u8 = 5;
/// The signal of a process that used up its CPU time.
const SIGXCPU: i32 = 24;
/// The signal of a process that used up what is granted beyond that.
const SIGKILL: i32 = 9;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Compiled,
    Refused,
    Starved,
    OutOfTime,
    Died,
}

/// How far the child lets others go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It runs where a core is idle. Where none is it gives up.
    Aside,
    /// It has a share of a core where none is idle.
    Back,
}

impl Standing {
    /// How it is called on the child's command line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Aside => "aside",
            Self::Back => "back",
        }
    }
}

impl Ending {
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Compiled,
            (Some(code), _) if code == i32::from(REFUSED) => Self::Refused,
            (Some(code), _) if code == i32::from(STARVED) => Self::Starved,
            (_, Some(SIGXCPU | SIGKILL)) => Self::OutOfTime,
            _ => Self::Died,
        }
    }
}

/// How the algorithm is called on the child's command line.
pub(super) fn word(registers: Registers) -> &'static str {
    match registers {
        Registers::Backtracking => "backtracking",
        Registers::SinglePass => "single-pass",
    }
}

/// What the compiling child does: limits itself, reads wasm, writes machine code. A program calls
/// it, before anything else, when its first argument is `__compile`.
pub fn child_main() -> ExitCode {
    match limited() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, words)) => {
            // Whoever started the child reads this from a pipe; nobody else needs to.
            drop(writeln!(io::stderr(), "{}", escape(&words, limits::GUEST_TEXT_BYTES_MAX)));
            ExitCode::from(code)
        }
    }
}

fn limited() -> Result<(), (u8, String)> {
    let failed = |error: &dyn std::fmt::Display| (FAILED, error.to_string());
    let (registers, standing) = limit_from_arguments().map_err(|error| failed(&error))?;
    let mut wasm = Vec::new();
    let bytes = limits::COMPONENT_BYTES_MAX as u64;
    io::stdin().take(bytes).read_to_end(&mut wasm).map_err(|error| failed(&error))?;
    let compiled = on_a_deep_stack(move || {
        if standing == Standing::Aside {
            stand_aside();
        }
        compile(registers, &wasm)
    });
    let compiled = compiled.map_err(|error| failed(&error))?;
    let clock = SystemClock::new();
    let passed = || Duration::from_micros(clock.monotonic_us());
    let starves = || standing == Standing::Aside && starves(process_cpu_time(), passed());
    let code = wait(&compiled, limits::COMPILE_LOOK, starves)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code).and_then(|()| stdout.flush()).map_err(|error| failed(&error))
}

/// Waits for what the compiler gives, and looks every so often whether it gets any time at all.
fn wait(
    compiled: &Receiver<Result<Vec<u8>, String>>,
    look: Duration,
    starves: impl Fn() -> bool,
) -> Result<Vec<u8>, (u8, String)> {
    loop {
        match compiled.recv_timeout(look) {
            Ok(code) => return code.map_err(|reason| (REFUSED, reason)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err((FAILED, "the compiler panicked".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) if starves() => {
                return Err((STARVED, "no core is idle".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Whether so much CPU time is too little for so long a time.
fn starves(cpu: Duration, passed: Duration) -> bool {
    cpu * limits::COMPILE_SHARE_MIN < passed
}

fn limit_from_arguments() -> io::Result<(Registers, Standing)> {
    let wrong = |what: &str| io::Error::other(format!("`{what}` is no argument of the compiler"));
    let mut arguments = std::env::args().skip(2);
    let mut number = || -> io::Result<u64> {
        let word = arguments.next().unwrap_or_default();
        word.parse().map_err(|_| wrong(&word))
    };
    let (memory, cpu) = (number()?, number()?);
    limit(Resource::As, memory, memory)?;
    // The soft limit ends the process with a signal of its own; the hard one is the safety net.
    limit(Resource::Cpu, cpu, cpu + 1)?;
    limit(Resource::Nofile, 16, 16)?;
    limit(Resource::Core, 0, 0)?;
    // Batches of running jobs go first.
    stand_back();
    let registers = match arguments.next().unwrap_or_default().as_str() {
        "backtracking" => Registers::Backtracking,
        "single-pass" => Registers::SinglePass,
        other => return Err(wrong(other)),
    };
    match arguments.next().unwrap_or_default().as_str() {
        "aside" => Ok((registers, Standing::Aside)),
        "back" => Ok((registers, Standing::Back)),
        other => Err(wrong(other)),
    }
}

fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) })?;
    Ok(())
}

fn compile(registers: Registers, wasm: &[u8]) -> Result<Vec<u8>, String> {
    engine::compiler(registers)
        .and_then(|engine| engine.precompile_component(wasm))
        .map_err(|error| error.root_cause().to_string())
}

/// Gives what the work will give. The compiler recurses as deep as its input nests.
fn on_a_deep_stack<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Receiver<T>> {
    let (done, given) = sync_channel(1);
    let thread = std::thread::Builder::new().stack_size(limits::COMPILE_STACK_BYTES);
    // Whoever waits no more ends the process, and this thread with it.
    let _thread = thread.spawn(move || drop(done.send(work())))?;
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_less_than_a_tenth_of_a_core_starves() {
        let ms = Duration::from_millis;
        assert!(starves(ms(0), ms(1000)) && starves(ms(99), ms(1000)));
        assert!(!starves(ms(100), ms(1000)) && !starves(ms(2000), ms(1000)));
    }

    #[test]
    fn compiler_that_starves_is_waited_for_no_longer() {
        let (_compiler, compiled) = sync_channel(1);
        let (code, _) = wait(&compiled, Duration::ZERO, || true).expect_err("it gives nothing");
        assert_eq!(code, STARVED);
    }

    #[test]
    fn compiler_that_gets_its_time_is_waited_for() {
        let (compiler, compiled) = sync_channel(1);
        let looks = std::cell::Cell::new(0);
        let code = wait(&compiled, Duration::ZERO, || {
            looks.set(looks.get() + 1);
            if looks.get() == 3 {
                compiler.send(Ok(b"code".to_vec())).expect("it is heard");
            }
            false
        });
        assert_eq!((code, looks.get()), (Ok(b"code".to_vec()), 3));
    }

    #[test]
    fn compiler_that_panics_is_told_of() {
        let compiled = on_a_deep_stack(|| -> Result<Vec<u8>, String> { panic!("by intent") });
        let compiled = compiled.expect("there is a thread");
        let told = wait(&compiled, limits::COMPILE_LOOK, || false).expect_err("it gives nothing");
        assert_eq!(told, (FAILED, "the compiler panicked".to_owned()));
    }
}
