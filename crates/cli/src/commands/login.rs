//! `login` and `logout`: the account that `--store homeserver` means.

use clap::Args;
use matrix_key_backup::{
    store::{
        BackupStore as _,
        homeserver::{AccessToken, HomeserverStore, HomeserverUrl},
    },
    wire::UserId,
};
use serde::Serialize;

use crate::{
    any_store::AnyStoreError,
    data_directory::make_private,
    error::Error,
    exit::ExitStatus,
    files::{Input, directory_of},
    output::{Output, Report},
    runtime::block_on,
    secrets::ask,
    session::{Session, session_file},
    store::transport,
    wording::shown,
};

/// Store the account that `--store homeserver` means
///
/// It takes the access token of a session that you have: clients show it in their settings, under
/// help or about. The token is tried once on the homeserver before it is stored; whose it is, is
/// taken from --user. Whoever has the token acts as you, so it is read from a file or asked for, and
/// lies in a file that only you can read. Plain http is refused, except to this machine.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup login --homeserver https://matrix.example.org --user @me:example.org
  matrix-key-backup --store homeserver status")]
pub(crate) struct LoginArguments {
    /// The homeserver's address, as clients use it: https://matrix.example.org
    #[arg(long, value_name = "URL")]
    homeserver: String,

    /// Read the access token from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    access_token_file: Option<Input>,
}

/// Forget the account that `login` has stored
///
/// The access token is not ended: it is that of another client, which would be logged out with it.
/// What the account has at the homeserver stays as it is.
#[derive(Args, Debug)]
pub(crate) struct LogoutArguments {}

#[derive(Debug, Serialize)]
struct LoginReport {
    user_id: String,
    homeserver: String,
    /// Where the session lies.
    session_file: String,
    /// The version of the account's current backup, if there is one.
    version: Option<String>,
}

impl Report for LoginReport {
    fn text(&self) -> String {
        let backup = match &self.version {
            Some(version) => format!("It has a backup, version {version}."),
            None => "It has no backup yet.".to_owned(),
        };
        format!(
            "Stored the account {} at {}. {backup}\nThe session is in {}, readable by you only: \
             `logout` removes it.\n",
            self.user_id, self.homeserver, self.session_file
        )
    }

    fn done(&self) -> String {
        format!("The work is done: the session is in {}", self.session_file)
    }
}

#[derive(Debug, Serialize)]
struct LogoutReport {
    user_id: String,
    homeserver: String,
}

impl Report for LogoutReport {
    fn text(&self) -> String {
        format!("Forgot the account {} at {}.\n", self.user_id, self.homeserver)
    }

    fn done(&self) -> String {
        "The work is done: the session is removed".to_owned()
    }
}

pub(crate) fn login(
    arguments: &LoginArguments,
    user: Option<&UserId>,
    output: Output,
) -> Result<ExitStatus, Error> {
    block_on(log_in(arguments, user, output))
}

async fn log_in(
    arguments: &LoginArguments,
    user: Option<&UserId>,
    output: Output,
) -> Result<ExitStatus, Error> {
    let homeserver = HomeserverUrl::parse(&arguments.homeserver)
        .map_err(|error| Error::Usage(format!("--homeserver: {error}")))?;
    let user_id = user.cloned().ok_or_else(|| {
        Error::Usage("say whose account it is with --user @name:example.org".to_owned())
    })?;
    let session = Session { homeserver, user_id, access_token: access_token(arguments, output)? };

    let store = HomeserverStore::new(
        session.homeserver.clone(),
        session.access_token.clone(),
        transport()?,
    );
    let current = store.current_version().await;
    let current = current.map_err(|error| match error {
        matrix_key_backup::store::StoreError::Store(error) => {
            Error::from(AnyStoreError::from(error))
        }
        error => Error::Usage(error.to_string()),
    })?;
    let path = session_file()?;
    make_private(directory_of(&path))?;
    session.store()?;
    output.report(&LoginReport {
        user_id: session.user_id.to_string(),
        homeserver: session.homeserver.to_string(),
        session_file: shown(&path),
        version: current.map(|current| current.version.to_string()),
    })?;
    Ok(ExitStatus::Done)
}

fn access_token(arguments: &LoginArguments, output: Output) -> Result<AccessToken, Error> {
    const WHAT: &str = "access token";
    let text = match &arguments.access_token_file {
        Some(file) => {
            if file.is_open_to_others() {
                output.warn(format_args!(
                    "{file} holds an {WHAT}, and others than its owner may read it: run `chmod 600` \
                     on it"
                ));
            }
            file.read_secret(WHAT)?
        }
        None => ask(
            "Access token: ",
            "no access token was given, and there is no terminal to ask for it: give the file that \
             holds it with --access-token-file",
        )?,
    };
    AccessToken::new(text.trim().to_owned()).map_err(|error| Error::NotAToken { error })
}

pub(crate) fn logout(output: Output) -> Result<ExitStatus, Error> {
    let session = Session::stored()?.ok_or(Error::NotLoggedIn)?;
    Session::remove(&session_file()?)?;
    output.report(&LogoutReport {
        user_id: session.user_id.to_string(),
        homeserver: session.homeserver.to_string(),
    })?;
    Ok(ExitStatus::Done)
}
