//! Steps that cannot be skipped, because what skips them does not compile.
#![cfg(feature = "sqlite")]
#![allow(missing_docs, reason = "a test")]

#[test]
fn steps_cannot_be_skipped() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
