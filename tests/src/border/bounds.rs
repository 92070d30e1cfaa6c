//! What is refused before any of it is compiled: too much of something, or features that guests
//! may not use.
//!
//! Takes components as text. Gives them to the inspection. Never compiles.

use tidemill::wasm::inspect::inspect;

fn check(module: &str, expected: &str) {
    let component = wat::parse_str(format!("(component (core module {module}))"));
    let component = component.unwrap_or_else(|error| panic!("{expected}: {error}"));
    let words = inspect(&component).expect_err("it is refused").to_string();
    assert!(words.contains(expected), "{expected}: {words}");
}

#[test]
fn what_is_too_much_is_refused() {
    let blocks = |depth| format!("(func {}{})", "(block ".repeat(depth), ")".repeat(depth));
    check(&blocks(2_001), "blocks within blocks, limit is 2000");
    check(&format!("(func (local {}))", "i32 ".repeat(10_001)), "10001 locals in one function");
    check(&format!("(func {})", "(nop)".repeat(530_000)), "bytes in one function, limit is 524288");
    check(&"(func)".repeat(100_001), "100001 functions, limit is 100000");
    let modules = "(core module)".repeat(64);
    check(&format!(") {modules}"), "65 core modules, limit is 64");
    let exports: String = (0..16_385).map(|i| format!(r#"(export "{i}" (func 0))"#)).collect();
    check(&format!("(func) {exports}"), "16385 exports, limit is 16384");
}

#[test]
fn what_is_within_bounds_reaches_the_next_check() {
    check(&format!("(func {}{})", "(block ".repeat(1_000), ")".repeat(1_000)), "does not export");
    check("(memory 1) (func (drop (i8x16.splat (i32.const 1))))", "does not export");
}

#[test]
fn features_that_guests_may_not_use_are_refused() {
    for module in [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(memory 1) (memory 1)",
        "(memory 1 (pagesize 1))",
        "(type (struct (field i32)))",
        "(type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0)))",
        "(func $f (return_call $f))",
        "(tag) (func (throw 0))",
        "(func (drop (i32x4.relaxed_trunc_f32x4_s (v128.const i32x4 0 0 0 0))))",
        "(func (drop (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))))",
        "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))",
    ] {
        check(module, "the component is not valid at byte");
    }
}
