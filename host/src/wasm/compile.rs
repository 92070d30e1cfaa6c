//! Wasm: compiling a component where it can be stopped: in a child process.
//!
//! Takes wasm that was inspected. Gives machine code. Never compiles a stranger's code in the
//! host's own process, where one file of 24 KB could hold a core for seconds.

mod child;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use wasmtime::Engine;

pub use child::child_main;

use self::child::Standing;
use super::artefact::CompiledCode;
use super::engine::Registers;
use crate::limits;
use crate::model::text::escape;

/// The hidden subcommand under which a program that calls [`child_main`] does so.
pub const COMPILE_SUBCOMMAND: &str = "__compile";

/// Where components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In a child process with limits.
    Child(CompilerProgram),
    /// In this process, without limits: for components of one's own only. A stranger's could hold
    /// a core for minutes and take all memory.
    InProcess,
}

/// The program that compiles, and what it may use.
#[derive(Debug, Clone)]
pub struct CompilerProgram {
    /// A program that calls [`child_main`] when its first argument is `__compile`: usually this
    /// one.
    pub path: PathBuf,
    /// What one compilation may use.
    pub limits: CompileLimits,
}

impl CompilerProgram {
    /// That program, with the limits of the house.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), limits: CompileLimits::default() }
    }
}

/// What one compilation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space.
    pub memory_bytes: usize,
    /// CPU time, in whole seconds.
    pub cpu: Duration,
    /// Time on the wall.
    pub wall: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory_bytes: limits::COMPILE_MEMORY_BYTES_MAX,
            cpu: limits::COMPILE_CPU_MAX,
            wall: limits::COMPILE_WALL_MAX,
        }
    }
}

/// A component that was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiling program did not start or could not be spoken to.
    #[error("failed to {action} compiler `{}`: {source}", path.display())]
    Program {
        /// What was tried.
        action: &'static str,
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long, twice: the second attempt was with the linear algorithm.
    #[error("compiling took longer than {} s of CPU or {} s in all", cpu.as_secs(), wall.as_secs())]
    TooLong {
        /// CPU time it may take.
        cpu: Duration,
        /// Time it may take.
        wall: Duration,
    },
    /// The child ended otherwise than with code: out of memory, most likely.
    #[error("the compiler ended with {status}; it may use {allowed} bytes of memory")]
    Died {
        /// How it ended.
        status: String,
        /// Its limit.
        allowed: usize,
    },
    /// The compiler says no.
    #[error("the component does not compile: {reason}")]
    Refused {
        /// Its words, escaped.
        reason: String,
    },
}

/// Compiles for the engine.
///
/// # Errors
/// When the component is refused or takes more than it may.
pub(super) fn compile(
    compiler: &Compiler,
    engine: &Engine,
    wasm: &[u8],
) -> Result<CompiledCode, CompileError> {
    let program = match compiler {
        Compiler::InProcess => {
            return engine.precompile_component(wasm).map(CompiledCode).map_err(|error| {
                let reason = escape(&error.root_cause().to_string(), limits::GUEST_TEXT_BYTES_MAX);
                CompileError::Refused { reason }
            });
        }
        Compiler::Child(program) => program,
    };
    match in_child(program, wasm, Registers::Backtracking) {
        // Some functions take the square of their size to assign registers well.
        Err(CompileError::TooLong { .. }) => {
            tracing::warn!("compiling took too long; once more with the linear algorithm");
            in_child(program, wasm, Registers::SinglePass)
        }
        other => other,
    }
}

fn in_child(
    program: &CompilerProgram,
    wasm: &[u8],
    registers: Registers,
) -> Result<CompiledCode, CompileError> {
    let aside = child_of(program, wasm, registers, Standing::Aside)?;
    if let Answer::Compiled(code) = aside {
        return Ok(code);
    }
    tracing::debug!("no core is idle for the compiler: once more with a share of one");
    match child_of(program, wasm, registers, Standing::Back)? {
        Answer::Compiled(code) => Ok(code),
        // It is told not to look, and says so all the same.
        Answer::Starved(status) => {
            Err(CompileError::Died { status, allowed: program.limits.memory_bytes })
        }
    }
}

/// What a child says that did not fail.
enum Answer {
    Compiled(CompiledCode),
    /// It got next to no CPU time, and ended with this status.
    Starved(String),
}

fn child_of(
    program: &CompilerProgram,
    wasm: &[u8],
    registers: Registers,
    standing: Standing,
) -> Result<Answer, CompileError> {
    let failed = |action| {
        let path = program.path.clone();
        move |source| CompileError::Program { action, path, source }
    };
    let mut child = Command::new(&program.path)
        .args(arguments(&program.limits, registers, standing))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed("start"))?;
    let spoken = speak(&mut child, wasm, program.limits.wall);
    // Whatever was said: the child is gone before its answer is read.
    drop(child.kill());
    let status = child.wait().map_err(failed("wait for"))?;
    let (code, words) = spoken.map_err(failed("speak with"))?;
    judge(program, status, code, &words)
}

fn arguments(limits: &CompileLimits, registers: Registers, standing: Standing) -> [OsString; 5] {
    [
        COMPILE_SUBCOMMAND.into(),
        limits.memory_bytes.to_string().into(),
        limits.cpu.as_secs().max(1).to_string().into(),
        child::word(registers).into(),
        standing.word().into(),
    ]
}

/// What the child wrote: code, or nothing when the time was up; and its words.
type Spoken = (Option<Vec<u8>>, String);

/// Writes the wasm and reads the answer, each on a thread of its own, for so long at most.
fn speak(child: &mut Child, wasm: &[u8], wall: Duration) -> io::Result<Spoken> {
    let missing = || io::Error::other("a pipe is missing");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (done, answer) = std::sync::mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        // A child that dies early closes the pipe: its status says more than this error.
        scope.spawn(move || drop(stdin.write_all(wasm)));
        let words = scope.spawn(move || read_at_most(stderr, limits::GUEST_TEXT_BYTES_MAX));
        scope.spawn(move || drop(done.send(read_at_most(stdout, limits::ARTEFACT_BYTES_MAX))));
        let code = answer.recv_timeout(wall);
        if code.is_err() {
            // Ends the other threads, too: their pipes close.
            drop(child.kill());
        }
        let words = words.join().unwrap_or_else(|_| Ok(Vec::new()))?;
        Ok((code.ok().transpose()?, String::from_utf8_lossy(&words).into_owned()))
    })
}

fn read_at_most(pipe: impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    let mut pipe = pipe.take(bytes as u64);
    pipe.read_to_end(&mut read)?;
    // What is beyond is not kept, but taken, lest the child waits for a reader.
    io::copy(&mut pipe.into_inner(), &mut io::sink())?;
    Ok(read)
}

fn judge(
    program: &CompilerProgram,
    status: ExitStatus,
    code: Option<Vec<u8>>,
    words: &str,
) -> Result<Answer, CompileError> {
    let CompileLimits { memory_bytes: allowed, cpu, wall } = program.limits;
    let Some(code) = code else { return Err(CompileError::TooLong { cpu, wall }) };
    match child::Ending::of(status) {
        child::Ending::Compiled => Ok(Answer::Compiled(CompiledCode(code))),
        child::Ending::Starved => Ok(Answer::Starved(status.to_string())),
        child::Ending::OutOfTime => Err(CompileError::TooLong { cpu, wall }),
        child::Ending::Refused => {
            let reason = escape(words.trim(), limits::GUEST_TEXT_BYTES_MAX);
            Err(CompileError::Refused { reason })
        }
        child::Ending::Died => Err(CompileError::Died { status: status.to_string(), allowed }),
    }
}
