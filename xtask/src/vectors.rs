//! `cargo xtask vectors`: the test vectors of this project and of others.

mod case;
mod check;
mod generate;
mod hex;
mod intermediates;
mod report;
pub(crate) mod rng;
#[cfg(test)]
mod sabotage;
mod topics;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Subcommand;

use crate::project;
use crate::steps::Steps;

/// Vectors made by other implementations, in this checkout.
const OF_OTHERS: &str = "testdata/vectors";
/// Vectors made by this project.
const OWN: &str = "testdata/vectors-own";

/// Runs test vectors, or makes our own.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Runs every file of a known form in a folder through the crates' public interface.
    ///
    /// The forms are those of testdata/vectors; its README says what is in each file. A file that
    /// is missing is skipped and said so. A case that is not understood fails. The last line is `N passed, M failed`, with `, K skipped` where
    /// something was; the exit status is 0 only if at least one case ran and none failed.
    Check {
        /// The folder with the files.
        dir: PathBuf,
    },
    /// Makes our own vectors anew, in testdata/vectors-own.
    ///
    /// They come out the same on every run and machine: all keys follow from fixed seeds. Commit
    /// what changes, once it is clear why it does.
    Generate {
        /// Write nothing: compare with what is there, and name what differs.
        #[arg(long)]
        check: bool,
    },
}

/// Runs the task.
///
/// # Errors
///
/// When the folder cannot be read.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.action {
        Action::Check { dir } => {
            let report = check::folder(dir)?;
            print!("{report}");
            Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Action::Generate { check } => {
            let dir = project::root()?.join(OWN);
            let outcome = if *check { generate::compare(&dir) } else { generate::write(&dir) };
            outcome.map(|()| ExitCode::SUCCESS)
        }
    }
}

/// What `cargo xtask test` runs of this.
///
/// # Errors
///
/// At the first folder in which a case fails.
pub(crate) fn steps(steps: &mut Steps) -> Result<()> {
    check_step(steps, OF_OTHERS)?;
    let own = project::root()?.join(OWN);
    steps.call("vectors: made anew", "cargo xtask vectors generate --check", || {
        generate::compare(&own)
    })?;
    check_step(steps, OWN)
}

fn check_step(steps: &mut Steps, dir: &str) -> Result<()> {
    let what = format!("cargo xtask vectors check {dir}");
    steps.call(&format!("vectors: {dir}"), &what, || {
        let report = check::folder(&project::root()?.join(dir))?;
        print!("{report}");
        ensure!(report.is_good(), "{}", report.closing_line());
        Ok(())
    })
}
