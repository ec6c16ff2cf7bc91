//! `man`: manual pages.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};

use crate::{args, error::Error, exit::ExitStatus, files::unwritable, manual, output::Output};

/// Print the manual page, or write those of all commands into a directory
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup man | man -l -
  matrix-key-backup man --dir ~/.local/share/man/man1")]
pub(crate) struct Arguments {
    /// Write the pages of the program and of each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> Result<ExitStatus, Error> {
    let mut program = args::Arguments::command().disable_help_subcommand(true);
    program.build();
    match &arguments.dir {
        Some(directory) => write_all(&program, directory)?,
        None => output.raw("the manual page", &manual::page(&program))?,
    }
    Ok(ExitStatus::Done)
}

/// Manual pages hold nothing of the user's, and are overwritten like those of any installation.
fn write_all(command: &Command, directory: &Path) -> Result<(), Error> {
    for command in command.get_subcommands() {
        write_all(command, directory)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = directory.join(format!("{name}.1"));
    std::fs::write(&path, manual::page(command)).map_err(|source| unwritable(&path, source))
}
