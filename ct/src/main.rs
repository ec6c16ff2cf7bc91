//! Shows that X25519 in batches takes constant time in its secrets; `cargo xtask ct` runs it.
//!
//! - `memcheck`, under valgrind: secrets are marked as undefined, and memcheck reports every branch
//!   and every memory address that depends on them. What it reports is counted after each case.
//! - `self-test`, under valgrind: the same for functions that leak on purpose.
//! - `dudect [--judge] [--samples NUMBER]`, on the processor itself: times a fixed secret against
//!   random ones. Without `--judge` a difference is shown, but is no failure.
//!
//! The exit status is 0 if nothing leaks, or, in the self-test, if each leak was seen.

mod dudect;
mod leaks;
mod memcheck;
mod operations;
mod random;
mod valgrind;
mod welch;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["memcheck"] => memcheck::library(),
        ["self-test"] => memcheck::self_test(),
        ["dudect", options @ ..] => dudect::main(options),
        _ => Err("which check: memcheck, self-test or dudect?".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
