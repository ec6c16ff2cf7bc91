//! `cargo xtask ci`: everything that must hold before a change goes in.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::layers::{self, Package};
use crate::steps::Steps;
use crate::toolchain::{self, BARE_METAL, WASM32};
use crate::{bench, ct, e2e, fuzz, page, portability, project, test, write_only};

/// Runs every check there is, and skips none.
///
/// Formatting, clippy and documentation with warnings denied; each combination of features; the
/// weight of each layer; the oldest Rust promised; all that `cargo xtask test` runs; the page that
/// `status --html` draws, in Chromium; builds without std and for WebAssembly; a short run of each
/// fuzz target; that X25519 in batches takes constant time; the tests against other
/// implementations, and the benchmark for a moment; the write-only device. A compiler, target, browser or valgrind that is
/// missing is installed, by rustup or from Debian's packages; where that fails, the task fails.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each fuzz target runs, in seconds.
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    fuzz_seconds: u32,
}

/// Runs the task.
///
/// # Errors
///
/// At the first step that fails.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let outcome = run(&mut steps, arguments);
    steps.finish("cargo xtask ci");
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The cheap checks first: most mistakes end here.
fn run(steps: &mut Steps, arguments: &Arguments) -> Result<()> {
    formatting(steps)?;
    steps.call("layers: arrows", "cargo metadata", layers::check_arrows)?;
    steps.call("layers: weight", "cargo tree", layers::check_weight)?;
    clippy(steps)?;
    features(steps)?;
    documentation(steps)?;
    test::core(steps)?;
    page::all(steps)?;
    let compiler =
        steps.call("target for no_std", BARE_METAL, || toolchain::ensure_target(BARE_METAL))?;
    portability::no_std(steps, compiler)?;
    let compiler =
        steps.call("target for WebAssembly", WASM32, || toolchain::ensure_target(WASM32))?;
    portability::wasm32(steps, compiler)?;
    oldest_rust(steps)?;
    fuzz::all(steps, arguments.fuzz_seconds)?;
    constant_time(steps)?;
    peers(steps)?;
    write_only::all(steps)
}

fn formatting(steps: &mut Steps) -> Result<()> {
    steps
        .call("rustfmt", "cargo fmt --version", || toolchain::ensure_component("rustfmt", "fmt"))?;
    steps.run("formatting", project::cargo()?.args(["fmt", "--all", "--check"]))?;
    for workspace in ["ct", "examples/write-only", "fuzz", "peers"] {
        let manifest = format!("{workspace}/Cargo.toml");
        let mut command = project::cargo()?;
        command.args(["fmt", "--all", "--check", "--manifest-path", &manifest]);
        steps.run(&format!("formatting: {workspace}"), &mut command)?;
    }
    Ok(())
}

fn clippy(steps: &mut Steps) -> Result<()> {
    steps.call("clippy's own version", "cargo clippy --version", || {
        toolchain::ensure_component("clippy", "clippy")
    })?;
    let mut command = clippy_command()?;
    command.args(["--workspace", "--all-features"]);
    steps.run("clippy", deny_warnings(&mut command))?;
    steps.call("C++ compiler for libFuzzer", "c++ --version", toolchain::ensure_cxx)?;
    let mut command = fuzz::cargo("clippy", &toolchain::host()?)?;
    steps.run("clippy: fuzz", deny_warnings(&mut command))?;
    let mut command = ct::cargo("clippy")?;
    steps.run("clippy: ct", deny_warnings(command.arg("--all-targets")))
}

/// Each package alone: without features, with each one, with all of them. What one switches on
/// must not be what another silently needs.
fn features(steps: &mut Steps) -> Result<()> {
    for package in layers::packages()? {
        for features in combinations(&package) {
            let mut command = clippy_command()?;
            command.args(["-p", &package.name, "--no-default-features", "--features", &features]);
            let name = format!("features: {} [{features}]", package.name);
            steps.run(&name, deny_warnings(&mut command))?;
        }
    }
    Ok(())
}

/// None, each one, all; as `--features` takes them.
fn combinations(package: &Package) -> Vec<String> {
    let names: Vec<_> =
        package.features.keys().filter(|name| *name != "default").map(String::as_str).collect();
    let mut combinations = vec![String::new()];
    combinations.extend(names.iter().map(|name| (*name).to_owned()));
    if names.len() > 1 {
        combinations.push(names.join(","));
    }
    combinations
}

fn clippy_command() -> Result<Command> {
    let mut command = project::cargo()?;
    command.args(["clippy", "--locked", "--all-targets"]);
    Ok(command)
}

fn deny_warnings(command: &mut Command) -> &mut Command {
    command.args(["--", "-Dwarnings"])
}

fn documentation(steps: &mut Steps) -> Result<()> {
    let mut command = project::cargo()?;
    command.args(["doc", "--locked", "--workspace", "--all-features", "--no-deps", "--lib"]);
    command.env("RUSTDOCFLAGS", "-Dwarnings");
    steps.run("documentation", &mut command)
}

fn oldest_rust(steps: &mut Steps) -> Result<()> {
    let version = toolchain::msrv();
    let what = format!("rustup run {version} rustc --version");
    let mut cargo = steps.call("the oldest Rust", &what, toolchain::ensure_msrv)?;
    cargo.args(["check", "--locked", "--workspace", "--all-features"]);
    steps.run(&format!("check with Rust {version}"), &mut cargo)
}

/// Its own tests first: they are those of its statistics.
fn constant_time(steps: &mut Steps) -> Result<()> {
    steps.run("ct: tests", &mut ct::cargo("test")?)?;
    ct::all(steps)
}

fn peers(steps: &mut Steps) -> Result<()> {
    let mut command = project::cargo()?;
    command.args(["test", "--locked", "--workspace", "--manifest-path", "peers/Cargo.toml"]);
    // A peer may ask for a newer Rust than it needs.
    command.arg("--ignore-rust-version");
    steps.run("peers", &mut command)?;
    bench::quick(steps)?;
    e2e::peers(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_tried_alone_and_together() {
        let json = r#"{"name":"p","manifest_path":"","dependencies":[],
            "features":{"default":["a"],"a":[],"b":[]}}"#;
        let package: Package = serde_json::from_str(json).unwrap();
        assert_eq!(combinations(&package), ["", "a", "b", "a,b"]);
    }
}
