//! Wasm: the child process that compiles, seen from inside, and how it ends.
//!
//! Takes limits as arguments and wasm from its standard input. Gives machine code on its standard
//! output. Never reads a byte before its limits are set.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::limits;
use crate::model::text::escape;
use crate::sys::niceness::stand_back;
use crate::wasm::engine::{self, Registers};

/// The exit code of a child whose component does not compile.
const REFUSED: u8 = 3;
/// The exit code of a child that was called wrongly or could not read or write.
const FAILED: u8 = 4;
/// The signal of a process that used up its CPU time.
const SIGXCPU: i32 = 24;
/// The signal of a process that used up what is granted beyond that.
const SIGKILL: i32 = 9;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Compiled,
    Refused,
    OutOfTime,
    Died,
}

impl Ending {
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Compiled,
            (Some(code), _) if code == i32::from(REFUSED) => Self::Refused,
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
    let registers = limit_from_arguments().map_err(|error| failed(&error))?;
    let mut wasm = Vec::new();
    let bytes = limits::COMPONENT_BYTES_MAX as u64;
    io::stdin().take(bytes).read_to_end(&mut wasm).map_err(|error| failed(&error))?;
    let code = on_a_deep_stack(move || compile(registers, &wasm)).map_err(|e| failed(&e))?;
    let code = code.map_err(|reason| (REFUSED, reason))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code).and_then(|()| stdout.flush()).map_err(|error| failed(&error))
}

fn limit_from_arguments() -> io::Result<Registers> {
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
    match arguments.next().unwrap_or_default().as_str() {
        "backtracking" => Ok(Registers::Backtracking),
        "single-pass" => Ok(Registers::SinglePass),
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

/// The compiler recurses as deep as its input nests.
fn on_a_deep_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let thread = std::thread::Builder::new().stack_size(limits::COMPILE_STACK_BYTES).spawn(work)?;
    thread.join().map_err(|_| io::Error::other("the compiler panicked"))
}
