//! Nothing to call: the programs in `src/bin` are the examples.
//!
//! The code in `docs/walkthrough.md` is compiled and run from here.

/// Compiles and runs the code of the walkthrough.
#[cfg(doctest)]
#[doc = include_str!("../../docs/walkthrough.md")]
struct Walkthrough;
