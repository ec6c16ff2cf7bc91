//! The program `matrix-key-backup`: [`args`] is what can be said to it, [`commands`] what it does,
//! [`error`] what can go wrong, [`exit`] what it returns.

mod access;
mod account_data;
mod any_store;
mod args;
mod begin;
mod commands;
mod confirm;
mod context;
mod data_directory;
mod error;
mod exit;
mod files;
mod findings;
mod homeserver;
mod interrupt;
mod key_shape;
mod known_backup;
mod manual;
mod memory;
mod output;
mod page;
mod passphrase;
mod places;
mod printable;
mod progress;
mod runtime;
mod secrets;
mod session;
mod storage_error;
mod storage_key;
mod store;
mod walk;
mod wording;

use std::{env, io, process::ExitCode};

use clap::{Parser as _, error::ErrorKind};
use matrix_key_backup::account::KeyBackupPreference;

use crate::{
    args::{Arguments, Command, STORE_VARIABLE},
    context::Context,
    error::{Error, Kind},
    exit::ExitStatus,
    output::Output,
};

fn main() -> ExitCode {
    interrupt::prepare();
    // Before anything of the arguments can be printed.
    let given = env::args_os().skip(1).chain(env::var_os(STORE_VARIABLE));
    if key_shape::is_among(given) {
        return unparsed_output().error(&Error::KeyAsArgument).into();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_parsed(&error).into(),
    };
    let output = Output::new(&arguments.global);
    run(&arguments, output).unwrap_or_else(|error| output.error(&error)).into()
}

fn run(arguments: &Arguments, output: Output) -> Result<ExitStatus, Error> {
    let context = || Context::new(&arguments.global, output);
    match &arguments.command {
        Command::Create(arguments) => commands::create::run(arguments, &context()?),
        Command::Upload(arguments) => commands::upload::run(arguments, &context()?),
        Command::Restore(arguments) => commands::restore::run(arguments, &context()?),
        Command::Verify(arguments) => commands::verify::run(arguments, &context()?),
        Command::Migrate(arguments) => commands::migrate::run(arguments, &context()?),
        Command::Delete(arguments) => commands::delete::run(arguments, &context()?),
        Command::Status(arguments) => commands::status::run(arguments, &context()?),
        Command::Doctor(arguments) => commands::doctor::run(arguments, &context()?),
        Command::List(arguments) => commands::list::run(arguments, &context()?),
        Command::Unlock(arguments) => commands::unlock::run(arguments, &context()?),
        Command::Key(command) => commands::key::run(command, &context()?),
        Command::SecretStorage(command) => commands::secret_storage::run(command, &context()?),
        Command::Copy(arguments) => commands::copy::run(arguments, output),
        Command::Login(login) => {
            commands::login::run(login, arguments.global.user.as_ref(), output)
        }
        Command::Logout(arguments) => commands::logout::run(arguments, output),
        Command::Enable(_) => commands::preference::run(KeyBackupPreference::Enabled, output),
        Command::Disable(_) => commands::preference::run(KeyBackupPreference::Disabled, output),
        Command::Completions(arguments) => commands::completions::run(arguments, output),
        Command::Man(arguments) => commands::man::run(arguments, output),
    }
}

/// Help and version are asked for, all else is wrong usage.
fn not_parsed(error: &clap::Error) -> ExitStatus {
    let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let output = unparsed_output();
    if !is_asked_for && output.is_json() {
        let message = error.to_string();
        let message = message.trim_start_matches("error: ").trim_end();
        return output.failure(Kind::Usage, message);
    }
    match error.print() {
        _ if !is_asked_for => ExitStatus::Usage,
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            output.error(&Error::StandardOutput { what: "the help", source })
        }
        _ => ExitStatus::Done,
    }
}

/// For errors before it is known what was asked for.
fn unparsed_output() -> Output {
    if env::args_os().any(|argument| argument == "--json") {
        Output::json()
    } else {
        Output::default()
    }
}
