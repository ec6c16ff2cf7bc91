//! `completions`: a script for the shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{args, error::Error, exit::ExitStatus, output::Output};

/// Print a script that lets your shell complete this program's arguments
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup completions bash > ~/.local/share/bash-completion/completions/matrix-key-backup
  matrix-key-backup completions zsh > ~/.zfunc/_matrix-key-backup")]
pub(crate) struct Arguments {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> Result<ExitStatus, Error> {
    let mut script = Vec::new();
    let mut command = args::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, env!("CARGO_BIN_NAME"), &mut script);
    output.raw("the script", &script)?;
    Ok(ExitStatus::Done)
}
