//! `cargo xtask test`: what a newcomer runs to trust the checkout.

use std::process::ExitCode;

use anyhow::Result;

use crate::steps::Steps;
use crate::toolchain::{self, BARE_METAL, CrossCompiler, WASM32};
use crate::{e2e, portability, project, readme, vectors};

/// Runs everything that needs nothing but this checkout, Rust, a C compiler and Python 3.10.
///
/// The tests of all crates with the examples in their documentation; the test vectors made by
/// other implementations; our own vectors, made anew and compared; the README's command on a
/// store that is thrown away; the tests against a real homeserver, Synapse, which is fetched from
/// PyPI into target/ and run on this machine alone. Nothing is written outside target/, and
/// nothing is installed, but Debian's package python3-venv where Python lacks it: what could not
/// be checked for that reason stands at the end, with the command that checks it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Runs the task.
///
/// # Errors
///
/// At the first step that fails.
pub(crate) fn main(_: &Arguments) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let outcome = run(&mut steps);
    steps.finish("cargo xtask test");
    outcome.map(|()| ExitCode::SUCCESS)
}

fn run(steps: &mut Steps) -> Result<()> {
    core(steps)?;
    if toolchain::has_target(BARE_METAL) {
        portability::no_std(steps, CrossCompiler::InUse)?;
    } else {
        let how = format!("rustup target add {BARE_METAL}, then cargo xtask test");
        steps.skip("primitives without std", &how);
    }
    if toolchain::has_target(WASM32) {
        portability::wasm32(steps, CrossCompiler::InUse)?;
    } else {
        let how = format!("rustup target add {WASM32}, then cargo xtask test");
        steps.skip("the builds for WebAssembly", &how);
    }
    steps.skip("the page of `status --html` in a browser", "cargo xtask page");
    steps.skip("fuzzing", "cargo xtask fuzz");
    steps.skip("other implementations (peers/)", "cargo test --manifest-path peers/Cargo.toml");
    steps.skip("other implementations on a homeserver", "cargo xtask e2e --peers");
    steps.skip("formatting, clippy, docs, features, the oldest Rust", "cargo xtask ci");
    Ok(())
}

/// The steps that `cargo xtask ci` shares.
///
/// # Errors
///
/// At the first step that fails.
pub(crate) fn core(steps: &mut Steps) -> Result<()> {
    println!("{}", toolchain::rustc_version()?);
    println!("{}", processor());
    let mut tests = project::cargo()?;
    tests.args(["test", "--workspace", "--all-features", "--locked"]);
    steps.run("tests", &mut tests)?;
    vectors::steps(steps)?;
    readme::steps(steps)?;
    e2e::all(steps)
}

/// Which of the fast paths this processor could take. Information only: the results are the same.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let tiers = [
        ("avx512-ifma", std::arch::is_x86_feature_detected!("avx512ifma")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("portable", true),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let tiers = [("avx512-ifma", false), ("avx2", false), ("portable", true)];
    let shown = tiers.map(|(name, there)| format!("{name} {}", if there { "yes" } else { "no" }));
    format!("this processor's vector units: {}", shown.join(", "))
}
