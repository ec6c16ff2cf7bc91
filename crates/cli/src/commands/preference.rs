//! `enable` and `disable`: whether the account's owner wants a backup. // P-1

use clap::Args;
use matrix_key_backup::account::KeyBackupPreference;
use serde::Serialize;

use crate::{
    error::Error,
    exit::ExitStatus,
    homeserver::connect,
    output::{Output, Report},
    printable::printable,
    runtime::block_on,
    session::Session,
};

/// Tell the account's devices that a backup is wanted
///
/// It is a note in the account data of the account that is logged in, which clients look at when
/// they sign in. It makes no backup: `create` does, and writes this note as well.
#[derive(Args, Debug)]
pub(crate) struct EnableArguments {}

/// Tell the account's devices that no backup is wanted
///
/// It is a note in the account data of the account that is logged in: clients that know it begin no
/// backup unasked. A backup that is there stays: `delete` deletes it.
#[derive(Args, Debug)]
pub(crate) struct DisableArguments {}

#[derive(Debug, Serialize)]
struct PreferenceReport {
    user_id: String,
    homeserver: String,
    wants_backup: bool,
}

impl Report for PreferenceReport {
    fn text(&self) -> String {
        let Self { user_id, homeserver, wants_backup } = self;
        let user_id = printable(user_id);
        let wanted = if *wants_backup { "a backup" } else { "no backup" };
        format!("The account {user_id} at {homeserver} says now that {wanted} is wanted.\n")
    }

    fn done(&self) -> String {
        "The work is done: the account data is written".to_owned()
    }
}

pub(crate) fn run(preference: KeyBackupPreference, output: Output) -> Result<ExitStatus, Error> {
    let session = Session::required()?;
    block_on(async {
        let store = connect(&session, output)?;
        Ok(store.account().set_key_backup_preference(&session.user_id, preference).await?)
    })?;
    output.report(&PreferenceReport {
        user_id: session.user_id.to_string(),
        homeserver: session.homeserver.to_string(),
        wants_backup: preference == KeyBackupPreference::Enabled,
    })?;
    Ok(ExitStatus::Done)
}
