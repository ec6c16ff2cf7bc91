//! `cargo xtask fuzz`: runs the targets of fuzz/ for a while, with the compiler in use.
//!
//! libFuzzer needs coverage counters, which a stable compiler can be asked for as well as a
//! nightly one; so neither nightly nor cargo-fuzz has to be installed. The folder has
//! cargo-fuzz's layout all the same, for those who have it. `--cfg fuzzing` is left out on
//! purpose: what is fuzzed is what is shipped.

mod seeds;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};

use crate::steps::{self, Steps};
use crate::{project, toolchain};

/// Where the instrumented build goes: apart, since its flags differ from all others.
const TARGET_DIR: &str = "target/fuzz";

/// Runs the fuzz targets, each for a fixed time.
///
/// Inputs start from the test vectors; what reached new code is kept in fuzz/corpus for the next
/// run. An input that makes a target fail is written to fuzz/artifacts, and the last lines say
/// how to run it again.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which targets to run, by their names in fuzz/fuzz_targets [default: all].
    targets: Vec<String>,
    /// How long each target runs, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u32,
}

/// Runs the task.
///
/// # Errors
///
/// When a target does not build, or finds something.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let known = targets()?;
    for target in &arguments.targets {
        ensure!(known.contains(target), "no fuzz target `{target}`; there are {known:?}");
    }
    let chosen = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    let mut steps = Steps::default();
    let outcome = run(&mut steps, chosen, arguments.seconds);
    steps.finish("cargo xtask fuzz");
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Builds and runs every target.
///
/// # Errors
///
/// As [`main`].
pub(crate) fn all(steps: &mut Steps, seconds: u32) -> Result<()> {
    run(steps, &targets()?, seconds)
}

fn run(steps: &mut Steps, targets: &[String], seconds: u32) -> Result<()> {
    steps.call("fuzz: C++ compiler", "c++ --version", toolchain::ensure_cxx)?;
    let host = toolchain::host()?;
    steps.run("fuzz: build", &mut cargo("build", &host)?)?;
    for target in targets {
        let corpus = folder("corpus", target)?;
        seeds::write(target, &corpus)?;
        let mut fuzzer = fuzzer(&host, target, &corpus, seconds)?;
        let what = steps::show(&fuzzer);
        steps.call(&format!("fuzz: {target}"), &what, || watch(&mut fuzzer))?;
    }
    Ok(())
}

/// The names in fuzz/fuzz_targets, sorted.
fn targets() -> Result<Vec<String>> {
    let folder = project::root()?.join("fuzz/fuzz_targets");
    let entries = folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// `cargo <verb>` for the workspace of fuzz/, with the flags of the one build there is.
pub(crate) fn cargo(verb: &str, host: &str) -> Result<Command> {
    // What cargo-fuzz sets, less the address sanitizer: only a nightly compiler has it, and the
    // crates under test forbid unsafe code.
    const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";
    let mut command = project::cargo()?;
    command.args([verb, "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    // Naming the target keeps build scripts and macros free of the counters.
    command.args(["--target", host, "--target-dir", TARGET_DIR]);
    command.env("RUSTFLAGS", COVERAGE);
    Ok(command)
}

fn fuzzer(host: &str, target: &str, corpus: &Path, seconds: u32) -> Result<Command> {
    let program = format!("{TARGET_DIR}/{host}/release/{target}");
    let artifacts = folder("artifacts", target)?;
    let mut command = Command::new(project::root()?.join(program));
    command.current_dir(project::root()?).arg(corpus);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    // A slow or hungry input is a finding too.
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"]);
    command.args(["-verbosity=0", "-print_final_stats=1"]);
    Ok(command)
}

/// libFuzzer says much, and little of it matters while nothing is found.
fn watch(fuzzer: &mut Command) -> Result<()> {
    let output = fuzzer.output().context("could not start the fuzz target")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        println!("{said}");
        bail!("it ended with {}: the last lines above name the input", output.status);
    }
    said.lines().filter(|line| line.starts_with("stat::")).for_each(|line| println!("{line}"));
    Ok(())
}

/// `fuzz/<kind>/<target>`, made if it is not there.
fn folder(kind: &str, target: &str) -> Result<PathBuf> {
    let relative = Path::new("fuzz").join(kind).join(target);
    std::fs::create_dir_all(project::root()?.join(&relative))
        .with_context(|| format!("cannot create {}", relative.display()))?;
    Ok(relative)
}
