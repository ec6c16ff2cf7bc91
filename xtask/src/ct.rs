//! `cargo xtask ct`: that X25519 in batches takes constant time in its secrets.
//!
//! The program of ct/ does it. Under valgrind, with secrets marked as undefined, it finds every
//! branch and every address that depends on one, on the code that ran. On the processor itself it
//! compares durations, which is the only way for AVX-512 IFMA, since valgrind does not know it; the
//! same code runs under valgrind over plain integers.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::steps::{self, Steps};
use crate::{project, toolchain};

/// Where the program is built: apart, since it is a workspace of its own.
const TARGET_DIR: &str = "target/ct";
/// Enough to see that the program runs. Nothing is judged by so few.
const FEW_SAMPLES: &str = "2000";

/// Looks for what depends on a secret, in the code of X25519 in batches.
///
/// Under valgrind, which is installed from Debian's packages if it is missing, the portable and the
/// AVX2 tier run with secrets marked as undefined, and both vector tiers' code over plain integers;
/// a branch or a memory address that depends on a secret makes the task fail. So does a leak on
/// purpose that is not seen. On the processor itself each tier is timed for a moment, only to see
/// that it runs. The log of valgrind is in target/ct/memcheck.log.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Times each tier for long, with a fixed secret and with random ones, and fails where the
    /// durations differ (Welch's t above 10, three times in a row). For an idle machine.
    #[arg(long)]
    dudect: bool,

    /// How many durations are measured, with --dudect.
    #[arg(long, default_value_t = 100_000, value_name = "NUMBER")]
    samples: u32,
}

/// Runs the task.
///
/// # Errors
///
/// When something depends on a secret, or a leak on purpose is not seen; when valgrind cannot be
/// had.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let outcome = run(&mut steps, arguments);
    steps.finish("cargo xtask ct");
    outcome.map(|()| ExitCode::SUCCESS)
}

fn run(steps: &mut Steps, arguments: &Arguments) -> Result<()> {
    if arguments.dudect {
        build(steps)?;
        let samples = arguments.samples.to_string();
        let mut command = program()?;
        command.args(["dudect", "--judge", "--samples", &samples]);
        return steps.run("ct: durations", &mut command);
    }
    all(steps)?;
    steps.skip("durations, which were measured and not judged", "cargo xtask ct --dudect");
    Ok(())
}

/// Runs what can be judged on any machine, and sees that the rest runs.
///
/// # Errors
///
/// As [`main`].
pub(crate) fn all(steps: &mut Steps) -> Result<()> {
    steps.call("ct: valgrind", "valgrind --version", toolchain::ensure_valgrind)?;
    build(steps)?;
    for (name, check, log) in [
        ("ct: memcheck sees what leaks", "self-test", "self-test.log"),
        ("ct: memcheck", "memcheck", "memcheck.log"),
    ] {
        let log = format!("{TARGET_DIR}/{log}");
        let mut command = under_valgrind(check, &log)?;
        let what = steps::show(&command);
        steps.call(name, &what, || watch(&mut command, &log))?;
    }
    let mut command = program()?;
    command.args(["dudect", "--samples", FEW_SAMPLES]);
    steps.run("ct: durations, not judged", &mut command)
}

fn build(steps: &mut Steps) -> Result<()> {
    steps.run("ct: build", &mut cargo("build")?)
}

/// `cargo <verb>` for the workspace of ct/.
///
/// # Errors
///
/// When this is not a checkout.
pub(crate) fn cargo(verb: &str) -> Result<Command> {
    let mut command = project::cargo()?;
    command.args([verb, "--locked", "--release", "--manifest-path", "ct/Cargo.toml"]);
    command.args(["--target-dir", TARGET_DIR]);
    Ok(command)
}

fn program() -> Result<Command> {
    let root = project::root()?;
    let mut command = Command::new(root.join(TARGET_DIR).join("release/matrix-key-backup-ct"));
    command.current_dir(root);
    Ok(command)
}

fn under_valgrind(check: &str, log: &str) -> Result<Command> {
    let mut command = Command::new("valgrind");
    command.current_dir(project::root()?);
    // Without a limit: what is not counted is not seen.
    command.args(["--quiet", "--error-limit=no", &format!("--log-file={log}")]);
    command.arg(program()?.get_program()).arg(check);
    Ok(command)
}

/// Where it fails, valgrind's log says at which lines.
fn watch(command: &mut Command, log: &str) -> Result<()> {
    let outcome = steps::status(command);
    if outcome.is_err() {
        let path = project::root()?.join(log);
        let said = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        println!("{said}");
    }
    outcome
}
