//! `key`: a decryption key, and what follows from it. It changes no backup.

mod check;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use matrix_key_backup::wire::WriterKey;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    args::KeyArguments,
    commands::create::NamesArgument,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::{KEEP_KEYS, NewFile},
    output::{Output, Report},
    printable::printable_json,
    secrets::{GivenKey, secret_text},
    wording::shown,
};

/// Make a decryption key, show one and what follows from it, or check whether a key fits
///
/// A decryption key may be given in either of its forms: base58 (48 characters in groups of four),
/// or base64 (43 characters). What these commands print is secret, except for `public` and `check`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new decryption key
    Generate(GenerateArguments),
    /// Show a decryption key, in the form for people or that for programs
    Show(ShowArguments),
    /// Show the public key: what a backup is encrypted to. It is no secret
    Public(PublicArguments),
    /// Show the MAC key, with which a v2 backup is authenticated
    Mac(MacArguments),
    /// Make a writer key: all that a device needs to add keys to a v2 backup and read none
    ///
    /// It is one JSON object: user_id, algorithm, public_key, backup_mac_key. Whoever has it can add
    /// keys that every reader takes for authenticated, so it is a secret too.
    Writer(WriterArguments),
    Check(check::Arguments),
}

#[derive(Args, Debug)]
pub(crate) struct GenerateArguments {
    #[command(flatten)]
    out: OutArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    /// base58 is for people, base64 for programs
    #[arg(long, value_enum, default_value_t)]
    form: Form,
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    out: OutArguments,
}

#[derive(Args, Debug)]
pub(crate) struct PublicArguments {
    #[command(flatten)]
    key: KeyArguments,
}

#[derive(Args, Debug)]
pub(crate) struct MacArguments {
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    out: OutArguments,
}

#[derive(Args, Debug)]
pub(crate) struct WriterArguments {
    /// Which names the backup uses; `status` says so
    #[arg(long, value_enum, default_value_t)]
    names: NamesArgument,
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    out: OutArguments,
}

/// Where a secret goes.
#[derive(Args, Debug)]
struct OutArguments {
    /// Write it to this new file, readable by you only, and not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    #[default]
    Base58,
    Base64,
}

/// What was written where.
#[derive(Debug, Serialize)]
struct WrittenReport {
    file: String,
}

impl Report for WrittenReport {
    fn text(&self) -> String {
        format!("Written to {}, readable by you only.\n", self.file)
    }

    fn done(&self) -> String {
        format!("The work is done: it is in {}, readable by you only", self.file)
    }
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<ExitStatus, Error> {
    let output = context.output;
    match command {
        Command::Generate(arguments) => {
            let key = GivenKey::generate()?;
            put(&arguments.out, output, "decryption_key", &in_form(&key, Form::Base58))?;
        }
        Command::Show(arguments) => {
            let key = GivenKey::required(&arguments.key, context)?;
            put(&arguments.out, output, "decryption_key", &in_form(&key, arguments.form))?;
        }
        Command::Public(arguments) => {
            let key = GivenKey::required(&arguments.key, context)?;
            let nowhere_else = OutArguments { out: None };
            put(&nowhere_else, output, "public_key", &key.reader.public_key().to_base64())?;
        }
        Command::Mac(arguments) => {
            let key = GivenKey::required(&arguments.key, context)?;
            let mac_key = key.reader.mac_key().expose_base64();
            put(&arguments.out, output, "backup_mac_key", &mac_key)?;
        }
        Command::Writer(arguments) => writer(arguments, context)?,
        Command::Check(arguments) => return check::run(arguments, context),
    }
    Ok(ExitStatus::Done)
}

fn writer(arguments: &WriterArguments, context: &Context) -> Result<(), Error> {
    let Some(user_id) = context.user.clone() else {
        let message = "a writer key names the user whose backup it is for: give the user id with \
                       --user, for instance --user @name:example.org";
        return Err(Error::Usage(message.to_owned()));
    };
    let GivenKey { reader, .. } = GivenKey::required(&arguments.key, context)?;
    let (public_key, mac_key) = (*reader.public_key(), reader.mac_key().clone());
    let key = WriterKey::new(user_id, arguments.names.into(), public_key, mac_key);
    // It is JSON in any case. // K-6
    put_text(&arguments.out, context.output, &secret_text(&[&key.expose_json(), "\n"]))
}

fn in_form(key: &GivenKey, form: Form) -> Zeroizing<String> {
    let key = key.reader.decryption_key();
    match form {
        Form::Base58 => key.expose_base58(),
        Form::Base64 => key.expose_base64(),
    }
}

/// Puts out one value: as a line, or under its name where JSON is asked for.
fn put(out: &OutArguments, output: Output, name: &str, value: &str) -> Result<(), Error> {
    let text = if output.is_json() && out.out.is_none() {
        // Base58 and base64 have nothing that JSON would escape.
        secret_text(&["{\"", name, "\":\"", value, "\"}\n"])
    } else {
        secret_text(&[value, "\n"])
    };
    put_text(out, output, &text)
}

fn put_text(out: &OutArguments, output: Output, text: &str) -> Result<(), Error> {
    match &out.out {
        Some(path) => {
            NewFile::write(path, text.as_bytes(), KEEP_KEYS)?;
            output.report(&WrittenReport { file: shown(path) })
        }
        None => output.raw("the key", printable_json(text).as_bytes()),
    }
}
