//! What can be said on the command line, as far as commands share it. Secrets can not: a process
//! list shows arguments to everybody.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};
use matrix_key_backup::wire::{EmptyIdentifier, RoomId, SessionId, UserId};

use crate::{commands, files::Input, manual};

pub(crate) const STORE_VARIABLE: &str = "MATRIX_KEY_BACKUP_STORE";

/// Keep, check and restore a Matrix key backup.
///
/// A key backup holds the room keys of a Matrix account, each encrypted to the backup's public key.
/// Whoever knows that key, the homeserver included, can add keys to an ordinary backup (v1). In an
/// authenticated one (v2, MSC4048) every key carries a MAC that only holders of the decryption
/// key or of the MAC key can make, and what was forged is seen and left out.
///
/// The backup lies in a store: a file, or an account at a homeserver (`login`, then `--store
/// homeserver`). `upload FILE` with a key export file of any Matrix
/// client begins one, and fills it.
#[derive(Debug, Parser)]
#[command(
    name = "matrix-key-backup",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "`--help` says more: secrets, files, environment, exit status.",
    after_long_help = manual::reference()
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What all commands understand.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the backup lies: a file, a JSON file (.json, only read), or `homeserver`, the account
    /// that `login` has stored [default: the file backup.sqlite3 in the user's data directory]
    #[arg(long, global = true, value_name = "STORE", env = STORE_VARIABLE)]
    #[arg(hide_env_values = true)]
    pub(crate) store: Option<PathBuf>,

    /// The Matrix user whose backup it is: keys that name another user are then refused
    #[arg(long, global = true, value_name = "ID", env = "MATRIX_KEY_BACKUP_USER")]
    #[arg(hide_env_values = true, value_parser = user_id)]
    pub(crate) user: Option<UserId>,

    /// Use the account's backup although the homeserver has gone back to it from a newer one: the
    /// error that asks for this says what was found
    #[arg(long, global = true)]
    pub(crate) accept_older_backup: bool,

    /// Report as one JSON object on standard output, errors and warnings as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Report nothing; errors, warnings and what was found wrong are still told
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Tell what happens along the way
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(commands::create::Arguments),
    Upload(commands::upload::Arguments),
    Restore(commands::restore::Arguments),
    Verify(commands::verify::Arguments),
    Copy(commands::copy::Arguments),
    Migrate(commands::migrate::Arguments),
    Delete(commands::delete::Arguments),
    Status(commands::status::Arguments),
    Doctor(commands::doctor::Arguments),
    List(commands::list::Arguments),
    Unlock(commands::unlock::Arguments),
    #[command(subcommand)]
    Key(commands::key::Command),
    #[command(subcommand)]
    SecretStorage(commands::secret_storage::Command),
    Login(commands::login::Arguments),
    Logout(commands::logout::Arguments),
    Enable(commands::preference::EnableArguments),
    Disable(commands::preference::DisableArguments),
    Completions(commands::completions::Arguments),
    Man(commands::man::Arguments),
}

/// Where the decryption key is read from, by a command that takes no other key.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyArguments {
    /// Read the decryption key, base58 or base64, from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<Input>,
}

/// Where a key to the backup is read from: one that reads, or one that only writes.
#[derive(Args, Clone, Debug)]
pub(crate) struct AnyKeyArguments {
    #[command(flatten)]
    pub(crate) decryption: KeyArguments,

    /// Read a writer key (JSON, from `key writer`) from this file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) writer_key_file: Option<Input>,
}

/// Where the passphrase of a key export file is read from.
#[derive(Args, Clone, Debug)]
pub(crate) struct PassphraseArguments {
    /// Read the passphrase of the key export file from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<Input>,
}

/// Which entries are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScopeArguments {
    /// Only the keys of this room
    #[arg(long, value_name = "ROOM", value_parser = room_id)]
    pub(crate) room: Option<RoomId>,

    /// Only the key of this session, in the room given by --room
    #[arg(long, value_name = "SESSION", value_parser = session_id, requires = "room")]
    pub(crate) session: Option<SessionId>,
}

/// Which version of the backup is meant.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct VersionArguments {
    /// Read this version of the backup, not the newest: `create --replace` leaves older ones in the
    /// store, and `status` names all
    #[arg(long, value_name = "VERSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) backup_version: Option<String>,
}

/// How much is told about single entries.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FindingArguments {
    /// Name every entry that something is wrong with, not just the first twenty
    #[arg(long)]
    pub(crate) all: bool,
}

fn user_id(text: &str) -> Result<UserId, String> {
    if text.starts_with('@') && text.contains(':') {
        UserId::new(text).map_err(|error| error.to_string())
    } else {
        Err("a Matrix user id looks like @name:example.org".to_owned())
    }
}

pub(crate) fn room_id(text: &str) -> Result<RoomId, EmptyIdentifier> {
    RoomId::new(text)
}

fn session_id(text: &str) -> Result<SessionId, EmptyIdentifier> {
    SessionId::new(text)
}
