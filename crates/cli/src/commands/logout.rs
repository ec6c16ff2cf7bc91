//! `logout`: the session ends, or is forgotten.

use clap::Args;
use serde::Serialize;

use crate::{
    error::Error,
    exit::ExitStatus,
    homeserver::{connect, lock},
    output::{Output, Report},
    printable::printable,
    runtime::block_on,
    session::{Session, session_file},
};

/// End the session that `login` has begun
///
/// A device that `login` made with a password is ended at the homeserver. The access token of
/// another client is only forgotten: that client would be logged out with it. What the account has
/// at the homeserver stays as it is, and so does what the program remembers of its backup.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Only forget the session, and tell the homeserver nothing: where that cannot be reached
    #[arg(long)]
    forget: bool,
}

#[derive(Debug, Serialize)]
struct LogoutReport {
    user_id: String,
    homeserver: String,
    /// The device that was ended, if one was.
    ended_device: Option<String>,
}

impl Report for LogoutReport {
    fn text(&self) -> String {
        let Self { user_id, homeserver, ended_device } = self;
        let user_id = printable(user_id);
        match ended_device {
            Some(id) => {
                format!(
                    "Logged out of {user_id} at {homeserver}: the device {} is gone.\n",
                    printable(id)
                )
            }
            None => format!("Forgot the account {user_id} at {homeserver}.\n"),
        }
    }

    fn done(&self) -> String {
        "The work is done: the session is removed".to_owned()
    }
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> Result<ExitStatus, Error> {
    let session = Session::required()?;
    let device = session.device.as_ref().filter(|_| !arguments.forget);
    if device.is_some() {
        block_on(async { Ok(connect(&session, output)?.account().log_out().await?) })?;
    }
    let _alone = lock(output)?;
    Session::remove(&session_file()?)?;
    output.report(&LogoutReport {
        user_id: session.user_id.to_string(),
        homeserver: session.homeserver.to_string(),
        ended_device: device.map(|device| device.id.clone()),
    })?;
    Ok(ExitStatus::Done)
}
