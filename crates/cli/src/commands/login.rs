//! `login`: the account that `--store homeserver` means.

use clap::Args;
use matrix_key_backup::{
    account::{KeyBackupPreference, NewDevice, discover},
    store::{
        BackupStore as _, StoreError,
        homeserver::{AccessToken, HomeserverUrl},
    },
    wire::UserId,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    any_store::AnyStoreError,
    error::Error,
    exit::ExitStatus,
    files::Input,
    homeserver::{connect, connect_with, login_at, transport},
    output::{Output, Report},
    printable::printable,
    runtime::block_on,
    secrets::{ask, warn_if_open_to_others},
    session::{OwnDevice, Session, session_file},
    wording::shown,
};

/// Log in to the account that `--store homeserver` means
///
/// With a password, the program becomes a device of its own, which `logout` ends. It is named after
/// the program in your clients' lists of devices, and is not verified by them: it reads and writes
/// the backup, and no messages.
///
/// With an access token, it acts as the client whose token it is; clients show theirs in their
/// settings, under help or about. Take it where the homeserver lets nobody in with a password.
///
/// The homeserver is found by the name in the user id, as clients do, unless --homeserver says where
/// it is. Whoever has the password or a token acts as you: they are read from a file or asked for,
/// never taken as an argument, and what is kept lies in a file that only you can read. Plain http
/// is refused, except to this machine.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup login --user @me:example.org
  matrix-key-backup login --user @me:example.org --with-access-token
  matrix-key-backup --store homeserver status")]
pub(crate) struct Arguments {
    /// The homeserver's address, as clients use it [default: found by the user id]
    #[arg(long, value_name = "URL")]
    homeserver: Option<String>,

    /// Read the password from this file; `-` is standard input [default: it is asked for]
    #[arg(long, value_name = "FILE", group = "secret")]
    password_file: Option<Input>,

    /// Ask for an access token in place of a password
    #[arg(long, group = "secret")]
    with_access_token: bool,

    /// Read an access token from this file in place of a password; `-` is standard input
    #[arg(long, value_name = "FILE", group = "secret")]
    access_token_file: Option<Input>,

    /// What the device is called in your clients
    #[arg(long, value_name = "NAME", default_value = "matrix-key-backup")]
    device_name: String,
}

#[derive(Debug, Serialize)]
struct LoginReport {
    user_id: String,
    homeserver: String,
    /// The device that the login made; none where the access token is another client's.
    device_id: Option<String>,
    /// Where the session lies.
    session_file: String,
    /// The version of the account's current backup, if there is one.
    version: Option<String>,
    /// Whether the account's owner wants a backup, if that was ever said. // P-1
    wants_backup: Option<bool>,
}

impl Report for LoginReport {
    fn text(&self) -> String {
        let Self { homeserver, session_file, .. } = self;
        let user_id = printable(&self.user_id);
        let version = self.version.as_deref().map(printable);
        let backup = match (&version, self.wants_backup) {
            (Some(version), Some(false)) => format!(
                "It has a backup, version {version}, although account data says that none is \
                 wanted:\n`enable` or `delete` would settle that."
            ),
            (Some(version), _) => format!("It has a backup, version {version}."),
            (None, Some(false)) => {
                "It has no backup, and account data says that none is wanted.".to_owned()
            }
            (None, _) => "It has no backup yet.".to_owned(),
        };
        let device = match &self.device_id {
            Some(id) => format!("as the device {}, which `logout` ends", printable(id)),
            None => "with another client's access token, which `logout` only forgets".to_owned(),
        };
        format!(
            "Logged in to {user_id} at {homeserver}\n{device}.\n{backup}\nThe session is in \
             {session_file}, readable by you only.\n"
        )
    }

    fn done(&self) -> String {
        format!("The work is done: the session is in {}", self.session_file)
    }
}

pub(crate) fn run(
    arguments: &Arguments,
    user: Option<&UserId>,
    output: Output,
) -> Result<ExitStatus, Error> {
    if let Some(session) = Session::stored()? {
        return Err(Error::LoggedInAlready { account: session.shown() });
    }
    block_on(log_in(arguments, user, output))
}

async fn log_in(
    arguments: &Arguments,
    user: Option<&UserId>,
    output: Output,
) -> Result<ExitStatus, Error> {
    let homeserver = arguments.homeserver(user).await?;
    let session = if arguments.has_access_token() {
        arguments.with_token(homeserver, user, output).await?
    } else {
        arguments.with_password(homeserver, user, output).await?
    };
    if let Err(error) = session.store() {
        return Err(given_up(&session, error, output).await);
    }
    let (version, wants_backup) = match looked_at(&session, output).await {
        Ok(found) => found,
        Err(error) => {
            output.warn(format_args!("logged in, but the backup cannot be looked at: {error}"));
            (None, None)
        }
    };
    output.report(&LoginReport {
        user_id: session.user_id.to_string(),
        homeserver: session.homeserver.to_string(),
        device_id: session.device.map(|device| device.id),
        session_file: shown(&session_file()?),
        version,
        wants_backup,
    })?;
    Ok(ExitStatus::Done)
}

