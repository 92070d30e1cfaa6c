//! What is refused before any of it is compiled: too much of something, or features that guests
//! may not use.
//!
//! Takes components as text or as bytes. Gives them to the inspection. Never compiles.

use tidemill::limits;
use tidemill::wasm::inspect::inspect;
use tidemill::wasm::plugin_limits::PluginLimits;

use super::handmade::Handmade;
use super::rig::sandbox;

/// The header of a component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
/// Sections of a component.
const TYPES: u8 = 7;
const COMPONENT: u8 = 4;

fn refusal(component: &[u8]) -> String {
    inspect(component).expect_err("it is refused").to_string()
}

/// A component of these fields.
fn component(fields: &str) -> Vec<u8> {
    let component = wat::parse_str(format!("(component {fields})"));
    component.unwrap_or_else(|error| panic!("{}: {error}", &fields[..fields.len().min(80)]))
}

fn check(fields: &str, expected: &str) {
    let words = refusal(&component(fields));
    assert!(words.contains(expected), "{expected}: {words}");
}

fn check_module(fields: &str, expected: &str) {
    check(&format!("(core module {fields})"), expected);
}

/// One more of something than its limit, and what is said of it.
fn past(limit: usize, what: &str) -> (usize, String) {
    (limit + 1, format!("the component has {} {what}, limit is {limit}", limit + 1))
}

/// A number as LEB128.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], leb(body.len()).as_slice(), body].concat()
}

#[test]
fn too_many_modules_functions_and_types_are_refused() {
    let (count, expected) = past(limits::COMPONENT_MODULES_MAX, "core modules");
    check(&"(core module)".repeat(count), &expected);
    let (count, expected) = past(limits::COMPONENT_FUNCTIONS_MAX, "functions");
    check_module(&"(func)".repeat(count), &expected);
    let half = format!("(core module {})", "(func)".repeat(count / 2 + 1));
    check(&half.repeat(2), "functions, limit is");
    let (count, expected) = past(limits::COMPONENT_TYPES_MAX, "types");
    check_module(&"(type (func))".repeat(count), &expected);
    check(&"(core type (func))".repeat(count), &expected);
    check(&"(type bool)".repeat(count), &expected);
}

#[test]
fn functions_too_large_to_compile_are_refused() {
    let (count, expected) = past(limits::FUNCTION_LOCALS_MAX as usize, "locals in one function");
    check_module(&format!("(func (local {}))", "i32 ".repeat(count)), &expected);
    // A function is a block itself.
    let depth = limits::FUNCTION_NESTING_MAX as usize;
    let (_, expected) = past(depth, "blocks within blocks");
    let nested = |depth| format!("(func {}{})", "block ".repeat(depth), "end ".repeat(depth));
    check_module(&nested(depth), &expected);
    check_module(&nested(depth - 1), "does not export");
    let nops = "(nop)".repeat(limits::FUNCTION_BYTES_MAX);
    check_module(&format!("(func {nops})"), "bytes in one function, limit is");
}

#[test]
fn too_many_names_are_refused() {
    let (count, expected) = past(limits::COMPONENT_NAMES_MAX as usize, "exports");
    let exports: String = (0..count).map(|n| format!(r#"(export "{n}" (func 0))"#)).collect();
    check_module(&format!("(func) {exports}"), &expected);
    let (count, expected) = past(limits::COMPONENT_NAMES_MAX as usize, "imports");
    let imports: String = (0..count).map(|n| format!(r#"(import "a" "{n}" (func))"#)).collect();
    check_module(&imports, &expected);
    let import = |n| format!(r#"(import "a{n}" (func))"#);
    check(&(0..count).map(import).collect::<String>(), "imports, limit is");
}

/// The validator reads a type within a type by calling itself: a file of some hundred KB could use
/// up the stack of the host, and end it.
#[test]
fn types_within_types_are_refused_before_they_are_read() {
    // One type, which declares one type, and so on; the innermost declares nothing.
    let nested = |declares: u8, depth| {
        let body = [vec![1], [declares, 1, 1].repeat(depth), vec![declares, 0]].concat();
        refusal(&[HEADER, &section(TYPES, &body)].concat())
    };
    for declares in [0x41, 0x42] {
        for depth in [limits::COMPONENT_INNER_TYPES_MAX, 500_000] {
            let words = nested(declares, depth);
            assert!(words.contains(" types within types, limit is "), "{words}");
        }
        let words = nested(declares, limits::COMPONENT_INNER_TYPES_MAX / 2);
        assert!(words.contains("does not export"), "{words}");
    }
}

/// The validator keeps something for every component that is open: a file of some MB could take
/// all memory.
#[test]
fn components_within_components_are_refused_before_they_are_read() {
    let (depth, expected) = past(limits::COMPONENT_NESTING_MAX, "components within components");
    let nested = |depth: usize| {
        (0..depth).fold(HEADER.to_vec(), |inner, _| {
            [HEADER.to_vec(), section(COMPONENT, &inner)].concat()
        })
    };
    assert_eq!(refusal(&nested(depth)), expected);
    assert_eq!(refusal(&nested(2_000)), expected);
    assert!(refusal(&nested(depth - 1)).contains("does not export"));
}

#[test]
fn what_is_within_bounds_reaches_the_next_check() {
    check("", "does not export");
    check_module("(memory 1) (func (drop (i8x16.splat (i32.const 1))))", "does not export");
    check("(component (core module (func)))", "does not export");
}

#[test]
fn features_that_guests_may_not_use_are_refused() {
    for fields in [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(memory 1) (memory 1)",
        "(memory 1 (pagesize 1))",
        "(type (struct (field i32)))",
        "(type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0)))",
        "(func $f (return_call $f))",
        "(tag)",
        "(func (drop (i32x4.relaxed_trunc_f32x4_s (v128.const i32x4 0 0 0 0))))",
        "(func (result i64 i64)
            (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))",
        "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))",
    ] {
        check_module(fields, "the component is not valid at byte");
    }
}

/// Memory and tables are counted by the pool that has room for them.
#[test]
fn more_than_the_pool_has_room_for_does_not_fit_the_sandbox() {
    let pages = u32::try_from(limits::INSTANCE_MEMORY_BYTES_MAX >> 16).expect("few pages") + 1;
    let table = format!("(table {} funcref)", limits::TABLE_ELEMENTS_MAX + 1);
    for guest in [
        Handmade { pages, ..Handmade::default() },
        Handmade { fields: table, ..Handmade::default() },
        Handmade { fields: "(table 1 funcref)".repeat(3), ..Handmade::default() },
    ] {
        let loaded = sandbox().load(&guest.component(), PluginLimits::default());
        let words = loaded.expect_err("it is refused").to_string();
        assert!(words.starts_with("the component does not fit the sandbox: "), "{words}");
    }
}
