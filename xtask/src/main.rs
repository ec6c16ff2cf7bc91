//! The tasks of this checkout: `cargo xtask --help` lists them.
//!
//! One file per task: [`mod@test`], [`e2e`], [`ci`], [`ct`], [`fuzz`], [`homeserver`], [`measure`],
//! [`page`], [`vectors`], [`bench`], [`write_only`]. [`steps`] runs their steps, [`toolchain`] finds
//! or installs compilers, [`layers`] knows the stack.
#![expect(clippy::print_stdout, reason = "a task talks to the person who called it")]

mod bench;
mod ci;
mod ct;
mod e2e;
mod fuzz;
mod homeserver;
mod layers;
mod measure;
mod page;
mod portability;
mod program;
mod project;
mod readme;
mod steps;
mod test;
mod toolchain;
mod vectors;
mod write_only;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this checkout.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Test(test::Arguments),
    E2e(e2e::Arguments),
    Ci(ci::Arguments),
    Ct(ct::Arguments),
    Fuzz(fuzz::Arguments),
    Homeserver(homeserver::Arguments),
    Measure(measure::Arguments),
    Page(page::Arguments),
    Bench(bench::Arguments),
    Vectors(vectors::Arguments),
    WriteOnly(write_only::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(arguments) => test::main(&arguments),
        Task::E2e(arguments) => e2e::main(&arguments),
        Task::Ci(arguments) => ci::main(&arguments),
        Task::Ct(arguments) => ct::main(&arguments),
        Task::Fuzz(arguments) => fuzz::main(&arguments),
        Task::Homeserver(arguments) => homeserver::main(&arguments),
        Task::Measure(arguments) => measure::main(&arguments),
        Task::Page(arguments) => page::main(&arguments),
        Task::Bench(arguments) => bench::main(&arguments),
        Task::Vectors(arguments) => vectors::main(&arguments),
        Task::WriteOnly(arguments) => write_only::main(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // On standard output, after the table, where the last line of a long log is read.
            println!("\ncargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
