//! `cargo xtask write-only`: the device that writes to a backup and cannot read it, on a real
//! homeserver.

use std::process::ExitCode;

use anyhow::Result;

use crate::steps::Steps;
use crate::{e2e, project};

/// The workspace of the example, whose dependencies are large.
pub(crate) const MANIFEST: &str = "examples/write-only/Cargo.toml";
/// The test that is the scenario.
const SCENARIO: &str = "scenario::";

/// Runs the example of a write-only device on a real homeserver, and shows who can do what.
///
/// Alice's main device makes a backup, her bot backs up while that device is offline, and a fresh
/// device reads every message. Synapse is installed and started as for `cargo xtask e2e`, and stopped
/// again. docs/write-only.md explains each message.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Not the scenario alone, but all tests of the example: what a hostile homeserver does, and who
    /// is refused.
    #[arg(long)]
    all: bool,
}

/// Runs the task.
///
/// # Errors
///
/// When the server cannot be had, or something is not as it should be.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let filter = (!arguments.all).then_some(SCENARIO);
    let outcome = e2e::write_only(&mut steps, filter);
    steps.finish("cargo xtask write-only");
    outcome.map(|()| ExitCode::SUCCESS)
}

/// What `cargo xtask ci` runs: lints, tests without a server, and all with one.
///
/// # Errors
///
/// At the first step that fails.
pub(crate) fn all(steps: &mut Steps) -> Result<()> {
    let workspace =
        ["--workspace", "--locked", "--ignore-rust-version", "--manifest-path", MANIFEST];
    let mut clippy = project::cargo()?;
    clippy.arg("clippy").args(workspace).args(["--all-targets", "--", "-Dwarnings"]);
    steps.run("clippy: write-only", &mut clippy)?;
    let mut tests = project::cargo()?;
    tests.arg("test").args(workspace);
    steps.run("write-only", &mut tests)?;
    e2e::write_only(steps, None)
}
