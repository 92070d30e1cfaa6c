//! Wrong use of the SDK is a compile error that says what is wrong.
//!
//! Takes the programs in `ui`, none of which compiles. Gives their errors, compared with the text
//! kept beside each. Never runs one.

#[test]
fn wrong_use_is_a_readable_compile_error() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