impl Arguments {
    fn has_access_token(&self) -> bool {
        self.with_access_token || self.access_token_file.is_some()
    }

    /// The one that is named, or the one that the user id leads to.
    async fn homeserver(&self, user: Option<&UserId>) -> Result<HomeserverUrl, Error> {
        if let Some(url) = &self.homeserver {
            return HomeserverUrl::parse(url)
                .map_err(|error| Error::Usage(format!("--homeserver: {error}")));
        }
        let user = user.ok_or_else(whose)?;
        let start = HomeserverUrl::of_user(user).ok_or_else(|| {
            Error::Usage(format!(
                "{user} names no server: give the user id as clients show it, @name:example.org"
            ))
        })?;
        let found = discover(start, transport()?).await;
        found.map_err(|error| Error::Discovery(Box::new(error)))
    }

    /// Whose token it is, the homeserver is asked; a person who says so must be right.
    async fn with_token(
        &self,
        homeserver: HomeserverUrl,
        user: Option<&UserId>,
        output: Output,
    ) -> Result<Session, Error> {
        let token =
            secret(self.access_token_file.as_ref(), "access token", "Access token: ", output)?;
        let access_token =
            AccessToken::new(token.to_string()).map_err(|error| Error::NotAToken { error })?;
        let store = connect_with(homeserver.clone(), access_token.clone())?;
        let user_id = store.account().who_am_i().await?.user_id;
        is_meant(user, &user_id)?;
        Ok(Session { homeserver, user_id, access_token, device: None })
    }

    async fn with_password(
        &self,
        homeserver: HomeserverUrl,
        user: Option<&UserId>,
        output: Output,
    ) -> Result<Session, Error> {
        let user = user.ok_or_else(whose)?;
        // Whoever answers for the server name has said where that is: a person may know better.
        let prompt = format!("Password of {} at {homeserver}: ", printable(user.as_str()));
        let password = secret(self.password_file.as_ref(), "password", &prompt, output)?;
        // A device whose token cannot be kept would stay behind.
        Session::can_be_stored()?;
        let device = NewDevice::named(&*self.device_name);
        let login = login_at(homeserver.clone())?;
        let logged_in = login.with_password(user.as_str(), &password, device).await?;
        let session = Session {
            homeserver,
            user_id: logged_in.user_id,
            access_token: logged_in.access_token,
            device: Some(OwnDevice {
                id: logged_in.device_id,
                refresh_token: logged_in.refresh_token,
            }),
        };
        match is_meant(Some(user), &session.user_id) {
            Ok(()) => Ok(session),
            Err(error) => Err(given_up(&session, error, output).await),
        }
    }
}

/// Ends a device of which nothing will be known here, and says why.
async fn given_up(session: &Session, error: Error, output: Output) -> Error {
    let ended = match (&session.device, connect(session, output)) {
        (Some(_), Ok(store)) => store.account().log_out().await.map_err(Error::from),
        (Some(_), Err(error)) => Err(error),
        (None, _) => Ok(()),
    };
    if let Err(why) = ended {
        output.warn(format_args!(
            "the device that was made could not be ended: {why}. End it in the settings of a client"
        ));
    }
    error
}

fn whose() -> Error {
    Error::Usage("say whose account it is with --user @name:example.org".to_owned())
}

/// Servers take capitals in a user id for small letters at login, and have the last word on how it is
/// written.
fn is_meant(meant: Option<&UserId>, found: &UserId) -> Result<(), Error> {
    match meant {
        Some(meant) if !meant.as_str().eq_ignore_ascii_case(found.as_str()) => {
            Err(Error::OtherAccount { meant: meant.to_string(), found: found.to_string() })
        }
        _ => Ok(()),
    }
}

/// A password or a token: from a file, or asked for.
fn secret(
    file: Option<&Input>,
    what: &'static str,
    prompt: &str,
    output: Output,
) -> Result<Zeroizing<String>, Error> {
    let Some(file) = file else {
        let none = format!(
            "no {what} was given, and there is no terminal to ask for it: give the file that holds \
             it with --password-file or --access-token-file"
        );
        return ask(prompt, &none);
    };
    warn_if_open_to_others(file, what, output);
    let text = file.read_secret(what)?;
    // A line end is the editor's; all else of a password counts.
    let text = Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned());
    if text.is_empty() {
        return Err(Error::Usage(format!("{file} is empty, and holds no {what}: check the path")));
    }
    Ok(text)
}

/// What the account has: the version of its backup, and its owner's wish for one.
async fn looked_at(
    session: &Session,
    output: Output,
) -> Result<(Option<String>, Option<bool>), Error> {
    let store = connect(session, output)?;
    let current = store.current_version().await.map_err(|error| match error {
        StoreError::Store(error) => Error::from(AnyStoreError::from(error)),
        error => Error::Usage(error.to_string()),
    })?;
    let wish = store.account().key_backup_preference(&session.user_id).await?;
    let wants = wish.map(|wish| wish == KeyBackupPreference::Enabled);
    Ok((current.map(|current| current.version.to_string()), wants))
}
