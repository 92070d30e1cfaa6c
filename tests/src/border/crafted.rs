//! Components that attack the border itself: loops where no loop is expected, pointers into
//! nowhere, lists that share their bytes.
//!
//! Takes components made by hand. Gives them to the real sandbox. Never takes longer than a budget
//! of CPU time.

use std::time::Duration;

use tidemill::limits::GUEST_STACK_BYTES;
use tidemill::model::operator::{Operator, OperatorError};
use tidemill::wasm::WasmError;
use tidemill::wasm::plugin_limits::PluginLimits;

use super::handmade::Handmade;
use super::rig::{operator, sandbox, step, task, texts};

/// For guests that loop. A busy machine takes long for little: all others have as much as a job
/// gives them, or else this were the limit that they meet.
fn little_time() -> PluginLimits {
    PluginLimits { cpu_base: Duration::from_millis(20), ..PluginLimits::default() }
}

fn load_error(guest: &Handmade) -> WasmError {
    load_error_within(PluginLimits::default(), guest)
}

fn load_error_within(limits: PluginLimits, guest: &Handmade) -> WasmError {
    sandbox().load(&guest.component(), limits).expect_err("it is refused")
}

fn call_error(guest: &Handmade) -> OperatorError {
    call_error_within(PluginLimits::default(), guest)
}

fn call_error_within(limits: PluginLimits, guest: &Handmade) -> OperatorError {
    let plugin = sandbox().load(&guest.component(), limits).expect("it loads");
    let operator = operator(&plugin, vec![step("op")]);
    let error = operator.apply(&mut task(), false, &texts(&["a"])).expect_err("it fails");
    assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    error
}

const FOREVER: &str = "(loop $again (br $again))";

#[test]
fn loop_at_the_start_runs_out_of_cpu_time() {
    let fields = format!("(func $begin {FOREVER}) (start $begin)");
    let error = load_error_within(little_time(), &Handmade { fields, ..Handmade::default() });
    let words = error.to_string();
    assert!(words.starts_with("the plugin failed to describe itself (cpu-time): "), "{words}");
}

#[test]
fn loop_in_describe_runs_out_of_cpu_time() {
    let describe = format!("{FOREVER} (i32.const 0)");
    let error = load_error_within(little_time(), &Handmade { describe, ..Handmade::default() });
    assert!(error.to_string().contains("(cpu-time)"), "{error}");
}

#[test]
fn description_past_the_memory_is_refused() {
    let describe = "(i32.const -4)".to_owned();
    let error = load_error(&Handmade { describe, ..Handmade::default() });
    assert!(error.to_string().contains("(malformed): the call could not cross"), "{error}");
}

#[test]
fn memory_past_the_limit_is_refused_at_load() {
    let error = load_error(&Handmade { pages: 8192, ..Handmade::default() });
    let words = error.to_string();
    assert!(words.starts_with("the component does not fit the sandbox: "), "{words}");
}

#[test]
fn loop_in_realloc_runs_out_of_cpu_time() {
    let realloc = format!("{FOREVER} (i32.const 0)");
    assert_eq!(
        call_error_within(little_time(), &Handmade { realloc, ..Handmade::default() }).code,
        "cpu-time"
    );
}

#[test]
fn loop_after_the_return_runs_out_of_cpu_time() {
    let fields = format!(
        r#"(func (export "cabi_post_tidemill:plugin/operators@0.1.0#apply") (param i32) {FOREVER})"#
    );
    assert_eq!(
        call_error_within(little_time(), &Handmade { fields, ..Handmade::default() }).code,
        "cpu-time"
    );
}

/// A guest without a stack of its own in memory, as a compiler may make one of a small function.
#[test]
fn recursion_without_end_uses_up_the_stack_and_is_named() {
    let down = "(func $down (param i32) (result i32)
        (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))";
    let apply = "(call $down (i32.const 0))".to_owned();
    let error = call_error(&Handmade { apply, fields: down.to_owned(), ..Handmade::default() });
    let expected = format!("it used up its stack, limit is {GUEST_STACK_BYTES} bytes");
    assert_eq!((error.code, error.message), ("trap", expected));
}

#[test]
fn realloc_into_nowhere_is_malformed() {
    let realloc = "(i32.const -16)".to_owned();
    let error = call_error(&Handmade { realloc, ..Handmade::default() });
    assert_eq!(error.code, "malformed", "{error}");
}

#[test]
fn realloc_that_calls_the_host_traps() {
    let realloc = "(call $log (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0)".to_owned();
    let error = call_error(&Handmade { realloc, ..Handmade::default() });
    assert!(matches!(error.code, "trap" | "malformed"), "{error}");
}

#[test]
fn text_that_is_none_is_malformed() {
    // An error whose message is one byte, 0xff.
    let apply = "(i32.store8 (i32.const 2048) (i32.const 1))
        (i32.store (i32.const 2052) (i32.const 4096)) (i32.store (i32.const 2056) (i32.const 1))
        (i32.store8 (i32.const 4096) (i32.const 255)) (i32.const 2048)";
    let error = call_error(&Handmade { apply: apply.to_owned(), ..Handmade::default() });
    assert_eq!(error.code, "malformed", "{error}");
}

/// An answer of one row whose buffers are these: so many, each of so many bytes, each at the same
/// place.
fn buffers_that_share(count: u32, bytes: u32) -> Handmade {
    let apply = format!(
        "(local $at i32)
        (local.set $at (i32.const 65536))
        (loop $fill
          (i32.store (local.get $at) (i32.const 0))
          (i32.store offset=4 (local.get $at) (i32.const {bytes}))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $fill (i32.lt_u (local.get $at) (i32.const {end}))))
        (i32.store (i32.const 2052) (i32.const 1))
        (i32.store (i32.const 2064) (i32.const 65536))
        (i32.store (i32.const 2068) (i32.const {count}))
        (i32.const 2048)",
        end = 65536 + 8 * count,
    );
    Handmade { apply, pages: 64, ..Handmade::default() }
}

#[test]
fn lists_that_share_bytes_stop_at_the_output_limit() {
    // 100,000 times the same MiB: 100 GB for the host, 3 MiB for the guest.
    let error = call_error(&buffers_that_share(100_000, 1 << 20));
    assert_eq!(error.code, "output-limit", "{error}");
}

#[test]
fn list_past_the_memory_is_malformed() {
    for (count, bytes) in [(1, u32::MAX), (1, 5 << 20), (1 << 24, 0)] {
        let error = call_error(&buffers_that_share(count, bytes));
        assert!(matches!(error.code, "malformed" | "trap"), "{error}");
    }
}

#[test]
fn names_inside_a_component_reach_no_message() {
    let apply = "(call $evil) (i32.const 0)".to_owned();
    let fields = r#"(func $evil (@name "\1b[2J\1b]0;x\07\0aFAKE") (unreachable))"#.to_owned();
    let error = call_error(&Handmade { apply, fields, ..Handmade::default() });
    assert_eq!(error.message, "it trapped: `unreachable` was reached");
}
