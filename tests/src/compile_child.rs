//! The compiling child, started for real: this program compiles when it is told to.
//!
//! Takes components by hand and limits that bite. Gives passed or failed. Never compiles in the
//! process that asks for it.

#[allow(dead_code, reason = "shared with the tests of the border")]
#[path = "border/handmade.rs"]
mod handmade;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use handmade::Handmade;
use tidemill::wasm::WasmError;
use tidemill::wasm::compile::{
    COMPILE_SUBCOMMAND, CompileError, CompileLimits, Compiler, CompilerProgram, child_main,
};
use tidemill::wasm::plugin::Plugin;
use tidemill::wasm::plugin_limits::PluginLimits;
use tidemill::wasm::sandbox::{Sandbox, SandboxConfig};

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == COMPILE_SUBCOMMAND) {
        return child_main();
    }
    for (name, test) in [
        ("component_compiles_in_a_child", component_compiles_in_a_child as fn()),
        ("child_that_takes_too_long_is_killed", child_that_takes_too_long_is_killed),
        ("child_past_its_cpu_time_ends", child_past_its_cpu_time_ends),
        ("child_past_its_memory_ends", child_past_its_memory_ends),
        (
            "child_that_no_core_is_left_for_is_begun_anew",
            child_that_no_core_is_left_for_is_begun_anew,
        ),
        ("program_that_is_no_compiler_is_named", program_that_is_no_compiler_is_named),
    ] {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn load(program: CompilerProgram, wasm: &[u8]) -> Result<Arc<Plugin>, WasmError> {
    let folder = tempfile::tempdir().expect("a folder");
    let compiler = Compiler::Child(program);
    let config = SandboxConfig { executors: 1, artefact_dir: folder.path().to_owned(), compiler };
    Sandbox::new(config).expect("a sandbox").load(wasm, PluginLimits::default())
}

fn this_program(limits: CompileLimits) -> CompilerProgram {
    CompilerProgram { path: std::env::current_exe().expect("it runs"), limits }
}

fn compile_error(limits: CompileLimits, wasm: &[u8]) -> CompileError {
    match load(this_program(limits), wasm).expect_err("it is not compiled") {
        WasmError::Compile(error) => error,
        other => panic!("{other}"),
    }
}

/// Functions of many blocks over many locals: work for whoever assigns registers.
fn bomb() -> Vec<u8> {
    let locals = "i32 ".repeat(200);
    let branch: String = (0..200)
        .map(|i| {
            let next = (i * 7 + 1) % 200;
            format!("(if (local.get {i}) (then (local.set {next} (local.get {i}))))")
        })
        .collect();
    let body = branch.repeat(100);
    let fields = format!("(func (local {locals}) {body})").repeat(12);
    Handmade { fields, ..Handmade::default() }.component()
}

fn component_compiles_in_a_child() {
    let plugin = load(this_program(CompileLimits::default()), &Handmade::default().component());
    assert_eq!(plugin.expect("it loads").description().name, "handmade");
}

fn child_that_takes_too_long_is_killed() {
    // Seconds of work: the child cannot be through before anyone looks at the clock.
    let limits = CompileLimits { wall: Duration::ZERO, ..CompileLimits::default() };
    let error = compile_error(limits, &bomb());
    assert!(matches!(error, CompileError::TooLong { .. }), "{error}");
}

fn child_past_its_cpu_time_ends() {
    let limits = CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() };
    let error = compile_error(limits, &bomb());
    assert!(matches!(error, CompileError::TooLong { .. }), "{error}");
}

fn child_past_its_memory_ends() {
    let limits = CompileLimits { memory_bytes: 120 << 20, ..CompileLimits::default() };
    let error = compile_error(limits, &bomb());
    assert!(matches!(error, CompileError::Died { .. }), "{error}");
}

/// A compiler between: one that starves where it stands aside, and is this program where it does
/// not. Both are written down.
fn child_that_no_core_is_left_for_is_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, asked) = (folder.path().join("compiler"), folder.path().join("asked"));
    let this = std::env::current_exe().expect("it runs");
    let script = format!(
        "#!/bin/sh\necho \"$5\" >> '{}'\n[ \"$5\" = aside ] && exit 5\nexec '{}' \"$@\"\n",
        asked.display(),
        this.display()
    );
    std::fs::write(&path, script).expect("writes");
    std::fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("sets");
    let plugin = load(CompilerProgram::new(path), &Handmade::default().component());
    assert_eq!(plugin.expect("it loads").description().name, "handmade");
    assert_eq!(std::fs::read_to_string(asked).expect("reads"), "aside\nback\n");
}

fn program_that_is_no_compiler_is_named() {
    let error = load(CompilerProgram::new("no/such/compiler"), &Handmade::default().component());
    let words = error.expect_err("there is no compiler").to_string();
    assert!(words.starts_with("failed to start compiler `no/such/compiler`: "), "{words}");
}
