//! `cargo xtask e2e`: the tests that need a real homeserver, on one of their own.

use std::process::{Command, ExitCode, Stdio, exit};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

use crate::homeserver::{self, Homeserver};
use crate::project;
use crate::steps::{self, Steps};
use crate::write_only;

/// How a person runs this alone.
const TASK: &str = "cargo xtask e2e";
/// What a shell says of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Runs the tests that need a real homeserver.
///
/// They are in crates/*/tests/homeserver, and with --peers in peers/interop/tests/homeserver.rs,
/// and marked as ignored, so that `cargo test` passes without a server. This task installs Synapse if it is missing, starts one with empty data, runs
/// the tests, and stops it again, also where they fail or are interrupted. What a run that failed
/// has left, the server's log above all, is in target/homeserver/e2e until the next run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only the tests with this in their names [default: all].
    filter: Option<String>,
    /// Instead the tests of peers/, which compare with deployed implementations. Builds them: large.
    #[arg(long)]
    peers: bool,
}

/// Runs the task.
///
/// # Errors
///
/// When the server cannot be had, or a test fails.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let suite = if arguments.peers { Suite::Peers } else { Suite::Ours };
    let outcome = run(&mut steps, suite, arguments.filter.as_deref());
    steps.finish(TASK);
    outcome.map(|()| ExitCode::SUCCESS)
}

/// What `cargo xtask test` runs of this.
///
/// # Errors
///
/// As [`main`].
pub(crate) fn all(steps: &mut Steps) -> Result<()> {
    run(steps, Suite::Ours, None)
}

/// What `cargo xtask ci` runs besides.
///
/// # Errors
///
/// As [`main`].
pub(crate) fn peers(steps: &mut Steps) -> Result<()> {
    run(steps, Suite::Peers, None)
}

/// What `cargo xtask write-only` runs: the example of a write-only device.
///
/// # Errors
///
/// As [`main`].
pub(crate) fn write_only(steps: &mut Steps, filter: Option<&str>) -> Result<()> {
    run(steps, Suite::WriteOnly, filter)
}

/// Whose tests.
#[derive(Debug, Clone, Copy)]
enum Suite {
    /// Those of crates/.
    Ours,
    /// Those of peers/, a large workspace of its own.
    Peers,
    /// Those of examples/write-only, another one.
    WriteOnly,
}

fn run(steps: &mut Steps, suite: Suite, filter: Option<&str>) -> Result<()> {
    steps.call("homeserver: build its tests", TASK, || build(suite, filter))?;
    steps.call("homeserver: install", "cargo xtask homeserver start", homeserver::install)?;
    let server = claim()?;
    let _stopped = StoppedInTheEnd(server);
    let state = steps.call("homeserver: start", TASK, || {
        // A run that was killed may have left its own.
        server.wipe()?;
        server.start(&[])
    })?;
    steps.call("homeserver: tests", TASK, || {
        let mut tests = tests(suite, filter, &[])?;
        tests.env("MATRIX_KEY_BACKUP_TEST_HOMESERVER", &state.url);
        tests.env("MATRIX_KEY_BACKUP_TEST_SECRET", &state.registration_shared_secret);
        let log = project::shown(&server.log_file());
        steps::status(&mut tests).with_context(|| format!("what the homeserver did: {log}"))
    })?;
    steps.call("homeserver: stop", TASK, || server.wipe().map(drop))
}

/// Builds the tests before the server is started, and sees to it that there is one to be run.
fn build(suite: Suite, filter: Option<&str>) -> Result<()> {
    let list = steps::output(tests(suite, filter, &["--list"])?.stderr(Stdio::inherit()))?;
    let count = list.lines().filter(|line| line.ends_with(": test")).count();
    ensure!(count > 0, "no test for a homeserver has this name");
    println!("{count} tests");
    Ok(())
}

/// With the packages and features of `cargo xtask test`, so that nothing is built twice.
fn tests(suite: Suite, filter: Option<&str>, options: &[&str]) -> Result<Command> {
    let mut command = project::cargo()?;
    command.args(["test", "--workspace", "--locked", "--test", "homeserver"]);
    match suite {
        Suite::Ours => command.arg("--all-features"),
        // A peer may ask for a newer Rust than it needs.
        Suite::Peers => {
            command.args(["--manifest-path", "peers/Cargo.toml", "--ignore-rust-version"])
        }
        Suite::WriteOnly => {
            command.args(["--manifest-path", write_only::MANIFEST, "--ignore-rust-version"])
        }
    };
    command.args(["--", "--include-ignored"]).args(options).args(filter);
    if matches!(suite, Suite::WriteOnly) {
        // What the devices tell is what a person wants to see, and in one order.
        command.args(["--nocapture", "--test-threads=1"]);
    }
    Ok(command)
}

/// The server of these tests. From now on it is stopped where we are interrupted.
fn claim() -> Result<&'static Homeserver> {
    static SERVER: OnceLock<Homeserver> = OnceLock::new();
    if let Some(server) = SERVER.get() {
        return Ok(server);
    }
    let server = Homeserver::claim("e2e")?;
    ensure!(SERVER.set(server).is_ok(), "a task has one server");
    let server = SERVER.get().context("a server that was just claimed")?;
    ctrlc::set_handler(move || {
        report(server.stop());
        exit(INTERRUPTED);
    })
    .context("cannot take care of Ctrl-C")?;
    Ok(server)
}

/// Whatever becomes of the tests, the server does not stay behind.
#[derive(Debug)]
struct StoppedInTheEnd(&'static Homeserver);

impl Drop for StoppedInTheEnd {
    fn drop(&mut self) {
        report(self.0.stop());
    }
}

/// Nobody may be there to read it, which must not be what keeps the server running.
fn report(stopped: Result<Option<String>>) {
    use std::io::Write as _;
    let failed = |why| Some(format!("could not stop the homeserver: {why:#}"));
    if let Some(said) = stopped.unwrap_or_else(failed) {
        writeln!(std::io::stdout(), "{said}").ok();
    }
}
